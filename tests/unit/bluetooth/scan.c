/* bluetooth/scan against a small bluetoothd. */
#include <bluetooth/bluetooth.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "bluetooth/advert.h"
#include "bluetooth/scan.h"
#include "tests/unit/bluetooth/fake_bluez.h"

#define QUIET_US 50000
#define OTHER_UUID "0000180f-0000-1000-8000-00805f9b34fb"

struct fixture {
	sd_event *event;
	struct fake_bluez *fake;
	struct fake_adapter *fake_adapter;
	sd_bus *bus;
	struct adapter *adapter;
	struct scan *scan;
	unsigned ready, lost, heard, failed;
	struct sighting last;
	uint8_t last_data[64];
	enum reason reason;
	bool free_when_heard, free_when_failed;
};

static void on_ready(void *context) {
	struct fixture *f = context;
	f->ready++;
	if (f->scan)
		scan_refresh(f->scan);
}

static void on_lost(void *context, enum reason reason) {
	(void)reason;
	struct fixture *f = context;
	f->lost++;
}

static void on_heard(void *context, const struct sighting *sighting) {
	struct fixture *f = context;
	f->heard++;
	f->last = *sighting;
	assert_true(sighting->service_data_length <= ADVERT_DATA_LIMIT);
	memcpy(f->last_data, sighting->service_data, sighting->service_data_length);
	f->last.service_data = f->last_data;
	if (f->free_when_heard) {
		scan_free(f->scan);
		f->scan = NULL;
	}
}

static void on_failed(void *context, enum reason reason) {
	struct fixture *f = context;
	f->failed++;
	f->reason = reason;
	if (f->free_when_failed) {
		scan_free(f->scan);
		f->scan = NULL;
	}
}

static const struct scan_callbacks callbacks = { .heard = on_heard, .failed = on_failed };

static int setup(void **state) {
	static const struct adapter_callbacks adapter_callbacks = { .ready = on_ready, .lost = on_lost };
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	assert_true(sd_event_new(&f->event) >= 0);
	f->fake = fake_new(f->event);
	f->fake_adapter = fake_plug(f->fake, "hci1", "00:AA:01:01:00:01", true);
	fake_start(f->fake);
	f->bus = fake_client(f->fake);
	assert_int_equal(adapter_new(&f->adapter, f->bus, "hci1", &adapter_callbacks, f), 0);
	run_until(f->event, f->ready == 1);
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	scan_free(f->scan);
	fake_settle(f->event, QUIET_US);
	adapter_free(f->adapter);
	sd_bus_flush_close_unref(f->bus);
	fake_free(f->fake);
	sd_event_unref(f->event);
	free(f);
	return 0;
}

static void make_scan(struct fixture *f) {
	unsigned starts = f->fake_adapter->starts;
	assert_int_equal(scan_new(&f->scan, f->adapter, &callbacks, f), 0);
	run_until(f->event, f->fake_adapter->starts > starts && f->fake_adapter->discovering);
	/* The answer reaches the client too. */
	fake_settle(f->event, 20000);
}

static void test_filter_then_discovery(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	assert_true(f->fake_adapter->filter_is_le);
	assert_true(f->fake_adapter->filter_wants_duplicates);
	assert_true(f->fake_adapter->filter_before_start);
	scan_free(f->scan);
	f->scan = NULL;
	run_until(f->event, !f->fake_adapter->discovering);
	fake_settle(f->event, 700000); /* longer than a round: it stays so */
	assert_false(f->fake_adapter->discovering);
	assert_int_equal(f->failed, 0);
}

static void test_hears_new_device(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	fake_hear(f->fake_adapter, "48:B6:F7:35:55:F1", "random", -60, LANYARD_SERVICE_UUID, "\x01\x02\x03", 3);
	run_until(f->event, f->heard == 1);
	assert_memory_equal(f->last.address, ((uint8_t[]){ 0xf1, 0x55, 0x35, 0xf7, 0xb6, 0x48 }), 6);
	assert_int_equal(f->last.address_type, BDADDR_LE_RANDOM);
	assert_int_equal(f->last.rssi, -60);
	assert_int_equal(f->last.service_data_length, 3);
	assert_memory_equal(f->last.service_data, "\x01\x02\x03", 3);
	fake_hear(f->fake_adapter, "00:11:22:33:44:55", "public", 127, "0000FD7A-0000-1000-8000-00805F9B34FB", NULL, 0);
	run_until(f->event, f->heard == 2);
	assert_int_equal(f->last.address_type, BDADDR_LE_PUBLIC);
	assert_int_equal(f->last.rssi, 127);
	assert_int_equal(f->last.service_data_length, 0);
}

static void test_hears_repeats_and_changes(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	struct fake_device *device =
	        fake_hear(f->fake_adapter, "48:B6:F7:35:55:F1", "random", -60, LANYARD_SERVICE_UUID, "\x01", 1);
	run_until(f->event, f->heard == 1);
	fake_change(device, "ServiceData", NULL);
	run_until(f->event, f->heard == 2);
	device->rssi = -71;
	fake_change(device, "RSSI", NULL);
	run_until(f->event, f->heard == 3);
	assert_int_equal(f->last.rssi, -71);
	assert_memory_equal(f->last.service_data, "\x01", 1);
	memcpy(device->service_data, "\x07\x08", 2);
	device->service_data_length = 2;
	fake_change(device, "ServiceData", "RSSI", NULL);
	run_until(f->event, f->heard == 4);
	assert_int_equal(f->last.service_data_length, 2);
	assert_memory_equal(f->last.service_data, "\x07\x08", 2);
	fake_change(device, "Connected", NULL); /* not an advert */
	fake_settle(f->event, QUIET_US);
	assert_int_equal(f->heard, 4);
}

static void test_ignores_what_is_not_ours(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	struct fake_adapter *other = fake_plug(f->fake, "hci10", "00:AA:01:0A:00:0A", true); /* hci1 is a prefix of its name */
	fake_hear(other, "48:B6:F7:35:55:F2", "random", -60, LANYARD_SERVICE_UUID, "\x01", 1);
	fake_hear(f->fake_adapter, "48:B6:F7:35:55:F3", "random", -60, OTHER_UUID, "\x01", 1);
	fake_hear(f->fake_adapter, "48:B6:F7:35:55:F4", "random", -60, NULL, NULL, 0);
	uint8_t much[64] = { 0 };
	struct fake_device *longest =
	        fake_hear(f->fake_adapter, "48:B6:F7:35:55:F5", "random", -60, LANYARD_SERVICE_UUID, much, ADVERT_DATA_LIMIT + 1);
	fake_change(longest, "ServiceData", NULL);
	fake_hear(f->fake_adapter, "not_an_address", "random", -60, LANYARD_SERVICE_UUID, "\x01", 1);
	fake_settle(f->event, QUIET_US);
	assert_int_equal(f->heard, 0);
	/* The longest that is ours. */
	fake_hear(f->fake_adapter, "48:B6:F7:35:55:F6", "random", -60, LANYARD_SERVICE_UUID, much, ADVERT_DATA_LIMIT);
	run_until(f->event, f->heard == 1);
	assert_int_equal(f->last.service_data_length, ADVERT_DATA_LIMIT);
}

static void test_value_of_unexpected_type(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	struct fake_device *device =
	        fake_hear(f->fake_adapter, "48:B6:F7:35:55:F1", "random", -60, LANYARD_SERVICE_UUID, "\x01", 1);
	run_until(f->event, f->heard == 1);
	device->service_data_type = "s";
	device->rssi = -50;
	fake_change(device, "ServiceData", "RSSI", NULL);
	run_until(f->event, f->heard == 2); /* the rest of the message counts */
	assert_int_equal(f->last.rssi, -50);
	assert_memory_equal(f->last.service_data, "\x01", 1);
}

static void test_device_that_bluetoothd_knew_before(void **state) {
	struct fixture *f = *state;
	struct fake_device *device =
	        fake_hear(f->fake_adapter, "00:11:22:33:44:55", "public", -60, LANYARD_SERVICE_UUID, "\x01", 1);
	fake_settle(f->event, QUIET_US);
	make_scan(f);
	fake_settle(f->event, QUIET_US);
	assert_int_equal(f->heard, 0); /* an old object says nothing about now */
	fake_change(device, "ServiceData", "RSSI", NULL);
	run_until(f->event, f->heard == 1);
	assert_int_equal(f->last.address_type, BDADDR_LE_PUBLIC);
	fake_change(device, "RSSI", NULL);
	run_until(f->event, f->heard == 2);
}

static void test_device_vanishes(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	struct fake_device *device =
	        fake_hear(f->fake_adapter, "48:B6:F7:35:55:F1", "random", -60, LANYARD_SERVICE_UUID, "\x01", 1);
	run_until(f->event, f->heard == 1);
	fake_forget(device);
	fake_settle(f->event, QUIET_US);
	fake_hear(f->fake_adapter, "48:B6:F7:35:55:F1", "random", -61, LANYARD_SERVICE_UUID, "\x02", 1);
	run_until(f->event, f->heard == 2);
	assert_memory_equal(f->last.service_data, "\x02", 1);
}

static void test_device_vanishes_before_it_is_described(void **state) {
	struct fixture *f = *state;
	struct fake_device *device =
	        fake_hear(f->fake_adapter, "48:B6:F7:35:55:F1", "random", -60, LANYARD_SERVICE_UUID, "\x01", 1);
	fake_settle(f->event, QUIET_US);
	make_scan(f);
	fake_change(device, "ServiceData", NULL);
	fake_forget(device);
	fake_settle(f->event, QUIET_US);
	assert_int_equal(f->heard, 0);
	/* The next question is not stuck behind it. */
	struct fake_device *other = fake_hear(f->fake_adapter, "48:B6:F7:35:55:F2", "random", -60, OTHER_UUID, "\x01", 1);
	fake_settle(f->event, QUIET_US);
	other->service_uuid = LANYARD_SERVICE_UUID;
	fake_change(other, "ServiceData", NULL);
	run_until(f->event, f->heard == 1);
}

static void test_flood_of_addresses(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	for (unsigned n = 0; n < FAKE_DEVICES; n++) {
		char address[24];
		snprintf(address, sizeof(address), "48:B6:F7:35:00:%02X", n % FAKE_DEVICES);
		fake_hear(f->fake_adapter, address, "random", -60, LANYARD_SERVICE_UUID, &n, sizeof(n));
		if (n % 32 == 31)
			run_until(f->event, f->heard == n + 1);
	}
	/* The first was forgotten in favour of the last; it is asked for again, the last is not. */
	unsigned heard = f->heard;
	fake_settle(f->event, QUIET_US);
	f->fake->descriptions = 0;
	fake_change(&f->fake->devices[FAKE_DEVICES - 1], "RSSI", NULL);
	run_until(f->event, f->heard == heard + 1);
	assert_int_equal(f->fake->descriptions, 0);
	fake_change(&f->fake->devices[0], "ServiceData", NULL);
	run_until(f->event, f->heard == heard + 2);
	assert_int_equal(f->fake->descriptions, 1);
	assert_int_equal(f->last.address[0], 0);
}

static void test_start_refused(void **state) {
	struct fixture *f = *state;
	f->fake->fail_start = (struct fake_failure){ 2, "org.bluez.Error.InProgress" };
	make_scan(f);
	run_until(f->event, f->fake_adapter->discovering);
	assert_int_equal(f->failed, 1); /* told once */
	assert_int_equal(f->reason, REASON_SCAN_REFUSED);
	assert_true(f->fake_adapter->stops >= 2); /* a discovery of ours that hangs is stopped before the next try */
}

static void test_start_whose_answer_was_lost(void **state) {
	struct fixture *f = *state;
	f->fake_adapter->discovering = true; /* bluetoothd counts us as scanning already */
	assert_int_equal(scan_new(&f->scan, f->adapter, &callbacks, f), 0);
	run_until(f->event, f->failed == 1);
	run_until(f->event, f->fake_adapter->starts == 2 && f->fake_adapter->discovering);
}

static void test_stopped_by_bluetoothd(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	fake_set_discovering(f->fake_adapter, false);
	run_until(f->event, f->failed == 1);
	assert_int_equal(f->fake_adapter->stops, 0); /* told by bluetoothd, not found out at the next round */
	run_until(f->event, f->fake_adapter->discovering);
	fake_hear(f->fake_adapter, "48:B6:F7:35:55:F1", "random", -60, LANYARD_SERVICE_UUID, "\x01", 1);
	run_until(f->event, f->heard == 1);
}

static void test_renewed(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	uint64_t since_us = fake_now_us();
	run_until(f->event, f->fake_adapter->starts == 2 && f->fake_adapter->discovering);
	assert_true(fake_now_us() - since_us < 1000000);
	run_until(f->event, f->fake_adapter->starts == 3 && f->fake_adapter->discovering);
	assert_true(fake_now_us() - since_us > 1300000);
	assert_int_equal(f->fake_adapter->stops, 2);
	assert_int_equal(f->fake_adapter->filters, 1);
	assert_int_equal(f->failed, 0);
}

static void test_bluetoothd_restarts(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	for (unsigned round = 1; round <= 2; round++) {
		fake_hear(f->fake_adapter, "48:B6:F7:35:55:F1", "random", -60, LANYARD_SERVICE_UUID, "\x01", 1);
		run_until(f->event, f->heard == round);
		unsigned starts = f->fake_adapter->starts;
		fake_kill(f->fake);
		run_until(f->event, f->lost == round);
		fake_start(f->fake);
		run_until(f->event, f->fake_adapter->starts > starts && f->fake_adapter->discovering);
		/* An object of the same name that is no camera now. */
		struct fake_device *other = fake_hear(f->fake_adapter, "48:B6:F7:35:55:F1", "random", -60, NULL, NULL, 0);
		fake_change(other, "RSSI", NULL);
		fake_settle(f->event, QUIET_US);
		assert_int_equal(f->heard, round);
		fake_forget(other);
	}
}

static void test_made_while_gone(void **state) {
	struct fixture *f = *state;
	fake_kill(f->fake);
	run_until(f->event, f->lost == 1);
	assert_int_equal(scan_new(&f->scan, f->adapter, &callbacks, f), 0);
	fake_settle(f->event, QUIET_US);
	fake_start(f->fake);
	run_until(f->event, f->fake_adapter->discovering);
}

static void test_adapter_switched_off_and_on(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	fake_set_powered(f->fake_adapter, false);
	run_until(f->event, f->lost == 1);
	run_until(f->event, f->ready == 2);
	run_until(f->event, f->fake_adapter->discovering);
}

static void test_freed_inside(void **state) {
	struct fixture *f = *state;
	f->free_when_heard = true;
	make_scan(f);
	fake_hear(f->fake_adapter, "48:B6:F7:35:55:F1", "random", -60, LANYARD_SERVICE_UUID, "\x01", 1);
	fake_hear(f->fake_adapter, "48:B6:F7:35:55:F2", "random", -60, LANYARD_SERVICE_UUID, "\x01", 1);
	run_until(f->event, f->heard == 1);
	assert_null(f->scan);
	run_until(f->event, !f->fake_adapter->discovering);
	fake_settle(f->event, QUIET_US);
	assert_int_equal(f->heard, 1);

	f->free_when_failed = true;
	f->fake->fail_start = (struct fake_failure){ 1, "org.bluez.Error.Failed" };
	assert_int_equal(scan_new(&f->scan, f->adapter, &callbacks, f), 0);
	run_until(f->event, f->failed == 1);
	assert_null(f->scan);
	fake_settle(f->event, 400000);
	assert_false(f->fake_adapter->discovering);
	scan_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_filter_then_discovery),
		TEST(test_hears_new_device),
		TEST(test_hears_repeats_and_changes),
		TEST(test_ignores_what_is_not_ours),
		TEST(test_value_of_unexpected_type),
		TEST(test_device_that_bluetoothd_knew_before),
		TEST(test_device_vanishes),
		TEST(test_device_vanishes_before_it_is_described),
		TEST(test_flood_of_addresses),
		TEST(test_start_refused),
		TEST(test_start_whose_answer_was_lost),
		TEST(test_stopped_by_bluetoothd),
		TEST(test_renewed),
		TEST(test_bluetoothd_restarts),
		TEST(test_made_while_gone),
		TEST(test_adapter_switched_off_and_on),
		TEST(test_freed_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
