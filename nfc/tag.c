#include "nfc/tag.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

/* One row for each NTAG: where things are, and the lock bits that exist (all others are reserved and must stay 0). */
static const struct ntag {
	uint8_t pages;             /* of the whole memory */
	uint8_t dynamic_lock_page; /* CFG0, CFG1, PWD and PACK follow it */
	uint8_t size_code;         /* capability container byte 2: user memory / 8 */
	uint8_t dynamic_lock[3];   /* all lock bits and block-lock bits set */
} ntags[] = {
	[TAG_NTAG213] = { 45, 0x28, 0x12, { 0xff, 0x0f, 0x3f } },
	[TAG_NTAG215] = { 135, 0x82, 0x3e, { 0xff, 0x00, 0x0f } },
	[TAG_NTAG216] = { 231, 0xe2, 0x6d, { 0xff, 0x3f, 0x7f } },
};

#define USER_PAGE 4
#define STATIC_LOCK_BLOCK_BITS 0x07 /* of byte 2 in page 2: BL-CC, BL 9-4, BL 15-10 */
#define CONTAINER_MAGIC 0xe1
#define CONTAINER_VERSION 0x10
#define CONTAINER_READ_ONLY 0x0f
#define CONFIGURATION_LOCK 0x40 /* CFGLCK in byte 0 of CFG1 */
#define AUTH0_NEVER 0xff        /* no page asks for a password */
#define TLV_NDEF 0x03
#define TLV_TERMINATOR 0xfe
#define TLV_NULL 0x00
#define LONG_LENGTH 0xff

/* Type 4 capability container, mapping version 2.0 */
#define TYPE4_CONTAINER_SIZE 15
#define TYPE4_NDEF_FILE_SIZE (2 + NDEF_LIMIT)
#define TYPE4_NO_WRITING 0xff

static uint8_t *page(uint8_t *image, unsigned number) {
	return image + (size_t)number * TAG_PAGE_SIZE;
}

static int ntag_make(const struct ntag *ntag, const uint8_t *message, size_t message_length, const uint8_t *uid, uint8_t *image,
                     size_t *ret_length) {
	size_t room = (size_t)ntag->size_code * 8;
	memset(image, 0, (size_t)ntag->pages * TAG_PAGE_SIZE);
	if (uid) { /* UID with its two check bytes, data sheet figure 5 */
		memcpy(image, uid, 3);
		image[3] = (uint8_t)(0x88 ^ uid[0] ^ uid[1] ^ uid[2]);
		memcpy(image + 4, uid + 3, 4);
		image[8] = uid[3] ^ uid[4] ^ uid[5] ^ uid[6];
	}
	memset(image + 10, 0xff, 2); /* static lock bytes: everything, block-lock bits included */
	memcpy(page(image, 3), (const uint8_t[]){ CONTAINER_MAGIC, CONTAINER_VERSION, ntag->size_code, CONTAINER_READ_ONLY }, 4);
	struct writer w = writer_over(page(image, USER_PAGE), room);
	writer_u8(&w, TLV_NDEF);
	if (message_length < LONG_LENGTH) {
		writer_u8(&w, (uint8_t)message_length);
	} else {
		writer_u8(&w, LONG_LENGTH);
		writer_u16(&w, (uint16_t)message_length);
	}
	writer_copy(&w, message, message_length);
	writer_u8(&w, TLV_TERMINATOR);
	if (w.failed)
		return -ENOSPC;
	memcpy(page(image, ntag->dynamic_lock_page), ntag->dynamic_lock, sizeof(ntag->dynamic_lock));
	page(image, ntag->dynamic_lock_page + 1u)[3] = AUTH0_NEVER;
	page(image, ntag->dynamic_lock_page + 2u)[0] = CONFIGURATION_LOCK;
	*ret_length = (size_t)ntag->pages * TAG_PAGE_SIZE;
	return 0;
}

static void type4_make(const uint8_t *message, size_t message_length, uint8_t *image, size_t *ret_length) {
	struct writer w = writer_over(image, TAG_IMAGE_LIMIT);
	writer_u16(&w, TYPE4_CONTAINER_SIZE);
	writer_u8(&w, 0x20);    /* mapping version 2.0 */
	writer_u16(&w, 0x00fb); /* most bytes in one READ BINARY */
	writer_u16(&w, 0x00f6); /* most bytes in one UPDATE BINARY */
	writer_u8(&w, 0x04);    /* NDEF File Control TLV */
	writer_u8(&w, 6);
	writer_u16(&w, 0xe104); /* file identifier */
	writer_u16(&w, TYPE4_NDEF_FILE_SIZE);
	writer_u8(&w, 0x00); /* reading: free */
	writer_u8(&w, TYPE4_NO_WRITING);
	writer_u16(&w, (uint16_t)message_length);
	writer_copy(&w, message, message_length);
	*ret_length = writer_length(&w);
}

int tag_image_make(enum tag_kind kind, const struct nfc_identity *identity, const uint8_t uid[7], uint8_t out[TAG_IMAGE_LIMIT],
                   size_t *ret_length) {
	uint8_t message[NDEF_LIMIT];
	size_t message_length = 0;
	int result = ndef_encode(identity, message, sizeof(message), &message_length);
	if (result < 0)
		return result;
	if (kind != TAG_TYPE4)
		return ntag_make(&ntags[kind], message, message_length, uid, out, ret_length);
	type4_make(message, message_length, out, ret_length);
	return 0;
}

static const struct ntag *ntag_of_image(enum tag_kind kind, const uint8_t *image, size_t length) {
	const struct ntag *ntag = &ntags[kind];
	bool good = length == (size_t)ntag->pages * TAG_PAGE_SIZE && image[12] == CONTAINER_MAGIC && image[14] == ntag->size_code;
	return good ? ntag : NULL;
}

static int ntag_read(const struct ntag *ntag, const uint8_t *image, struct nfc_identity *ret) {
	struct reader r = reader_over(image + USER_PAGE * TAG_PAGE_SIZE, (size_t)ntag->size_code * 8);
	while (reader_left(&r) > 0) {
		uint8_t type = reader_u8(&r);
		if (type == TLV_NULL)
			continue;
		if (type == TLV_TERMINATOR)
			break;
		size_t length = reader_u8(&r);
		if (length == LONG_LENGTH)
			length = reader_u16(&r);
		const uint8_t *value = reader_take(&r, length);
		if (!value)
			return -EBADMSG;
		if (type == TLV_NDEF)
			return ndef_decode(value, length, ret);
	}
	return -EBADMSG;
}

static bool type4_is_container(const uint8_t *image, size_t length) {
	return length >= TYPE4_CONTAINER_SIZE + 2 && image[0] == 0 && image[1] == TYPE4_CONTAINER_SIZE && image[2] >> 4 == 2 &&
	       image[7] == 0x04 && image[8] == 6;
}

int tag_image_read(enum tag_kind kind, const uint8_t *image, size_t length, struct nfc_identity *ret) {
	if (kind != TAG_TYPE4) {
		const struct ntag *ntag = ntag_of_image(kind, image, length);
		return ntag ? ntag_read(ntag, image, ret) : -EBADMSG;
	}
	if (!type4_is_container(image, length))
		return -EBADMSG;
	struct reader r = reader_over(image + TYPE4_CONTAINER_SIZE, length - TYPE4_CONTAINER_SIZE);
	size_t message_length = reader_u16(&r);
	const uint8_t *message = reader_take(&r, message_length);
	return message ? ndef_decode(message, message_length, ret) : -EBADMSG;
}

static int ntag_writable(const struct ntag *ntag, const uint8_t *image) {
	const uint8_t *lock = image + 10, *dynamic = image + (size_t)ntag->dynamic_lock_page * TAG_PAGE_SIZE;
	int writable = 0;
	/* Lock byte 0: bits 3-7 lock pages 3-7; lock byte 1: pages 8-15. */
	if ((image[15] & 0x0f) != CONTAINER_READ_ONLY || !(lock[0] & 0x08))
		writable |= TAG_WRITABLE_CONTAINER;
	if ((lock[0] & 0xf8) != 0xf8 || lock[1] != 0xff)
		writable |= TAG_WRITABLE_STATIC;
	if ((dynamic[0] & ntag->dynamic_lock[0]) != ntag->dynamic_lock[0] ||
	    (dynamic[1] & ntag->dynamic_lock[1]) != ntag->dynamic_lock[1])
		writable |= TAG_WRITABLE_DYNAMIC;
	if ((lock[0] & STATIC_LOCK_BLOCK_BITS) != STATIC_LOCK_BLOCK_BITS ||
	    (dynamic[2] & ntag->dynamic_lock[2]) != ntag->dynamic_lock[2])
		writable |= TAG_WRITABLE_LOCK_BITS;
	if (!(dynamic[2 * TAG_PAGE_SIZE] & CONFIGURATION_LOCK))
		writable |= TAG_WRITABLE_CONFIGURATION;
	return writable;
}

int tag_image_writable(enum tag_kind kind, const uint8_t *image, size_t length) {
	if (kind != TAG_TYPE4) {
		const struct ntag *ntag = ntag_of_image(kind, image, length);
		return ntag ? ntag_writable(ntag, image) : -EBADMSG;
	}
	if (!type4_is_container(image, length))
		return -EBADMSG;
	return image[14] == TYPE4_NO_WRITING ? 0 : TAG_WRITABLE_CONTAINER;
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
