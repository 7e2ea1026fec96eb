/* The files of pairing/: a pairing record and static keys. First byte: 0 or 1 takes the rest as it is, 2 or 3 puts the right
 * checksum at its end, so that what is behind the checksum is reached too. What is accepted must come out the same when it is
 * written and read again. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "pairing/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good) {
	if (!good)
		abort();
}

static void fuzz_record(const uint8_t *bytes, size_t length) {
	struct pairing_record record, again, untouched;
	uint8_t image[PAIRING_RECORD_SIZE];
	memset(&record, 0xa5, sizeof(record));
	untouched = record;
	if (pairing_record_decode(bytes, length, &record) < 0) {
		must(memcmp(&record, &untouched, sizeof(record)) == 0);
		return;
	}
	must(strlen(record.peer_name) <= COMPANION_NAME_LIMIT && x25519_key_is_valid(record.peer_key));
	pairing_record_encode(&record, image);
	must(pairing_record_decode(image, sizeof(image), &again) == 0);
	must(memcmp(record.peer_key, again.peer_key, KEY_SIZE) == 0 && memcmp(record.secret, again.secret, KEY_SIZE) == 0 &&
	     record.paired_at_s == again.paired_at_s && strcmp(record.peer_name, again.peer_name) == 0);
}

static void fuzz_keys(const uint8_t *bytes, size_t length) {
	struct static_keys keys;
	uint8_t image[STATIC_KEYS_FILE_SIZE];
	if (static_keys_decode(bytes, length, &keys) < 0)
		return;
	static_keys_encode(&keys, image);
	must(length == sizeof(image) && memcmp(image, bytes, sizeof(image)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static bool started;
	if (!started)
		must(crypto_start() == 0);
	started = true;
	if (size < 1)
		return 0;
	size_t length = size - 1;
	uint8_t *bytes = malloc(length ? length : 1);
	must(bytes != NULL);
	memcpy(bytes, data + 1, length);
	if ((data[0] & 2) && length >= SHA256_SIZE)
		sha256(bytes, length - SHA256_SIZE, bytes + length - SHA256_SIZE);
	if (data[0] & 1)
		fuzz_keys(bytes, length);
	else
		fuzz_record(bytes, length);
	free(bytes);
	return 0;
}
