#include "crypto/crypto.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <sodium.h>

#include "crypto/start.h"

int crypto_start(void) {
	/* No configuration file and no error strings: libcrypto then costs a camera little memory of its own. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL) != 1)
		return -EIO;
	if (sodium_init() < 0)
		return -EIO;
	int result = gcm_start();
	return result < 0 ? result : x25519_start();
}
