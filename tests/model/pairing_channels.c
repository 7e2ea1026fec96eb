/* tests/model/camera-pairing.table and companion-pairing.table against pairing/channel*.c: both ends, one record at a time. */
#include "tests/model/walk.h"

#include <errno.h>

#include "pairing/channel_internal.h"
#include "tests/unit/pairing/pair_of_channels.h"

/* --- the model --- */

#define SAY_ANSWER 1u
#define SAY_CONTRIBUTION 2u
#define SAY_REFUSED 4u
#define SAY_DONE 8u
#define SAY_PROOF 16u
#define SAY_FINISH 32u
#define SAY_OFFER 64u

enum model_state {
	C_HELLO = CAMERA_HELLO,
	C_PROOF = CAMERA_PROOF,
	C_CODE = CAMERA_CODE,
	C_CONTRIBUTION = CAMERA_CONTRIBUTION,
	C_FINISH = CAMERA_FINISH,
	K_ANSWER = COMPANION_ANSWER,
	K_CODE = COMPANION_CODE,
	K_CONTRIBUTION = COMPANION_CONTRIBUTION,
	K_CONFIRM = COMPANION_CONFIRM,
	K_DONE = COMPANION_DONE,
	LIVE = CHANNEL_LIVE,
	CLOSED = CHANNEL_CLOSED,
	STATES,
};
#define C_LIVE LIVE
#define K_LIVE LIVE
#define C_CLOSED CLOSED
#define K_CLOSED CLOSED

enum model_event {
	C_OFFER,
	C_OFFER_DENIED,
	C_PROVEN,
	C_CONFIRMED,
	C_REJECTED,
	C_CONTRIBUTED,
	C_FINISHED,
	C_FINISHED_NOT_STORED,
	C_WRONG,
	C_TIMEOUT,
	C_CLOSE,
	K_ANSWERED,
	K_CONFIRMED,
	K_CONFIRMED_NOT_STORED,
	K_REJECTED,
	K_CONTRIBUTED,
	K_CONTRIBUTED_NOT_STORED,
	K_REFUSED,
	K_DONE_SAID,
	K_WRONG,
	K_TIMEOUT,
	NO_EVENT,
};

/* What the walk does; which event of the model that is depends on what is on its way. */
/* clang-format off */
#define EVENTS(X) \
	X(TO_CAMERA), X(TO_CAMERA_REFUSING), X(TO_CAMERA_CHANGED), X(TO_COMPANION), X(TO_COMPANION_REFUSING), \
	X(TO_COMPANION_CHANGED), X(CONFIRM), X(REJECT), X(CLOSE), \
	X(COMPANION_CONFIRMS), X(COMPANION_CONFIRMS_REFUSING), X(COMPANION_REJECTS), X(CAMERA_TIME), X(COMPANION_TIME)
/* clang-format on */
#define NUMBER(name) name
#define NAME(name) #name
enum event { EVENTS(NUMBER), EVENT_COUNT };
static const char *const event_names[] = { EVENTS(NAME) };

struct model_end {
	enum model_state state;
	unsigned words[8]; /* on their way to the other end, oldest first */
	unsigned count, said;
	bool commits;
};

static struct model_end camera, companion;
static unsigned rows_taken;

static bool model_step(struct model_end *end, enum model_event event) {
	const enum model_state state = end->state;
	unsigned rows = 0, said = 0;
	bool committed = false;
#define ROW(from, guard, on, to, effects) \
	if (state == (from) && (guard) && event == (on)) { \
		unsigned says = 0; \
		bool commits = false; \
		rows++; \
		effects; \
		end->state = (to); \
		said = says; \
		committed = commits; \
	}
	if (end == &camera) {
#include "tests/model/camera-pairing.table"
	} else {
#include "tests/model/companion-pairing.table"
	}
#undef ROW
	assert_true(rows <= 1);
	end->said = said;
	end->commits = committed;
	static const unsigned words[] = { SAY_OFFER, SAY_ANSWER, SAY_PROOF, SAY_CONTRIBUTION, SAY_FINISH, SAY_REFUSED, SAY_DONE };
	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (said & words[i])
			end->words[end->count++] = words[i];
	rows_taken += rows;
	return rows == 1;
}

/* --- the code --- */

static struct pair_of_channels pair;

static void begin(void) {
	pair_start(&pair);
	pair_open(&pair, CHANNEL_PAIRING);
	camera = (struct model_end){ .state = C_HELLO };
	companion = (struct model_end){ .state = K_ANSWER, .words = { SAY_OFFER }, .count = 1 };
}

static void end_walk(void) {
	pair_end(&pair);
}

/* Takes one record off the link; flips a bit of it if `change`. */
static void deliver(struct pair_end *from, struct pair_end *to, bool change) {
	uint8_t record[2048];
	assert_true(from->wire_length >= RECORD_HEADER_SIZE);
	size_t length = RECORD_HEADER_SIZE + ((size_t)from->wire[0] << 8 | from->wire[1]);
	assert_true(length <= from->wire_length && length <= sizeof(record));
	memcpy(record, from->wire, length);
	from->wire_length -= length;
	memmove(from->wire, from->wire + length, from->wire_length);
	if (change)
		record[length - 1] ^= 1;
	channel_receive(to->channel, record, length, pair.now_us);
}

static unsigned take_word(struct model_end *end) {
	assert_true(end->count > 0);
	unsigned word = end->words[0];
	end->count--;
	memmove(end->words, end->words + 1, end->count * sizeof(*end->words));
	return word;
}

static enum model_event camera_hears(unsigned word, bool refuses) {
	switch (word) {
	case SAY_OFFER:
		return refuses ? C_OFFER_DENIED : C_OFFER;
	case SAY_PROOF:
		return C_PROVEN;
	case SAY_CONTRIBUTION:
		return C_CONTRIBUTED;
	case SAY_FINISH:
		return refuses ? C_FINISHED_NOT_STORED : C_FINISHED;
	default:
		return NO_EVENT;
	}
}

static enum model_event companion_hears(unsigned word, bool refuses) {
	switch (word) {
	case SAY_ANSWER:
		return K_ANSWERED;
	case SAY_CONTRIBUTION:
		return refuses ? K_CONTRIBUTED_NOT_STORED : K_CONTRIBUTED;
	case SAY_REFUSED:
		return K_REFUSED;
	case SAY_DONE:
		return K_DONE_SAID;
	default:
		return NO_EVENT;
	}
}

/* False when it cannot happen now. */
static bool do_event(enum event event) {
	bool to_camera = event == TO_CAMERA || event == TO_CAMERA_REFUSING || event == TO_CAMERA_CHANGED;
	struct model_end *from = to_camera ? &companion : &camera, *to = to_camera ? &camera : &companion;
	struct pair_end *from_end = to_camera ? &pair.companion : &pair.camera,
	                *to_end = to_camera ? &pair.camera : &pair.companion;
	bool refuses = event == TO_CAMERA_REFUSING || event == TO_COMPANION_REFUSING;
	bool changes = event == TO_CAMERA_CHANGED || event == TO_COMPANION_CHANGED;
	switch (event) {
	case TO_CAMERA:
	case TO_CAMERA_REFUSING:
	case TO_CAMERA_CHANGED:
	case TO_COMPANION:
	case TO_COMPANION_REFUSING:
	case TO_COMPANION_CHANGED: {
		if (from->count == 0 || to->state == CLOSED)
			return false;
		unsigned word = from->words[0];
		enum model_event heard = to_camera ? camera_hears(word, refuses) : companion_hears(word, refuses);
		if (heard == K_CONTRIBUTED_NOT_STORED && to->state == K_CODE)
			return false; /* nothing is stored yet */
		if (refuses && heard != C_OFFER_DENIED && heard != C_FINISHED_NOT_STORED && heard != K_CONTRIBUTED_NOT_STORED)
			return false;
		/* The offer is not authenticated by itself: the messages after it are, with a hash over it. */
		if (changes && word == SAY_OFFER)
			return false;
		take_word(from);
		pair.camera.pairing_allowed = refuses ? REASON_PAIRING_CLOSED : REASON_OK;
		pair.camera.commit_result = pair.companion.commit_result = refuses ? -ENOSPC : 0;
		deliver(from_end, to_end, changes);
		assert_true(model_step(to, changes ? (to_camera ? C_WRONG : K_WRONG) : heard));
		return true;
	}
	case CONFIRM:
	case REJECT:
		if (event == REJECT ? camera.state != C_CODE : camera.state == CLOSED)
			return false;
		channel_confirm(pair.camera.channel, event == CONFIRM, pair.now_us);
		assert_true(model_step(&camera, event == CONFIRM ? C_CONFIRMED : C_REJECTED));
		return true;
	case COMPANION_CONFIRMS:
	case COMPANION_CONFIRMS_REFUSING:
	case COMPANION_REJECTS:
		if (event == COMPANION_REJECTS ? companion.state != K_CODE && companion.state != K_CONFIRM
		                               : companion.state == CLOSED)
			return false;
		if (event == COMPANION_CONFIRMS_REFUSING && companion.state != K_CONFIRM)
			return false;
		pair.companion.commit_result = event == COMPANION_CONFIRMS_REFUSING ? -ENOSPC : 0;
		channel_confirm(pair.companion.channel, event != COMPANION_REJECTS, pair.now_us);
		assert_true(model_step(&companion, event == COMPANION_REJECTS    ? K_REJECTED
		                                   : event == COMPANION_CONFIRMS ? K_CONFIRMED
		                                                                 : K_CONFIRMED_NOT_STORED));
		return true;
	case CLOSE:
		if (camera.state == CLOSED)
			return false;
		channel_close(pair.camera.channel, REASON_PAIRING_EXPIRED);
		assert_true(model_step(&camera, C_CLOSE));
		return true;
	case CAMERA_TIME:
	case COMPANION_TIME: {
		struct model_end *end = event == CAMERA_TIME ? &camera : &companion;
		struct channel *channel = event == CAMERA_TIME ? pair.camera.channel : pair.companion.channel;
		if (end->state == CLOSED)
			return false;
		assert_true(channel_deadline_us(channel) != UINT64_MAX); /* no state waits for ever */
		channel_tick(channel, channel_deadline_us(channel));
		assert_true(model_step(end, event == CAMERA_TIME ? C_TIMEOUT : K_TIMEOUT));
		return true;
	}
	case EVENT_COUNT:
		break;
	}
	return false;
}

#define EQUAL(what, is, expected) \
	do { \
		if ((is) != (expected)) { \
			walk_print(event_names); \
			fail_msg("%s: the code has %u, the table %u", what, (unsigned)(is), (unsigned)(expected)); \
		} \
	} while (false)

static unsigned records_on_the_way(const struct pair_end *end) {
	unsigned records = 0;
	for (size_t at = 0; at < end->wire_length; records++)
		at += RECORD_HEADER_SIZE + ((size_t)end->wire[at] << 8 | end->wire[at + 1]);
	return records;
}

static void compare(const char *which, const struct pair_end *code, const struct model_end *model) {
	EQUAL(which, (unsigned)code->channel->state, (unsigned)model->state);
	EQUAL("records on their way", records_on_the_way(code), model->count);
	EQUAL("closed", code->closed, model->state == CLOSED);
	EQUAL("asked to store", (code->called & PAIR_COMMIT) != 0, model->commits);
	static const struct noise_cipher none;
	if (model->state == CLOSED) /* no key outlives its pairing */
		EQUAL("keys", memcmp(&code->channel->send, &none, sizeof(none)) == 0, true);
}

static bool step(unsigned number) {
	camera.commits = companion.commits = false;
	pair.camera.called = pair.companion.called = 0;
	if (!do_event((enum event)number))
		return false;
	compare("camera", &pair.camera, &camera);
	compare("companion", &pair.companion, &companion);
	/* "Paired" is never said of a record that the camera has not stored. */
	assert_true(!pair.companion.live || (pair.camera.committed && pair.companion.committed));
	return true;
}

static unsigned state_number(void) {
	unsigned first = companion.count > 0 ? companion.words[0] : 0, back = camera.count > 0 ? camera.words[0] : 0;
	unsigned words = first == 0 ? 0 : first == SAY_OFFER ? 1 : first == SAY_PROOF ? 2 : first == SAY_CONTRIBUTION ? 3 : 4;
	unsigned replies = back == 0 ? 0 : back == SAY_ANSWER ? 1 : back == SAY_CONTRIBUTION ? 2 : back == SAY_DONE ? 3 : 4;
	return (((unsigned)camera.state * STATES + companion.state) * 5 + words) * 5 + replies;
}

static const struct walker walker = {
	.states = STATES * STATES * 25,
	.events = EVENT_COUNT,
	.begin = begin,
	.end = end_walk,
	.state = state_number,
	.step = step,
};

static void test_every_step(void **state) {
	(void)state;
	unsigned steps, states = walk_everywhere(&walker, &steps);
	print_message("%u states, %u steps\n", states, steps);
	assert_true(states > 20);
}

static void test_walks(void **state) {
	(void)state;
	walk_at_random(&walker, 400, 30);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_step),
		cmocka_unit_test(test_walks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
