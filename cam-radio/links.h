/* All links to the camera: strangers, at most one pairing, at most one live session. A link is nobody's until its first
 * authenticated message (threats.md, invariants 4 and 5). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/reason.h"
#include "bluetooth/channel_link.h"
#include "cam-radio/counters.h"
#include "cam-radio/keyring.h"

struct links;
struct link;

/* Called from the loop, or from inside links_* functions. The links object must not be freed inside. */
struct links_callbacks {
	/* A companion asks to pair over this link. REASON_OK, or why not. */
	enum reason (*pairing_begin)(void *context, struct link *link);
	void (*pairing_code)(void *context, struct link *link, uint32_t code);
	/* The new companion is stored and the old one forgotten; its session, if any, has ended. */
	void (*paired)(void *context, struct link *link);
	/* A pairing that had begun ended without success. */
	void (*pairing_ended)(void *context, struct link *link, enum reason reason);
	/* A session is live. renewed: it took the place of the former one of the same companion. */
	void (*session_began)(void *context, bool renewed);
	void (*session_message)(void *context, const uint8_t *bytes, size_t length);
	/* There is no live session any more, and none about to take its place. */
	void (*session_ended)(void *context, enum reason reason);
	/* A link was closed: the radio may end the connection. */
	void (*closed)(void *context, const struct link_peer *peer, bool unwanted);
};

struct links_config {
	struct keyring *keyring;
	const char *name; /* serial, told in pairings */
	struct counters *counters;
};

/* keyring, name, counters and callbacks outlive it. 0 or a negative errno. */
int links_new(struct links **ret, sd_event *event, const struct links_config *config, const struct links_callbacks *callbacks,
              void *context);
/* Closes all; calls nothing. NULL is allowed. */
void links_free(struct links *links);

/* A new link; takes ownership of `file`. When UNAUTHENTICATED_LINKS are open already, the oldest of them goes. peer may be NULL.
 */
void links_accept(struct links *links, int file, size_t packet_limit, const struct link_peer *peer);
/* The person's answer to the code of this link. */
void link_confirm(struct link *link, bool accepted);
void link_close(struct link *link, enum reason reason);
/* All of them, for example because the companion was forgotten or the radio is gone. */
void links_close_all(struct links *links, enum reason reason);

bool links_has_session(const struct links *links);
/* Sends over the live session. 0; -ENOTCONN without one; -EMSGSIZE. */
int links_send(struct links *links, const void *bytes, size_t length);
/* Ends the live session, for a breach of the protocol for example. */
void links_end_session(struct links *links, enum reason reason);
