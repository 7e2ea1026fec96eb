/* Codes are forever: unique, well-formed, and the same both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/reason.h"

static const struct {
	const char *name;
	unsigned number;
	const char *code, *sentence;
} rows[] = {
#define ROW(name, number, code, sentence) { #name, number, code, sentence },
	REASONS(ROW)
#undef ROW
};

static void test_unique(void **state) {
	(void)state;
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		for (size_t j = 0; j < i; j++)
			if (rows[i].number == rows[j].number || strcmp(rows[i].code, rows[j].code) == 0)
				fail_msg("%s and %s share a number or a code", rows[i].name, rows[j].name);
}

/* The code is the name in lower case with dashes; the sentence is one. */
static void test_form(void **state) {
	(void)state;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		size_t length = strlen(rows[i].name);
		assert_int_equal(strlen(rows[i].code), length);
		for (size_t at = 0; at < length; at++) {
			char c = rows[i].name[at];
			char expected = c == '_' ? '-' : (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
			if (rows[i].code[at] != expected)
				fail_msg("%s has the code %s", rows[i].name, rows[i].code);
		}
		size_t sentence = strlen(rows[i].sentence);
		assert_true(sentence > 5 && rows[i].sentence[sentence - 1] == '.');
		assert_true(rows[i].number <= 0xffff); /* travels in two bytes in a pairing */
	}
}

static void test_both_ways(void **state) {
	(void)state;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		enum reason reason = reason_from_number(rows[i].number);
		assert_int_equal(reason, rows[i].number);
		assert_string_equal(reason_code(reason), rows[i].code);
		assert_string_equal(reason_sentence(reason), rows[i].sentence);
		assert_int_equal(reason_from_code(rows[i].code), reason);
	}
	assert_int_equal(reason_from_number(65000), REASON_INTERNAL);
	assert_int_equal(reason_from_code("no-such-code"), REASON_INTERNAL);
	assert_int_equal(reason_from_code(""), REASON_INTERNAL);
	assert_string_equal(reason_code((enum reason)65000), "internal");
}

/* Numbers that are out in the world. A change here breaks every device that was sold. */
static void test_never_reused(void **state) {
	(void)state;
	assert_int_equal(REASON_OK, 0);
	assert_int_equal(REASON_CODE_REJECTED, 45);
	assert_int_equal(REASON_STORE_FAILED, 46);
	assert_int_equal(REASON_REQUEST_UNKNOWN, 60);
	assert_int_equal(REASON_INTERNAL, 68);
	assert_int_equal(REASON_CANCELLED, 112);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unique),
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_never_reused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
