/* Decides what is on the air: pairing mode while the window is open, the rotating hint while a companion is expected, the beacon
 * while the camera records (Slate, or a call to its neighbours), nothing otherwise (docs/protocol.md, "Adverts", "Signal"). All
 * of it changes with the epoch, and the address with it; the address at the start is the kernel's own. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/random.h"
#include "cam-radio/radio.h"
#include "pairing/record.h"
#include "signal/advert.h"

struct advertiser;

struct advertiser_config {
	struct radio *radio;
	const struct random_source *random;
	unsigned epoch_s; /* how long a hint lasts */
	uint16_t company; /* of Slate */
	/* Writes what the beacon says at this moment (seconds since 1970-01-01 UTC), Slate or a call. Returns after how many
	 * seconds it wants to say something new; 0: there is nothing to say, or no key. */
	unsigned (*say)(void *context, uint64_t now_s, uint8_t out[ADVERT_SIZE]);
	void *context;
};

struct advertiser_wishes {
	bool inviting;                         /* the pairing window is open */
	const struct pairing_record *expected; /* the companion while it is not connected, NULL otherwise; only read during calls
	                                          and until the next one */
	bool beacon;
};

/* What the configuration points at outlives it. 0 or a negative errno. */
int advertiser_new(struct advertiser **ret, sd_event *event, const struct advertiser_config *config);
/* Leaves on the air what is there. NULL is allowed. */
void advertiser_free(struct advertiser *advertiser);
void advertiser_update(struct advertiser *advertiser, const struct advertiser_wishes *wishes);
