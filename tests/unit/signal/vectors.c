/* A Signal and a Slate advert whose every byte stands in the documents: what our code writes, and what OpenSSL computes a second
 * time from docs/protocol.md and docs/slate.md alone. The keys are counted up: the group key is 00 01 … 1f, the camera's 20 21 …
 * 3f. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "signal/advert.h"
#include "signal/legacy.h"

#define TIME_S 1700000100u /* the beginning of epoch 1888889 */
#define EPOCH (TIME_S / 900)

static void count_up(uint8_t *out, uint8_t from) {
	for (uint8_t i = 0; i < 32; i++)
		out[i] = (uint8_t)(from + i);
}

static void put_be(uint8_t *out, uint64_t value, size_t length) {
	for (size_t i = 0; i < length; i++)
		out[i] = (uint8_t)(value >> (8 * (length - 1 - i)));
}

static void hmac(const uint8_t *key, const void *bytes, size_t length, uint8_t out[32]) {
	unsigned size = 32;
	assert_non_null(HMAC(EVP_sha256(), key, 32, bytes, length, out, &size));
}

/* header ‖ tag ‖ ciphertext over 15 bytes. */
static void seal(const uint8_t plaintext[15], uint8_t out[24]) {
	uint8_t group[32], info[17 + 8] = "lanyard advert v1", keys[64], input[16], tag[32], block[16] = { 0 }, stream[32];
	size_t length = sizeof(keys);
	int written;
	count_up(group, 0);
	put_be(info + 17, EPOCH, 8);
	EVP_PKEY_CTX *kdf = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	assert_true(EVP_PKEY_derive_init(kdf) > 0 && EVP_PKEY_CTX_set_hkdf_md(kdf, EVP_sha256()) > 0 &&
	            EVP_PKEY_CTX_set1_hkdf_key(kdf, group, 32) > 0 && EVP_PKEY_CTX_add1_hkdf_info(kdf, info, sizeof(info)) > 0 &&
	            EVP_PKEY_derive(kdf, keys, &length) > 0);
	EVP_PKEY_CTX_free(kdf);
	input[0] = 1;
	memcpy(input + 1, plaintext, 15);
	hmac(keys + 32, input, sizeof(input), tag);
	memcpy(block, tag, 8);
	EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
	assert_true(EVP_EncryptInit_ex(aes, EVP_aes_256_ecb(), NULL, keys, NULL) > 0 &&
	            EVP_EncryptUpdate(aes, stream, &written, block, 16) > 0);
	EVP_CIPHER_CTX_free(aes);
	out[0] = 1;
	memcpy(out + 1, tag, 8);
	for (size_t i = 0; i < 15; i++)
		out[9 + i] = plaintext[i] ^ stream[i];
}

static void check_contains(const char *path, const char *line) {
	static char text[1 << 17];
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	if (!strstr(text, line))
		fail_msg("%s does not show: %s", path, line);
}

/* The document and the file of vectors show these bytes, as one word. */
static void check_shown(const char *path, const char *name, const uint8_t *bytes, size_t length) {
	char line[128], digits[49];
	hex_encode(digits, bytes, length);
	snprintf(line, sizeof(line), "    %s = %s\n", name, digits);
	check_contains(path, line);
	snprintf(line, sizeof(line), "  \"%s\": \"%s\"", name, digits);
	check_contains(SOURCE_DIR "/docs/vectors/signal.json", line);
}

static void check(const struct advert_call *call, const uint8_t plaintext[15], const char *path, const char *name) {
	struct advert_keys keys;
	uint8_t group[32], ours[ADVERT_SIZE], theirs[ADVERT_SIZE];
	count_up(group, 0);
	advert_keys_derive(&keys, group, EPOCH);
	advert_encode(&keys, call, ours);
	seal(plaintext, theirs);
	assert_memory_equal(ours, theirs, ADVERT_SIZE);
	check_shown(path, name, ours, sizeof(ours));
}

static void test_signal(void **state) {
	(void)state;
	const struct advert_call call = {
		.type = ADVERT_SIGNAL,
		.signal = { .sender = 7, .sequence = 77, .time_s = TIME_S, .kind = SIGNAL_LIGHT_BAR },
	};
	uint8_t plaintext[15] = { 1 };
	put_be(plaintext + 1, 7, 4);
	put_be(plaintext + 5, 77, 4);
	put_be(plaintext + 9, TIME_S, 4);
	put_be(plaintext + 13, 2, 2);
	check(&call, plaintext, SOURCE_DIR "/docs/protocol.md", "signal");
}

static void test_slate(void **state) {
	(void)state;
	static const char identity_label[] = "lanyard slate identity v1", mac_label[] = "lanyard slate mac v1";
	struct advert_call call = { .type = ADVERT_SLATE };
	uint8_t camera[32], plaintext[15] = { 2 }, input[64], hash[32];
	size_t length;
	count_up(camera, 32);
	slate_make(&call.slate, camera, EPOCH, 421, -4);
	length = sizeof(identity_label) - 1;
	memcpy(input, identity_label, length);
	put_be(input + length, EPOCH, 8);
	hmac(camera, input, length + 8, hash);
	memcpy(plaintext + 1, hash, 8);
	put_be(plaintext + 9, 421, 2);
	plaintext[11] = 0xfc;
	length = sizeof(mac_label) - 1;
	memcpy(input, mac_label, length);
	put_be(input + length, EPOCH, 8);
	memcpy(input + length + 8, plaintext + 9, 3);
	hmac(camera, input, length + 11, hash);
	memcpy(plaintext + 12, hash, 3);
	check(&call, plaintext, SOURCE_DIR "/docs/slate.md", "slate");
}

/* Computed by hand: there is nothing in it to compute. */
static void test_unsigned(void **state) {
	(void)state;
	static const uint8_t theirs[LEGACY_SIZE] = { 0x10, 3, 4242 >> 24, (4242 >> 16) & 0xff, (4242 >> 8) & 0xff, 4242 & 0xff };
	uint8_t ours[LEGACY_SIZE];
	legacy_encode(&(struct legacy_call){ SIGNAL_SIREN, 4242 }, ours);
	assert_memory_equal(ours, theirs, sizeof(ours));
	check_shown(SOURCE_DIR "/docs/protocol.md", "unsigned", ours, sizeof(ours));
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_signal), cmocka_unit_test(test_slate),
		                            cmocka_unit_test(test_unsigned) };
	return crypto_start() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
