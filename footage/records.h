/* The plaintext inside the sealed files: metadata of a recording, and its tag history. Pure: bytes in, structures out. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "footage/store.h"

#define META_SIZE_LIMIT 128
#define TAG_ENTRY_LIMIT (TAG_OPERATION_SIZE + 4 + 8 + 1 + 8 + 1 + TAG_CATEGORY_LIMIT + 1 + TAG_CASE_LIMIT + 2 + TAG_NOTE_LIMIT)
#define TAG_HISTORY_SIZE_LIMIT (4 + TAG_HISTORY_LIMIT * TAG_ENTRY_LIMIT)

struct tag_entry {
	uint8_t operation[TAG_OPERATION_SIZE];
	uint32_t revision; /* from 1 */
	uint64_t time_us;
	struct recording_tag tag;
};

/* Everything but id and tag. */
void meta_write(struct writer *w, const struct recording *recording);
bool meta_read(const uint8_t *bytes, size_t length, struct recording *ret);
void tag_entry_write(struct writer *w, const struct tag_entry *entry);
bool tag_entry_read(struct reader *r, struct tag_entry *ret);
/* True for text without control characters within its limit, in valid UTF-8. */
bool tag_is_valid(const struct recording_tag *tag);
