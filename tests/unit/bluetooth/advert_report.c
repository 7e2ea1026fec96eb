/* Reports of adverts as a controller gives them: legacy and extended, several in one packet, and every way to be cut short. */
#include "bluetooth/advert_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COMPANY 0xffff

/* Two legacy reports: the first with flags and our data, the second with nothing. */
static const uint8_t legacy[] = {
	0x04, 0x3e, 34,   0x02, 2,                                        /* event, two reports */
	0x03, 0x01, 0xc6, 0xc5, 0xc4, 0xc3, 0xc2, 0xc1, 10,               /* silent, random address, data */
	0x02, 0x01, 0x06, 0x06, 0xff, 0xff, 0xff, 0x01, 0xab, 0xcd, 0xc4, /* flags, manufacturer data, -60 dBm */
	0x00, 0x00, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 2,                /* connectable, public address, data */
	0x01, 0x0a, 0x7f,                                                 /* an empty structure, RSSI unknown */
};

static const uint8_t extended[] = {
	0x04, 0x3e, 33,   0x0d, 1,    0x10, 0x00,                         /* event, one report, its type */
	0x01, 0xc6, 0xc5, 0xc4, 0xc3, 0xc2, 0xc1,                         /* address */
	0x01, 0x00, 0xff, 0x7f, 0xb0, 0,    0,    0,    0, 0, 0, 0, 0, 0, /* PHYs, set, power, -80 dBm, the rest */
	7,    0x06, 0xff, 0xff, 0xff, 0x01, 0xab, 0xcd,                   /* data */
};

static void test_legacy(void **state) {
	(void)state;
	struct advert_reports reports;
	struct advert_report report;
	size_t length = 0;
	assert_true(advert_reports_start(&reports, legacy, sizeof(legacy)));
	assert_true(advert_reports_next(&reports, &report));
	assert_int_equal(report.rssi, -60);
	assert_int_equal(report.address_type, 1);
	assert_memory_equal(report.address, ((uint8_t[]){ 0xc6, 0xc5, 0xc4, 0xc3, 0xc2, 0xc1 }), 6);
	const uint8_t *data = advert_manufacturer_data(report.data, report.length, COMPANY, &length);
	assert_non_null(data);
	assert_int_equal(length, 3);
	assert_memory_equal(data, ((uint8_t[]){ 0x01, 0xab, 0xcd }), 3);
	assert_null(advert_manufacturer_data(report.data, report.length, 0x1234, &length));
	assert_true(advert_reports_next(&reports, &report));
	assert_int_equal(report.rssi, 127);
	assert_null(advert_manufacturer_data(report.data, report.length, COMPANY, &length));
	assert_false(advert_reports_next(&reports, &report));
}

static void test_extended(void **state) {
	(void)state;
	struct advert_reports reports;
	struct advert_report report;
	size_t length = 0;
	assert_true(advert_reports_start(&reports, extended, sizeof(extended)));
	assert_true(advert_reports_next(&reports, &report));
	assert_int_equal(report.rssi, -80);
	assert_non_null(advert_manufacturer_data(report.data, report.length, COMPANY, &length));
	assert_int_equal(length, 3);
	assert_false(advert_reports_next(&reports, &report));
}

/* A packet that ends early, with its length made to fit, gives fewer reports and never reads on: the copy is as long as it says.
 */
static void cut(const uint8_t *packet, size_t size) {
	for (size_t length = 0; length < size; length++) {
		uint8_t *copy = test_malloc(length + 1);
		struct advert_reports reports;
		struct advert_report report;
		memcpy(copy, packet, length);
		if (length > 2)
			copy[2] = (uint8_t)(length - 3);
		if (advert_reports_start(&reports, copy, length))
			while (advert_reports_next(&reports, &report))
				assert_true(report.data + report.length <= copy + length);
		test_free(copy);
	}
}

static void test_every_cut(void **state) {
	(void)state;
	cut(legacy, sizeof(legacy));
	cut(extended, sizeof(extended));
}

static void test_other_packets(void **state) {
	(void)state;
	struct advert_reports reports;
	for (size_t at = 0; at < 4; at++) { /* type, event, length, subevent */
		uint8_t copy[sizeof(legacy)];
		memcpy(copy, legacy, sizeof(copy));
		copy[at] ^= 0x40;
		assert_false(advert_reports_start(&reports, copy, sizeof(copy)));
	}
}

/* Structures that lie about their length. */
static void test_structures(void **state) {
	(void)state;
	static const uint8_t cases[][8] = {
		{ 0x08, 0xff, 0xff, 0xff, 1, 2, 3, 4 },    /* one byte more than there is */
		{ 0x00, 0x07, 0xff, 0xff, 0xff, 1, 2, 3 }, /* after the early end */
		{ 0x02, 0xff, 0xff, 0x01, 0xff, 0, 0, 0 }, /* no whole identifier */
		{ 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4 },
	};
	size_t length;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_null(advert_manufacturer_data(cases[i], sizeof(cases[i]), COMPANY, &length));
	assert_null(advert_manufacturer_data(NULL, 0, COMPANY, &length));
	static const uint8_t empty[] = { 0x03, 0xff, 0xff, 0xff };
	assert_non_null(advert_manufacturer_data(empty, sizeof(empty), COMPANY, &length));
	assert_int_equal(length, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_legacy),        cmocka_unit_test(test_extended),   cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_other_packets), cmocka_unit_test(test_structures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
