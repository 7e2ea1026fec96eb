/* NDEF messages and tag images: what is written can be read, and cannot be rewritten. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "nfc/tag.h"

static struct nfc_identity example(bool fingerprint) {
	struct nfc_identity identity = { .serial = "LY1-000042", .model = "Lanyard One", .has_fingerprint = fingerprint };
	for (size_t i = 0; fingerprint && i < NFC_FINGERPRINT_SIZE; i++)
		identity.fingerprint[i] = (uint8_t)(i * 7);
	return identity;
}

static void assert_same(const struct nfc_identity *a, const struct nfc_identity *b) {
	assert_string_equal(a->serial, b->serial);
	assert_string_equal(a->model, b->model);
	assert_int_equal(a->has_fingerprint, b->has_fingerprint);
	assert_memory_equal(a->fingerprint, b->fingerprint, NFC_FINGERPRINT_SIZE);
}

/* The bytes that a phone must see, worked out by hand from NDEF 1.0 and RTD Text and URI 1.0. */
static void test_message_bytes(void **state) {
	(void)state;
	static const uint8_t expected[] = "\x91\x01\x08T\x02"
	                                  "enM S12\x51\x01\x17U\x00urn:lanyard:camera:S12";
	struct nfc_identity identity = { .serial = "S12", .model = "M" };
	uint8_t bytes[NDEF_LIMIT];
	size_t length;
	assert_int_equal(ndef_encode(&identity, bytes, sizeof(bytes), &length), 0);
	assert_int_equal(length, sizeof(expected) - 1);
	assert_memory_equal(bytes, expected, length);
}

static void test_round_trip(void **state) {
	(void)state;
	for (unsigned kind = 0; kind < TAG_KINDS; kind++)
		for (int fingerprint = 0; fingerprint < 2; fingerprint++) {
			struct nfc_identity identity = example(fingerprint), back;
			static const uint8_t uid[7] = { 0x04, 1, 2, 3, 4, 5, 6 };
			uint8_t image[TAG_IMAGE_LIMIT];
			size_t length;
			assert_int_equal(tag_image_make((enum tag_kind)kind, &identity, uid, image, &length), 0);
			assert_int_equal(tag_image_read((enum tag_kind)kind, image, length, &back), 0);
			assert_same(&identity, &back);
			assert_int_equal(tag_image_writable((enum tag_kind)kind, image, length), 0);
		}
}

/* Clearing any lock bit that the data sheet defines is found. */
static void test_every_lock_bit_counts(void **state) {
	(void)state;
	static const struct {
		enum tag_kind kind;
		size_t at;
		uint8_t mask;
		int expected;
	} rows[] = {
		{ TAG_NTAG213, 10, 0x08, TAG_WRITABLE_CONTAINER },
		{ TAG_NTAG213, 10, 0xf0, TAG_WRITABLE_STATIC },
		{ TAG_NTAG213, 11, 0xff, TAG_WRITABLE_STATIC },
		{ TAG_NTAG213, 10, 0x07, TAG_WRITABLE_LOCK_BITS },
		{ TAG_NTAG213, 15, 0x0f, TAG_WRITABLE_CONTAINER },
		{ TAG_NTAG213, 0x28 * 4, 0xff, TAG_WRITABLE_DYNAMIC },
		{ TAG_NTAG213, 0x28 * 4 + 1, 0x0f, TAG_WRITABLE_DYNAMIC },
		{ TAG_NTAG213, 0x28 * 4 + 2, 0x3f, TAG_WRITABLE_LOCK_BITS },
		{ TAG_NTAG213, 0x2a * 4, 0x40, TAG_WRITABLE_CONFIGURATION },
		{ TAG_NTAG215, 0x82 * 4, 0xff, TAG_WRITABLE_DYNAMIC },
		{ TAG_NTAG215, 0x82 * 4 + 2, 0x0f, TAG_WRITABLE_LOCK_BITS },
		{ TAG_NTAG215, 0x84 * 4, 0x40, TAG_WRITABLE_CONFIGURATION },
		{ TAG_NTAG216, 0xe2 * 4, 0xff, TAG_WRITABLE_DYNAMIC },
		{ TAG_NTAG216, 0xe2 * 4 + 1, 0x3f, TAG_WRITABLE_DYNAMIC },
		{ TAG_NTAG216, 0xe2 * 4 + 2, 0x7f, TAG_WRITABLE_LOCK_BITS },
		{ TAG_NTAG216, 0xe4 * 4, 0x40, TAG_WRITABLE_CONFIGURATION },
		{ TAG_TYPE4, 14, 0xff, TAG_WRITABLE_CONTAINER },
	};
	struct nfc_identity identity = example(false);
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			if (!(rows[i].mask & 1u << bit))
				continue;
			uint8_t image[TAG_IMAGE_LIMIT];
			size_t length;
			assert_int_equal(tag_image_make(rows[i].kind, &identity, NULL, image, &length), 0);
			image[rows[i].at] &= (uint8_t) ~(1u << bit);
			if (!(tag_image_writable(rows[i].kind, image, length) & rows[i].expected))
				fail_msg("row %zu bit %u was not found", i, bit);
		}
}

static void test_bad_identities(void **state) {
	(void)state;
	static const struct nfc_identity rows[] = {
		{ .serial = "", .model = "M" },    { .serial = "S", .model = "" },          { .serial = "S 1", .model = "M" },
		{ .serial = "S\n", .model = "M" }, { .serial = "S", .model = "M\xc3\xa4" }, { .serial = "S\x7f", .model = "M" },
	};
	uint8_t bytes[NDEF_LIMIT];
	size_t length = 99;
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(ndef_encode(&rows[i], bytes, sizeof(bytes), &length), -EINVAL);
	struct nfc_identity good = example(true);
	for (size_t capacity = 0; capacity < 100; capacity++)
		assert_int_equal(ndef_encode(&good, bytes, capacity, &length), -ENOSPC);
	assert_int_equal(length, 99);
}

static void test_every_truncation_is_refused(void **state) {
	(void)state;
	struct nfc_identity identity = example(true), back;
	uint8_t bytes[NDEF_LIMIT];
	size_t length;
	assert_int_equal(ndef_encode(&identity, bytes, sizeof(bytes), &length), 0);
	for (size_t cut = 0; cut < length; cut++)
		assert_int_equal(ndef_decode(bytes, cut, &back), -EBADMSG);
	bytes[length] = 0;
	assert_int_equal(ndef_decode(bytes, length + 1, &back), -EBADMSG);
}

static void test_others_tags_are_no_cameras(void **state) {
	(void)state;
	struct nfc_identity back;
	static const uint8_t web[] = "\xd1\x01\x0cU\x01"
	                             "example.com";
	assert_int_equal(ndef_decode(web, sizeof(web) - 1, &back), -EBADMSG);
	uint8_t blank[180] = { 0 };
	assert_int_equal(tag_image_read(TAG_NTAG213, blank, sizeof(blank), &back), -EBADMSG);
	assert_int_equal(tag_image_writable(TAG_NTAG213, blank, sizeof(blank)), -EBADMSG);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message_bytes),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_every_lock_bit_counts),
		cmocka_unit_test(test_bad_identities),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_others_tags_are_no_cameras),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
