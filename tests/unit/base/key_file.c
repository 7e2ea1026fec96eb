/* Files of keys: their lines, and what is said about a file that cannot be used. */
#include "base/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct seen {
	char lines[256]; /* each with a bar behind it */
};

/* "odd" is of no form, "more" is one too many. */
static int on_line(void *context, const char *line, size_t length) {
	struct seen *seen = context;
	snprintf(seen->lines + strlen(seen->lines), sizeof(seen->lines) - strlen(seen->lines), "%.*s|", (int)length, line);
	if (length == 3 && memcmp(line, "odd", 3) == 0)
		return -EINVAL;
	return length == 4 && memcmp(line, "more", 4) == 0 ? -E2BIG : 0;
}

static const struct key_file_form form = {
	.line = on_line,
	.expected = "expected something else",
	.too_many = "too many",
	.remedy = "put it there",
};

static void test_lines(void **state) {
	(void)state;
	static const struct {
		const char *text, *lines;
		int result;
		unsigned line;
	} cases[] = {
		{ "", "", 0, 0 },
		{ "\n\n", "", 0, 0 },
		{ "one", "one|", 0, 0 },
		{ " one \t\r\n#two\n  # three\n\tfour five\n", "one|four five|", 0, 0 },
		{ "one\n\nodd\ntwo", "one|odd|", -EINVAL, 3 },
		{ "more", "more|", -E2BIG, 1 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen seen = { "" };
		unsigned line = 0;
		assert_int_equal(key_file_parse(cases[i].text, strlen(cases[i].text), &form, &seen, &line), cases[i].result);
		assert_string_equal(seen.lines, cases[i].lines);
		assert_int_equal(line, cases[i].line);
	}
}

static void test_key(void **state) {
	(void)state;
	uint8_t key[KEY_FILE_KEY_SIZE] = { 0 };
	assert_int_equal(key_file_key(A, 64, key), 0);
	assert_int_equal(key[31], 0xaa);
	assert_int_equal(key_file_key(A, 63, key), -EINVAL);
	assert_int_equal(key_file_key(A "a", 65, key), -EINVAL);
	static const char odd[] = A "x";
	assert_int_equal(key_file_key(odd + 1, 64, key), -EINVAL);
}

static void expect(const char *path, int result, const char *problem) {
	struct seen seen = { "" };
	char said[KEY_FILE_PROBLEM_SIZE], wanted[KEY_FILE_PROBLEM_SIZE];
	assert_int_equal(key_file_read(path, &form, &seen, said), result);
	snprintf(wanted, sizeof(wanted), "%s%s", result < 0 ? path : "", problem);
	assert_string_equal(said, wanted);
}

static void write_file(const char *path, const char *text, mode_t mode) {
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	assert_int_equal(write(file, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(file, mode), 0);
	close(file);
}

static void test_problems(void **state) {
	(void)state;
	char folder[] = "/tmp/lanyard-key-file-XXXXXX", path[64];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/keys", folder);
	expect(path, -ENOENT, " is missing: put it there");
	expect(folder, -EINVAL, " is no file: put it there");
	write_file(path, "one\n", 0640);
	expect(path, 0, "");
	write_file(path, "one\nodd\n", 0600);
	expect(path, -EINVAL, ":2: expected something else");
	write_file(path, "more\n", 0600);
	expect(path, -E2BIG, ":1: too many");
	write_file(path, "one\n", 0644);
	expect(path, -EPERM, " may be read by everybody: chmod 640 or less, and make new keys");
	if (geteuid() != 0) { /* whom no file refuses */
		write_file(path, "one\n", 0000);
		expect(path, -EACCES, " may not be read by this program: give it the program's group");
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0); /* nobody is held up by it */
	expect(path, -EINVAL, " is no file: put it there");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_key),
		                            cmocka_unit_test(test_problems) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
