#include "pairing/code.h"

#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"

void code_commitment(const uint8_t nonce[NONCE_SIZE], uint8_t out[COMMITMENT_SIZE]) {
	sha256(nonce, NONCE_SIZE, out);
}

bool code_commitment_holds(const uint8_t nonce[NONCE_SIZE], const uint8_t commitment[COMMITMENT_SIZE]) {
	uint8_t expected[COMMITMENT_SIZE];
	code_commitment(nonce, expected);
	return bytes_equal_secret(expected, commitment, COMMITMENT_SIZE);
}

uint32_t code_value(const uint8_t hash[NOISE_HASH_SIZE], const uint8_t nonce[NONCE_SIZE]) {
	static const char label[] = "lanyard sas v1";
	uint8_t input[sizeof(label) - 1 + NOISE_HASH_SIZE + NONCE_SIZE], digest[SHA256_SIZE];
	struct writer w = writer_over(input, sizeof(input));
	writer_copy(&w, label, sizeof(label) - 1);
	writer_copy(&w, hash, NOISE_HASH_SIZE);
	writer_copy(&w, nonce, NONCE_SIZE);
	sha256(input, sizeof(input), digest);
	/* 64 bits before the remainder, so that every code is equally likely. */
	struct reader r = reader_over(digest, sizeof(digest));
	return (uint32_t)(reader_u64(&r) % CODE_VALUES);
}

void pairing_secret(const uint8_t hash[NOISE_HASH_SIZE], const uint8_t camera[CONTRIBUTION_SIZE],
                    const uint8_t companion[CONTRIBUTION_SIZE], uint8_t out[KEY_SIZE]) {
	static const char label[] = "lanyard pairing v1";
	uint8_t input[2 * CONTRIBUTION_SIZE];
	memcpy(input, camera, CONTRIBUTION_SIZE);
	memcpy(input + CONTRIBUTION_SIZE, companion, CONTRIBUTION_SIZE);
	hkdf_sha256(hash, NOISE_HASH_SIZE, input, sizeof(input), label, sizeof(label) - 1, out, KEY_SIZE);
	wipe(input, sizeof(input));
}
