/* AES-256-GCM on libcrypto: uses the AES and carry-less multiplication instructions of x86 and ARM. NIST SP 800-38D.
 *
 * The cipher is asked of the provider itself (provider-cipher(7)): EVP's layer costs more than sealing a short message does. */
#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "crypto/provider.h"
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

int gcm_start(void) {
	if (cipher.provider)
		return 0;
	const OSSL_DISPATCH *entry = provider_find(OSSL_OP_CIPHER, "AES-256-GCM");
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
	    !cipher.final || !cipher.get_params || !cipher.set_params)
		return -EIO;
	cipher.provider = provider_context();
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
