/* tests/model/camera-handover.table against cam-radio/handover.c. */
#include "tests/model/walk.h"

/* What is tested, with its private state. */
#include "cam-radio/handover.c" /* NOLINT(bugprone-suspicious-include) */

/* --- the model --- */

enum {
	PORT_START = 1,
	PORT_STOP = 2,
	PORT_DIAL = 4,
};

/* clang-format off */
#define EVENTS(X) \
	X(C_START), X(C_START_REFUSED), X(C_UP), X(C_OFF), X(C_OFF_REFUSED), X(C_JOINED), X(C_JOINED_REFUSED), \
	X(C_DIALLED), X(C_DIAL_FAILED), X(C_WIRE_LIVE), X(C_WIRE_ENDED), X(C_DEADLINE), X(C_STOP), \
	X(C_SESSION_ENDED), X(C_CANCEL_START)
/* clang-format on */
#define NUMBER(name) name
#define NAME(name) #name
enum event { EVENTS(NUMBER), C_EVENTS };
static const char *const event_names[] = { EVENTS(NAME) };

enum model_state {
	C_IDLE = IDLE,
	C_AP_STARTING = AP_STARTING,
	C_AP_UP = AP_UP,
	C_DIALLING = DIALLING,
	C_AUTHENTICATING = AUTHENTICATING,
	C_MEDIA_READY = MEDIA_READY,
	C_STOPPING = STOPPING,
	C_STATES,
};

static struct model {
	enum model_state state;
	bool network_on, next;
	unsigned asks;
} model;

/* False: no row. More than one row is a mistake in the table. */
static bool model_step(enum event event) {
	enum model_state state = model.state;
	bool network_on = model.network_on, next = model.next, guard_network_on = network_on, guard_next = next;
	unsigned asks = 0, rows = 0;
#define ROW(from, guard, on, to, effects) \
	network_on = guard_network_on; \
	next = guard_next; \
	if (state == (from) && (guard) && event == (on)) { \
		rows++; \
		effects; \
		model = (struct model){ (to), network_on, next, asks }; \
	}
#include "tests/model/camera-handover.table"
#undef ROW
	assert_true(rows <= 1);
	return rows == 1;
}

/* --- what the code calls --- */

static struct {
	unsigned asks;
	bool on, refuse_start, refuse_dial, dialling;
} port;

static int port_start(struct wifi_port *p, const struct wifi_credentials *credentials) {
	(void)p;
	assert_int_equal(wifi_credentials_check(credentials), 0);
	port.asks |= PORT_START;
	if (port.on || port.refuse_start)
		return -EALREADY;
	port.on = true;
	return 0;
}

static void port_stop(struct wifi_port *p) {
	(void)p;
	assert_true(port.on);
	port.asks |= PORT_STOP;
}

static int port_join(struct wifi_port *p, const struct wifi_credentials *credentials) {
	(void)p, (void)credentials;
	return -ENODEV;
}

static int port_dial(struct wifi_port *p, const uint8_t address[16], uint16_t tcp_port, uint64_t timeout_us) {
	(void)p, (void)address, (void)tcp_port, (void)timeout_us;
	port.asks |= PORT_DIAL;
	port.dialling = !port.refuse_dial;
	return port.refuse_dial ? -EHOSTUNREACH : 0;
}

static void port_cancel_dial(struct wifi_port *p) {
	(void)p;
	port.dialling = false;
}

static const struct wifi_port_operations port_operations = {
	.start = port_start,
	.stop = port_stop,
	.join = port_join,
	.leave = port_stop,
	.dial = port_dial,
	.cancel_dial = port_cancel_dial,
};

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

static bool wire_ended_pending;

int sd_event_add_defer(sd_event *event, sd_event_source **ret, sd_event_handler_t callback, void *context) {
	(void)event, (void)callback, (void)context;
	*ret = NULL;
	return 0;
}

int sd_event_source_set_enabled(sd_event_source *source, int enabled) {
	(void)source;
	wire_ended_pending = enabled != SD_EVENT_OFF;
	return 0;
}

sd_event_source *sd_event_source_disable_unref(sd_event_source *source) {
	(void)source;
	return NULL;
}

struct wire {
	const struct wire_callbacks *callbacks;
	void *context;
	bool open;
};

static struct wire the_wire;
static struct media *const the_media = (struct media *)&the_wire;
static bool media_open;

int wire_new(struct wire **ret, sd_event *event, int file, const struct wire_config *config,
             const struct wire_callbacks *callbacks, void *context) {
	(void)event, (void)file, (void)config;
	assert_false(the_wire.open);
	the_wire = (struct wire){ callbacks, context, true };
	*ret = &the_wire;
	return 0;
}

void wire_free(struct wire *wire) {
	if (wire)
		wire->open = false;
}

int wire_send(struct wire *wire, const void *bytes, size_t length) {
	(void)wire, (void)bytes, (void)length;
	return 0;
}

size_t wire_room(const struct wire *wire) {
	(void)wire;
	return 0;
}

void wire_close(struct wire *wire, enum reason reason) {
	wire->callbacks->closed(wire->context, reason);
}

int media_new(struct media **ret, sd_event *event, struct recorder *recorder, const struct media_callbacks *callbacks,
              void *context) {
	(void)event, (void)recorder, (void)callbacks, (void)context;
	assert_false(media_open);
	media_open = true;
	*ret = the_media;
	return 0;
}

void media_free(struct media *media) {
	if (media)
		media_open = false;
}

int media_take(struct media *media, const uint8_t *bytes, size_t length) {
	(void)media, (void)bytes, (void)length;
	return 0;
}

void media_writable(struct media *media) {
	(void)media;
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

/* --- the code --- */

static struct wifi_port the_port = { .operations = &port_operations };
static struct counters counters;
static struct handover *handover;
static lanyard_WifiMode told;

/* Requests: each is answered once, or cancelled. */
static struct request {
	bool waits, answered;
	enum reason reason;
} requests[8192];
static size_t request_count;
static struct request *starting, *next_start, *joining, *stopping; /* the ones that wait */

static void on_answer(void *context, enum reason reason, const lanyard_AccessPointUp *up) {
	struct request *request = context;
	assert_true(request->waits && !request->answered);
	assert_true((up != NULL) == (request == starting && reason == REASON_OK));
	request->answered = true;
	request->waits = false;
	request->reason = reason;
}

static struct request *request_new(void) {
	assert_true(request_count < sizeof(requests) / sizeof(*requests));
	struct request *request = &requests[request_count++];
	request->waits = true;
	return request;
}

static void on_changed(void *context) {
	(void)context;
	told = handover_state(handover).mode;
}

static const struct handover_callbacks handlers = { .changed = on_changed };

static void begin(void) {
	memset(&port, 0, sizeof(port));
	memset(&the_wire, 0, sizeof(the_wire));
	memset(requests, 0, request_count * sizeof(*requests));
	request_count = 0;
	starting = next_start = joining = stopping = NULL;
	media_open = wire_ended_pending = false;
	model = (struct model){ .state = C_IDLE };
	clock_us = 1000 * SECOND_US;
	told = lanyard_WifiMode_WIFI_OFF;
	static const struct handover_timing timing = { 10, 10, 10, 10, 10 };
	const struct handover_config config = {
		.port = &the_port,
		.random = random_system(),
		.name = "CAM-1",
		.frequency_mhz = 2437,
		.idle_us = 10,
		.timing = &timing,
		.counters = &counters,
	};
	assert_int_equal(handover_new(&handover, NULL, &config, &handlers, NULL), 0);
}

static void end(void) {
	handover_free(handover);
	assert_false(the_wire.open || media_open || port.dialling);
}

static void start(void) {
	struct request *request = request_new();
	if (handover->state == IDLE)
		starting = request;
	else
		next_start = request;
	handover_start_access_point(handover, false, on_answer, request);
}

static void code_step(enum event event) {
	static const uint8_t address[16] = { 0xfe, 0x80 };
	port.asks = 0;
	port.refuse_start = event == C_START_REFUSED || event == C_OFF_REFUSED;
	port.refuse_dial = event == C_JOINED_REFUSED;
	switch (event) {
	case C_START:
	case C_START_REFUSED:
		start();
		break;
	case C_UP:
		the_port.callbacks->access_point_up(the_port.context);
		break;
	case C_OFF:
	case C_OFF_REFUSED:
		port.on = false;
		if (next_start && next_start->waits)
			starting = next_start;
		the_port.callbacks->access_point_off(the_port.context, REASON_OK);
		break;
	case C_JOINED:
	case C_JOINED_REFUSED:
		joining = request_new();
		handover_joined(handover, address, 4711, on_answer, joining);
		break;
	case C_DIALLED:
		port.dialling = false;
		the_port.callbacks->dialled(the_port.context, 0, REASON_OK);
		break;
	case C_DIAL_FAILED:
		port.dialling = false;
		the_port.callbacks->dialled(the_port.context, -1, REASON_TIMEOUT);
		break;
	case C_WIRE_LIVE:
		the_wire.callbacks->live(the_wire.context);
		break;
	case C_WIRE_ENDED:
		the_wire.callbacks->closed(the_wire.context, REASON_LINK_CLOSED);
		assert_true(wire_ended_pending);
		on_wire_ended(NULL, handover);
		break;
	case C_DEADLINE:
		assert_true(the_deadline.time_us != UINT64_MAX);
		clock_us = the_deadline.time_us;
		the_deadline.passed(the_deadline.context, clock_us);
		break;
	case C_STOP:
		stopping = request_new();
		handover_stop(handover, on_answer, stopping);
		break;
	case C_SESSION_ENDED:
		/* requests.c cancels what waits for the session before the handover hears of its end. */
		for (size_t i = 0; i < request_count; i++) {
			if (requests[i].waits && &requests[i] != starting && &requests[i] != next_start) {
				handover_cancel(handover, &requests[i]);
				requests[i].waits = false;
			}
		}
		if (handover->state != AP_STARTING)
			starting = NULL;
		handover_session_ended(handover);
		if (next_start)
			next_start->waits = false; /* it is gone with the session */
		break;
	case C_CANCEL_START: {
		struct request *request = handover->state == AP_STARTING ? starting : next_start;
		assert_non_null(request);
		handover_cancel(handover, request);
		request->waits = false;
		break;
	}
	case C_EVENTS:
		break;
	}
}

/* The state that is told to the companion, by state of the model. */
static lanyard_WifiMode mode_of(enum model_state state) {
	switch (state) {
	case C_IDLE:
	case C_STATES:
		break;
	case C_AP_STARTING:
		return lanyard_WifiMode_WIFI_STARTING;
	case C_AP_UP:
	case C_DIALLING:
	case C_AUTHENTICATING:
	case C_STOPPING:
		return lanyard_WifiMode_WIFI_ACCESS_POINT;
	case C_MEDIA_READY:
		return lanyard_WifiMode_WIFI_MEDIA_READY;
	}
	return lanyard_WifiMode_WIFI_OFF;
}

#define EQUAL(what, is, expected) \
	do { \
		if ((is) != (expected)) { \
			walk_print(event_names); \
			fail_msg("%s: the code has %u, the table %u", what, (unsigned)(is), (unsigned)(expected)); \
		} \
	} while (false)

static bool is_waiting(const struct request *request) {
	return request && request->waits;
}

static bool step(unsigned number) {
	enum event event = (enum event)number;
	if (!model_step(event))
		return false;
	code_step(event);
	EQUAL("state", (unsigned)handover->state, (unsigned)model.state);
	EQUAL("network_on", handover->network_on, model.network_on);
	EQUAL("next", handover->next.kind != START_NONE, model.next);
	EQUAL("asks", port.asks, model.asks);
	EQUAL("the port is on", port.on, model.network_on);
	EQUAL("the mode told", (unsigned)told, (unsigned)mode_of(model.state));
	EQUAL("a wire", the_wire.open, model.state == C_AUTHENTICATING || model.state == C_MEDIA_READY);
	EQUAL("media", media_open, model.state == C_MEDIA_READY);
	EQUAL("a dial", port.dialling, model.state == C_DIALLING);
	EQUAL("a deadline", the_deadline.time_us != UINT64_MAX, model.state != C_IDLE);
	/* Who waits is answered as soon as what he waits for has come, or cannot come any more. */
	if (model.state != C_AP_STARTING)
		EQUAL("a start that waits", is_waiting(starting), false);
	if (model.state != C_DIALLING)
		EQUAL("a joined that waits", is_waiting(joining), false);
	if (model.state == C_IDLE)
		for (size_t i = 0; i < request_count; i++)
			EQUAL("a request that waits when all is over", requests[i].waits, false);
	/* The secrets are gone as soon as nobody needs them. */
	static const uint8_t zeros[KEY_SIZE];
	bool has_media_psk = memcmp(handover->media_psk, zeros, KEY_SIZE) != 0;
	EQUAL("a media key", has_media_psk, model.state == C_AP_STARTING || model.state == C_AP_UP || model.state == C_DIALLING);
	EQUAL("a network key", handover->credentials.has_psk, model.state == C_AP_STARTING);
	return true;
}

static unsigned state_number(void) {
	return (unsigned)model.state * 4 + model.network_on * 2u + model.next;
}

static const struct walker walker = {
	.states = C_STATES * 4,
	.events = C_EVENTS,
	.begin = begin,
	.end = end,
	.state = state_number,
	.step = step,
};

static void test_every_step(void **state) {
	(void)state;
	unsigned steps, states = walk_everywhere(&walker, &steps);
	assert_int_equal(states, 9);
	unsigned rows = 0;
#define ROW(from, guard, on, to, effects) rows++;
#include "tests/model/camera-handover.table"
#undef ROW
	assert_true(steps >= rows); /* each row was taken */
}

static void test_walks(void **state) {
	(void)state;
	walk_at_random(&walker, 300, 1000);
}

int main(void) {
	log_set_level(LOG_LEVEL_ERROR);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_step),
		cmocka_unit_test(test_walks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
