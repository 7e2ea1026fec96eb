/* bluetooth/passive_scan against a small bluetoothd. */
#include "bluetooth/passive_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "bluetooth/bluez.h"
#include "tests/unit/base/captured.h"
#include "tests/unit/bluetooth/fake_bluez.h"

#define QUIET_US 50000
#define ACTIVATE_US 600000 /* longer than the first pause, to tell the two apart */
#define ROOT_PATH "/org/lanyard/monitors"

/* Companies whose bytes differ: the air has them the other way round. */
static const struct ear_format formats[EAR_FORMATS] = { { 0x1234, 0xa1, 3 }, { 0x5678, 0xb2, 5 } };

struct fixture {
	sd_event *event;
	struct fake_bluez *fake;
	struct fake_adapter *fake_adapter;
	sd_bus *bus;
	struct adapter *adapter;
	struct passive_scan *scan;
	struct captured captured;
	unsigned ready, lost;
};

static void on_ready(void *context) {
	struct fixture *f = context;
	f->ready++;
	if (f->scan)
		passive_scan_refresh(f->scan);
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
	passive_scan_free(f->scan);
	adapter_free(f->adapter);
	sd_bus_flush_close_unref(f->bus);
	fake_free(f->fake);
	sd_event_unref(f->event);
	free(f);
	return 0;
}

static void make_scan(struct fixture *f) {
	assert_int_equal(passive_scan_new(&f->scan, f->adapter, formats, ACTIVATE_US), 0);
	assert_false(passive_scan_is_active(f->scan));
}

static void free_scan(struct fixture *f) {
	passive_scan_free(f->scan);
	f->scan = NULL;
}

/* bluetoothd has read the monitor of this registration, the first being 1, and the client its answer. */
static void run_until_registered(struct fixture *f, unsigned registration) {
	run_until(f->event, f->fake->monitor_registrations == registration && f->fake->monitor.path[0] != '\0');
	fake_settle(f->event, QUIET_US);
	assert_string_equal(f->fake->monitor.root, ROOT_PATH);
	assert_string_equal(f->fake->monitor.type, "or_patterns");
	assert_int_equal(f->fake->monitor_registrations, registration);
}

static void make_active(struct fixture *f) {
	make_scan(f);
	run_until_registered(f, 1);
	fake_call_monitor(f->fake, "Activate");
	assert_true(passive_scan_is_active(f->scan));
}

/* Nothing is registered, and nothing will be: `us` longer than any pause. */
static void check_nothing_follows(struct fixture *f, uint64_t us) {
	unsigned registrations = f->fake->monitor_registrations;
	fake_settle(f->event, us);
	assert_false(f->fake->monitor.registered);
	assert_int_equal(f->fake->monitor_registrations, registrations);
}

static unsigned count(const char *text, const char *part) {
	unsigned found = 0;
	for (const char *at = text; (at = strstr(at, part)); at++)
		found++;
	return found;
}

/* --- what the monitor is for --- */

static void check_nobodys(const struct fixture *f) {
	const struct fake_monitor *monitor = &f->fake->monitor;
	assert_int_equal(monitor->pattern_count, 1);
	assert_int_equal(monitor->patterns[0].position, 0);
	assert_int_equal(monitor->patterns[0].type, 0xff);
	/* Longer than what any format says, so that no advert of ours has it, whatever the companies are. */
	assert_int_equal(monitor->patterns[0].length, 8);
	assert_memory_equal(monitor->patterns[0].content, "\xfe\xff", 2);
}

static void check_ours(const struct fixture *f) {
	static const uint8_t contents[EAR_FORMATS][3] = { { 0x34, 0x12, 0xa1 }, { 0x78, 0x56, 0xb2 } };
	const struct fake_monitor *monitor = &f->fake->monitor;
	assert_int_equal(monitor->pattern_count, EAR_FORMATS);
	for (size_t i = 0; i < EAR_FORMATS; i++) {
		assert_int_equal(monitor->patterns[i].position, 0);
		assert_int_equal(monitor->patterns[i].type, 0xff);
		assert_int_equal(monitor->patterns[i].length, 3);
		assert_memory_equal(monitor->patterns[i].content, contents[i], 3);
	}
}

static void test_patterns(void **state) {
	struct fixture *f = *state;
	static char offloaded[] = "controller-patterns", other[] = "controller-poems", further[] = "controller-patterns-2";
	static const struct {
		char *features[3];
		bool ours;
	} cases[] = {
		{ { NULL }, false },
		{ { offloaded }, true },
		{ { other, offloaded, further }, true },
		{ { offloaded, other }, true },
		{ { other, further }, false },
	};
	for (unsigned i = 0; i < ELEMENTS(cases); i++) {
		memcpy(f->fake->features, cases[i].features, sizeof(cases[i].features));
		make_scan(f);
		run_until_registered(f, i + 1);
		if (cases[i].ours)
			check_ours(f);
		else
			check_nobodys(f);
		free_scan(f);
		run_until(f->event, !f->fake->monitor.registered);
	}
}

/* --- refused --- */

static void check_refused(struct fixture *f, const char *name) {
	make_scan(f);
	capture_start(&f->captured);
	run_until(f->event, f->fake->monitor.path[0] != '\0');
	const char *text = capture_end(&f->captured);
	assert_int_equal(count(text, name), 1); /* however often it is refused */
	assert_int_equal(count(text, "refuses to scan passively"), 1);
	fake_call_monitor(f->fake, "Activate");
	assert_true(passive_scan_is_active(f->scan));
}

static void test_features_refused(void **state) {
	struct fixture *f = *state;
	uint64_t since_us = fake_now_us();
	f->fake->fail_features = (struct fake_failure){ 2, "org.bluez.Error.NotReady" };
	check_refused(f, "org.bluez.Error.NotReady");
	assert_true(fake_now_us() - since_us >= 3 * BACKOFF_FIRST_US); /* the second pause is twice as long */
	assert_int_equal(f->fake->monitor_registrations, 1);
}

static void test_monitor_refused(void **state) {
	struct fixture *f = *state;
	uint64_t since_us = fake_now_us();
	f->fake->fail_monitor = (struct fake_failure){ 2, "org.bluez.Error.Failed" };
	check_refused(f, "org.bluez.Error.Failed");
	assert_true(fake_now_us() - since_us >= 3 * BACKOFF_FIRST_US);
	assert_int_equal(f->fake->monitor_registrations, 3);
}

/* That nobody is there is not said, and hides nothing that is said afterwards. */
static void test_gone_then_refused(void **state) {
	struct fixture *f = *state;
	f->fake->fail_features = (struct fake_failure){ 1, SD_BUS_ERROR_SERVICE_UNKNOWN };
	f->fake->fail_monitor = (struct fake_failure){ 1, "org.bluez.Error.Failed" };
	check_refused(f, "org.bluez.Error.Failed");
}

/* bluetoothd runs without --experimental, and is restarted with it. */
static void test_no_manager(void **state) {
	struct fixture *f = *state;
	fake_kill(f->fake);
	run_until(f->event, f->lost == 1);
	f->fake->without_monitors = true;
	fake_start(f->fake);
	run_until(f->event, f->ready == 2);
	make_scan(f);
	capture_start(&f->captured);
	fake_settle(f->event, 3 * BACKOFF_FIRST_US);
	assert_int_equal(count(capture_end(&f->captured), "does it run with --experimental?"), 1);
	assert_int_equal(f->fake->monitor_registrations, 0);
	fake_kill(f->fake);
	run_until(f->event, f->lost == 2);
	f->fake->without_monitors = false;
	fake_start(f->fake);
	run_until_registered(f, 1);
}

/* --- begun anew --- */

static void test_released(void **state) {
	struct fixture *f = *state;
	make_active(f);
	for (unsigned round = 1; round <= 2; round++) {
		fake_call_monitor(f->fake, "Release");
		assert_false(passive_scan_is_active(f->scan));
		run_until_registered(f, round + 1);
		assert_int_equal(f->fake->monitor_unregistrations, round);
		fake_call_monitor(f->fake, "Activate");
		assert_true(passive_scan_is_active(f->scan));
	}
}

static void test_not_activated(void **state) {
	struct fixture *f = *state;
	uint64_t since_us = fake_now_us();
	make_scan(f);
	capture_start(&f->captured);
	run_until_registered(f, 1);
	run_until_registered(f, 2);
	assert_true(fake_now_us() - since_us >= ACTIVATE_US + BACKOFF_FIRST_US);
	run_until_registered(f, 3);
	assert_int_equal(count(capture_end(&f->captured), "does not scan"), 1);
	assert_int_equal(f->fake->monitor_unregistrations, 2);
	assert_false(passive_scan_is_active(f->scan));
	/* At last. */
	fake_call_monitor(f->fake, "Activate");
	fake_settle(f->event, 2 * ACTIVATE_US);
	assert_int_equal(f->fake->monitor_registrations, 3);
	assert_true(passive_scan_is_active(f->scan));
}

static void test_activated_before_the_answer(void **state) {
	struct fixture *f = *state;
	f->fake->hold_registration = true;
	make_scan(f);
	run_until(f->event, f->fake->held != NULL);
	fake_call_monitor(f->fake, "Activate");
	fake_answer(f->fake);
	fake_settle(f->event, 2 * ACTIVATE_US);
	assert_int_equal(f->fake->monitor_registrations, 1);
	assert_true(f->fake->monitor.registered && passive_scan_is_active(f->scan));
}

static void test_bluetoothd_restarts(void **state) {
	struct fixture *f = *state;
	static char offloaded[] = "controller-patterns";
	make_active(f);
	check_nobodys(f);
	for (unsigned round = 1; round <= 2; round++) {
		fake_kill(f->fake);
		run_until(f->event, f->lost == round);
		f->fake->features[0] = round == 1 ? offloaded : NULL; /* asked for anew */
		fake_start(f->fake);
		run_until_registered(f, round + 1);
		assert_false(passive_scan_is_active(f->scan));
		if (round == 1)
			check_ours(f);
		else
			check_nobodys(f);
		fake_call_monitor(f->fake, "Activate");
		assert_true(passive_scan_is_active(f->scan));
	}
	assert_int_equal(f->fake->monitor_unregistrations, 0); /* there was nothing to take back */
}

/* Gone for longer than a monitor may take to be activated: that is no fault of its scanning. */
static void test_bluetoothd_goes_before_it_activates(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	run_until_registered(f, 1);
	capture_start(&f->captured);
	fake_kill(f->fake);
	fake_settle(f->event, 2 * ACTIVATE_US);
	assert_int_equal(count(capture_end(&f->captured), "does not scan"), 0);
	fake_start(f->fake);
	run_until_registered(f, 2);
}

/* bluetoothd goes on and has kept everything. */
static void test_adapter_switched_off_and_on(void **state) {
	struct fixture *f = *state;
	make_active(f);
	capture_start(&f->captured);
	fake_set_powered(f->fake_adapter, false);
	run_until(f->event, f->lost == 1);
	run_until(f->event, f->ready == 2);
	run_until_registered(f, 2);
	assert_int_equal(count(capture_end(&f->captured), "refuses"), 0);
	assert_int_equal(f->fake->monitor_unregistrations, 1);
	fake_call_monitor(f->fake, "Activate");
	assert_true(passive_scan_is_active(f->scan));
}

static void test_refreshed_without_need(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	passive_scan_refresh(f->scan); /* while it asks for features */
	run_until(f->event, f->fake->monitor_registrations == 1);
	passive_scan_refresh(f->scan); /* while it registers */
	run_until_registered(f, 1);
	fake_call_monitor(f->fake, "Activate");
	passive_scan_refresh(f->scan);
	fake_settle(f->event, QUIET_US);
	assert_int_equal(f->fake->monitor_registrations, 1);
	assert_true(f->fake->monitor.registered && passive_scan_is_active(f->scan));
}

static void test_made_while_gone(void **state) {
	struct fixture *f = *state;
	fake_kill(f->fake);
	run_until(f->event, f->lost == 1);
	make_scan(f);
	fake_settle(f->event, QUIET_US);
	fake_start(f->fake);
	run_until_registered(f, 1);
}

static void test_made_while_switched_off(void **state) {
	struct fixture *f = *state;
	f->fake->fail_power = (struct fake_failure){ 1000, "org.bluez.Error.Failed" };
	fake_set_powered(f->fake_adapter, false);
	run_until(f->event, f->lost == 1);
	make_scan(f);
	check_nothing_follows(f, QUIET_US);
	f->fake->fail_power.times = 0;
	run_until_registered(f, 1);
}

/* --- freed --- */

static void test_freed_while_asking(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	free_scan(f);
	check_nothing_follows(f, QUIET_US);
	assert_int_equal(f->fake->monitor_registrations, 0);
	passive_scan_free(NULL);
}

static void test_freed_while_registering(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	run_until(f->event, f->fake->monitor_registrations == 1); /* it is about to be read */
	free_scan(f);
	check_nothing_follows(f, QUIET_US);
	f->fake->hold_registration = true;
	make_scan(f);
	run_until(f->event, f->fake->held != NULL); /* it has been read, and not answered */
	free_scan(f);
	check_nothing_follows(f, QUIET_US);
	assert_int_equal(f->fake->monitor_unregistrations, 2);
}

static void test_freed_when_registered(void **state) {
	struct fixture *f = *state;
	make_scan(f);
	run_until_registered(f, 1);
	free_scan(f);
	check_nothing_follows(f, 2 * ACTIVATE_US);
	assert_int_equal(f->fake->monitor_unregistrations, 1);
}

static void test_freed_when_active(void **state) {
	struct fixture *f = *state;
	make_active(f);
	free_scan(f);
	check_nothing_follows(f, QUIET_US);
	assert_int_equal(f->fake->monitor_unregistrations, 1);
}

static void test_freed_in_a_pause(void **state) {
	struct fixture *f = *state;
	make_active(f);
	fake_call_monitor(f->fake, "Release");
	free_scan(f);
	check_nothing_follows(f, 2 * BACKOFF_FIRST_US);
	assert_int_equal(f->fake->monitor_unregistrations, 1);
}

static void test_freed_while_gone(void **state) {
	struct fixture *f = *state;
	make_active(f);
	fake_kill(f->fake);
	run_until(f->event, f->lost == 1);
	free_scan(f);
	fake_start(f->fake);
	run_until(f->event, f->ready == 2);
	check_nothing_follows(f, QUIET_US);
	assert_int_equal(f->fake->monitor_unregistrations, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_patterns),
		TEST(test_features_refused),
		TEST(test_monitor_refused),
		TEST(test_gone_then_refused),
		TEST(test_no_manager),
		TEST(test_released),
		TEST(test_not_activated),
		TEST(test_activated_before_the_answer),
		TEST(test_bluetoothd_restarts),
		TEST(test_bluetoothd_goes_before_it_activates),
		TEST(test_adapter_switched_off_and_on),
		TEST(test_refreshed_without_need),
		TEST(test_made_while_gone),
		TEST(test_made_while_switched_off),
		TEST(test_freed_while_asking),
		TEST(test_freed_while_registering),
		TEST(test_freed_when_registered),
		TEST(test_freed_when_active),
		TEST(test_freed_in_a_pause),
		TEST(test_freed_while_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
