/* Can anything on this tag still be changed? One finding for each class of bytes, with the reason. Pure. */
#pragma once

#include <stddef.h>

#include "nfc/tag.h"

enum tag_area {
	TAG_AREA_UID,               /* pages 0 and 1, and the check byte in page 2: locked in the factory */
	TAG_AREA_CONTAINER,         /* page 3, or a Type 4 tag's container file */
	TAG_AREA_STATIC_PAGES,      /* pages 4-15 */
	TAG_AREA_DYNAMIC_PAGES,     /* user pages from 16 on */
	TAG_AREA_STATIC_LOCK_BITS,  /* the lock bits of pages 3-15 */
	TAG_AREA_DYNAMIC_LOCK_BITS, /* those of the pages from 16 on */
	TAG_AREA_CONFIGURATION,     /* CFG0, CFG1: mirror, password protection, counter */
	TAG_AREA_PASSWORD,          /* PWD and PACK, which no lock covers */
	TAG_AREA_FILE,              /* a Type 4 tag's NDEF file */
};

enum tag_protection {
	TAG_FIXED,    /* nobody can change it any more */
	TAG_OPEN,     /* it can be changed */
	TAG_HARMLESS, /* it can be changed, is read by nobody, and guards nothing */
	TAG_UNTOLD,   /* the memory does not tell: only trying does */
};

#define TAG_FINDINGS_LIMIT 8
#define TAG_WHY_SIZE 128

struct tag_finding {
	enum tag_area area;
	enum tag_protection protection;
	char why[TAG_WHY_SIZE];
};

/* Returns how many. The image is one that tag_image_make or tag_image_from_bytes gave out. */
size_t tag_findings(const struct tag_image *image, struct tag_finding out[TAG_FINDINGS_LIMIT]);
/* Any finding TAG_OPEN? */
bool tag_findings_open(const struct tag_finding *findings, size_t count);

const char *tag_area_name(enum tag_area area);                   /* "capability container" */
const char *tag_protection_name(enum tag_protection protection); /* "locked", "writable", "harmless", "untold" */
