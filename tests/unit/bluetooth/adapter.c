/* bluetooth/adapter against a small bluetoothd. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "bluetooth/adapter.h"
#include "tests/unit/bluetooth/fake_bluez.h"

#define QUIET_US 50000

struct fixture {
	sd_event *event;
	struct fake_bluez *fake;
	sd_bus *bus;
	struct adapter *adapter;
	unsigned ready, lost;
	enum reason reason;
	bool free_when_ready, free_when_lost;
};

static void on_ready(void *context) {
	struct fixture *f = context;
	assert_true(adapter_is_ready(f->adapter));
	f->ready++;
	if (f->free_when_ready) {
		adapter_free(f->adapter);
		f->adapter = NULL;
	}
}

static void on_lost(void *context, enum reason reason) {
	struct fixture *f = context;
	assert_false(adapter_is_ready(f->adapter));
	f->lost++;
	f->reason = reason;
	if (f->free_when_lost) {
		adapter_free(f->adapter);
		f->adapter = NULL;
	}
}

static const struct adapter_callbacks callbacks = { .ready = on_ready, .lost = on_lost };

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	assert_true(sd_event_new(&f->event) >= 0);
	f->fake = fake_new(f->event);
	f->bus = fake_client(f->fake);
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	adapter_free(f->adapter);
	sd_bus_flush_close_unref(f->bus);
	fake_free(f->fake);
	sd_event_unref(f->event);
	free(f);
	return 0;
}

static void make_adapter(struct fixture *f, const char *name) {
	assert_int_equal(adapter_new(&f->adapter, f->bus, name, &callbacks, f), 0);
	assert_false(adapter_is_ready(f->adapter));
}

static void test_found_by_name_and_powered(void **state) {
	struct fixture *f = *state;
	struct fake_adapter *other = fake_plug(f->fake, "hci0", "00:AA:01:00:00:00", false);
	struct fake_adapter *ours = fake_plug(f->fake, "hci1", "00:AA:01:01:00:01", false);
	fake_start(f->fake);
	make_adapter(f, "hci1");
	run_until(f->event, f->ready == 1);
	fake_settle(f->event, QUIET_US);
	assert_true(ours->powered);
	assert_false(other->powered);
	assert_int_equal(f->ready, 1);
	assert_int_equal(f->lost, 0);
	assert_string_equal(adapter_path(f->adapter), "/org/bluez/hci1");
	assert_memory_equal(adapter_address(f->adapter), ((uint8_t[]){ 0x01, 0x00, 0x01, 0x01, 0xaa, 0x00 }), 6);
}

static void test_found_by_address(void **state) {
	struct fixture *f = *state;
	fake_plug(f->fake, "hci7", "00:AA:01:00:00:00", true);
	struct fake_adapter *ours = fake_plug(f->fake, "hci3", "00:AA:01:01:00:0F", true);
	fake_start(f->fake);
	make_adapter(f, "00:aa:01:01:00:0f");
	run_until(f->event, f->ready == 1);
	assert_string_equal(adapter_path(f->adapter), "/org/bluez/hci3");
	assert_int_equal(ours->power_calls, 0); /* had power already */
}

static void test_names(void **state) {
	struct fixture *f = *state;
	static const char *const refused[] = {
		"", "hci", "hci0x", "hcix", "eth0", "00:AA:01:01:00", "hci00000000000000000000000000"
	};
	for (size_t n = 0; n < ELEMENTS(refused); n++)
		assert_int_equal(adapter_new(&f->adapter, f->bus, refused[n], &callbacks, f), -EINVAL);
	assert_null(f->adapter);
}

static void test_similar_name_is_another(void **state) {
	struct fixture *f = *state;
	fake_plug(f->fake, "hci10", "00:AA:01:00:00:00", true);
	fake_start(f->fake);
	make_adapter(f, "hci1");
	run_until(f->event, f->lost == 1);
	assert_int_equal(f->reason, REASON_ADAPTER_GONE);
	fake_settle(f->event, QUIET_US);
	assert_int_equal(f->ready, 0);
}

static void test_bluetoothd_comes_later(void **state) {
	struct fixture *f = *state;
	make_adapter(f, "hci0");
	run_until(f->event, f->lost == 1);
	assert_int_equal(f->reason, REASON_BLUETOOTH_GONE);
	fake_start(f->fake);
	fake_settle(f->event, QUIET_US);
	assert_int_equal(f->ready, 0);
	assert_int_equal(f->lost, 1); /* told once */
	fake_plug(f->fake, "hci0", "00:AA:01:00:00:00", false);
	run_until(f->event, f->ready == 1);
}

static void test_bluetoothd_restarts(void **state) {
	struct fixture *f = *state;
	fake_plug(f->fake, "hci0", "00:AA:01:00:00:00", true);
	fake_start(f->fake);
	make_adapter(f, "hci0");
	for (unsigned round = 1; round <= 3; round++) {
		run_until(f->event, f->ready == round);
		assert_int_equal(adapter_generation(f->adapter), round);
		fake_kill(f->fake);
		run_until(f->event, f->lost == round);
		assert_int_equal(f->reason, REASON_BLUETOOTH_GONE);
		fake_start(f->fake);
	}
	run_until(f->event, f->ready == 4);
}

static void test_bluetoothd_dies_while_asked_for_power(void **state) {
	struct fixture *f = *state;
	struct fake_adapter *adapter = fake_plug(f->fake, "hci0", "00:AA:01:00:00:00", false);
	fake_start(f->fake);
	f->fake->fail_power = (struct fake_failure){ 1000, "org.bluez.Error.Busy" };
	make_adapter(f, "hci0");
	run_until(f->event, adapter->power_calls == 1);
	fake_kill(f->fake);
	run_until(f->event, f->lost == 1);
	f->fake->fail_power.times = 0;
	fake_start(f->fake);
	run_until(f->event, f->ready == 1);
}

static void test_adapter_vanishes_and_returns(void **state) {
	struct fixture *f = *state;
	struct fake_adapter *ours = fake_plug(f->fake, "hci0", "00:AA:01:00:00:00", true);
	struct fake_adapter *other = fake_plug(f->fake, "hci1", "00:AA:01:01:00:01", true);
	fake_start(f->fake);
	make_adapter(f, "hci0");
	run_until(f->event, f->ready == 1);
	fake_unplug(other);
	fake_settle(f->event, QUIET_US);
	assert_int_equal(f->lost, 0);
	fake_unplug(ours);
	run_until(f->event, f->lost == 1);
	assert_int_equal(f->reason, REASON_ADAPTER_GONE);
	fake_plug(f->fake, "hci0", "00:AA:01:00:00:00", false);
	run_until(f->event, f->ready == 2);
}

static void test_adapter_returns_under_another_name(void **state) {
	struct fixture *f = *state;
	struct fake_adapter *ours = fake_plug(f->fake, "hci0", "00:AA:01:00:00:00", true);
	fake_start(f->fake);
	make_adapter(f, "00:AA:01:00:00:00");
	run_until(f->event, f->ready == 1);
	fake_unplug(ours);
	run_until(f->event, f->lost == 1);
	fake_plug(f->fake, "hci1", "00:AA:01:00:00:00", true);
	run_until(f->event, f->ready == 2);
	assert_string_equal(adapter_path(f->adapter), "/org/bluez/hci1");
}

static void test_switched_off_by_others(void **state) {
	struct fixture *f = *state;
	struct fake_adapter *adapter = fake_plug(f->fake, "hci0", "00:AA:01:00:00:00", true);
	fake_start(f->fake);
	make_adapter(f, "hci0");
	run_until(f->event, f->ready == 1);
	fake_set_powered(adapter, false);
	run_until(f->event, f->lost == 1);
	assert_int_equal(f->reason, REASON_ADAPTER_GONE);
	run_until(f->event, f->ready == 2);
	assert_true(adapter->powered);
	/* And by hand on again, before we ask. */
	fake_set_powered(adapter, false);
	run_until(f->event, f->lost == 2);
	unsigned searches = adapter->descriptions;
	fake_set_powered(adapter, true);
	run_until(f->event, f->ready == 3);
	assert_int_equal(adapter->descriptions, searches); /* the change itself was enough */
	assert_int_equal(adapter->power_calls, 1);
}

static void test_power_refused_then_granted(void **state) {
	struct fixture *f = *state;
	struct fake_adapter *adapter = fake_plug(f->fake, "hci0", "00:AA:01:00:00:00", false);
	fake_start(f->fake);
	f->fake->fail_power = (struct fake_failure){ 2, "org.bluez.Error.Busy" };
	make_adapter(f, "hci0");
	run_until(f->event, f->lost == 1);
	f->fake->fail_power.name = "org.bluez.Error.NotReady";
	run_until(f->event, f->ready == 1);
	assert_int_equal(adapter->power_calls, 3);
	assert_int_equal(f->lost, 1);
}

static void test_freed_inside(void **state) {
	struct fixture *f = *state;
	struct fake_adapter *adapter = fake_plug(f->fake, "hci0", "00:AA:01:00:00:00", true);
	fake_start(f->fake);
	f->free_when_ready = true;
	make_adapter(f, "hci0");
	run_until(f->event, f->ready == 1);
	assert_null(f->adapter);
	f->free_when_ready = false;
	f->free_when_lost = true;
	for (unsigned how = 0; how < 3; how++) {
		make_adapter(f, "hci0");
		run_until(f->event, f->ready == how + 2);
		if (how == 0) {
			fake_set_powered(adapter, false);
		} else if (how == 1) {
			fake_unplug(adapter);
		} else {
			fake_kill(f->fake);
		}
		run_until(f->event, f->lost == how + 1);
		assert_null(f->adapter);
		fake_settle(f->event, QUIET_US);
		if (how == 0)
			fake_set_powered(adapter, true);
		else if (how == 1)
			fake_plug(f->fake, "hci0", "00:AA:01:00:00:00", true);
	}
	adapter_free(NULL);
}

static void test_freed_while_asking(void **state) {
	struct fixture *f = *state;
	fake_plug(f->fake, "hci0", "00:AA:01:00:00:00", false);
	fake_start(f->fake);
	make_adapter(f, "hci0");
	adapter_free(f->adapter);
	f->adapter = NULL;
	fake_settle(f->event, QUIET_US);
	assert_int_equal(f->ready + f->lost, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void test_kept_off(void **state) {
	struct fixture *f = *state;
	struct fake_adapter *other = fake_plug(f->fake, "hci0", "00:AA:01:00:00:00", true);
	struct fake_adapter *ours = fake_plug(f->fake, "hci1", "00:AA:01:01:00:01", true);
	fake_start(f->fake);
	assert_int_equal(adapter_new_off(&f->adapter, f->bus, "hci1"), 0);
	run_until(f->event, !ours->powered);
	assert_true(other->powered);
	fake_set_powered(ours, true); /* somebody else */
	run_until(f->event, !ours->powered);
	fake_kill(f->fake);
	ours->powered = true;
	fake_start(f->fake);
	run_until(f->event, !ours->powered);
	assert_false(adapter_is_ready(f->adapter));
	assert_int_equal(f->ready + f->lost, 0);
	unsigned calls = ours->power_calls;
	fake_settle(f->event, QUIET_US);
	assert_int_equal(ours->power_calls, calls); /* off is off: nothing more to do */
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept_off, setup, teardown),
		TEST(test_found_by_name_and_powered),
		TEST(test_found_by_address),
		TEST(test_names),
		TEST(test_similar_name_is_another),
		TEST(test_bluetoothd_comes_later),
		TEST(test_bluetoothd_restarts),
		TEST(test_bluetoothd_dies_while_asked_for_power),
		TEST(test_adapter_vanishes_and_returns),
		TEST(test_adapter_returns_under_another_name),
		TEST(test_switched_off_by_others),
		TEST(test_power_refused_then_granted),
		TEST(test_freed_inside),
		TEST(test_freed_while_asking),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
