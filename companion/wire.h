/* One link to the camera: a byte stream, the channel that runs over it, and the timer the channel asks for. Used alike for
 * pairing, sessions and media. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/reason.h"
#include "pairing/channel.h"

struct wire;

/* The wire may be freed inside any of them. Members that a kind of channel does not use may be NULL. */
struct wire_callbacks {
	/* Pairing: six digits for the person to compare. */
	void (*code)(void *context, uint32_t code);
	/* Pairing: store this record durably; 0 or a negative errno. */
	int (*commit)(void *context, const struct pairing_record *record);
	/* Authenticated; from now on wire_send works. */
	void (*live)(void *context);
	/* One decrypted transport message, valid during the call. */
	void (*message)(void *context, const uint8_t *bytes, size_t length);
	/* Ended; called once and last. The owner frees the wire, inside or later. */
	void (*closed)(void *context, enum reason reason);
};

struct wire_config {
	enum channel_kind kind;
	const struct static_keys *keys;       /* outlive the wire */
	const struct pairing_record *pairing; /* NULL for pairing; copied by the channel */
	const uint8_t *media_psk;             /* CHANNEL_MEDIA: KEY_SIZE bytes */
	const char *name;                     /* own name */
	size_t packet_limit;                  /* of the socket, 0 for a byte stream */
};

/* Takes ownership of `file`, also on failure, and sends the first handshake record. The callbacks outlive the wire. 0 or a
 * negative errno. */
int wire_new(struct wire **ret, sd_event *event, int file, const struct wire_config *config,
             const struct wire_callbacks *callbacks, void *context);
/* Closes the link and wipes the keys. NULL is allowed. Calls nothing. */
void wire_free(struct wire *wire);
/* Encrypts and sends one transport message. 0; -ENOTCONN when it is not (any longer) live; -EMSGSIZE. */
int wire_send(struct wire *wire, const void *bytes, size_t length);
/* The camera's serial as told in the handshake, "" before; valid until the wire is freed. */
const char *wire_peer_name(const struct wire *wire);
