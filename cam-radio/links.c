#include "cam-radio/links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "cam-radio/deadline.h"
#include "wire/wire.h"

/* A completed pairing: the companion closes the link when it has read the last message. */
#define PAIRED_LINGER_US (2 * SECOND_US)

enum link_state {
	LINK_UNAUTHENTICATED, /* nothing yet, or a session handshake */
	LINK_PAIRING,         /* the window let it begin; has deadlines of its own and is never evicted */
	LINK_PAIRED,          /* waits for the companion to close it */
	LINK_SESSION,         /* live */
};

struct link {
	struct links *links;
	struct link *next;
	enum link_state state;
	struct wire *wire;
	bool has_peer;
	struct link_peer peer;
	uint64_t deadline_us; /* UINT64_MAX: none but the channel's own */
};

struct links {
	sd_event *event;
	struct links_config config;
	struct link *first; /* oldest first */
	struct link *session;
	/* The live session is gone, but its successor has begun: the reason to tell if that comes to nothing. */
	bool between_sessions;
	uint64_t between_until_us; /* a stranger who replays first messages one after the other does not prolong it */
	enum reason lost_reason;
	struct deadline *deadline;
	const struct links_callbacks *callbacks;
	void *context;
};

static void count(const struct links *links, enum counter counter) {
	links->config.counters->value[counter]++;
}

static void arm(struct links *links) {
	uint64_t next_us = links->between_sessions ? links->between_until_us : UINT64_MAX;
	for (const struct link *link = links->first; link; link = link->next)
		if (link->deadline_us < next_us)
			next_us = link->deadline_us;
	deadline_set(links->deadline, next_us);
}

/* --- the end of a link --- */

static void count_failure(const struct links *links, enum reason reason) {
	if (reason == REASON_HANDSHAKE_FAILED || reason == REASON_KEY_INVALID || reason == REASON_COMMITMENT_MISMATCH)
		count(links, COUNTER_HANDSHAKE_FAILURES);
	else if (reason == REASON_DECRYPT_FAILED)
		count(links, COUNTER_DECRYPT_FAILURES);
}

/* A session handshake that we have answered: its first message was made by somebody who knows the pairing secret, or is a replay
 * of such a message, which will be gone within HANDSHAKE_US. */
static bool has_successor(const struct links *links) {
	for (const struct link *link = links->first; link; link = link->next)
		if (link->state == LINK_UNAUTHENTICATED && wire_has_sent(link->wire))
			return true;
	return false;
}

/* The companion opens the next session before it drops the old one, and the end of the old one may arrive first: what hangs on
 * the session (Wi-Fi) must not fall between the two. */
static void session_gone(struct links *links, enum reason reason) {
	if (has_successor(links)) {
		links->between_sessions = true;
		links->between_until_us = loop_now_us(links->event) + HANDSHAKE_US;
		links->lost_reason = reason;
		arm(links);
	} else {
		links->callbacks->session_ended(links->context, reason);
	}
}

static void end_between_sessions(struct links *links) {
	links->between_sessions = false;
	arm(links);
	links->callbacks->session_ended(links->context, links->lost_reason);
}

static void unlink_link(struct link *link) {
	struct link **at = &link->links->first;
	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
}

/* Frees the link; the callbacks that follow do not see it any more. */
static void link_ended(struct link *link, enum reason reason) {
	struct links *links = link->links;
	enum link_state state = link->state;
	bool has_peer = link->has_peer;
	struct link_peer peer = link->peer;
	unlink_link(link);
	wire_free(link->wire);
	arm(links);
	count_failure(links, reason);
	bool was_session = links->session == link;
	if (was_session)
		links->session = NULL;
	/* A paired or live peer that just goes may stay connected for a moment; all others have no business here. */
	bool unwanted = state == LINK_UNAUTHENTICATED;
	links->callbacks->closed(links->context, has_peer ? &peer : NULL, unwanted);

	switch (state) {
	case LINK_UNAUTHENTICATED:
		count(links, COUNTER_STRANGERS);
		log_reason(LOG_LEVEL_INFO, "link", reason, "closed before it was authenticated");
		break;
	case LINK_PAIRING:
		count(links, COUNTER_PAIRING_FAILURES);
		links->callbacks->pairing_ended(links->context, link, reason);
		break;
	case LINK_PAIRED:
		break;
	case LINK_SESSION:
		if (was_session)
			log_reason(LOG_LEVEL_NOTICE, "session", reason, "ended");
		break;
	}
	free(link);
	if (was_session)
		session_gone(links, reason);
	else if (links->between_sessions && !has_successor(links))
		end_between_sessions(links);
}

static void close_all_but(struct links *links, const struct link *kept, enum reason reason) {
	struct link *link = links->first;
	while (link)
		if (link == kept) {
			link = link->next;
		} else {
			wire_close(link->wire, reason);
			link = links->first; /* more may have ended with it */
		}
}

/* --- what the channel says --- */

static enum reason on_pairing_begin(void *context) {
	struct link *link = context;
	struct links *links = link->links;
	enum reason reason = links->callbacks->pairing_begin(links->context, link);
	if (reason == REASON_OK) {
		link->state = LINK_PAIRING;
		link->deadline_us = UINT64_MAX;
		arm(links);
	}
	return reason;
}

static void on_code(void *context, uint32_t code) {
	struct link *link = context;
	link->links->callbacks->pairing_code(link->links->context, link, code);
}

/* The old companion's links end only once the new one is durable (threats.md, invariant 3). */
static int on_commit(void *context, const struct pairing_record *record) {
	struct link *link = context;
	struct links *links = link->links;
	int result = keyring_pair(links->config.keyring, record);
	if (result < 0) {
		log_reason(LOG_LEVEL_ERROR, "pairing", REASON_STORE_FAILED, "the old pairing stays: %s", strerror(-result));
		return result;
	}
	link->state = LINK_PAIRED;
	link->deadline_us = loop_now_us(links->event) + PAIRED_LINGER_US;
	arm(links);
	count(links, COUNTER_PAIRINGS);
	log_line(LOG_LEVEL_NOTICE, "pairing", "paired with \"%s\"", record->peer_name);
	close_all_but(links, link, REASON_NOT_PAIRED);
	links->callbacks->paired(links->context, link);
	return 0;
}

static void on_live(void *context) {
	struct link *link = context;
	struct links *links = link->links;
	if (link->state != LINK_UNAUTHENTICATED)
		return; /* a pairing: on_commit has told */
	struct link *former = links->session;
	bool renewed = former || links->between_sessions;
	link->state = LINK_SESSION;
	link->deadline_us = UINT64_MAX;
	arm(links);
	links->session = link;
	links->between_sessions = false;
	count(links, renewed ? COUNTER_SESSIONS_RENEWED : COUNTER_SESSIONS);
	log_line(LOG_LEVEL_NOTICE, "session", "%s", renewed ? "renewed" : "live");
	if (former)
		wire_close(former->wire, REASON_SESSION_EXPIRED);
	links->callbacks->session_began(links->context, renewed);
}

static void on_message(void *context, const uint8_t *bytes, size_t length) {
	struct link *link = context;
	struct links *links = link->links;
	if (link == links->session)
		links->callbacks->session_message(links->context, bytes, length);
}

static void on_closed(void *context, enum reason reason) {
	link_ended(context, reason);
}

static const struct wire_callbacks wire_handlers = {
	.pairing_begin = on_pairing_begin,
	.code = on_code,
	.commit = on_commit,
	.live = on_live,
	.message = on_message,
	.closed = on_closed,
};

/* --- strangers --- */

static void on_deadline(void *context, uint64_t now_us) {
	struct links *links = context;
	struct link *link = links->first;
	while (link)
		if (link->deadline_us <= now_us) {
			wire_close(link->wire, link->state == LINK_PAIRED ? REASON_OK : REASON_TIMEOUT);
			link = links->first; /* more may have ended with it */
		} else {
			link = link->next;
		}
	if (links->between_sessions && links->between_until_us <= now_us)
		end_between_sessions(links);
	arm(links);
}

/* Room for one more: the oldest goes, so that whoever comes now gets its chance, and a silent stranger never holds the last slot.
 * A session handshake that we have answered goes last: it is the companion, or a replay of what the companion once sent. */
static void evict_oldest(struct links *links) {
	unsigned unauthenticated = 0;
	struct link *oldest = NULL, *oldest_answered = NULL;
	for (struct link *link = links->first; link; link = link->next) {
		if (link->state != LINK_UNAUTHENTICATED)
			continue;
		unauthenticated++;
		struct link **candidate = wire_has_sent(link->wire) ? &oldest_answered : &oldest;
		if (!*candidate)
			*candidate = link;
	}
	if (unauthenticated >= UNAUTHENTICATED_LINKS)
		wire_close((oldest ? oldest : oldest_answered)->wire, REASON_BUSY);
}

static void append(struct links *links, struct link *link) {
	struct link **at = &links->first;
	while (*at)
		at = &(*at)->next;
	*at = link;
}

void links_accept(struct links *links, int file, size_t packet_limit, const struct link_peer *peer) {
	count(links, COUNTER_LINKS);
	evict_oldest(links);
	struct link *link = calloc(1, sizeof(*link));
	int result = -ENOMEM;
	if (link) {
		*link = (struct link){ .links = links, .deadline_us = loop_now_us(links->event) + HANDSHAKE_US };
		if (peer) {
			link->has_peer = true;
			link->peer = *peer;
		}
		struct wire_config config = {
			.camera = true,
			.kind = CHANNEL_SESSION,
			.keys = keyring_keys(links->config.keyring),
			.product = keyring_product(links->config.keyring),
			.pairing = keyring_companion(links->config.keyring),
			.name = links->config.name,
			.packet_limit = packet_limit,
		};
		result = wire_new(&link->wire, links->event, file, &config, &wire_handlers, link);
	} else {
		close(file);
	}
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "link", "a new link is dropped: %s", strerror(-result));
		links->callbacks->closed(links->context, peer, true);
		free(link);
		return;
	}
	append(links, link);
	arm(links);
}

/* --- for the daemon --- */

int links_new(struct links **ret, sd_event *event, const struct links_config *config, const struct links_callbacks *callbacks,
              void *context) {
	struct links *links = calloc(1, sizeof(*links));
	if (!links)
		return -ENOMEM;
	*links = (struct links){ .event = event, .config = *config, .callbacks = callbacks, .context = context };
	int result = deadline_new(&links->deadline, event, on_deadline, links);
	if (result < 0) {
		free(links);
		return result;
	}
	*ret = links;
	return 0;
}

void links_free(struct links *links) {
	if (!links)
		return;
	while (links->first) {
		struct link *link = links->first;
		links->first = link->next;
		wire_free(link->wire);
		free(link);
	}
	deadline_free(links->deadline);
	free(links);
}

void link_confirm(struct link *link, bool accepted) {
	wire_confirm(link->wire, accepted);
}

void link_close(struct link *link, enum reason reason) {
	wire_close(link->wire, reason);
}

void links_close_all(struct links *links, enum reason reason) {
	close_all_but(links, NULL, reason);
}

bool links_has_session(const struct links *links) {
	return links->session != NULL;
}

int links_send(struct links *links, const void *bytes, size_t length) {
	return links->session ? wire_send(links->session->wire, bytes, length) : -ENOTCONN;
}

void links_end_session(struct links *links, enum reason reason) {
	if (links->session)
		wire_close(links->session->wire, reason);
}
