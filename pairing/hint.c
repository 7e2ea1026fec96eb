#include "pairing/hint.h"

#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "pairing/record.h"

void pairing_hint(const struct pairing_record *record, uint64_t epoch, uint8_t out[HINT_SIZE]) {
	static const char label[] = "lanyard hint v1";
	uint8_t input[sizeof(label) - 1 + 8], hash[SHA256_SIZE];
	struct writer w = writer_over(input, sizeof(input));
	writer_copy(&w, label, sizeof(label) - 1);
	writer_u64(&w, epoch);
	hmac_sha256(record->secret, KEY_SIZE, input, sizeof(input), hash);
	memcpy(out, hash, HINT_SIZE);
}
