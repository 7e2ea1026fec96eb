/* A trigger's source in the system: an input device (evdev) or a line of a GPIO chip (libgpiod). */
#pragma once

#include "cli/trigger.h"

struct trigger_port;

/* 0; -ENOENT, -ENODEV: not there now, worth another try; or another negative errno. */
int trigger_port_open(struct trigger_port **ret, const struct trigger *trigger);
/* NULL is allowed. */
void trigger_port_close(struct trigger_port *port);
/* Readable when something has changed, or 20 times a second. */
int trigger_port_file(const struct trigger_port *port);
/* Whether it is the latter: a line whose chip has no interrupts. */
bool trigger_port_polled(const struct trigger_port *port);
/* Calls `see` with each level since the last time, in order; the first time with the one there is. Active-low is accounted for.
 * 0, or a negative errno: the source is gone, close it. */
int trigger_port_read(struct trigger_port *port, void (*see)(void *context, bool active), void *context);
