/* What a camera may send over the media channel: messages with a length of two bytes before each, to three readers that take
 * bytes now and then. The readers' ids are 1, 2, 3 and what follows from their slices. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "companion/media.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_send(void *context, const uint8_t *bytes, size_t length) {
	size_t *sent = context;
	(void)bytes;
	if (length == 0)
		abort();
	++*sent;
}

static void on_progress(void *context) {
	(void)context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	size_t sent = 0;
	struct media *media = media_new();
	if (!media)
		return 0;
	media_open(media, on_send, &sent);
	struct media_read *read[3];
	if (media_read_new(&read[0], media, "a", 0, 0, on_progress, NULL) < 0 ||
	    media_read_new(&read[1], media, "b", 1000, 500, on_progress, NULL) < 0 ||
	    media_read_new(&read[2], media, "", 0, 0, on_progress, NULL) < 0)
		abort();
	struct reader r = reader_over(data, size);
	uint64_t taken[3] = { 0 };
	while (reader_left(&r) > 0) {
		uint16_t length = reader_u16(&r);
		const uint8_t *message = reader_take(&r, length & 0x7fff);
		if (r.failed || media_take_message(media, message, length & 0x7fff) < 0)
			break;
		if (!(length & 0x8000))
			continue;
		static uint8_t out[4096];
		for (size_t i = 0; i < ELEMENTS(read); i++)
			taken[i] += media_read_take(read[i], out, sizeof(out));
	}
	if (taken[1] > 500)
		abort();
	media_close(media, REASON_LINK_CLOSED);
	for (size_t i = 0; i < ELEMENTS(read); i++) {
		enum reason reason;
		if (!media_read_ended(read[i], &reason))
			abort();
		media_read_free(read[i]);
	}
	if (media_readers(media) != 0)
		abort();
	media_free(media);
	return 0;
}
