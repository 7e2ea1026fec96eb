#include "cam-radio/advertiser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/loop.h"
#include "cam-radio/deadline.h"
#include "pairing/hello_advert.h"
#include "pairing/limits.h"

/* The clock may be set while we wait for the epoch's end (by the companion, by NTP): looked at again at the latest after this. A
 * camera with a beacon is recording and awake anyway. */
#define LOOK_US (30 * SECOND_US)
#define LOOK_BEACON_US (5 * SECOND_US)

enum advertised { NOTHING, PAIRING, EXPECTED };

/* Whose adverts may be linked with each other: those of the same moment in both. */
struct air_epoch {
	uint64_t hint, slate;
};

struct advertiser {
	sd_event *event;
	struct advertiser_config config;
	struct deadline *deadline;
	struct advertiser_wishes wishes;

	bool has_air;         /* `air` is known: the address in use belongs to it */
	struct air_epoch air; /* in which something was on the air last */
	enum advertised advertised;
	uint8_t hint[HELLO_ADVERT_ID_SIZE]; /* on the air */
	bool beacon;
	uint64_t beacon_s; /* when it began to say what it says */
	unsigned beacon_for_s;
};

static uint64_t clock_s(void) {
	time_t now = time(NULL);
	return now > 0 ? (uint64_t)now : 0;
}

/* Before anything is said: in another epoch than what was said last, it is said from another address. */
static void enter_epoch(struct advertiser *a, uint64_t now_s) {
	struct air_epoch air = { now_s / a->config.epoch_s, now_s / ADVERT_EPOCH_SECONDS };
	if (a->has_air && air.hint == a->air.hint && air.slate == a->air.slate)
		return;
	bool started = !a->has_air;
	a->has_air = true;
	a->air = air;
	/* A daemon that was restarted keeps the kernel's address: a companion that dials it at this moment would wait in vain,
	 * and Linux 6.1 does not always survive the end of such an attempt (docs/lab.md). The address is then at most 900 s old.
	 */
	if (started)
		return;
	radio_renew(a->config.radio);
	/* The pairing window's mark is random, and lasts as long as the window: it is said anew, from the new address. */
	a->advertised = NOTHING;
	a->beacon = false;
}

static void say_hello(struct advertiser *a, enum hello_advert_type type, const uint8_t id[HELLO_ADVERT_ID_SIZE]) {
	struct hello_advert hello = {
		.type = type,
		.version_minimum = PROTOCOL_VERSION_MINIMUM,
		.version_maximum = PROTOCOL_VERSION_MAXIMUM,
	};
	memcpy(hello.id, id, sizeof(hello.id));
	struct advert_content content = { .connectable = true, .service_data_length = HELLO_ADVERT_SIZE };
	hello_advert_write(&hello, content.service_data);
	radio_advertise(a->config.radio, &content);
}

static void refresh_hello(struct advertiser *a) {
	uint8_t id[HELLO_ADVERT_ID_SIZE];
	if (a->wishes.inviting) {
		if (a->advertised == PAIRING)
			return;
		a->config.random->fill(a->config.random->context, id, sizeof(id));
		a->advertised = PAIRING;
		say_hello(a, HELLO_ADVERT_PAIRING, id);
	} else if (a->wishes.expected) {
		pairing_hint(a->wishes.expected, a->air.hint, id);
		if (a->advertised == EXPECTED && memcmp(id, a->hint, sizeof(id)) == 0)
			return;
		a->advertised = EXPECTED;
		memcpy(a->hint, id, sizeof(id));
		say_hello(a, HELLO_ADVERT_EXPECTED, id);
	} else {
		if (a->advertised != NOTHING)
			radio_advertise(a->config.radio, NULL);
		a->advertised = NOTHING;
	}
}

static void refresh_beacon(struct advertiser *a, uint64_t now_s) {
	struct advert_content content = { .company = a->config.company, .manufacturer_data_length = ADVERT_SIZE };
	if (a->beacon && a->wishes.beacon && now_s >= a->beacon_s && now_s - a->beacon_s < a->beacon_for_s)
		return;
	a->beacon_for_s = a->wishes.beacon ? a->config.say(a->config.context, now_s, content.manufacturer_data) : 0;
	if (a->beacon_for_s > 0) {
		a->beacon = true;
		a->beacon_s = now_s;
		radio_beacon(a->config.radio, &content);
		return;
	}
	if (a->beacon)
		radio_beacon(a->config.radio, NULL);
	a->beacon = false;
}

static uint64_t least(uint64_t a, uint64_t b) {
	return a < b ? a : b;
}

static void refresh(struct advertiser *a) {
	uint64_t now_s = clock_s();
	bool wanted = a->wishes.inviting || a->wishes.expected || a->wishes.beacon;
	/* The pairing window stays as it is over the end of an epoch: whoever pairs would lose the camera in the middle. */
	if (wanted && !(a->advertised == PAIRING && a->wishes.inviting && !a->wishes.beacon && !a->beacon))
		enter_epoch(a, now_s);
	refresh_hello(a);
	refresh_beacon(a, now_s);
	if (!a->wishes.beacon && (!a->wishes.expected || a->wishes.inviting)) {
		deadline_set(a->deadline, UINT64_MAX);
		return;
	}
	uint64_t wait_us = least((a->config.epoch_s - now_s % a->config.epoch_s) * SECOND_US,
	                         (ADVERT_EPOCH_SECONDS - now_s % ADVERT_EPOCH_SECONDS) * SECOND_US);
	wait_us = least(wait_us, a->wishes.beacon ? LOOK_BEACON_US : LOOK_US);
	if (a->beacon)
		wait_us = least(wait_us, a->beacon_for_s * SECOND_US);
	deadline_set(a->deadline, loop_now_us(a->event) + wait_us);
}

static void on_deadline(void *context, uint64_t now_us) {
	(void)now_us;
	refresh(context);
}

void advertiser_update(struct advertiser *a, const struct advertiser_wishes *wishes) {
	a->wishes = *wishes;
	refresh(a);
}

int advertiser_new(struct advertiser **ret, sd_event *event, const struct advertiser_config *config) {
	struct advertiser *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	*a = (struct advertiser){ .event = event, .config = *config };
	int result = deadline_new(&a->deadline, event, on_deadline, a);
	if (result < 0) {
		free(a);
		return result;
	}
	*ret = a;
	return 0;
}

void advertiser_free(struct advertiser *a) {
	if (!a)
		return;
	deadline_free(a->deadline);
	free(a);
}
