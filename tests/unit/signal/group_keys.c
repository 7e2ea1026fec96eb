/* The file of group keys: what it may hold and every way to be wrong, with its line. */
#include "signal/group_keys.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEEK 2970
#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static int parse(const char *text, size_t *count, unsigned *line) {
	static struct group_key keys[GROUP_KEYS_LIMIT];
	return group_keys_parse(text, strlen(text), WEEK, keys, count, line);
}

static void test_good(void **state) {
	(void)state;
	struct group_key keys[GROUP_KEYS_LIMIT];
	size_t count = 9;
	unsigned line = 0;
	static const char text[] = "# made today\n\n2969 " A "\r\n  2970\t" A "  \n2974 " A "\n2968 " A "\n2975 " A;
	assert_int_equal(group_keys_parse(text, strlen(text), WEEK, keys, &count, &line), 0);
	assert_int_equal(count, 3); /* last week's to four weeks on; the others are of no use now */
	assert_int_equal(keys[0].week, 2969);
	assert_int_equal(keys[2].week, 2974);
	assert_int_equal(keys[1].key[31], 0xaa);
	assert_int_equal(parse("", &count, &line), 0);
	assert_int_equal(count, 0);
}

static void test_bad(void **state) {
	(void)state;
	static const struct {
		const char *text;
		int result;
		unsigned line;
	} cases[] = {
		{ "2970\n", -EINVAL, 1 },
		{ "2970 " A "0\n", -EINVAL, 1 },
		{ "\n2970 abc\n", -EINVAL, 2 },
		{ "2970" A "\n", -EINVAL, 1 },
		{ "-1 " A "\n", -EINVAL, 1 },
		{ "4294967296 " A "\n", -EINVAL, 1 },
		{ "99999999999 " A "\n", -EINVAL, 1 },
		{ "2970 " A "\n2970 " A "\n", -E2BIG, 2 },
		{ "week 2970 " A "\n", -EINVAL, 1 },
		{ "2970 gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", -EINVAL, 1 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t count = 77;
		unsigned line = 0;
		assert_int_equal(parse(cases[i].text, &count, &line), cases[i].result);
		assert_int_equal(line, cases[i].line);
		assert_int_equal(count, 77); /* untouched */
	}
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
