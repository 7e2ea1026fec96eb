#include "pairing/pairing_messages.h"

#include <string.h>

#include "base/text.h"

/* A name: length 1, then that many bytes. It ends up in logs, on D-Bus and before people, at the companion while nobody is
 * authenticated yet. */
static void write_text(struct writer *w, const char *text) {
	size_t length = strnlen(text, COMPANION_NAME_LIMIT);
	writer_u8(w, (uint8_t)length);
	writer_copy(w, text, length);
}

static bool read_text(struct reader *r, char out[COMPANION_NAME_LIMIT + 1]) {
	size_t length = reader_u8(r);
	const uint8_t *text = reader_take(r, length);
	if (!text || length > COMPANION_NAME_LIMIT || (length > 0 && memchr(text, '\0', length)))
		return false;
	char name[COMPANION_NAME_LIMIT + 1] = { 0 };
	memcpy(name, text, length);
	if (!text_is_plain(name, false))
		return false;
	memcpy(out, name, sizeof(name));
	return true;
}

/* Certificate and identity signature: length 2 each. */
static void write_identity(struct writer *w) {
	writer_u16(w, 0);
	writer_u16(w, 0);
}

static bool read_identity(struct reader *r) {
	reader_take(r, reader_u16(r));
	reader_take(r, reader_u16(r));
	return !r->failed;
}

void pairing_offer_write(struct writer *w, const struct pairing_offer *offer) {
	writer_copy(w, offer->commitment, COMMITMENT_SIZE);
	writer_u8(w, offer->flags);
}

bool pairing_offer_read(const uint8_t *bytes, size_t length, struct pairing_offer *ret) {
	struct reader r = reader_over(bytes, length);
	struct pairing_offer offer;
	reader_copy(&r, offer.commitment, COMMITMENT_SIZE);
	offer.flags = reader_u8(&r);
	if (!reader_done(&r))
		return false;
	*ret = offer;
	return true;
}

void pairing_answer_write(struct writer *w, const struct pairing_answer *answer) {
	write_identity(w);
	writer_u8(w, answer->state);
	write_text(w, answer->name);
}

bool pairing_answer_read(struct reader *r, struct pairing_answer *ret) {
	struct pairing_answer answer;
	if (!read_identity(r))
		return false;
	answer.state = reader_u8(r);
	if (!read_text(r, answer.name) || !reader_done(r))
		return false;
	*ret = answer;
	return true;
}

void pairing_proof_write(struct writer *w, const struct pairing_proof *proof) {
	write_identity(w);
	writer_copy(w, proof->nonce, NONCE_SIZE);
	write_text(w, proof->name);
}

bool pairing_proof_read(const uint8_t *bytes, size_t length, struct pairing_proof *ret) {
	struct reader r = reader_over(bytes, length);
	struct pairing_proof proof;
	if (!read_identity(&r))
		return false;
	reader_copy(&r, proof.nonce, NONCE_SIZE);
	if (!read_text(&r, proof.name) || !reader_done(&r))
		return false;
	*ret = proof;
	return true;
}

void pairing_step_write(struct writer *w, const struct pairing_step_message *message) {
	writer_u8(w, (uint8_t)message->step);
	switch (message->step) {
	case STEP_CONTRIBUTION:
		writer_copy(w, message->contribution, CONTRIBUTION_SIZE);
		break;
	case STEP_REFUSED:
		writer_u16(w, (uint16_t)message->reason);
		break;
	case STEP_FINISH:
	case STEP_DONE:
		break;
	}
}

/* A peer may not make us believe in success, or in a fault of our own, by the reason that it gives. */
static enum reason refusal(unsigned number) {
	static const enum reason allowed[] = { REASON_CODE_REJECTED,      REASON_STORE_FAILED,  REASON_PAIRING_CLOSED,
		                               REASON_PAIRING_EXPIRED,    REASON_PAIRING_TRIES, REASON_PAIRING_BUSY,
		                               REASON_MESSAGE_UNEXPECTED, REASON_TIMEOUT };
	for (size_t i = 0; i < ELEMENTS(allowed); i++)
		if ((unsigned)allowed[i] == number)
			return allowed[i];
	return REASON_INTERNAL;
}

bool pairing_step_read(const uint8_t *bytes, size_t length, struct pairing_step_message *ret) {
	struct reader r = reader_over(bytes, length);
	uint8_t step = reader_u8(&r);
	if (step < STEP_CONTRIBUTION || step > STEP_REFUSED)
		return false;
	struct pairing_step_message message = { .step = (enum pairing_step)step };
	switch (message.step) {
	case STEP_CONTRIBUTION:
		reader_copy(&r, message.contribution, CONTRIBUTION_SIZE);
		break;
	case STEP_REFUSED:
		message.reason = refusal(reader_u16(&r));
		break;
	case STEP_FINISH:
	case STEP_DONE:
		break;
	}
	if (!reader_done(&r))
		return false;
	*ret = message;
	return true;
}
