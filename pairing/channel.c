/* What both ends of a channel have in common: life and callbacks, records out and in, transport messages, time. */
#include "pairing/channel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "pairing/channel_internal.h"

/* ----------------------------------------------------------------------------------------------------- life and callbacks */

static void enter(struct channel *c, uint64_t now_us) {
	c->entered++;
	if (now_us > c->now_us)
		c->now_us = now_us;
}

static void wipe_keys(struct channel *c) {
	noise_wipe(&c->handshake);
	noise_cipher_free(&c->send);
	noise_cipher_free(&c->receive);
	wipe(c->media_psk, sizeof(c->media_psk));
	wipe(c->nonce, sizeof(c->nonce));
	wipe(c->contribution, sizeof(c->contribution));
	wipe(c->secret, sizeof(c->secret));
}

static void destroy(struct channel *c) {
	wipe_keys(c);
	record_layer_free(&c->in);
	wipe(c->out, RECORD_HEADER_SIZE + c->config.record_limit);
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
	c->state = CHANNEL_CLOSED;
	c->doomed = true;
	if (c->entered == 0)
		destroy(c);
}

bool channel_is_open(const struct channel *c) {
	return !c->doomed && c->state != CHANNEL_CLOSED;
}

void channel_fail(struct channel *c, enum reason reason) {
	if (!channel_is_open(c))
		return;
	c->state = CHANNEL_CLOSED;
	wipe_keys(c);
	c->config.callbacks->closed(c->config.context, reason);
}

static uint64_t earliest(uint64_t a, uint64_t b) {
	return a < b ? a : b;
}

void channel_enter_state(struct channel *c, enum channel_state state) {
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
	case COMPANION_DONE:
		c->deadline_us = c->now_us + PAIRING_TRY_US;
		break;
	case CAMERA_FINISH: /* within the minute, too */
		c->deadline_us = earliest(c->deadline_us, c->now_us + PAIRING_TRY_US);
		break;
	case CAMERA_CODE:
	case COMPANION_CODE:
		/* A person compares; the window is the most it can take. */
		c->deadline_us = c->now_us + PAIRING_WINDOW_US;
		break;
	case CAMERA_CONTRIBUTION: /* the same minute, for the answer at the other end */
	case COMPANION_CONTRIBUTION:
	case COMPANION_CONFIRM:
	case CHANNEL_CLOSED:
		break;
	case CHANNEL_LIVE:
		/* A completed pairing has nothing more to say, and its owner closes it. */
		c->deadline_us = c->kind == CHANNEL_PAIRING ? c->now_us + HANDSHAKE_US : UINT64_MAX;
		/* Media ends with the session that made it. */
		c->life_end_us = c->kind == CHANNEL_SESSION ? c->now_us + SESSION_LIFE_US : UINT64_MAX;
		c->heard_us = c->now_us;
		break;
	}
}

void channel_go_live(struct channel *c) {
	noise_wipe(&c->handshake);
	channel_enter_state(c, CHANNEL_LIVE);
	c->config.callbacks->live(c->config.context);
}

static bool is_session(const struct channel *c) {
	return c->state == CHANNEL_LIVE && c->kind != CHANNEL_PAIRING;
}

/* --------------------------------------------------------------------------------------------------------------- handshakes */

static enum noise_pattern noise_pattern_of(enum channel_kind kind) {
	return kind == CHANNEL_PAIRING ? NOISE_XX : NOISE_KKPSK0;
}

int channel_start_noise(struct channel *c, const uint8_t hello[HELLO_SIZE]) {
	uint8_t prologue[PROLOGUE_SIZE];
	hello_prologue(hello, prologue);
	const struct pairing_record *pairing = c->kind == CHANNEL_PAIRING ? NULL : c->config.pairing;
	return noise_start(&c->handshake, &(struct noise_setup){
	                                          .pattern = noise_pattern_of(c->kind),
	                                          .initiator = !c->camera,
	                                          .random = c->config.random,
	                                          .keys = c->config.keys,
	                                          .peer_key = pairing ? pairing->peer_key : NULL,
	                                          .psk = c->kind == CHANNEL_MEDIA ? c->media_psk
	                                                 : pairing                ? pairing->secret
	                                                                          : NULL,
	                                          .product = c->config.product,
	                                          .prologue = prologue,
	                                          .prologue_length = sizeof(prologue),
	                                  });
}

static enum reason reason_of_noise(int result) {
	return result == -EKEYREJECTED ? REASON_KEY_INVALID : result == -EBADMSG ? REASON_HANDSHAKE_FAILED : REASON_INTERNAL;
}

bool channel_read_handshake(struct channel *c, const uint8_t *message, size_t length, uint8_t *payload, size_t *ret_length) {
	if (length > HANDSHAKE_PAYLOAD_LIMIT) {
		channel_fail(c, REASON_RECORD_TOO_LONG);
		return false;
	}
	int result = noise_read(&c->handshake, message, length, payload, ret_length);
	/* Nobody but a mirror has our own key. */
	if (result == 0 && c->handshake.has_rs && memcmp(c->handshake.rs, c->config.keys->public, KEY_SIZE) == 0)
		result = -EKEYREJECTED;
	if (result < 0)
		channel_fail(c, reason_of_noise(result));
	return result == 0;
}

static void send_record(struct channel *c, size_t length) {
	record_header_write(c->out, length);
	c->said_us = c->now_us;
	c->config.callbacks->send(c->config.context, c->out, RECORD_HEADER_SIZE + length);
}

bool channel_send_handshake(struct channel *c, size_t prefix, const uint8_t *payload, size_t payload_length) {
	size_t length;
	int result = noise_write(&c->handshake, payload, payload_length, c->out + RECORD_HEADER_SIZE + prefix,
	                         c->config.record_limit - prefix, &length);
	if (result < 0) {
		channel_fail(c, reason_of_noise(result));
		return false;
	}
	send_record(c, prefix + length);
	return channel_is_open(c);
}

bool channel_split(struct channel *c) {
	if (noise_split(&c->handshake, &c->send, &c->receive) == 0)
		return true;
	channel_fail(c, REASON_INTERNAL);
	return false;
}

/* ------------------------------------------------------------------------------------------------------- transport messages */

int channel_send_transport(struct channel *c, const void *bytes, size_t length) {
	if (length > c->config.record_limit - RECORD_TAG_SIZE)
		return -EMSGSIZE;
	if (c->send.nonce >= SESSION_MESSAGES)
		return -EOVERFLOW;
	if (noise_seal(&c->send, NULL, 0, bytes, length, c->out + RECORD_HEADER_SIZE) < 0)
		return -EIO;
	send_record(c, length + RECORD_TAG_SIZE);
	return 0;
}

bool channel_send_step(struct channel *c, const struct pairing_step_message *message) {
	uint8_t bytes[STEP_LIMIT];
	struct writer w = writer_over(bytes, sizeof(bytes));
	pairing_step_write(&w, message);
	int result = channel_send_transport(c, bytes, writer_length(&w));
	wipe(bytes, sizeof(bytes));
	if (result < 0)
		channel_fail(c, REASON_INTERNAL);
	return channel_is_open(c);
}

int channel_commit(struct channel *c) {
	struct pairing_record record;
	memset(&record, 0, sizeof(record));
	memcpy(record.peer_key, c->handshake.rs, KEY_SIZE);
	memcpy(record.secret, c->secret, KEY_SIZE);
	memcpy(record.peer_name, c->peer_name, sizeof(record.peer_name));
	int result = c->config.callbacks->commit(c->config.context, &record);
	wipe(&record, sizeof(record));
	return result;
}

/* An empty message keeps the session alive. The camera answers each with one of its own, so that the companion learns that
 * somebody is still there. */
static void handle_session_message(struct channel *c, const uint8_t *message, size_t length) {
	if (length > 0)
		c->config.callbacks->message(c->config.context, message, length);
	else if (c->camera && c->kind == CHANNEL_SESSION && channel_send_transport(c, NULL, 0) < 0)
		channel_fail(c, REASON_SESSION_EXPIRED);
}

static void handle_step(struct channel *c, const uint8_t *bytes, size_t length) {
	struct pairing_step_message message;
	if (!pairing_step_read(bytes, length, &message))
		channel_fail(c, REASON_MESSAGE_MALFORMED);
	else if (c->camera)
		camera_step(c, &message);
	else
		companion_step(c, &message);
	wipe(&message, sizeof(message));
}

static void handle_transport(struct channel *c, const uint8_t *record, size_t length) {
	uint8_t *message = record_layer_plaintext(&c->in);
	if (c->receive.nonce >= SESSION_MESSAGES) {
		channel_fail(c, REASON_SESSION_EXPIRED);
		return;
	}
	if (noise_open(&c->receive, NULL, 0, record, length, message) < 0) {
		channel_fail(c, REASON_DECRYPT_FAILED);
		return;
	}
	c->heard_us = c->now_us;
	size_t message_length = length - RECORD_TAG_SIZE;
	if (c->kind == CHANNEL_PAIRING) {
		handle_step(c, message, message_length);
	} else {
		if (c->state == CAMERA_FIRST)
			channel_go_live(c);
		if (channel_is_open(c))
			handle_session_message(c, message, message_length);
	}
	/* A shorter record that follows would leave its end where it is: a network's key, say. Media carries no keys. */
	if (c->kind != CHANNEL_MEDIA)
		wipe(message, message_length);
}

static void handle_record(struct channel *c, const uint8_t *record, size_t length) {
	switch (c->state) {
	case CAMERA_HELLO:
	case CAMERA_PROOF:
		camera_handshake(c, record, length);
		break;
	case COMPANION_ANSWER:
		companion_handshake(c, record, length);
		break;
	case CAMERA_CODE:
	case CAMERA_CONTRIBUTION:
	case CAMERA_FINISH:
	case CAMERA_FIRST:
	case COMPANION_CODE:
	case COMPANION_CONTRIBUTION:
	case COMPANION_CONFIRM:
	case COMPANION_DONE:
	case CHANNEL_LIVE:
		handle_transport(c, record, length);
		break;
	case CHANNEL_CLOSED:
		break;
	}
}

/* --------------------------------------------------------------------------------------------------------------------- time */

/* Only the companion speaks unasked. */
static uint64_t ping_us(const struct channel *c) {
	return is_session(c) && !c->camera ? c->said_us + SESSION_PING_US : UINT64_MAX;
}

/* The camera's media end has nothing to say while nothing is asked of it, so that its silence means nothing. */
static uint64_t idle_end_us(const struct channel *c) {
	return is_session(c) && (c->camera || c->kind == CHANNEL_SESSION) ? c->heard_us + SESSION_IDLE_US : UINT64_MAX;
}

static uint64_t life_end_us(const struct channel *c) {
	return is_session(c) ? c->life_end_us : UINT64_MAX;
}

uint64_t channel_deadline_us(const struct channel *c) {
	if (c->state == CHANNEL_CLOSED)
		return UINT64_MAX;
	uint64_t hard = earliest(earliest(c->deadline_us, life_end_us(c)), record_layer_deadline_us(&c->in));
	return earliest(hard, earliest(idle_end_us(c), ping_us(c)));
}

/* Deadlines that hold whatever has arrived in the meantime: bytes that waited in the kernel while the timer was late, or while
 * the device slept, do not extend them. */
static void expire(struct channel *c) {
	if (c->now_us >= c->deadline_us)
		channel_fail(c, c->state == CHANNEL_LIVE ? REASON_OK : REASON_TIMEOUT);
	else if (c->now_us >= life_end_us(c))
		channel_fail(c, REASON_SESSION_EXPIRED);
}

void channel_tick(struct channel *c, uint64_t now_us) {
	enter(c, now_us);
	expire(c);
	if (channel_is_open(c)) {
		if (c->now_us >= record_layer_deadline_us(&c->in))
			channel_fail(c, REASON_RECORD_STALLED);
		else if (c->now_us >= idle_end_us(c))
			channel_fail(c, REASON_TIMEOUT);
		else if (c->now_us >= ping_us(c) && channel_send_transport(c, NULL, 0) < 0)
			channel_fail(c, REASON_SESSION_EXPIRED);
	}
	leave(c);
}

/* ------------------------------------------------------------------------------------------------------------------- public */

static int channel_make(struct channel **ret, const struct channel_config *config, uint64_t now_us) {
	assert(strlen(config->name) <= COMPANION_NAME_LIMIT);
	struct channel *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->config = *config;
	c->out = malloc(RECORD_HEADER_SIZE + config->record_limit);
	if (!c->out || record_layer_init(&c->in, config->record_limit) < 0) {
		free(c->out);
		free(c);
		return -ENOMEM;
	}
	if (config->media_psk)
		memcpy(c->media_psk, config->media_psk, KEY_SIZE);
	c->kind = CHANNEL_SESSION;
	c->now_us = c->heard_us = c->said_us = now_us;
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
	channel_enter_state(c, CAMERA_HELLO);
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

void channel_receive(struct channel *c, const uint8_t *bytes, size_t length, uint64_t now_us) {
	enter(c, now_us);
	expire(c);
	while (channel_is_open(c) && length > 0) {
		const uint8_t *record;
		size_t record_length;
		switch (record_layer_take(&c->in, &bytes, &length, c->now_us, &record, &record_length)) {
		case RECORD_PARTIAL:
			break;
		case RECORD_WHOLE:
			handle_record(c, record, record_length);
			break;
		case RECORD_EMPTY:
			channel_fail(c, REASON_RECORD_MALFORMED);
			break;
		case RECORD_OVER:
			channel_fail(c, REASON_RECORD_TOO_LONG);
			break;
		}
	}
	leave(c);
}

void channel_confirm(struct channel *c, bool accepted, uint64_t now_us) {
	enter(c, now_us);
	expire(c);
	if (channel_is_open(c) && c->state == CAMERA_CODE)
		camera_confirm(c, accepted);
	else if (channel_is_open(c) && (c->state == COMPANION_CODE || c->state == COMPANION_CONFIRM))
		companion_confirm(c, accepted);
	leave(c);
}

int channel_send(struct channel *c, const void *bytes, size_t length) {
	if (!is_session(c))
		return -ENOTCONN;
	enter(c, c->now_us);
	int result = channel_send_transport(c, bytes, length);
	if (result < 0 && result != -EMSGSIZE) {
		channel_fail(c, result == -EOVERFLOW ? REASON_SESSION_EXPIRED : REASON_INTERNAL);
		result = -ENOTCONN;
	}
	leave(c);
	return result;
}

void channel_close(struct channel *c, enum reason reason) {
	enter(c, c->now_us);
	camera_refuse(c, reason);
	leave(c);
}

bool channel_is_live(const struct channel *c) {
	return c->state == CHANNEL_LIVE;
}

enum channel_kind channel_kind(const struct channel *c) {
	return c->kind;
}

const char *channel_peer_name(const struct channel *c) {
	return c->peer_name;
}
