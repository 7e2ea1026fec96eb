/* Memory images of the tags that hold the message: NXP NTAG213, NTAG215, NTAG216 (NFC Forum Type 2) and a Type 4 tag's two files.
 * An image is write-protected when it is made: nobody rewrites a camera's identity in the field. Pure.
 * Sources: NXP NTAG213/215/216 data sheet rev. 3.2, sections 8.5 and 8.6; NFC Forum Type 2 Tag 1.1 and Type 4 Tag 2.0. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "nfc/ndef.h"
#include "nfc/ntag.h"

enum tag_kind { TAG_NTAG213, TAG_NTAG215, TAG_NTAG216, TAG_TYPE4, TAG_KINDS };

#define TAG_IMAGE_LIMIT 924 /* NTAG216: 231 pages */
#define TAG_UID_SIZE 7

/* Whole memory for an NTAG, as it reads once it is written; for Type 4 the capability container followed by the NDEF file. */
struct tag_image {
	enum tag_kind kind;
	uint8_t bytes[TAG_IMAGE_LIMIT];
	size_t length;
};

/* The UID is the chip's own and cannot be written; NULL leaves it zero. Type 4 has none in its files. 0; ndef_encode's -EINVAL;
 * -ENOSPC when it does not fit. */
int tag_image_make(enum tag_kind kind, const struct nfc_identity *identity, const uint8_t uid[TAG_UID_SIZE],
                   struct tag_image *ret);
/* Takes bytes of unknown origin for an image, after telling its kind from its layout. REASON_OK, or REASON_TAG_UNKNOWN. */
enum reason tag_image_from_bytes(const uint8_t *bytes, size_t length, struct tag_image *ret);
/* The kind that a capability container (page 3) of a Type 2 tag announces. REASON_OK, or REASON_TAG_UNKNOWN. */
enum reason tag_kind_from_container(const uint8_t container[NTAG_PAGE_SIZE], enum tag_kind *ret);
/* The NDEF message inside an image. REASON_OK, REASON_TAG_MALFORMED, REASON_TAG_EMPTY. */
enum reason tag_image_message(const struct tag_image *image, const uint8_t **ret, size_t *ret_length);
/* The same, and ndef_decode's. */
enum reason tag_image_read(const struct tag_image *image, struct nfc_identity *ret);

const struct ntag *tag_ntag(enum tag_kind kind); /* NULL for Type 4 */
const char *tag_kind_name(enum tag_kind kind);   /* "ntag213", "ntag215", "ntag216", "type4" */
bool tag_kind_from_name(const char *name, enum tag_kind *ret);

/* A Type 4 tag's capability container (mapping version 2 or 3): what it tells of the NDEF file. */
struct type4_container {
	uint16_t size;                    /* of the container itself, and so where the file begins in an image */
	uint16_t read_limit, write_limit; /* most bytes in one READ BINARY and UPDATE BINARY */
	uint16_t file, file_size;
	uint8_t read_access, write_access;
};

#define TYPE4_CONTAINER_SIZE 15
#define TYPE4_WRITE_ACCESS_AT 14 /* where in the container */
#define TYPE4_ACCESS_FREE 0x00
#define TYPE4_ACCESS_NEVER 0xff

/* REASON_OK, or REASON_TAG_MALFORMED. */
enum reason type4_container_parse(const uint8_t *bytes, size_t length, struct type4_container *ret);
