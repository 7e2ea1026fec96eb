/* What the audit finds, and what it must not find: devices that behave, over the end of an epoch, and each way to give oneself
 * away. */
#include "cli/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EPOCH_US 900000000ull
#define END_US (2000000 * EPOCH_US)
#define GUARD_US 2000000u
#define SECOND 1000000ull

static struct audit *audit;

static int set_up(void **state) {
	(void)state;
	return audit_new(&audit, EPOCH_US, GUARD_US);
}

static int tear_down(void **state) {
	(void)state;
	audit_free(audit);
	return 0;
}

/* Slate's form, with content of its own from a seed. */
static size_t slate_data(uint8_t seed, uint8_t data[31]) {
	static const uint8_t start[] = { 27, 0xff, 0xff, 0xff, 0x01 };
	uint32_t chance = seed;
	memcpy(data, start, sizeof(start));
	for (size_t i = sizeof(start); i < 28; i++) {
		chance = chance * 1664525 + 1013904223;
		data[i] = (uint8_t)(chance >> 24);
	}
	return 28;
}

static void hear(uint64_t time_us, uint8_t address, const uint8_t *data, size_t length) {
	struct advert_report report = {
		.address = { address, 2, 3, 4, 5, 0x41 }, .address_type = 1, .rssi = -60, .data = data, .length = length
	};
	audit_take_advert(audit, time_us, &report);
}

static void hear_slate(uint64_t time_us, uint8_t address, uint8_t seed) {
	uint8_t data[31];
	size_t length = slate_data(seed, data);
	hear(time_us, address, data, length);
}

static bool found(const char *code) {
	for (size_t i = 0; i < audit_finding_count(audit); i++)
		if (strcmp(audit_finding_at(audit, i)->code, code) == 0)
			return true;
	return false;
}

/* Two cameras: each changes address and content together, with something new to say now and then within an epoch. */
static void two_cameras(void) {
	for (uint64_t t = 1; t < 120; t++) {
		hear_slate(END_US - t * SECOND, 1, t > 60 ? 11 : 12);
		hear_slate(END_US - t * SECOND, 2, 21);
		hear_slate(END_US + t * SECOND, 3, 31);
		hear_slate(END_US + t * SECOND, 4, 41);
	}
}

static void test_quiet(void **state) {
	(void)state;
	two_cameras();
	audit_conclude(audit);
	assert_int_equal(audit_finding_count(audit), 0);
	assert_int_equal(audit_address_count(audit), 4);
	assert_int_equal(audit_address_at(audit, 0)->count, 119);
	assert_int_equal(audit_address_at(audit, 0)->contents, 2);
}

/* The listener's clock is a second ahead: what it hears in that second belongs to the epoch before. */
static void test_clocks_differ(void **state) {
	(void)state;
	two_cameras();
	hear_slate(END_US + SECOND, 1, 12);
	hear_slate(END_US - SECOND, 4, 41);
	audit_conclude(audit);
	assert_int_equal(audit_finding_count(audit), 0);
}

static void test_address_stays(void **state) {
	(void)state;
	hear_slate(END_US - 10 * SECOND, 1, 1);
	hear_slate(END_US + 10 * SECOND, 1, 2);
	audit_conclude(audit);
	assert_true(found("address-repeats"));
}

static void test_content_stays(void **state) {
	(void)state;
	hear_slate(END_US - 10 * SECOND, 1, 1);
	hear_slate(END_US + 10 * SECOND, 2, 1);
	audit_conclude(audit);
	assert_true(found("epochs-linked"));
	assert_false(found("address-repeats"));
}

/* One advert that has the new content and still the old address. */
static void test_for_an_instant(void **state) {
	(void)state;
	two_cameras();
	hear_slate(END_US + 10000, 1, 31);
	audit_conclude(audit);
	assert_true(found("epochs-linked"));
	assert_int_equal(audit_finding_count(audit), 1);
}

/* Four bytes of a serial in the middle of what is random otherwise. */
static void test_some_bytes_stay(void **state) {
	(void)state;
	uint8_t data[31];
	static const uint8_t serial[] = { 0, 0, 4, 7 };
	for (uint8_t i = 0; i < 2; i++) {
		size_t length = slate_data((uint8_t)(50 + i), data);
		memcpy(data + 12, serial, sizeof(serial));
		hear(i == 0 ? END_US - 10 * SECOND : END_US + 10 * SECOND, i, data, length);
	}
	audit_conclude(audit);
	assert_int_equal(audit_finding_count(audit), 1);
	assert_true(found("bytes-repeat"));
}

static void test_names(void **state) {
	(void)state;
	static const uint8_t named[] = { 2, 0x01, 6, 7, 0x09, 'C', 'A', 'M', '-', '1', 0x1b }, empty[] = { 2, 0x01, 6 };
	struct advert_report report = {
		.address = { 1, 2, 3, 0xf3, 0x13, 0x00 }, .event = ADVERT_SCAN_RESPONSE, .data = named, .length = sizeof(named)
	};
	audit_take_advert(audit, END_US, &report);
	report = (struct advert_report){ .address = { 1, 2, 3, 4, 5, 0xc6 },
		                         .address_type = 1,
		                         .event = ADVERT_CONNECTABLE,
		                         .data = empty,
		                         .length = sizeof(empty) };
	audit_take_advert(audit, END_US, &report);
	/* Nothing of their own: all devices of the world have these flags. */
	hear(END_US - 10 * SECOND, 7, empty, sizeof(empty));
	hear(END_US + 10 * SECOND, 8, empty, sizeof(empty));
	audit_conclude(audit);
	assert_true(found("public-address") && found("name") && found("static-address"));
	assert_int_equal(audit_finding_count(audit), 3);
	assert_string_equal(audit_address_at(audit, 0)->name, "CAM-1?");
	assert_true(audit_address_at(audit, 0)->answers_scans && audit_address_at(audit, 1)->connectable);
	assert_non_null(strstr(audit_finding_at(audit, 0)->detail, "prefix 00:13:F3"));
}

static void frame(uint64_t time_us, uint8_t control, uint8_t first, uint8_t last, const char *ssid) {
	uint8_t bytes[80] = { control };
	size_t at = 24;
	bytes[10] = first;
	bytes[15] = last;
	if (control == 0x80)
		at += 12;
	bytes[at + 1] = (uint8_t)strlen(ssid);
	memcpy(bytes + at + 2, ssid, strlen(ssid));
	audit_take_frame(audit, time_us, bytes, at + 2 + strlen(ssid));
}

static void test_wifi(void **state) {
	(void)state;
	frame(END_US - 10 * SECOND, 0x80, 0x02, 1, ""); /* a hidden network, from a random address */
	frame(END_US + 10 * SECOND, 0x80, 0x02, 2, "");
	frame(END_US, 0x40, 0x02, 3, "");
	frame(END_US, 0x08, 0x02, 4, ""); /* data */
	audit_conclude(audit);
	assert_int_equal(audit_finding_count(audit), 0);
	assert_int_equal(audit_beacons(audit), 2);
	assert_int_equal(audit_probes(audit), 1);
	frame(END_US, 0x80, 0x00, 5, "CAM-0001");
	frame(END_US, 0x40, 0x02, 6, "Station house");
	frame(END_US - 10 * SECOND, 0x08, 0x02, 4, "");
	frame(END_US + 10 * SECOND, 0x08, 0x02, 4, "");
	audit_conclude(audit);
	assert_true(found("wifi-name") && found("wifi-probe") && found("wifi-vendor-address"));
}

/* Every length of garbage is taken without harm, and a crowd is told of. */
static void test_hostile(void **state) {
	(void)state;
	uint8_t bytes[64];
	for (size_t length = 0; length <= sizeof(bytes); length++)
		for (unsigned seed = 0; seed < 256; seed += 5) {
			memset(bytes, (int)seed, sizeof(bytes));
			hear(END_US, (uint8_t)seed, bytes, length);
			audit_take_frame(audit, END_US, bytes, length);
		}
	for (unsigned i = 0; i < AUDIT_ADDRESSES + 10; i++) {
		struct advert_report report = { .address = { (uint8_t)i, (uint8_t)(i >> 8), 0, 0, 0, 0x40 }, .address_type = 1 };
		audit_take_advert(audit, END_US, &report);
	}
	audit_conclude(audit);
	assert_true(found("too-much"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_quiet, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clocks_differ, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_address_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_content_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_for_an_instant, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_some_bytes_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wifi, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
