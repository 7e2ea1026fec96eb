/* AES-256-GCM on libcrypto: uses the AES and carry-less multiplication instructions of x86 and ARM. NIST SP 800-38D. */
#include "crypto/crypto.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/bytes.h"

struct gcm {
	EVP_CIPHER_CTX *seal, *open; /* the key schedule is kept in each */
};

static EVP_CIPHER_CTX *context_new(const uint8_t *key, int sealing) {
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	if (context && EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, key, NULL, sealing) != 1) {
		EVP_CIPHER_CTX_free(context);
		return NULL;
	}
	return context;
}

int gcm_new(struct gcm **ret, const uint8_t key[AES256_KEY_SIZE]) {
	struct gcm *gcm = calloc(1, sizeof(*gcm));
	if (!gcm)
		return -ENOMEM;
	gcm->seal = context_new(key, 1);
	gcm->open = context_new(key, 0);
	if (!gcm->seal || !gcm->open) {
		gcm_free(gcm);
		return -ENOMEM;
	}
	*ret = gcm;
	return 0;
}

void gcm_free(struct gcm *gcm) {
	if (!gcm)
		return;
	EVP_CIPHER_CTX_free(gcm->seal); /* cleanses the key schedule */
	EVP_CIPHER_CTX_free(gcm->open);
	free(gcm);
}

static bool update(EVP_CIPHER_CTX *context, uint8_t *out, const uint8_t *in, size_t length) {
	int written;
	return length == 0 || EVP_CipherUpdate(context, out, &written, in, (int)length) == 1;
}

int gcm_seal(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_SIZE], const void *associated, size_t associated_length,
             const uint8_t *in, size_t length, uint8_t *out, uint8_t tag[GCM_TAG_SIZE]) {
	uint8_t nothing[GCM_TAG_SIZE];
	int written;
	if (length > INT_MAX || associated_length > INT_MAX)
		return -EIO;
	bool good = EVP_CipherInit_ex(gcm->seal, NULL, NULL, NULL, nonce, 1) == 1 &&
	            update(gcm->seal, NULL, associated, associated_length) && update(gcm->seal, out, in, length) &&
	            EVP_CipherFinal_ex(gcm->seal, nothing, &written) == 1 &&
	            EVP_CIPHER_CTX_ctrl(gcm->seal, EVP_CTRL_GCM_GET_TAG, GCM_TAG_SIZE, tag) == 1;
	if (good)
		return 0;
	wipe(out, length);
	return -EIO;
}

int gcm_open(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_SIZE], const void *associated, size_t associated_length,
             const uint8_t *in, size_t length, const uint8_t tag[GCM_TAG_SIZE], uint8_t *out) {
	uint8_t nothing[GCM_TAG_SIZE];
	int written;
	if (length > INT_MAX || associated_length > INT_MAX)
		return -EBADMSG;
	bool good = EVP_CipherInit_ex(gcm->open, NULL, NULL, NULL, nonce, 0) == 1 &&
	            update(gcm->open, NULL, associated, associated_length) && update(gcm->open, out, in, length) &&
	            EVP_CIPHER_CTX_ctrl(gcm->open, EVP_CTRL_GCM_SET_TAG, GCM_TAG_SIZE, (void *)tag) == 1 &&
	            EVP_CipherFinal_ex(gcm->open, nothing, &written) == 1;
	if (good)
		return 0;
	wipe(out, length);
	return -EBADMSG;
}
