/* SHA-256 on mbedTLS, whose functions can only fail on misuse; HMAC on libsodium, and HKDF (RFC 5869) on that: mbedTLS's
 * allocate, and would have to fail in the middle of a handshake. */
#include "crypto/crypto.h"

#include <assert.h>
#include <errno.h>
#include <mbedtls/sha256.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

struct sha256_state {
	mbedtls_sha256_context context;
};

static void must_be_zero(int result) {
	if (result != 0)
		abort(); /* a hash that silently did not happen would be worse than a dead daemon */
}

void sha256(const void *bytes, size_t length, uint8_t out[SHA256_SIZE]) {
	must_be_zero(mbedtls_sha256_ret(bytes, length, out, 0));
}

int sha256_new(struct sha256_state **ret) {
	struct sha256_state *state = calloc(1, sizeof(*state));
	if (!state)
		return -ENOMEM;
	mbedtls_sha256_init(&state->context);
	must_be_zero(mbedtls_sha256_starts_ret(&state->context, 0));
	*ret = state;
	return 0;
}

void sha256_update(struct sha256_state *state, const void *bytes, size_t length) {
	must_be_zero(mbedtls_sha256_update_ret(&state->context, bytes, length));
}

void sha256_peek(const struct sha256_state *state, uint8_t out[SHA256_SIZE]) {
	mbedtls_sha256_context copy;
	mbedtls_sha256_init(&copy);
	mbedtls_sha256_clone(&copy, &state->context);
	must_be_zero(mbedtls_sha256_finish_ret(&copy, out));
	mbedtls_sha256_free(&copy);
}

void sha256_free(struct sha256_state *state) {
	if (!state)
		return;
	mbedtls_sha256_free(&state->context);
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

void sha256_two(const void *first, size_t first_length, const void *second, size_t second_length, uint8_t out[SHA256_SIZE]) {
	mbedtls_sha256_context context;
	mbedtls_sha256_init(&context);
	must_be_zero(mbedtls_sha256_starts_ret(&context, 0));
	must_be_zero(mbedtls_sha256_update_ret(&context, first, first_length));
	must_be_zero(mbedtls_sha256_update_ret(&context, second, second_length));
	must_be_zero(mbedtls_sha256_finish_ret(&context, out));
	mbedtls_sha256_free(&context);
}
