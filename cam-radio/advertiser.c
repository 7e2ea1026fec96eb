#include "cam-radio/advertiser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cam-radio/deadline.h"
#include "pairing/hello_advert.h"
#include "pairing/limits.h"

/* The clock may be set while we wait for the epoch's end (by the companion, by NTP): looked at again at the latest after this. */
#define LOOK_US (30 * SECOND_US)

enum advertised { NOTHING, PAIRING, EXPECTED };

struct advertiser {
	sd_event *event;
	struct radio *radio;
	const struct random_source *random;
	unsigned epoch_s;
	struct deadline *deadline;

	enum advertised advertised;
	const struct pairing_record *expected;
	uint64_t epoch;                     /* of the hint that is on the air */
	uint8_t hint[HELLO_ADVERT_ID_SIZE]; /* the same */
};

static void put_on_air(struct advertiser *a, enum hello_advert_type type, const uint8_t id[HELLO_ADVERT_ID_SIZE]) {
	struct hello_advert hello = {
		.type = type,
		.version_minimum = PROTOCOL_VERSION_MINIMUM,
		.version_maximum = PROTOCOL_VERSION_MAXIMUM,
	};
	memcpy(hello.id, id, sizeof(hello.id));
	struct advert_content content = { .connectable = true, .service_data_length = HELLO_ADVERT_SIZE };
	hello_advert_write(&hello, content.service_data);
	radio_advertise(a->radio, &content);
}

/* Address and hint change together, because the advert is registered anew (design: lab.md, "registering again after the timer").
 */
static void refresh_hint(struct advertiser *a) {
	time_t now = time(NULL);
	uint64_t second = now > 0 ? (uint64_t)now : 0, epoch = second / a->epoch_s;
	uint8_t hint[HELLO_ADVERT_ID_SIZE];
	pairing_hint(a->expected, epoch, hint);
	if (a->advertised != EXPECTED || epoch != a->epoch || memcmp(hint, a->hint, sizeof(hint)) != 0) {
		a->advertised = EXPECTED;
		a->epoch = epoch;
		memcpy(a->hint, hint, sizeof(hint));
		put_on_air(a, HELLO_ADVERT_EXPECTED, hint);
	}
	uint64_t left_us = (a->epoch_s - second % a->epoch_s) * SECOND_US;
	deadline_set(a->deadline, loop_now_us(a->event) + (left_us < LOOK_US ? left_us : LOOK_US));
}

static void on_deadline(void *context, uint64_t now_us) {
	(void)now_us;
	struct advertiser *a = context;
	if (a->advertised == EXPECTED)
		refresh_hint(a);
}

void advertiser_update(struct advertiser *a, bool inviting, const struct pairing_record *expected) {
	a->expected = expected;
	if (inviting) {
		deadline_set(a->deadline, UINT64_MAX);
		if (a->advertised == PAIRING)
			return;
		uint8_t id[HELLO_ADVERT_ID_SIZE];
		a->random->fill(a->random->context, id, sizeof(id));
		a->advertised = PAIRING;
		put_on_air(a, HELLO_ADVERT_PAIRING, id);
	} else if (expected) {
		refresh_hint(a);
	} else {
		deadline_set(a->deadline, UINT64_MAX);
		if (a->advertised != NOTHING)
			radio_advertise(a->radio, NULL);
		a->advertised = NOTHING;
	}
}

int advertiser_new(struct advertiser **ret, sd_event *event, struct radio *radio, const struct random_source *random,
                   unsigned epoch_s) {
	struct advertiser *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	*a = (struct advertiser){ .event = event, .radio = radio, .random = random, .epoch_s = epoch_s };
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
