#include "footage/sealed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define ASSOCIATED_SIZE (1 + RECORDING_ID_SIZE)

/* A key seals one message only, so its nonce can be constant. */
static const uint8_t zero_nonce[GCM_NONCE_SIZE];

static void associate(enum sealed_kind kind, const uint8_t *id, uint8_t out[ASSOCIATED_SIZE]) {
	out[0] = (uint8_t)kind;
	memcpy(out + 1, id, RECORDING_ID_SIZE);
}

static int seal(struct keystore *keystore, const struct random_source *random, enum sealed_kind kind, const uint8_t *id,
                const void *bytes, size_t length, uint8_t *out) {
	uint8_t key[AES256_KEY_SIZE], associated[ASSOCIATED_SIZE];
	struct gcm *gcm = NULL;
	associate(kind, id, associated);
	random->fill(random->context, key, sizeof(key));
	int result = keystore_wrap(keystore, id, key, out);
	if (result == 0)
		result = gcm_new(&gcm, key);
	if (result == 0)
		result = gcm_seal(gcm, zero_nonce, associated, sizeof(associated), bytes, length, out + WRAPPED_KEY_SIZE,
		                  out + WRAPPED_KEY_SIZE + length);
	gcm_free(gcm);
	wipe(key, sizeof(key));
	return result;
}

int sealed_write(const struct file_layer *layer, int folder, const char *name, struct keystore *keystore,
                 const struct random_source *random, enum sealed_kind kind, const uint8_t id[RECORDING_ID_SIZE],
                 const void *bytes, size_t length) {
	uint8_t *image = malloc(length + SEALED_OVERHEAD);
	if (!image)
		return -ENOMEM;
	int result = seal(keystore, random, kind, id, bytes, length, image);
	if (result == 0)
		result = file_replace(layer, folder, name, image, length + SEALED_OVERHEAD);
	free(image);
	return result;
}

static int open_image(struct keystore *keystore, enum sealed_kind kind, const uint8_t *id, const uint8_t *image, size_t length,
                      uint8_t *out) {
	uint8_t key[AES256_KEY_SIZE], associated[ASSOCIATED_SIZE];
	struct gcm *gcm = NULL;
	associate(kind, id, associated);
	int result = keystore_unwrap(keystore, id, image, key);
	if (result == 0)
		result = gcm_new(&gcm, key);
	size_t plain = length - SEALED_OVERHEAD;
	if (result == 0)
		result = gcm_open(gcm, zero_nonce, associated, sizeof(associated), image + WRAPPED_KEY_SIZE, plain,
		                  image + WRAPPED_KEY_SIZE + plain, out);
	gcm_free(gcm);
	wipe(key, sizeof(key));
	return result;
}

int sealed_read(int folder, const char *name, struct keystore *keystore, enum sealed_kind kind,
                const uint8_t id[RECORDING_ID_SIZE], void *out, size_t capacity, size_t *ret_length) {
	uint8_t *image = malloc(capacity + SEALED_OVERHEAD);
	size_t length = 0;
	if (!image)
		return -ENOMEM;
	int result = file_read(folder, name, image, capacity + SEALED_OVERHEAD, &length);
	if (result == 0 && length < SEALED_OVERHEAD)
		result = -EBADMSG;
	if (result == 0)
		result = open_image(keystore, kind, id, image, length, out);
	free(image);
	if (result == 0)
		*ret_length = length - SEALED_OVERHEAD;
	return result;
}
