#include "crypto/crypto.h"

#include <mbedtls/aes.h>
#include <stdlib.h>

void aes256_encrypt_block(const uint8_t key[AES256_KEY_SIZE], const uint8_t in[AES_BLOCK_SIZE], uint8_t out[AES_BLOCK_SIZE]) {
	mbedtls_aes_context context;
	mbedtls_aes_init(&context);
	if (mbedtls_aes_setkey_enc(&context, key, 256) != 0 || mbedtls_aes_crypt_ecb(&context, MBEDTLS_AES_ENCRYPT, in, out) != 0)
		abort(); /* only misuse fails here, and a keystream that is none would be worse */
	mbedtls_aes_free(&context);
}
