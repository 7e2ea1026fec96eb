/* NDEF messages, tag images and what can still be changed on them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "nfc/lock.h"
#include "nfc/plan.h"
#include "nfc/tag.h"
#include "nfc/tlv.h"

static struct nfc_identity example(bool fingerprint) {
	struct nfc_identity identity = { .serial = "LY1-000042", .model = "Lanyard One", .has_fingerprint = fingerprint };
	for (size_t i = 0; fingerprint && i < NFC_FINGERPRINT_SIZE; i++)
		identity.fingerprint[i] = (uint8_t)(i * 7);
	return identity;
}

static struct tag_image image_of(enum tag_kind kind, bool fingerprint) {
	struct nfc_identity identity = example(fingerprint);
	struct tag_image image;
	assert_int_equal(tag_image_make(kind, &identity, NULL, &image), 0);
	return image;
}

static void assert_same(const struct nfc_identity *a, const struct nfc_identity *b) {
	assert_string_equal(a->serial, b->serial);
	assert_string_equal(a->model, b->model);
	assert_int_equal(a->has_fingerprint, b->has_fingerprint);
	assert_memory_equal(a->fingerprint, b->fingerprint, NFC_FINGERPRINT_SIZE);
}

/* ---------------------------------------------------------------------------------------------------------------- messages */

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

static void test_bad_identities(void **state) {
	(void)state;
	static const struct nfc_identity rows[] = {
		{ .serial = "", .model = "M" },     { .serial = "S", .model = "" },          { .serial = "S 1", .model = "M" },
		{ .serial = "S\n", .model = "M" },  { .serial = "S", .model = "M\xc3\xa4" }, { .serial = "S\x7f", .model = "M" },
		{ .serial = "=1+1", .model = "M" }, { .serial = "S", .model = "=1+1" },      { .serial = "-1", .model = "M" },
		{ .serial = "S/1", .model = "M" },  { .serial = "S", .model = " M" },        { .serial = "S,1", .model = "M" },
	};
	uint8_t bytes[NDEF_LIMIT];
	size_t length = 99;
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(ndef_encode(&rows[i], bytes, sizeof(bytes), &length), -EINVAL);
	struct nfc_identity good = example(true);
	for (size_t capacity = 0; capacity < 97; capacity++)
		assert_int_equal(ndef_encode(&good, bytes, capacity, &length), -ENOSPC);
	assert_int_equal(length, 99);
	assert_int_equal(ndef_encode(&good, bytes, 97, &length), 0);
	assert_int_equal(length, 97);
}

static void test_every_truncation_is_refused(void **state) {
	(void)state;
	struct nfc_identity identity = example(true), back;
	uint8_t bytes[NDEF_LIMIT];
	size_t length;
	assert_int_equal(ndef_encode(&identity, bytes, sizeof(bytes), &length), 0);
	for (size_t cut = 0; cut < length; cut++)
		assert_int_equal(ndef_decode(bytes, cut, &back), REASON_NDEF_MALFORMED);
	bytes[length] = 0;
	assert_int_equal(ndef_decode(bytes, length + 1, &back), REASON_NDEF_MALFORMED);
}

#define URI(flags, serial) flags "\x01\x16U\x00urn:lanyard:camera:" serial
#define KEY(flags) flags "\x0f\x10lanyard.org:key0123456789abcdef"

static void test_others_messages(void **state) {
	(void)state;
#define ROW(bytes, reason) \
	{ bytes, sizeof(bytes) - 1, reason }
	static const struct {
		const char *bytes;
		size_t length;
		enum reason reason;
	} rows[] = {
		ROW(URI("\xd1", "S1"), REASON_OK),
		ROW("\xd1\x01\x0cU\x01"
		    "example.com",
		    REASON_TAG_FOREIGN),
		ROW("\xd0\x00\x00", REASON_TAG_FOREIGN), /* the empty record of an erased tag */
		/* a record with an identifier, one with a long length, one of a type that we do not know: passed over */
		ROW("\x99\x01\x00\x01Xi" URI("\x51", "S1"), REASON_OK),
		ROW("\x81\x01\x00\x00\x00\x02X12" URI("\x51", "S1"), REASON_OK),
		ROW("\x92\x0a\x01text/plainx" URI("\x51", "S1"), REASON_OK),
		/* text that is not ours, UTF-16, empty, longer than any of ours: no model, but a camera */
		ROW("\x91\x01\x05T\x02"
		    "deXX" URI("\x51", "S1"),
		    REASON_OK),
		ROW("\x91\x01\x05T\x82"
		    "enXX" URI("\x51", "S1"),
		    REASON_OK),
		ROW("\x91\x01\x00T" URI("\x51", "S1"), REASON_OK),
		/* two serials, two keys, a key of another size: which one would be the true one? */
		ROW(URI("\x91", "S1") URI("\x51", "S2"), REASON_NDEF_MALFORMED),
		ROW(URI("\x91", "S1") KEY("\x14") KEY("\x54"), REASON_NDEF_MALFORMED),
		ROW(URI("\x91", "S1") KEY("\x54"), REASON_OK),
		ROW(URI("\x91", "S1") "\x54\x0f\x01lanyard.org:keyx", REASON_NDEF_MALFORMED),
		/* serials that no camera has */
		ROW(URI("\xd1", "S "), REASON_NDEF_MALFORMED),
		ROW(URI("\xd1", "=1"), REASON_NDEF_MALFORMED),
		ROW(URI("\xd1", "S\0"), REASON_NDEF_MALFORMED),
		ROW("\xd1\x01\x14U\x00urn:lanyard:camera:", REASON_NDEF_MALFORMED),
		/* no beginning, two beginnings, no end, chunks, formats that may not be, a language longer than the record */
		ROW(URI("\x51", "S1"), REASON_NDEF_MALFORMED),
		ROW(URI("\x91", "S1") URI("\xd1", "S1"), REASON_NDEF_MALFORMED),
		ROW(URI("\x91", "S1"), REASON_NDEF_MALFORMED),
		ROW(URI("\xf1", "S1"), REASON_NDEF_MALFORMED),
		ROW(URI("\xd6", "S1"), REASON_NDEF_MALFORMED),
		ROW(URI("\xd7", "S1"), REASON_NDEF_MALFORMED),
		ROW(URI("\xd0", "S1"), REASON_NDEF_MALFORMED),
		ROW("\x91\x01\x02T\x3f"
		    "e" URI("\x51", "S1"),
		    REASON_NDEF_MALFORMED),
		/* lengths beyond everything */
		ROW("\xc1\x01\xff\xff\xff\xffU", REASON_NDEF_MALFORMED),
		ROW("\xd1\xff\xffU", REASON_NDEF_MALFORMED),
		ROW("", REASON_NDEF_MALFORMED),
	};
#undef ROW
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct nfc_identity back = { .serial = "untouched" };
		enum reason reason = ndef_decode((const uint8_t *)rows[i].bytes, rows[i].length, &back);
		if (reason != rows[i].reason)
			fail_msg("row %zu: %s, expected %s", i, reason_code(reason), reason_code(rows[i].reason));
		assert_string_equal(back.serial, reason == REASON_OK ? "S1" : "untouched");
	}
}

static void test_fingerprints(void **state) {
	(void)state;
	uint8_t bytes[NFC_FINGERPRINT_SIZE];
	char text[NFC_FINGERPRINT_TEXT];
	assert_int_equal(nfc_fingerprint_parse("0123-4567-89ab-cdef-0123-4567-89ab-cdef", bytes), 0);
	assert_memory_equal(bytes, "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef", sizeof(bytes));
	nfc_fingerprint_format(bytes, text);
	assert_string_equal(text, "0123-4567-89ab-cdef-0123-4567-89ab-cdef");
	assert_int_equal(nfc_fingerprint_parse("0123456789ABCDEF0123456789abcdef", bytes), 0);
	static const char *const bad[] = { "",
		                           "0123",
		                           "0123-4567-89ab-cdef-0123-4567-89ab-cdef-",
		                           "0123-4567-89ab-cdef-0123-4567-89ab-cdef-0123",
		                           "0123-4567-89ab-cdef-0123-4567-89ab-cde",
		                           "0123-4567-89ab-cdef-0123-4567-89ab-cdeg",
		                           "01234-567-89ab-cdef-0123-4567-89ab-cdef",
		                           "0123 4567 89ab cdef 0123 4567 89ab cdef" };
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_int_equal(nfc_fingerprint_parse(bad[i], bytes), -EINVAL);
}

/* ------------------------------------------------------------------------------------------------------------------ blocks */

static void test_blocks(void **state) {
	(void)state;
#define ROW(bytes, reason, at, length) \
	{ bytes, sizeof(bytes) - 1, reason, at, length }
	static const struct {
		const char *bytes;
		size_t length;
		enum reason reason;
		size_t at, message_length;
	} rows[] = {
		ROW("\x03\x02xy\xfe", REASON_OK, 2, 2),
		ROW("\x00\x00\x03\x02xy\xfe", REASON_OK, 4, 2),
		ROW("\x01\x03\xa0\x0c\x34\x03\x02xy\xfe", REASON_OK, 7, 2), /* as an NTAG213 comes from the factory */
		ROW("\x03\xff\x00\x02xy\xfe", REASON_OK, 4, 2),
		ROW("\xfd\x01z\x03\x01x", REASON_OK, 5, 1), /* nothing after the message */
		ROW("\x03\x00\xfe\x00", REASON_TAG_EMPTY, 0, 0),
		ROW("\xfe\x03\x01x", REASON_TAG_EMPTY, 0, 0),
		ROW("\x00\x00\x00", REASON_TAG_EMPTY, 0, 0),
		ROW("", REASON_TAG_EMPTY, 0, 0),
		ROW("\x03\x03xy", REASON_TAG_MALFORMED, 0, 0),
		ROW("\x03", REASON_TAG_MALFORMED, 0, 0),
		ROW("\x03\xff\x00", REASON_TAG_MALFORMED, 0, 0),
		ROW("\x03\xff\xff\xffx", REASON_TAG_MALFORMED, 0, 0),
		ROW("\xfd\x09\x03\x01x", REASON_TAG_MALFORMED, 0, 0),
	};
#undef ROW
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const uint8_t *area = (const uint8_t *)rows[i].bytes, *message = NULL;
		size_t length = 0;
		assert_int_equal(tlv_find_message(area, rows[i].length, &message, &length), rows[i].reason);
		assert_int_equal(length, rows[i].message_length);
		if (rows[i].reason == REASON_OK)
			assert_ptr_equal(message, area + rows[i].at);
	}
}

/* ------------------------------------------------------------------------------------------------------------------ images */

static void test_round_trip(void **state) {
	(void)state;
	for (unsigned kind = 0; kind < TAG_KINDS; kind++)
		for (int fingerprint = 0; fingerprint < 2; fingerprint++) {
			struct nfc_identity identity = example(fingerprint), back;
			static const uint8_t uid[7] = { 0x04, 1, 2, 3, 4, 5, 6 };
			struct tag_image image, again;
			struct tag_finding findings[TAG_FINDINGS_LIMIT];
			assert_int_equal(tag_image_make((enum tag_kind)kind, &identity, uid, &image), 0);
			assert_int_equal(tag_image_from_bytes(image.bytes, image.length, &again), REASON_OK);
			assert_int_equal(again.kind, kind);
			assert_int_equal(tag_image_read(&again, &back), REASON_OK);
			assert_same(&identity, &back);
			assert_false(tag_findings_open(findings, tag_findings(&image, findings)));
		}
}

static void test_longest(void **state) {
	(void)state;
	struct nfc_identity identity = example(true);
	struct tag_image image;
	memset(identity.serial, 'S', NFC_SERIAL_LIMIT);
	memset(identity.model, 'M', NFC_MODEL_LIMIT);
	assert_int_equal(tag_image_make(TAG_NTAG213, &identity, NULL, &image), -ENOSPC);
	identity.has_fingerprint = false;
	assert_int_equal(tag_image_make(TAG_NTAG213, &identity, NULL, &image), 0);
	identity.has_fingerprint = true;
	for (unsigned kind = TAG_NTAG215; kind < TAG_KINDS; kind++)
		assert_int_equal(tag_image_make((enum tag_kind)kind, &identity, NULL, &image), 0);
}

static void test_what_is_no_image(void **state) {
	(void)state;
	struct tag_image good = image_of(TAG_NTAG213, false), back;
	uint8_t blank[TAG_IMAGE_LIMIT + 1] = { 0 };
	assert_int_equal(tag_image_from_bytes(blank, 180, &back), REASON_TAG_UNKNOWN);
	assert_int_equal(tag_image_from_bytes(blank, sizeof(blank), &back), REASON_TAG_UNKNOWN);
	for (size_t length = 0; length < good.length; length++)
		assert_int_equal(tag_image_from_bytes(good.bytes, length, &back), REASON_TAG_UNKNOWN);
	good.bytes[14] = 0x3e; /* says NTAG215 in the memory of an NTAG213 */
	assert_int_equal(tag_image_from_bytes(good.bytes, good.length, &back), REASON_TAG_UNKNOWN);
	struct tag_image type4 = image_of(TAG_TYPE4, true);
	struct nfc_identity identity;
	for (size_t length = 0; length < type4.length; length++)
		if (tag_image_from_bytes(type4.bytes, length, &back) == REASON_OK)
			assert_int_equal(tag_image_read(&back, &identity), REASON_TAG_MALFORMED);
}

/* -------------------------------------------------------------------------------------------------------------------- locks */

static enum tag_protection protection_of(const struct tag_image *image, enum tag_area area) {
	struct tag_finding findings[TAG_FINDINGS_LIMIT];
	size_t count = tag_findings(image, findings);
	for (size_t i = 0; i < count; i++)
		if (findings[i].area == area) {
			assert_true(strlen(findings[i].why) > 0);
			return findings[i].protection;
		}
	fail_msg("no finding for %s", tag_area_name(area));
	return TAG_UNTOLD;
}

/* Clearing any lock bit that the data sheet defines is found, and named by the bytes that it leaves open. */
static void test_every_lock_bit_counts(void **state) {
	(void)state;
	static const struct {
		enum tag_kind kind;
		size_t at;
		uint8_t mask;
		enum tag_area area;
	} rows[] = {
		{ TAG_NTAG213, 10, 0x08, TAG_AREA_CONTAINER },
		{ TAG_NTAG213, 10, 0xf0, TAG_AREA_STATIC_PAGES },
		{ TAG_NTAG213, 11, 0xff, TAG_AREA_STATIC_PAGES },
		{ TAG_NTAG213, 10, 0x07, TAG_AREA_STATIC_LOCK_BITS },
		{ TAG_NTAG213, 15, 0x0f, TAG_AREA_CONTAINER },
		{ TAG_NTAG213, 0x28 * 4, 0xff, TAG_AREA_DYNAMIC_PAGES },
		{ TAG_NTAG213, 0x28 * 4 + 1, 0x0f, TAG_AREA_DYNAMIC_PAGES },
		{ TAG_NTAG213, 0x28 * 4 + 2, 0x3f, TAG_AREA_DYNAMIC_LOCK_BITS },
		{ TAG_NTAG213, 0x2a * 4, 0x40, TAG_AREA_CONFIGURATION },
		{ TAG_NTAG213, 0x2a * 4, 0x40, TAG_AREA_PASSWORD },
		{ TAG_NTAG213, 0x29 * 4 + 3, 0x80, TAG_AREA_CONFIGURATION }, /* AUTH0 7fh: beyond the pages */
		{ TAG_NTAG215, 0x82 * 4, 0xff, TAG_AREA_DYNAMIC_PAGES },
		{ TAG_NTAG215, 0x82 * 4 + 2, 0x0f, TAG_AREA_DYNAMIC_LOCK_BITS },
		{ TAG_NTAG215, 0x84 * 4, 0x40, TAG_AREA_CONFIGURATION },
		{ TAG_NTAG216, 0xe2 * 4, 0xff, TAG_AREA_DYNAMIC_PAGES },
		{ TAG_NTAG216, 0xe2 * 4 + 1, 0x3f, TAG_AREA_DYNAMIC_PAGES },
		{ TAG_NTAG216, 0xe2 * 4 + 2, 0x7f, TAG_AREA_DYNAMIC_LOCK_BITS },
		{ TAG_NTAG216, 0xe4 * 4, 0x40, TAG_AREA_CONFIGURATION },
		{ TAG_TYPE4, 14, 0xff, TAG_AREA_CONTAINER },
		{ TAG_TYPE4, 14, 0xff, TAG_AREA_FILE },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			if (!(rows[i].mask & 1u << bit))
				continue;
			struct tag_image image = image_of(rows[i].kind, false);
			image.bytes[rows[i].at] &= (uint8_t) ~(1u << bit);
			enum tag_protection protection = protection_of(&image, rows[i].area);
			bool beyond = rows[i].at == 0x29 * 4 + 3;
			if (protection != (beyond ? TAG_FIXED : TAG_OPEN) && rows[i].kind != TAG_TYPE4)
				fail_msg("row %zu bit %u: %s", i, bit, tag_protection_name(protection));
			if (rows[i].kind == TAG_TYPE4)
				assert_int_equal(protection, TAG_OPEN);
		}
}

/* A password or a mirror that is locked in for good is as bad as an open configuration. */
static void test_configuration_that_hides(void **state) {
	(void)state;
	struct tag_image image = image_of(TAG_NTAG213, false);
	assert_int_equal(protection_of(&image, TAG_AREA_CONFIGURATION), TAG_FIXED);
	assert_int_equal(protection_of(&image, TAG_AREA_PASSWORD), TAG_HARMLESS);
	image.bytes[0x29 * 4 + 3] = 44; /* the last page that AUTH0 can name */
	assert_int_equal(protection_of(&image, TAG_AREA_CONFIGURATION), TAG_OPEN);
	assert_int_equal(protection_of(&image, TAG_AREA_PASSWORD), TAG_OPEN);
	image = image_of(TAG_NTAG213, false);
	image.bytes[0x29 * 4] |= 0x40; /* UID mirror */
	assert_int_equal(protection_of(&image, TAG_AREA_CONFIGURATION), TAG_OPEN);
}

/* Which pages a lock bit guards, and which lock bits a block-lock bit freezes: the tables of the data sheet, written out. */
static void test_lock_bits_and_pages(void **state) {
	(void)state;
	static const struct {
		enum tag_kind kind;
		unsigned bit, first, last;
	} dynamic[] = {
		{ TAG_NTAG213, 0, 16, 17 },    { TAG_NTAG213, 7, 30, 31 },    { TAG_NTAG213, 8, 32, 33 },
		{ TAG_NTAG213, 11, 38, 39 },   { TAG_NTAG215, 0, 16, 31 },    { TAG_NTAG215, 6, 112, 127 },
		{ TAG_NTAG215, 7, 128, 129 },  { TAG_NTAG216, 0, 16, 31 },    { TAG_NTAG216, 8, 144, 159 },
		{ TAG_NTAG216, 12, 208, 223 }, { TAG_NTAG216, 13, 224, 225 },
	};
	for (size_t i = 0; i < ELEMENTS(dynamic); i++) {
		const struct ntag *chip = tag_ntag(dynamic[i].kind);
		uint8_t memory[TAG_IMAGE_LIMIT] = { 0 };
		ntag_page(memory, chip->dynamic_lock_page)[dynamic[i].bit / 8] = (uint8_t)(1u << dynamic[i].bit % 8);
		for (unsigned page = 3; page < chip->dynamic_lock_page; page++)
			assert_int_equal(ntag_page_locked(chip, memory, page),
			                 page >= dynamic[i].first && page <= dynamic[i].last);
	}
	static const struct {
		enum tag_kind kind;
		unsigned bit;
		uint32_t frozen;
	} blocks[] = {
		{ TAG_NTAG213, 0, 0x010003 }, { TAG_NTAG213, 5, 0x200c00 }, { TAG_NTAG215, 0, 0x010003 },
		{ TAG_NTAG215, 3, 0x0800c0 }, { TAG_NTAG216, 4, 0x100300 }, { TAG_NTAG216, 6, 0x403000 },
	};
	for (size_t i = 0; i < ELEMENTS(blocks); i++) {
		const struct ntag *chip = tag_ntag(blocks[i].kind);
		uint8_t memory[TAG_IMAGE_LIMIT] = { 0 };
		ntag_page(memory, chip->dynamic_lock_page)[2] = (uint8_t)(1u << blocks[i].bit);
		assert_int_equal(ntag_dynamic_frozen(chip, memory), blocks[i].frozen);
	}
	static const uint16_t statics[] = { 0x0009, 0x03f2, 0xfc04 };
	for (unsigned bit = 0; bit < ELEMENTS(statics); bit++) {
		uint8_t memory[TAG_IMAGE_LIMIT] = { 0 };
		memory[10] = (uint8_t)(1u << bit);
		assert_int_equal(ntag_static_frozen(memory), statics[bit]);
	}
}

/* -------------------------------------------------------------------------------------------------------------------- plans */

static struct tag_image factory_new(enum tag_kind kind) {
	const struct ntag *chip = tag_ntag(kind);
	struct tag_image image = { .kind = kind, .length = chip->pages * 4u };
	memcpy(ntag_page(image.bytes, 3), (const uint8_t[]){ 0xe1, 0x10, chip->size_code, 0, 0x03, 0x00, 0xfe }, 7);
	ntag_page(image.bytes, chip->dynamic_lock_page)[3] = 0xbd;
	memcpy(ntag_page(image.bytes, chip->dynamic_lock_page + 1u), (const uint8_t[]){ 4, 0, 0, 0xff, 0, 5 }, 6);
	return image;
}

static void test_plan(void **state) {
	(void)state;
	for (unsigned kind = 0; kind < TAG_TYPE4; kind++) {
		const struct ntag *chip = tag_ntag((enum tag_kind)kind);
		struct tag_image present = factory_new((enum tag_kind)kind), wanted = image_of((enum tag_kind)kind, true);
		struct ntag_plan plan;
		assert_int_equal(ntag_plan_make(chip, present.bytes, wanted.bytes, &plan), REASON_OK);
		assert_int_equal(plan.writes[plan.content - 1].page, 4);
		assert_int_equal(plan.writes[plan.count - 1].page, 2);
		assert_int_equal(plan.writes[plan.count - 2].page, 3);
		for (size_t i = 0; i < plan.count; i++) { /* the memory of a tag without any locks */
			assert_int_equal(i < plan.content,
			                 plan.writes[i].page >= 4 && plan.writes[i].page < chip->dynamic_lock_page);
			memcpy(ntag_page(present.bytes, plan.writes[i].page), plan.writes[i].bytes, 4);
		}
		assert_memory_equal(present.bytes + 10, wanted.bytes + 10, wanted.length - 10);
		assert_int_equal(ntag_plan_make(chip, present.bytes, wanted.bytes, &plan), REASON_OK);
		assert_int_equal(plan.count, 0);
	}
}

/* Whatever would have to change and cannot, is known before the first byte is written. */
static void test_plan_refuses(void **state) {
	(void)state;
	static const struct {
		size_t at;
		uint8_t set;
		enum reason reason;
	} rows[] = {
		{ 10, 0x10, REASON_TAG_LOCKED },        /* page 4 */
		{ 11, 0x80, REASON_OK },                /* page 15 is not in the way when its content is the same already */
		{ 10, 0x02, REASON_TAG_LOCKED },        /* the lock bits of pages 4-9 can never be set */
		{ 0x28 * 4, 0x01, REASON_TAG_LOCKED },  /* pages 16 and 17 */
		{ 0x28 * 4 + 2, 1, REASON_TAG_LOCKED }, /* their lock bits */
		{ 12, 0x10, REASON_TAG_UNKNOWN },       /* the container's magic has a bit too many */
		{ 15, 0xf0, REASON_TAG_UNKNOWN },       /* reading is not granted, for good */
		{ 15, 0x0f, REASON_OK },                /* write access is off already */
		{ 10, 0x08, REASON_TAG_LOCKED },        /* the container cannot be told that it is read-only */
		{ 0x2a * 4, 0x40, REASON_OK },          /* the configuration is locked, and is as it shall be */
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct tag_image present = factory_new(TAG_NTAG213), wanted = image_of(TAG_NTAG213, true);
		struct ntag_plan plan = { .count = 77 };
		memset(ntag_page(wanted.bytes, 15), 0, 4);
		present.bytes[rows[i].at] |= rows[i].set;
		enum reason reason = ntag_plan_make(tag_ntag(TAG_NTAG213), present.bytes, wanted.bytes, &plan);
		if (reason != rows[i].reason)
			fail_msg("row %zu: %s", i, reason_code(reason));
		assert_true(reason == REASON_OK || plan.count == 77);
	}
	struct tag_image present = factory_new(TAG_NTAG213), wanted = image_of(TAG_NTAG213, true);
	struct ntag_plan plan;
	present.bytes[0x29 * 4 + 3] = 0x10; /* AUTH0: a password from page 16 on */
	assert_int_equal(ntag_plan_make(tag_ntag(TAG_NTAG213), present.bytes, wanted.bytes, &plan), REASON_TAG_LOCKED);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message_bytes),
		cmocka_unit_test(test_bad_identities),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_others_messages),
		cmocka_unit_test(test_fingerprints),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_what_is_no_image),
		cmocka_unit_test(test_every_lock_bit_counts),
		cmocka_unit_test(test_configuration_that_hides),
		cmocka_unit_test(test_lock_bits_and_pages),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_plan_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
