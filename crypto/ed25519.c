#include <assert.h>
#include <sodium.h>

#include "base/bytes.h"
#include "crypto/crypto.h"

static_assert(crypto_sign_SEEDBYTES == ED25519_SEED_SIZE && crypto_sign_PUBLICKEYBYTES == ED25519_PUBLIC_SIZE &&
                      crypto_sign_BYTES == ED25519_SIGNATURE_SIZE,
              "sizes of RFC 8032");

void ed25519_public(uint8_t public[ED25519_PUBLIC_SIZE], const uint8_t seed[ED25519_SEED_SIZE]) {
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	(void)crypto_sign_seed_keypair(public, secret, seed); /* cannot fail: any seed is a key */
	wipe(secret, sizeof(secret));
}

void ed25519_sign(uint8_t signature[ED25519_SIGNATURE_SIZE], const void *bytes, size_t length,
                  const uint8_t seed[ED25519_SEED_SIZE]) {
	uint8_t secret[crypto_sign_SECRETKEYBYTES], public[crypto_sign_PUBLICKEYBYTES];
	(void)crypto_sign_seed_keypair(public, secret, seed);
	(void)crypto_sign_detached(signature, NULL, bytes, length, secret);
	wipe(secret, sizeof(secret));
}

bool ed25519_verify(const uint8_t signature[ED25519_SIGNATURE_SIZE], const void *bytes, size_t length,
                    const uint8_t public[ED25519_PUBLIC_SIZE]) {
	return crypto_sign_verify_detached(signature, bytes, length, public) == 0;
}
