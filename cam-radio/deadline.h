/* One timer on CLOCK_BOOTTIME that is moved about: what a state machine with deadlines needs of sd-event. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

struct deadline;

/* `passed` is called from the loop, once for each time that was set. The deadline may be set, and freed, inside it. 0 or a
 * negative errno. */
int deadline_new(struct deadline **ret, sd_event *event, void (*passed)(void *context, uint64_t now_us), void *context);
/* NULL is allowed. */
void deadline_free(struct deadline *deadline);
/* Absolute microseconds; UINT64_MAX: never. */
void deadline_set(struct deadline *deadline, uint64_t time_us);
