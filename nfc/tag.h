/* Memory images of the tags that hold the message: NXP NTAG213, NTAG215, NTAG216 (NFC Forum Type 2) and a Type 4 tag's two files.
 * An image is write-protected when it is made: nobody rewrites a camera's identity in the field. Pure.
 * Sources: NXP NTAG213/215/216 data sheet rev. 3.2, sections 8.5 and 8.6; NFC Forum Type 2 Tag 1.1 and Type 4 Tag 2.0. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nfc/ndef.h"

enum tag_kind { TAG_NTAG213, TAG_NTAG215, TAG_NTAG216, TAG_TYPE4, TAG_KINDS };

#define TAG_PAGE_SIZE 4
#define TAG_IMAGE_LIMIT 924 /* NTAG216: 231 pages */

/* Whole memory for an NTAG; for Type 4 the 15-byte capability container followed by the NDEF file. The UID (7 bytes, NTAG only)
 * is the chip's own and cannot be written; NULL leaves pages 0 and 1 zero. 0, or ndef_encode's errors. */
int tag_image_make(enum tag_kind kind, const struct nfc_identity *identity, const uint8_t uid[7], uint8_t out[TAG_IMAGE_LIMIT],
                   size_t *ret_length);
/* The NDEF message inside an image. 0 or -EBADMSG. */
int tag_image_read(enum tag_kind kind, const uint8_t *image, size_t length, struct nfc_identity *ret);

/* What could still be changed on the tag: 0 when nothing. */
enum tag_writable {
	TAG_WRITABLE_CONTAINER = 1,      /* the capability container allows writing, or its page is not locked */
	TAG_WRITABLE_STATIC = 2,         /* pages 3-15 are not all locked */
	TAG_WRITABLE_DYNAMIC = 4,        /* pages from 16 on are not all locked */
	TAG_WRITABLE_LOCK_BITS = 8,      /* the lock bits themselves can be changed: bits not set yet could be set */
	TAG_WRITABLE_CONFIGURATION = 16, /* password, mirror and counter settings can be changed */
};
/* A set of enum tag_writable, or -EBADMSG when the image is not one of this kind. */
int tag_image_writable(enum tag_kind kind, const uint8_t *image, size_t length);

const char *tag_kind_name(enum tag_kind kind); /* "ntag213", "ntag215", "ntag216", "type4" */
bool tag_kind_from_name(const char *name, enum tag_kind *ret);
