/* lanyard camera …: over D-Bus to cam-radiod (docs/dbus/org.lanyard.Camera1.xml). */
#pragma once

#include "cli/command.h"

enum cli_exit cli_camera_status(const struct cli_call *call);
enum cli_exit cli_camera_buttons(const struct cli_call *call);
enum cli_exit cli_slate_head(const struct cli_call *call);
enum cli_exit cli_camera_mute(const struct cli_call *call);
enum cli_exit cli_camera_unmute(const struct cli_call *call);
enum cli_exit cli_camera_forget(const struct cli_call *call);
