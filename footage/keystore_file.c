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
	uint8_t key[AES256_KEY_SIZE], id[STORAGE_KEY_ID_SIZE];
};

static const char id_context[] = "lanyard storage key id v1";

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
	struct writer w = writer_over(out, WRAPPED_KEY_SIZE);
	if (!k->random)
		return -EROFS;
	writer_copy(&w, k->id, STORAGE_KEY_ID_SIZE);
	uint8_t *nonce = writer_reserve(&w, GCM_NONCE_SIZE), *sealed = writer_reserve(&w, AES256_KEY_SIZE);
	k->random->fill(k->random->context, nonce, GCM_NONCE_SIZE);
	return seal_with(k, id, nonce, key, sealed, writer_reserve(&w, GCM_TAG_SIZE));
}

static int file_unwrap(struct keystore *keystore, const uint8_t id[RECORDING_ID_SIZE], const uint8_t wrapped[WRAPPED_KEY_SIZE],
                       uint8_t key[AES256_KEY_SIZE]) {
	struct keystore_file *k = (struct keystore_file *)keystore;
	struct reader r = reader_over(wrapped, WRAPPED_KEY_SIZE);
	struct gcm *gcm;
	if (memcmp(reader_take(&r, STORAGE_KEY_ID_SIZE), k->id, STORAGE_KEY_ID_SIZE) != 0)
		return -EKEYREJECTED;
	int result = gcm_new(&gcm, k->key);
	if (result < 0)
		return result;
	const uint8_t *nonce = reader_take(&r, GCM_NONCE_SIZE), *sealed = reader_take(&r, AES256_KEY_SIZE);
	result = gcm_open(gcm, nonce, id, RECORDING_ID_SIZE, sealed, AES256_KEY_SIZE, reader_take(&r, GCM_TAG_SIZE), key);
	gcm_free(gcm);
	return result;
}

static void file_free(struct keystore *keystore) {
	sodium_free(keystore); /* guarded and locked memory, wiped */
}

static const struct keystore_operations operations = { .wrap = file_wrap, .unwrap = file_unwrap, .free = file_free };

/* Reads and checks the file. 0, -ENOENT, -EBADMSG or another negative errno. */
static int read_key(struct keystore_file *k, int folder, const char *name) {
	uint8_t bytes[FILE_SIZE], hash[SHA256_SIZE];
	size_t length = 0;
	int result = file_read(folder, name, bytes, sizeof(bytes), &length);
	if (result == -EFBIG || (result == 0 && length != sizeof(bytes)))
		result = -EBADMSG;
	if (result == 0) {
		sha256(bytes, AES256_KEY_SIZE, hash);
		if (!bytes_equal_secret(hash, bytes + AES256_KEY_SIZE, SHA256_SIZE))
			result = -EBADMSG;
	}
	if (result == 0)
		memcpy(k->key, bytes, AES256_KEY_SIZE);
	wipe(bytes, sizeof(bytes));
	return result;
}

static int make_key(struct keystore_file *k, const struct file_layer *layer, int folder, const char *name) {
	uint8_t bytes[FILE_SIZE];
	k->random->fill(k->random->context, bytes, AES256_KEY_SIZE);
	sha256(bytes, AES256_KEY_SIZE, bytes + AES256_KEY_SIZE);
	int result = file_replace(layer, folder, name, bytes, sizeof(bytes));
	if (result == 0)
		memcpy(k->key, bytes, AES256_KEY_SIZE);
	wipe(bytes, sizeof(bytes));
	return result;
}

static int load_key(struct keystore_file *k, const struct file_layer *layer, int folder, const char *name) {
	int result = read_key(k, folder, name);
	if (result == -EBADMSG) {
		log_line(LOG_LEVEL_ERROR, AREA,
		         "%s is damaged: it is set aside, and a new one made; recordings made with the old one "
		         "cannot be read without it",
		         name);
		/* A key file that cannot be set aside must not be overwritten: part of it may still be saved. */
		result = file_set_aside(layer, folder, name);
		if (result == 0)
			result = -ENOENT;
	}
	return result == -ENOENT ? make_key(k, layer, folder, name) : result;
}

static int open_with(struct keystore **ret, const struct file_layer *layer, int folder, const char *name,
                     const struct random_source *random) {
	struct keystore_file *k = sodium_malloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	*k = (struct keystore_file){ .base.operations = &operations, .random = random };
	int result = random ? load_key(k, layer, folder, name) : read_key(k, folder, name);
	if (result < 0) {
		sodium_free(k);
		return result;
	}
	uint8_t id[SHA256_SIZE];
	sha256_two(id_context, sizeof(id_context) - 1, k->key, sizeof(k->key), id);
	memcpy(k->id, id, sizeof(k->id));
	*ret = &k->base;
	return 0;
}

int keystore_open_file(struct keystore **ret, const struct file_layer *layer, int folder, const char *name,
                       const struct random_source *random) {
	return open_with(ret, layer, folder, name, random);
}

int keystore_open_file_to_read(struct keystore **ret, int folder, const char *name) {
	return open_with(ret, NULL, folder, name, NULL);
}
