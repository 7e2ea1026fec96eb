/* A device's X25519 key for Noise: made once, kept in a file, named to people by a fingerprint. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/random.h"
#include "pairing/limits.h"

struct static_keys {
	uint8_t secret[KEY_SIZE], public[KEY_SIZE];
};

/* The product of a device's static key and its one peer's, which every session needs: worked out by the first, a fifth of the
 * time of those that follow. All zero: nothing is known yet. As secret as the key; wipe it with the key. */
struct static_product {
	bool known;
	uint8_t own[KEY_SIZE], peer[KEY_SIZE]; /* public keys that it belongs to */
	uint8_t product[KEY_SIZE];
};

void static_keys_make(struct static_keys *ret, const struct random_source *random);

/* File image: magic 8, version 4, secret key 32, SHA-256 over all of it (damage, not tampering: the file is 0600). */
#define STATIC_KEYS_FILE_SIZE 76
void static_keys_encode(const struct static_keys *keys, uint8_t out[STATIC_KEYS_FILE_SIZE]);
/* 0 or -EBADMSG (damaged, or a version we do not know). */
int static_keys_decode(const uint8_t *bytes, size_t length, struct static_keys *ret);

/* Loads the file `name`, making and storing new keys when there is none. 0 or a negative errno; -EBADMSG: damaged, set aside,
 * new keys were made (old pairings are void) and are in *ret. */
int static_keys_load(const struct file_layer *layer, int folder, const char *name, const struct random_source *random,
                     struct static_keys *ret);

/* Short fingerprint for people: 8 groups of 4 hexadecimal digits of SHA-256(public key), 40 bytes with its end. */
#define FINGERPRINT_SIZE 40
void static_keys_fingerprint(const uint8_t key[KEY_SIZE], char out[FINGERPRINT_SIZE]);
