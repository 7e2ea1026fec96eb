/* Decides what is on the air: pairing mode while the window is open, the rotating hint while a companion is expected, Slate while
 * the camera records, nothing otherwise (docs/protocol.md, "Adverts", "Slate"). All of it changes with the epoch, and the address
 * with it. */
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
	/* Writes what Slate says at this moment (seconds since 1970-01-01 UTC); false when there is no key. */
	bool (*slate)(void *context, uint64_t now_s, uint8_t out[ADVERT_SIZE]);
	void *context;
};

struct advertiser_wishes {
	bool inviting;                         /* the pairing window is open */
	const struct pairing_record *expected; /* the companion while it is not connected, NULL otherwise; only read during calls
	                                          and until the next one */
	bool slate;
};

/* What the configuration points at outlives it. 0 or a negative errno. */
int advertiser_new(struct advertiser **ret, sd_event *event, const struct advertiser_config *config);
/* Leaves on the air what is there. NULL is allowed. */
void advertiser_free(struct advertiser *advertiser);
void advertiser_update(struct advertiser *advertiser, const struct advertiser_wishes *wishes);
