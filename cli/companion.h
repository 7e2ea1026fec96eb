/* lanyard companion …: over companiond's Unix socket (docs/http/openapi.yaml). */
#pragma once

#include "cli/command.h"

enum cli_exit cli_companion_status(const struct cli_call *call);
enum cli_exit cli_companion_open(const struct cli_call *call);
enum cli_exit cli_companion_scan(const struct cli_call *call);
enum cli_exit cli_companion_pair(const struct cli_call *call);
enum cli_exit cli_companion_confirm(const struct cli_call *call);
enum cli_exit cli_companion_forget(const struct cli_call *call);
enum cli_exit cli_companion_list(const struct cli_call *call);
enum cli_exit cli_companion_play(const struct cli_call *call);
enum cli_exit cli_companion_tag(const struct cli_call *call);
enum cli_exit cli_companion_ap(const struct cli_call *call);
enum cli_exit cli_companion_close(const struct cli_call *call);
