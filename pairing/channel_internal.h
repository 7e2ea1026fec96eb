/* Private to pairing/channel*.c: the state that both ends share, and what the two ends' handlers use of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pairing/channel.h"
#include "pairing/code.h"
#include "pairing/hello.h"
#include "pairing/noise.h"
#include "pairing/pairing_messages.h"
#include "pairing/record_layer.h"

enum channel_state {
	CAMERA_HELLO,           /* nothing has arrived yet */
	CAMERA_PROOF,           /* pairing: message 2 is out, message 3 expected */
	CAMERA_CODE,            /* pairing: the person compares; the companion has nothing to say */
	CAMERA_CONTRIBUTION,    /* pairing: ours is out */
	CAMERA_FINISH,          /* pairing: both are there, FINISH expected */
	CAMERA_FIRST,           /* session: message 2 is out, the first transport message makes it LIVE */
	COMPANION_ANSWER,       /* message 1 is out */
	COMPANION_CODE,         /* pairing: the code is shown; neither person has answered */
	COMPANION_CONTRIBUTION, /* pairing: ours has confirmed; the camera's contribution means that it was confirmed there, too
	                         */
	COMPANION_CONFIRM,      /* pairing: the camera's contribution is here, ours has yet to answer */
	COMPANION_DONE,         /* pairing: FINISH is out */
	CHANNEL_LIVE,           /* session, media: both ways; pairing: committed, the owner closes it */
	CHANNEL_CLOSED,
};

struct channel {
	struct channel_config config;
	enum channel_state state;
	enum channel_kind kind;
	bool camera, expect_media;
	uint8_t media_psk[KEY_SIZE];

	/* Callbacks may free the channel: it is then kept until the outermost call returns. */
	unsigned entered;
	bool doomed;

	uint64_t now_us, deadline_us, life_end_us;
	uint64_t heard_us, said_us; /* last authentic message of the other end; last record of ours */

	struct record_layer in;
	uint8_t *out; /* RECORD_HEADER_SIZE + record_limit */
	struct noise_handshake handshake;
	struct noise_cipher send, receive;

	/* pairing */
	uint8_t code_hash[NOISE_HASH_SIZE]; /* handshake hash after message 2 */
	uint8_t nonce[NONCE_SIZE], commitment[COMMITMENT_SIZE];
	uint8_t contribution[CONTRIBUTION_SIZE]; /* camera: ours; companion: the camera's, while our person has yet to answer */
	uint8_t secret[KEY_SIZE];
	char peer_name[COMPANION_NAME_LIMIT + 1];
};

/* After a callback: go on only if the channel is neither freed nor closed. */
bool channel_is_open(const struct channel *c);
/* Wipes the keys and calls `closed`. Does nothing when it is not open any more. */
void channel_fail(struct channel *c, enum reason reason);
void channel_enter_state(struct channel *c, enum channel_state state);
void channel_go_live(struct channel *c);

int channel_start_noise(struct channel *c, const uint8_t hello[HELLO_SIZE]);
/* Reads a handshake message into `payload` (HANDSHAKE_PAYLOAD_LIMIT bytes). False: it has failed the channel. */
bool channel_read_handshake(struct channel *c, const uint8_t *message, size_t length, uint8_t *payload, size_t *ret_length);
/* `prefix` bytes of clear text stand at the record's start already. False when the channel is not open any more. */
bool channel_send_handshake(struct channel *c, size_t prefix, const uint8_t *payload, size_t length);
/* The transport ciphers, after the last handshake message. False: it has failed the channel. */
bool channel_split(struct channel *c);

/* 0; -EMSGSIZE above the record limit; -EOVERFLOW when the session's messages are used up; -EIO. */
int channel_send_transport(struct channel *c, const void *bytes, size_t length);
/* False when the channel is not open any more. */
bool channel_send_step(struct channel *c, const struct pairing_step_message *message);
/* Pairing: hands the new record to the owner. Its result; the channel may be closed or freed after it. */
int channel_commit(struct channel *c);

/* One handshake record. */
void camera_handshake(struct channel *c, const uint8_t *record, size_t length);
void companion_handshake(struct channel *c, const uint8_t *record, size_t length);
/* One step of a pairing, decrypted. */
void camera_step(struct channel *c, const struct pairing_step_message *message);
void companion_step(struct channel *c, const struct pairing_step_message *message);
/* The person's answer at this end. */
void camera_confirm(struct channel *c, bool accepted);
void companion_confirm(struct channel *c, bool accepted);
/* Tells the companion why its pairing ends, if it can be told. */
void camera_refuse(struct channel *c, enum reason reason);
/* Sends the first record. */
void companion_hello(struct channel *c);
