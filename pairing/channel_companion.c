/* The companion's end: the initiator of every handshake. */
#include <string.h>

#include "base/bytes.h"
#include "pairing/channel_internal.h"

static enum hello_pattern pattern_of(enum channel_kind kind) {
	switch (kind) {
	case CHANNEL_PAIRING:
		return HELLO_PAIRING;
	case CHANNEL_SESSION:
		return HELLO_SESSION;
	case CHANNEL_MEDIA:
		return HELLO_MEDIA;
	}
	return HELLO_SESSION;
}

void companion_hello(struct channel *c) {
	uint8_t hello[HELLO_SIZE], payload[HANDSHAKE_PAYLOAD_LIMIT];
	struct writer w = writer_over(payload, sizeof(payload));
	hello_write(&(struct hello){ .pattern = pattern_of(c->kind),
	                             .version = PROTOCOL_VERSION_MAXIMUM,
	                             .minimum = PROTOCOL_VERSION_MINIMUM,
	                             .maximum = PROTOCOL_VERSION_MAXIMUM },
	            hello);
	if (channel_start_noise(c, hello) < 0) {
		channel_fail(c, REASON_INTERNAL);
		return;
	}
	if (c->kind == CHANNEL_PAIRING) {
		struct pairing_offer offer = { .flags = 0 };
		c->config.random->fill(c->config.random->context, c->nonce, NONCE_SIZE);
		code_commitment(c->nonce, offer.commitment);
		pairing_offer_write(&w, &offer);
	}
	memcpy(c->out + RECORD_HEADER_SIZE, hello, HELLO_SIZE);
	channel_enter_state(c, COMPANION_ANSWER);
	channel_send_handshake(c, HELLO_SIZE, payload, writer_length(&w));
}

/* After the camera's message, which proves that it holds the key: the camera has learned nothing of us yet. */
static bool companion_expects(const struct channel *c) {
	char fingerprint[FINGERPRINT_SIZE];
	static_keys_fingerprint(c->handshake.rs, fingerprint);
	return !c->config.peer_fingerprint || strcmp(fingerprint, c->config.peer_fingerprint) == 0;
}

static void companion_prove(struct channel *c, struct reader *r) {
	struct pairing_answer answer;
	if (!companion_expects(c)) {
		channel_fail(c, REASON_FINGERPRINT_MISMATCH);
		return;
	}
	if (!pairing_answer_read(r, &answer)) {
		channel_fail(c, REASON_MESSAGE_MALFORMED);
		return;
	}
	memcpy(c->peer_name, answer.name, sizeof(c->peer_name));
	memcpy(c->code_hash, c->handshake.hash, NOISE_HASH_SIZE);
	struct pairing_proof proof;
	memset(&proof, 0, sizeof(proof));
	memcpy(proof.nonce, c->nonce, NONCE_SIZE);
	strncpy(proof.name, c->config.name, COMPANION_NAME_LIMIT);
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT];
	struct writer w = writer_over(payload, sizeof(payload));
	pairing_proof_write(&w, &proof);
	if (!channel_send_handshake(c, 0, payload, writer_length(&w)) || !channel_split(c))
		return;
	channel_enter_state(c, COMPANION_CODE);
	c->config.callbacks->code(c->config.context, code_value(c->code_hash, c->nonce));
}

void companion_handshake(struct channel *c, const uint8_t *record, size_t length) {
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT];
	if (!channel_read_handshake(c, record, length, payload, &length))
		return;
	struct reader r = reader_over(payload, length);
	if (!versions_read(&r, PROTOCOL_VERSION_MAXIMUM)) {
		channel_fail(c, REASON_VERSION_UNSUPPORTED);
		return;
	}
	if (c->kind == CHANNEL_PAIRING) {
		companion_prove(c, &r);
		return;
	}
	if (!reader_done(&r)) {
		channel_fail(c, REASON_MESSAGE_MALFORMED);
		return;
	}
	if (!channel_split(c))
		return;
	/* An empty message at once: the camera is LIVE on it. */
	if (channel_send_transport(c, NULL, 0) < 0)
		channel_fail(c, REASON_INTERNAL);
	if (channel_is_open(c))
		channel_go_live(c);
}

/* Both persons' answers are here, and the camera's contribution. */
static void companion_contribute(struct channel *c) {
	struct pairing_step_message message = { .step = STEP_CONTRIBUTION };
	c->config.random->fill(c->config.random->context, message.contribution, CONTRIBUTION_SIZE);
	pairing_secret(c->handshake.hash, c->contribution, message.contribution, c->secret);
	/* Provisional: from FINISH on the camera may know the new pairing without our hearing of it. */
	int result = channel_commit(c);
	if (channel_is_open(c) && result < 0) {
		channel_fail(c, REASON_STORE_FAILED);
	} else if (channel_is_open(c)) {
		channel_enter_state(c, COMPANION_DONE);
		if (channel_send_step(c, &message))
			channel_send_step(c, &(struct pairing_step_message){ .step = STEP_FINISH });
	}
	wipe(&message, sizeof(message));
}

void companion_confirm(struct channel *c, bool accepted) {
	if (!accepted)
		channel_fail(c, REASON_CODE_REJECTED);
	else if (c->state == COMPANION_CONFIRM)
		companion_contribute(c);
	else
		channel_enter_state(c, COMPANION_CONTRIBUTION);
}

/* What poses as a camera confirms by itself: without our own person's answer nothing is stored and nothing said. */
static void companion_contribution(struct channel *c, const uint8_t camera[CONTRIBUTION_SIZE]) {
	memcpy(c->contribution, camera, CONTRIBUTION_SIZE);
	if (c->state == COMPANION_CONTRIBUTION)
		companion_contribute(c);
	else
		channel_enter_state(c, COMPANION_CONFIRM);
}

void companion_step(struct channel *c, const struct pairing_step_message *message) {
	if (message->step == STEP_REFUSED)
		channel_fail(c, message->reason);
	else if ((c->state == COMPANION_CODE || c->state == COMPANION_CONTRIBUTION) && message->step == STEP_CONTRIBUTION)
		companion_contribution(c, message->contribution);
	else if (c->state == COMPANION_DONE && message->step == STEP_DONE)
		channel_go_live(c);
	else
		channel_fail(c, REASON_MESSAGE_UNEXPECTED);
}
