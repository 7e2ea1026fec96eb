/* lanyard signal …: what a vehicle, a dock box or a person does to start cameras near. */
#pragma once

#include "cli/command.h"

enum cli_exit cli_signal_send(const struct cli_call *call);
enum cli_exit cli_signal_watch(const struct cli_call *call);
enum cli_exit cli_signal_mute(const struct cli_call *call);
enum cli_exit cli_signal_unmute(const struct cli_call *call);
enum cli_exit cli_signal_keys(const struct cli_call *call);
