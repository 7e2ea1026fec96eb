/* Makes the kernel take a new private address for what is advertised next. It keeps the old one until its own timer (900 s) has
 * run out, whatever is registered anew meanwhile; that timer knows nothing of our epochs. But once the controller holds another
 * address than the one the kernel remembers, the kernel makes a new resolvable one before it advertises or scans again
 * (net/bluetooth/hci_sync.c, hci_update_random_address_sync). So we give the controller a random one, which is never on the air.
 *
 * A controller takes an address only while it neither advertises nor scans (Core 5.4, volume 4, part E 7.8.4): withdraw both
 * first. That takes the kernel a moment, which is waited for. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/random.h"

struct fresh_address;

/* adapter: N of hciN. done: once, from the loop, with 0; -EBUSY: something still advertises or scans; or another negative errno;
 * the object is to be freed then, inside or later. Needs CAP_NET_RAW. 0 or a negative errno. */
int fresh_address_new(struct fresh_address **ret, sd_event *event, unsigned adapter, const struct random_source *random,
                      void (*done)(void *context, int result), void *context);
/* Cancels. NULL is allowed. */
void fresh_address_free(struct fresh_address *fresh);
