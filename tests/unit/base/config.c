#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/config.h"
#include "tests/unit/base/captured.h"

static char text[8];
static unsigned number, small;
static bool boolean;

static const struct config_key keys[] = {
	{ "one", "text", CONFIG_TEXT, text, sizeof(text) },
	{ "one", "number", CONFIG_NUMBER, &number, 0 },
	{ "two", "small", CONFIG_NUMBER, &small, 100 },
	{ "two", "boolean", CONFIG_BOOLEAN, &boolean, 0 },
};

static int read_bytes(const void *bytes, size_t length) {
	char path[] = "/tmp/lanyard-config-XXXXXX";
	int file = mkstemp(path);
	assert_true(file >= 0);
	assert_int_equal(write(file, bytes, length), length);
	close(file);
	strcpy(text, "default");
	number = small = 5;
	boolean = true;
	int result = config_read(path, keys, ELEMENTS(keys));
	unlink(path);
	return result;
}

static int read_text(const char *content) {
	return read_bytes(content, strlen(content));
}

static void test_values(void **state) {
	(void)state;
	assert_int_equal(read_text(""), 0);
	assert_string_equal(text, "default");
	assert_int_equal(
	        read_text("# comment\n\n  [one]\r\n text =  a b \n\tnumber=4294967295\n[two]\nsmall = 100\nboolean = no"), 0);
	assert_string_equal(text, "a b");
	assert_int_equal(number, 4294967295u);
	assert_int_equal(small, 100);
	assert_false(boolean);
	assert_int_equal(read_text("[one]\ntext = 1234567\n"), 0);
	assert_string_equal(text, "1234567");
	assert_int_equal(read_text("[one]\ntext =\n[two]\nboolean = true\n"), 0);
	assert_string_equal(text, "");
	assert_int_equal(read_text("[one]\ntext = a=b # c\n[one]\ntext = =\n"),
	                 0); /* the last one counts; values are taken as they are */
	assert_string_equal(text, "=");
	assert_int_equal(read_text("[one]\nnumber = 010\n"), 0); /* ten: nobody means octal */
	assert_int_equal(number, 10);
}

static void test_errors(void **state) {
	(void)state;
	static const struct {
		const char *content;
		unsigned line;
	} rows[] = {
		{ "text = a\n", 1 },                   /* outside of its section */
		{ "[one]\ntxet = a\n", 2 },            /* typo */
		{ "[two]\ntext = a\n", 2 },            /* another section's key */
		{ "[three]\nx = 1\n", 2 },             /* unknown section */
		{ "[one]\ntext\n", 2 },                /* no value */
		{ "[one\ntext = a\n", 1 },             /* broken section */
		{ "[one] x\ntext = a\n", 1 },          /* something after it */
		{ "[one]\ntext = 12345678\n", 2 },     /* too long by one */
		{ "[one]\nnumber = -1\n", 2 },         /* numbers are unsigned */
		{ "[one]\nnumber = 4294967296\n", 2 }, /* above UINT_MAX */
		{ "[one]\nnumber = 99999999999999999999\n", 2 },
		{ "[one]\nnumber = 1x\n", 2 },
		{ "[one]\nnumber = 0x10\n", 2 },
		{ "[one]\nnumber =\n", 2 },
		{ "[two]\nsmall = 101\n", 2 },
		{ "[two]\nboolean = maybe\n", 2 },
		{ "[two]\nboolean = YES\n", 2 },
		{ "[one]\n\n# x\nno such = 1\n", 4 },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct captured captured;
		char expected[16];
		capture_start(&captured);
		int result = read_text(rows[i].content);
		const char *logged = capture_end(&captured);
		snprintf(expected, sizeof(expected), ":%u: ", rows[i].line);
		if (result != -EINVAL || !strstr(logged, expected))
			fail_msg("row %zu: %d, %s", i, result, logged);
	}
}

static void test_odd_files(void **state) {
	(void)state;
	struct captured captured;
	static char line[3000] = "[one]\ntext = ";
	memset(line + strlen(line), 'a', 2000);
	capture_start(&captured);
	assert_int_equal(read_text(line), -EINVAL);
	assert_int_equal(read_bytes("[one]\ntext = a\0b\n", 17), -EINVAL);
	capture_end(&captured);
	assert_int_equal(config_read("/nonexistent/file", keys, ELEMENTS(keys)), -ENOENT);
	assert_true(config_read("/tmp", keys, ELEMENTS(keys)) < 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_odd_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
