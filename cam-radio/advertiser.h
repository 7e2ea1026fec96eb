/* Decides which connectable advert is on the air: pairing mode while the window is open, the rotating hint while a companion is
 * expected, nothing otherwise (docs/protocol.md, "Adverts"). */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/random.h"
#include "cam-radio/radio.h"
#include "pairing/record.h"

struct advertiser;

/* epoch_s: how long a hint lasts. radio and random outlive it. 0 or a negative errno. */
int advertiser_new(struct advertiser **ret, sd_event *event, struct radio *radio, const struct random_source *random,
                   unsigned epoch_s);
/* Leaves on the air what is there. NULL is allowed. */
void advertiser_free(struct advertiser *advertiser);
/* inviting: the pairing window is open. expected: the companion's record while it is not connected, NULL otherwise; it is only
 * read during calls and until the next one. */
void advertiser_update(struct advertiser *advertiser, bool inviting, const struct pairing_record *expected);
