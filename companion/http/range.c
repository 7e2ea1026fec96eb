#include "companion/http/range.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static void skip_blanks(const char **at) {
	*at += strspn(*at, " \t");
}

/* One or more digits; false when there are none or the number does not fit. */
static bool take_number(const char **at, uint64_t *ret) {
	uint64_t value = 0;
	const char *start = *at;
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		uint64_t digit = (uint64_t)(**at - '0');
		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret = value;
	return *at > start;
}

struct range range_parse(const char *header) {
	static const char unit[] = "bytes=";
	const struct range whole = { .kind = RANGE_WHOLE };
	if (!header || strncasecmp(header, unit, sizeof(unit) - 1) != 0)
		return whole;
	const char *at = header + sizeof(unit) - 1;
	struct range range = { .kind = RANGE_FROM, .last = UINT64_MAX };
	skip_blanks(&at);
	if (*at == '-') {
		at++;
		range.kind = RANGE_SUFFIX;
		if (!take_number(&at, &range.suffix))
			return whole;
	} else {
		if (!take_number(&at, &range.first) || *at != '-')
			return whole;
		at++;
		if (*at >= '0' && *at <= '9' && (!take_number(&at, &range.last) || range.last < range.first))
			return whole;
	}
	skip_blanks(&at);
	return *at == '\0' ? range : whole;
}

int range_resolve(const struct range *range, uint64_t total, uint64_t *ret_first, uint64_t *ret_length) {
	switch (range->kind) {
	case RANGE_WHOLE:
		*ret_first = 0;
		*ret_length = total;
		return 0;
	case RANGE_FROM:
		if (range->first >= total)
			return -ERANGE;
		*ret_first = range->first;
		*ret_length = (range->last < total - 1 ? range->last + 1 : total) - range->first;
		return 0;
	case RANGE_SUFFIX:
		if (range->suffix == 0 || total == 0)
			return -ERANGE;
		*ret_length = range->suffix < total ? range->suffix : total;
		*ret_first = total - *ret_length;
		return 0;
	}
	return -ERANGE;
}
