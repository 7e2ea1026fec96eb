/* A log of sightings that somebody hands in: read, checked and resolved. With the first byte odd the chain is made right first,
 * so that what is behind it is reached. */
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "slate/resolve.h"

#define INPUT_LIMIT 8192

/* Gives header and entries hashes that fit. */
static void mend(uint8_t *bytes, size_t length) {
	uint8_t chain[SHA256_SIZE];
	if (length < SLATE_HEADER_SIZE)
		return;
	memcpy(bytes, "LYslate1", 8);
	memcpy(bytes + 64, "CAM-1", 6);
	slate_chain_start(bytes, chain);
	for (size_t at = SLATE_HEADER_SIZE; at + SLATE_ENTRY_SIZE <= length; at += SLATE_ENTRY_SIZE) {
		sha256_two(chain, SHA256_SIZE, bytes + at, SLATE_BODY_SIZE, chain);
		memcpy(bytes + at + SLATE_BODY_SIZE, chain, SHA256_SIZE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static uint8_t bytes[INPUT_LIMIT];
	static char text[INPUT_LIMIT + 1];
	struct camera_key keys[2] = { { .serial = "CAM-1" }, { .serial = "CAM-2", .key = { 1 } } };
	struct resolve *resolve;
	struct slate_head head;
	struct slate_proof proof;
	if (size < 1 || size > INPUT_LIMIT || crypto_start() < 0)
		return 0;
	memcpy(bytes, data + 1, size - 1);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] & 1)
		mend(bytes, size - 1);
	if (slate_verify(bytes, size - 1, NULL, NULL, &proof) == 0 && proof.entries > size / SLATE_ENTRY_SIZE)
		__builtin_trap();
	/* Nobody without the key has signed it. */
	if (slate_head_parse(text, &head) == 0 && slate_head_is_signed(&head) &&
	    slate_verify(bytes, size - 1, NULL, &head, &proof) == 0 && proof.verdict == SLATE_SOUND)
		__builtin_trap();
	if (resolve_new(&resolve, keys, 2) == 0) {
		(void)resolve_add(resolve, bytes, size - 1);
		(void)resolve_add(resolve, bytes, size - 1);
		(void)resolve_run(resolve);
		resolve_free(resolve);
	}
	return 0;
}
