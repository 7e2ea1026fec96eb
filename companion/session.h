/* The session with the paired camera, kept in the background: hear the camera's hint, dial, authenticate, ask, ping, renew before
 * it expires, and begin again when it is lost. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/reason.h"
#include "companion/keyring.h"
#include "companion/radio.h"
#include "companion/requests.h"

struct session;

enum session_state {
	SESSION_UNPAIRED,       /* there is no camera to look for */
	SESSION_SEARCHING,      /* listening for its hint, or pausing after a failure */
	SESSION_DIALLING,       /* heard: connecting */
	SESSION_AUTHENTICATING, /* connected: handshake */
	SESSION_LIVE,
};
#define SESSION_STATES (SESSION_LIVE + 1)

struct session_callbacks {
	/* State, camera status or reason changed. */
	void (*changed)(void *context);
	/* A session went live, or the one before it was renewed without a gap. */
	void (*live)(void *context);
	/* The session that was live is gone. */
	void (*lost)(void *context, enum reason reason);
	/* The camera told something, unasked; valid during the call. */
	void (*event)(void *context, const lanyard_Event *event);
};

struct session_config {
	struct radio *radio;
	struct keyring *keyring;
	const char *name;           /* the companion's own */
	unsigned epoch_seconds;     /* of the hints: EPOCH_SECONDS outside tests */
	uint64_t renew_after_us;    /* 0: a minute before the session's life ends (pairing/limits.h) */
	uint64_t hint_far_after_us; /* 0: HINT_FAR_AFTER_US (pairing/hint_search.h) */
};

/* Starts at once when the keyring holds a camera. All in `config` outlive the session. 0 or a negative errno. */
int session_new(struct session **ret, sd_event *event, const struct session_config *config,
                const struct session_callbacks *callbacks, void *context);
/* May be called inside any callback. Requests under way are not called back. NULL is allowed. */
void session_free(struct session *session);
/* The keyring has changed: ends what there is and begins anew. `met`: where the camera has just been paired, or NULL. */
void session_restart(struct session *session, const struct link_peer *met);

enum session_state session_state(const struct session *session);
/* Why the last attempt or session ended, REASON_OK when it did not. */
enum reason session_reason(const struct session *session);
/* The pairing that the live session has proven; NULL without one. Valid until the next turn of the loop. */
const struct pairing_record *session_pairing(const struct session *session);
/* The camera's last status, NULL when there was none since the camera was paired or the daemon started. */
const lanyard_StatusResponse *session_camera(const struct session *session);

/* As requests_add (companion/requests.h). A request made in the first seconds after a loss waits for the next session.
 * -ENOTCONN when there is no session. */
int session_request(struct session *session, lanyard_Request *request, enum requests_loss loss, uint64_t timeout_us,
                    requests_answer answer, void *context, uint32_t *ret_id);
void session_cancel(struct session *session, uint32_t id);
