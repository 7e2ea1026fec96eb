/* SHA-256, HMAC, HKDF on mbedTLS. Its functions can only fail on misuse or, for HKDF, lengths that the caller fixes: asserted. */
#include "crypto/crypto.h"

#include <assert.h>
#include <errno.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/md.h>
#include <mbedtls/sha256.h>
#include <stdlib.h>

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

void hmac_sha256(const uint8_t *key, size_t key_length, const void *bytes, size_t length, uint8_t out[SHA256_SIZE]) {
	must_be_zero(mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), key, key_length, bytes, length, out));
}

void hkdf_sha256(const uint8_t *salt, size_t salt_length, const uint8_t *input, size_t input_length, const void *info,
                 size_t info_length, uint8_t *out, size_t out_length) {
	assert(out_length <= 255 * SHA256_SIZE);
	must_be_zero(mbedtls_hkdf(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), salt, salt_length, input, input_length, info,
	                          info_length, out, out_length));
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
