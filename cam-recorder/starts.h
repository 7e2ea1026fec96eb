/* Calls of Start that came before there is a picture: while the camera wakes up, or while the encoder begins anew in another
 * size. A press is not refused for that: the call waits, and is answered when the recording has begun, or when it is certain why
 * none does. */
#pragma once

#include <systemd/sd-bus.h>

struct starts;

/* `again` is called with each waiting call when starts_retry is: it answers the call, or returns -EAGAIN. `refuse` answers a call
 * that waited in vain, error being -ENODEV (there was no picture in time) or -ECANCELED. 0 or a negative errno. */
int starts_new(struct starts **ret, sd_event *event, int (*again)(void *context, sd_bus_message *call),
               void (*refuse)(void *context, sd_bus_message *call, int error), void *context);
/* Calls that still wait get no answer: their bus is gone. */
void starts_free(struct starts *starts);
/* Takes a reference. 0; -EBUSY: so many wait already; or another negative errno. */
int starts_hold(struct starts *starts, sd_bus_message *call);
/* Recording may be possible now. */
void starts_retry(struct starts *starts);
/* Recording is not wanted any more. */
void starts_cancel(struct starts *starts);
