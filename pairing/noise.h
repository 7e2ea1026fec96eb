/* The Noise Protocol Framework, revision 34, as far as Lanyard needs it: Noise_XX_25519_AESGCM_SHA256 and
 * Noise_KKpsk0_25519_AESGCM_SHA256. Pure. A failure leaves the handshake unusable; wipe it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "crypto/crypto.h"
#include "pairing/limits.h"
#include "pairing/static_keys.h"

#define NOISE_TAG_SIZE 16
#define NOISE_HASH_SIZE 32

enum noise_pattern { NOISE_XX, NOISE_KKPSK0 };

/* CipherState, section 5.1. Nonces count up and never wrap: the cipher refuses before. */
struct noise_cipher {
	struct gcm *gcm;
	uint64_t nonce;
};

struct noise_handshake {
	enum noise_pattern pattern;
	bool initiator;
	unsigned message; /* the next one's number, from 0 */
	bool failed;
	uint8_t chaining_key[NOISE_HASH_SIZE], hash[NOISE_HASH_SIZE];
	struct noise_cipher cipher; /* gcm NULL: no key yet */
	struct static_keys s, e;
	struct static_product *product; /* NULL: none is kept */
	uint8_t rs[KEY_SIZE], re[KEY_SIZE], psk[KEY_SIZE];
	bool has_rs, has_re;
	const struct random_source *random;
};

struct noise_setup {
	enum noise_pattern pattern;
	bool initiator;
	const struct random_source *random;
	const struct static_keys *keys;
	const uint8_t *peer_key; /* KKpsk0 only */
	const uint8_t *psk;      /* KKpsk0 only */
	struct static_product
	        *product; /* KKpsk0: kept from one handshake to the next, outlives this one; NULL: worked out each time */
	const void *prologue;
	size_t prologue_length;
};

/* 0, or -EKEYREJECTED when the peer key is not canonical or of low order (KKpsk0). */
int noise_start(struct noise_handshake *ret, const struct noise_setup *setup);
/* Bytes that the next message adds to its payload. */
size_t noise_overhead(const struct noise_handshake *handshake);
/* Writes the next message. 0, -ENOSPC, -ENOMEM. */
int noise_write(struct noise_handshake *handshake, const uint8_t *payload, size_t payload_length, uint8_t *out, size_t capacity,
                size_t *ret_length);
/* Reads the next message; `payload` holds `length` bytes. 0, -EBADMSG (not authentic), -EKEYREJECTED (a key that is not canonical
 * or of low order), -ENOMEM. */
int noise_read(struct noise_handshake *handshake, const uint8_t *message, size_t length, uint8_t *payload, size_t *ret_length);
bool noise_is_complete(const struct noise_handshake *handshake);
/* After the last message (asserted): ciphers for this end. 0 or -ENOMEM. */
int noise_split(struct noise_handshake *handshake, struct noise_cipher *ret_send, struct noise_cipher *ret_receive);
void noise_wipe(struct noise_handshake *handshake);

/* Adds NOISE_TAG_SIZE bytes. 0, -EMSGSIZE when the nonce is used up. `out` may equal `in`. */
int noise_seal(struct noise_cipher *cipher, const uint8_t *associated, size_t associated_length, const uint8_t *in, size_t length,
               uint8_t *out);
/* `out` holds length - NOISE_TAG_SIZE bytes. 0 or -EBADMSG. */
int noise_open(struct noise_cipher *cipher, const uint8_t *associated, size_t associated_length, const uint8_t *in, size_t length,
               uint8_t *out);
void noise_cipher_free(struct noise_cipher *cipher);
