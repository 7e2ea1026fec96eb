/* Invariant 1, the buttons' part. Each row is a story told in edges; times in milliseconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "pairing/button_gate.h"

enum action { END, EVENT_DOWN, EVENT_UP, FUNCTION_DOWN, FUNCTION_UP, EVENT_LOST, FUNCTION_LOST };
#define STEPS 16

struct story {
	const char *what;
	bool event_at_start, function_at_start;
	struct {
		unsigned at_ms;
		enum action action;
	} steps[STEPS];
	unsigned until_ms, opens, clicks;
};

static const struct story stories[] = {
	{ "together, held", 0, 0, { { 100, EVENT_DOWN }, { 300, FUNCTION_DOWN } }, 3000, 1, 0 },
	{ "at the limit", 0, 0, { { 100, FUNCTION_DOWN }, { 600, EVENT_DOWN } }, 3000, 1, 0 },
	{ "too far apart", 0, 0, { { 100, EVENT_DOWN }, { 601, FUNCTION_DOWN } }, 9000, 0, 0 },
	{ "one only", 0, 0, { { 100, EVENT_DOWN } }, 9000, 0, 0 },
	{ "let go too early", 0, 0, { { 100, EVENT_DOWN }, { 100, FUNCTION_DOWN }, { 2050, EVENT_UP } }, 9000, 0, 0 },
	{ "one let go and pressed again while the other is held",
	  0,
	  0,
	  { { 100, EVENT_DOWN }, { 100, FUNCTION_DOWN }, { 1000, EVENT_UP }, { 1200, EVENT_DOWN } },
	  9000,
	  0,
	  0 },
	{ "both let go, then again",
	  0,
	  0,
	  { { 100, EVENT_DOWN },
	    { 100, FUNCTION_DOWN },
	    { 900, EVENT_UP },
	    { 950, FUNCTION_UP },
	    { 1200, EVENT_DOWN },
	    { 1300, FUNCTION_DOWN } },
	  9000,
	  1,
	  0 },
	{ "held on after opening: once", 0, 0, { { 100, EVENT_DOWN }, { 100, FUNCTION_DOWN } }, 60000, 1, 0 },
	{ "after opening one is let go and pressed: not again",
	  0,
	  0,
	  { { 100, EVENT_DOWN }, { 100, FUNCTION_DOWN }, { 4000, EVENT_UP }, { 4200, EVENT_DOWN } },
	  9000,
	  1,
	  0 },
	{ "held at boot", 1, 1, { { 0, END } }, 9000, 0, 0 },
	{ "one held at boot", 1, 0, { { 100, FUNCTION_DOWN } }, 9000, 0, 0 },
	{ "held at boot, let go, then pressed",
	  1,
	  1,
	  { { 500, EVENT_UP }, { 600, FUNCTION_UP }, { 1000, EVENT_DOWN }, { 1000, FUNCTION_DOWN } },
	  9000,
	  1,
	  0 },
	{ "stuck Event, Function pressed again and again",
	  1,
	  0,
	  { { 100, FUNCTION_DOWN }, { 400, FUNCTION_UP }, { 800, FUNCTION_DOWN }, { 4000, FUNCTION_UP } },
	  9000,
	  0,
	  0 },
	{ "bounce at the press",
	  0,
	  0,
	  { { 100, EVENT_DOWN },
	    { 102, EVENT_UP },
	    { 104, EVENT_DOWN },
	    { 200, FUNCTION_DOWN },
	    { 203, FUNCTION_UP },
	    { 206, FUNCTION_DOWN } },
	  3000,
	  1,
	  0 },
	{ "bounce that ends open is a release",
	  0,
	  0,
	  { { 100, EVENT_DOWN }, { 100, FUNCTION_DOWN }, { 105, FUNCTION_UP } },
	  9000,
	  0,
	  0 },
	{ "device vanishes while held",
	  0,
	  0,
	  { { 100, EVENT_DOWN }, { 100, FUNCTION_DOWN }, { 900, FUNCTION_LOST } },
	  9000,
	  0,
	  0 },
	{ "device comes back with the button down",
	  0,
	  0,
	  { { 100, EVENT_DOWN }, { 100, FUNCTION_DOWN }, { 900, FUNCTION_LOST }, { 950, FUNCTION_DOWN } },
	  9000,
	  0,
	  0 },
	{ "event click", 0, 0, { { 100, EVENT_DOWN }, { 300, EVENT_UP } }, 3000, 0, 1 },
	{ "function click", 0, 0, { { 100, FUNCTION_DOWN }, { 300, FUNCTION_UP } }, 3000, 0, 1 },
	{ "long press is no click", 0, 0, { { 100, EVENT_DOWN }, { 3200, EVENT_UP } }, 5000, 0, 0 },
	{ "a press of both is no click",
	  0,
	  0,
	  { { 100, EVENT_DOWN }, { 150, FUNCTION_DOWN }, { 400, EVENT_UP }, { 500, FUNCTION_UP } },
	  3000,
	  0,
	  0 },
};

static void count(enum button_gate_result result, unsigned *opens, unsigned *clicks) {
	*opens += result == BUTTON_GATE_OPEN;
	*clicks += result == BUTTON_GATE_EVENT_CLICK || result == BUTTON_GATE_FUNCTION_CLICK;
}

static enum button_gate_result act(struct button_gate *gate, enum action action, uint64_t now_us) {
	switch (action) {
	case EVENT_DOWN:
		return button_gate_input(gate, BUTTON_EVENT, true, now_us);
	case EVENT_UP:
		return button_gate_input(gate, BUTTON_EVENT, false, now_us);
	case FUNCTION_DOWN:
		return button_gate_input(gate, BUTTON_FUNCTION, true, now_us);
	case FUNCTION_UP:
		return button_gate_input(gate, BUTTON_FUNCTION, false, now_us);
	case EVENT_LOST:
		return button_gate_lost(gate, BUTTON_EVENT);
	case FUNCTION_LOST:
		return button_gate_lost(gate, BUTTON_FUNCTION);
	case END:
		break;
	}
	return BUTTON_GATE_NOTHING;
}

static void test_stories(void **state) {
	(void)state;
	for (size_t i = 0; i < ELEMENTS(stories); i++) {
		const struct story *story = &stories[i];
		struct button_gate gate;
		unsigned opens = 0, clicks = 0;
		const uint64_t start = 5000 * SECOND_US;
		button_gate_init(&gate);
		count(button_gate_input(&gate, BUTTON_EVENT, story->event_at_start, start), &opens, &clicks);
		count(button_gate_input(&gate, BUTTON_FUNCTION, story->function_at_start, start), &opens, &clicks);
		size_t step = 0;
		uint64_t end = start + story->until_ms * MILLISECOND_US;
		for (;;) {
			bool has_step = step < STEPS && story->steps[step].action != END;
			uint64_t next = has_step ? start + story->steps[step].at_ms * MILLISECOND_US : end;
			uint64_t deadline = button_gate_deadline_us(&gate);
			if (deadline <= next) {
				count(button_gate_tick(&gate, deadline), &opens, &clicks);
				continue;
			}
			if (!has_step)
				break;
			count(act(&gate, story->steps[step++].action, next), &opens, &clicks);
		}
		if (opens != story->opens || clicks != story->clicks)
			fail_msg("%s: opened %u times, clicked %u times", story->what, opens, clicks);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_stories) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
