#include "pairing/record.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "crypto/crypto.h"

static const char magic[8] = { 'L', 'Y', 'p', 'a', 'i', 'r', 'n', 'g' };
#define VERSION 1

void pairing_record_encode(const struct pairing_record *record, uint8_t *out) {
	memset(out, 0, PAIRING_RECORD_SIZE);
	struct writer w = writer_over(out, PAIRING_RECORD_SIZE - SHA256_SIZE);
	writer_copy(&w, magic, sizeof(magic));
	writer_u32(&w, VERSION);
	writer_copy(&w, record->peer_key, KEY_SIZE);
	writer_copy(&w, record->secret, KEY_SIZE);
	writer_u64(&w, record->paired_at_s);
	size_t name_length = strnlen(record->peer_name, COMPANION_NAME_LIMIT);
	writer_u8(&w, (uint8_t)name_length);
	writer_copy(&w, record->peer_name, name_length); /* the rest stays zero */
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

int pairing_record_load(const struct file_layer *layer, int folder, const char *name, struct pairing_record *ret) {
	uint8_t bytes[PAIRING_RECORD_SIZE];
	size_t length = 0;
	int result = file_read(folder, name, bytes, sizeof(bytes), &length);
	if (result == -EFBIG)
		result = -EBADMSG;
	else if (result == 0)
		result = pairing_record_decode(bytes, length, ret);
	wipe(bytes, sizeof(bytes));
	if (result != -EBADMSG)
		return result;
	log_reason(LOG_LEVEL_ERROR, "pairing", REASON_RECORD_CORRUPT, "%s is damaged and is set aside", name);
	int aside = file_set_aside(layer, folder, name);
	if (aside < 0)
		log_line(LOG_LEVEL_ERROR, "pairing", "%s could not be set aside: %s", name, strerror(-aside));
	return -EBADMSG;
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
