/* lanyard footage …: the recordings in the recorder's folder, read beside a running recorder and without it. */
#pragma once

#include "cli/command.h"

enum cli_exit cli_footage_list(const struct cli_call *call);
enum cli_exit cli_footage_show(const struct cli_call *call);
enum cli_exit cli_footage_verify(const struct cli_call *call);
enum cli_exit cli_footage_export(const struct cli_call *call);
