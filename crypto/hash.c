/* SHA-256 on libcrypto, which uses the processor's own instructions for it: four times as fast as mbedTLS on x86. By its older
 * functions, deprecated and still there, because the newer ones allocate and would have to fail in the middle of a handshake.
 * HMAC on libsodium for the same reason, and HKDF (RFC 5869) on that. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <assert.h>
#include <errno.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"

struct sha256_state {
	SHA256_CTX context;
};

/* These cannot fail. */
static void start(SHA256_CTX *context) {
	(void)SHA256_Init(context);
}

static void add(SHA256_CTX *context, const void *bytes, size_t length) {
	(void)SHA256_Update(context, bytes, length);
}

static void finish(SHA256_CTX *context, uint8_t out[SHA256_SIZE]) {
	(void)SHA256_Final(out, context);
	wipe(context, sizeof(*context));
}

void sha256(const void *bytes, size_t length, uint8_t out[SHA256_SIZE]) {
	SHA256_CTX context;
	start(&context);
	add(&context, bytes, length);
	finish(&context, out);
}

void sha256_two(const void *first, size_t first_length, const void *second, size_t second_length, uint8_t out[SHA256_SIZE]) {
	SHA256_CTX context;
	start(&context);
	add(&context, first, first_length);
	add(&context, second, second_length);
	finish(&context, out);
}

int sha256_new(struct sha256_state **ret) {
	struct sha256_state *state = calloc(1, sizeof(*state));
	if (!state)
		return -ENOMEM;
	start(&state->context);
	*ret = state;
	return 0;
}

void sha256_update(struct sha256_state *state, const void *bytes, size_t length) {
	add(&state->context, bytes, length);
}

void sha256_peek(const struct sha256_state *state, uint8_t out[SHA256_SIZE]) {
	SHA256_CTX copy = state->context;
	finish(&copy, out);
}

void sha256_free(struct sha256_state *state) {
	if (!state)
		return;
	wipe(&state->context, sizeof(state->context));
	free(state);
}

/* These cannot fail: an empty string has no address that would matter. */
static void hmac_start(crypto_auth_hmacsha256_state *state, const uint8_t *key, size_t key_length) {
	static const uint8_t nothing[1];
	crypto_auth_hmacsha256_init(state, key_length > 0 ? key : nothing, key_length);
}

static void hmac_add(crypto_auth_hmacsha256_state *state, const void *bytes, size_t length) {
	if (length > 0)
		crypto_auth_hmacsha256_update(state, bytes, length);
}

void hmac_sha256(const uint8_t *key, size_t key_length, const void *bytes, size_t length, uint8_t out[SHA256_SIZE]) {
	crypto_auth_hmacsha256_state state;
	hmac_start(&state, key, key_length);
	hmac_add(&state, bytes, length);
	crypto_auth_hmacsha256_final(&state, out);
	wipe(&state, sizeof(state));
}

void hkdf_sha256(const uint8_t *salt, size_t salt_length, const uint8_t *input, size_t input_length, const void *info,
                 size_t info_length, uint8_t *out, size_t out_length) {
	uint8_t key[SHA256_SIZE], block[SHA256_SIZE];
	assert(out_length <= 255 * SHA256_SIZE);
	hmac_sha256(salt, salt_length, input, input_length, key);
	for (uint8_t number = 1; out_length > 0; number++) {
		crypto_auth_hmacsha256_state state;
		size_t take = out_length < sizeof(block) ? out_length : sizeof(block);
		hmac_start(&state, key, sizeof(key));
		if (number > 1)
			hmac_add(&state, block, sizeof(block));
		hmac_add(&state, info, info_length);
		hmac_add(&state, &number, 1);
		crypto_auth_hmacsha256_final(&state, block);
		wipe(&state, sizeof(state));
		memcpy(out, block, take);
		out += take;
		out_length -= take;
	}
	wipe(key, sizeof(key));
	wipe(block, sizeof(block));
}
