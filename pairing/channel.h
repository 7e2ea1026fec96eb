/* One end of a Lanyard link, from its first byte to its last: record layer, handshake, transport messages. Pure: bytes and
 * time come in, bytes, events and deadlines go out; no socket, clock or file of its own. The camera is always the Noise
 * responder, the companion always the initiator (docs/protocol.md).
 *
 * All callbacks run inside channel_receive, channel_tick, channel_confirm, channel_send and channel_close, on the caller's
 * stack. The channel may be freed inside any callback. After `closed` no callback follows; the owner frees the channel. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/reason.h"
#include "pairing/limits.h"
#include "pairing/record.h"

struct channel;

enum channel_kind {
	CHANNEL_PAIRING, /* Noise_XX_25519_AESGCM_SHA256 */
	CHANNEL_SESSION, /* Noise_KKpsk0_25519_AESGCM_SHA256, psk = pairing secret */
	CHANNEL_MEDIA,   /* the same over TCP, psk = the one-time secret that the session handed out */
};

struct channel_callbacks {
	/* Bytes for the link, whole records, in order. */
	void (*send)(void *context, const uint8_t *bytes, size_t length);
	/* Camera only: may a pairing begin (window open, tries left, none in progress)? REASON_OK, or why not. Asked once for
	 * each well-formed first record of a pairing. */
	enum reason (*pairing_begin)(void *context);
	/* Both ends, pairing only: six digits (0-999999) to compare. The person answers at either end, through channel_confirm;
	 * in which order does not matter. */
	void (*code)(void *context, uint32_t code);
	/* Both ends, pairing only: store this record durably and return 0, or a negative errno, and the old one stays. The camera
	 * replaces its record, and only then acknowledges. The companion is called before it says FINISH, and its record is
	 * provisional: it keeps the old one beside it and tries both until the first session with the new one succeeds, because
	 * the acknowledgement may be lost. */
	int (*commit)(void *context, const struct pairing_record *record);
	/* The link is authenticated. Camera: the first transport message of the companion has arrived (invariant 4). For a
	 * pairing it means: paired, both ends have committed. It carries nothing more; the companion's owner closes it, the
	 * camera's gives the last record a moment to arrive and then does the same. */
	void (*live)(void *context);
	/* One decrypted transport message, at least one byte; `bytes` are valid during the call. Never for a pairing. */
	void (*message)(void *context, const uint8_t *bytes, size_t length);
	/* Ended, for this reason. REASON_OK: closed by channel_close(REASON_OK) or a completed pairing that nobody closed. The
	 * companion hears why the camera ended a pairing after the code was shown (REASON_CODE_REJECTED, REASON_STORE_FAILED,
	 * REASON_PAIRING_EXPIRED, ...), if the link lives long enough to tell. */
	void (*closed)(void *context, enum reason reason);
};

struct channel_config {
	const struct random_source *random;
	const struct static_keys *keys;       /* of this end; outlives the channel */
	const struct pairing_record *pairing; /* camera: the stored one or NULL; companion: the camera's, NULL for pairing;
	                                       * outlives the channel */
	struct static_product *product; /* of these keys, kept for the next session; outlives the channel; NULL: none is kept */
	const uint8_t *media_psk;       /* CHANNEL_MEDIA only: KEY_SIZE bytes, copied */
	const char *
	        peer_fingerprint; /* companion, pairing only: of the one camera's key that is accepted, as static_keys_fingerprint
	                           * writes it, learned where nobody is in between; outlives the channel; NULL: any camera's */
	const char *name;         /* own name (camera: serial; companion: its name), at most COMPANION_NAME_LIMIT bytes */
	size_t record_limit;      /* RECORD_LIMIT_BLUETOOTH or RECORD_LIMIT_MEDIA */
	const struct channel_callbacks *callbacks;
	void *context;
};

/* Camera end of a link that was just opened; the companion's first record says whether it is a pairing or a session.
 * expect_media: only a CHANNEL_MEDIA handshake with config->media_psk is accepted. 0 or -ENOMEM. */
int channel_new_camera(struct channel **ret, const struct channel_config *config, bool expect_media, uint64_t now_us);
/* Companion end; sends its first record at once. 0 or -ENOMEM. */
int channel_new_companion(struct channel **ret, const struct channel_config *config, enum channel_kind kind, uint64_t now_us);
/* Wipes all keys. NULL is allowed. Calls nothing. */
void channel_free(struct channel *channel);

void channel_receive(struct channel *channel, const uint8_t *bytes, size_t length, uint64_t now_us);
/* Call when channel_deadline_us has passed. A late call is harmless: channel_receive and channel_confirm check by themselves the
 * deadlines that authentication and the session's life depend on. */
void channel_tick(struct channel *channel, uint64_t now_us);
/* Absolute time of the next tick, UINT64_MAX for none. */
uint64_t channel_deadline_us(const struct channel *channel);

/* The person confirmed (or rejected) the code at this end. Without effect when no answer is awaited (any more). */
void channel_confirm(struct channel *channel, bool accepted, uint64_t now_us);
/* Encrypts and sends one transport message of a session or media channel, at least one byte (an empty one keeps the session alive
 * and is the channel's own affair). 0; -ENOTCONN when not live; -EMSGSIZE when it is longer than record_limit - RECORD_TAG_SIZE.
 * At the session's message limit the channel ends with REASON_SESSION_EXPIRED and the result is -ENOTCONN. */
int channel_send(struct channel *channel, const void *bytes, size_t length);
/* Ends it, `closed` is called. The owner closes the link. Nothing more is sent, except that the camera's end of a pairing whose
 * code was shown tells the companion the reason. */
void channel_close(struct channel *channel, enum reason reason);

bool channel_is_live(const struct channel *channel);
/* What it is, known on the camera after the first record; CHANNEL_SESSION before. */
enum channel_kind channel_kind(const struct channel *channel);
/* Companion name (camera end) or camera serial (companion end) as told in the handshake; "" before. Valid until freed. */
const char *channel_peer_name(const struct channel *channel);
