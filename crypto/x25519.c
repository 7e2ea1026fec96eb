/* X25519 (RFC 7748). A public key comes from libsodium, which cannot fail. A product comes from libcrypto, asked of its provider
 * (provider-keymgmt(7), provider-keyexch(7)): on x86 in six sevenths of libsodium's time, and three of them make a session. */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <sodium.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "crypto/provider.h"
#include "crypto/start.h"

/* The provider's functions, found once per process by x25519_start. */
static struct {
	OSSL_FUNC_keymgmt_new_fn *new_object;
	OSSL_FUNC_keymgmt_free_fn *free_object;
	OSSL_FUNC_keymgmt_import_fn *import;
} key;

static struct {
	OSSL_FUNC_keyexch_newctx_fn *new_context;
	OSSL_FUNC_keyexch_freectx_fn *free_context;
	OSSL_FUNC_keyexch_init_fn *init;
	OSSL_FUNC_keyexch_set_peer_fn *set_peer;
	OSSL_FUNC_keyexch_derive_fn *derive;
} exchange;

static bool find_key(void) {
	const OSSL_DISPATCH *entry = provider_find(OSSL_OP_KEYMGMT, "X25519");
	for (; entry && entry->function_id; entry++)
		switch (entry->function_id) {
		case OSSL_FUNC_KEYMGMT_NEW:
			key.new_object = OSSL_FUNC_keymgmt_new(entry);
			break;
		case OSSL_FUNC_KEYMGMT_FREE:
			key.free_object = OSSL_FUNC_keymgmt_free(entry);
			break;
		case OSSL_FUNC_KEYMGMT_IMPORT:
			key.import = OSSL_FUNC_keymgmt_import(entry);
			break;
		default: /* of libcrypto, which has more of them than we need */
			break;
		}
	return key.new_object && key.free_object && key.import;
}

static bool find_exchange(void) {
	const OSSL_DISPATCH *entry = provider_find(OSSL_OP_KEYEXCH, "X25519");
	for (; entry && entry->function_id; entry++)
		switch (entry->function_id) {
		case OSSL_FUNC_KEYEXCH_NEWCTX:
			exchange.new_context = OSSL_FUNC_keyexch_newctx(entry);
			break;
		case OSSL_FUNC_KEYEXCH_FREECTX:
			exchange.free_context = OSSL_FUNC_keyexch_freectx(entry);
			break;
		case OSSL_FUNC_KEYEXCH_INIT:
			exchange.init = OSSL_FUNC_keyexch_init(entry);
			break;
		case OSSL_FUNC_KEYEXCH_SET_PEER:
			exchange.set_peer = OSSL_FUNC_keyexch_set_peer(entry);
			break;
		case OSSL_FUNC_KEYEXCH_DERIVE:
			exchange.derive = OSSL_FUNC_keyexch_derive(entry);
			break;
		default:
			break;
		}
	return exchange.new_context && exchange.free_context && exchange.init && exchange.set_peer && exchange.derive;
}

int x25519_start(void) {
	static bool found;
	found = found || (find_key() && find_exchange());
	return found ? 0 : -EIO;
}

void x25519_public(uint8_t public[X25519_SIZE], const uint8_t secret[X25519_SIZE]) {
	/* Can only fail for a low-order base point, and the base point is fixed. */
	int result = crypto_scalarmult_base(public, secret);
	(void)result;
}

/* A key object of the public key, and of the secret one where there is one; NULL when there is no memory for it. libcrypto reads
 * only, and works out a public key that it is not given: with a secret any will do, because the product does not need it. */
static void *import_key(const uint8_t *secret, const uint8_t *public) {
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t) public, X25519_SIZE),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, (void *)(uintptr_t)secret, X25519_SIZE),
		OSSL_PARAM_END,
	};
	if (!secret)
		params[1] = OSSL_PARAM_construct_end();
	void *object = key.new_object(provider_context());
	int selection = secret ? OSSL_KEYMGMT_SELECT_KEYPAIR : OSSL_KEYMGMT_SELECT_PUBLIC_KEY;
	if (object && key.import(object, selection, params) == 1)
		return object;
	key.free_object(object); /* cleanses a secret */
	return NULL;
}

int x25519(uint8_t shared[X25519_SIZE], const uint8_t secret[X25519_SIZE], const uint8_t public[X25519_SIZE]) {
	if (x25519_start() < 0)
		return -ENOMEM;
	void *own = import_key(secret, public), *peer = import_key(NULL, public),
	     *context = exchange.new_context(provider_context());
	size_t length = X25519_SIZE;
	int result = -ENOMEM;
	if (own && peer && context && exchange.init(context, own, NULL) == 1 && exchange.set_peer(context, peer) == 1)
		result = exchange.derive(context, shared, &length, X25519_SIZE) == 1 ? 0 : -EKEYREJECTED;
	if (context)
		exchange.free_context(context); /* takes no NULL; free_object does */
	key.free_object(own);
	key.free_object(peer);
	if (result < 0)
		wipe(shared, X25519_SIZE);
	return result;
}

/* The canonical encodings of the points whose order divides 8 (RFC 7748, section 6.1; Cremers and Jackson 2019). 2^255 - 20
 * stands for -1; values of p and above are refused as non-canonical before. */
static const uint8_t low_order[][X25519_SIZE] = {
	{ 0 },
	{ 1 },
	{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
	  0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
	{ 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
	  0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
	{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
};

/* Below p = 2^255 - 19, little-endian. Public values: time may depend on them. */
static bool is_canonical(const uint8_t public[X25519_SIZE]) {
	if (public[31] != 0x7f)
		return public[31] < 0x7f;
	for (size_t i = 30; i > 0; i--)
		if (public[i] != 0xff)
			return true;
	return public[0] < 0xed;
}

bool x25519_key_is_valid(const uint8_t public[X25519_SIZE]) {
	if (!is_canonical(public))
		return false;
	for (size_t i = 0; i < sizeof(low_order) / sizeof(low_order[0]); i++)
		if (memcmp(public, low_order[i], X25519_SIZE) == 0)
			return false;
	return true;
}
