/* tests/model/companion-handover.table against companion/handover.c. */
#include "tests/model/walk.h"

/* What is tested, with its private state. */
#include "companion/handover.c" /* NOLINT(bugprone-suspicious-include) */

/* --- the model --- */

#define ASK_START 1u
#define ASK_JOINED 2u
#define ASK_STOP 4u
#define STATION_JOIN 8u
#define STATION_LEAVE 16u
#define STATION_PREPARE 32u

/* clang-format off */
#define EVENTS(X) \
	X(K_OPEN), X(K_CLOSE), X(K_UP), X(K_UP_UNUSABLE), X(K_START_REFUSED), X(K_START_REFUSED_AGAIN), \
	X(K_START_UNANSWERED_AGAIN), X(K_JOINED), X(K_STATION_OFF), X(K_STATION_OFF_AGAIN), X(K_JOINED_REFUSED_AGAIN), X(K_ACCEPTED), \
	X(K_WIRE_LIVE), X(K_WIRE_ENDED), X(K_TIMER), X(K_STOP_ANSWERED), X(K_WIFI_OFF_AGAIN), X(K_SESSION_LOST), \
	X(SESSION_LEAVES), X(SESSION_RETURNS), X(STATION_GIVES_UP)
/* clang-format on */
#define NUMBER(name) name
#define NAME(name) #name
enum event { EVENTS(NUMBER), K_EVENTS };
static const char *const event_names[] = { EVENTS(NAME) };

enum model_state {
	K_OFF = HANDOVER_OFF,
	K_STARTING = HANDOVER_STARTING,
	K_JOINING = HANDOVER_JOINING,
	K_ANNOUNCING = HANDOVER_ANNOUNCING,
	K_AUTHENTICATING = HANDOVER_AUTHENTICATING,
	K_READY = HANDOVER_READY,
	K_RETRYING = HANDOVER_RETRYING,
	K_CLOSING = HANDOVER_CLOSING,
	K_STATES,
};

struct model {
	enum model_state state;
	bool camera_on, station_on, owed, retried, session;
	unsigned asks;
};

static struct model model;

/* The rows of one kind that fit: at most one. event: that of ROW, or K_EVENTS for AFTER. */
static unsigned model_rows(enum event event) {
	const struct model was = model;
	unsigned rows = 0;
#define TAKE(from, guard, to, effects) \
	{ \
		enum model_state state = was.state; \
		bool camera_on = was.camera_on, station_on = was.station_on, owed = was.owed, retried = was.retried, \
		     session = was.session; \
		unsigned asks = was.asks; \
		if (state == (from) && (guard)) { \
			rows++; \
			effects; \
			state = (to); \
			model = (struct model){ state, camera_on, station_on, owed, retried, session, asks }; \
		} \
	}
#define ROW(from, guard, on, to, effects) \
	if (event == (on)) \
	TAKE(from, guard, to, effects)
#define AFTER(from, guard, to, effects) \
	if (event == K_EVENTS) \
	TAKE(from, guard, to, effects)
#include "tests/model/companion-handover.table"
#undef ROW
#undef AFTER
#undef TAKE
	assert_true(rows <= 1);
	return rows;
}

static bool model_step(enum event event) {
	model.asks = 0;
	if (event == STATION_GIVES_UP)
		return true;
	if (event == SESSION_LEAVES || event == SESSION_RETURNS) {
		model.session = event == SESSION_RETURNS;
		return true;
	}
	if (model_rows(event) == 0)
		return false;
	model_rows(K_EVENTS);
	return true;
}

/* --- what the code calls --- */

static unsigned asked;               /* in this step */
static lanyard_Request last_request; /* the request under way */
static requests_answer last_answer;  /* NULL: none is under way, or it was cancelled */
static uint32_t last_id;
static bool timer_on, session_up, media_is_up, listening;
static enum { STATION_IS_OFF, STATION_IS_PREPARED, STATION_IS_JOINING, STATION_IS_LEAVING, STATIONS } station_is;
static uint64_t timer_us, clock_us;

int sd_event_now(sd_event *event, clockid_t clock, uint64_t *ret) {
	(void)event, (void)clock;
	*ret = clock_us;
	return 0;
}

int sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec, uint64_t accuracy,
                      sd_event_time_handler_t callback, void *context) {
	(void)event, (void)clock, (void)usec, (void)accuracy, (void)callback, (void)context;
	*ret = NULL;
	timer_on = true;
	return 0;
}

int sd_event_source_set_time(sd_event_source *source, uint64_t usec) {
	(void)source;
	timer_us = usec;
	return 0;
}

int sd_event_source_set_enabled(sd_event_source *source, int enabled) {
	(void)source;
	timer_on = enabled != SD_EVENT_OFF;
	return 0;
}

sd_event_source *sd_event_source_disable_unref(sd_event_source *source) {
	(void)source;
	return NULL;
}

int session_request(struct session *session, lanyard_Request *request, enum requests_loss loss, uint64_t timeout_us,
                    requests_answer answer, void *context, uint32_t *ret_id) {
	(void)session, (void)context;
	assert_true(loss == REQUESTS_FAIL && timeout_us > 0);
	assert_null(last_answer); /* one at a time */
	switch (request->which_body) {
	case lanyard_Request_access_point_start_tag:
		asked |= ASK_START;
		break;
	case lanyard_Request_access_point_joined_tag:
		asked |= ASK_JOINED;
		break;
	case lanyard_Request_wifi_stop_tag:
		asked |= ASK_STOP;
		break;
	default:
		fail_msg("request %u", (unsigned)request->which_body);
	}
	if (!session_up)
		return -ENOTCONN;
	last_request = *request;
	last_answer = answer;
	*ret_id = ++last_id;
	return 0;
}

void session_cancel(struct session *session, uint32_t id) {
	(void)session;
	if (id != 0) {
		assert_int_equal(id, last_id);
		last_answer = NULL;
	}
}

static int fake_prepare(struct station *station) {
	(void)station;
	asked |= STATION_PREPARE;
	if (station_is != STATION_IS_OFF)
		return -EALREADY;
	station_is = STATION_IS_PREPARED;
	return 0;
}

static int fake_join(struct station *station, const struct wifi_credentials *credentials) {
	(void)station, (void)credentials;
	asked |= STATION_JOIN;
	if (station_is != STATION_IS_OFF && station_is != STATION_IS_PREPARED)
		return -EALREADY;
	station_is = STATION_IS_JOINING;
	return 0;
}

static void fake_leave(struct station *station) {
	(void)station;
	asked |= STATION_LEAVE;
	if (station_is != STATION_IS_OFF)
		station_is = STATION_IS_LEAVING;
}

static void fake_free(struct station *station) {
	(void)station;
}

static const struct station_operations operations = { fake_prepare, fake_join, fake_leave, fake_free };
static struct station the_station = { &operations };
static const struct station_callbacks *station_says;

int station_supplicant_new(struct station **ret, sd_event *event, const char *control_path, const char *interface,
                           bool random_mac, const struct station_callbacks *callbacks, void *context) {
	(void)event, (void)control_path, (void)interface, (void)random_mac, (void)context;
	station_says = callbacks;
	*ret = &the_station;
	return 0;
}

static struct listener *const the_listener = (struct listener *)&listening;

int listener_new_tcp(struct listener **ret, sd_event *event, const struct tcp_endpoint *at,
                     const struct listener_callbacks *callbacks, void *context) {
	(void)event, (void)at, (void)callbacks, (void)context;
	assert_false(listening);
	listening = true;
	*ret = the_listener;
	return 0;
}

int listener_new_unix(struct listener **ret, sd_event *event, const char *path, const struct listener_callbacks *callbacks,
                      void *context) {
	(void)ret, (void)event, (void)path, (void)callbacks, (void)context;
	return -EINVAL;
}

void listener_free(struct listener *listener) {
	if (listener)
		listening = false;
}

uint16_t listener_port(const struct listener *listener) {
	(void)listener;
	return 4711;
}

struct wire {
	const struct wire_callbacks *callbacks;
	void *context;
	bool open;
};

static struct wire the_wire;

int wire_new(struct wire **ret, sd_event *event, int file, const struct wire_config *config,
             const struct wire_callbacks *callbacks, void *context) {
	(void)event, (void)file;
	assert_false(the_wire.open);
	assert_non_null(config->media_psk);
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

void media_open(struct media *media, void (*send)(void *context, const uint8_t *bytes, size_t length), void *context) {
	(void)media, (void)send, (void)context;
	media_is_up = true;
}

void media_close(struct media *media, enum reason reason) {
	(void)media, (void)reason;
	media_is_up = false;
}

int media_take_message(struct media *media, const uint8_t *bytes, size_t length) {
	(void)media, (void)bytes, (void)length;
	return 0;
}

const struct static_keys *keyring_keys(const struct keyring *keyring) {
	(void)keyring;
	return NULL;
}

struct static_product *keyring_product(struct keyring *keyring) {
	(void)keyring;
	return NULL;
}

const struct pairing_record *session_pairing(const struct session *session) {
	static const struct pairing_record record = { .peer_name = "CAM-1" };
	(void)session;
	return &record;
}

/* --- the code --- */

static struct handover *handover;

static void on_changed(void *context) {
	(void)context;
}

static void begin(void) {
	model = (struct model){ .state = K_OFF, .session = true };
	last_answer = NULL;
	session_up = true;
	timer_on = media_is_up = listening = false;
	station_is = STATION_IS_OFF;
	memset(&the_wire, 0, sizeof(the_wire));
	clock_us = 1000 * SECOND_US;
	const struct handover_config config = { .name = "Companion", .supplicant_control = "control", .interface = "wlan0" };
	assert_int_equal(handover_new(&handover, NULL, &config, on_changed, NULL), 0);
}

static void end(void) {
	handover_free(handover);
	assert_false(the_wire.open || listening);
}

static bool is_asked(pb_size_t which) {
	return last_answer && last_request.which_body == which;
}

static bool is_announced(void) {
	return is_asked(lanyard_Request_access_point_joined_tag);
}

/* Whether the world can do that now. What it cannot do the table need not know. */
static bool is_possible(enum event event) {
	switch (event) {
	case K_UP:
	case K_UP_UNUSABLE:
	case K_START_REFUSED:
	case K_START_REFUSED_AGAIN:
	case K_START_UNANSWERED_AGAIN:
		return is_asked(lanyard_Request_access_point_start_tag);
	case K_JOINED_REFUSED_AGAIN:
		return is_announced();
	case K_STOP_ANSWERED:
		return is_asked(lanyard_Request_wifi_stop_tag);
	case K_JOINED:
		return station_is == STATION_IS_JOINING && handover->state == HANDOVER_JOINING;
	case K_STATION_OFF:
		return handover->station_on;
	case K_STATION_OFF_AGAIN: /* while it only prepares nothing comes of a second try */
		return station_is != STATION_IS_OFF && !(handover->station_on && handover->state == HANDOVER_STARTING);
	case STATION_GIVES_UP: /* it says so later */
		return station_is == STATION_IS_PREPARED || station_is == STATION_IS_JOINING;
	case K_ACCEPTED:
		return listening;
	case K_WIRE_LIVE:
		return the_wire.open && handover->state == HANDOVER_AUTHENTICATING;
	case K_WIRE_ENDED:
		return the_wire.open;
	case K_TIMER:
		return timer_on;
	case K_OPEN:
		return handover->state == HANDOVER_OFF; /* -EALREADY otherwise */
	case K_CLOSE:
	case K_WIFI_OFF_AGAIN:
	case K_SESSION_LOST:
		return true;
	case SESSION_LEAVES:
		return session_up;
	case SESSION_RETURNS:
		return !session_up;
	case K_EVENTS:
		break;
	}
	return false;
}

static void say_answer(enum reason reason, bool usable) {
	lanyard_Response response = { .which_body = lanyard_Response_access_point_up_tag };
	lanyard_AccessPointUp *up = &response.body.access_point_up;
	up->ssid.size = 16;
	up->psk.size = usable ? PSK_SIZE : 1;
	up->bssid.size = MAC_SIZE;
	up->media_psk.size = KEY_SIZE;
	memset(up->media_psk.bytes, 7, KEY_SIZE);
	requests_answer answer = last_answer;
	last_answer = NULL;
	answer(handover, reason, &response);
}

static void code_step(enum event event) {
	static const uint8_t address[16] = { 0xfe, 0x80 };
	asked = 0;
	switch (event) {
	case K_OPEN:
		assert_int_equal(handover_open(handover), session_up ? 0 : -ENOTCONN);
		break;
	case K_CLOSE:
		handover_close(handover);
		break;
	case K_UP:
		say_answer(REASON_OK, true);
		break;
	case K_UP_UNUSABLE:
		say_answer(REASON_OK, false);
		break;
	case K_START_REFUSED:
		say_answer(REASON_AP_REFUSED, true);
		break;
	case K_START_REFUSED_AGAIN:
		say_answer(REASON_AP_TIMEOUT, true);
		break;
	case K_START_UNANSWERED_AGAIN:
		say_answer(REASON_TIMEOUT, true);
		break;
	case K_JOINED:
		station_says->joined(handover, 3, address);
		break;
	case K_STATION_OFF:
		station_is = STATION_IS_OFF;
		station_says->off(handover, REASON_WIFI_GONE);
		break;
	case STATION_GIVES_UP:
		station_is = STATION_IS_LEAVING;
		break;
	case K_STATION_OFF_AGAIN:
		station_is = STATION_IS_OFF;
		station_says->off(handover, REASON_JOIN_LOST);
		break;
	case K_JOINED_REFUSED_AGAIN:
		say_answer(REASON_DIAL_FAILED, true);
		break;
	case K_ACCEPTED:
		on_accepted(handover, -1);
		break;
	case K_WIRE_LIVE:
		the_wire.callbacks->live(the_wire.context);
		break;
	case K_WIRE_ENDED:
		the_wire.callbacks->closed(the_wire.context, REASON_LINK_CLOSED);
		break;
	case K_TIMER:
		clock_us += 1000; /* deadlines that pass early: the time for a second try is another matter */
		on_timer(NULL, clock_us, handover);
		break;
	case K_STOP_ANSWERED:
		say_answer(REASON_OK, true);
		break;
	case K_WIFI_OFF_AGAIN: {
		const lanyard_WifiState off = { .mode = lanyard_WifiMode_WIFI_OFF, .reason = REASON_PEER_ABSENT };
		handover_wifi_event(handover, &off);
		break;
	}
	case K_SESSION_LOST:
		last_answer = NULL; /* requests are failed or repeated without it */
		handover->request = 0;
		handover_session_lost(handover);
		break;
	case SESSION_LEAVES:
	case SESSION_RETURNS:
		session_up = event == SESSION_RETURNS;
		break;
	case K_EVENTS:
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
	enum event event = (enum event)number;
	if (!is_possible(event))
		return false;
	if (!model_step(event)) {
		walk_print(event_names);
		fail_msg("the table has no row for %s in state %u", event_names[event], (unsigned)model.state);
	}
	code_step(event);
	EQUAL("state", (unsigned)handover->state, (unsigned)model.state);
	EQUAL("camera_on", handover->camera_on, model.camera_on);
	EQUAL("station_on", handover->station_on, model.station_on);
	EQUAL("a station that owes", station_is != STATION_IS_OFF, model.station_on || model.owed);
	EQUAL("retried", handover->retried, model.retried);
	EQUAL("asks", asked, model.asks);
	EQUAL("a deadline", timer_on, model.state != K_OFF && model.state != K_READY);
	EQUAL("a listener", listening, model.state == K_ANNOUNCING);
	EQUAL("a wire", the_wire.open, model.state == K_AUTHENTICATING || model.state == K_READY);
	EQUAL("media", media_is_up, model.state == K_READY);
	static const uint8_t zeros[KEY_SIZE];
	bool has_media_psk = memcmp(handover->media_psk, zeros, KEY_SIZE) != 0;
	EQUAL("a media key", has_media_psk, model.state == K_JOINING || model.state == K_ANNOUNCING);
	if (model.state == K_OFF)
		EQUAL("a request when all is over", last_answer != NULL, false);
	return true;
}

static unsigned state_number(void) {
	unsigned asking = last_answer ? last_request.which_body == lanyard_Request_access_point_joined_tag ? 2u : 1u : 0u;
	unsigned flags = model.camera_on * 16u + model.station_on * 8u + model.owed * 4u + model.retried * 2u + model.session;
	return (((unsigned)model.state * 32 + flags) * 3 + asking) * STATIONS + station_is;
}

static const struct walker walker = {
	.states = K_STATES * 32 * 3 * STATIONS,
	.events = K_EVENTS,
	.begin = begin,
	.end = end,
	.state = state_number,
	.step = step,
};

static void test_every_step(void **state) {
	(void)state;
	unsigned steps, states = walk_everywhere(&walker, &steps);
	print_message("%u states, %u steps\n", states, steps);
	assert_true(states > K_STATES * 4);
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
