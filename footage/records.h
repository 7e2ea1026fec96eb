/* The plaintext inside the sealed files: metadata of a recording, its tag history and its details. Pure: bytes in, structures
 * out.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "footage/store.h"

#define META_SIZE_LIMIT 128
#define TAG_ENTRY_LIMIT (TAG_OPERATION_SIZE + 4 + 8 + 1 + 8 + 2 + TAG_CATEGORY_LIMIT + 2 + TAG_CASE_LIMIT + 2 + TAG_NOTE_LIMIT)
#define TAG_HISTORY_SIZE_LIMIT (TAG_HISTORY_LIMIT * TAG_ENTRY_LIMIT)
#define DETAIL_SIZE_LIMIT (8 + 2 + DETAIL_KEY_LIMIT + 2 + DETAIL_VALUE_LIMIT)

/* Everything but id and tag. */
void meta_write(struct writer *w, const struct recording *recording);
bool meta_read(const uint8_t *bytes, size_t length, struct recording *ret);
void tag_entry_write(struct writer *w, const struct tag_entry *entry);
bool tag_entry_read(struct reader *r, struct tag_entry *ret);
/* True for text without control characters within its limit, in valid UTF-8. */
bool tag_is_valid(const struct recording_tag *tag);
void detail_write(struct writer *w, const struct recording_detail *detail);
bool detail_read(struct reader *r, struct recording_detail *ret);
bool detail_is_valid(const struct recording_detail *detail);
