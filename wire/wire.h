/* One Lanyard link inside sd-event: a byte stream, the channel that runs over it, and the timer that the channel asks for. The
 * camera and the companion use it alike, for pairing, sessions and media. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/reason.h"
#include "pairing/channel.h"

struct wire;

/* The wire may be freed inside any of them. Members that an end or a kind of channel does not use may be NULL. */
struct wire_callbacks {
	/* Camera: may a pairing begin? */
	enum reason (*pairing_begin)(void *context);
	/* Pairing: six digits for the person to compare. */
	void (*code)(void *context, uint32_t code);
	/* Pairing: store this record durably; 0 or a negative errno. */
	int (*commit)(void *context, const struct pairing_record *record);
	/* Authenticated; from now on wire_send works. */
	void (*live)(void *context);
	/* One decrypted transport message, valid during the call. */
	void (*message)(void *context, const uint8_t *bytes, size_t length);
	/* What was queued has drained: a producer may go on. */
	void (*writable)(void *context);
	/* Ended; called once and last. The owner frees the wire, inside or later. */
	void (*closed)(void *context, enum reason reason);
};

struct wire_config {
	bool camera;                          /* which end this is */
	enum channel_kind kind;               /* camera: CHANNEL_MEDIA expects that, anything else lets the companion choose */
	const struct static_keys *keys;       /* outlive the wire */
	const struct pairing_record *pairing; /* as for channel_new_*; outlives the wire */
	struct static_product *product;       /* as for channel_new_*; outlives the wire */
	const uint8_t *media_psk;             /* CHANNEL_MEDIA: KEY_SIZE bytes, copied */
	const char *peer_fingerprint;         /* as for channel_new_companion; outlives the wire */
	const char *name;                     /* own name */
	size_t packet_limit;                  /* of the socket, 0 for a byte stream */
	size_t queue_limit;                   /* bytes that may wait to be sent; 0: enough for requests and answers */
};

/* Takes ownership of `file`, also on failure. The companion's end sends the first handshake record. The callbacks outlive the
 * wire; none is called inside. 0 or a negative errno. */
int wire_new(struct wire **ret, sd_event *event, int file, const struct wire_config *config,
             const struct wire_callbacks *callbacks, void *context);
/* Closes the link and wipes the keys. NULL is allowed. Calls nothing. */
void wire_free(struct wire *wire);
/* Encrypts and sends one transport message. 0; -ENOTCONN when it is not (any longer) live; -EMSGSIZE. */
int wire_send(struct wire *wire, const void *bytes, size_t length);
/* Bytes that can be sent now without overflowing the queue. */
size_t wire_room(const struct wire *wire);
/* The person's answer to the code, at this end. */
void wire_confirm(struct wire *wire, bool accepted);
/* Ends it; `closed` is called with this reason. */
void wire_close(struct wire *wire, enum reason reason);
bool wire_is_live(const struct wire *wire);
/* Whether anything has been sent over it. On the camera's end of a session this tells before it is live that the first message
 * was authentic (or the replay of one that was): nothing else is answered. */
bool wire_has_sent(const struct wire *wire);
/* Whether anything has been received over it, authentic or not. */
bool wire_has_received(const struct wire *wire);
enum channel_kind wire_kind(const struct wire *wire);
/* The other end's name as told in a pairing, "" before; valid until the wire is freed. */
const char *wire_peer_name(const struct wire *wire);
