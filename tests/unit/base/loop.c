#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/loop.h"

static unsigned passed;

static int on_timer(sd_event_source *source, uint64_t time_us, void *context) {
	(void)time_us, (void)context;
	passed++;
	if (passed == 2)
		loop_timer_start(source, 0); /* from its own callback */
	return 0;
}

static void run_for(sd_event *event, uint64_t us) {
	uint64_t end_us = loop_now_us(event) + us;
	do
		assert_true(sd_event_run(event, 1000) >= 0);
	while (loop_now_us(event) < end_us);
}

static void test_timer(void **state) {
	(void)state;
	sd_event *event = NULL;
	sd_event_source *timer = NULL;
	assert_true(sd_event_new(&event) >= 0);
	assert_int_equal(loop_timer_new(event, &timer, 1, on_timer, NULL), 0);
	assert_false(loop_timer_runs(timer));
	run_for(event, 5000);
	assert_int_equal(passed, 0);

	/* Once for each start, however often it was moved. */
	loop_timer_start(timer, 1000000000);
	loop_timer_start(timer, 1000);
	assert_true(loop_timer_runs(timer));
	run_for(event, 10000);
	assert_int_equal(passed, 1);
	assert_false(loop_timer_runs(timer));
	loop_timer_start(timer, 0);
	run_for(event, 10000);
	assert_int_equal(passed, 3);

	/* Stopped when its time has passed already, but the loop has not looked yet. */
	loop_timer_start(timer, 0);
	loop_timer_stop(timer);
	run_for(event, 5000);
	assert_int_equal(passed, 3);
	loop_timer_stop(NULL);
	sd_event_source_disable_unref(timer);
	sd_event_unref(event);
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_timer) };
	return cmocka_run_group_tests_name("base-loop", tests, NULL, NULL);
}
