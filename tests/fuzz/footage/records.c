/* Metadata, tag history and details as they come out of their seal: authentic, but maybe of a broken version of ours. */
#include "footage/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	struct recording recording = { .started_us = 0 };
	struct reader r = reader_over(bytes, length);
	struct tag_entry entry;
	meta_read(bytes, length, &recording);
	while (reader_left(&r) > 0 && tag_entry_read(&r, &entry))
		tag_is_valid(&entry.tag);
	struct recording_detail detail;
	r = reader_over(bytes, length);
	while (reader_left(&r) > 0 && detail_read(&r, &detail))
		detail_is_valid(&detail);
	return 0;
}
