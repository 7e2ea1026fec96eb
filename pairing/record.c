#include "pairing/record.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "crypto/crypto.h"

#define AREA "pairing"

static const char magic[8] = "LYpairng";
#define VERSION 1

void pairing_record_encode(const struct pairing_record *record, uint8_t *out) {
	memset(out, 0, PAIRING_RECORD_SIZE);
	struct writer w = writer_over(out, PAIRING_RECORD_SIZE - SHA256_SIZE);
	writer_copy(&w, magic, sizeof(magic));
	writer_u32(&w, VERSION);
	writer_copy(&w, record->peer_key, KEY_SIZE);
	writer_copy(&w, record->secret, KEY_SIZE);
	writer_u64(&w, record->paired_at_s);
	writer_u8(&w, (uint8_t)strnlen(record->peer_name, COMPANION_NAME_LIMIT));
	writer_copy(&w, record->peer_name, COMPANION_NAME_LIMIT);
	sha256(out, PAIRING_RECORD_SIZE - SHA256_SIZE, out + PAIRING_RECORD_SIZE - SHA256_SIZE);
}

int pairing_record_decode(const uint8_t *bytes, size_t length, struct pairing_record *ret) {
	uint8_t hash[SHA256_SIZE], start[sizeof(magic)];
	if (length != PAIRING_RECORD_SIZE)
		return -EBADMSG;
	sha256(bytes, PAIRING_RECORD_SIZE - SHA256_SIZE, hash);
	if (memcmp(hash, bytes + PAIRING_RECORD_SIZE - SHA256_SIZE, SHA256_SIZE) != 0)
		return -EBADMSG;
	struct pairing_record record = { 0 };
	struct reader r = reader_over(bytes, PAIRING_RECORD_SIZE - SHA256_SIZE);
	reader_copy(&r, start, sizeof(start));
	uint32_t version = reader_u32(&r);
	reader_copy(&r, record.peer_key, KEY_SIZE);
	reader_copy(&r, record.secret, KEY_SIZE);
	record.paired_at_s = reader_u64(&r);
	size_t name_length = reader_u8(&r);
	reader_copy(&r, record.peer_name, COMPANION_NAME_LIMIT);
	bool good = !r.failed && memcmp(start, magic, sizeof(magic)) == 0 && version == VERSION &&
	            name_length <= COMPANION_NAME_LIMIT && x25519_key_is_valid(record.peer_key);
	if (good) {
		record.peer_name[name_length] = '\0';
		*ret = record;
	}
	wipe(&record, sizeof(record));
	return good ? 0 : -EBADMSG;
}

/* Reads a file of a fixed size; one that is damaged is set aside under a name that the log tells. */
static int load(const struct file_layer *layer, int folder, const char *name, uint8_t *bytes, size_t size) {
	size_t length;
	int result = file_read(folder, name, bytes, size, &length);
	if (result == 0 && length == size)
		return 0;
	if (result == 0 || result == -EFBIG) {
		log_reason(LOG_LEVEL_ERROR, AREA, REASON_RECORD_CORRUPT, "%s has the wrong size and is set aside", name);
		file_set_aside(layer, folder, name);
		return -EBADMSG;
	}
	return result;
}

int pairing_record_load(const struct file_layer *layer, int folder, const char *name, struct pairing_record *ret) {
	uint8_t bytes[PAIRING_RECORD_SIZE];
	int result = load(layer, folder, name, bytes, sizeof(bytes));
	if (result == 0) {
		result = pairing_record_decode(bytes, sizeof(bytes), ret);
		if (result < 0) {
			log_reason(LOG_LEVEL_ERROR, AREA, REASON_RECORD_CORRUPT, "%s is damaged and is set aside", name);
			file_set_aside(layer, folder, name);
		}
	}
	wipe(bytes, sizeof(bytes));
	return result;
}

int pairing_record_store(const struct file_layer *layer, int folder, const char *name, const struct pairing_record *record) {
	uint8_t bytes[PAIRING_RECORD_SIZE];
	pairing_record_encode(record, bytes);
	int result = file_replace(layer, folder, name, bytes, sizeof(bytes));
	wipe(bytes, sizeof(bytes));
	return result;
}

int pairing_record_remove(const struct file_layer *layer, int folder, const char *name) {
	int result = layer->remove(layer->context, folder, name);
	if (result == -ENOENT)
		return 0;
	return result < 0 ? result : layer->sync(layer->context, folder);
}

void static_keys_make(struct static_keys *ret, const struct random_source *random) {
	random->fill(random->context, ret->secret, KEY_SIZE);
	x25519_public(ret->public, ret->secret);
}

int static_keys_load(const struct file_layer *layer, int folder, const char *name, const struct random_source *random,
                     struct static_keys *ret) {
	struct static_keys keys;
	int loaded = load(layer, folder, name, keys.secret, KEY_SIZE), result = loaded;
	if (loaded == 0) {
		x25519_public(keys.public, keys.secret);
	} else if (loaded == -ENOENT || loaded == -EBADMSG) {
		static_keys_make(&keys, random);
		int stored = file_replace(layer, folder, name, keys.secret, KEY_SIZE);
		result = stored < 0 ? stored : loaded == -ENOENT ? 0 : -EBADMSG;
		loaded = stored;
	}
	if (loaded == 0)
		*ret = keys;
	wipe(&keys, sizeof(keys));
	return result;
}

void static_keys_fingerprint(const uint8_t key[KEY_SIZE], char out[40]) {
	uint8_t hash[SHA256_SIZE];
	sha256(key, KEY_SIZE, hash);
	for (size_t group = 0; group < 8; group++) {
		hex_encode(out + 5 * group, hash + 2 * group, 2);
		out[5 * group + 4] = group < 7 ? '-' : '\0';
	}
}

void pairing_hint(const struct pairing_record *record, uint64_t epoch, uint8_t out[HINT_SIZE]) {
	static const char label[] = "lanyard hint v1";
	uint8_t input[sizeof(label) - 1 + 8], hash[SHA256_SIZE];
	struct writer w = writer_over(input, sizeof(input));
	writer_copy(&w, label, sizeof(label) - 1);
	writer_u64(&w, epoch);
	hmac_sha256(record->secret, KEY_SIZE, input, sizeof(input), hash);
	memcpy(out, hash, HINT_SIZE);
}
