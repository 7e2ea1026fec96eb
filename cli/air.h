/* lanyard air …: what strangers hear. */
#pragma once

#include "cli/command.h"

enum cli_exit cli_air_audit(const struct cli_call *call);
