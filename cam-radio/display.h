/* What people see of the camera, brought into line with the state of its parts: properties on the bus, and the lamp. */
#pragma once

#include "cam-radio/buttons.h"
#include "cam-radio/camera_bus.h"
#include "cam-radio/handover.h"
#include "cam-radio/keyring.h"
#include "cam-radio/lamp.h"
#include "cam-radio/pairing_window.h"
#include "cam-radio/recorder.h"
#include "cam-radio/settings.h"
#include "cam-radio/status.h"

struct display {
	const struct settings *settings;
	struct camera_bus *bus;
	struct status *status; /* what the bus tells; nobody else writes what is shown here */
	const struct keyring *keyring;
	/* Needed from display_begin on. */
	const struct pairing_window *window;
	const struct handover *handover;
	const struct recorder *recorder;
	bool holding; /* both buttons are down */
	enum lamp_pattern lamp;
};

/* Once, before the others: the lamp is off, whatever it was. The parts may still change. */
void display_begin(struct display *display);
/* After any of the parts has changed. */
void display_update(struct display *display);
void display_session(struct display *display, bool session);
/* reason: REASON_OK, or why the adapter is not to be used. */
void display_bluetooth(struct display *display, enum reason reason);
void display_buttons(struct display *display, const struct buttons *buttons);
void display_preferences(struct display *display);
void display_signal_keys(struct display *display, const char *problem);
void display_slate_key(struct display *display, const char *problem);
void display_mute(struct display *display, const struct mute *mute);
