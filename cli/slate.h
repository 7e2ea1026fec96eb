/* lanyard slate resolve, keys: what logs of sightings tell together (docs/slate.md). */
#pragma once

#include "cli/command.h"

enum cli_exit cli_slate_resolve(const struct cli_call *call);
enum cli_exit cli_slate_keys(const struct cli_call *call);
