/* A Range header: the first eight bytes are the size of the content. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "companion/http/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct reader r = reader_over(data, size);
	uint64_t total = reader_u64(&r), first, length;
	char header[256];
	size_t left = reader_left(&r) < sizeof(header) - 1 ? reader_left(&r) : sizeof(header) - 1;
	if (left > 0)
		memcpy(header, r.at, left);
	header[left] = '\0';
	struct range range = range_parse(header);
	if (range_resolve(&range, total, &first, &length) == 0) {
		if (first > total || length > total - first || (length == 0 && total > 0))
			abort();
		if (range.kind == RANGE_FROM && (first != range.first || length - 1 > range.last - first))
			abort();
	}
	return 0;
}
