#include "cam-radio/handover.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "cam-radio/deadline.h"
#include "cam-radio/keyring.h"
#include "cam-radio/media.h"
#include "proto/codec.h"
#include "wire/wire.h"

const struct handover_timing handover_timing_default = {
	.start = 20 * SECOND_US,
	.join = 30 * SECOND_US,
	.stop = 15 * SECOND_US,
	/* On a crowded channel joining takes a phone many seconds. */
	.peer = 60 * SECOND_US,
	/* The companion waits on the same network, a few metres away; SYN is repeated after 1, 3 and 7 s. */
	.dial = 10 * SECOND_US,
};

/* Three frames of the media channel: one that is being sent, one that waits, and room for one more. */
#define QUEUE_LIMIT ((size_t)3 * 66 * 1024)

enum state {
	IDLE,
	AP_STARTING,
	AP_UP, /* waits for the companion to join and to say so */
	STATION_JOINING,
	DIALLING,
	AUTHENTICATING,
	MEDIA_READY,
	STOPPING,
};

struct waiting {
	handover_answered answered;
	void *context;
};

enum start_kind { START_NONE, START_ACCESS_POINT, START_STATION };

/* What is to be started; the secrets in it are wiped as soon as they have been handed on. */
struct start {
	enum start_kind kind;
	bool passphrase;                 /* access point */
	struct handover_station station; /* station */
	struct waiting waiting;
};

struct handover {
	enum state state;
	sd_event *event;
	struct handover_config config;
	struct deadline *deadline;
	sd_event_source *wire_ended; /* deferred: the wire may end inside a call into it */
	enum reason wire_reason;

	struct start current, next; /* next: begins when the current one is down */
	struct waiting joined, stopped;
	bool station;                        /* the network is somebody else's */
	bool network_on;                     /* the port owes us an `off` */
	struct wifi_credentials credentials; /* of the access point, until the companion has them */
	uint8_t media_psk[KEY_SIZE];
	uint8_t address[16];
	uint16_t port;

	struct wire *wire;
	struct media *media;
	uint64_t activity_us;
	uint64_t began_us;
	enum reason reason; /* why it is, or goes, off */

	const struct handover_callbacks *callbacks;
	void *context;
};

static void enter_state(struct handover *h, enum state state);

/* --- small things --- */

static uint64_t now_us(const struct handover *h) {
	return loop_now_us(h->event);
}

static void answer(struct waiting *waiting, enum reason reason, const lanyard_AccessPointUp *up) {
	struct waiting taken = *waiting;
	*waiting = (struct waiting){ 0 };
	if (taken.answered)
		taken.answered(taken.context, reason, up);
}

static void start_wipe(struct start *start) {
	wipe(start, sizeof(*start));
}

static void log_stage(const struct handover *h, const char *stage) {
	log_line(LOG_LEVEL_INFO, "wifi", "%s after %llu ms", stage,
	         (unsigned long long)((now_us(h) - h->began_us) / MILLISECOND_US));
}

/* --- stopping --- */

static void close_media(struct handover *h) {
	(void)sd_event_source_set_enabled(h->wire_ended, SD_EVENT_OFF);
	wifi_port_cancel_dial(h->config.port);
	media_free(h->media);
	h->media = NULL;
	wire_free(h->wire);
	h->wire = NULL;
}

/* A companion that is done closes the channel first and asks for the end after that: it has had what it came for. */
static bool is_failure(enum reason reason) {
	return reason != REASON_OK && reason != REASON_WIFI_IDLE && reason != REASON_CANCELLED && reason != REASON_MEDIA_CLOSED;
}

/* From any state but IDLE to IDLE, through the port. reason: REASON_OK when the companion asked for it. */
static void begin_stopping(struct handover *h, enum reason reason) {
	if (h->state == IDLE || h->state == STOPPING)
		return;
	h->reason = reason;
	if (is_failure(reason)) {
		h->config.counters->value[COUNTER_HANDOVER_FAILURES]++;
		log_reason(LOG_LEVEL_WARNING, "wifi", reason, "handover failed");
	}
	enter_state(h, STOPPING);
}

static void enter_stopping(struct handover *h) {
	close_media(h);
	wifi_credentials_wipe(&h->credentials);
	wipe(h->media_psk, sizeof(h->media_psk));
	struct waiting start = h->current.waiting, joined = h->joined;
	start_wipe(&h->current);
	h->joined = (struct waiting){ 0 };
	enum reason reason = h->reason == REASON_OK ? REASON_CANCELLED : h->reason;
	answer(&start, reason, NULL);
	answer(&joined, reason, NULL);
	if (!h->network_on)
		enter_state(h, IDLE);
	else if (h->station)
		wifi_port_leave(h->config.port);
	else
		wifi_port_stop(h->config.port);
}

static void begin_next(struct handover *h) {
	h->current = h->next;
	start_wipe(&h->next);
	h->station = h->current.kind == START_STATION;
	h->reason = REASON_OK;
	h->began_us = now_us(h);
	enter_state(h, h->station ? STATION_JOINING : AP_STARTING);
}

static void enter_idle(struct handover *h) {
	log_reason(LOG_LEVEL_INFO, "wifi", h->reason, "off");
	answer(&h->stopped, REASON_OK, NULL);
	if (h->state == IDLE && h->next.kind != START_NONE)
		begin_next(h);
}

/* --- the access point --- */

static void enter_access_point_starting(struct handover *h) {
	wifi_credentials_make(&h->credentials, h->config.random, h->current.passphrase, h->config.frequency_mhz);
	h->config.random->fill(h->config.random->context, h->media_psk, sizeof(h->media_psk));
	int result = wifi_port_start(h->config.port, &h->credentials);
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "wifi", "no access point: %s", strerror(-result));
		begin_stopping(h, REASON_WIFI_GONE);
		return;
	}
	h->network_on = true;
}

static void fill_up(const struct handover *h, lanyard_AccessPointUp *ret) {
	const struct wifi_credentials *c = &h->credentials;
	*ret = (lanyard_AccessPointUp){ .frequency_mhz = c->frequency_mhz };
	ret->ssid.size = (pb_size_t)c->ssid_length;
	memcpy(ret->ssid.bytes, c->ssid, c->ssid_length);
	if (c->has_psk) {
		ret->psk.size = PSK_SIZE;
		memcpy(ret->psk.bytes, c->psk, PSK_SIZE);
	} else {
		memcpy(ret->passphrase, c->passphrase, sizeof(c->passphrase));
	}
	ret->bssid.size = MAC_SIZE;
	memcpy(ret->bssid.bytes, c->bssid, MAC_SIZE);
	ret->media_psk.size = KEY_SIZE;
	memcpy(ret->media_psk.bytes, h->media_psk, KEY_SIZE);
}

static void enter_access_point_up(struct handover *h) {
	log_stage(h, "access point up");
	lanyard_AccessPointUp up;
	fill_up(h, &up);
	wifi_credentials_wipe(&h->credentials); /* hostapd has them, and the companion now, too */
	answer(&h->current.waiting, REASON_OK, &up);
	wipe(&up, sizeof(up));
}

static void on_access_point_up(void *context) {
	struct handover *h = context;
	if (h->state == AP_STARTING)
		enter_state(h, AP_UP);
}

static void on_network_off(struct handover *h, enum reason reason, enum reason unexpected) {
	h->network_on = false;
	if (h->state == STOPPING)
		enter_state(h, IDLE);
	else
		begin_stopping(h, reason == REASON_OK ? unexpected : reason);
}

static void on_access_point_off(void *context, enum reason reason) {
	on_network_off(context, reason, REASON_AP_FAILED);
}

/* --- the station --- */

static void enter_station_joining(struct handover *h) {
	struct handover_station *station = &h->current.station;
	memcpy(h->media_psk, station->media_psk, sizeof(h->media_psk));
	memcpy(h->address, station->address, sizeof(h->address));
	h->port = station->port;
	int result = wifi_port_join(h->config.port, &station->credentials);
	wipe(station, sizeof(*station));
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "wifi", "no station: %s", strerror(-result));
		begin_stopping(h, REASON_WIFI_GONE);
		return;
	}
	h->network_on = true;
}

static void on_station_joined(void *context) {
	struct handover *h = context;
	if (h->state != STATION_JOINING)
		return;
	log_stage(h, "joined");
	enter_state(h, DIALLING);
}

static void on_station_off(void *context, enum reason reason) {
	on_network_off(context, reason, REASON_JOIN_LOST);
}

/* --- dialling --- */

static void enter_dialling(struct handover *h) {
	int result = wifi_port_dial(h->config.port, h->address, h->port, h->config.timing->dial);
	if (result < 0) {
		log_line(LOG_LEVEL_WARNING, "wifi", "the companion cannot be dialled: %s", strerror(-result));
		begin_stopping(h, result == -EINVAL ? REASON_REQUEST_INVALID : REASON_DIAL_FAILED);
	}
}

/* --- the media channel --- */

static void on_wire_live(void *context) {
	enter_state(context, MEDIA_READY);
}

static void on_wire_message(void *context, const uint8_t *bytes, size_t length) {
	struct handover *h = context;
	h->activity_us = now_us(h);
	if (!h->media || media_take(h->media, bytes, length) < 0)
		wire_close(h->wire, REASON_MESSAGE_MALFORMED);
}

static void on_wire_writable(void *context) {
	struct handover *h = context;
	if (h->media)
		media_writable(h->media);
}

static void on_wire_closed(void *context, enum reason reason) {
	struct handover *h = context;
	h->wire_reason = reason;
	(void)sd_event_source_set_enabled(h->wire_ended, SD_EVENT_ONESHOT); /* fails only for a source of another kind */
}

static const struct wire_callbacks wire_handlers = {
	.live = on_wire_live,
	.message = on_wire_message,
	.writable = on_wire_writable,
	.closed = on_wire_closed,
};

static int on_wire_ended(sd_event_source *source, void *context) {
	(void)source;
	struct handover *h = context;
	bool plain = h->wire_reason == REASON_OK || h->wire_reason == REASON_LINK_CLOSED || h->wire_reason == REASON_LINK_FAILED;
	begin_stopping(h, h->state == MEDIA_READY && plain ? REASON_MEDIA_CLOSED : h->wire_reason);
	return 0;
}

static void on_dialled(void *context, int file, enum reason reason) {
	struct handover *h = context;
	assert(h->state == DIALLING); /* any other state has cancelled it */
	if (file < 0) {
		log_reason(LOG_LEVEL_WARNING, "wifi", reason, "dialling");
		begin_stopping(h, REASON_DIAL_FAILED);
		return;
	}
	struct wire_config config = {
		.camera = true,
		.kind = CHANNEL_MEDIA,
		.keys = keyring_keys(h->config.keyring),
		.product = keyring_product(h->config.keyring),
		.pairing = keyring_companion(h->config.keyring),
		.media_psk = h->media_psk,
		.name = h->config.name,
		.queue_limit = QUEUE_LIMIT,
	};
	int result = wire_new(&h->wire, h->event, file, &config, &wire_handlers, h);
	wipe(h->media_psk, sizeof(h->media_psk)); /* one time only */
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "wifi", "the media link could not be set up: %s", strerror(-result));
		begin_stopping(h, REASON_INTERNAL);
		return;
	}
	enter_state(h, AUTHENTICATING);
}

static void enter_authenticating(struct handover *h) {
	log_stage(h, "companion reached");
	answer(&h->current.waiting, REASON_OK, NULL); /* of a station */
	answer(&h->joined, REASON_OK, NULL);
}

static void on_media_send(void *context, const uint8_t *bytes, size_t length) {
	struct handover *h = context;
	h->activity_us = now_us(h);
	if (codec_media_is_data(bytes, length))
		h->config.counters->value[COUNTER_MEDIA_BYTES] += length - MEDIA_DATA_HEADER_SIZE;
	(void)wire_send(h->wire, bytes, length); /* a wire that has ended tells it by itself */
}

static size_t on_media_room(void *context) {
	struct handover *h = context;
	return wire_room(h->wire);
}

static const struct media_callbacks media_handlers = { .send = on_media_send, .room = on_media_room };

static void enter_media_ready(struct handover *h) {
	int result = media_new(&h->media, h->event, h->config.recorder, &media_handlers, h);
	if (result < 0) {
		begin_stopping(h, REASON_INTERNAL);
		return;
	}
	h->config.counters->value[COUNTER_HANDOVERS]++;
	h->activity_us = now_us(h);
	log_stage(h, "media ready");
}

/* --- states --- */

static uint64_t state_time_us(const struct handover *h, enum state state) {
	switch (state) {
	case IDLE:
		break;
	case AP_STARTING:
		return h->config.timing->start;
	case AP_UP:
		return h->config.timing->peer;
	case STATION_JOINING:
		return h->config.timing->join;
	case DIALLING:
		return h->config.timing->dial + SECOND_US; /* the port tells it first */
	case AUTHENTICATING:
		return HANDSHAKE_US + SECOND_US; /* the channel tells it first */
	case MEDIA_READY:
		return h->config.idle_us;
	case STOPPING:
		return h->config.timing->stop;
	}
	return UINT64_MAX;
}

static void enter_state(struct handover *h, enum state state) {
	lanyard_WifiMode before = handover_state(h).mode;
	h->state = state;
	uint64_t time_us = state_time_us(h, state);
	deadline_set(h->deadline, time_us == UINT64_MAX ? UINT64_MAX : now_us(h) + time_us);
	if (handover_state(h).mode != before)
		h->callbacks->changed(h->context);
	if (h->state != state)
		return;
	switch (state) {
	case IDLE:
		enter_idle(h);
		break;
	case AP_STARTING:
		enter_access_point_starting(h);
		break;
	case AP_UP:
		enter_access_point_up(h);
		break;
	case STATION_JOINING:
		enter_station_joining(h);
		break;
	case DIALLING:
		enter_dialling(h);
		break;
	case AUTHENTICATING:
		enter_authenticating(h);
		break;
	case MEDIA_READY:
		enter_media_ready(h);
		break;
	case STOPPING:
		enter_stopping(h);
		break;
	}
}

static void on_deadline(void *context, uint64_t time_us) {
	struct handover *h = context;
	switch (h->state) {
	case IDLE:
		break;
	case AP_STARTING:
		begin_stopping(h, REASON_AP_TIMEOUT);
		break;
	case AP_UP:
		begin_stopping(h, REASON_PEER_ABSENT);
		break;
	case STATION_JOINING:
		begin_stopping(h, REASON_JOIN_TIMEOUT);
		break;
	case DIALLING:
		begin_stopping(h, REASON_DIAL_FAILED);
		break;
	case AUTHENTICATING:
		begin_stopping(h, REASON_TIMEOUT);
		break;
	case MEDIA_READY:
		if (time_us - h->activity_us >= h->config.idle_us)
			begin_stopping(h, REASON_WIFI_IDLE);
		else
			deadline_set(h->deadline, h->activity_us + h->config.idle_us);
		break;
	case STOPPING:
		log_reason(LOG_LEVEL_ERROR, "wifi", REASON_WIFI_GONE, "nobody confirms that the radio is off");
		enter_state(h, IDLE);
		break;
	}
}

lanyard_WifiState handover_state(const struct handover *h) {
	lanyard_WifiState state = { .mode = lanyard_WifiMode_WIFI_OFF };
	switch (h->state) {
	case IDLE:
		state.reason = (uint32_t)h->reason;
		break;
	case AP_STARTING:
	case STATION_JOINING:
		state.mode = lanyard_WifiMode_WIFI_STARTING;
		break;
	case AP_UP:
	case DIALLING:
	case AUTHENTICATING:
	case STOPPING:
		state.mode = h->station ? lanyard_WifiMode_WIFI_STATION : lanyard_WifiMode_WIFI_ACCESS_POINT;
		break;
	case MEDIA_READY:
		state.mode = lanyard_WifiMode_WIFI_MEDIA_READY;
		break;
	}
	return state;
}

/* --- what the companion asks for --- */

static void begin_start(struct handover *h, struct start *start) {
	struct waiting replaced = h->next.waiting;
	h->next = *start;
	start_wipe(start);
	answer(&replaced, REASON_CANCELLED, NULL);
	if (h->state == IDLE)
		begin_next(h);
	else
		begin_stopping(h, REASON_CANCELLED);
}

void handover_start_access_point(struct handover *h, bool passphrase, handover_answered answered, void *context) {
	struct start start = {
		.kind = START_ACCESS_POINT,
		.passphrase = passphrase,
		.waiting = { .answered = answered, .context = context },
	};
	begin_start(h, &start);
}

void handover_start_station(struct handover *h, const struct handover_station *station, handover_answered answered,
                            void *context) {
	struct start start = {
		.kind = START_STATION,
		.station = *station,
		.waiting = { .answered = answered, .context = context },
	};
	begin_start(h, &start);
}

void handover_joined(struct handover *h, const uint8_t address[16], uint16_t port, handover_answered answered, void *context) {
	if (h->state != AP_UP) {
		answered(context, h->state == IDLE ? REASON_WIFI_OFF : REASON_BUSY, NULL);
		return;
	}
	log_stage(h, "companion joined");
	memcpy(h->address, address, sizeof(h->address));
	h->port = port;
	h->joined = (struct waiting){ .answered = answered, .context = context };
	enter_state(h, DIALLING);
}

void handover_stop(struct handover *h, handover_answered answered, void *context) {
	if (h->state == IDLE) {
		answered(context, REASON_OK, NULL);
		return;
	}
	struct waiting replaced = h->next.waiting;
	start_wipe(&h->next); /* the last word counts, also when an earlier stop still waits */
	answer(&replaced, REASON_CANCELLED, NULL);
	if (h->stopped.answered) {
		answered(context, REASON_BUSY, NULL);
		return;
	}
	h->stopped = (struct waiting){ .answered = answered, .context = context };
	begin_stopping(h, REASON_OK);
}

void handover_cancel(struct handover *h, const void *context) {
	if (h->stopped.context == context)
		h->stopped = (struct waiting){ 0 };
	if (h->joined.context == context)
		h->joined = (struct waiting){ 0 };
	if (h->next.waiting.context == context)
		start_wipe(&h->next);
	if (h->current.waiting.context == context) {
		h->current.waiting = (struct waiting){ 0 };
		begin_stopping(h, REASON_CANCELLED);
	}
}

void handover_session_ended(struct handover *h) {
	start_wipe(&h->next); /* whoever waits for it is gone with the session */
	begin_stopping(h, REASON_SESSION_LOST);
}

/* --- life --- */

static const struct wifi_port_callbacks port_handlers = {
	.access_point_up = on_access_point_up,
	.access_point_off = on_access_point_off,
	.station_joined = on_station_joined,
	.station_off = on_station_off,
	.dialled = on_dialled,
};

int handover_new(struct handover **ret, sd_event *event, const struct handover_config *config,
                 const struct handover_callbacks *callbacks, void *context) {
	struct handover *h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	*h = (struct handover){ .event = event, .config = *config, .callbacks = callbacks, .context = context };
	int result = deadline_new(&h->deadline, event, on_deadline, h);
	if (result >= 0)
		result = sd_event_add_defer(event, &h->wire_ended, on_wire_ended, h);
	if (result >= 0)
		result = sd_event_source_set_enabled(h->wire_ended, SD_EVENT_OFF);
	if (result < 0) {
		handover_free(h);
		return result;
	}
	wifi_port_listen(config->port, &port_handlers, h);
	*ret = h;
	return 0;
}

void handover_free(struct handover *h) {
	if (!h)
		return;
	wifi_port_cancel_dial(h->config.port);
	media_free(h->media);
	wire_free(h->wire);
	sd_event_source_disable_unref(h->wire_ended);
	deadline_free(h->deadline);
	wipe(h, sizeof(*h));
	free(h);
}
