/* The record layer against the plainest reading of docs/protocol.md, "Records". First byte: the record limit. Second byte: how
 * many bytes each piece of the stream has, whatever the records are. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "pairing/record_layer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good) {
	if (!good)
		abort();
}

/* What the next record of the whole stream should be. */
static enum record_result expect(struct reader *stream, size_t limit, const uint8_t **ret, size_t *ret_length) {
	if (reader_left(stream) < RECORD_HEADER_SIZE)
		return RECORD_PARTIAL;
	size_t length = reader_u16(stream);
	if (length == 0)
		return RECORD_EMPTY;
	if (length > limit)
		return RECORD_OVER;
	if (reader_left(stream) < length)
		return RECORD_PARTIAL;
	*ret = reader_take(stream, length);
	*ret_length = length;
	return RECORD_WHOLE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size < 2)
		return 0;
	size_t limit = data[0] == 0 ? RECORD_LIMIT_BLUETOOTH : data[0] == 1 ? RECORD_LIMIT_MEDIA : data[0], piece = data[1] + 1u;
	struct record_layer layer;
	must(record_layer_init(&layer, limit) == 0);
	const uint8_t *stream = data + 2;
	size_t left = size - 2;
	struct reader reference = reader_over(stream, left);
	uint64_t now_us = 1;
	bool over = false;
	while (left > 0 && !over) {
		size_t length = piece < left ? piece : left;
		uint8_t *exact = malloc(length);
		must(exact != NULL);
		memcpy(exact, stream, length);
		stream += length;
		left -= length;
		now_us++;
		for (const uint8_t *at = exact; length > 0 && !over;) {
			const uint8_t *record = NULL, *expected = NULL;
			size_t record_length = 0, expected_length = 0, before = length;
			enum record_result result = record_layer_take(&layer, &at, &length, now_us, &record, &record_length);
			must(length <= before);
			if (result == RECORD_PARTIAL) {
				must(length == 0 && record_layer_deadline_us(&layer) == now_us + RECORD_STALL_US);
				continue;
			}
			must(result == expect(&reference, limit, &expected, &expected_length));
			over = result != RECORD_WHOLE;
			if (over)
				continue;
			must(record_length == expected_length && memcmp(record, expected, record_length) == 0);
			must(length < before && record_layer_deadline_us(&layer) == UINT64_MAX);
			/* The plaintext may be written where the record is, or beside it. */
			memmove(record_layer_plaintext(&layer), record, record_length);
		}
		free(exact);
	}
	if (!over) {
		const uint8_t *expected;
		size_t expected_length;
		must(expect(&reference, limit, &expected, &expected_length) == RECORD_PARTIAL);
	}
	record_layer_free(&layer);
	return 0;
}
