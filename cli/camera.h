/* lanyard camera …: over D-Bus to cam-radiod (docs/dbus/org.lanyard.Camera1.xml). */
#pragma once

#include "cli/command.h"
#include "slate/log.h"

enum cli_exit cli_camera_status(const struct cli_call *call);
enum cli_exit cli_camera_buttons(const struct cli_call *call);
enum cli_exit cli_camera_mute(const struct cli_call *call);
enum cli_exit cli_camera_unmute(const struct cli_call *call);
enum cli_exit cli_camera_forget(const struct cli_call *call);

/* The signed head of the camera's log of sightings, as slate_head_print writes it. CLI_FAILED after a message. */
enum cli_exit camera_slate_head(const struct cli_call *call, char out[SLATE_HEAD_TEXT]);
