/* Payloads of the pairing handshake's three messages and the transport messages after them (docs/protocol.md, "Pairing"). Readers
 * take bytes from a peer that is not authenticated yet; they return false and leave *ret alone when the bytes are not exactly
 * what the protocol says. Certificates and identity signatures are empty as long as there is no fleet: a reader steps over them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/reason.h"
#include "pairing/code.h"
#include "pairing/limits.h"

/* Message 1, companion to camera, in clear. */
struct pairing_offer {
	uint8_t commitment[COMMITMENT_SIZE];
	uint8_t flags; /* none are defined yet; unknown bits are ignored and authenticated */
};

void pairing_offer_write(struct writer *w, const struct pairing_offer *offer);
bool pairing_offer_read(const uint8_t *bytes, size_t length, struct pairing_offer *ret);

/* Message 2, camera to companion, after the versions (pairing/hello.h), which stand at the start of every message 2. */
#define CAMERA_STATE_HAS_COMPANION 0x01 /* which this pairing will replace */

struct pairing_answer {
	uint8_t state;
	char name[COMPANION_NAME_LIMIT + 1];
};

void pairing_answer_write(struct writer *w, const struct pairing_answer *answer);
bool pairing_answer_read(struct reader *r, struct pairing_answer *ret);

/* Message 3, companion to camera. */
struct pairing_proof {
	uint8_t nonce[NONCE_SIZE]; /* r, which opens the commitment */
	char name[COMPANION_NAME_LIMIT + 1];
};

void pairing_proof_write(struct writer *w, const struct pairing_proof *proof);
bool pairing_proof_read(const uint8_t *bytes, size_t length, struct pairing_proof *ret);

/* Transport messages of a pairing: one byte that says which, then what it carries. */
enum pairing_step {
	STEP_CONTRIBUTION = 1, /* both ways: 32 random bytes */
	STEP_FINISH = 2,       /* companion: has stored its record, the camera may commit */
	STEP_DONE = 3,         /* camera: has committed */
	STEP_REFUSED = 4,      /* camera: did not and will not, for this reason (2 bytes) */
};

#define STEP_LIMIT (1 + CONTRIBUTION_SIZE)

struct pairing_step_message {
	enum pairing_step step;
	uint8_t contribution[CONTRIBUTION_SIZE];
	enum reason reason; /* REASON_INTERNAL for one that a camera has no business to give here */
};

void pairing_step_write(struct writer *w, const struct pairing_step_message *message);
bool pairing_step_read(const uint8_t *bytes, size_t length, struct pairing_step_message *ret);
