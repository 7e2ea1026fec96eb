/* The camera's radio daemon as a whole: builds its parts and joins them. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "cam-radio/settings.h"

struct daemon;

/* bus: attached to event. state: folder of keys and preferences. instance: part of the bus names, NULL for none. settings, bus
 * and instance outlive it. 0 or a negative errno after a log line. */
int daemon_new(struct daemon **ret, sd_event *event, sd_bus *bus, const struct settings *settings, const char *state,
               const char *instance);
/* NULL is allowed. */
void daemon_free(struct daemon *daemon);
