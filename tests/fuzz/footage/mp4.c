/* A recording's plaintext: authentic, but whatever the muxer or a broken disk made of it. */
#include <stdlib.h>

#include "footage/mp4.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	struct mp4_scan *whole, *pieces;
	uint8_t *index = NULL;
	size_t index_length;
	if (mp4_scan_new(&whole) < 0 || mp4_scan_new(&pieces) < 0)
		abort();
	mp4_scan_feed(whole, bytes, length);
	for (size_t at = 0; at < length; at += 13)
		mp4_scan_feed(pieces, bytes + at, length - at < 13 ? length - at : 13);
	if (mp4_scan_duration_ms(whole) != mp4_scan_duration_ms(pieces))
		abort();
	if (mp4_scan_make_index(whole, &index, &index_length) == 0)
		free(index);
	mp4_scan_free(whole);
	mp4_scan_free(pieces);
	return 0;
}
