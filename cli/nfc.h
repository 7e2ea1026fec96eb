/* `lanyard nfc`: the camera's tag. */
#pragma once

#include "cli/command.h"

enum cli_exit cli_nfc_image(const struct cli_call *call);
enum cli_exit cli_nfc_write(const struct cli_call *call);
enum cli_exit cli_nfc_read(const struct cli_call *call);
enum cli_exit cli_nfc_verify(const struct cli_call *call);
enum cli_exit cli_nfc_assign(const struct cli_call *call);
