#include "pairing/static_keys.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "crypto/crypto.h"

static const char magic[8] = { 'L', 'Y', 's', 't', 'a', 't', 'i', 'c' };
#define VERSION 1

void static_keys_make(struct static_keys *ret, const struct random_source *random) {
	random->fill(random->context, ret->secret, KEY_SIZE);
	x25519_public(ret->public, ret->secret);
}

void static_keys_encode(const struct static_keys *keys, uint8_t out[STATIC_KEYS_FILE_SIZE]) {
	struct writer w = writer_over(out, STATIC_KEYS_FILE_SIZE - SHA256_SIZE);
	writer_copy(&w, magic, sizeof(magic));
	writer_u32(&w, VERSION);
	writer_copy(&w, keys->secret, KEY_SIZE);
	sha256(out, writer_length(&w), out + writer_length(&w));
}

int static_keys_decode(const uint8_t *bytes, size_t length, struct static_keys *ret) {
	uint8_t hash[SHA256_SIZE], start[sizeof(magic)];
	struct static_keys keys;
	if (length != STATIC_KEYS_FILE_SIZE)
		return -EBADMSG;
	sha256(bytes, STATIC_KEYS_FILE_SIZE - SHA256_SIZE, hash);
	struct reader r = reader_over(bytes, STATIC_KEYS_FILE_SIZE - SHA256_SIZE);
	reader_copy(&r, start, sizeof(start));
	uint32_t version = reader_u32(&r);
	reader_copy(&r, keys.secret, KEY_SIZE);
	bool good = memcmp(hash, bytes + STATIC_KEYS_FILE_SIZE - SHA256_SIZE, SHA256_SIZE) == 0 && reader_done(&r) &&
	            memcmp(start, magic, sizeof(magic)) == 0 && version == VERSION;
	if (good) {
		x25519_public(keys.public, keys.secret);
		*ret = keys;
	}
	wipe(&keys, sizeof(keys));
	return good ? 0 : -EBADMSG;
}

static int store_new(const struct file_layer *layer, int folder, const char *name, const struct random_source *random,
                     struct static_keys *ret) {
	struct static_keys keys;
	uint8_t bytes[STATIC_KEYS_FILE_SIZE];
	static_keys_make(&keys, random);
	static_keys_encode(&keys, bytes);
	int result = file_replace(layer, folder, name, bytes, sizeof(bytes));
	if (result == 0)
		*ret = keys;
	wipe(bytes, sizeof(bytes));
	wipe(&keys, sizeof(keys));
	return result;
}

int static_keys_load(const struct file_layer *layer, int folder, const char *name, const struct random_source *random,
                     struct static_keys *ret) {
	uint8_t bytes[STATIC_KEYS_FILE_SIZE];
	size_t length = 0;
	int result = file_read(folder, name, bytes, sizeof(bytes), &length);
	if (result == -EFBIG)
		result = -EBADMSG;
	else if (result == 0)
		result = static_keys_decode(bytes, length, ret);
	wipe(bytes, sizeof(bytes));
	if (result == -ENOENT)
		return store_new(layer, folder, name, random, ret);
	if (result != -EBADMSG)
		return result;
	log_reason(LOG_LEVEL_ERROR, "pairing", REASON_RECORD_CORRUPT, "%s is damaged and is set aside", name);
	/* Storing new keys would overwrite a file that could not be moved away. */
	result = file_set_aside(layer, folder, name);
	if (result == 0)
		result = store_new(layer, folder, name, random, ret);
	return result < 0 ? result : -EBADMSG;
}

void static_keys_fingerprint(const uint8_t key[KEY_SIZE], char out[FINGERPRINT_SIZE]) {
	uint8_t hash[SHA256_SIZE];
	sha256(key, KEY_SIZE, hash);
	for (size_t group = 0; group < 8; group++) {
		hex_encode(out + 5 * group, hash + 2 * group, 2);
		out[5 * group + 4] = group < 7 ? '-' : '\0';
	}
}
