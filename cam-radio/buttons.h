/* The two buttons: reads their input devices, feeds the button gate, and keeps looking for a device that is missing. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "cam-radio/evdev.h"
#include "pairing/button_gate.h"

struct buttons;

struct buttons_config {
	struct {
		const char *device; /* path or name; both buttons may name the same one. Outlives the object */
		unsigned key;       /* code of <linux/input-event-codes.h> */
	} button[BUTTON_COUNT];
	const struct input_port *port;
};

/* Called from the loop, never from buttons_new. The buttons must not be freed inside. */
struct buttons_callbacks {
	void (*gate)(void *context, enum button_gate_result result); /* anything but BUTTON_GATE_NOTHING */
	void (*changed)(void *context);                              /* pressed, released, lost, back */
};

/* A missing device is no error. The callbacks outlive the object. 0 or a negative errno. */
int buttons_new(struct buttons **ret, sd_event *event, const struct buttons_config *config,
                const struct buttons_callbacks *callbacks, void *context);
/* NULL is allowed. */
void buttons_free(struct buttons *buttons);
bool buttons_is_down(const struct buttons *buttons, enum button button);
/* False while its device is missing. */
bool buttons_is_known(const struct buttons *buttons, enum button button);
