#include "pairing/channel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "pairing/hello.h"
#include "pairing/noise.h"

#define COMMITMENT_SIZE 32
#define NONCE_SIZE 32 /* r of the short authentication string */
#define CONTRIBUTION_SIZE 32
#define HANDSHAKE_PAYLOAD_LIMIT 1024 /* room for a certificate and its signature */
#define MEDIA_LIFE_US UINT64_MAX     /* ends with the session that made it */

/* What goes over the link between the handshake and the end of a pairing, first byte of a transport message. */
enum pairing_step { STEP_CONTRIBUTION = 1, STEP_FINISH = 2, STEP_DONE = 3 };

enum state {
	CAMERA_HELLO,           /* nothing has arrived yet */
	CAMERA_PROOF,           /* pairing: message 2 is out, message 3 expected */
	CAMERA_CODE,            /* pairing: the person compares */
	CAMERA_CONTRIBUTION,    /* pairing: ours is out */
	CAMERA_FINISH,          /* pairing: both are there, FINISH expected */
	CAMERA_FIRST,           /* session: message 2 is out, the first transport message makes it LIVE */
	COMPANION_ANSWER,       /* message 1 is out */
	COMPANION_CONTRIBUTION, /* pairing: the code is shown, the camera's contribution means it was confirmed */
	COMPANION_DONE,         /* pairing: FINISH is out */
	LIVE,
	CLOSED,
};

struct channel {
	struct channel_config config;
	enum state state;
	enum channel_kind kind;
	bool camera, expect_media;
	uint8_t media_psk[KEY_SIZE];

	/* Callbacks may free the channel: it is then kept until the outermost call returns. */
	unsigned entered;
	bool doomed;

	uint64_t now_us, deadline_us, record_deadline_us, life_end_us, received_us, sent_us;
	struct noise_handshake handshake;
	struct noise_cipher send, receive;
	uint64_t messages;
	uint8_t sas_hash[NOISE_HASH_SIZE]; /* handshake hash after message 2 */
	uint8_t handshake_hash[NOISE_HASH_SIZE];
	uint8_t nonce[NONCE_SIZE], commitment[COMMITMENT_SIZE];
	uint8_t contribution[CONTRIBUTION_SIZE], secret[KEY_SIZE];
	char peer_name[COMPANION_NAME_LIMIT + 1];

	size_t in_length;
	uint8_t *in, *out; /* RECORD_HEADER_SIZE + record_limit each */
};

static void fail(struct channel *c, enum reason reason);

/* ----------------------------------------------------------------------------------------------------- life and callbacks */

static void enter(struct channel *c, uint64_t now_us) {
	c->entered++;
	if (now_us > c->now_us)
		c->now_us = now_us;
}

static void destroy(struct channel *c) {
	noise_wipe(&c->handshake);
	noise_cipher_free(&c->send);
	noise_cipher_free(&c->receive);
	wipe(c->in, RECORD_HEADER_SIZE + c->config.record_limit);
	wipe(c->out, RECORD_HEADER_SIZE + c->config.record_limit);
	free(c->in);
	free(c->out);
	wipe(c, sizeof(*c));
	free(c);
}

static void leave(struct channel *c) {
	assert(c->entered > 0);
	if (--c->entered == 0 && c->doomed)
		destroy(c);
}

void channel_free(struct channel *c) {
	if (!c)
		return;
	c->state = CLOSED;
	c->doomed = true;
	if (c->entered == 0)
		destroy(c);
}

/* After a callback: go on only if the channel is neither freed nor closed. */
static bool is_open(const struct channel *c) {
	return !c->doomed && c->state != CLOSED;
}

static void fail(struct channel *c, enum reason reason) {
	if (!is_open(c))
		return;
	c->state = CLOSED;
	noise_wipe(&c->handshake);
	noise_cipher_free(&c->send);
	noise_cipher_free(&c->receive);
	wipe(c->secret, sizeof(c->secret));
	wipe(c->contribution, sizeof(c->contribution));
	c->config.callbacks->closed(c->config.context, reason);
}

static void enter_state(struct channel *c, enum state state) {
	c->state = state;
	switch (state) {
	case CAMERA_HELLO:
	case CAMERA_FIRST:
		c->deadline_us = c->now_us + HANDSHAKE_US;
		break;
	case COMPANION_ANSWER:
		c->deadline_us = c->now_us + (c->kind == CHANNEL_PAIRING ? PAIRING_TRY_US : HANDSHAKE_US);
		break;
	case CAMERA_PROOF:
	case CAMERA_CONTRIBUTION:
	case CAMERA_FINISH:
	case COMPANION_DONE:
		c->deadline_us = c->now_us + PAIRING_TRY_US;
		break;
	case CAMERA_CODE:
	case COMPANION_CONTRIBUTION:
		/* A person compares; the window is the most it can take. */
		c->deadline_us = c->now_us + PAIRING_WINDOW_US;
		break;
	case LIVE:
		c->deadline_us = UINT64_MAX;
		c->life_end_us = c->kind == CHANNEL_SESSION ? c->now_us + SESSION_LIFE_US : MEDIA_LIFE_US;
		break;
	case CLOSED:
		break;
	}
}

static void go_live(struct channel *c) {
	noise_wipe(&c->handshake);
	enter_state(c, LIVE);
	c->config.callbacks->live(c->config.context);
}

/* ------------------------------------------------------------------------------------------------------------------ sending */

static void send_record(struct channel *c, size_t length) {
	struct writer w = writer_over(c->out, RECORD_HEADER_SIZE);
	writer_u16(&w, (uint16_t)length);
	c->sent_us = c->now_us;
	c->config.callbacks->send(c->config.context, c->out, RECORD_HEADER_SIZE + length);
}

/* `prefix` bytes of clear text stand at the record's start already. */
static bool send_handshake(struct channel *c, size_t prefix, const uint8_t *payload, size_t payload_length) {
	size_t length;
	int result = noise_write(&c->handshake, payload, payload_length, c->out + RECORD_HEADER_SIZE + prefix,
	                         c->config.record_limit - prefix, &length);
	if (result < 0) {
		fail(c, REASON_INTERNAL);
		return false;
	}
	send_record(c, prefix + length);
	return is_open(c);
}

static int send_transport(struct channel *c, const void *bytes, size_t length) {
	if (length > c->config.record_limit - RECORD_TAG_SIZE)
		return -EMSGSIZE;
	if (noise_seal(&c->send, NULL, 0, bytes, length, c->out + RECORD_HEADER_SIZE) < 0)
		return -EIO;
	c->messages++;
	send_record(c, length + RECORD_TAG_SIZE);
	return 0;
}

static bool send_step(struct channel *c, enum pairing_step step, const uint8_t *bytes, size_t length) {
	uint8_t message[1 + CONTRIBUTION_SIZE];
	message[0] = (uint8_t)step;
	if (length > 0)
		memcpy(message + 1, bytes, length);
	int result = send_transport(c, message, 1 + length);
	wipe(message, sizeof(message));
	if (result < 0)
		fail(c, REASON_INTERNAL);
	return result == 0 && is_open(c);
}

/* --------------------------------------------------------------------------------------------------------- handshake bodies */

static void write_text(struct writer *w, const char *text) {
	writer_u8(w, (uint8_t)strlen(text));
	writer_copy(w, text, strlen(text));
}

static bool read_text(struct reader *r, char *out, size_t limit) {
	size_t length = reader_u8(r);
	const uint8_t *text = reader_take(r, length);
	if (!text || length > limit || memchr(text, '\0', length))
		return false;
	memcpy(out, text, length);
	out[length] = '\0';
	return true;
}

/* Certificate and identity signature, both empty until there is a fleet. */
static void write_identity(struct writer *w) {
	writer_u16(w, 0);
	writer_u16(w, 0);
}

static bool read_identity(struct reader *r) {
	reader_take(r, reader_u16(r));
	reader_take(r, reader_u16(r));
	return !r->failed;
}

static uint32_t code_of(const struct channel *c, const uint8_t nonce[NONCE_SIZE]) {
	static const char label[] = "lanyard sas v1";
	uint8_t input[sizeof(label) - 1 + NOISE_HASH_SIZE + NONCE_SIZE], hash[SHA256_SIZE];
	struct writer w = writer_over(input, sizeof(input));
	writer_copy(&w, label, sizeof(label) - 1);
	writer_copy(&w, c->sas_hash, NOISE_HASH_SIZE);
	writer_copy(&w, nonce, NONCE_SIZE);
	sha256(input, sizeof(input), hash);
	struct reader r = reader_over(hash, sizeof(hash));
	/* 2^20 values do not all have six digits: those from 1,000,000 on wrap, which costs 0.07 bit. */
	return (reader_u32(&r) >> (32 - SAS_BITS)) % 1000000u;
}

static void derive_secret(struct channel *c, const uint8_t camera[CONTRIBUTION_SIZE],
                          const uint8_t companion[CONTRIBUTION_SIZE]) {
	static const char label[] = "lanyard pairing v1";
	uint8_t input[2 * CONTRIBUTION_SIZE];
	memcpy(input, camera, CONTRIBUTION_SIZE);
	memcpy(input + CONTRIBUTION_SIZE, companion, CONTRIBUTION_SIZE);
	hkdf_sha256(c->handshake_hash, NOISE_HASH_SIZE, input, sizeof(input), label, sizeof(label) - 1, c->secret, KEY_SIZE);
	wipe(input, sizeof(input));
}

static int commit(struct channel *c) {
	struct pairing_record record = { .paired_at_s = 0 };
	memcpy(record.peer_key, c->handshake.rs, KEY_SIZE);
	memcpy(record.secret, c->secret, KEY_SIZE);
	memcpy(record.peer_name, c->peer_name, sizeof(record.peer_name));
	int result = c->config.callbacks->commit(c->config.context, &record);
	wipe(&record, sizeof(record));
	return result;
}

static int start_noise(struct channel *c, const uint8_t hello[HELLO_SIZE]) {
	uint8_t prologue[PROLOGUE_SIZE];
	hello_prologue(hello, prologue);
	return noise_start(&c->handshake, &(struct noise_setup){
	                                          .pattern = c->kind == CHANNEL_PAIRING ? NOISE_XX : NOISE_KKPSK0,
	                                          .initiator = !c->camera,
	                                          .random = c->config.random,
	                                          .keys = c->config.keys,
	                                          .peer_key = c->config.pairing ? c->config.pairing->peer_key : NULL,
	                                          .psk = c->kind == CHANNEL_MEDIA ? c->media_psk
	                                                 : c->config.pairing      ? c->config.pairing->secret
	                                                                          : NULL,
	                                          .prologue = prologue,
	                                          .prologue_length = sizeof(prologue),
	                                  });
}

static enum reason reason_of_noise(int result) {
	return result == -EKEYREJECTED ? REASON_KEY_INVALID : result == -EBADMSG ? REASON_HANDSHAKE_FAILED : REASON_INTERNAL;
}

/* --------------------------------------------------------------------------------------------------------------- the camera */

static void camera_answer_pairing(struct channel *c, const uint8_t *payload, size_t length) {
	if (length != COMMITMENT_SIZE + 1) {
		fail(c, REASON_MESSAGE_MALFORMED);
		return;
	}
	memcpy(c->commitment, payload, COMMITMENT_SIZE);
	uint8_t answer[HANDSHAKE_PAYLOAD_LIMIT];
	struct writer w = writer_over(answer, sizeof(answer));
	versions_write(&w);
	writer_u8(&w, c->config.pairing ? 1 : 0); /* state: has a companion, which this pairing replaces */
	write_text(&w, c->config.name);
	write_identity(&w);
	assert(!w.failed);
	if (!send_handshake(c, 0, answer, writer_length(&w)))
		return;
	memcpy(c->sas_hash, c->handshake.hash, NOISE_HASH_SIZE);
	enter_state(c, CAMERA_PROOF);
}

static void camera_answer_session(struct channel *c, size_t length) {
	if (length != 0) {
		fail(c, REASON_MESSAGE_MALFORMED);
		return;
	}
	uint8_t answer[VERSIONS_SIZE];
	struct writer w = writer_over(answer, sizeof(answer));
	versions_write(&w);
	if (!send_handshake(c, 0, answer, writer_length(&w)))
		return;
	if (noise_split(&c->handshake, &c->send, &c->receive) < 0) {
		fail(c, REASON_INTERNAL);
		return;
	}
	enter_state(c, CAMERA_FIRST);
}

/* Message 1 of a session is replayable by nature: nothing but this channel changes on it, and a wrong one gets no answer. */
static void camera_hello(struct channel *c, const uint8_t *record, size_t length) {
	struct hello hello;
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT];
	size_t payload_length;
	if (length < HELLO_SIZE || length > sizeof(payload)) {
		fail(c, REASON_RECORD_MALFORMED);
		return;
	}
	if (!hello_read(record, &hello)) {
		fail(c, REASON_VERSION_UNSUPPORTED);
		return;
	}
	c->kind = hello.pattern == HELLO_PAIRING ? CHANNEL_PAIRING
	          : hello.pattern == HELLO_MEDIA ? CHANNEL_MEDIA
	                                         : CHANNEL_SESSION;
	if ((c->kind == CHANNEL_MEDIA) != c->expect_media) {
		fail(c, REASON_MESSAGE_UNEXPECTED);
		return;
	}
	if (c->kind != CHANNEL_PAIRING && !c->config.pairing) {
		fail(c, REASON_NOT_PAIRED);
		return;
	}
	if (c->kind == CHANNEL_PAIRING) {
		enum reason reason = c->config.callbacks->pairing_begin(c->config.context);
		if (reason != REASON_OK) {
			fail(c, reason);
			return;
		}
		if (!is_open(c))
			return;
	}
	int result = start_noise(c, record);
	if (result == 0)
		result = noise_read(&c->handshake, record + HELLO_SIZE, length - HELLO_SIZE, payload, &payload_length);
	if (result < 0)
		fail(c, reason_of_noise(result));
	else if (c->kind == CHANNEL_PAIRING)
		camera_answer_pairing(c, payload, payload_length);
	else
		camera_answer_session(c, payload_length);
}

static void camera_proof(struct channel *c, const uint8_t *record, size_t length) {
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT], hash[SHA256_SIZE];
	size_t payload_length;
	if (length > sizeof(payload)) {
		fail(c, REASON_RECORD_TOO_LONG);
		return;
	}
	int result = noise_read(&c->handshake, record, length, payload, &payload_length);
	if (result < 0) {
		fail(c, reason_of_noise(result));
		return;
	}
	struct reader r = reader_over(payload, payload_length);
	reader_copy(&r, c->nonce, NONCE_SIZE);
	if (!read_text(&r, c->peer_name, COMPANION_NAME_LIMIT) || !read_identity(&r) || !reader_done(&r)) {
		fail(c, REASON_MESSAGE_MALFORMED);
		return;
	}
	sha256(c->nonce, NONCE_SIZE, hash);
	if (!bytes_equal_secret(hash, c->commitment, COMMITMENT_SIZE)) {
		fail(c, REASON_COMMITMENT_MISMATCH);
		return;
	}
	memcpy(c->handshake_hash, c->handshake.hash, NOISE_HASH_SIZE);
	if (noise_split(&c->handshake, &c->send, &c->receive) < 0) {
		fail(c, REASON_INTERNAL);
		return;
	}
	enter_state(c, CAMERA_CODE);
	c->config.callbacks->code(c->config.context, code_of(c, c->nonce));
}

void channel_confirm(struct channel *c, bool accepted, uint64_t now_us) {
	enter(c, now_us);
	if (c->state == CAMERA_CODE && !accepted) {
		fail(c, REASON_CODE_REJECTED);
	} else if (c->state == CAMERA_CODE) {
		c->config.random->fill(c->config.random->context, c->contribution, CONTRIBUTION_SIZE);
		enter_state(c, CAMERA_CONTRIBUTION);
		send_step(c, STEP_CONTRIBUTION, c->contribution, CONTRIBUTION_SIZE);
	}
	leave(c);
}

static void camera_contribution(struct channel *c, const uint8_t *message, size_t length) {
	if (length != 1 + CONTRIBUTION_SIZE || message[0] != STEP_CONTRIBUTION) {
		fail(c, REASON_MESSAGE_UNEXPECTED);
		return;
	}
	derive_secret(c, c->contribution, message + 1);
	enter_state(c, CAMERA_FINISH);
}

static void camera_finish(struct channel *c, const uint8_t *message, size_t length) {
	if (length != 1 || message[0] != STEP_FINISH) {
		fail(c, REASON_MESSAGE_UNEXPECTED);
		return;
	}
	int result = commit(c);
	if (!is_open(c))
		return;
	if (result < 0) {
		fail(c, REASON_STORE_FAILED);
		return;
	}
	if (send_step(c, STEP_DONE, NULL, 0))
		go_live(c);
}

/* ------------------------------------------------------------------------------------------------------------ the companion */

static void companion_hello(struct channel *c) {
	static const enum hello_pattern pattern_of[] = {
		[CHANNEL_PAIRING] = HELLO_PAIRING,
		[CHANNEL_SESSION] = HELLO_SESSION,
		[CHANNEL_MEDIA] = HELLO_MEDIA,
	};
	uint8_t hello[HELLO_SIZE], payload[COMMITMENT_SIZE + 1] = { 0 };
	hello_write(&(struct hello){ .pattern = pattern_of[c->kind],
	                             .version = PROTOCOL_VERSION_MAXIMUM,
	                             .minimum = PROTOCOL_VERSION_MINIMUM,
	                             .maximum = PROTOCOL_VERSION_MAXIMUM },
	            hello);
	if (start_noise(c, hello) < 0) {
		fail(c, REASON_INTERNAL);
		return;
	}
	if (c->kind == CHANNEL_PAIRING) {
		c->config.random->fill(c->config.random->context, c->nonce, NONCE_SIZE);
		sha256(c->nonce, NONCE_SIZE, payload);
	}
	memcpy(c->out + RECORD_HEADER_SIZE, hello, HELLO_SIZE);
	enter_state(c, COMPANION_ANSWER);
	send_handshake(c, HELLO_SIZE, payload, c->kind == CHANNEL_PAIRING ? sizeof(payload) : 0);
}

static void companion_prove(struct channel *c, struct reader *r) {
	char name[COMPANION_NAME_LIMIT + 1];
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT];
	reader_u8(r); /* state: shown nowhere yet */
	if (!read_text(r, name, COMPANION_NAME_LIMIT) || !read_identity(r) || !reader_done(r)) {
		fail(c, REASON_MESSAGE_MALFORMED);
		return;
	}
	memcpy(c->peer_name, name, sizeof(name));
	memcpy(c->sas_hash, c->handshake.hash, NOISE_HASH_SIZE);
	struct writer w = writer_over(payload, sizeof(payload));
	writer_copy(&w, c->nonce, NONCE_SIZE);
	write_text(&w, c->config.name);
	write_identity(&w);
	assert(!w.failed);
	if (!send_handshake(c, 0, payload, writer_length(&w)))
		return;
	memcpy(c->handshake_hash, c->handshake.hash, NOISE_HASH_SIZE);
	if (noise_split(&c->handshake, &c->send, &c->receive) < 0) {
		fail(c, REASON_INTERNAL);
		return;
	}
	enter_state(c, COMPANION_CONTRIBUTION);
	c->config.callbacks->code(c->config.context, code_of(c, c->nonce));
}

static void companion_answer(struct channel *c, const uint8_t *record, size_t length) {
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT];
	size_t payload_length;
	if (length > sizeof(payload)) {
		fail(c, REASON_RECORD_TOO_LONG);
		return;
	}
	int result = noise_read(&c->handshake, record, length, payload, &payload_length);
	if (result < 0) {
		fail(c, reason_of_noise(result));
		return;
	}
	struct reader r = reader_over(payload, payload_length);
	if (!versions_read(&r, PROTOCOL_VERSION_MAXIMUM)) {
		fail(c, REASON_VERSION_UNSUPPORTED);
		return;
	}
	if (c->kind == CHANNEL_PAIRING) {
		companion_prove(c, &r);
		return;
	}
	if (!reader_done(&r)) {
		fail(c, REASON_MESSAGE_MALFORMED);
		return;
	}
	if (noise_split(&c->handshake, &c->send, &c->receive) < 0) {
		fail(c, REASON_INTERNAL);
		return;
	}
	/* An empty message at once: the camera is LIVE on it. */
	if (send_transport(c, NULL, 0) < 0)
		fail(c, REASON_INTERNAL);
	if (is_open(c))
		go_live(c);
}

static void companion_contribution(struct channel *c, const uint8_t *message, size_t length) {
	if (length != 1 + CONTRIBUTION_SIZE || message[0] != STEP_CONTRIBUTION) {
		fail(c, REASON_MESSAGE_UNEXPECTED);
		return;
	}
	c->config.random->fill(c->config.random->context, c->contribution, CONTRIBUTION_SIZE);
	derive_secret(c, message + 1, c->contribution);
	/* Provisional: from FINISH on the camera may know the new pairing without our hearing of it. */
	int result = commit(c);
	if (!is_open(c))
		return;
	if (result < 0) {
		fail(c, REASON_STORE_FAILED);
		return;
	}
	enter_state(c, COMPANION_DONE);
	if (send_step(c, STEP_CONTRIBUTION, c->contribution, CONTRIBUTION_SIZE))
		send_step(c, STEP_FINISH, NULL, 0);
}

static void companion_done(struct channel *c, const uint8_t *message, size_t length) {
	if (length != 1 || message[0] != STEP_DONE)
		fail(c, REASON_MESSAGE_UNEXPECTED);
	else
		go_live(c);
}

/* ---------------------------------------------------------------------------------------------------------------- receiving */

static void handle_message(struct channel *c, uint8_t *message, size_t length) {
	switch (c->state) {
	case CAMERA_CONTRIBUTION:
		camera_contribution(c, message, length);
		return;
	case CAMERA_FINISH:
		camera_finish(c, message, length);
		return;
	case COMPANION_CONTRIBUTION:
		companion_contribution(c, message, length);
		return;
	case COMPANION_DONE:
		companion_done(c, message, length);
		return;
	case CAMERA_FIRST:
		go_live(c);
		if (is_open(c) && length > 0)
			c->config.callbacks->message(c->config.context, message, length);
		return;
	case LIVE:
		if (length > 0) /* an empty one keeps the session alive */
			c->config.callbacks->message(c->config.context, message, length);
		return;
	case CAMERA_CODE: /* nothing may come before the person has confirmed */
	case CAMERA_HELLO:
	case CAMERA_PROOF:
	case COMPANION_ANSWER:
	case CLOSED:
		break;
	}
	fail(c, REASON_MESSAGE_UNEXPECTED);
}

static void handle_record(struct channel *c, uint8_t *record, size_t length) {
	switch (c->state) {
	case CAMERA_HELLO:
		camera_hello(c, record, length);
		return;
	case CAMERA_PROOF:
		camera_proof(c, record, length);
		return;
	case COMPANION_ANSWER:
		companion_answer(c, record, length);
		return;
	case CAMERA_CODE:
	case CAMERA_CONTRIBUTION:
	case CAMERA_FINISH:
	case CAMERA_FIRST:
	case COMPANION_CONTRIBUTION:
	case COMPANION_DONE:
	case LIVE:
		break;
	case CLOSED:
		return;
	}
	if (c->receive.nonce >= SESSION_MESSAGES) {
		fail(c, REASON_SESSION_EXPIRED);
		return;
	}
	if (noise_open(&c->receive, NULL, 0, record, length, record) < 0) {
		fail(c, REASON_DECRYPT_FAILED);
		return;
	}
	handle_message(c, record, length - RECORD_TAG_SIZE);
}

void channel_receive(struct channel *c, const uint8_t *bytes, size_t length, uint64_t now_us) {
	enter(c, now_us);
	if (is_open(c))
		c->received_us = c->now_us;
	while (is_open(c) && length > 0) {
		size_t wanted = RECORD_HEADER_SIZE;
		if (c->in_length >= RECORD_HEADER_SIZE) {
			size_t record = (size_t)c->in[0] << 8 | c->in[1];
			wanted += record;
		}
		size_t take = wanted - c->in_length < length ? wanted - c->in_length : length;
		if (c->in_length == 0)
			c->record_deadline_us = c->now_us + RECORD_STALL_US;
		memcpy(c->in + c->in_length, bytes, take);
		c->in_length += take;
		bytes += take;
		length -= take;
		if (c->in_length < RECORD_HEADER_SIZE)
			break;
		size_t record = (size_t)c->in[0] << 8 | c->in[1];
		if (record == 0)
			fail(c, REASON_RECORD_MALFORMED);
		else if (record > c->config.record_limit)
			fail(c, REASON_RECORD_TOO_LONG);
		else if (c->in_length == RECORD_HEADER_SIZE + record) {
			c->in_length = 0;
			handle_record(c, c->in + RECORD_HEADER_SIZE, record);
		}
	}
	leave(c);
}

/* --------------------------------------------------------------------------------------------------------------------- time */

static uint64_t earliest(uint64_t a, uint64_t b) {
	return a < b ? a : b;
}

static uint64_t keep_alive_us(const struct channel *c) {
	return c->camera ? UINT64_MAX : c->sent_us + SESSION_IDLE_US / 3;
}

static uint64_t idle_end_us(const struct channel *c) {
	return c->camera ? c->received_us + SESSION_IDLE_US : UINT64_MAX;
}

uint64_t channel_deadline_us(const struct channel *c) {
	if (c->state == CLOSED)
		return UINT64_MAX;
	uint64_t deadline = c->in_length > 0 ? earliest(c->deadline_us, c->record_deadline_us) : c->deadline_us;
	if (c->state == LIVE && c->kind != CHANNEL_PAIRING)
		deadline = earliest(deadline, earliest(c->life_end_us, earliest(keep_alive_us(c), idle_end_us(c))));
	return deadline;
}

void channel_tick(struct channel *c, uint64_t now_us) {
	enter(c, now_us);
	bool live = c->state == LIVE && c->kind != CHANNEL_PAIRING;
	if (c->state == CLOSED)
		;
	else if (c->in_length > 0 && c->now_us >= c->record_deadline_us)
		fail(c, REASON_RECORD_STALLED);
	else if (c->now_us >= c->deadline_us)
		fail(c, REASON_TIMEOUT);
	else if (live && c->now_us >= c->life_end_us)
		fail(c, REASON_SESSION_EXPIRED);
	else if (live && c->now_us >= idle_end_us(c))
		fail(c, REASON_TIMEOUT);
	else if (live && c->now_us >= keep_alive_us(c) && send_transport(c, NULL, 0) < 0)
		fail(c, REASON_INTERNAL);
	leave(c);
}

/* ------------------------------------------------------------------------------------------------------------------- public */

static int channel_make(struct channel **ret, const struct channel_config *config, uint64_t now_us) {
	struct channel *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->config = *config;
	c->in = malloc(RECORD_HEADER_SIZE + config->record_limit);
	c->out = malloc(RECORD_HEADER_SIZE + config->record_limit);
	if (!c->in || !c->out) {
		free(c->in);
		free(c->out);
		free(c);
		return -ENOMEM;
	}
	assert(strlen(config->name) <= COMPANION_NAME_LIMIT);
	if (config->media_psk)
		memcpy(c->media_psk, config->media_psk, KEY_SIZE);
	c->kind = CHANNEL_SESSION;
	c->now_us = c->received_us = c->sent_us = now_us;
	*ret = c;
	return 0;
}

int channel_new_camera(struct channel **ret, const struct channel_config *config, bool expect_media, uint64_t now_us) {
	struct channel *c;
	int result = channel_make(&c, config, now_us);
	if (result < 0)
		return result;
	c->camera = true;
	c->expect_media = expect_media;
	enter_state(c, CAMERA_HELLO);
	*ret = c;
	return 0;
}

int channel_new_companion(struct channel **ret, const struct channel_config *config, enum channel_kind kind, uint64_t now_us) {
	struct channel *c;
	int result = channel_make(&c, config, now_us);
	if (result < 0)
		return result;
	c->kind = kind;
	*ret = c; /* before the callbacks, which may free it */
	enter(c, now_us);
	companion_hello(c);
	leave(c);
	return 0;
}

int channel_send(struct channel *c, const void *bytes, size_t length) {
	if (c->state != LIVE || c->kind == CHANNEL_PAIRING)
		return -ENOTCONN;
	if (c->send.nonce >= SESSION_MESSAGES) {
		channel_close(c, REASON_SESSION_EXPIRED);
		return -ENOTCONN;
	}
	enter(c, c->now_us);
	int result = send_transport(c, bytes, length);
	if (result == -EIO)
		fail(c, REASON_INTERNAL);
	leave(c);
	return result == -EIO ? -ENOTCONN : result;
}

void channel_close(struct channel *c, enum reason reason) {
	enter(c, c->now_us);
	fail(c, reason);
	leave(c);
}

bool channel_is_live(const struct channel *c) {
	return c->state == LIVE;
}

enum channel_kind channel_kind(const struct channel *c) {
	return c->kind;
}

const char *channel_peer_name(const struct channel *c) {
	return c->peer_name;
}
