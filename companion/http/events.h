/* Server-sent events at /api/events: `status` with the whole status whenever it changes, `recording` when one changes, and a
 * comment now and then so that a dead client is noticed. */
#pragma once

#include <jansson.h>
#include <systemd/sd-event.h>

#include "companion/http/server.h"

/* Changes come in bursts; a person sees no difference below this. */
#define EVENTS_SPACING_US 100000ull
#define EVENTS_HEARTBEAT_US 15000000ull
#define EVENTS_CLIENTS 16
/* Recordings change a few times a minute: a client that lets this many pile up has stopped reading. */
#define EVENTS_QUEUE 32

struct events;

/* `status` makes the present status, a new reference (NULL when out of memory). 0 or a negative errno. */
int events_new(struct events **ret, sd_event *event, json_t *(*status)(void *context), void *context);
/* All streams must have ended. NULL is allowed. */
void events_free(struct events *events);
/* Answers the request with the stream; its first event is the present status. */
void events_attach(struct events *events, struct http_request *request);
/* Something in the status may have changed. Cheap. */
void events_status_changed(struct events *events);
/* Takes over the reference. */
void events_send_recording(struct events *events, json_t *recording);
