#include "pairing/noise.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"

/* The tokens of section 7.4 and the psk modifier of section 9. A pre-message only mixes what both ends know. */
enum token { END, E, S, EE, ES, SE, SS, PSK };
#define TOKENS_PER_MESSAGE 5
#define MESSAGES_MOST 3

static const struct pattern {
	const char *name;
	bool known_statics; /* pre-messages -> s, <- s */
	bool psk;           /* then e is also mixed into the key, section 9.2 */
	unsigned messages;
	enum token tokens[MESSAGES_MOST][TOKENS_PER_MESSAGE];
} patterns[] = {
	[NOISE_XX] = { "Noise_XX_25519_AESGCM_SHA256", false, false, 3, { { E }, { E, EE, S, ES }, { S, SE } } },
	[NOISE_KKPSK0] = { "Noise_KKpsk0_25519_AESGCM_SHA256", true, true, 2, { { PSK, E, ES, SS }, { E, EE, SE } } },
};

/* ------------------------------------------------------------------------------------------------------------ CipherState */

static void nonce_bytes(uint64_t nonce, uint8_t out[GCM_NONCE_SIZE]) {
	/* Section 12.4: 32 zero bits, then the counter big-endian. */
	struct writer w = writer_over(out, GCM_NONCE_SIZE);
	writer_u32(&w, 0);
	writer_u64(&w, nonce);
}

int noise_seal(struct noise_cipher *cipher, const uint8_t *associated, size_t associated_length, const uint8_t *in, size_t length,
               uint8_t *out) {
	uint8_t nonce[GCM_NONCE_SIZE];
	if (cipher->nonce == UINT64_MAX)
		return -EMSGSIZE;
	nonce_bytes(cipher->nonce++, nonce);
	return gcm_seal(cipher->gcm, nonce, associated, associated_length, in, length, out, out + length);
}

int noise_open(struct noise_cipher *cipher, const uint8_t *associated, size_t associated_length, const uint8_t *in, size_t length,
               uint8_t *out) {
	uint8_t nonce[GCM_NONCE_SIZE];
	if (length < NOISE_TAG_SIZE || cipher->nonce == UINT64_MAX)
		return -EBADMSG;
	nonce_bytes(cipher->nonce++, nonce);
	return gcm_open(cipher->gcm, nonce, associated, associated_length, in, length - NOISE_TAG_SIZE,
	                in + length - NOISE_TAG_SIZE, out);
}

void noise_cipher_free(struct noise_cipher *cipher) {
	gcm_free(cipher->gcm);
	*cipher = (struct noise_cipher){ 0 };
}

/* --------------------------------------------------------------------------------------------------------- SymmetricState */

static void mix_hash(struct noise_handshake *hs, const void *bytes, size_t length) {
	sha256_two(hs->hash, sizeof(hs->hash), bytes, length, hs->hash);
}

/* HKDF of section 4.3: the chaining key is the salt, there is no info. */
static void derive(const struct noise_handshake *hs, const uint8_t *input, size_t length, uint8_t *out, unsigned count) {
	hkdf_sha256(hs->chaining_key, NOISE_HASH_SIZE, input, length, NULL, 0, out, (size_t)count * NOISE_HASH_SIZE);
}

static int set_key(struct noise_handshake *hs, const uint8_t key[KEY_SIZE]) {
	noise_cipher_free(&hs->cipher);
	return gcm_new(&hs->cipher.gcm, key);
}

static int mix_key(struct noise_handshake *hs, const uint8_t *input, size_t length) {
	uint8_t out[2 * NOISE_HASH_SIZE];
	derive(hs, input, length, out, 2);
	memcpy(hs->chaining_key, out, NOISE_HASH_SIZE);
	int result = set_key(hs, out + NOISE_HASH_SIZE);
	wipe(out, sizeof(out));
	return result;
}

static int mix_key_and_hash(struct noise_handshake *hs, const uint8_t *input, size_t length) {
	uint8_t out[3 * NOISE_HASH_SIZE];
	derive(hs, input, length, out, 3);
	memcpy(hs->chaining_key, out, NOISE_HASH_SIZE);
	mix_hash(hs, out + NOISE_HASH_SIZE, NOISE_HASH_SIZE);
	int result = set_key(hs, out + 2 * NOISE_HASH_SIZE);
	wipe(out, sizeof(out));
	return result;
}

/* Appends the ciphertext, or the plaintext while there is no key. */
static int encrypt_and_hash(struct noise_handshake *hs, struct writer *w, const uint8_t *plaintext, size_t length) {
	size_t out_length = length + (hs->cipher.gcm ? NOISE_TAG_SIZE : 0);
	uint8_t *out = writer_reserve(w, out_length);
	if (!out)
		return -ENOSPC;
	if (!hs->cipher.gcm) {
		if (length > 0)
			memcpy(out, plaintext, length);
	} else {
		int result = noise_seal(&hs->cipher, hs->hash, NOISE_HASH_SIZE, plaintext, length, out);
		if (result < 0)
			return result;
	}
	mix_hash(hs, out, out_length);
	return 0;
}

static int decrypt_and_hash(struct noise_handshake *hs, struct reader *r, size_t length, uint8_t *plaintext) {
	size_t in_length = length + (hs->cipher.gcm ? NOISE_TAG_SIZE : 0);
	const uint8_t *in = reader_take(r, in_length);
	if (!in)
		return -EBADMSG;
	if (hs->cipher.gcm) {
		int result = noise_open(&hs->cipher, hs->hash, NOISE_HASH_SIZE, in, in_length, plaintext);
		if (result < 0)
			return result;
	} else if (length > 0) {
		memcpy(plaintext, in, length);
	}
	mix_hash(hs, in, in_length);
	return 0;
}

/* --------------------------------------------------------------------------------------------------------- HandshakeState */

static int mix_dh(struct noise_handshake *hs, const struct static_keys *own, const uint8_t peer[KEY_SIZE]) {
	uint8_t shared[KEY_SIZE];
	int result = x25519(shared, own->secret, peer);
	if (result == 0)
		result = mix_key(hs, shared, sizeof(shared));
	wipe(shared, sizeof(shared));
	return result;
}

/* The one product that is the same in every session of a pair. */
static int mix_statics(struct noise_handshake *hs) {
	struct static_product *kept = hs->product;
	if (!kept)
		return mix_dh(hs, &hs->s, hs->rs);
	if (!kept->known || memcmp(kept->own, hs->s.public, KEY_SIZE) != 0 || memcmp(kept->peer, hs->rs, KEY_SIZE) != 0) {
		wipe(kept, sizeof(*kept));
		int result = x25519(kept->product, hs->s.secret, hs->rs);
		if (result < 0)
			return result;
		memcpy(kept->own, hs->s.public, KEY_SIZE);
		memcpy(kept->peer, hs->rs, KEY_SIZE);
		kept->known = true;
	}
	return mix_key(hs, kept->product, KEY_SIZE);
}

/* Tokens that both directions treat alike; "es" means the initiator's ephemeral and the responder's static. */
static int mix_token(struct noise_handshake *hs, enum token token) {
	switch (token) {
	case EE:
		return mix_dh(hs, &hs->e, hs->re);
	case ES:
		return hs->initiator ? mix_dh(hs, &hs->e, hs->rs) : mix_dh(hs, &hs->s, hs->re);
	case SE:
		return hs->initiator ? mix_dh(hs, &hs->s, hs->re) : mix_dh(hs, &hs->e, hs->rs);
	case SS:
		return mix_statics(hs);
	case PSK:
		return mix_key_and_hash(hs, hs->psk, sizeof(hs->psk));
	case E:
	case S:
	case END:
		break;
	}
	return -EINVAL;
}

static int mix_ephemeral(struct noise_handshake *hs, const uint8_t key[KEY_SIZE]) {
	mix_hash(hs, key, KEY_SIZE);
	return patterns[hs->pattern].psk ? mix_key(hs, key, KEY_SIZE) : 0;
}

static int write_token(struct noise_handshake *hs, enum token token, struct writer *w) {
	switch (token) {
	case E:
		static_keys_make(&hs->e, hs->random);
		writer_copy(w, hs->e.public, KEY_SIZE);
		return mix_ephemeral(hs, hs->e.public);
	case S:
		return encrypt_and_hash(hs, w, hs->s.public, KEY_SIZE);
	case EE:
	case ES:
	case SE:
	case SS:
	case PSK:
		return mix_token(hs, token);
	case END:
		break;
	}
	return -EINVAL;
}

static int read_token(struct noise_handshake *hs, enum token token, struct reader *r) {
	int result;
	switch (token) {
	case E:
		reader_copy(r, hs->re, KEY_SIZE);
		if (r->failed)
			return -EBADMSG;
		return x25519_key_is_valid(hs->re) ? mix_ephemeral(hs, hs->re) : -EKEYREJECTED;
	case S:
		result = decrypt_and_hash(hs, r, KEY_SIZE, hs->rs);
		if (result < 0)
			return result;
		hs->has_rs = true;
		return x25519_key_is_valid(hs->rs) ? 0 : -EKEYREJECTED;
	case EE:
	case ES:
	case SE:
	case SS:
	case PSK:
		return mix_token(hs, token);
	case END:
		break;
	}
	return -EINVAL;
}

int noise_start(struct noise_handshake *ret, const struct noise_setup *setup) {
	const struct pattern *pattern = &patterns[setup->pattern];
	if (pattern->known_statics && !x25519_key_is_valid(setup->peer_key))
		return -EKEYREJECTED;
	struct noise_handshake hs = {
		.pattern = setup->pattern,
		.initiator = setup->initiator,
		.random = setup->random,
		.s = *setup->keys,
		.product = setup->product,
	};
	/* Section 5.2: a name of at most 32 bytes is padded, a longer one hashed. */
	size_t name_length = strlen(pattern->name);
	if (name_length <= NOISE_HASH_SIZE)
		memcpy(hs.hash, pattern->name, name_length);
	else
		sha256(pattern->name, name_length, hs.hash);
	memcpy(hs.chaining_key, hs.hash, NOISE_HASH_SIZE);
	mix_hash(&hs, setup->prologue, setup->prologue_length);
	if (pattern->known_statics) {
		memcpy(hs.rs, setup->peer_key, KEY_SIZE);
		memcpy(hs.psk, setup->psk, KEY_SIZE);
		hs.has_rs = true;
		mix_hash(&hs, hs.initiator ? hs.s.public : hs.rs, KEY_SIZE);
		mix_hash(&hs, hs.initiator ? hs.rs : hs.s.public, KEY_SIZE);
	}
	*ret = hs;
	wipe(&hs, sizeof(hs));
	return 0;
}

/* The key state before each message is fixed by the pattern: whether a token or the payload is encrypted follows from it. */
size_t noise_overhead(const struct noise_handshake *hs) {
	bool keyed = hs->cipher.gcm != NULL;
	size_t overhead = 0;
	const enum token *tokens = patterns[hs->pattern].tokens[hs->message];
	for (unsigned i = 0; i < TOKENS_PER_MESSAGE && tokens[i] != END; i++)
		switch (tokens[i]) {
		case E:
			overhead += KEY_SIZE;
			keyed = keyed || patterns[hs->pattern].psk;
			break;
		case S:
			overhead += keyed ? KEY_SIZE + NOISE_TAG_SIZE : KEY_SIZE;
			break;
		case EE:
		case ES:
		case SE:
		case SS:
		case PSK:
			keyed = true;
			break;
		case END:
			break;
		}
	return overhead + (keyed ? NOISE_TAG_SIZE : 0);
}

static bool is_our_turn(const struct noise_handshake *hs, bool writing) {
	bool initiator_writes = hs->message % 2 == 0;
	return !hs->failed && !noise_is_complete(hs) && (initiator_writes == hs->initiator) == writing;
}

int noise_write(struct noise_handshake *hs, const uint8_t *payload, size_t payload_length, uint8_t *out, size_t capacity,
                size_t *ret_length) {
	if (!is_our_turn(hs, true))
		return -EINVAL;
	struct writer w = writer_over(out, capacity);
	const enum token *tokens = patterns[hs->pattern].tokens[hs->message];
	int result = 0;
	for (unsigned i = 0; i < TOKENS_PER_MESSAGE && tokens[i] != END && result == 0; i++)
		result = write_token(hs, tokens[i], &w);
	if (result == 0)
		result = encrypt_and_hash(hs, &w, payload, payload_length);
	if (result == 0 && w.failed)
		result = -ENOSPC;
	if (result < 0) {
		hs->failed = true;
		return result;
	}
	hs->message++;
	*ret_length = writer_length(&w);
	return 0;
}

int noise_read(struct noise_handshake *hs, const uint8_t *message, size_t length, uint8_t *payload, size_t *ret_length) {
	if (!is_our_turn(hs, false))
		return -EINVAL;
	struct reader r = reader_over(message, length);
	const enum token *tokens = patterns[hs->pattern].tokens[hs->message];
	int result = 0;
	for (unsigned i = 0; i < TOKENS_PER_MESSAGE && tokens[i] != END && result == 0; i++)
		result = read_token(hs, tokens[i], &r);
	size_t tag = hs->cipher.gcm ? NOISE_TAG_SIZE : 0, payload_length = 0;
	if (result == 0 && reader_left(&r) < tag)
		result = -EBADMSG;
	if (result == 0) {
		payload_length = reader_left(&r) - tag;
		result = decrypt_and_hash(hs, &r, payload_length, payload);
	}
	if (result < 0) {
		hs->failed = true;
		return result;
	}
	hs->message++;
	*ret_length = payload_length;
	return 0;
}

bool noise_is_complete(const struct noise_handshake *hs) {
	return hs->message == patterns[hs->pattern].messages;
}

int noise_split(struct noise_handshake *hs, struct noise_cipher *ret_send, struct noise_cipher *ret_receive) {
	uint8_t out[2 * NOISE_HASH_SIZE];
	struct noise_cipher from_initiator = { 0 }, from_responder = { 0 };
	assert(noise_is_complete(hs));
	derive(hs, NULL, 0, out, 2);
	int result = gcm_new(&from_initiator.gcm, out);
	if (result == 0)
		result = gcm_new(&from_responder.gcm, out + NOISE_HASH_SIZE);
	wipe(out, sizeof(out));
	if (result < 0) {
		noise_cipher_free(&from_initiator);
		return result;
	}
	*ret_send = hs->initiator ? from_initiator : from_responder;
	*ret_receive = hs->initiator ? from_responder : from_initiator;
	return 0;
}

void noise_wipe(struct noise_handshake *hs) {
	noise_cipher_free(&hs->cipher);
	wipe(hs, sizeof(*hs));
}
