/* The primitives against their specifications' own examples. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "crypto/crypto.h"

#define LIMIT 256

struct bytes {
	uint8_t at[LIMIT];
	size_t length;
};

static struct bytes hex(const char *text) {
	struct bytes bytes = { .length = strlen(text) / 2 };
	assert_true(bytes.length <= LIMIT);
	assert_int_equal(hex_decode(bytes.at, bytes.length, text), 0);
	return bytes;
}

/* FIPS 180-4's examples (NIST, "Cryptographic Standards and Guidelines: Example Values"). */
static void test_sha256(void **state) {
	(void)state;
	static const struct {
		const char *text, *hash;
	} rows[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		uint8_t out[SHA256_SIZE];
		size_t length = strlen(rows[i].text);
		sha256(rows[i].text, length, out);
		assert_memory_equal(out, hex(rows[i].hash).at, SHA256_SIZE);
		/* The same in two parts, at every position; `out` may be one of the parts. */
		for (size_t at = 0; at <= length; at++) {
			struct sha256_state *running;
			uint8_t peeked[SHA256_SIZE];
			sha256_two(rows[i].text, at, rows[i].text + at, length - at, out);
			assert_memory_equal(out, hex(rows[i].hash).at, SHA256_SIZE);
			assert_int_equal(sha256_new(&running), 0);
			sha256_update(running, rows[i].text, at);
			sha256_peek(running, peeked); /* going on after it is allowed */
			sha256_update(running, rows[i].text + at, length - at);
			sha256_peek(running, out);
			sha256_free(running);
			assert_memory_equal(out, hex(rows[i].hash).at, SHA256_SIZE);
			sha256(rows[i].text, at, out);
			assert_memory_equal(out, peeked, SHA256_SIZE);
		}
	}
	uint8_t chained[SHA256_SIZE] = { 1 }, expected[SHA256_SIZE], both[SHA256_SIZE + 3] = { 1 };
	memcpy(both + SHA256_SIZE, "abc", 3);
	sha256(both, sizeof(both), expected);
	sha256_two(chained, sizeof(chained), "abc", 3, chained);
	assert_memory_equal(chained, expected, SHA256_SIZE);
	sha256_free(NULL);
}

/* RFC 4231, test cases 1, 2 and 6. */
static void test_hmac(void **state) {
	(void)state;
	uint8_t out[SHA256_SIZE], key[131];
	memset(key, 0x0b, 20);
	hmac_sha256(key, 20, "Hi There", 8, out);
	assert_memory_equal(out, hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7").at, SHA256_SIZE);
	hmac_sha256((const uint8_t *)"Jefe", 4, "what do ya want for nothing?", 28, out);
	assert_memory_equal(out, hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843").at, SHA256_SIZE);
	memset(key, 0xaa, sizeof(key));
	static const char text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	hmac_sha256(key, sizeof(key), text, sizeof(text) - 1, out);
	assert_memory_equal(out, hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54").at, SHA256_SIZE);
}

/* RFC 5869, appendix A.1 to A.3. */
static void test_hkdf(void **state) {
	(void)state;
	static const struct {
		const char *input, *salt, *info, *output;
	} rows[] = {
		{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
		  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865" },
		{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f30313233343536"
		  "37"
		  "38393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
		  "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f90919293949596"
		  "97"
		  "98999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
		  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6"
		  "e7"
		  "e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		  "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09"
		  "b8"
		  "367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87" },
		{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
		  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8" },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct bytes input = hex(rows[i].input), salt = hex(rows[i].salt), info = hex(rows[i].info),
		             output = hex(rows[i].output);
		uint8_t out[LIMIT];
		hkdf_sha256(salt.at, salt.length, input.at, input.length, info.at, info.length, out, output.length);
		assert_memory_equal(out, output.at, output.length);
	}
}

/* FIPS 197, appendix C.3. */
static void test_aes_block(void **state) {
	(void)state;
	struct bytes key = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
	             block = hex("00112233445566778899aabbccddeeff");
	aes256_encrypt_block(key.at, block.at, block.at);
	assert_memory_equal(block.at, hex("8ea2b7ca516745bfeafc49904b496089").at, AES_BLOCK_SIZE);
}

/* RFC 7748, section 5.2 (single and iterated) and 6.1. */
static void test_x25519(void **state) {
	(void)state;
	static const struct {
		const char *secret, *public, *shared;
	} rows[] = {
		{ "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
		  "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
		  "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552" },
		{ "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
		  "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
		  "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
		{ "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
		  "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
		  "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
	};
	uint8_t out[X25519_SIZE];
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		assert_int_equal(x25519(out, hex(rows[i].secret).at, hex(rows[i].public).at), 0);
		assert_memory_equal(out, hex(rows[i].shared).at, X25519_SIZE);
	}
	for (size_t i = 1; i < ELEMENTS(rows); i++) {
		x25519_public(out, hex(rows[i].secret).at);
		assert_memory_equal(out, hex(rows[3 - i].public).at, X25519_SIZE);
	}
	uint8_t k[X25519_SIZE] = { 9 }, u[X25519_SIZE] = { 9 };
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(x25519(out, k, u), 0);
		memcpy(u, k, sizeof(u));
		memcpy(k, out, sizeof(k));
	}
	assert_memory_equal(k, hex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51").at, X25519_SIZE);
}

/* Every encoding of a point of low order, canonical or not (RFC 7748, section 6.1; the list of Curve25519's author at
 * https://cr.yp.to/ecdh.html#validate, with and without bit 255), and the borders of the canonical range. */
static void test_key_validity(void **state) {
	(void)state;
	static const struct {
		const char *key;
		bool valid, zero; /* zero: the product is all zero, which x25519() tells */
	} rows[] = {
		{ "0000000000000000000000000000000000000000000000000000000000000000", false, true },
		{ "0100000000000000000000000000000000000000000000000000000000000000", false, true },
		{ "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", false, true },
		{ "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157", false, true },
		{ "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false, true },
		{ "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false, true }, /* p */
		{ "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false, true }, /* p + 1 */
		{ "0000000000000000000000000000000000000000000000000000000000000080", false, true },
		{ "0100000000000000000000000000000000000000000000000000000000000080", false, true },
		{ "cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880", false, false },
		{ "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880", false, true },
		{ "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7", false, true },
		{ "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false, true },
		{ "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false, true },
		{ "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false, true },
		{ "efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false, false }, /* p + 2 */
		{ "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false, false },
		{ "0900000000000000000000000000000000000000000000000000000000000080", false, false },
		{ "ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", true, false }, /* p - 2 */
		{ "ecfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe7f", true, false },
		{ "0900000000000000000000000000000000000000000000000000000000000000", true, false },
		{ "0200000000000000000000000000000000000000000000000000000000000000", true, false },
		{ "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7e", true, false },
	};
	const struct bytes secret = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct bytes key = hex(rows[i].key);
		uint8_t shared[X25519_SIZE];
		if (x25519_key_is_valid(key.at) != rows[i].valid)
			fail_msg("%s: valid", rows[i].key);
		if (x25519(shared, secret.at, key.at) != (rows[i].zero ? -EKEYREJECTED : 0))
			fail_msg("%s: zero", rows[i].key);
	}
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	if (crypto_start() < 0) /* a second time is allowed */
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),    cmocka_unit_test(test_hmac),   cmocka_unit_test(test_hkdf),
		cmocka_unit_test(test_aes_block), cmocka_unit_test(test_x25519), cmocka_unit_test(test_key_validity),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
