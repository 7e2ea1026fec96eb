#include <stdlib.h>
#include <string.h>

#include <mbedtls/gcm.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "pairing/noise.h"
#include "tests/bench/compare.h"
#include "tests/bench/native.h"

#define LARGEST (1024u * 1024)

struct bulk {
	uint8_t key[AES256_KEY_SIZE], nonce[GCM_NONCE_SIZE], tag[GCM_TAG_SIZE], associated[2];
	uint8_t *in, *out;
	size_t size;
	struct gcm *ours;
	EVP_CIPHER_CTX *openssl;
	crypto_aead_aes256gcm_state sodium;
	mbedtls_gcm_context mbedtls;
	struct noise_cipher seal, open;
};

static void ours(void *context) {
	struct bulk *bulk = context;
	bulk->nonce[0]++;
	REQUIRE(gcm_seal(bulk->ours, bulk->nonce, bulk->associated, sizeof(bulk->associated), bulk->in, bulk->size, bulk->out,
	                 bulk->tag) == 0);
}

static void openssl(void *context) {
	struct bulk *bulk = context;
	int length;
	bulk->nonce[0]++;
	REQUIRE(EVP_EncryptInit_ex(bulk->openssl, NULL, NULL, NULL, bulk->nonce) == 1);
	REQUIRE(EVP_EncryptUpdate(bulk->openssl, NULL, &length, bulk->associated, sizeof(bulk->associated)) == 1);
	REQUIRE(EVP_EncryptUpdate(bulk->openssl, bulk->out, &length, bulk->in, (int)bulk->size) == 1);
	REQUIRE(EVP_EncryptFinal_ex(bulk->openssl, bulk->out + length, &length) == 1);
	REQUIRE(EVP_CIPHER_CTX_ctrl(bulk->openssl, EVP_CTRL_AEAD_GET_TAG, sizeof(bulk->tag), bulk->tag) == 1);
}

static void libsodium(void *context) {
	struct bulk *bulk = context;
	bulk->nonce[0]++;
	REQUIRE(crypto_aead_aes256gcm_encrypt_detached_afternm(bulk->out, bulk->tag, NULL, bulk->in, bulk->size, bulk->associated,
	                                                       sizeof(bulk->associated), NULL, bulk->nonce, &bulk->sodium) == 0);
}

static void mbedtls(void *context) {
	struct bulk *bulk = context;
	bulk->nonce[0]++;
	REQUIRE(mbedtls_gcm_crypt_and_tag(&bulk->mbedtls, MBEDTLS_GCM_ENCRYPT, bulk->size, bulk->nonce, sizeof(bulk->nonce),
	                                  bulk->associated, sizeof(bulk->associated), bulk->in, bulk->out, sizeof(bulk->tag),
	                                  bulk->tag) == 0);
}

static void records(void *context) {
	struct bulk *bulk = context;
	REQUIRE(noise_seal(&bulk->seal, NULL, 0, bulk->in, bulk->size, bulk->out) == 0);
	REQUIRE(noise_open(&bulk->open, NULL, 0, bulk->out, bulk->size + NOISE_TAG_SIZE, bulk->out) == 0);
}

/* What a session's records cost at least: sealing and opening the same bytes with the fastest library. */
static void seal_and_open(void *context) {
	struct bulk *bulk = context;
	int length;
	openssl(context);
	REQUIRE(EVP_DecryptInit_ex(bulk->openssl, NULL, NULL, NULL, bulk->nonce) == 1);
	REQUIRE(EVP_DecryptUpdate(bulk->openssl, NULL, &length, bulk->associated, sizeof(bulk->associated)) == 1);
	REQUIRE(EVP_DecryptUpdate(bulk->openssl, bulk->out, &length, bulk->out, (int)bulk->size) == 1);
	REQUIRE(EVP_CIPHER_CTX_ctrl(bulk->openssl, EVP_CTRL_AEAD_SET_TAG, sizeof(bulk->tag), bulk->tag) == 1);
	REQUIRE(EVP_DecryptFinal_ex(bulk->openssl, bulk->out + length, &length) == 1);
	REQUIRE(EVP_EncryptInit_ex(bulk->openssl, NULL, NULL, NULL, NULL) == 1); /* back to sealing */
}

static void bench_size(struct bulk *bulk, size_t size, const char *name) {
	static const char *const names[] = { "ours", "OpenSSL", "libsodium", "mbedTLS" };
	struct contender contenders[] = {
		{ names[0], ours, bulk }, { names[1], openssl, bulk }, { names[2], libsodium, bulk }, { names[3], mbedtls, bulk }
	};
	double seconds[4];
	bulk->size = size;
	compare(contenders, 4, 31, seconds);
	for (size_t i = 1; i < 4; i++) {
		bool best = true;
		for (size_t j = 1; j < 4; j++)
			best = best && seconds[i] <= seconds[j];
		double budget = best && size > 4096
		                        ? 0.95
		                        : 0; /* of the best where the bytes are many; the rest is told for comparison */
		figure_print(&(struct figure){ name, "MB/s", (double)size / seconds[0] / 1e6, (double)size / seconds[i] / 1e6,
		                               names[i], budget, true });
	}
}

void bench_bulk(void) {
	static struct bulk bulk;
	random_system()->fill(random_system()->context, bulk.key, sizeof(bulk.key));
	bulk.in = calloc(1, LARGEST);
	bulk.out = calloc(1, LARGEST + NOISE_TAG_SIZE);
	bulk.openssl = EVP_CIPHER_CTX_new();
	REQUIRE(bulk.in && bulk.out && bulk.openssl);
	REQUIRE(gcm_new(&bulk.ours, bulk.key) == 0 && gcm_new(&bulk.seal.gcm, bulk.key) == 0 &&
	        gcm_new(&bulk.open.gcm, bulk.key) == 0);
	REQUIRE(EVP_EncryptInit_ex(bulk.openssl, EVP_aes_256_gcm(), NULL, bulk.key, NULL) == 1);
	REQUIRE(crypto_aead_aes256gcm_is_available() && crypto_aead_aes256gcm_beforenm(&bulk.sodium, bulk.key) == 0);
	mbedtls_gcm_init(&bulk.mbedtls);
	REQUIRE(mbedtls_gcm_setkey(&bulk.mbedtls, MBEDTLS_CIPHER_ID_AES, bulk.key, 256) == 0);

	bench_size(&bulk, 200, "AES-256-GCM, 200 B");
	bench_size(&bulk, 16384, "AES-256-GCM, 16 KiB");
	bench_size(&bulk, LARGEST, "AES-256-GCM, 1 MiB");

	static const struct {
		size_t size;
		const char *name;
	} kinds[] = { { 200, "record sealed and opened, 200 B" },
		      { RECORD_LIMIT_BLUETOOTH - RECORD_TAG_SIZE, "record sealed and opened, 4 KiB" },
		      { RECORD_LIMIT_MEDIA - RECORD_TAG_SIZE, "record sealed and opened, 64 KiB" } };
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		double seconds[2];
		bulk.size = kinds[i].size;
		compare((const struct contender[]){ { "ours", records, &bulk }, { "OpenSSL", seal_and_open, &bulk } }, 2, 31,
		        seconds);
		figure_print(&(struct figure){ kinds[i].name, "MB/s", (double)bulk.size / seconds[0] / 1e6,
		                               (double)bulk.size / seconds[1] / 1e6, "OpenSSL, the same bytes", i == 0 ? 0 : 0.95,
		                               true });
	}
	gcm_free(bulk.ours);
	noise_cipher_free(&bulk.seal);
	noise_cipher_free(&bulk.open);
	mbedtls_gcm_free(&bulk.mbedtls);
	EVP_CIPHER_CTX_free(bulk.openssl);
	free(bulk.in);
	free(bulk.out);
}
