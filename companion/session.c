#include "companion/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "pairing/hello_advert.h"
#include "pairing/hint_search.h"
#include "wire/wire.h"

/* Well below SESSION_IDLE_US, so that one lost ping does not end the session, and often enough that a status is never stale. */
#define PING_US (20 * SECOND_US)
#define PING_TIMEOUT_US (10 * SECOND_US)
/* When there was no memory for one: the first of a session makes it live on the camera, which does not wait long for it. */
#define PING_RETRY_US SECOND_US
/* Renewing takes a connection and a round trip; a minute leaves room for several tries. */
#define RENEW_BEFORE_END_US (60 * SECOND_US)
#define RENEW_RETRY_US (10 * SECOND_US)
/* A user must not notice a session that comes back at once: requests wait this long for it. */
#define GRACE_US (5 * SECOND_US)
/* How long the camera before the last pairing is left alone, so that the new one is heard first when both are near. */
#define CANDIDATE_FIRST_US (10 * SECOND_US)
/* Pauses after failures: short at first, because most failures are a camera at the edge of its range. */
static const uint64_t pauses_us[] = { 200 * MILLISECOND_US, 500 * MILLISECOND_US, SECOND_US,
	                              2 * SECOND_US,        5 * SECOND_US,        10 * SECOND_US };

/* One way to the camera: the one in use, or the one that is to replace it. */
struct path {
	struct session *session;
	struct radio_dial *dial;
	struct wire *wire;
	struct link_peer peer;
	enum keyring_slot slot;
	bool hinted;                  /* it was dialled because of a hint, */
	uint64_t hint_epoch;          /* that of this epoch of the camera's */
	unsigned candidates;          /* keyring_candidates when it was dialled */
	struct pairing_record record; /* a copy of what was in that slot: the wire needs it as long as it lives */
};

struct session {
	unsigned references; /* the owner's, and one for each handler on the stack */
	bool freed;
	sd_event *event;
	struct session_config config;
	enum session_state state;
	enum reason reason;
	struct radio_listener listener;
	struct path paths[2];
	struct path *path, *next; /* the one in use and the spare one; they change places when a session is renewed */
	struct requests *requests;
	sd_event_source *timer;
	uint64_t ping_us, renew_us, retry_us, grace_us; /* absolute times; UINT64_MAX: never */
	uint64_t entered_us[SESSION_STATES];            /* when each state was entered last */
	bool is_fresh;                                  /* live, and the camera has answered nothing yet */
	unsigned failures;
	struct link_peer met; /* the address under which the camera was last connected */
	bool has_met;
	enum keyring_slot test_slot; /* test link only: it has no hints, so the records are tried in turn */
	struct hint_search hints[KEYRING_SLOTS];
	bool has_camera;
	lanyard_StatusResponse camera;
	const struct session_callbacks *callbacks;
	void *context;
};

static void session_ping(struct session *session);
static void session_pump(struct session *session);

static void session_enter_handler(struct session *session) {
	session->references++;
}

static void session_release(struct session *session) {
	if (--session->references == 0) {
		wipe(session, sizeof(*session));
		free(session);
	}
}

static uint64_t earlier(uint64_t a, uint64_t b) {
	return a < b ? a : b;
}

static void session_arm(struct session *session) {
	if (session->freed)
		return;
	uint64_t deadline_us = requests_deadline_us(session->requests);
	deadline_us = earlier(deadline_us, session->grace_us);
	deadline_us = earlier(deadline_us, session->retry_us);
	if (session->state == SESSION_LIVE) {
		deadline_us = earlier(deadline_us, session->ping_us);
		deadline_us = earlier(deadline_us, session->renew_us);
	}
	if (deadline_us == UINT64_MAX) {
		loop_timer_stop(session->timer);
		return;
	}
	sd_event_source_set_time(session->timer, deadline_us);
	sd_event_source_set_enabled(session->timer, SD_EVENT_ONESHOT);
}

static void path_drop(struct path *path) {
	radio_dial_free(path->dial);
	path->dial = NULL;
	wire_free(path->wire);
	path->wire = NULL;
	wipe(&path->record, sizeof(path->record));
}

static void session_enter(struct session *session, enum session_state state) {
	session->state = state;
	session->entered_us[state] = loop_now_us(session->event);
	switch (state) {
	case SESSION_UNPAIRED:
	case SESSION_DIALLING:
	case SESSION_AUTHENTICATING:
	case SESSION_LIVE:
		radio_unlisten(session->config.radio, &session->listener);
		break;
	case SESSION_SEARCHING:
		/* Scanning costs power on both ends of a weak link: none while pausing. */
		if (session->retry_us == UINT64_MAX)
			radio_listen(session->config.radio, &session->listener);
		break;
	}
	session_arm(session);
	session->callbacks->changed(session->context);
}

/* --- searching --- */

static uint64_t session_epoch(const struct session *session) {
	return (uint64_t)time(NULL) / session->config.epoch_seconds;
}

/* Notes the epoch for the path that will be dialled. */
static bool session_hint_matches(struct session *session, enum keyring_slot slot, const uint8_t hint[HINT_SIZE]) {
	const struct pairing_record *record = keyring_record(session->config.keyring, slot);
	if (!record)
		return false;
	bool far_allowed =
	        loop_now_us(session->event) >= session->entered_us[SESSION_SEARCHING] + session->config.hint_far_after_us;
	session->path->hinted = hint_search_match(&session->hints[slot], record, session_epoch(session), far_allowed, hint,
	                                          &session->path->hint_epoch) != HINT_UNKNOWN;
	return session->path->hinted;
}

/* Which of our records the advert belongs to; KEYRING_SLOTS for none. */
static enum keyring_slot session_recognize(struct session *session, const struct sighting *sighting, bool test_link) {
	struct keyring *keyring = session->config.keyring;
	session->path->hinted = false;
	if (test_link) {
		session->test_slot = session->test_slot == KEYRING_CANDIDATE ? KEYRING_PROVEN : KEYRING_CANDIDATE;
		if (keyring_record(keyring, session->test_slot))
			return session->test_slot;
		return keyring_record(keyring, KEYRING_CANDIDATE) ? KEYRING_CANDIDATE : KEYRING_PROVEN;
	}
	struct hello_advert hello;
	if (!hello_advert_read(sighting->service_data, sighting->service_data_length, &hello) ||
	    hello.type != HELLO_ADVERT_EXPECTED)
		return KEYRING_SLOTS;
	if (session_hint_matches(session, KEYRING_CANDIDATE, hello.id))
		return KEYRING_CANDIDATE;
	bool wait_for_candidate = keyring_record(keyring, KEYRING_CANDIDATE) &&
	                          loop_now_us(session->event) < session->entered_us[SESSION_SEARCHING] + CANDIDATE_FIRST_US;
	if (session_hint_matches(session, KEYRING_PROVEN, hello.id)) {
		/* The same camera under its old record means that the pairing did not reach it: no reason to wait then. */
		bool same_camera = wait_for_candidate && memcmp(keyring_record(keyring, KEYRING_CANDIDATE)->peer_key,
		                                                keyring_record(keyring, KEYRING_PROVEN)->peer_key, KEY_SIZE) == 0;
		return wait_for_candidate && !same_camera ? KEYRING_SLOTS : KEYRING_PROVEN;
	}
	return KEYRING_SLOTS;
}

static void on_dialled(void *context, int file, size_t packet_limit, enum reason reason);

static int path_dial(struct path *path) {
	path->candidates = keyring_candidates(path->session->config.keyring);
	return radio_dial(&path->dial, path->session->config.radio, &path->peer, on_dialled, path);
}

/* An attempt or a session has ended: pause, a little longer each time, then search again. */
static void session_search_again(struct session *session, enum reason reason, bool pause) {
	path_drop(session->path);
	path_drop(session->next);
	session->reason = reason;
	session->retry_us = UINT64_MAX;
	if (pause) {
		size_t step = session->failures < ELEMENTS(pauses_us) ? session->failures : ELEMENTS(pauses_us) - 1;
		session->failures++;
		session->retry_us = loop_now_us(session->event) + pauses_us[step];
	}
	session_enter(session, SESSION_SEARCHING);
}

/* An answer to a hint from far away may be what somebody was waiting for who plays it again. */
static void session_note_try(struct session *session) {
	struct path *path = session->path;
	if (path->hinted)
		hint_search_try(&session->hints[path->slot], path->hint_epoch);
}

static void on_heard(void *context, const struct sighting *sighting, bool test_link) {
	struct session *session = context;
	enum keyring_slot slot = session_recognize(session, sighting, test_link);
	if (slot == KEYRING_SLOTS)
		return;
	session->path->slot = slot;
	session->path->record = *keyring_record(session->config.keyring, slot);
	session_note_try(session);
	memcpy(session->path->peer.address, sighting->address, sizeof(session->path->peer.address));
	session->path->peer.address_type = sighting->address_type;
	/* The camera may have changed its address while its last connection still stands. A second one would be to the same
	 * camera, whose kernel takes the two for one (seen with Linux 6.1, which then corrupts its memory); a channel on the
	 * first is there at once. */
	if (session->has_met && radio_stands(session->config.radio, &session->met))
		session->path->peer = session->met;
	int result = path_dial(session->path);
	if (result >= 0) {
		session_enter(session, SESSION_DIALLING);
		return;
	}
	if (session->failures == 0)
		log_line(LOG_LEVEL_WARNING, "session", "the camera was heard but cannot be dialled: %s", strerror(-result));
	session_search_again(session, REASON_CONNECT_FAILED, true);
}

/* --- links --- */

static unsigned session_ms(const struct session *session, enum session_state from, uint64_t until_us) {
	return (unsigned)((until_us - session->entered_us[from]) / MILLISECOND_US);
}

/* Where the time went, for whoever wonders why it takes long: a bad radio is heard late, a slow one connects late. */
static void session_say_live(struct session *session, const char *name) {
	log_line(LOG_LEVEL_NOTICE, "session", "live with %s: heard after %u ms, connected in %u ms, keys in %u ms", name,
	         session_ms(session, SESSION_SEARCHING, session->entered_us[SESSION_DIALLING]),
	         session_ms(session, SESSION_DIALLING, session->entered_us[SESSION_AUTHENTICATING]),
	         session_ms(session, SESSION_AUTHENTICATING, loop_now_us(session->event)));
	session->is_fresh = true;
}

static void session_say_answered(struct session *session) {
	if (session->is_fresh)
		log_line(LOG_LEVEL_INFO, "session", "first answer after %u ms more",
		         session_ms(session, SESSION_LIVE, loop_now_us(session->event)));
	session->is_fresh = false;
}

/* The camera has proven itself: its clock is what the hint said. */
static void session_met(struct session *session) {
	struct path *path = session->path;
	hint_search_met(&session->hints[path->slot], path->hint_epoch, session_epoch(session));
	int64_t skew = session->hints[path->slot].skew;
	if (skew < -HINT_NEAR_EPOCHS || skew > HINT_NEAR_EPOCHS)
		log_line(LOG_LEVEL_WARNING, "session", "the camera's clock and ours are %lld minutes apart",
		         (long long)(skew < 0 ? -skew : skew) * session->config.epoch_seconds / 60);
	path->hinted = false;
}

/* Its record stays where it is as long as it cannot be stored as the proven one: the next session tries that again. */
static void session_prove(struct session *session) {
	struct path *path = session->path;
	const struct pairing_record *stored = keyring_record(session->config.keyring, path->slot);
	if (!stored || memcmp(stored->secret, path->record.secret, KEY_SIZE) != 0)
		return; /* another camera was paired since this one was dialled: nothing has proven that */
	int result = keyring_prove(session->config.keyring, path->slot, path->candidates);
	if (result < 0) {
		log_reason(LOG_LEVEL_ERROR, "session", REASON_STORE_FAILED, "the pairing that works could not be stored: %s",
		           strerror(-result));
		return;
	}
	if (path->slot != KEYRING_PROVEN)
		session->hints[KEYRING_PROVEN] = session->hints[path->slot];
	path->slot = KEYRING_PROVEN;
}

static void session_went_live(struct session *session) {
	uint64_t now_us = loop_now_us(session->event);
	session_prove(session);
	if (session->path->hinted)
		session_met(session);
	session->met = session->path->peer;
	session->has_met = true;
	session->reason = REASON_OK;
	session->failures = 0;
	session->grace_us = UINT64_MAX;
	session->retry_us = UINT64_MAX;
	session->renew_us = now_us + session->config.renew_after_us;
	session->ping_us = UINT64_MAX;
	/* The first transport message is what makes the session live on the camera (docs/protocol.md, "Session"). */
	session_ping(session);
	session_enter(session, SESSION_LIVE);
	if (!session->freed)
		session->callbacks->live(session->context);
	if (!session->freed)
		session_pump(session);
}

static void on_live(void *context) {
	struct path *path = context;
	struct session *session = path->session;
	session_enter_handler(session);
	if (path == session->next) {
		/* The new session takes over; what was asked on the old one and not yet answered is asked again. */
		path_drop(session->path);
		session->next = session->path;
		session->path = path;
		requests_link_lost(session->requests);
		log_line(LOG_LEVEL_INFO, "session", "renewed");
	} else {
		session_say_live(session, path->record.peer_name);
	}
	if (!session->freed)
		session_went_live(session);
	session_release(session);
}

static void session_lost(struct session *session, enum reason reason) {
	bool was_live = session->state == SESSION_LIVE;
	session->state = SESSION_SEARCHING; /* what callbacks ask for now waits for the next session */
	if (was_live) {
		log_reason(LOG_LEVEL_NOTICE, "session", reason, "ended");
		session->grace_us = loop_now_us(session->event) + GRACE_US;
	} else if (session->failures == 0 || reason != session->reason) { /* once, not at every try */
		log_reason(LOG_LEVEL_INFO, "session", reason, "no session");
	}
	requests_link_lost(session->requests);
	if (session->freed)
		return;
	/* A session that was good is made anew at once. */
	session_search_again(session, reason, !was_live);
	if (was_live && !session->freed)
		session->callbacks->lost(session->context, reason);
}

static void on_closed(void *context, enum reason reason) {
	struct path *path = context;
	struct session *session = path->session;
	session_enter_handler(session);
	if (path == session->path) {
		session_lost(session, reason);
	} else {
		log_reason(LOG_LEVEL_INFO, "session", reason, "not renewed yet");
		path_drop(path);
		session->renew_us = loop_now_us(session->event) + RENEW_RETRY_US;
		session_pump(session);
	}
	session_release(session);
}

static void session_take_event(struct session *session, const lanyard_Event *event) {
	if (event->which_body == lanyard_Event_status_tag) {
		session->camera = event->body.status;
		session->has_camera = true;
		session->callbacks->changed(session->context);
	}
	if (!session->freed)
		session->callbacks->event(session->context, event);
}

static void on_message(void *context, const uint8_t *bytes, size_t length) {
	struct path *path = context;
	struct session *session = path->session;
	if (path != session->path)
		return;
	session_enter_handler(session);
	lanyard_Message message;
	if (codec_decode(bytes, length, &message) < 0)
		session_lost(session, REASON_MESSAGE_MALFORMED);
	else if (message.which_kind == lanyard_Message_response_tag)
		requests_take_answer(session->requests, &message.kind.response);
	else if (message.which_kind == lanyard_Message_event_tag)
		session_take_event(session, &message.kind.event);
	else
		session_lost(session, REASON_MESSAGE_UNEXPECTED);
	wipe(&message, sizeof(message)); /* an answer may hold a network's key */
	if (!session->freed)
		session_pump(session);
	session_release(session);
}

static const struct wire_callbacks wire_handlers = { .live = on_live, .message = on_message, .closed = on_closed };

static void path_failed(struct path *path, enum reason reason) {
	on_closed(path, reason);
}

static void on_dialled(void *context, int file, size_t packet_limit, enum reason reason) {
	struct path *path = context;
	struct session *session = path->session;
	radio_dial_free(path->dial);
	path->dial = NULL;
	if (file < 0) {
		path_failed(path, reason);
		return;
	}
	struct wire_config config = {
		.kind = CHANNEL_SESSION,
		.keys = keyring_keys(session->config.keyring),
		.product = keyring_product(session->config.keyring),
		.pairing = &path->record,
		.name = session->config.name,
		.packet_limit = packet_limit,
	};
	int result = wire_new(&path->wire, session->event, file, &config, &wire_handlers, path);
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "session", "the link could not be set up: %s", strerror(-result));
		path_failed(path, REASON_INTERNAL);
		return;
	}
	if (path == session->path)
		session_enter(session, SESSION_AUTHENTICATING);
}

/* --- requests --- */

static bool session_is_renewing(const struct session *session) {
	return session->next->dial || session->next->wire;
}

/* Nothing is asked on a session whose successor is under way: an answer that is bound to it would be lost when that takes over.
 */
static void session_pump(struct session *session) {
	const uint8_t *bytes;
	size_t length;
	while (session->state == SESSION_LIVE && !session_is_renewing(session) &&
	       (bytes = requests_next(session->requests, &length)) != NULL)
		if (wire_send(session->path->wire, bytes, length) < 0)
			break; /* the wire tells why through `closed`, and the request is repeated then */
	session_arm(session);
}

static void on_ping_answer(void *context, enum reason reason, const lanyard_Response *response) {
	struct session *session = context;
	if (reason == REASON_OK) {
		session_say_answered(session);
		session->camera = response->body.status;
		session->has_camera = true;
		session->ping_us = loop_now_us(session->event) + PING_US;
		session->callbacks->changed(session->context);
	} else if (reason == REASON_TIMEOUT) {
		if (session->state == SESSION_LIVE)
			session_lost(session, REASON_TIMEOUT);
	} else {
		session->ping_us = loop_now_us(session->event) + PING_US;
	}
}

static void session_ping(struct session *session) {
	session->ping_us = UINT64_MAX;
	lanyard_Request request = { .which_body = lanyard_Request_status_tag };
	if (requests_add(session->requests, &request, REQUESTS_FAIL, loop_now_us(session->event), PING_TIMEOUT_US, on_ping_answer,
	                 session, NULL) < 0)
		session->ping_us = loop_now_us(session->event) + PING_RETRY_US;
}

static void session_renew(struct session *session, uint64_t now_us) {
	session->renew_us = now_us + RENEW_RETRY_US;
	if (session_is_renewing(session))
		return;
	session->next->peer = session->path->peer;
	session->next->slot = session->path->slot;
	session->next->record = session->path->record;
	session->next->hinted = false;
	if (path_dial(session->next) < 0)
		log_reason(LOG_LEVEL_INFO, "session", REASON_CONNECT_FAILED, "not renewed yet");
}

static int on_timer(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source;
	(void)time_us;
	struct session *session = context;
	session_enter_handler(session);
	uint64_t now_us = loop_now_us(session->event);
	if (session->retry_us <= now_us) {
		session->retry_us = UINT64_MAX;
		if (session->state == SESSION_SEARCHING)
			radio_listen(session->config.radio, &session->listener);
	}
	if (session->state == SESSION_LIVE && session->ping_us <= now_us)
		session_ping(session);
	/* Not while an answer is bound to the old session, unless that would let it expire. */
	if (session->state == SESSION_LIVE && session->renew_us <= now_us) {
		if (requests_bound(session->requests))
			session->renew_us = now_us + SECOND_US;
		else
			session_renew(session, now_us);
	}
	if (session->grace_us <= now_us) {
		session->grace_us = UINT64_MAX;
		requests_fail_all(session->requests, REASON_NOT_CONNECTED);
	}
	if (!session->freed)
		requests_tick(session->requests, now_us);
	if (!session->freed)
		session_pump(session);
	session_release(session);
	return 0;
}

int session_request(struct session *session, lanyard_Request *request, enum requests_loss loss, uint64_t timeout_us,
                    requests_answer answer, void *context, uint32_t *ret_id) {
	if (session->state != SESSION_LIVE && session->grace_us == UINT64_MAX)
		return -ENOTCONN;
	int result =
	        requests_add(session->requests, request, loss, loop_now_us(session->event), timeout_us, answer, context, ret_id);
	if (result >= 0)
		session_pump(session);
	return result;
}

void session_cancel(struct session *session, uint32_t id) {
	requests_cancel(session->requests, id);
}

/* --- life --- */

static void session_begin(struct session *session) {
	session->failures = 0;
	session->retry_us = UINT64_MAX;
	session_enter(session, keyring_newest(session->config.keyring) ? SESSION_SEARCHING : SESSION_UNPAIRED);
}

int session_new(struct session **ret, sd_event *event, const struct session_config *config,
                const struct session_callbacks *callbacks, void *context) {
	struct session *session = calloc(1, sizeof(*session));
	if (!session)
		return -ENOMEM;
	*session = (struct session){
		.references = 1,
		.event = event,
		.config = *config,
		.listener = { .heard = on_heard, .context = session },
		.paths = { { .session = session }, { .session = session } },
		.path = &session->paths[0],
		.next = &session->paths[1],
		.ping_us = UINT64_MAX,
		.renew_us = UINT64_MAX,
		.retry_us = UINT64_MAX,
		.grace_us = UINT64_MAX,
		.requests = requests_new(random_system()),
		.callbacks = callbacks,
		.context = context,
	};
	if (session->config.renew_after_us == 0)
		session->config.renew_after_us = SESSION_LIFE_US - RENEW_BEFORE_END_US;
	if (session->config.hint_far_after_us == 0)
		session->config.hint_far_after_us = HINT_FAR_AFTER_US;
	int result = session->requests ? 0 : -ENOMEM;
	if (result == 0)
		result = sd_event_add_time(event, &session->timer, CLOCK_BOOTTIME, UINT64_MAX, 1000, on_timer, session);
	if (result < 0) {
		session_free(session);
		return result;
	}
	*ret = session;
	session_begin(session);
	return 0;
}

void session_free(struct session *session) {
	if (!session || session->freed)
		return;
	session->freed = true;
	radio_unlisten(session->config.radio, &session->listener);
	path_drop(session->path);
	path_drop(session->next);
	session->timer = sd_event_source_disable_unref(session->timer);
	requests_free(session->requests);
	session_release(session);
}

void session_restart(struct session *session, const struct link_peer *met) {
	session_enter_handler(session);
	session->has_met = met != NULL;
	if (met)
		session->met = *met;
	bool was_live = session->state == SESSION_LIVE;
	path_drop(session->path);
	path_drop(session->next);
	session->reason = REASON_OK;
	session->has_camera = false;
	session->grace_us = UINT64_MAX;
	requests_fail_all(session->requests, REASON_SESSION_LOST);
	if (!session->freed)
		session_begin(session);
	if (was_live && !session->freed)
		session->callbacks->lost(session->context, REASON_SESSION_LOST);
	session_release(session);
}

enum session_state session_state(const struct session *session) {
	return session->state;
}

enum reason session_reason(const struct session *session) {
	return session->reason;
}

const struct pairing_record *session_pairing(const struct session *session) {
	return session->state == SESSION_LIVE ? &session->path->record : NULL;
}

const lanyard_StatusResponse *session_camera(const struct session *session) {
	return session->has_camera ? &session->camera : NULL;
}
