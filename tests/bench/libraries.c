#include "tests/bench/libraries.h"

#include <stdio.h>
#include <stdlib.h>

#include <mbedtls/gcm.h>
#include <mbedtls/sha256.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "base/bytes.h"
#include "tests/bench/compare.h"

struct libraries {
	struct {
		EVP_CIPHER_CTX *seal, *open;
		EVP_MD_CTX *hash;
	} openssl;
	struct {
		bool there;
		crypto_aead_aes256gcm_state aead;
		crypto_hash_sha256_state hash;
	} sodium;
	struct {
		mbedtls_gcm_context gcm;
		mbedtls_sha256_context hash;
	} mbedtls;
};

static void nonce_of(uint64_t number, uint8_t out[GCM_NONCE_SIZE]) {
	struct writer w = writer_over(out, GCM_NONCE_SIZE);
	writer_u32(&w, 0);
	writer_u64(&w, number);
}

/* --- OpenSSL ------------------------------------------------------------------------------------------------------------ */

static void openssl_seal(struct libraries *l, uint64_t number, const uint8_t *in, size_t length, uint8_t *out) {
	uint8_t nonce[GCM_NONCE_SIZE];
	int written;
	nonce_of(number, nonce);
	REQUIRE(EVP_EncryptInit_ex(l->openssl.seal, NULL, NULL, NULL, nonce) == 1);
	REQUIRE(EVP_EncryptUpdate(l->openssl.seal, out, &written, in, (int)length) == 1);
	REQUIRE(EVP_EncryptFinal_ex(l->openssl.seal, out + length, &written) == 1);
	REQUIRE(EVP_CIPHER_CTX_ctrl(l->openssl.seal, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_SIZE, out + length) == 1);
}

static void openssl_open(struct libraries *l, uint64_t number, const uint8_t *in, size_t length, uint8_t *out) {
	uint8_t nonce[GCM_NONCE_SIZE];
	int written;
	nonce_of(number, nonce);
	REQUIRE(EVP_DecryptInit_ex(l->openssl.open, NULL, NULL, NULL, nonce) == 1);
	REQUIRE(EVP_DecryptUpdate(l->openssl.open, out, &written, in, (int)length) == 1);
	REQUIRE(EVP_CIPHER_CTX_ctrl(l->openssl.open, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_SIZE, (void *)(uintptr_t)(in + length)) == 1);
	REQUIRE(EVP_DecryptFinal_ex(l->openssl.open, out + length, &written) == 1);
}

static void openssl_hash(struct libraries *l, const uint8_t *in, size_t length) {
	REQUIRE(EVP_DigestUpdate(l->openssl.hash, in, length) == 1);
}

const struct library library_openssl = { "OpenSSL", openssl_seal, openssl_open, openssl_hash };

/* --- libsodium ---------------------------------------------------------------------------------------------------------- */

static void sodium_seal(struct libraries *l, uint64_t number, const uint8_t *in, size_t length, uint8_t *out) {
	uint8_t nonce[GCM_NONCE_SIZE];
	nonce_of(number, nonce);
	REQUIRE(crypto_aead_aes256gcm_encrypt_detached_afternm(out, out + length, NULL, in, length, NULL, 0, NULL, nonce,
	                                                       &l->sodium.aead) == 0);
}

static void sodium_open(struct libraries *l, uint64_t number, const uint8_t *in, size_t length, uint8_t *out) {
	uint8_t nonce[GCM_NONCE_SIZE];
	nonce_of(number, nonce);
	REQUIRE(crypto_aead_aes256gcm_decrypt_detached_afternm(out, NULL, in, length, in + length, NULL, 0, nonce,
	                                                       &l->sodium.aead) == 0);
}

static void sodium_hash(struct libraries *l, const uint8_t *in, size_t length) {
	REQUIRE(crypto_hash_sha256_update(&l->sodium.hash, in, length) == 0);
}

static const struct library library_sodium = { "libsodium", sodium_seal, sodium_open, sodium_hash };

/* --- mbedTLS ------------------------------------------------------------------------------------------------------------ */

static void mbedtls_seal(struct libraries *l, uint64_t number, const uint8_t *in, size_t length, uint8_t *out) {
	uint8_t nonce[GCM_NONCE_SIZE];
	nonce_of(number, nonce);
	REQUIRE(mbedtls_gcm_crypt_and_tag(&l->mbedtls.gcm, MBEDTLS_GCM_ENCRYPT, length, nonce, sizeof(nonce), NULL, 0, in, out,
	                                  GCM_TAG_SIZE, out + length) == 0);
}

static void mbedtls_open(struct libraries *l, uint64_t number, const uint8_t *in, size_t length, uint8_t *out) {
	uint8_t nonce[GCM_NONCE_SIZE];
	nonce_of(number, nonce);
	REQUIRE(mbedtls_gcm_auth_decrypt(&l->mbedtls.gcm, length, nonce, sizeof(nonce), NULL, 0, in + length, GCM_TAG_SIZE, in,
	                                 out) == 0);
}

static void mbedtls_hash(struct libraries *l, const uint8_t *in, size_t length) {
	REQUIRE(mbedtls_sha256_update_ret(&l->mbedtls.hash, in, length) == 0);
}

static const struct library library_mbedtls = { "mbedTLS", mbedtls_seal, mbedtls_open, mbedtls_hash };

/* --- all of them -------------------------------------------------------------------------------------------------------- */

struct libraries *libraries_new(const uint8_t key[AES256_KEY_SIZE]) {
	struct libraries *l = calloc(1, sizeof(*l));
	REQUIRE(l);
	REQUIRE((l->openssl.seal = EVP_CIPHER_CTX_new()) && (l->openssl.open = EVP_CIPHER_CTX_new()));
	REQUIRE(EVP_EncryptInit_ex(l->openssl.seal, EVP_aes_256_gcm(), NULL, key, NULL) == 1);
	REQUIRE(EVP_DecryptInit_ex(l->openssl.open, EVP_aes_256_gcm(), NULL, key, NULL) == 1);
	REQUIRE((l->openssl.hash = EVP_MD_CTX_new()) && EVP_DigestInit_ex(l->openssl.hash, EVP_sha256(), NULL) == 1);
	l->sodium.there = crypto_aead_aes256gcm_is_available() == 1;
	if (l->sodium.there)
		REQUIRE(crypto_aead_aes256gcm_beforenm(&l->sodium.aead, key) == 0);
	else
		fputs("bench: libsodium has no AES-256-GCM for this processor (it wants AES-NI): left out\n", stderr);
	REQUIRE(crypto_hash_sha256_init(&l->sodium.hash) == 0);
	mbedtls_gcm_init(&l->mbedtls.gcm);
	REQUIRE(mbedtls_gcm_setkey(&l->mbedtls.gcm, MBEDTLS_CIPHER_ID_AES, key, 8 * AES256_KEY_SIZE) == 0);
	mbedtls_sha256_init(&l->mbedtls.hash);
	REQUIRE(mbedtls_sha256_starts_ret(&l->mbedtls.hash, 0) == 0);
	return l;
}

void libraries_free(struct libraries *l) {
	EVP_CIPHER_CTX_free(l->openssl.seal);
	EVP_CIPHER_CTX_free(l->openssl.open);
	EVP_MD_CTX_free(l->openssl.hash);
	mbedtls_gcm_free(&l->mbedtls.gcm);
	mbedtls_sha256_free(&l->mbedtls.hash);
	free(l);
}

#define LIBRARIES 3u
#define ROUNDS 101u

void libraries_compare(struct libraries *libraries, const char *name, size_t size, double budget, void (*ours)(void *context),
                       void (*theirs)(void *peer), void *context) {
	const struct library *there[LIBRARIES] = { &library_openssl, &library_mbedtls, &library_sodium };
	size_t count = libraries->sodium.there ? LIBRARIES : LIBRARIES - 1, fastest = 1;
	struct peer peers[LIBRARIES];
	struct contender contenders[1 + LIBRARIES] = { { "ours", ours, context } };
	for (size_t i = 0; i < count; i++) {
		peers[i] = (struct peer){ libraries, there[i], context };
		contenders[1 + i] = (struct contender){ there[i]->name, theirs, &peers[i] };
	}
	double seconds[1 + LIBRARIES];
	compare(CLOCK_WORKING, contenders, 1 + count, ROUNDS, seconds);
	for (size_t i = 2; i <= count; i++)
		if (seconds[i] < seconds[fastest])
			fastest = i;
	for (size_t i = 1; i <= count; i++)
		figure_print(&(struct figure){ name, "MB/s", (double)size / seconds[0] / 1e6, (double)size / seconds[i] / 1e6,
		                               contenders[i].name, i == fastest ? budget : 0, true });
}
