/* The Range header of RFC 9110: one range of bytes. Pure. */
#pragma once

#include <stdint.h>

enum range_kind {
	RANGE_WHOLE,  /* absent, not understood, several ranges, another unit: the RFC says to ignore it and send everything */
	RANGE_FROM,   /* first to last, last = UINT64_MAX for an open end */
	RANGE_SUFFIX, /* the last `suffix` bytes */
};

struct range {
	enum range_kind kind;
	uint64_t first, last, suffix;
};

/* `header` may be NULL. */
struct range range_parse(const char *header);
/* Fits it to a content of `total` bytes. 0 with the first byte and the number of bytes, or -ERANGE when it lies outside. */
int range_resolve(const struct range *range, uint64_t total, uint64_t *ret_first, uint64_t *ret_length);
