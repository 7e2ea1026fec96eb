/* The camera's end: the responder of every handshake. */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "pairing/channel_internal.h"

static void camera_answer_pairing(struct channel *c, const struct pairing_offer *offer) {
	memcpy(c->commitment, offer->commitment, COMMITMENT_SIZE);
	struct pairing_answer answer = { .state = c->config.pairing ? CAMERA_STATE_HAS_COMPANION : 0 };
	strncpy(answer.name, c->config.name, COMPANION_NAME_LIMIT);
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT];
	struct writer w = writer_over(payload, sizeof(payload));
	versions_write(&w);
	pairing_answer_write(&w, &answer);
	if (!channel_send_handshake(c, 0, payload, writer_length(&w)))
		return;
	memcpy(c->code_hash, c->handshake.hash, NOISE_HASH_SIZE);
	channel_enter_state(c, CAMERA_PROOF);
}

static void camera_answer_session(struct channel *c) {
	uint8_t payload[VERSIONS_SIZE];
	struct writer w = writer_over(payload, sizeof(payload));
	versions_write(&w);
	if (channel_send_handshake(c, 0, payload, writer_length(&w)) && channel_split(c))
		channel_enter_state(c, CAMERA_FIRST);
}

static enum channel_kind kind_of(enum hello_pattern pattern) {
	switch (pattern) {
	case HELLO_PAIRING:
		return CHANNEL_PAIRING;
	case HELLO_SESSION:
		return CHANNEL_SESSION;
	case HELLO_MEDIA:
		return CHANNEL_MEDIA;
	}
	return CHANNEL_SESSION;
}

/* Message 1 of a session is replayable by nature: nothing but this channel changes on it, and a wrong one gets no answer. Message
 * 1 of a pairing is not authenticated at all: the owner's window and tries are asked only for one that is well-formed. */
static void camera_first_record(struct channel *c, const uint8_t *record, size_t length) {
	struct hello hello;
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT];
	if (length < HELLO_SIZE) {
		channel_fail(c, REASON_RECORD_MALFORMED);
		return;
	}
	if (!hello_read(record, &hello)) {
		channel_fail(c, REASON_VERSION_UNSUPPORTED);
		return;
	}
	c->kind = kind_of(hello.pattern);
	if ((c->kind == CHANNEL_MEDIA) != c->expect_media) {
		channel_fail(c, REASON_MESSAGE_UNEXPECTED);
		return;
	}
	if (c->kind != CHANNEL_PAIRING && !c->config.pairing) {
		channel_fail(c, REASON_NOT_PAIRED);
		return;
	}
	int result = channel_start_noise(c, record);
	if (result < 0) {
		channel_fail(c, result == -EKEYREJECTED ? REASON_NOT_PAIRED : REASON_INTERNAL);
		return;
	}
	if (!channel_read_handshake(c, record + HELLO_SIZE, length - HELLO_SIZE, payload, &length))
		return;
	if (c->kind != CHANNEL_PAIRING) {
		if (length == 0)
			camera_answer_session(c);
		else
			channel_fail(c, REASON_MESSAGE_MALFORMED);
		return;
	}
	struct pairing_offer offer;
	if (!pairing_offer_read(payload, length, &offer)) {
		channel_fail(c, REASON_MESSAGE_MALFORMED);
		return;
	}
	enum reason reason = c->config.callbacks->pairing_begin(c->config.context);
	if (reason != REASON_OK)
		channel_fail(c, reason);
	else if (channel_is_open(c))
		camera_answer_pairing(c, &offer);
}

static void camera_proof(struct channel *c, const uint8_t *record, size_t length) {
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT];
	struct pairing_proof proof;
	if (!channel_read_handshake(c, record, length, payload, &length))
		return;
	if (!pairing_proof_read(payload, length, &proof)) {
		channel_fail(c, REASON_MESSAGE_MALFORMED);
		return;
	}
	if (!code_commitment_holds(proof.nonce, c->commitment)) {
		channel_fail(c, REASON_COMMITMENT_MISMATCH);
		return;
	}
	memcpy(c->peer_name, proof.name, sizeof(c->peer_name));
	if (!channel_split(c))
		return;
	channel_enter_state(c, CAMERA_CODE);
	c->config.callbacks->code(c->config.context, code_value(c->code_hash, proof.nonce));
}

void camera_handshake(struct channel *c, const uint8_t *record, size_t length) {
	if (c->state == CAMERA_HELLO)
		camera_first_record(c, record, length);
	else
		camera_proof(c, record, length);
}

/* From message 3 on the companion can be told; before, a stranger gets no answer. */
static bool can_refuse(const struct channel *c) {
	switch (c->state) {
	case CAMERA_CODE:
	case CAMERA_CONTRIBUTION:
	case CAMERA_FINISH:
		return true;
	case CAMERA_HELLO:
	case CAMERA_PROOF:
	case CAMERA_FIRST:
	case COMPANION_ANSWER:
	case COMPANION_CODE:
	case COMPANION_CONTRIBUTION:
	case COMPANION_CONFIRM:
	case COMPANION_DONE:
	case CHANNEL_LIVE:
	case CHANNEL_CLOSED:
		break;
	}
	return false;
}

void camera_refuse(struct channel *c, enum reason reason) {
	if (can_refuse(c) && !channel_send_step(c, &(struct pairing_step_message){ .step = STEP_REFUSED, .reason = reason }))
		return;
	channel_fail(c, reason);
}

void camera_confirm(struct channel *c, bool accepted) {
	if (!accepted) {
		camera_refuse(c, REASON_CODE_REJECTED);
		return;
	}
	struct pairing_step_message message = { .step = STEP_CONTRIBUTION };
	c->config.random->fill(c->config.random->context, c->contribution, CONTRIBUTION_SIZE);
	memcpy(message.contribution, c->contribution, CONTRIBUTION_SIZE);
	channel_enter_state(c, CAMERA_CONTRIBUTION);
	channel_send_step(c, &message);
	wipe(&message, sizeof(message));
}

static void camera_finish(struct channel *c) {
	int result = channel_commit(c);
	if (!channel_is_open(c))
		return;
	if (result < 0)
		camera_refuse(c, REASON_STORE_FAILED);
	else if (channel_send_step(c, &(struct pairing_step_message){ .step = STEP_DONE }))
		channel_go_live(c);
}

void camera_step(struct channel *c, const struct pairing_step_message *message) {
	if (c->state == CAMERA_CONTRIBUTION && message->step == STEP_CONTRIBUTION) {
		pairing_secret(c->handshake.hash, c->contribution, message->contribution, c->secret);
		channel_enter_state(c, CAMERA_FINISH);
	} else if (c->state == CAMERA_FINISH && message->step == STEP_FINISH) {
		camera_finish(c);
	} else {
		channel_fail(c, REASON_MESSAGE_UNEXPECTED);
	}
}
