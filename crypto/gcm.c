/* AES-256-GCM on libcrypto: uses the AES and carry-less multiplication instructions of x86 and ARM. NIST SP 800-38D. */
#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "crypto/start.h"

/* GCM only ever encrypts with its block cipher, so one key schedule serves both directions. */
struct gcm {
	EVP_CIPHER_CTX *context;
};

/* Found once per process, by crypto_start: looking it up costs more than sealing a short message. */
static EVP_CIPHER *cipher;

int gcm_start(void) {
	if (!cipher)
		cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	return cipher ? 0 : -EIO;
}

int gcm_new(struct gcm **ret, const uint8_t key[AES256_KEY_SIZE]) {
	struct gcm *gcm = calloc(1, sizeof(*gcm));
	if (!gcm)
		return -ENOMEM;
	gcm->context = EVP_CIPHER_CTX_new();
	if (!gcm->context || gcm_start() < 0 || EVP_CipherInit_ex(gcm->context, cipher, NULL, key, NULL, 1) != 1) {
		gcm_free(gcm);
		return -ENOMEM;
	}
	*ret = gcm;
	return 0;
}

void gcm_free(struct gcm *gcm) {
	if (!gcm)
		return;
	EVP_CIPHER_CTX_free(gcm->context); /* cleanses the key schedule */
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
	bool good = EVP_CipherInit_ex(gcm->context, NULL, NULL, NULL, nonce, 1) == 1 &&
	            update(gcm->context, NULL, associated, associated_length) && update(gcm->context, out, in, length) &&
	            EVP_CipherFinal_ex(gcm->context, nothing, &written) == 1 &&
	            EVP_CIPHER_CTX_ctrl(gcm->context, EVP_CTRL_GCM_GET_TAG, GCM_TAG_SIZE, tag) == 1;
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
	bool good = EVP_CipherInit_ex(gcm->context, NULL, NULL, NULL, nonce, 0) == 1 &&
	            update(gcm->context, NULL, associated, associated_length) && update(gcm->context, out, in, length) &&
	            EVP_CIPHER_CTX_ctrl(gcm->context, EVP_CTRL_GCM_SET_TAG, GCM_TAG_SIZE, (void *)tag) == 1 &&
	            EVP_CipherFinal_ex(gcm->context, nothing, &written) == 1;
	if (good)
		return 0;
	wipe(out, length);
	return -EBADMSG;
}
