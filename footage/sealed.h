/* Small files sealed as a whole: metadata, thumbnails, tag histories. Each write takes a new key, wrapped by the key store:
 * wrapped key 68 | ciphertext | tag 16; the nonce is zero, the associated data kind 1 | recording id 16. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/random.h"
#include "footage/keystore.h"

enum sealed_kind { SEALED_META = 1, SEALED_THUMBNAIL = 2, SEALED_TAGS = 3, SEALED_DETAILS = 4 };

#define SEALED_OVERHEAD (WRAPPED_KEY_SIZE + GCM_TAG_SIZE)

/* Replaces the file. 0 or a negative errno. */
int sealed_write(const struct file_layer *layer, int folder, const char *name, struct keystore *keystore,
                 const struct random_source *random, enum sealed_kind kind, const uint8_t id[RECORDING_ID_SIZE],
                 const void *bytes, size_t length);
/* 0 and *ret_length; -ENOENT; -EBADMSG: damaged; -EKEYREJECTED: sealed with another storage key; -EFBIG. */
int sealed_read(int folder, const char *name, struct keystore *keystore, enum sealed_kind kind,
                const uint8_t id[RECORDING_ID_SIZE], void *out, size_t capacity, size_t *ret_length);
