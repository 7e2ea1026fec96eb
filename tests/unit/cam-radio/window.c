/* cam-radio/pairing_window with a clock of the test's own. */
#include <stdio.h>

#include "cam-radio/pairing_window.h"
#include "pairing/limits.h"
#include "unit.h"

struct fixture {
	struct pairing_window *window;
	unsigned changes;
	void *answered, *aborted;
	bool accepted;
	enum reason abort_reason;
	/* What the links do with an answer or an abort: tell of the end at once, as a link that closes does. */
	bool end_inside;
	unsigned feedback[FEEDBACK_WIFI_OFF + 1];
	char text[128];
};

static void on_changed(void *context) {
	struct fixture *f = context;
	f->changes++;
}

static void on_answer(void *context, void *pairing, bool accepted) {
	struct fixture *f = context;
	f->answered = pairing;
	f->accepted = accepted;
	if (f->end_inside && !accepted)
		pairing_window_ended(f->window, pairing, REASON_CODE_REJECTED);
}

static void on_abort(void *context, void *pairing, enum reason reason) {
	struct fixture *f = context;
	f->aborted = pairing;
	f->abort_reason = reason;
	if (f->end_inside)
		pairing_window_ended(f->window, pairing, reason);
}

static void on_feedback(void *context, enum feedback_kind kind, const char *text) {
	struct fixture *f = context;
	f->feedback[kind]++;
	snprintf(f->text, sizeof(f->text), "%s", text);
}

static const struct pairing_window_callbacks handlers = {
	.changed = on_changed,
	.answer = on_answer,
	.abort = on_abort,
	.feedback = on_feedback,
};

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	assert_int_equal(pairing_window_new(&f->window, &handlers, f), 0);
	f->end_inside = true;
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	pairing_window_free(f->window);
	free(f);
	return 0;
}

static int one, two;
#define NOW (1000 * SECOND_US)

static void test_closed_at_start(void **state) {
	struct fixture *f = *state;
	assert_string_equal(pairing_window_name(f->window), "closed");
	assert_int_equal(pairing_window_begin(f->window, &one), REASON_PAIRING_CLOSED);
	assert_false(pairing_window_is_inviting(f->window));
	assert_int_equal(pairing_window_deadline_us(f->window), UINT64_MAX);
	assert_false(pairing_window_click(f->window, true));
}

static void test_pairs(void **state) {
	struct fixture *f = *state;
	pairing_window_open(f->window, NOW);
	assert_string_equal(pairing_window_name(f->window), "open");
	assert_true(pairing_window_is_inviting(f->window));
	assert_int_equal(pairing_window_begin(f->window, &one), REASON_OK);
	assert_string_equal(pairing_window_name(f->window), "open");
	assert_false(pairing_window_click(f->window, true)); /* nothing to confirm yet */
	assert_null(f->answered);
	pairing_window_code(f->window, &one, 42);
	assert_string_equal(pairing_window_name(f->window), "confirming");
	assert_string_equal(pairing_window_shown_code(f->window), "000042");
	assert_non_null(strstr(f->text, "000 042"));
	assert_true(pairing_window_click(f->window, true));
	assert_ptr_equal(f->answered, &one);
	assert_true(f->accepted);
	assert_string_equal(pairing_window_shown_code(f->window), "");
	f->answered = NULL;
	assert_false(pairing_window_click(f->window, false)); /* the answer was given */
	assert_null(f->answered);
	pairing_window_paired(f->window, &one, NOW + 5 * SECOND_US);
	assert_string_equal(pairing_window_name(f->window), "paired");
	assert_int_equal(f->feedback[FEEDBACK_PAIRED], 1);
	/* One pairing for each window. */
	assert_int_equal(pairing_window_begin(f->window, &two), REASON_PAIRING_CLOSED);
	uint64_t deadline_us = pairing_window_deadline_us(f->window);
	assert_true(deadline_us < NOW + PAIRING_WINDOW_US);
	pairing_window_tick(f->window, deadline_us);
	assert_string_equal(pairing_window_name(f->window), "closed");
	assert_null(f->aborted);
}

static void test_second_initiator_does_not_disturb(void **state) {
	struct fixture *f = *state;
	pairing_window_open(f->window, NOW);
	assert_int_equal(pairing_window_begin(f->window, &one), REASON_OK);
	assert_int_equal(pairing_window_begin(f->window, &two), REASON_PAIRING_BUSY);
	pairing_window_code(f->window, &two, 7); /* not the one */
	assert_string_equal(pairing_window_name(f->window), "open");
	pairing_window_code(f->window, &one, 7);
	assert_int_equal(pairing_window_begin(f->window, &two), REASON_PAIRING_BUSY);
	pairing_window_ended(f->window, &two, REASON_LINK_CLOSED);
	assert_string_equal(pairing_window_name(f->window), "confirming");
	pairing_window_paired(f->window, &two, NOW);
	assert_string_equal(pairing_window_name(f->window), "confirming");
	/* A refused one costs no try. */
	pairing_window_click(f->window, true);
	pairing_window_paired(f->window, &one, NOW);
	assert_string_equal(pairing_window_name(f->window), "paired");
}

static void test_tries(void **state) {
	struct fixture *f = *state;
	pairing_window_open(f->window, NOW);
	for (unsigned try = 1; try <= PAIRING_TRIES; try++) {
		assert_string_equal(pairing_window_name(f->window), "open");
		assert_int_equal(pairing_window_begin(f->window, &one), REASON_OK);
		pairing_window_ended(f->window, &one, REASON_HANDSHAKE_FAILED);
		assert_int_equal(f->feedback[FEEDBACK_FAILED], try);
	}
	assert_string_equal(pairing_window_name(f->window), "closed");
	assert_int_equal(f->feedback[FEEDBACK_WINDOW_CLOSED], 1);
	assert_int_equal(pairing_window_begin(f->window, &one), REASON_PAIRING_CLOSED);
	/* The buttons make a new window with new tries. */
	pairing_window_open(f->window, NOW + SECOND_US);
	assert_int_equal(pairing_window_begin(f->window, &one), REASON_OK);
}

static void test_rejected(void **state) {
	struct fixture *f = *state;
	pairing_window_open(f->window, NOW);
	pairing_window_begin(f->window, &one);
	pairing_window_code(f->window, &one, 123456);
	assert_true(pairing_window_click(f->window, false));
	assert_ptr_equal(f->answered, &one);
	assert_false(f->accepted);
	assert_string_equal(pairing_window_name(f->window), "open");
	assert_int_equal(pairing_window_begin(f->window, &two), REASON_OK);
}

/* At every point of a pairing, the end of the window ends the pairing (threats.md, invariant 1). */
static void test_expires(void **state) {
	struct fixture *f = *state;
	for (unsigned step = 0; step < 4; step++) {
		f->aborted = NULL;
		pairing_window_open(f->window, NOW);
		if (step >= 1)
			pairing_window_begin(f->window, &one);
		if (step >= 2)
			pairing_window_code(f->window, &one, 1);
		if (step >= 3)
			pairing_window_click(f->window, true);
		assert_int_equal(pairing_window_deadline_us(f->window), NOW + PAIRING_WINDOW_US);
		pairing_window_tick(f->window, NOW + PAIRING_WINDOW_US - 1);
		assert_true(pairing_window_is_inviting(f->window));
		pairing_window_tick(f->window, NOW + PAIRING_WINDOW_US);
		assert_string_equal(pairing_window_name(f->window), "closed");
		assert_string_equal(pairing_window_shown_code(f->window), "");
		assert_int_equal(pairing_window_deadline_us(f->window), UINT64_MAX);
		assert_ptr_equal(f->aborted, step >= 1 ? &one : NULL);
		if (step >= 1)
			assert_int_equal(f->abort_reason, REASON_PAIRING_EXPIRED);
		pairing_window_paired(f->window, &one, NOW); /* too late */
		assert_string_equal(pairing_window_name(f->window), "closed");
	}
}

static void test_opened_again(void **state) {
	struct fixture *f = *state;
	pairing_window_open(f->window, NOW);
	pairing_window_begin(f->window, &one);
	pairing_window_code(f->window, &one, 1);
	pairing_window_open(f->window, NOW + 30 * SECOND_US);
	assert_ptr_equal(f->aborted, &one);
	assert_string_equal(pairing_window_name(f->window), "open");
	assert_int_equal(pairing_window_deadline_us(f->window), NOW + 30 * SECOND_US + PAIRING_WINDOW_US);
	for (unsigned try = 0; try < PAIRING_TRIES; try++) {
		assert_int_equal(pairing_window_begin(f->window, &two), REASON_OK);
		pairing_window_ended(f->window, &two, REASON_TIMEOUT);
	}
	assert_string_equal(pairing_window_name(f->window), "closed");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_closed_at_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pairs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second_initiator_does_not_disturb, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rejected, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expires, setup, teardown),
		cmocka_unit_test_setup_teardown(test_opened_again, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
