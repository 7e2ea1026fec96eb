/* tests/model/links.table against cam-radio/links.c. */
#include "tests/model/walk.h"

/* What is tested, with its private state. */
#include "cam-radio/links.c" /* NOLINT(bugprone-suspicious-include) */

/* --- the model --- */

#define LINKS 3
#define NONE LINKS
#define TELLS_BEGAN 1u
#define TELLS_RENEWED 2u
#define TELLS_ENDED 4u
#define TELLS_COMMAND 8u

enum model_link { L_FREE, L_NEW, L_ANSWERED, L_SESSION };

/* Of the table, and for each link. */
enum model_event { L_ACCEPTED, L_FIRST, L_PROVEN, L_COMMAND, L_CLOSED, L_TOO_LATE, L_EVENTS };
static const char *const event_names[] = { "ACCEPTED0", "FIRST0", "PROVEN0", "COMMAND0", "CLOSED0", "TOO_LATE",
	                                   "ACCEPTED1", "FIRST1", "PROVEN1", "COMMAND1", "CLOSED1", "-",
	                                   "ACCEPTED2", "FIRST2", "PROVEN2", "COMMAND2", "CLOSED2", "-" };

static enum model_link slot[LINKS];
static unsigned live, tells;
static bool between;

static bool model_step(enum model_event event, unsigned i) {
	enum model_link was[LINKS];
	const unsigned was_live = live;
	const bool was_between = between;
	memcpy(was, slot, sizeof(was));
	unsigned rows = 0;
	enum model_link becomes[LINKS];
	unsigned becomes_live = live, becomes_tells = 0;
	bool becomes_between = between;
#define ROW(guard, on, effects) \
	memcpy(slot, was, sizeof(slot)); \
	live = was_live; \
	between = was_between; \
	tells = 0; \
	if ((guard) && event == (on)) { \
		rows++; \
		effects; \
		memcpy(becomes, slot, sizeof(becomes)); \
		becomes_live = live; \
		becomes_between = between; \
		becomes_tells = tells; \
	}
#include "tests/model/links.table"
#undef ROW
	assert_true(rows <= 1);
	memcpy(slot, rows ? becomes : was, sizeof(slot));
	live = becomes_live;
	between = becomes_between;
	tells = becomes_tells;
	return rows == 1;
}

/* --- what the code calls --- */

struct wire {
	const struct wire_callbacks *callbacks;
	void *context;
	bool open, has_sent;
};

static struct wire wires[LINKS];
static unsigned next_wire; /* that wire_new makes */

int wire_new(struct wire **ret, sd_event *event, int file, const struct wire_config *config,
             const struct wire_callbacks *callbacks, void *context) {
	(void)event, (void)file;
	assert_true(config->camera);
	assert_false(wires[next_wire].open);
	wires[next_wire] = (struct wire){ callbacks, context, true, false };
	*ret = &wires[next_wire];
	return 0;
}

void wire_free(struct wire *wire) {
	wire->open = false;
}

void wire_close(struct wire *wire, enum reason reason) {
	wire->callbacks->closed(wire->context, reason);
}

bool wire_has_sent(const struct wire *wire) {
	return wire->has_sent;
}

int wire_send(struct wire *wire, const void *bytes, size_t length) {
	(void)wire, (void)bytes, (void)length;
	return 0;
}

void wire_confirm(struct wire *wire, bool accepted) {
	(void)wire, (void)accepted;
}

struct deadline {
	void (*passed)(void *context, uint64_t now_us);
	void *context;
	uint64_t time_us;
};

static struct deadline the_deadline;
static uint64_t clock_us;

int deadline_new(struct deadline **ret, sd_event *event, void (*passed)(void *context, uint64_t now_us), void *context) {
	(void)event;
	the_deadline = (struct deadline){ passed, context, UINT64_MAX };
	*ret = &the_deadline;
	return 0;
}

void deadline_free(struct deadline *deadline) {
	(void)deadline;
}

void deadline_set(struct deadline *deadline, uint64_t time_us) {
	deadline->time_us = time_us;
}

uint64_t loop_now_us(sd_event *event) {
	(void)event;
	return clock_us;
}

const struct static_keys *keyring_keys(const struct keyring *keyring) {
	(void)keyring;
	return NULL;
}

struct static_product *keyring_product(struct keyring *keyring) {
	(void)keyring;
	return NULL;
}

const struct pairing_record *keyring_companion(const struct keyring *keyring) {
	(void)keyring;
	return NULL;
}

int keyring_pair(struct keyring *keyring, const struct pairing_record *record) {
	(void)keyring, (void)record;
	return -EIO;
}

/* --- what the code tells --- */

static struct links *links;
static struct counters counters;
static unsigned told;

static enum reason on_begin(void *context, struct link *asking) {
	(void)context, (void)asking;
	return REASON_PAIRING_CLOSED;
}

static void on_session_began(void *context, bool renewed) {
	(void)context;
	told |= renewed ? TELLS_RENEWED : TELLS_BEGAN;
}

static void on_session_message(void *context, const uint8_t *bytes, size_t length) {
	(void)context, (void)bytes, (void)length;
	told |= TELLS_COMMAND;
}

static void on_session_ended(void *context, enum reason reason) {
	(void)context, (void)reason;
	told |= TELLS_ENDED;
}

static void on_link_closed(void *context, const struct link_peer *peer, bool unwanted) {
	(void)context, (void)peer, (void)unwanted;
}

static const struct links_callbacks callbacks = {
	.pairing_begin = on_begin,
	.session_began = on_session_began,
	.session_message = on_session_message,
	.session_ended = on_session_ended,
	.closed = on_link_closed,
};

static void begin(void) {
	memset(slot, 0, sizeof(slot));
	live = NONE;
	between = false;
	memset(wires, 0, sizeof(wires));
	clock_us = 1000 * SECOND_US;
	const struct links_config config = { .name = "CAM-1", .counters = &counters };
	assert_int_equal(links_new(&links, NULL, &config, &callbacks, NULL), 0);
}

static void end(void) {
	links_free(links);
	for (unsigned i = 0; i < LINKS; i++)
		assert_false(wires[i].open);
}

static void code_step(enum model_event event, unsigned i) {
	struct wire *wire = &wires[i];
	told = 0;
	switch (event) {
	case L_ACCEPTED:
		next_wire = i;
		links_accept(links, -1, 0, NULL);
		break;
	case L_FIRST:
		wire->has_sent = true; /* message 2; of this the links are not told */
		break;
	case L_PROVEN:
		wire->callbacks->live(wire->context);
		break;
	case L_COMMAND:
		wire->callbacks->message(wire->context, (const uint8_t *)"x", 1);
		break;
	case L_CLOSED:
		wire->callbacks->closed(wire->context, REASON_LINK_CLOSED);
		break;
	case L_TOO_LATE:
		clock_us = links->between_until_us;
		/* The strangers' own deadlines, which may be due, too, are another event. */
		for (struct link *at = links->first; at; at = at->next)
			at->deadline_us = UINT64_MAX;
		assert_true(the_deadline.time_us <= clock_us);
		the_deadline.passed(the_deadline.context, clock_us);
		break;
	case L_EVENTS:
		break;
	}
}

#define EQUAL(what, is, expected) \
	do { \
		if ((is) != (expected)) { \
			walk_print(event_names); \
			fail_msg("%s: the code has %u, the table %u", what, (unsigned)(is), (unsigned)(expected)); \
		} \
	} while (false)

static bool step(unsigned number) {
	enum model_event event = (enum model_event)(number % L_EVENTS);
	unsigned i = number / L_EVENTS, open = 0;
	if ((event == L_TOO_LATE && i > 0) || !model_step(event, i))
		return false;
	code_step(event, i);
	for (unsigned n = 0; n < LINKS; n++) {
		EQUAL("open", wires[n].open, slot[n] != L_FREE);
		open += slot[n] != L_FREE;
		if (slot[n] != L_FREE)
			EQUAL("live link", ((struct link *)wires[n].context)->state == LINK_SESSION, slot[n] == L_SESSION);
	}
	unsigned in_code = 0;
	for (const struct link *at = links->first; at; at = at->next)
		in_code++;
	EQUAL("links", in_code, open);
	EQUAL("has a session", links_has_session(links), live != NONE);
	if (live != NONE)
		EQUAL("the session", links->session == wires[live].context, true);
	EQUAL("between sessions", links->between_sessions, between);
	EQUAL("told", told, tells);
	if (between)
		EQUAL("a deadline", the_deadline.time_us != UINT64_MAX, true);
	return true;
}

/* What is not live does not command: the table has no row for it, and the code does nothing. */
static void test_no_command_before_live(void **state) {
	(void)state;
	begin();
	next_wire = 0;
	links_accept(links, -1, 0, NULL);
	for (unsigned answered = 0; answered < 2; answered++) {
		wires[0].has_sent = answered;
		told = 0;
		wires[0].callbacks->message(wires[0].context, (const uint8_t *)"x", 1);
		assert_int_equal(told, 0);
	}
	end();
}

static unsigned state_number(void) {
	unsigned number = live * 2 + between;
	for (unsigned i = 0; i < LINKS; i++)
		number = number * 4 + (unsigned)slot[i];
	return number;
}

static const struct walker walker = {
	.states = (LINKS + 1) * 2 * 64,
	.events = L_EVENTS * LINKS,
	.begin = begin,
	.end = end,
	.state = state_number,
	.step = step,
};

static void test_every_step(void **state) {
	(void)state;
	unsigned steps, states = walk_everywhere(&walker, &steps);
	print_message("%u states, %u steps\n", states, steps);
	assert_true(states > 40);
}

static void test_walks(void **state) {
	(void)state;
	walk_at_random(&walker, 200, 500);
}

int main(void) {
	log_set_level(LOG_LEVEL_ERROR);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_command_before_live),
		cmocka_unit_test(test_every_step),
		cmocka_unit_test(test_walks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
