/* What the companion remembers: its static keys and the camera it belongs to. A pairing that was just made is a candidate beside
 * the one before it, until a session has proven which of the two the camera holds: the acknowledgement of a pairing may be lost
 * after the camera has committed (docs/protocol.md, "Pairing"). */
#pragma once

#include <stdbool.h>

#include "pairing/record.h"

struct keyring;

enum keyring_slot { KEYRING_CANDIDATE, KEYRING_PROVEN, KEYRING_SLOTS };

/* Loads or makes everything in `folder` (a path, created when missing). Damaged files are set aside and logged. `layer` outlives
 * the keyring. 0 or a negative errno. */
int keyring_new(struct keyring **ret, const char *folder, const struct file_layer *layer, const struct random_source *random);
/* Wipes. NULL is allowed. */
void keyring_free(struct keyring *keyring);
const struct static_keys *keyring_keys(const struct keyring *keyring);
/* What is kept of them from one session to the next; valid as long as the keyring. */
struct static_product *keyring_product(struct keyring *keyring);
/* NULL when the slot is empty. Valid until the keyring changes. */
const struct pairing_record *keyring_record(const struct keyring *keyring, enum keyring_slot slot);
/* The record to show to people: the candidate if there is one, else the proven one, else NULL. */
const struct pairing_record *keyring_newest(const struct keyring *keyring);
/* Stores a new candidate durably; the one before it is given up. 0 or a negative errno, and nothing has changed. */
int keyring_add(struct keyring *keyring, const struct pairing_record *record);
/* How many candidates were added since the start. */
unsigned keyring_candidates(const struct keyring *keyring);
/* A session with the record in this slot went live. The candidate becomes the proven one; or, when it was the proven one, a
 * candidate for the same camera is given up, because a camera holds exactly one pairing. candidates: how many there were when the
 * session was dialled: a later one is not given up, the camera may have stored it since it let the session in. 0 or a negative
 * errno (logged by the caller; the session goes on and the next one settles it). */
int keyring_prove(struct keyring *keyring, enum keyring_slot slot, unsigned candidates);
/* Forgets the camera in both slots. 0 or a negative errno. */
int keyring_forget(struct keyring *keyring);
