/* What a camera says to its neighbours when a person has started it: how long, with which sequences, and never the same one
 * twice, whatever happens to the power. */
#include "cam-radio/signal_caller.h"

#include "crypto/crypto.h"
#include "tests/unit/base/captured.h"
#include "tests/unit/base/power_cut.h"

#define NOW_S 1800000000u

static struct power_cut disk;
static struct signal_caller caller;

static int set_up(void **state) {
	(void)state;
	power_cut_start(&disk);
	signal_caller_init(&caller, 9, file_layer_system(), disk.folder);
	return 0;
}

static int tear_down(void **state) {
	(void)state;
	power_cut_end(&disk);
	return 0;
}

static void test_half_a_minute(void **state) {
	(void)state;
	struct signal_call call;
	assert_false(signal_caller_say(&caller, 5, NOW_S, &call));
	assert_int_equal(signal_caller_begin(&caller, 5), 0);
	for (uint32_t i = 0; i < 10; i++) {
		assert_true(signal_caller_say(&caller, 5 + i * 3000000u, NOW_S + 3 * i, &call));
		assert_int_equal(call.sender, 9);
		assert_int_equal(call.sequence, i + 1);
		assert_int_equal(call.time_s, NOW_S + 3 * i);
		assert_int_equal(call.kind, SIGNAL_CAMERA);
	}
	assert_false(signal_caller_is_calling(&caller, 5 + SIGNAL_CALL_US));
	assert_int_equal(signal_caller_begin(&caller, 100000000), 0);
	signal_caller_end(&caller);
	assert_false(signal_caller_say(&caller, 100000001, NOW_S, &call));
}

static void test_restart(void **state) {
	(void)state;
	struct signal_call call;
	uint32_t last = 0;
	for (unsigned start = 0; start < 5; start++) {
		signal_caller_init(&caller, 9, file_layer_system(), disk.folder);
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(signal_caller_begin(&caller, 1), 0);
			for (unsigned j = 0; j < 11; j++) {
				assert_true(signal_caller_say(&caller, 1, NOW_S, &call));
				assert_true(call.sequence > last);
				last = call.sequence;
			}
		}
	}
}

/* The power goes at any step: the next run says nothing that this one has said. */
static void test_power_cut(void **state) {
	(void)state;
	for (unsigned cut = 1; cut < 20; cut++) {
		struct signal_call call = { 0 };
		power_cut_end(&disk);
		power_cut_start(&disk);
		signal_caller_init(&caller, 9, &disk.layer, disk.folder);
		disk.cut_at = cut;
		int r = signal_caller_begin(&caller, 1);
		assert_true(signal_caller_say(&caller, 1, NOW_S, &call) == (r == 0));
		for (unsigned outcome = 0; power_cut_outcome(&disk, outcome); outcome++) {
			struct signal_caller next;
			struct signal_call again;
			signal_caller_init(&next, 9, file_layer_system(), disk.folder);
			assert_int_equal(signal_caller_begin(&next, 1), 0);
			assert_true(signal_caller_say(&next, 1, NOW_S, &again));
			assert_true(again.sequence > call.sequence);
		}
	}
}

static void test_damaged(void **state) {
	(void)state;
	struct captured captured;
	static const uint8_t bytes[8] = { 0, 0, 0, 7 };
	assert_int_equal(file_replace(file_layer_system(), disk.folder, "call-sequence", bytes, sizeof(bytes)), 0);
	capture_start(&captured);
	signal_caller_init(&caller, 9, file_layer_system(), disk.folder);
	assert_non_null(strstr(capture_end(&captured), "is damaged"));
	assert_int_equal(signal_caller_begin(&caller, 1), -EOVERFLOW);
	assert_false(signal_caller_is_calling(&caller, 1));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_half_a_minute, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_restart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_power_cut, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
