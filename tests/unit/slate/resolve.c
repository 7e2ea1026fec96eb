/* Logs of several cameras: who was with whom, how far clocks were apart, and what must not be believed. */
#include "slate/resolve.h"

#include <stdio.h>

#include "unit.h"

#define CAMERAS 4
#define LOG_LIMIT 65536

static struct camera_key keys[CAMERAS];

struct camera {
	size_t index;
	int64_t ahead_us; /* of true time */
	uint8_t log[LOG_LIMIT], chain[SHA256_SIZE];
	size_t length;
};

static struct camera cameras[CAMERAS];

static uint64_t clock_of(const struct camera *camera, uint64_t true_us) {
	return true_us + (uint64_t)camera->ahead_us;
}

static void write_entry(struct camera *camera, const struct slate_entry *entry) {
	assert_true(camera->length + SLATE_ENTRY_SIZE <= LOG_LIMIT);
	slate_entry_encode(entry, camera->chain, camera->log + camera->length);
	camera->length += SLATE_ENTRY_SIZE;
}

static void write_recording(struct camera *camera, uint64_t from_us, uint64_t to_us) {
	struct slate_entry began = make_recording(SLATE_RECORDING_BEGAN, (uint8_t)(camera->index + 1), clock_of(camera, from_us)),
	                   ended = make_recording(SLATE_RECORDING_ENDED, (uint8_t)(camera->index + 1), clock_of(camera, to_us));
	write_entry(camera, &began);
	write_entry(camera, &ended);
}

/* `hearer` hears what `sender` began to say at said_us, from heard_us on; true times. */
static void write_heard(struct camera *hearer, const struct camera *sender, uint64_t said_us, uint64_t heard_us, uint32_t count,
                        int8_t rssi) {
	struct slate_entry entry = { .kind = SLATE_SIGHTING, .clock_trusted = true };
	uint64_t said_s = clock_of(sender, said_us) / 1000000;
	slate_make(&entry.sighting.call, keys[sender->index].key, said_s / 900, (uint16_t)(said_s % 900), -4);
	entry.sighting.first_us = clock_of(hearer, heard_us);
	entry.sighting.last_us = entry.sighting.first_us + 30000000;
	entry.sighting.count = count;
	entry.sighting.rssi = rssi;
	write_entry(hearer, &entry);
}

static int set_up(void **state) {
	(void)state;
	for (size_t i = 0; i < CAMERAS; i++) {
		struct slate_header header = { .made_us = NOW_US };
		struct camera *camera = &cameras[i];
		snprintf(keys[i].serial, sizeof(keys[i].serial), "CAM-%zu", i);
		memset(keys[i].key, (int)i + 1, sizeof(keys[i].key));
		memset(camera, 0, sizeof(*camera));
		camera->index = i;
		strcpy(header.serial, keys[i].serial);
		slate_header_encode(&header, camera->log);
		slate_chain_start(camera->log, camera->chain);
		camera->length = SLATE_HEADER_SIZE;
	}
	return 0;
}

static struct resolve *run(size_t count) {
	struct resolve *resolve;
	assert_int_equal(resolve_new(&resolve, keys, CAMERAS), 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(resolve_add(resolve, cameras[i].log, cameras[i].length), 0);
	assert_int_equal(resolve_run(resolve), 0);
	return resolve;
}

/* Clocks 37 s apart; each says something new every minute and is heard a fifth of a second later. */
static void test_two(void **state) {
	(void)state;
	struct camera *a = &cameras[0], *b = &cameras[1];
	b->ahead_us = 37000000;
	write_recording(a, NOW_US, NOW_US + 300000000);
	write_recording(b, NOW_US + 60000000, NOW_US + 200000000);
	for (uint64_t t = 60; t < 200; t += 60) {
		write_heard(a, b, NOW_US + t * 1000000, NOW_US + t * 1000000 + 200000, 200, -60);
		write_heard(b, a, NOW_US + t * 1000000, NOW_US + t * 1000000 + 300000, 210, -64);
	}
	struct resolve *resolve = run(2);
	assert_int_equal(resolve_meeting_count(resolve), 1);
	const struct resolve_meeting *m = resolve_meeting_at(resolve, 0);
	assert_int_equal(m->confidence, RESOLVE_HIGH);
	assert_int_equal(m->heard[0].count, 600);
	assert_int_equal(m->heard[1].count, 630);
	assert_int_equal(m->heard[0].rssi, -60);
	assert_true(m->has_least && m->has_most && !m->contradicts);
	/* a minus b is -37 s, and lies within the bounds, which are half a second apart. */
	assert_true(m->least_us <= -37000000 && m->most_us >= -37000000 && m->most_us - m->least_us <= 500000);
	assert_int_equal(m->stretch_count, 2); /* one by each: gaps of a minute are none */
	const struct resolve_camera *other = resolve_camera_at(resolve, 1);
	assert_true(other->placed && other->group == 0);
	assert_true(llabs(other->shift_us + 37000000) <= 250000 && other->slack_us <= 250000);
	assert_int_equal(resolve_recording_count(resolve), 2);
	assert_int_equal(resolve_recording_at(resolve, 1)->began_us, clock_of(b, NOW_US + 60000000));
	resolve_free(resolve);
}

/* b meets c only: it is placed on a's clock through c. d met nobody. */
static void test_chain(void **state) {
	(void)state;
	struct camera *a = &cameras[0], *b = &cameras[1], *c = &cameras[2];
	b->ahead_us = -5000000;
	c->ahead_us = 90000000;
	write_heard(a, c, NOW_US, NOW_US + 100000, 100, -60);
	write_heard(c, a, NOW_US, NOW_US + 100000, 100, -60);
	write_heard(b, c, NOW_US, NOW_US + 100000, 100, -60);
	write_heard(c, b, NOW_US, NOW_US + 100000, 100, -60);
	struct resolve *resolve = run(4);
	assert_int_equal(resolve_meeting_count(resolve), 2);
	assert_true(llabs(resolve_camera_at(resolve, 2)->shift_us + 90000000) <= 1000000);
	assert_true(llabs(resolve_camera_at(resolve, 1)->shift_us - 5000000) <= 1000000);
	assert_int_equal(resolve_camera_at(resolve, 1)->group, 0);
	assert_int_equal(resolve_camera_at(resolve, 3)->group, 3);
	resolve_free(resolve);
}

static enum resolve_confidence confidence(void) {
	struct resolve *resolve = run(2);
	assert_int_equal(resolve_meeting_count(resolve), 1);
	enum resolve_confidence confidence = resolve_meeting_at(resolve, 0)->confidence;
	resolve_free(resolve);
	return confidence;
}

static void test_confidence(void **state) {
	struct camera *a = &cameras[0], *b = &cameras[1];
	write_heard(a, b, NOW_US, NOW_US + 100000, 5, -60);
	assert_int_equal(confidence(), RESOLVE_LOW);
	write_heard(a, b, NOW_US + 60000000, NOW_US + 60100000, 5, -60);
	assert_int_equal(confidence(), RESOLVE_MEDIUM); /* one side only */
	write_heard(b, a, NOW_US, NOW_US + 100000, 5, -60);
	assert_int_equal(confidence(), RESOLVE_HIGH);
	set_up(state);
	write_heard(a, b, NOW_US, NOW_US + 100000, 500, -90);
	write_heard(b, a, NOW_US, NOW_US + 100000, 500, -91);
	assert_int_equal(confidence(), RESOLVE_LOW); /* far away */
}

/* Somebody records a's advert and says it again ten minutes later near b: first heard late, which bounds nothing wrongly, and
 * says nothing of when they met. An advert heard before it was said is impossible: a clock was set meanwhile. */
static void test_contradiction(void **state) {
	(void)state;
	struct camera *a = &cameras[0], *b = &cameras[1];
	write_heard(a, b, NOW_US, NOW_US + 100000, 100, -60);
	b->ahead_us = 40000000; /* b's clock is set; the bounds cannot both hold */
	write_heard(b, a, NOW_US, NOW_US + 100000, 100, -60);
	write_heard(a, b, NOW_US + 5000000, NOW_US + 5100000, 100, -60);
	assert_int_equal(confidence(), RESOLVE_HIGH); /* a − b ≤ -39.9, ≥ -40.1: the later one is the tighter */
	b->ahead_us = 0;
	write_heard(b, a, NOW_US + 9000000, NOW_US + 9100000, 100, -60);
	struct resolve *resolve = run(2);
	assert_true(resolve_meeting_at(resolve, 0)->contradicts);
	assert_int_equal(resolve_meeting_at(resolve, 0)->confidence, RESOLVE_LOW);
	assert_int_not_equal(resolve_camera_at(resolve, 1)->group, 0);
	resolve_free(resolve);
}

/* An identity is a camera's only in its epoch, and only with the mac of its key; what was rewritten after the break is not read.
 */
static void test_strangers(void **state) {
	(void)state;
	struct camera *a = &cameras[0], *b = &cameras[1];
	struct slate_entry entry = { .kind = SLATE_SIGHTING };
	uint64_t epoch = NOW_US / 900000000;
	slate_make(&entry.sighting.call, keys[1].key, epoch, 0, 0);
	entry.sighting.first_us = entry.sighting.last_us = NOW_US;
	entry.sighting.count = 100;
	entry.sighting.call.epoch = epoch + 1;
	write_entry(a, &entry);
	entry.sighting.call.epoch = epoch;
	entry.sighting.call.mac[0] ^= 1;
	write_entry(a, &entry);
	struct resolve *resolve = run(2);
	assert_int_equal(resolve_meeting_count(resolve), 0);
	assert_int_equal(resolve_camera_at(resolve, 0)->unknown, 2);
	resolve_free(resolve);
	write_heard(a, b, NOW_US, NOW_US, 100, -60);
	a->log[a->length - 40] ^= 1;
	resolve = run(2);
	assert_int_equal(resolve_meeting_count(resolve), 0);
	resolve_free(resolve);
	assert_int_equal(resolve_new(&resolve, keys, 1), 0);
	assert_int_equal(resolve_add(resolve, b->log, b->length), -ENOKEY);
	assert_int_equal(resolve_add(resolve, b->log, 10), -EBADMSG);
	resolve_free(resolve);
}

/* The same payload, written again and again as it goes on, counts once. */
static void test_cumulative(void **state) {
	(void)state;
	for (uint32_t count = 10; count <= 50; count += 10)
		write_heard(&cameras[0], &cameras[1], NOW_US, NOW_US + 100000, count, -60);
	struct resolve *resolve = run(2);
	assert_int_equal(resolve_meeting_at(resolve, 0)->heard[0].count, 50);
	assert_int_equal(resolve_camera_at(resolve, 0)->sightings, 1);
	resolve_free(resolve);
}

static void test_keys(void **state) {
	(void)state;
	struct camera_key parsed[CAMERA_KEYS_LIMIT];
	size_t count = 0;
	unsigned line = 0;
#define DIGITS "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	static const char good[] = "# keys\n\nCAM-1 " DIGITS "\n  Unit 7 / east \t" DIGITS "\r\n";
	assert_int_equal(camera_keys_parse(good, sizeof(good) - 1, parsed, &count, &line), 0);
	assert_int_equal(count, 2);
	assert_string_equal(parsed[1].serial, "Unit 7 / east");
	static const struct {
		const char *text;
		int result;
		unsigned line;
	} bad[] = {
		{ "CAM-1 " DIGITS "\nCAM-1 " DIGITS, -E2BIG, 2 },
		{ "CAM-1" DIGITS, -EINVAL, 1 },
		{ "\n " DIGITS, -EINVAL, 2 },
		{ "CAM-1 x" DIGITS, -EINVAL, 1 },
		{ "CAM\x1b " DIGITS, -EINVAL, 1 },
		{ "012345678901234567890123456789012 " DIGITS, -EINVAL, 1 },
	};
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		assert_int_equal(camera_keys_parse(bad[i].text, strlen(bad[i].text), parsed, &count, &line), bad[i].result);
		assert_int_equal(line, bad[i].line);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_two, set_up),        cmocka_unit_test_setup(test_chain, set_up),
		cmocka_unit_test_setup(test_confidence, set_up), cmocka_unit_test_setup(test_contradiction, set_up),
		cmocka_unit_test_setup(test_strangers, set_up),  cmocka_unit_test_setup(test_cumulative, set_up),
		cmocka_unit_test_setup(test_keys, set_up),
	};
	return crypto_start() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
