/* Gives the controller a new private address for what is advertised next. The kernel keeps its own until a timer (900 s) has run
 * out, whatever is registered anew meanwhile; that timer knows nothing of our epochs. Until it runs out the kernel believes that
 * the controller still has that address and does not set it again (net/bluetooth/hci_sync.c, hci_update_random_address_sync;
 * Linux 6.1): so the controller uses ours. After it the kernel makes one of its own for the next thing it enables, within the
 * same epoch for us.
 *
 * Ours looks like any resolvable private address, and nobody can resolve it: there are no bonds that would need it.
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
