/* Requests of the companion over the live session: decoded, checked, handed to whoever does them, and answered once
 * (docs/protocol.md, "Requests"). Nothing in here blocks, and no answer waits longer than the request's own deadline. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cam-radio/services.h"
#include "proto/lanyard.pb.h"

struct requests;

/* The requests object must not be freed inside. */
struct requests_callbacks {
	/* One message for the live session. 0 or a negative errno, -ENOTCONN without one. */
	int (*send)(void *context, const uint8_t *bytes, size_t length);
	/* The companion broke the protocol: end its session. */
	void (*breach)(void *context, enum reason reason);
	void (*preferences_changed)(void *context);
};

/* services and callbacks outlive it. 0 or a negative errno. */
int requests_new(struct requests **ret, const struct services *services, const struct requests_callbacks *callbacks,
                 void *context);
/* Cancels what is pending; calls nothing. NULL is allowed. */
void requests_free(struct requests *requests);
/* One decrypted message of the live session. */
void requests_take(struct requests *requests, const uint8_t *bytes, size_t length);
/* The session is gone, or another one has taken its place: nobody waits for the answers any more. What changes something and is
 * under way is carried through, and its result kept for a repetition. */
void requests_session_ended(struct requests *requests);
/* Sends an event over the live session. 0 or a negative errno, -ENOTCONN without one. */
int requests_send_event(struct requests *requests, const lanyard_Event *event);
/* The camera as StatusResponse tells it. */
void requests_fill_status(const struct services *services, lanyard_StatusResponse *ret);
