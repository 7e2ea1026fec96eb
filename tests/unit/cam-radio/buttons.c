/* cam-radio/buttons on pipes that stand for input devices. */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cam-radio/buttons.h"
#include "unit.h"

#define EVENT_KEY KEY_RECORD
#define FUNCTION_KEY KEY_MENU

struct fixture {
	sd_event *event;
	struct buttons *buttons;
	struct input_port port;
	int device, events; /* the test's end of the device, -1 while there is none; how often it was opened */
	bool plugged, down_at_open[2], state_fails;
	enum button_gate_result results[32];
	size_t count, changes;
};

static int port_open(void *context, const char *device) {
	struct fixture *f = context;
	assert_string_equal(device, "pads");
	if (!f->plugged)
		return -ENOENT;
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	if (f->device >= 0)
		close(f->device);
	f->device = pair[0];
	f->events++;
	return pair[1];
}

static int port_key(void *context, int file, unsigned key, bool *ret_down) {
	struct fixture *f = context;
	assert_true(file >= 0);
	if (f->state_fails)
		return -ENODEV;
	*ret_down = f->down_at_open[key == FUNCTION_KEY];
	return 0;
}

static void on_gate(void *context, enum button_gate_result result) {
	struct fixture *f = context;
	assert_true(f->count < ELEMENTS(f->results));
	f->results[f->count++] = result;
}

static void on_changed(void *context) {
	struct fixture *f = context;
	f->changes++;
}

static const struct buttons_callbacks handlers = { .gate = on_gate, .changed = on_changed };

static void start(struct fixture *f) {
	const struct buttons_config config = {
		.button[BUTTON_EVENT] = { .device = "pads", .key = EVENT_KEY },
		.button[BUTTON_FUNCTION] = { .device = "pads", .key = FUNCTION_KEY },
		.port = &f->port,
	};
	assert_int_equal(buttons_new(&f->buttons, f->event, &config, &handlers, f), 0);
	assert_int_equal(f->count, 0); /* nothing is told from inside */
}

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	assert_true(sd_event_new(&f->event) >= 0);
	f->port = (struct input_port){ .open = port_open, .key = port_key, .context = f };
	f->device = -1;
	f->plugged = true;
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	buttons_free(f->buttons);
	if (f->device >= 0)
		close(f->device);
	sd_event_unref(f->event);
	free(f);
	return 0;
}

static uint64_t boottime_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * SECOND_US + (uint64_t)now.tv_nsec / 1000;
}

static void emit_at(struct fixture *f, unsigned short type, unsigned short code, int value, uint64_t time_us) {
	struct input_event event = { .type = type, .code = code, .value = value };
	event.input_event_sec = (time_t)(time_us / SECOND_US);
	event.input_event_usec = (suseconds_t)(time_us % SECOND_US);
	assert_int_equal(write(f->device, &event, sizeof(event)), sizeof(event));
}

static void emit(struct fixture *f, unsigned short type, unsigned short code, int value) {
	emit_at(f, type, code, value, boottime_us());
}

static void settle(struct fixture *f) {
	while (sd_event_run(f->event, 0) > 0)
		;
}

/* Runs the loop until this many results are there; fails after `most_us`. */
static void wait_results(struct fixture *f, size_t count, uint64_t most_us) {
	uint64_t end_us = boottime_us() + most_us;
	while (f->count < count) {
		assert_true(boottime_us() < end_us);
		assert_true(sd_event_run(f->event, 100000) >= 0);
	}
}

static void test_hold_opens(void **state) {
	struct fixture *f = *state;
	start(f);
	assert_true(buttons_is_known(f->buttons, BUTTON_EVENT));
	assert_int_equal(f->events, 1); /* one device for both */
	uint64_t pressed_us = boottime_us();
	emit(f, EV_KEY, EVENT_KEY, 1);
	emit(f, EV_KEY, FUNCTION_KEY, 1);
	settle(f);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->results[0], BUTTON_GATE_HOLDING);
	assert_true(buttons_is_down(f->buttons, BUTTON_EVENT));
	emit(f, EV_KEY, EVENT_KEY, 2); /* auto-repeat is no press */
	emit(f, EV_KEY, KEY_A, 1);     /* nor is another key */
	wait_results(f, 2, 4 * SECOND_US);
	assert_int_equal(f->results[1], BUTTON_GATE_OPEN);
	assert_true(boottime_us() - pressed_us >= BUTTONS_HELD_US);
}

/* The time that an event carries counts, not the time at which a busy loop reads it: these two arrive together. */
static void test_late_loop(void **state) {
	struct fixture *f = *state;
	start(f);
	uint64_t now_us = boottime_us();
	emit_at(f, EV_KEY, EVENT_KEY, 1, now_us - 900 * MILLISECOND_US);
	emit_at(f, EV_KEY, FUNCTION_KEY, 1, now_us - 300 * MILLISECOND_US); /* 600 ms apart */
	settle(f);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->results[0], BUTTON_GATE_FAILED);
}

static void test_click(void **state) {
	struct fixture *f = *state;
	start(f);
	uint64_t now_us = boottime_us();
	emit_at(f, EV_KEY, EVENT_KEY, 1, now_us - 200 * MILLISECOND_US);
	emit_at(f, EV_KEY, EVENT_KEY, 0, now_us - 100 * MILLISECOND_US);
	settle(f);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->results[0], BUTTON_GATE_EVENT_CLICK);
	emit_at(f, EV_KEY, FUNCTION_KEY, 1, now_us - 60 * MILLISECOND_US);
	emit_at(f, EV_KEY, FUNCTION_KEY, 0, now_us);
	settle(f);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->results[1], BUTTON_GATE_FUNCTION_CLICK);
}

/* Held since before the daemon ran: not a press, however long. */
static void test_held_at_start(void **state) {
	struct fixture *f = *state;
	f->down_at_open[BUTTON_EVENT] = true;
	start(f);
	assert_true(buttons_is_down(f->buttons, BUTTON_EVENT));
	emit(f, EV_KEY, FUNCTION_KEY, 1);
	settle(f);
	for (unsigned turn = 0; turn < 25; turn++) /* 2.5 s */
		assert_true(sd_event_run(f->event, 100000) >= 0);
	for (size_t i = 0; i < f->count; i++)
		assert_int_not_equal(f->results[i], BUTTON_GATE_OPEN);
	emit(f, EV_KEY, FUNCTION_KEY, 0);
	emit(f, EV_KEY, EVENT_KEY, 0);
	settle(f);
	assert_false(buttons_is_down(f->buttons, BUTTON_EVENT));
}

static void test_vanishes_and_returns(void **state) {
	struct fixture *f = *state;
	start(f);
	emit(f, EV_KEY, EVENT_KEY, 1);
	emit(f, EV_KEY, FUNCTION_KEY, 1);
	settle(f);
	assert_int_equal(f->results[0], BUTTON_GATE_HOLDING);
	f->plugged = false;
	close(f->device);
	f->device = -1;
	settle(f);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->results[1], BUTTON_GATE_FAILED);
	assert_false(buttons_is_known(f->buttons, BUTTON_EVENT));
	assert_false(buttons_is_known(f->buttons, BUTTON_FUNCTION));
	/* It comes back with a button held: that one does not count. */
	f->plugged = true;
	f->down_at_open[BUTTON_FUNCTION] = true;
	uint64_t end_us = boottime_us() + 3 * SECOND_US;
	while (f->events < 2) {
		assert_true(boottime_us() < end_us);
		assert_true(sd_event_run(f->event, 100000) >= 0);
	}
	assert_true(buttons_is_known(f->buttons, BUTTON_EVENT));
	emit(f, EV_KEY, EVENT_KEY, 1);
	settle(f);
	assert_int_equal(f->count, 2);
}

/* Missing from the start: found when it comes. */
static void test_comes_later(void **state) {
	struct fixture *f = *state;
	f->plugged = false;
	start(f);
	settle(f);
	assert_false(buttons_is_known(f->buttons, BUTTON_EVENT));
	f->plugged = true;
	uint64_t end_us = boottime_us() + 3 * SECOND_US;
	while (!buttons_is_known(f->buttons, BUTTON_EVENT)) {
		assert_true(boottime_us() < end_us);
		assert_true(sd_event_run(f->event, 100000) >= 0);
	}
	assert_true(f->changes > 0);
}

/* The kernel's queue overflowed: the state is asked for, and what lay between is not believed. */
static void test_dropped(void **state) {
	struct fixture *f = *state;
	start(f);
	emit(f, EV_KEY, EVENT_KEY, 1);
	settle(f);
	f->down_at_open[BUTTON_EVENT] = true;
	emit(f, EV_SYN, SYN_DROPPED, 0);
	emit(f, EV_KEY, FUNCTION_KEY, 1); /* lost its release, say */
	emit(f, EV_KEY, EVENT_KEY, 0);
	settle(f);
	assert_true(buttons_is_down(f->buttons, BUTTON_EVENT));
	assert_false(buttons_is_down(f->buttons, BUTTON_FUNCTION));
	assert_int_equal(f->count, 0);
	emit(f, EV_SYN, SYN_REPORT, 0);
	settle(f);
	assert_true(buttons_is_down(f->buttons, BUTTON_EVENT));
	assert_false(buttons_is_down(f->buttons, BUTTON_FUNCTION));
	/* A device that cannot be asked any more is gone. */
	f->state_fails = true;
	emit(f, EV_SYN, SYN_DROPPED, 0);
	emit(f, EV_SYN, SYN_REPORT, 0);
	settle(f);
	assert_false(buttons_is_known(f->buttons, BUTTON_EVENT));
}

static void test_garbage(void **state) {
	struct fixture *f = *state;
	start(f);
	assert_int_equal(write(f->device, "xyz", 3), 3);
	settle(f);
	assert_false(buttons_is_known(f->buttons, BUTTON_EVENT));
	assert_int_equal(f->count, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hold_opens, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_click, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held_at_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vanishes_and_returns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_comes_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
