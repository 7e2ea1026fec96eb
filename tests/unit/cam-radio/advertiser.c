/* What goes on the air, and in which order: with the epoch the address changes before anything is said, and nothing of the epoch
 * before is said after that. With epochs of a second, on the real clock. */
#include "cam-radio/advertiser.h"

#include <systemd/sd-event.h>
#include <time.h>

#include "cam-radio/deadline.h"
#include "crypto/crypto.h"
#include "pairing/hello_advert.h"
#include "pairing/hint.h"
#include "unit.h"

enum { HINT, SLATE, KINDS };

struct fake {
	struct radio radio;
	bool on_air[KINDS];
	struct advert_content content[KINDS];
	unsigned renewals, said[KINDS];
	/* What was said since the last renewal. */
	struct advert_content since[KINDS];
	bool has_since[KINDS];
};

static struct fixture {
	sd_event *event;
	struct fake fake;
	struct advertiser *advertiser;
	struct pairing_record record;
	unsigned random_calls;
	bool has_key;
} f;

static void put(struct fake *fake, unsigned kind, const struct advert_content *content) {
	fake->on_air[kind] = content;
	if (!content)
		return;
	fake->content[kind] = fake->since[kind] = *content;
	fake->has_since[kind] = true;
	fake->said[kind]++;
}

static void fake_advertise(struct radio *radio, const struct advert_content *content) {
	struct fake *fake = (struct fake *)radio;
	/* Another hint from the same address would link them. */
	if (content && fake->has_since[HINT] && memcmp(&fake->since[HINT], content, sizeof(*content)) != 0 &&
	    content->service_data[0] == fake->since[HINT].service_data[0])
		fail_msg("two hints between two addresses");
	put(fake, HINT, content);
}

static void fake_beacon(struct radio *radio, const struct advert_content *content) {
	put((struct fake *)radio, SLATE, content);
}

static void fake_renew(struct radio *radio) {
	struct fake *fake = (struct fake *)radio;
	fake->renewals++;
	for (unsigned kind = 0; kind < KINDS; kind++)
		fake->on_air[kind] = fake->has_since[kind] = false;
}

static const struct radio_operations operations = { .advertise = fake_advertise, .beacon = fake_beacon, .renew = fake_renew };

static void fill(void *context, uint8_t *out, size_t length) {
	(void)context;
	memset(out, (int)++f.random_calls, length);
}

static unsigned say(void *context, uint64_t now_s, uint8_t out[ADVERT_SIZE]) {
	(void)context;
	memset(out, (int)(now_s & 0xff), ADVERT_SIZE);
	return f.has_key ? 60 : 0;
}

static int set_up(void **state) {
	(void)state;
	static const struct random_source random = { fill, NULL };
	memset(&f, 0, sizeof(f));
	f.has_key = true;
	f.fake.radio.operations = &operations;
	assert_true(sd_event_new(&f.event) >= 0);
	const struct advertiser_config config = {
		.radio = &f.fake.radio, .random = &random, .epoch_s = 1, .company = 0x1234, .say = say
	};
	return advertiser_new(&f.advertiser, f.event, &config);
}

static int tear_down(void **state) {
	(void)state;
	advertiser_free(f.advertiser);
	sd_event_unref(f.event);
	return 0;
}

static void update(bool inviting, bool expected, bool slate) {
	const struct advertiser_wishes wishes = { inviting, expected ? &f.record : NULL, slate };
	advertiser_update(f.advertiser, &wishes);
}

static void run_until_renewals(unsigned count) {
	time_t end = time(NULL) + 10;
	while (f.fake.renewals < count) {
		assert_true(time(NULL) < end);
		assert_true(sd_event_run(f.event, 100000) >= 0);
	}
}

static void test_together(void **state) {
	(void)state;
	update(false, true, true);
	for (unsigned epoch = 1; epoch <= 4; epoch++) {
		run_until_renewals(epoch);
		uint8_t hint[HELLO_ADVERT_ID_SIZE], before[HELLO_ADVERT_ID_SIZE];
		uint64_t now = (uint64_t)time(NULL);
		assert_true(f.fake.on_air[HINT] && f.fake.on_air[SLATE]);
		assert_true(f.fake.content[HINT].connectable);
		assert_false(f.fake.content[SLATE].connectable);
		assert_int_equal(f.fake.content[SLATE].company, 0x1234);
		assert_int_equal(f.fake.content[SLATE].manufacturer_data_length, ADVERT_SIZE);
		assert_int_equal(f.fake.content[SLATE].service_data_length, 0);
		pairing_hint(&f.record, now, hint);
		pairing_hint(&f.record, now - 1, before); /* the second may just have passed */
		const uint8_t *said = f.fake.content[HINT].service_data + 1;
		assert_true(memcmp(said, hint, sizeof(hint)) == 0 || memcmp(said, before, sizeof(before)) == 0);
	}
	assert_int_equal(f.fake.said[HINT], 5); /* the first under the kernel's own address */
	assert_int_equal(f.fake.said[SLATE], 5);
}

/* Between two things said hours apart nothing is on the air; the address in between has grown old. */
static void test_silence_between(void **state) {
	(void)state;
	update(false, true, false);
	assert_int_equal(f.fake.renewals, 0); /* the kernel's own address will do */
	update(false, false, false);
	assert_false(f.fake.on_air[HINT]);
	time_t then = time(NULL);
	while (time(NULL) < then + 2)
		assert_true(sd_event_run(f.event, 100000) >= 0);
	assert_int_equal(f.fake.renewals, 0); /* nobody is there who would need it */
	update(false, false, true);
	assert_int_equal(f.fake.renewals, 1);
	assert_true(f.fake.on_air[SLATE] && !f.fake.on_air[HINT]);
	update(false, false, false);
	assert_false(f.fake.on_air[SLATE]);
}

static void test_pairing(void **state) {
	(void)state;
	update(true, true, false);
	unsigned renewals = f.fake.renewals;
	assert_int_equal(f.fake.content[HINT].service_data[0], HELLO_ADVERT_PAIRING);
	time_t then = time(NULL);
	while (time(NULL) < then + 3) {
		update(true, true, false);
		assert_true(sd_event_run(f.event, 100000) >= 0);
	}
	/* A window of a minute stays as it is: whoever pairs would lose the camera in the middle. */
	assert_int_equal(f.fake.renewals, renewals);
	assert_int_equal(f.fake.said[HINT], 1);
	update(false, true, false);
	assert_int_equal(f.fake.content[HINT].service_data[0], HELLO_ADVERT_EXPECTED);
	assert_int_equal(f.fake.renewals, renewals + 1);
}

static void test_no_key(void **state) {
	(void)state;
	f.has_key = false;
	update(false, false, true);
	assert_false(f.fake.on_air[SLATE]);
	assert_int_equal(f.fake.said[SLATE], 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_together, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_silence_between, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pairing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_key, set_up, tear_down),
	};
	return crypto_start() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
