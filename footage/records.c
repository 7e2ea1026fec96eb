#include "footage/records.h"

#include <string.h>

#include "base/text.h"

#define META_VERSION 1

static void write_text(struct writer *w, const char *text) {
	size_t length = strlen(text);
	writer_u16(w, (uint16_t)length);
	writer_copy(w, text, length);
}

static bool read_text(struct reader *r, char *out, size_t limit) {
	size_t length = reader_u16(r);
	const uint8_t *text = reader_take(r, length);
	if (!text || length > limit || memchr(text, '\0', length))
		return false;
	memcpy(out, text, length);
	out[length] = '\0';
	return true;
}

void meta_write(struct writer *w, const struct recording *recording) {
	writer_u8(w, META_VERSION);
	writer_u8(w, (uint8_t)recording->state);
	writer_u64(w, recording->started_us);
	writer_u32(w, recording->duration_ms);
	writer_u64(w, recording->size);
	writer_copy(w, recording->sha256, SHA256_SIZE);
	write_text(w, recording->reason);
}

bool meta_read(const uint8_t *bytes, size_t length, struct recording *ret) {
	struct reader r = reader_over(bytes, length);
	struct recording recording = *ret;
	uint8_t version = reader_u8(&r), state = reader_u8(&r);
	recording.started_us = reader_u64(&r);
	recording.duration_ms = reader_u32(&r);
	recording.size = reader_u64(&r);
	reader_copy(&r, recording.sha256, SHA256_SIZE);
	if (!read_text(&r, recording.reason, RECORDING_REASON_LIMIT) || !reader_done(&r) || version != META_VERSION ||
	    state > RECORDING_STATE_CUT_SHORT)
		return false;
	recording.state = (enum recording_state)state;
	*ret = recording;
	return true;
}

void tag_entry_write(struct writer *w, const struct tag_entry *entry) {
	writer_copy(w, entry->operation, TAG_OPERATION_SIZE);
	writer_u32(w, entry->revision);
	writer_u64(w, entry->time_us);
	writer_u8(w, entry->tag.has_position);
	writer_u32(w, (uint32_t)entry->tag.latitude_e7);
	writer_u32(w, (uint32_t)entry->tag.longitude_e7);
	write_text(w, entry->tag.category);
	write_text(w, entry->tag.case_number);
	write_text(w, entry->tag.note);
}

bool tag_entry_read(struct reader *r, struct tag_entry *ret) {
	struct tag_entry entry = { .revision = 0 };
	reader_copy(r, entry.operation, TAG_OPERATION_SIZE);
	entry.revision = reader_u32(r);
	entry.time_us = reader_u64(r);
	entry.tag.has_position = reader_u8(r) != 0;
	entry.tag.latitude_e7 = (int32_t)reader_u32(r);
	entry.tag.longitude_e7 = (int32_t)reader_u32(r);
	if (!read_text(r, entry.tag.category, TAG_CATEGORY_LIMIT) || !read_text(r, entry.tag.case_number, TAG_CASE_LIMIT) ||
	    !read_text(r, entry.tag.note, TAG_NOTE_LIMIT))
		return false;
	*ret = entry;
	return true;
}

/* The one who sends a tag has it checked field by field before; here line breaks are no harm. */
static bool is_plain(const char *text) {
	return text_is_plain(text, true);
}

bool tag_is_valid(const struct recording_tag *tag) {
	bool position = !tag->has_position || (tag->latitude_e7 >= -900000000 && tag->latitude_e7 <= 900000000 &&
	                                       tag->longitude_e7 >= -1800000000 && tag->longitude_e7 <= 1800000000);
	return position && is_plain(tag->category) && is_plain(tag->case_number) && is_plain(tag->note);
}

void detail_write(struct writer *w, const struct recording_detail *detail) {
	writer_u64(w, detail->time_us);
	write_text(w, detail->key);
	write_text(w, detail->value);
}

bool detail_read(struct reader *r, struct recording_detail *ret) {
	struct recording_detail detail = { .time_us = reader_u64(r) };
	if (!read_text(r, detail.key, DETAIL_KEY_LIMIT) || !read_text(r, detail.value, DETAIL_VALUE_LIMIT))
		return false;
	*ret = detail;
	return true;
}

bool detail_is_valid(const struct recording_detail *detail) {
	return detail->key[0] != '\0' && is_plain(detail->key) && is_plain(detail->value);
}
