#include "footage/keystore.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"

#define AREA "keystore"
#define FILE_SIZE (AES256_KEY_SIZE + SHA256_SIZE) /* the key and, against damage, its hash */

struct keystore_file {
	struct keystore base;
	const struct random_source *random;
	uint8_t key[AES256_KEY_SIZE];
};

static int seal_with(struct keystore_file *k, const uint8_t *id, const uint8_t *nonce, const uint8_t *in, uint8_t *out,
                     uint8_t *tag) {
	struct gcm *gcm;
	int result = gcm_new(&gcm, k->key);
	if (result < 0)
		return result;
	result = gcm_seal(gcm, nonce, id, RECORDING_ID_SIZE, in, AES256_KEY_SIZE, out, tag);
	gcm_free(gcm);
	return result;
}

static int file_wrap(struct keystore *keystore, const uint8_t id[RECORDING_ID_SIZE], const uint8_t key[AES256_KEY_SIZE],
                     uint8_t out[WRAPPED_KEY_SIZE]) {
	struct keystore_file *k = (struct keystore_file *)keystore;
	k->random->fill(k->random->context, out, GCM_NONCE_SIZE);
	return seal_with(k, id, out, key, out + GCM_NONCE_SIZE, out + GCM_NONCE_SIZE + AES256_KEY_SIZE);
}

static int file_unwrap(struct keystore *keystore, const uint8_t id[RECORDING_ID_SIZE], const uint8_t wrapped[WRAPPED_KEY_SIZE],
                       uint8_t key[AES256_KEY_SIZE]) {
	struct keystore_file *k = (struct keystore_file *)keystore;
	struct gcm *gcm;
	int result = gcm_new(&gcm, k->key);
	if (result < 0)
		return result;
	result = gcm_open(gcm, wrapped, id, RECORDING_ID_SIZE, wrapped + GCM_NONCE_SIZE, AES256_KEY_SIZE,
	                  wrapped + GCM_NONCE_SIZE + AES256_KEY_SIZE, key);
	gcm_free(gcm);
	return result;
}

static void file_free(struct keystore *keystore) {
	sodium_free(keystore); /* guarded and locked memory, wiped */
}

static const struct keystore_operations operations = { .wrap = file_wrap, .unwrap = file_unwrap, .free = file_free };

static int load_key(struct keystore_file *k, const struct file_layer *layer, int folder, const char *name) {
	uint8_t bytes[FILE_SIZE], hash[SHA256_SIZE];
	size_t length = 0;
	int result = file_read(folder, name, bytes, sizeof(bytes), &length);
	if (result == -ENOENT) {
		k->random->fill(k->random->context, bytes, AES256_KEY_SIZE);
		sha256(bytes, AES256_KEY_SIZE, bytes + AES256_KEY_SIZE);
		result = file_replace(layer, folder, name, bytes, sizeof(bytes));
		length = sizeof(bytes);
	}
	if (result == 0 || result == -EFBIG) {
		sha256(bytes, AES256_KEY_SIZE, hash);
		if (result < 0 || length != sizeof(bytes) || memcmp(hash, bytes + AES256_KEY_SIZE, SHA256_SIZE) != 0) {
			log_line(LOG_LEVEL_ERROR, AREA, "%s is damaged and was set aside: recordings made with it cannot be read",
			         name);
			file_set_aside(layer, folder, name);
			result = -EBADMSG;
		}
	}
	if (result == 0)
		memcpy(k->key, bytes, AES256_KEY_SIZE);
	wipe(bytes, sizeof(bytes));
	return result;
}

int keystore_open_file(struct keystore **ret, const struct file_layer *layer, int folder, const char *name,
                       const struct random_source *random) {
	struct keystore_file *k = sodium_malloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	*k = (struct keystore_file){ .base.operations = &operations, .random = random };
	int result = load_key(k, layer, folder, name);
	if (result < 0) {
		sodium_free(k);
		return result;
	}
	*ret = &k->base;
	return 0;
}
