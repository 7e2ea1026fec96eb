/* What the camera tells the people around it: the signal Feedback of org.lanyard.Camera1, for whoever drives lamps and
 * loudspeaker. */
#pragma once

enum feedback_kind {
	FEEDBACK_HOLDING,
	FEEDBACK_WINDOW_OPEN,
	FEEDBACK_WINDOW_CLOSED,
	FEEDBACK_CODE,
	FEEDBACK_PAIRED,
	FEEDBACK_FAILED,
	FEEDBACK_SESSION,
	FEEDBACK_WIFI_ON,
	FEEDBACK_WIFI_OFF,
};

/* As on D-Bus: "window-open". */
const char *feedback_name(enum feedback_kind kind);
