#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "cli/output.h"

static void test_size(void **state) {
	(void)state;
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{ 0, "0 B" },
		{ 1, "1 B" },
		{ 999, "999 B" },
		{ 1000, "1.0 kB" },
		{ 1449, "1.4 kB" },
		{ 99949, "99.9 kB" },
		{ 99950, "100 kB" },
		{ 999499, "999 kB" },
		{ 999500, "1.0 MB" },
		{ 1400000, "1.4 MB" },
		{ 1ull << 32, "4.3 GB" },
		{ 5000000000000, "5.0 TB" },
		{ UINT64_MAX, "18446744 TB" },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		char text[OUTPUT_SIZE_TEXT];
		output_size(text, rows[i].bytes);
		assert_string_equal(text, rows[i].text);
	}
}

static void test_duration(void **state) {
	(void)state;
	static const struct {
		uint64_t milliseconds;
		const char *text;
	} rows[] = {
		{ 0, "0:00" },      { 499, "0:00" },      { 500, "0:01" },        { 59499, "0:59" },        { 59500, "1:00" },
		{ 187000, "3:07" }, { 3599000, "59:59" }, { 3600000, "1:00:00" }, { 36610000, "10:10:10" },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		char text[OUTPUT_SIZE_TEXT];
		output_duration(text, rows[i].milliseconds);
		assert_string_equal(text, rows[i].text);
	}
}

static void test_time(void **state) {
	(void)state;
	char text[OUTPUT_TIME_TEXT];
	setenv("TZ", "UTC", 1);
	tzset();
	output_time(text, 1777896794123456);
	assert_string_equal(text, "2026-05-04 12:13:14");
	output_time(text, UINT64_MAX); /* a hostile number: any text, but a text */
	assert_true(strlen(text) > 0);
}

static void test_clean(void **state) {
	(void)state;
	json_t *value = json_pack("{s:s, s:[s, {s:s}], s:i}", "name", "\x1b[2Jcam\x07", "list",
	                          "a\xc2\x9b"
	                          "b",
	                          "deep", "\x7f", "number", 3);
	json_object_set_new(value, "zero", json_stringn("a\0b", 3));
	json_object_set_new(value, "fine", json_string("Grüße, 日本 ✓"));
	output_clean(value);
	assert_string_equal(json_string_value(json_object_get(value, "name")), "?[2Jcam?");
	json_t *list = json_object_get(value, "list");
	assert_string_equal(json_string_value(json_array_get(list, 0)), "a??b");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "deep")), "?");
	assert_string_equal(json_string_value(json_object_get(value, "zero")), "?");
	assert_string_equal(json_string_value(json_object_get(value, "fine")), "Grüße, 日本 ✓");
	assert_int_equal(json_integer_value(json_object_get(value, "number")), 3);
	json_decref(value);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_clean),
	};
	return cmocka_run_group_tests_name("cli-output", tests, NULL, NULL);
}
