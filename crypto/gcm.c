/* AES-256-GCM on libcrypto: uses the AES and carry-less multiplication instructions of x86 and ARM. NIST SP 800-38D.
 *
 * The cipher is asked of the provider itself (provider(7), provider-cipher(7)) and not through EVP: EVP_CIPHER_fetch makes an
 * object of each of the provider's hundred ciphers, 190 kB of a camera's memory, and its layer costs more than sealing a short
 * message does. */
#include <errno.h>
#include <limits.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "crypto/start.h"

/* GCM only ever encrypts with its block cipher, so one key schedule serves both directions. */
struct gcm {
	void *context; /* the provider's */
};

/* The provider's functions, found once per process by gcm_start. */
static struct {
	void *provider;
	OSSL_FUNC_cipher_newctx_fn *new_context;
	OSSL_FUNC_cipher_freectx_fn *free_context;
	OSSL_FUNC_cipher_encrypt_init_fn *encrypt_init;
	OSSL_FUNC_cipher_decrypt_init_fn *decrypt_init;
	OSSL_FUNC_cipher_update_fn *update;
	OSSL_FUNC_cipher_final_fn *final;
	OSSL_FUNC_cipher_get_ctx_params_fn *get_params;
	OSSL_FUNC_cipher_set_ctx_params_fn *set_params;
} cipher;

static const OSSL_DISPATCH *find_cipher(OSSL_PROVIDER *provider, const char *name) {
	int uncached;
	const OSSL_ALGORITHM *algorithm = OSSL_PROVIDER_query_operation(provider, OSSL_OP_CIPHER, &uncached);
	size_t length = strlen(name);
	/* Names are separated by colons, the usual one is first. */
	for (; algorithm && algorithm->algorithm_names; algorithm++)
		if (strncmp(algorithm->algorithm_names, name, length) == 0 && strchr(":", algorithm->algorithm_names[length]))
			return algorithm->implementation;
	return NULL;
}

int gcm_start(void) {
	if (cipher.provider)
		return 0;
	OSSL_PROVIDER *provider = OSSL_PROVIDER_load(NULL, "default"); /* for the life of the process */
	if (!provider)
		return -EIO;
	const OSSL_DISPATCH *entry = find_cipher(provider, "AES-256-GCM");
	for (; entry && entry->function_id; entry++)
		switch (entry->function_id) {
		case OSSL_FUNC_CIPHER_NEWCTX:
			cipher.new_context = OSSL_FUNC_cipher_newctx(entry);
			break;
		case OSSL_FUNC_CIPHER_FREECTX:
			cipher.free_context = OSSL_FUNC_cipher_freectx(entry);
			break;
		case OSSL_FUNC_CIPHER_ENCRYPT_INIT:
			cipher.encrypt_init = OSSL_FUNC_cipher_encrypt_init(entry);
			break;
		case OSSL_FUNC_CIPHER_DECRYPT_INIT:
			cipher.decrypt_init = OSSL_FUNC_cipher_decrypt_init(entry);
			break;
		case OSSL_FUNC_CIPHER_UPDATE:
			cipher.update = OSSL_FUNC_cipher_update(entry);
			break;
		case OSSL_FUNC_CIPHER_FINAL:
			cipher.final = OSSL_FUNC_cipher_final(entry);
			break;
		case OSSL_FUNC_CIPHER_GET_CTX_PARAMS:
			cipher.get_params = OSSL_FUNC_cipher_get_ctx_params(entry);
			break;
		case OSSL_FUNC_CIPHER_SET_CTX_PARAMS:
			cipher.set_params = OSSL_FUNC_cipher_set_ctx_params(entry);
			break;
		default: /* of libcrypto, which has more of them than we need */
			break;
		}
	if (!cipher.new_context || !cipher.free_context || !cipher.encrypt_init || !cipher.decrypt_init || !cipher.update ||
	    !cipher.final || !cipher.get_params || !cipher.set_params) {
		OSSL_PROVIDER_unload(provider);
		return -EIO;
	}
	cipher.provider = OSSL_PROVIDER_get0_provider_ctx(provider);
	return 0;
}

int gcm_new(struct gcm **ret, const uint8_t key[AES256_KEY_SIZE]) {
	struct gcm *gcm = calloc(1, sizeof(*gcm));
	if (!gcm)
		return -ENOMEM;
	if (gcm_start() == 0)
		gcm->context = cipher.new_context(cipher.provider);
	if (!gcm->context || cipher.encrypt_init(gcm->context, key, AES256_KEY_SIZE, NULL, 0, NULL) != 1) {
		gcm_free(gcm);
		return -ENOMEM;
	}
	*ret = gcm;
	return 0;
}

void gcm_free(struct gcm *gcm) {
	if (!gcm)
		return;
	if (gcm->context)
		cipher.free_context(gcm->context); /* cleanses the key schedule */
	free(gcm);
}

/* out NULL: associated data. */
static bool update(struct gcm *gcm, uint8_t *out, const uint8_t *in, size_t length) {
	size_t written;
	return length == 0 || cipher.update(gcm->context, out, &written, length, in, length) == 1;
}

static bool final(struct gcm *gcm) {
	uint8_t nothing[GCM_TAG_SIZE];
	size_t written;
	return cipher.final(gcm->context, nothing, &written, sizeof(nothing)) == 1;
}

int gcm_seal(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_SIZE], const void *associated, size_t associated_length,
             const uint8_t *in, size_t length, uint8_t *out, uint8_t tag[GCM_TAG_SIZE]) {
	if (length > INT_MAX || associated_length > INT_MAX)
		return -EIO;
	OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, GCM_TAG_SIZE),
		                OSSL_PARAM_END };
	if (cipher.encrypt_init(gcm->context, NULL, 0, nonce, GCM_NONCE_SIZE, NULL) == 1 &&
	    update(gcm, NULL, associated, associated_length) && update(gcm, out, in, length) && final(gcm) &&
	    cipher.get_params(gcm->context, params) == 1)
		return 0;
	wipe(out, length);
	return -EIO;
}

int gcm_open(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_SIZE], const void *associated, size_t associated_length,
             const uint8_t *in, size_t length, const uint8_t tag[GCM_TAG_SIZE], uint8_t *out) {
	if (length > INT_MAX || associated_length > INT_MAX)
		return -EBADMSG;
	/* Only read from. */
	OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, (void *)(uintptr_t)tag,
		                                                  GCM_TAG_SIZE),
		                OSSL_PARAM_END };
	if (cipher.decrypt_init(gcm->context, NULL, 0, nonce, GCM_NONCE_SIZE, NULL) == 1 &&
	    update(gcm, NULL, associated, associated_length) && update(gcm, out, in, length) &&
	    cipher.set_params(gcm->context, params) == 1 && final(gcm))
		return 0;
	wipe(out, length);
	return -EBADMSG;
}
