/* tests/model/window.table against cam-radio/pairing_window.c. */
#include "tests/model/walk.h"

#include "base/log.h"
#include "cam-radio/pairing_window.h"
#include "pairing/limits.h"

#define TRIES PAIRING_TRIES

/* clang-format off */
#define EVENTS(X) \
	X(W_BUTTONS), X(W_BEGIN), X(W_BEGIN_DENIED), X(W_CODE), X(W_CLICK), X(W_STORED), X(W_ENDED), X(W_DEADLINE)
/* clang-format on */
#define NUMBER(name) name
#define NAME(name) #name
enum event { EVENTS(NUMBER), W_EVENTS };
static const char *const event_names[] = { EVENTS(NAME) };

enum model_state {
	W_CLOSED = WINDOW_CLOSED,
	W_OPEN = WINDOW_OPEN,
	W_HANDSHAKE = WINDOW_HANDSHAKE,
	W_CONFIRMING = WINDOW_CONFIRMING,
	W_STORING = WINDOW_STORING,
	W_PAIRED = WINDOW_PAIRED,
	W_STATES,
};

static struct model {
	enum model_state state;
	unsigned tries;
	bool in_progress, aborts;
} model;

static bool model_step(enum event event) {
	const struct model was = model;
	unsigned rows = 0;
#define ROW(from, guard, on, to, effects) \
	{ \
		enum model_state state = was.state; \
		unsigned tries = was.tries; \
		bool in_progress = was.in_progress, aborts = false; \
		if (state == (from) && (guard) && event == (on)) { \
			rows++; \
			effects; \
			model = (struct model){ (to), tries, in_progress, aborts }; \
		} \
	}
#include "tests/model/window.table"
#undef ROW
	assert_true(rows <= 1);
	return rows == 1;
}

/* --- the code --- */

static struct pairing_window *window;
static int pairing, stranger; /* their addresses stand for links */
static unsigned aborted, answered;
static bool shown;
static uint64_t now_us;

static void on_changed(void *context) {
	(void)context;
}

static void on_feedback(void *context, enum feedback_kind kind, const char *text) {
	(void)context, (void)kind, (void)text;
}

static void on_answer(void *context, void *link, bool accepted) {
	(void)context, (void)accepted;
	assert_ptr_equal(link, &pairing);
	answered++;
}

static void on_abort(void *context, void *link, enum reason reason) {
	(void)context;
	assert_ptr_equal(link, &pairing);
	aborted++;
	pairing_window_ended(window, link, reason); /* as its channel tells, from inside: nothing more may happen for it */
}

static const struct pairing_window_callbacks callbacks = {
	.changed = on_changed,
	.feedback = on_feedback,
	.answer = on_answer,
	.abort = on_abort,
};

static void begin(void) {
	model = (struct model){ .state = W_CLOSED };
	now_us = 1000 * SECOND_US;
	assert_int_equal(pairing_window_new(&window, &callbacks, NULL), 0);
}

static void end(void) {
	pairing_window_free(window);
}

static void code_step(enum event event) {
	aborted = answered = 0;
	switch (event) {
	case W_BUTTONS:
		pairing_window_open(window, now_us);
		break;
	case W_BEGIN:
		assert_int_equal(pairing_window_begin(window, &pairing), REASON_OK);
		break;
	case W_BEGIN_DENIED:
		assert_int_not_equal(pairing_window_begin(window, &stranger), REASON_OK);
		break;
	case W_CODE:
		pairing_window_code(window, &stranger, 1); /* not his */
		assert_string_equal(pairing_window_shown_code(window), "");
		pairing_window_code(window, &pairing, 123456);
		break;
	case W_CLICK:
		shown = pairing_window_state(window) == WINDOW_CONFIRMING;
		assert_true(pairing_window_click(window, true) == shown);
		assert_int_equal(answered, shown);
		break;
	case W_STORED:
		pairing_window_paired(window, &pairing, now_us);
		break;
	case W_ENDED:
		pairing_window_ended(window, &stranger, REASON_TIMEOUT);
		pairing_window_ended(window, &pairing, REASON_TIMEOUT);
		break;
	case W_DEADLINE:
		if (pairing_window_deadline_us(window) != UINT64_MAX) {
			pairing_window_tick(window, pairing_window_deadline_us(window) - 1); /* not yet */
			now_us = pairing_window_deadline_us(window);
		}
		pairing_window_tick(window, now_us);
		break;
	case W_EVENTS:
		break;
	}
}

static bool step(unsigned number) {
	enum event event = (enum event)number;
	bool was_in_progress = model.in_progress;
	if (!model_step(event))
		return false;
	if ((event == W_STORED || event == W_ENDED) && !was_in_progress)
		fail_msg("the table ends what has not begun");
	code_step(event);
	if ((unsigned)pairing_window_state(window) != (unsigned)model.state || (aborted > 0) != model.aborts || aborted > 1) {
		walk_print(event_names);
		fail_msg("state %u, the table %u; aborted %u, the table %u", (unsigned)pairing_window_state(window),
		         (unsigned)model.state, aborted, model.aborts);
	}
	assert_true((*pairing_window_shown_code(window) != '\0') == (model.state == W_CONFIRMING));
	assert_true((pairing_window_deadline_us(window) != UINT64_MAX) == (model.state != W_CLOSED)); /* it always ends */
	assert_true(pairing_window_is_inviting(window) == (model.state != W_CLOSED && model.state != W_PAIRED));
	return true;
}

static unsigned state_number(void) {
	return ((unsigned)model.state * (TRIES + 1) + model.tries) * 2 + model.in_progress;
}

static const struct walker walker = {
	.states = W_STATES * (TRIES + 1) * 2,
	.events = W_EVENTS,
	.begin = begin,
	.end = end,
	.state = state_number,
	.step = step,
};

static void test_every_step(void **state) {
	(void)state;
	unsigned steps, states = walk_everywhere(&walker, &steps);
	print_message("%u states, %u steps\n", states, steps);
	assert_true(states > W_STATES);
}

static void test_walks(void **state) {
	(void)state;
	walk_at_random(&walker, 300, 300);
}

int main(void) {
	log_set_level(LOG_LEVEL_ERROR);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_step),
		cmocka_unit_test(test_walks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
