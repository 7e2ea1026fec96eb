#include "base/key_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"

#define FILE_LIMIT 65536
#define KEY_DIGITS (2 * KEY_FILE_KEY_SIZE)

bool key_file_is_blank(char c) {
	return c == ' ' || c == '\t' || c == '\r';
}

int key_file_key(const char *digits, size_t length, uint8_t ret[KEY_FILE_KEY_SIZE]) {
	char text[KEY_DIGITS + 1];
	if (length != KEY_DIGITS)
		return -EINVAL;
	memcpy(text, digits, KEY_DIGITS);
	text[KEY_DIGITS] = '\0';
	int r = hex_decode(ret, KEY_FILE_KEY_SIZE, text);
	wipe(text, sizeof(text));
	return r;
}

int key_file_parse(const char *text, size_t length, const struct key_file_form *form, void *context, unsigned *ret_line) {
	const char *const end = text + length;
	unsigned line = 0;
	for (const char *at = text; at < end;) {
		const char *const newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;
		line++;
		while (at < stop && key_file_is_blank(*at))
			at++;
		while (stop > at && key_file_is_blank(stop[-1]))
			stop--;
		int r = at == stop || *at == '#' ? 0 : form->line(context, at, (size_t)(stop - at));
		if (r < 0) {
			*ret_line = line;
			return r;
		}
		at = newline ? newline + 1 : end;
	}
	return 0;
}

/* line: which is wrong, or 0. */
static void explain(char problem[KEY_FILE_PROBLEM_SIZE], const char *path, const struct key_file_form *form, int result,
                    unsigned line) {
	if (line > 0)
		snprintf(problem, KEY_FILE_PROBLEM_SIZE, "%s:%u: %s", path, line,
		         result == -E2BIG ? form->too_many : form->expected);
	else if (result == -ENOENT)
		snprintf(problem, KEY_FILE_PROBLEM_SIZE, "%s is missing: %s", path, form->remedy);
	else if (result == -EINVAL)
		snprintf(problem, KEY_FILE_PROBLEM_SIZE, "%s is no file: %s", path, form->remedy);
	else if (result == -EPERM)
		snprintf(problem, KEY_FILE_PROBLEM_SIZE, "%s may be read by everybody: chmod 640 or less, and make new keys",
		         path);
	else if (result == -EACCES)
		snprintf(problem, KEY_FILE_PROBLEM_SIZE, "%s may not be read by this program: give it the program's group", path);
	else
		snprintf(problem, KEY_FILE_PROBLEM_SIZE, "%s: %s", path, strerror(-result));
}

int key_file_read(const char *path, const struct key_file_form *form, void *context, char problem[KEY_FILE_PROBLEM_SIZE]) {
	char *text = malloc(FILE_LIMIT);
	size_t length = 0;
	unsigned line = 0;
	int r = text ? file_read_secret(path, text, FILE_LIMIT, &length) : -ENOMEM;
	if (r == 0)
		r = key_file_parse(text, length, form, context, &line);
	if (text)
		wipe(text, FILE_LIMIT);
	free(text);
	problem[0] = '\0';
	if (r < 0)
		explain(problem, path, form, r, line);
	return r;
}
