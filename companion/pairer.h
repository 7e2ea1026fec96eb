/* One pairing attempt at a time: dial, Noise XX, the code for the person, the new record into the keyring. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/reason.h"
#include "companion/keyring.h"
#include "companion/radio.h"

struct pairer;

enum pairer_state {
	PAIRER_IDLE,
	PAIRER_DIALLING,
	PAIRER_HANDSHAKE,
	PAIRER_COMPARE,   /* the code is shown, the person has yet to answer here (and at the camera) */
	PAIRER_CONFIRMED, /* answered here, or by the fingerprint; the camera's answer is awaited */
	PAIRER_STORING,   /* confirmed at both ends and stored here; the camera has yet to say the last word */
};

struct pairer_callbacks {
	/* The state changed. */
	void (*changed)(void *context);
	/* The camera is heard and does not connect: whoever holds a connection to it should let go. Two controllers have one
	 * between them at most (Bluetooth Core 5.0, Vol 6, Part B, 1.1), and a camera that begins another epoch has another
	 * address, by which nobody knows that it is the same. Called for any camera that has not connected within half a second,
	 * so also for another one that is slow. The pairing goes on. */
	void (*waits)(void *context);
	/* REASON_OK: paired, the keyring holds the new record. Otherwise the old pairing is untouched. The state is IDLE again.
	 * Not called after pairer_cancel. */
	void (*finished)(void *context, enum reason reason);
};

/* name: the companion's own, shown on the camera. All arguments outlive the pairer. 0 or -ENOMEM. */
int pairer_new(struct pairer **ret, sd_event *event, struct radio *radio, struct keyring *keyring, const char *name,
               const struct pairer_callbacks *callbacks, void *context);
void pairer_free(struct pairer *pairer);
/* Starts with the camera at this address; `camera` is what the API calls it. fingerprint: of the key that the camera must have,
 * as static_keys_fingerprint writes it, or NULL for any. Whoever learned it by touching the camera's tag need not compare codes
 * at this end: any other camera is refused with REASON_FINGERPRINT_MISMATCH before it learns anything of us. 0; -EBUSY when an
 * attempt is under way; -ENETDOWN when the radio is not usable; or another negative errno. */
int pairer_start(struct pairer *pairer, const char *camera, const struct link_peer *peer, const char *fingerprint);
void pairer_cancel(struct pairer *pairer);
/* As given to pairer_start, the last time. */
const struct link_peer *pairer_peer(const struct pairer *pairer);
const char *pairer_camera(const struct pairer *pairer);
enum pairer_state pairer_state(const struct pairer *pairer);
/* The person has read `code` from the camera. REASON_OK: it is ours, too. REASON_CODE_REJECTED: it is not, somebody may be in
 * between; the attempt ends, with this reason. REASON_NO_CODE: none waits to be confirmed. */
enum reason pairer_confirm(struct pairer *pairer, uint32_t code);
/* The six digits as a number, valid from PAIRER_COMPARE on. */
uint32_t pairer_code(const struct pairer *pairer);
