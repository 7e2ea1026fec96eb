/* What the camera remembers: its own static keys and its one companion (threats.md, invariant 2). */
#pragma once

#include <stdbool.h>

#include "base/file.h"
#include "base/random.h"
#include "pairing/record.h"

struct keyring;

/* Files in the state folder: "static-key", "companion". A damaged one was set aside and logged, and is as good as missing.
 * `layer` and `random` outlive the keyring. 0 or a negative errno. */
int keyring_open(struct keyring **ret, const char *state_folder, const struct file_layer *layer,
                 const struct random_source *random);
/* Wipes. NULL is allowed. */
void keyring_free(struct keyring *keyring);
/* Descriptor of the state folder, for others who keep files there. */
int keyring_folder(const struct keyring *keyring);

/* Valid as long as the keyring. */
const struct static_keys *keyring_keys(const struct keyring *keyring);
/* What is kept of them from one session to the next; valid as long as the keyring. */
struct static_product *keyring_product(struct keyring *keyring);
/* NULL without a companion. The same address as long as the keyring, but its content changes with keyring_pair and
 * keyring_forget: links made with the old one must be ended then. */
const struct pairing_record *keyring_companion(const struct keyring *keyring);
/* Durable when it returns; the old companion is forgotten by the same step. Sets the record's time. 0; or a negative errno, and
 * everything is as before. */
int keyring_pair(struct keyring *keyring, const struct pairing_record *record);
/* 0 or a negative errno, and everything is as before. */
int keyring_forget(struct keyring *keyring);
