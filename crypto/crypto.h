/* The one narrow wrapper around the libraries' primitives. Fixed-size array arguments; results must be checked where they can
 * fail. SHA-256, AES-256-GCM and X25519's products: OpenSSL's libcrypto. HMAC, HKDF, Ed25519 and X25519's public keys:
 * libsodium. Single AES blocks: mbedTLS. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32
#define X25519_SIZE 32
#define AES256_KEY_SIZE 32
#define GCM_NONCE_SIZE 12
#define GCM_TAG_SIZE 16

#define MUST_CHECK __attribute__((warn_unused_result))

/* Once per process, before anything else. 0 or -EIO. */
int crypto_start(void) MUST_CHECK;

void sha256(const void *bytes, size_t length, uint8_t out[SHA256_SIZE]);

struct sha256_state;
/* 0 or -ENOMEM. */
int sha256_new(struct sha256_state **ret) MUST_CHECK;
void sha256_update(struct sha256_state *state, const void *bytes, size_t length);
/* May be called repeatedly: gives the hash of everything so far, and updating may go on. */
void sha256_peek(const struct sha256_state *state, uint8_t out[SHA256_SIZE]);
void sha256_free(struct sha256_state *state);

void hmac_sha256(const uint8_t *key, size_t key_length, const void *bytes, size_t length, uint8_t out[SHA256_SIZE]);
/* RFC 5869. Output at most 255 * 32 bytes (asserted). */
void hkdf_sha256(const uint8_t *salt, size_t salt_length, const uint8_t *input, size_t input_length, const void *info,
                 size_t info_length, uint8_t *out, size_t out_length);

void x25519_public(uint8_t public[X25519_SIZE], const uint8_t secret[X25519_SIZE]);
/* 0; -EKEYREJECTED: the result is all zero (low-order point); or -ENOMEM. */
int x25519(uint8_t shared[X25519_SIZE], const uint8_t secret[X25519_SIZE], const uint8_t public[X25519_SIZE]) MUST_CHECK;
/* RFC 7748 encoding below 2^255 - 19, bit 255 clear, and not one of the low-order points. */
bool x25519_key_is_valid(const uint8_t public[X25519_SIZE]) MUST_CHECK;

/* Ed25519 (RFC 8032). A seed is 32 random bytes. */
#define ED25519_SEED_SIZE 32
#define ED25519_PUBLIC_SIZE 32
#define ED25519_SIGNATURE_SIZE 64
void ed25519_public(uint8_t public[ED25519_PUBLIC_SIZE], const uint8_t seed[ED25519_SEED_SIZE]);
void ed25519_sign(uint8_t signature[ED25519_SIGNATURE_SIZE], const void *bytes, size_t length,
                  const uint8_t seed[ED25519_SEED_SIZE]);
bool ed25519_verify(const uint8_t signature[ED25519_SIGNATURE_SIZE], const void *bytes, size_t length,
                    const uint8_t public[ED25519_PUBLIC_SIZE]) MUST_CHECK;

/* AES-256-GCM. A context holds one expanded key and is not shared between threads. `out` may equal `in`. */
struct gcm;
int gcm_new(struct gcm **ret, const uint8_t key[AES256_KEY_SIZE]) MUST_CHECK;
void gcm_free(struct gcm *gcm);
/* out: length bytes; tag: separate. 0 or -EIO. */
int gcm_seal(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_SIZE], const void *associated, size_t associated_length,
             const uint8_t *in, size_t length, uint8_t *out, uint8_t tag[GCM_TAG_SIZE]) MUST_CHECK;
/* 0 or -EBADMSG, with `out` wiped. */
int gcm_open(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_SIZE], const void *associated, size_t associated_length,
             const uint8_t *in, size_t length, const uint8_t tag[GCM_TAG_SIZE], uint8_t *out) MUST_CHECK;

#define AES_BLOCK_SIZE 16
/* One block, for the single-block CTR of adverts. `out` may equal `in`. */
void aes256_encrypt_block(const uint8_t key[AES256_KEY_SIZE], const uint8_t in[AES_BLOCK_SIZE], uint8_t out[AES_BLOCK_SIZE]);

/* SHA-256 of two strings one after the other; `out` may be one of them. */
void sha256_two(const void *first, size_t first_length, const void *second, size_t second_length, uint8_t out[SHA256_SIZE]);
