#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "companion/http/range.h"

static void parses(void **state) {
	(void)state;
	static const struct {
		const char *header;
		enum range_kind kind;
		uint64_t first, last, suffix;
	} cases[] = {
		{ NULL, RANGE_WHOLE, 0, 0, 0 },
		{ "", RANGE_WHOLE, 0, 0, 0 },
		{ "bytes=0-", RANGE_FROM, 0, UINT64_MAX, 0 },
		{ "bytes=0-0", RANGE_FROM, 0, 0, 0 },
		{ "BYTES= 5-9 ", RANGE_FROM, 5, 9, 0 },
		{ "bytes=-500", RANGE_SUFFIX, 0, UINT64_MAX, 500 },
		{ "bytes=-0", RANGE_SUFFIX, 0, UINT64_MAX, 0 },
		{ "bytes=18446744073709551615-", RANGE_FROM, UINT64_MAX, UINT64_MAX, 0 },
		/* not understood, so ignored */
		{ "bytes=18446744073709551616-", RANGE_WHOLE, 0, 0, 0 },
		{ "bytes=9-5", RANGE_WHOLE, 0, 0, 0 },
		{ "bytes=0-4,10-14", RANGE_WHOLE, 0, 0, 0 },
		{ "bytes=", RANGE_WHOLE, 0, 0, 0 },
		{ "bytes=-", RANGE_WHOLE, 0, 0, 0 },
		{ "bytes=5", RANGE_WHOLE, 0, 0, 0 },
		{ "bytes=+5-", RANGE_WHOLE, 0, 0, 0 },
		{ "bytes=0x5-", RANGE_WHOLE, 0, 0, 0 },
		{ "bytes=5-9x", RANGE_WHOLE, 0, 0, 0 },
		{ "seconds=5-9", RANGE_WHOLE, 0, 0, 0 },
	};
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct range range = range_parse(cases[i].header);
		assert_int_equal(range.kind, cases[i].kind);
		if (range.kind == RANGE_FROM) {
			assert_true(range.first == cases[i].first);
			assert_true(range.last == cases[i].last);
		}
		if (range.kind == RANGE_SUFFIX)
			assert_true(range.suffix == cases[i].suffix);
	}
}

static void resolves(void **state) {
	(void)state;
	static const struct {
		const char *header;
		uint64_t total;
		int result;
		uint64_t first, length;
	} cases[] = {
		{ NULL, 100, 0, 0, 100 },
		{ NULL, 0, 0, 0, 0 },
		{ "bytes=0-", 100, 0, 0, 100 },
		{ "bytes=99-", 100, 0, 99, 1 },
		{ "bytes=100-", 100, -ERANGE, 0, 0 },
		{ "bytes=0-0", 100, 0, 0, 1 },
		{ "bytes=10-19", 100, 0, 10, 10 },
		{ "bytes=90-1000", 100, 0, 90, 10 },
		{ "bytes=90-18446744073709551615", 100, 0, 90, 10 },
		{ "bytes=-1", 100, 0, 99, 1 },
		{ "bytes=-100", 100, 0, 0, 100 },
		{ "bytes=-1000", 100, 0, 0, 100 },
		{ "bytes=-0", 100, -ERANGE, 0, 0 },
		{ "bytes=-5", 0, -ERANGE, 0, 0 },
		{ "bytes=0-", 0, -ERANGE, 0, 0 },
	};
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct range range = range_parse(cases[i].header);
		uint64_t first = 12345, length = 12345;
		assert_int_equal(range_resolve(&range, cases[i].total, &first, &length), cases[i].result);
		if (cases[i].result == 0) {
			assert_true(first == cases[i].first);
			assert_true(length == cases[i].length);
		} else {
			assert_true(first == 12345 && length == 12345);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(parses), cmocka_unit_test(resolves) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
