#include "nfc/tag.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "nfc/tlv.h"

static const struct ntag ntags[] = {
	[TAG_NTAG213] = { 45, 0x28, 0x12, 2, 2, { 0xff, 0x0f, 0x3f } },
	[TAG_NTAG215] = { 135, 0x82, 0x3e, 16, 2, { 0xff, 0x00, 0x0f } },
	[TAG_NTAG216] = { 231, 0xe2, 0x6d, 16, 2, { 0xff, 0x3f, 0x7f } },
};

#define CASCADE_TAG 0x88 /* ISO/IEC 14443-3: part of the first check byte of a UID of seven bytes */

/* Type 4 */
#define MAPPING_VERSION 0x20
#define FILE_CONTROL 0x04
#define FILE_CONTROL_SIZE 6
#define FILE_IDENTIFIER 0xe104
#define FILE_SIZE (2 + NDEF_LIMIT)
#define READ_LIMIT 0x00fb
#define WRITE_LIMIT 0x00f6

const struct ntag *tag_ntag(enum tag_kind kind) {
	return kind < TAG_TYPE4 ? &ntags[kind] : NULL;
}

static int ntag_make(const struct ntag *chip, const uint8_t *message, size_t length, const uint8_t *uid, uint8_t *memory) {
	memset(memory, 0, (size_t)chip->pages * NTAG_PAGE_SIZE);
	if (uid) { /* with its two check bytes */
		memcpy(memory, uid, 3);
		memory[3] = (uint8_t)(CASCADE_TAG ^ uid[0] ^ uid[1] ^ uid[2]);
		memcpy(memory + 4, uid + 3, 4);
		memory[8] = uid[3] ^ uid[4] ^ uid[5] ^ uid[6];
	}
	memory[9] = NTAG_INTERNAL;
	memset(memory + 10, 0xff, 2); /* static lock bytes: everything, block-lock bits included */
	memcpy(ntag_page(memory, NTAG_CONTAINER_PAGE),
	       (const uint8_t[]){ NTAG_CONTAINER_MAGIC, NTAG_CONTAINER_VERSION, chip->size_code, NTAG_CONTAINER_READ_ONLY }, 4);
	struct writer w = writer_over(ntag_page(memory, NTAG_USER_PAGE), (size_t)chip->size_code * 8);
	tlv_write_message(&w, message, length);
	if (w.failed)
		return -ENOSPC;
	uint8_t *dynamic = ntag_page(memory, chip->dynamic_lock_page);
	memcpy(dynamic, chip->dynamic_lock, sizeof(chip->dynamic_lock));
	dynamic[3] = NTAG_DYNAMIC_RESERVED;
	ntag_page(memory, ntag_cfg0_page(chip))[0] = NTAG_MIRROR_DEFAULT;
	ntag_page(memory, ntag_cfg0_page(chip))[3] = NTAG_AUTH0_NEVER;
	ntag_page(memory, ntag_cfg1_page(chip))[0] = NTAG_CONFIGURATION_LOCK;
	ntag_page(memory, ntag_cfg1_page(chip))[1] = NTAG_CONFIGURATION_RESERVED;
	return 0; /* PWD and PACK read as zeros, whatever they are */
}

static void type4_make(const uint8_t *message, size_t length, struct tag_image *image) {
	struct writer w = writer_over(image->bytes, sizeof(image->bytes));
	writer_u16(&w, TYPE4_CONTAINER_SIZE);
	writer_u8(&w, MAPPING_VERSION);
	writer_u16(&w, READ_LIMIT);
	writer_u16(&w, WRITE_LIMIT);
	writer_u8(&w, FILE_CONTROL);
	writer_u8(&w, FILE_CONTROL_SIZE);
	writer_u16(&w, FILE_IDENTIFIER);
	writer_u16(&w, FILE_SIZE);
	writer_u8(&w, TYPE4_ACCESS_FREE);
	writer_u8(&w, TYPE4_ACCESS_NEVER);
	writer_u16(&w, (uint16_t)length);
	writer_copy(&w, message, length);
	image->length = writer_length(&w);
}

int tag_image_make(enum tag_kind kind, const struct nfc_identity *identity, const uint8_t uid[TAG_UID_SIZE],
                   struct tag_image *ret) {
	uint8_t message[NDEF_LIMIT];
	size_t length = 0;
	const struct ntag *chip = tag_ntag(kind);
	struct tag_image image = { .kind = kind };
	int result = ndef_encode(identity, message, sizeof(message), &length);
	if (result == 0 && chip) {
		image.length = (size_t)chip->pages * NTAG_PAGE_SIZE;
		result = ntag_make(chip, message, length, uid, image.bytes);
	} else if (result == 0) {
		type4_make(message, length, &image);
	}
	if (result == 0)
		*ret = image;
	return result;
}

enum reason type4_container_parse(const uint8_t *bytes, size_t length, struct type4_container *ret) {
	struct reader r = reader_over(bytes, length);
	struct type4_container c = { .size = reader_u16(&r) };
	uint8_t version = reader_u8(&r);
	c.read_limit = reader_u16(&r);
	c.write_limit = reader_u16(&r);
	bool file_control = reader_u8(&r) == FILE_CONTROL;
	file_control = reader_u8(&r) == FILE_CONTROL_SIZE && file_control;
	c.file = reader_u16(&r);
	c.file_size = reader_u16(&r);
	c.read_access = reader_u8(&r);
	c.write_access = reader_u8(&r);
	bool good = !r.failed && c.size >= TYPE4_CONTAINER_SIZE && (version >> 4 == 2 || version >> 4 == 3) && file_control &&
	            c.read_limit >= 0x0f && c.write_limit >= 1 && c.file_size >= 2;
	if (!good)
		return REASON_TAG_MALFORMED;
	*ret = c;
	return REASON_OK;
}

enum reason tag_kind_from_container(const uint8_t container[NTAG_PAGE_SIZE], enum tag_kind *ret) {
	for (unsigned kind = 0; kind < TAG_TYPE4; kind++)
		if (container[0] == NTAG_CONTAINER_MAGIC && container[1] >> 4 == NTAG_CONTAINER_VERSION >> 4 &&
		    container[2] == ntags[kind].size_code) {
			*ret = (enum tag_kind)kind;
			return REASON_OK;
		}
	return REASON_TAG_UNKNOWN;
}

enum reason tag_image_from_bytes(const uint8_t *bytes, size_t length, struct tag_image *ret) {
	struct type4_container container;
	enum tag_kind kind = TAG_TYPE4;
	if (length > TAG_IMAGE_LIMIT)
		return REASON_TAG_UNKNOWN;
	/* A Type 4 image begins with its container, an NTAG with its UID, whose first byte is the manufacturer's: never 0 but
	 * where it is left out, and then the next ones are 0, too. */
	bool type4 = type4_container_parse(bytes, length, &container) == REASON_OK && container.size + 2u <= length;
	if (!type4) {
		const size_t needed = (NTAG_CONTAINER_PAGE + 1) * NTAG_PAGE_SIZE;
		if (length < needed || tag_kind_from_container(ntag_page_of(bytes, NTAG_CONTAINER_PAGE), &kind) != REASON_OK ||
		    length != (size_t)ntags[kind].pages * NTAG_PAGE_SIZE)
			return REASON_TAG_UNKNOWN;
	}
	*ret = (struct tag_image){ .kind = kind, .length = length };
	memcpy(ret->bytes, bytes, length);
	return REASON_OK;
}

enum reason tag_image_message(const struct tag_image *image, const uint8_t **ret, size_t *ret_length) {
	const struct ntag *chip = tag_ntag(image->kind);
	if (chip)
		return tlv_find_message(ntag_page_of(image->bytes, NTAG_USER_PAGE), (size_t)chip->size_code * 8, ret, ret_length);
	struct type4_container container;
	if (type4_container_parse(image->bytes, image->length, &container) != REASON_OK || container.size > image->length)
		return REASON_TAG_MALFORMED;
	struct reader r = reader_over(image->bytes + container.size, image->length - container.size);
	size_t length = reader_u16(&r);
	const uint8_t *message = reader_take(&r, length);
	if (r.failed)
		return REASON_TAG_MALFORMED;
	if (length == 0)
		return REASON_TAG_EMPTY;
	*ret = message;
	*ret_length = length;
	return REASON_OK;
}

enum reason tag_image_read(const struct tag_image *image, struct nfc_identity *ret) {
	const uint8_t *message;
	size_t length;
	enum reason reason = tag_image_message(image, &message, &length);
	return reason == REASON_OK ? ndef_decode(message, length, ret) : reason;
}

static const char *const kind_names[TAG_KINDS] = { "ntag213", "ntag215", "ntag216", "type4" };

const char *tag_kind_name(enum tag_kind kind) {
	return kind_names[kind];
}

bool tag_kind_from_name(const char *name, enum tag_kind *ret) {
	for (unsigned kind = 0; kind < TAG_KINDS; kind++)
		if (strcmp(kind_names[kind], name) == 0) {
			*ret = (enum tag_kind)kind;
			return true;
		}
	return false;
}
