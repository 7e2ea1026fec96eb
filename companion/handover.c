#include "companion/handover.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "link/listen.h"
#include "wifi/station.h"
#include "wire/wire.h"

/* hostapd's start from nothing takes 2 s on slow hardware. */
#define START_TIMEOUT_US (20 * SECOND_US)
/* The station has a deadline of its own, with a better reason; this one only catches a station that forgets. */
#define JOIN_TIMEOUT_US (60 * SECOND_US)
/* The camera answers AccessPointJoined when it has dialled, or failed to. */
#define DIAL_TIMEOUT_US (20 * SECOND_US)
/* From our side the handshake is one round trip on an idle network. */
#define AUTHENTICATE_TIMEOUT_US (2 * HANDSHAKE_US)
#define CLOSE_TIMEOUT_US (15 * SECOND_US)
/* Nobody waits longer than this and then for a second try. */
#define RETRY_WITHIN_US (45 * SECOND_US)

struct handover {
	enum handover_state state;
	enum reason reason;
	sd_event *event;
	struct handover_config config;
	struct station *station;
	bool station_on; /* station_prepare or station_join was called and `off` has not come yet */
	bool camera_on;  /* the camera was asked for its access point and has not yet said that it is down */
	struct listener *listener;
	struct wire *wire;
	uint32_t request; /* under way, 0 for none */
	sd_event_source *timer;
	uint8_t media_psk[KEY_SIZE];
	struct pairing_record record;  /* a copy: the wire needs it as long as it lives */
	uint64_t asked_us;             /* by the user */
	uint64_t started_us, stage_us; /* of this try */
	bool retried;
	struct handover_stages stages;
	void (*changed)(void *context);
	void *context;
};

static void handover_fail(struct handover *handover, enum reason reason);
static int handover_start(struct handover *handover);

static const struct handover_stages none_reached = { UINT64_MAX, UINT64_MAX, UINT64_MAX };

static uint64_t state_timeout_us(enum handover_state state) {
	switch (state) {
	case HANDOVER_STARTING:
		return START_TIMEOUT_US;
	case HANDOVER_JOINING:
		return JOIN_TIMEOUT_US;
	case HANDOVER_ANNOUNCING:
		return DIAL_TIMEOUT_US;
	case HANDOVER_AUTHENTICATING:
		return AUTHENTICATE_TIMEOUT_US;
	case HANDOVER_RETRYING:
	case HANDOVER_CLOSING:
		return CLOSE_TIMEOUT_US;
	case HANDOVER_OFF:
	case HANDOVER_READY:
		break;
	}
	return UINT64_MAX;
}

static void handover_enter(struct handover *handover, enum handover_state state) {
	handover->state = state;
	handover->stage_us = loop_now_us(handover->event);
	uint64_t timeout_us = state_timeout_us(state);
	if (timeout_us == UINT64_MAX) {
		loop_timer_stop(handover->timer);
	} else {
		sd_event_source_set_time(handover->timer, handover->stage_us + timeout_us);
		sd_event_source_set_enabled(handover->timer, SD_EVENT_ONESHOT);
	}
	handover->changed(handover->context);
}

/* Takes the time since the last stage. */
static uint64_t handover_stage_time(struct handover *handover) {
	return loop_now_us(handover->event) - handover->stage_us;
}

static void handover_cancel_request(struct handover *handover) {
	session_cancel(handover->config.session, handover->request);
	handover->request = 0;
}

static int handover_ask(struct handover *handover, lanyard_Request *request, uint64_t timeout_us, requests_answer answer) {
	int result = session_request(handover->config.session, request, REQUESTS_FAIL, timeout_us, answer, handover,
	                             &handover->request);
	wipe(request, sizeof(*request));
	return result;
}

/* --- closing --- */

static bool handover_is_closing(const struct handover *handover) {
	return handover->state == HANDOVER_CLOSING || handover->state == HANDOVER_RETRYING;
}

static void handover_closed_if_done(struct handover *handover) {
	if (!handover_is_closing(handover) || handover->station_on || handover->camera_on)
		return;
	handover_cancel_request(handover);
	if (handover->state == HANDOVER_RETRYING) {
		int result = handover_start(handover);
		if (result == 0)
			return;
		handover->reason = result == -ENOTCONN ? REASON_SESSION_LOST : REASON_INTERNAL;
	}
	if (handover->reason == REASON_OK)
		log_line(LOG_LEVEL_INFO, "wifi", "off");
	else
		log_reason(LOG_LEVEL_WARNING, "wifi", handover->reason, "off");
	handover_enter(handover, HANDOVER_OFF);
}

static void on_stop_answer(void *context, enum reason reason, const lanyard_Response *response) {
	(void)response;
	struct handover *handover = context;
	handover->request = 0;
	if (reason != REASON_OK) /* the camera's own rules take it down: its session, or its idle time, ends */
		log_reason(LOG_LEVEL_WARNING, "wifi", reason, "the camera did not confirm that its access point is down");
	handover->camera_on = false;
	handover_closed_if_done(handover);
}

static void handover_take_down(struct handover *handover) {
	listener_free(handover->listener);
	handover->listener = NULL;
	wire_free(handover->wire);
	handover->wire = NULL;
	wipe(handover->media_psk, sizeof(handover->media_psk));
	wipe(&handover->record, sizeof(handover->record));
}

static bool is_transient(enum reason reason) {
	return reason == REASON_JOIN_TIMEOUT || reason == REASON_JOIN_LOST || reason == REASON_PEER_ABSENT ||
	       reason == REASON_DIAL_FAILED || reason == REASON_AP_TIMEOUT || reason == REASON_TIMEOUT;
}

static bool handover_may_retry(struct handover *handover, enum reason reason) {
	bool under_way = handover->state != HANDOVER_READY && !handover_is_closing(handover);
	return under_way && !handover->retried && is_transient(reason) &&
	       loop_now_us(handover->event) < handover->asked_us + RETRY_WITHIN_US;
}

static void handover_begin_closing(struct handover *handover, enum reason reason) {
	bool retry = handover_may_retry(handover, reason);
	if (retry)
		log_reason(LOG_LEVEL_WARNING, "wifi", reason, "tried once more");
	handover->retried = handover->retried || retry;
	handover->reason = retry ? REASON_OK : reason;
	handover_cancel_request(handover);
	handover_take_down(handover);
	handover_enter(handover, retry ? HANDOVER_RETRYING : HANDOVER_CLOSING);
	media_close(handover->config.media, reason == REASON_OK ? REASON_MEDIA_CLOSED : reason);
	if (handover->camera_on) {
		lanyard_Request request = { .which_body = lanyard_Request_wifi_stop_tag };
		if (handover_ask(handover, &request, CLOSE_TIMEOUT_US, on_stop_answer) < 0)
			handover->camera_on = false; /* no session, and the camera takes it down for that; or it is idle soon */
	}
	if (handover->station_on)
		station_leave(handover->station);
	handover_closed_if_done(handover);
}

static void handover_fail(struct handover *handover, enum reason reason) {
	if (handover->state == HANDOVER_OFF || handover->state == HANDOVER_CLOSING)
		return;
	handover_begin_closing(handover, reason == REASON_OK ? REASON_INTERNAL : reason);
}

/* --- the media channel --- */

static void on_media_send(void *context, const uint8_t *bytes, size_t length) {
	struct handover *handover = context;
	if (handover->wire)
		(void)wire_send(handover->wire, bytes, length);
}

static void on_wire_live(void *context) {
	struct handover *handover = context;
	handover->stages.media_us =
	        loop_now_us(handover->event) - handover->started_us - handover->stages.up_us - handover->stages.join_us;
	media_open(handover->config.media, on_media_send, handover);
	log_line(LOG_LEVEL_NOTICE, "wifi", "media ready: access point %llu ms, join %llu ms, media %llu ms",
	         (unsigned long long)(handover->stages.up_us / 1000), (unsigned long long)(handover->stages.join_us / 1000),
	         (unsigned long long)(handover->stages.media_us / 1000));
	handover_enter(handover, HANDOVER_READY);
}

static void on_wire_message(void *context, const uint8_t *bytes, size_t length) {
	struct handover *handover = context;
	if (media_take_message(handover->config.media, bytes, length) < 0)
		handover_fail(handover, REASON_MESSAGE_MALFORMED);
}

static void on_wire_closed(void *context, enum reason reason) {
	struct handover *handover = context;
	bool was_ready = handover->state == HANDOVER_READY;
	bool plain = reason == REASON_LINK_CLOSED || reason == REASON_OK;
	handover_fail(handover, was_ready && plain ? REASON_MEDIA_CLOSED : reason);
}

static const struct wire_callbacks wire_handlers = {
	.live = on_wire_live,
	.message = on_wire_message,
	.closed = on_wire_closed,
};

static void on_accepted(void *context, int file) {
	struct handover *handover = context;
	listener_free(handover->listener);
	handover->listener = NULL;
	const struct pairing_record *record = session_pairing(handover->config.session);
	if (!record) { /* lost a moment ago: the session's end is about to take this down too */
		close(file);
		handover_fail(handover, REASON_SESSION_LOST);
		return;
	}
	handover->record = *record;
	struct wire_config config = {
		.kind = CHANNEL_MEDIA,
		.keys = keyring_keys(handover->config.keyring),
		.product = keyring_product(handover->config.keyring),
		.pairing = &handover->record,
		.media_psk = handover->media_psk,
		.name = handover->config.name,
	};
	int result = wire_new(&handover->wire, handover->event, file, &config, &wire_handlers, handover);
	wipe(handover->media_psk, sizeof(handover->media_psk));
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "wifi", "the media link could not be set up: %s", strerror(-result));
		handover_fail(handover, REASON_INTERNAL);
		return;
	}
	handover_enter(handover, HANDOVER_AUTHENTICATING);
}

static void on_listen_failed(void *context, enum reason reason) {
	struct handover *handover = context;
	handover_fail(handover, reason);
}

static const struct listener_callbacks listener_handlers = { .accepted = on_accepted, .failed = on_listen_failed };

/* --- joined: tell the camera where to dial --- */

static void on_joined_answer(void *context, enum reason reason, const lanyard_Response *response) {
	(void)response;
	struct handover *handover = context;
	handover->request = 0;
	if (reason != REASON_OK)
		handover_fail(handover, reason);
}

static void handover_announce(struct handover *handover, const uint8_t address[16], uint16_t port) {
	handover->stages.join_us = handover_stage_time(handover);
	handover_enter(handover, HANDOVER_ANNOUNCING);
	lanyard_Request request = { .which_body = lanyard_Request_access_point_joined_tag };
	lanyard_AccessPointJoined *joined = &request.body.access_point_joined;
	joined->address.size = 16;
	memcpy(joined->address.bytes, address, 16);
	joined->port = port;
	int result = handover_ask(handover, &request, DIAL_TIMEOUT_US, on_joined_answer);
	if (result < 0)
		handover_fail(handover, result == -ENOTCONN ? REASON_SESSION_LOST : REASON_INTERNAL);
}

static void on_station_joined(void *context, unsigned index, const uint8_t address[16]) {
	struct handover *handover = context;
	if (handover->state != HANDOVER_JOINING)
		return;
	struct tcp_endpoint endpoint = { .interface = index };
	memcpy(endpoint.address, address, sizeof(endpoint.address));
	int result = listener_new_tcp(&handover->listener, handover->event, &endpoint, &listener_handlers, handover);
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "wifi", "listening on the camera's network failed: %s", strerror(-result));
		handover_fail(handover, REASON_INTERNAL);
		return;
	}
	handover_announce(handover, address, listener_port(handover->listener));
}

static void on_station_off(void *context, enum reason reason) {
	struct handover *handover = context;
	if (!handover->station_on)
		return; /* of a handover that was given up: none of the later one's affair */
	handover->station_on = false;
	if (handover_is_closing(handover))
		handover_closed_if_done(handover);
	else
		handover_fail(handover, reason == REASON_OK ? REASON_JOIN_LOST : reason);
}

static const struct station_callbacks station_handlers = { .joined = on_station_joined, .off = on_station_off };

static void handover_join_test_socket(struct handover *handover) {
	int result = listener_new_unix(&handover->listener, handover->event, handover->config.test_socket, &listener_handlers,
	                               handover);
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "wifi", "listening on the test socket failed: %s", strerror(-result));
		handover_fail(handover, REASON_INTERNAL);
		return;
	}
	handover_announce(handover, in6addr_loopback.s6_addr, 1);
}

/* --- the access point is up --- */

/* 0 or -EBADMSG when the camera's answer is not usable. */
static int take_credentials(const lanyard_AccessPointUp *up, struct wifi_credentials *ret) {
	size_t passphrase = strlen(up->passphrase);
	bool has_psk = up->psk.size == PSK_SIZE && passphrase == 0;
	bool has_passphrase = up->psk.size == 0 && passphrase >= 8;
	bool has_bssid = up->bssid.size == MAC_SIZE;
	if (up->ssid.size == 0 || !(has_psk || has_passphrase) || (up->bssid.size != 0 && !has_bssid) ||
	    up->media_psk.size != KEY_SIZE)
		return -EBADMSG;
	*ret = (struct wifi_credentials){
		.ssid_length = up->ssid.size,
		.has_psk = has_psk,
		.hidden = true,
		.has_bssid = has_bssid,
		.frequency_mhz = up->frequency_mhz,
	};
	memcpy(ret->ssid, up->ssid.bytes, up->ssid.size);
	if (has_psk)
		memcpy(ret->psk, up->psk.bytes, PSK_SIZE);
	else
		memcpy(ret->passphrase, up->passphrase, passphrase + 1);
	if (has_bssid)
		memcpy(ret->bssid, up->bssid.bytes, MAC_SIZE);
	return 0;
}

static void on_start_answer(void *context, enum reason reason, const lanyard_Response *response) {
	struct handover *handover = context;
	handover->request = 0;
	if (reason != REASON_OK) {
		/* Refused: there is nothing to take down. Without an answer it may be up after all. */
		handover->camera_on = reason == REASON_TIMEOUT;
		handover_fail(handover, reason);
		return;
	}
	const lanyard_AccessPointUp *up = &response->body.access_point_up;
	struct wifi_credentials credentials;
	if (take_credentials(up, &credentials) < 0) {
		handover_fail(handover, REASON_MESSAGE_MALFORMED);
		return;
	}
	memcpy(handover->media_psk, up->media_psk.bytes, KEY_SIZE);
	handover->stages.up_us = handover_stage_time(handover);
	handover_enter(handover, HANDOVER_JOINING);
	if (handover->config.test_socket) {
		handover_join_test_socket(handover);
	} else {
		int result = station_join(handover->station, &credentials);
		if (result == -EALREADY && handover->station_on) {
			log_line(LOG_LEVEL_INFO, "wifi", "the station could not get ready, and is about to say why");
		} else if (result < 0) {
			log_line(LOG_LEVEL_ERROR, "wifi", "the station cannot join: %s", strerror(-result));
			handover_fail(handover, REASON_WIFI_GONE);
		} else {
			handover->station_on = true;
		}
	}
	wifi_credentials_wipe(&credentials);
}

static int on_timer(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source;
	(void)time_us;
	struct handover *handover = context;
	switch (handover->state) {
	case HANDOVER_STARTING:
		handover_fail(handover, REASON_AP_TIMEOUT);
		break;
	case HANDOVER_JOINING:
		handover_fail(handover, REASON_JOIN_TIMEOUT);
		break;
	case HANDOVER_ANNOUNCING:
		handover_fail(handover, REASON_DIAL_FAILED);
		break;
	case HANDOVER_AUTHENTICATING:
		handover_fail(handover, REASON_HANDSHAKE_FAILED);
		break;
	case HANDOVER_RETRYING:
	case HANDOVER_CLOSING:
		/* The camera's own deadlines end its part; a station that does not answer is left to its supplicant's restart. */
		handover->camera_on = false;
		handover->station_on = false;
		handover_closed_if_done(handover);
		break;
	case HANDOVER_OFF:
	case HANDOVER_READY:
		break;
	}
	return 0;
}

int handover_new(struct handover **ret, sd_event *event, const struct handover_config *config, void (*changed)(void *context),
                 void *context) {
	struct handover *handover = calloc(1, sizeof(*handover));
	if (!handover)
		return -ENOMEM;
	*handover = (struct handover){
		.event = event, .config = *config, .stages = none_reached, .changed = changed, .context = context
	};
	int result = loop_timer_new(event, &handover->timer, 1000, on_timer, handover);
	if (result >= 0 && config->supplicant_control)
		result = station_supplicant_new(&handover->station, event, config->supplicant_control, config->interface, true,
		                                &station_handlers, handover);
	if (result < 0) {
		handover_free(handover);
		return result;
	}
	*ret = handover;
	return 0;
}

void handover_free(struct handover *handover) {
	if (!handover)
		return;
	handover_cancel_request(handover);
	handover_take_down(handover);
	station_free(handover->station);
	sd_event_source_disable_unref(handover->timer);
	free(handover);
}

static int handover_start(struct handover *handover) {
	lanyard_Request request = { .which_body = lanyard_Request_access_point_start_tag };
	request.body.access_point_start.form = lanyard_WifiSecretForm_WIFI_SECRET_RAW_PSK;
	int result = handover_ask(handover, &request, START_TIMEOUT_US, on_start_answer);
	if (result < 0)
		return result;
	handover->reason = REASON_OK;
	handover->stages = none_reached;
	handover->camera_on = true;
	handover->started_us = loop_now_us(handover->event);
	/* Our interface comes up while the camera's does. Refused while a use that was given up still ends: then all of it is
	 * done when it joins. */
	handover->station_on = handover->station && station_prepare(handover->station) == 0;
	handover_enter(handover, HANDOVER_STARTING);
	return 0;
}

int handover_open(struct handover *handover) {
	if (handover->state != HANDOVER_OFF)
		return -EALREADY;
	if (!handover->station && !handover->config.test_socket)
		return -ENODEV;
	handover->retried = false;
	handover->asked_us = loop_now_us(handover->event);
	return handover_start(handover);
}

void handover_close(struct handover *handover) {
	if (handover->state != HANDOVER_OFF && handover->state != HANDOVER_CLOSING)
		handover_begin_closing(handover, REASON_OK);
}

enum handover_state handover_state(const struct handover *handover) {
	return handover->state;
}

enum reason handover_reason(const struct handover *handover) {
	return handover->reason;
}

const struct handover_stages *handover_stages(const struct handover *handover) {
	return &handover->stages;
}

void handover_session_lost(struct handover *handover) {
	if (handover->state == HANDOVER_OFF)
		return;
	handover->camera_on = false; /* it takes its access point down for the same reason */
	handover_fail(handover, REASON_SESSION_LOST);
	handover_closed_if_done(handover);
}

void handover_wifi_event(struct handover *handover, const lanyard_WifiState *state) {
	/* While starting, the camera may still report that it was off. */
	if (state->mode != lanyard_WifiMode_WIFI_OFF || handover->state == HANDOVER_OFF || handover->state == HANDOVER_STARTING)
		return;
	enum reason reason = reason_from_number(state->reason);
	handover->camera_on = false;
	if (handover_is_closing(handover)) {
		/* The camera knows better than a broken connection why it went down. */
		if (handover->reason == REASON_MEDIA_CLOSED && reason != REASON_OK)
			handover->reason = reason;
		handover_closed_if_done(handover);
		return;
	}
	handover_fail(handover, reason == REASON_OK ? REASON_AP_FAILED : reason);
}
