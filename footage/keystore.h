/* Who wraps the keys of recordings. The file back end keeps a storage key in a 0600 file; a TPM would be another back end. */
#pragma once

#include <stdint.h>

#include "base/file.h"
#include "base/random.h"
#include "crypto/crypto.h"

/* Tells apart what another key wrapped from what is damaged: the first must be left alone, its key may come back. */
#define STORAGE_KEY_ID_SIZE 8
/* storage key's id 8 | nonce 12 | ciphertext 32 | tag 16 */
#define WRAPPED_KEY_SIZE (STORAGE_KEY_ID_SIZE + GCM_NONCE_SIZE + AES256_KEY_SIZE + GCM_TAG_SIZE)
#define RECORDING_ID_SIZE 16

struct keystore;

struct keystore_operations {
	/* Wraps a key for one recording, bound to its id. 0 or a negative errno. */
	int (*wrap)(struct keystore *keystore, const uint8_t id[RECORDING_ID_SIZE], const uint8_t key[AES256_KEY_SIZE],
	            uint8_t out[WRAPPED_KEY_SIZE]);
	/* 0; -EKEYREJECTED: wrapped by another storage key; -EBADMSG: damaged, or for another recording. */
	int (*unwrap)(struct keystore *keystore, const uint8_t id[RECORDING_ID_SIZE], const uint8_t wrapped[WRAPPED_KEY_SIZE],
	              uint8_t key[AES256_KEY_SIZE]);
	void (*free)(struct keystore *keystore);
};

struct keystore {
	const struct keystore_operations *operations;
};

static inline int keystore_wrap(struct keystore *keystore, const uint8_t id[RECORDING_ID_SIZE],
                                const uint8_t key[AES256_KEY_SIZE], uint8_t out[WRAPPED_KEY_SIZE]) {
	return keystore->operations->wrap(keystore, id, key, out);
}

static inline int keystore_unwrap(struct keystore *keystore, const uint8_t id[RECORDING_ID_SIZE],
                                  const uint8_t wrapped[WRAPPED_KEY_SIZE], uint8_t key[AES256_KEY_SIZE]) {
	return keystore->operations->unwrap(keystore, id, wrapped, key);
}

static inline void keystore_free(struct keystore *keystore) {
	if (keystore)
		keystore->operations->free(keystore);
}

/* Loads the storage key from the file `name` (0600, key and its SHA-256), making it when there is none. A damaged one is set
 * aside and logged, and a new one made: a camera without its old key must still record. What the old one wrapped stays as it is,
 * and is readable again when that key is brought back. The key lives in guarded, locked memory. 0 or a negative errno. */
int keystore_open_file(struct keystore **ret, const struct file_layer *layer, int folder, const char *name,
                       const struct random_source *random);
/* The same, but makes and changes nothing: -ENOENT when there is no such file, -EBADMSG when it is damaged. */
int keystore_open_file_to_read(struct keystore **ret, int folder, const char *name);
