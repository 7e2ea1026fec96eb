/* AES-256-GCM: published vectors, and the same bytes as a second implementation, mbedTLS, for every length that matters. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <mbedtls/gcm.h>

#include "base/bytes.h"
#include "crypto/crypto.h"

#define LONGEST 65519

static uint8_t plain[LONGEST], ours[LONGEST], theirs[LONGEST], back[LONGEST];

/* McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test cases 13 to 16. */
static void test_vectors(void **state) {
	(void)state;
	static const struct {
		const char *key, *nonce, *plain, *associated, *sealed, *tag;
	} rows[] = {
		{ "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "", "", "",
		  "530f8afbc74536b9a963b4f1c4cb738b" },
		{ "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
		  "00000000000000000000000000000000", "", "cea7403d4d606b6e074ec5d3baf39d18",
		  "d0d1c8a799996bf0265b98b5d48ab919" },
		{ "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
		  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de6"
		  "57"
		  "ba637b391aafd255",
		  "",
		  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a"
		  "0a"
		  "bcc9f662898015ad",
		  "b094dac5d93471bdec1a502270e3cc6c" },
		{ "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
		  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de6"
		  "57"
		  "ba637b39",
		  "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a"
		  "0a"
		  "bcc9f662",
		  "76fc6ece0f4e1768cddf8853bb2d551b" },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		uint8_t key[AES256_KEY_SIZE], nonce[GCM_NONCE_SIZE], associated[64], sealed[64], tag[GCM_TAG_SIZE],
		        got[GCM_TAG_SIZE];
		size_t length = strlen(rows[i].plain) / 2, associated_length = strlen(rows[i].associated) / 2;
		assert_int_equal(hex_decode(key, sizeof(key), rows[i].key), 0);
		assert_int_equal(hex_decode(nonce, sizeof(nonce), rows[i].nonce), 0);
		assert_int_equal(hex_decode(plain, length, rows[i].plain), 0);
		assert_int_equal(hex_decode(associated, associated_length, rows[i].associated), 0);
		assert_int_equal(hex_decode(sealed, length, rows[i].sealed), 0);
		assert_int_equal(hex_decode(tag, sizeof(tag), rows[i].tag), 0);
		struct gcm *gcm;
		assert_int_equal(gcm_new(&gcm, key), 0);
		/* Twice, and opening in between: a context is used for many messages, both ways. */
		for (unsigned round = 0; round < 2; round++) {
			assert_int_equal(gcm_seal(gcm, nonce, associated, associated_length, plain, length, ours, got), 0);
			assert_memory_equal(ours, sealed, length);
			assert_memory_equal(got, tag, sizeof(tag));
			assert_int_equal(gcm_open(gcm, nonce, associated, associated_length, ours, length, got, back), 0);
			assert_memory_equal(back, plain, length);
		}
		gcm_free(gcm);
	}
}

static void fill(uint8_t *bytes, size_t length, uint8_t seed) {
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(i * 131 + (i >> 8) + seed);
}

static void compare(struct gcm *gcm, mbedtls_gcm_context *other, size_t length, size_t associated_length) {
	uint8_t nonce[GCM_NONCE_SIZE], associated[64], tag[GCM_TAG_SIZE], other_tag[GCM_TAG_SIZE];
	fill(nonce, sizeof(nonce), (uint8_t)length);
	fill(associated, associated_length, (uint8_t)(length + 1));
	fill(plain, length, (uint8_t)associated_length);
	assert_int_equal(gcm_seal(gcm, nonce, associated, associated_length, plain, length, ours, tag), 0);
	assert_int_equal(mbedtls_gcm_crypt_and_tag(other, MBEDTLS_GCM_ENCRYPT, length, nonce, sizeof(nonce), associated,
	                                           associated_length, plain, theirs, sizeof(other_tag), other_tag),
	                 0);
	assert_memory_equal(ours, theirs, length);
	assert_memory_equal(tag, other_tag, sizeof(tag));
	/* Each opens what the other sealed; ours also in place. */
	assert_int_equal(mbedtls_gcm_auth_decrypt(other, length, nonce, sizeof(nonce), associated, associated_length, tag,
	                                          sizeof(tag), ours, back),
	                 0);
	assert_memory_equal(back, plain, length);
	assert_int_equal(gcm_open(gcm, nonce, associated, associated_length, theirs, length, other_tag, theirs), 0);
	assert_memory_equal(theirs, plain, length);
	assert_int_equal(gcm_seal(gcm, nonce, associated, associated_length, theirs, length, theirs, other_tag), 0);
	assert_memory_equal(theirs, ours, length);
	assert_memory_equal(other_tag, tag, sizeof(tag));
}

static void test_same_bytes_as_mbedtls(void **state) {
	(void)state;
	uint8_t key[AES256_KEY_SIZE];
	fill(key, sizeof(key), 7);
	struct gcm *gcm;
	mbedtls_gcm_context other;
	mbedtls_gcm_init(&other);
	assert_int_equal(gcm_new(&gcm, key), 0);
	assert_int_equal(mbedtls_gcm_setkey(&other, MBEDTLS_CIPHER_ID_AES, key, 256), 0);
	for (size_t length = 0; length <= 300; length++)
		compare(gcm, &other, length, length % 65);
	static const size_t lengths[] = { 4095, 4096, 4097, 16384, 65503, 65504, LONGEST };
	for (size_t i = 0; i < ELEMENTS(lengths); i++)
		for (size_t associated_length = 0; associated_length <= 64; associated_length += 16)
			compare(gcm, &other, lengths[i], associated_length);
	mbedtls_gcm_free(&other);
	gcm_free(gcm);
}

/* Whatever bit is wrong, nothing comes out. */
static void test_every_flipped_bit(void **state) {
	(void)state;
	uint8_t nonce[GCM_NONCE_SIZE] = { 3 }, associated[13] = { 1 }, tag[GCM_TAG_SIZE];
	const uint8_t key[AES256_KEY_SIZE] = { 5 }, zero[48] = { 0 };
	const struct {
		uint8_t *bytes;
		size_t length;
	} parts[] = {
		{ nonce, sizeof(nonce) },
		{ associated, sizeof(associated) },
		{ ours, sizeof(zero) },
		{ tag, sizeof(tag) },
	};
	struct gcm *gcm;
	assert_int_equal(gcm_new(&gcm, key), 0);
	fill(plain, sizeof(zero), 1);
	assert_int_equal(gcm_seal(gcm, nonce, associated, sizeof(associated), plain, sizeof(zero), ours, tag), 0);
	for (size_t part = 0; part < ELEMENTS(parts); part++)
		for (size_t bit = 0; bit < 8 * parts[part].length; bit++) {
			parts[part].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			memset(back, 0xaa, sizeof(zero));
			assert_int_equal(gcm_open(gcm, nonce, associated, sizeof(associated), ours, sizeof(zero), tag, back),
			                 -EBADMSG);
			assert_memory_equal(back, zero, sizeof(zero));
			parts[part].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	assert_int_equal(gcm_open(gcm, nonce, associated, sizeof(associated) - 1, ours, sizeof(zero), tag, back), -EBADMSG);
	assert_int_equal(gcm_open(gcm, nonce, associated, sizeof(associated), ours, sizeof(zero) - 1, tag, back), -EBADMSG);
	/* A refusal leaves the context usable. */
	assert_int_equal(gcm_open(gcm, nonce, associated, sizeof(associated), ours, sizeof(zero), tag, back), 0);
	assert_memory_equal(back, plain, sizeof(zero));
	gcm_free(gcm);
	gcm_free(NULL);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_same_bytes_as_mbedtls),
		cmocka_unit_test(test_every_flipped_bit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
