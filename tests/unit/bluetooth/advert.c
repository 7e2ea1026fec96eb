/* bluetooth/advert against a small bluetoothd. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "bluetooth/advert.h"
#include "tests/unit/bluetooth/fake_bluez.h"

#define QUIET_US 50000

struct fixture {
	sd_event *event;
	struct fake_bluez *fake;
	struct fake_adapter *fake_adapter;
	sd_bus *bus;
	struct adapter *adapter;
	struct advert *advert;
	unsigned ready, lost;
};

static void on_ready(void *context) {
	struct fixture *f = context;
	f->ready++;
	if (f->advert)
		advert_refresh(f->advert); /* what the header asks the owner for */
}

static void on_lost(void *context, enum reason reason) {
	(void)reason;
	struct fixture *f = context;
	f->lost++;
}

static int setup(void **state) {
	static const struct adapter_callbacks callbacks = { .ready = on_ready, .lost = on_lost };
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	assert_true(sd_event_new(&f->event) >= 0);
	f->fake = fake_new(f->event);
	f->fake_adapter = fake_plug(f->fake, "hci0", "00:AA:01:00:00:00", true);
	fake_start(f->fake);
	f->bus = fake_client(f->fake);
	assert_int_equal(adapter_new(&f->adapter, f->bus, "hci0", &callbacks, f), 0);
	run_until(f->event, f->ready == 1);
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	fake_settle(f->event, QUIET_US);
	advert_free(f->advert);
	adapter_free(f->adapter);
	sd_bus_flush_close_unref(f->bus);
	fake_free(f->fake);
	sd_event_unref(f->event);
	free(f);
	return 0;
}

static const struct advert_content first = { .connectable = true, .service_data = { 1, 2, 3 }, .service_data_length = 3 };
static const struct advert_content second = { .connectable = false, .service_data = { 9, 8, 7, 6 }, .service_data_length = 4 };

static bool shows(struct fixture *f, const struct advert_content *content) {
	if (fake_adverts(f->fake) != 1)
		return false;
	const struct fake_advert *advert = fake_advert(f->fake);
	return strcmp(advert->type, content->connectable ? "peripheral" : "broadcast") == 0 &&
	       advert->service_data_length == content->service_data_length &&
	       memcmp(advert->service_data, content->service_data, content->service_data_length) == 0;
}

static void make_active(struct fixture *f, const struct advert_content *content) {
	assert_int_equal(advert_new(&f->advert, f->adapter, content), 0);
	assert_false(advert_is_active(f->advert)); /* not before bluetoothd confirms it */
	run_until(f->event, advert_is_active(f->advert));
	assert_true(shows(f, content));
}

static void test_registered(void **state) {
	struct fixture *f = *state;
	make_active(f, &first);
	/* Type, ServiceData, ManufacturerData, MinInterval, MaxInterval: no name, no power, nothing else that could tell devices
	 * apart. */
	assert_int_equal(fake_advert(f->fake)->properties, 5);
	assert_int_equal(fake_advert(f->fake)->manufacturer_data_length, 0);
	advert_free(f->advert);
	f->advert = NULL;
	run_until(f->event, fake_adverts(f->fake) == 0);
}

static void test_broadcast_and_empty(void **state) {
	struct fixture *f = *state;
	make_active(f, &second);
	advert_free(f->advert);
	run_until(f->event, fake_adverts(f->fake) == 0);
	static const struct advert_content empty = { .connectable = true };
	make_active(f, &empty);
	advert_free(f->advert);
	run_until(f->event, fake_adverts(f->fake) == 0);
	static const struct advert_content call = { .company = 0xffff,
		                                    .manufacturer_data = { 1, 2, 3 },
		                                    .manufacturer_data_length = 3 };
	make_active(f, &call);
	assert_int_equal(fake_advert(f->fake)->company, 0xffff);
	assert_int_equal(fake_advert(f->fake)->manufacturer_data_length, 3);
	assert_memory_equal(fake_advert(f->fake)->manufacturer_data, call.manufacturer_data, 3);
}

static void test_too_long(void **state) {
	struct fixture *f = *state;
	const struct advert_content longest = { .service_data_length = ADVERT_DATA_LIMIT };
	const struct advert_content too_long = { .service_data_length = ADVERT_DATA_LIMIT + 1 };
	assert_int_equal(advert_new(&f->advert, f->adapter, &too_long), -EMSGSIZE);
	make_active(f, &longest);
	assert_int_equal(advert_set(f->advert, &too_long), -EMSGSIZE);
	fake_settle(f->event, QUIET_US);
	assert_true(shows(f, &longest));
}

static void test_refused_then_accepted(void **state) {
	struct fixture *f = *state;
	f->fake->fail_register = (struct fake_failure){ 2, "org.bluez.Error.NotPermitted" };
	make_active(f, &first);
	assert_int_equal(f->fake->registrations, 3);
	/* The pauses begin anew after a success. */
	f->fake->fail_register = (struct fake_failure){ 1, "org.bluez.Error.Failed" };
	assert_int_equal(advert_set(f->advert, &second), 0);
	run_until(f->event, shows(f, &second));
}

static void test_new_content(void **state) {
	struct fixture *f = *state;
	make_active(f, &first);
	for (unsigned round = 0; round < 4; round++) {
		const struct advert_content *content = round % 2 ? &first : &second;
		assert_int_equal(advert_set(f->advert, content), 0);
		run_until(f->event, advert_is_active(f->advert) && shows(f, content));
	}
	/* Never both at once, and never the new content under the old registration: address and content change together. */
	assert_int_equal(f->fake->most_adverts, 1);
	assert_int_equal(f->fake->registrations, 5);
	assert_int_equal(fake_advert(f->fake)->changes, 0);
}

static void test_old_content_is_gone_before_the_new_is_registered(void **state) {
	struct fixture *f = *state;
	make_active(f, &first);
	f->fake->hold_unregistration = true;
	assert_int_equal(advert_set(f->advert, &second), 0);
	run_until(f->event, f->fake->held != NULL);
	assert_int_equal(advert_set(f->advert, &first), 0);
	assert_int_equal(advert_set(f->advert, &second), 0);
	fake_settle(f->event, QUIET_US);
	assert_int_equal(f->fake->registrations, 1);
	assert_false(advert_is_active(f->advert));
	fake_answer(f->fake);
	run_until(f->event, advert_is_active(f->advert) && shows(f, &second));
	assert_int_equal(f->fake->registrations, 2);
}

static void test_new_content_while_registering(void **state) {
	struct fixture *f = *state;
	f->fake->hold_registration = true;
	assert_int_equal(advert_new(&f->advert, f->adapter, &first), 0);
	run_until(f->event, f->fake->held != NULL);
	assert_int_equal(advert_set(f->advert, &second), 0);
	assert_int_equal(advert_set(f->advert, &first), 0);
	assert_int_equal(advert_set(f->advert, &second), 0);
	fake_answer(f->fake);
	run_until(f->event, advert_is_active(f->advert) && shows(f, &second));
	assert_int_equal(f->fake->registrations, 2);
	fake_settle(f->event, QUIET_US);
	assert_int_equal(fake_adverts(f->fake), 1);
}

static void test_freed_while_registering(void **state) {
	struct fixture *f = *state;
	f->fake->hold_registration = true;
	assert_int_equal(advert_new(&f->advert, f->adapter, &first), 0);
	run_until(f->event, f->fake->held != NULL);
	advert_free(f->advert);
	f->advert = NULL;
	fake_settle(f->event, QUIET_US);
	assert_int_equal(fake_adverts(f->fake), 1); /* bluetoothd does not survive being asked for it now */
	fake_answer(f->fake);
	run_until(f->event, fake_adverts(f->fake) == 0);
	fake_settle(f->event, QUIET_US);
	advert_free(NULL);
}

static void test_freed_while_refused(void **state) {
	struct fixture *f = *state;
	f->fake->fail_register = (struct fake_failure){ 1, "org.bluez.Error.Failed" };
	assert_int_equal(advert_new(&f->advert, f->adapter, &first), 0);
	run_until(f->event, f->fake->registrations == 1 && f->fake->fail_register.times == 0);
	fake_settle(f->event, QUIET_US);
	advert_free(f->advert);
	f->advert = NULL;
	fake_settle(f->event, 400000); /* longer than the first pause */
	assert_int_equal(f->fake->registrations, 1);
}

static void test_released(void **state) {
	struct fixture *f = *state;
	make_active(f, &first);
	fake_release(f->fake, fake_advert(f->fake));
	run_until(f->event, !advert_is_active(f->advert));
	run_until(f->event, advert_is_active(f->advert) && shows(f, &first));
	assert_int_equal(f->fake->unregistrations, 0); /* nothing was left to unregister */
}

static void test_bluetoothd_restarts(void **state) {
	struct fixture *f = *state;
	make_active(f, &first);
	for (unsigned round = 1; round <= 3; round++) {
		fake_kill(f->fake);
		run_until(f->event, f->lost == round);
		assert_false(advert_is_active(f->advert));
		fake_start(f->fake);
		run_until(f->event, advert_is_active(f->advert));
		assert_true(shows(f, &first));
	}
}

static void test_bluetoothd_dies_while_registering(void **state) {
	struct fixture *f = *state;
	f->fake->hold_registration = true;
	assert_int_equal(advert_new(&f->advert, f->adapter, &first), 0);
	run_until(f->event, f->fake->held != NULL);
	fake_kill(f->fake);
	run_until(f->event, f->lost == 1);
	f->fake->hold_registration = false;
	fake_start(f->fake);
	run_until(f->event, advert_is_active(f->advert) && shows(f, &first));
}

static void test_content_set_while_gone(void **state) {
	struct fixture *f = *state;
	make_active(f, &first);
	fake_kill(f->fake);
	run_until(f->event, f->lost == 1);
	assert_int_equal(advert_set(f->advert, &second), 0);
	fake_settle(f->event, QUIET_US);
	fake_start(f->fake);
	run_until(f->event, advert_is_active(f->advert));
	assert_true(shows(f, &second));
	assert_int_equal(fake_adverts(f->fake), 1);
}

static void test_made_while_gone(void **state) {
	struct fixture *f = *state;
	fake_kill(f->fake);
	run_until(f->event, f->lost == 1);
	assert_int_equal(advert_new(&f->advert, f->adapter, &first), 0);
	fake_settle(f->event, QUIET_US);
	assert_false(advert_is_active(f->advert));
	fake_start(f->fake);
	run_until(f->event, advert_is_active(f->advert) && shows(f, &first));
}

static void test_refresh_does_not_register_twice(void **state) {
	struct fixture *f = *state;
	make_active(f, &first);
	advert_refresh(f->advert);
	run_until(f->event, fake_advert(f->fake)->changes == 1); /* asks bluetoothd to write it again */
	f->fake->hold_registration = true;
	assert_int_equal(advert_set(f->advert, &second), 0);
	advert_refresh(f->advert); /* withdrawing */
	run_until(f->event, f->fake->held != NULL);
	advert_refresh(f->advert); /* registering */
	fake_answer(f->fake);
	run_until(f->event, advert_is_active(f->advert));
	fake_settle(f->event, QUIET_US);
	assert_int_equal(f->fake->registrations, 2);
	assert_int_equal(f->fake->unregistrations, 1);
	assert_true(shows(f, &second));
}

static void test_written_again_around_connections(void **state) {
	struct fixture *f = *state;
	make_active(f, &first);
	struct fake_device *central = fake_hear(f->fake_adapter, "4F:50:AD:D4:7D:74", "random", 127, NULL, NULL, 0);
	fake_change(central, "RSSI", NULL); /* no connection */
	fake_settle(f->event, QUIET_US);
	assert_int_equal(fake_advert(f->fake)->changes, 0);
	central->connected = true;
	fake_change(central, "Connected", NULL);
	run_until(f->event, fake_advert(f->fake)->changes == 1);
	central->connected = false;
	fake_change(central, "Connected", NULL);
	run_until(f->event, fake_advert(f->fake)->changes == 2);
	/* And once more when the kernel's rotation timer has certainly run out. */
	uint64_t since_us = fake_now_us();
	run_until(f->event, fake_advert(f->fake)->changes == 3);
	assert_true(fake_now_us() - since_us > 2000000);
	assert_int_equal(f->fake->registrations, 1);
	assert_true(advert_is_active(f->advert));
	fake_forget(central);
}

static void test_connections_of_another_adapter(void **state) {
	struct fixture *f = *state;
	make_active(f, &first);
	/* Not a prefix match: hci01 is not hci0. */
	struct fake_adapter *other = fake_plug(f->fake, "hci01", "00:AA:01:01:00:01", true);
	struct fake_device *central = fake_hear(other, "4F:50:AD:D4:7D:74", "random", 127, NULL, NULL, 0);
	central->connected = true;
	fake_change(central, "Connected", NULL);
	fake_settle(f->event, QUIET_US);
	assert_int_equal(fake_advert(f->fake)->changes, 0);
	fake_forget(central);
}

static void test_several_at_once(void **state) {
	struct fixture *f = *state;
	make_active(f, &first);
	struct advert *other;
	assert_int_equal(advert_new(&other, f->adapter, &second), 0);
	run_until(f->event, advert_is_active(other) && advert_is_active(f->advert));
	assert_int_equal(fake_adverts(f->fake), 2);
	advert_free(other);
	run_until(f->event, fake_adverts(f->fake) == 1);
	assert_true(shows(f, &first));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_registered),
		TEST(test_broadcast_and_empty),
		TEST(test_too_long),
		TEST(test_refused_then_accepted),
		TEST(test_new_content),
		TEST(test_old_content_is_gone_before_the_new_is_registered),
		TEST(test_new_content_while_registering),
		TEST(test_freed_while_registering),
		TEST(test_freed_while_refused),
		TEST(test_released),
		TEST(test_bluetoothd_restarts),
		TEST(test_bluetoothd_dies_while_registering),
		TEST(test_content_set_while_gone),
		TEST(test_made_while_gone),
		TEST(test_refresh_does_not_register_twice),
		TEST(test_written_again_around_connections),
		TEST(test_connections_of_another_adapter),
		TEST(test_several_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
