/* In which order the pages of an NTAG21x are written, so that a tag taken away too early can be finished later and nothing is
 * locked before it was read back. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "nfc/ntag.h"

struct ntag_write {
	uint8_t page, bytes[NTAG_PAGE_SIZE];
};

#define NTAG_WRITES_LIMIT 231

struct ntag_plan {
	struct ntag_write writes[NTAG_WRITES_LIMIT];
	size_t count;
	size_t content; /* the first so many put the content; those after them lock it, and come after reading it back */
};

/* What turns `present` into `wanted` (both whole memories). Pages that are right already are left out: a plan of no writes means
 * that the tag is finished. REASON_OK; REASON_TAG_LOCKED when a page or lock bit that would have to change cannot, or asks for a
 * password; REASON_TAG_UNKNOWN when the capability container holds bits that can never become the wanted ones. */
enum reason ntag_plan_make(const struct ntag *chip, const uint8_t *present, const uint8_t *wanted, struct ntag_plan *ret);
