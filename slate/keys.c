#include "slate/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

_Static_assert(ADVERT_KEY_SIZE == KEY_FILE_KEY_SIZE, "");

struct parse {
	struct camera_key *keys;
	size_t count;
};

static int take(struct parse *parse, const struct camera_key *key) {
	for (size_t i = 0; i < parse->count; i++)
		if (strcmp(parse->keys[i].serial, key->serial) == 0)
			return -E2BIG;
	if (parse->count == CAMERA_KEYS_LIMIT)
		return -E2BIG;
	parse->keys[parse->count++] = *key;
	return 0;
}

/* A serial, which may hold blanks, and a key. */
static int on_line(void *context, const char *line, size_t length) {
	const char *const end = line + length, *digits = end;
	while (digits > line && !key_file_is_blank(digits[-1]))
		digits--;
	const char *stop = digits;
	while (stop > line && key_file_is_blank(stop[-1]))
		stop--;
	const size_t serial_length = (size_t)(stop - line);
	struct camera_key key = { .serial = "" };
	if (serial_length == 0 || serial_length > SLATE_SERIAL_LIMIT)
		return -EINVAL;
	memcpy(key.serial, line, serial_length);
	if (strlen(key.serial) != serial_length || !text_is_plain(key.serial, false))
		return -EINVAL;
	int r = key_file_key(digits, (size_t)(end - digits), key.key);
	if (r == 0)
		r = take(context, &key);
	wipe(&key, sizeof(key));
	return r;
}

static const struct key_file_form form = {
	.line = on_line,
	.expected = "expected a serial and 64 hexadecimal digits",
	.too_many = "this serial once more, or too many",
	.remedy = "copy the line of this camera there, which lanyard slate keys has made",
};

int camera_keys_parse(const char *text, size_t length, struct camera_key *keys, size_t *ret_count, unsigned *ret_line) {
	struct parse parse = { .keys = keys };
	int r = key_file_parse(text, length, &form, &parse, ret_line);
	if (r == 0)
		*ret_count = parse.count;
	return r;
}

int camera_keys_read(const char *path, struct camera_key *keys, size_t *ret_count, char problem[KEY_FILE_PROBLEM_SIZE]) {
	struct parse parse = { .keys = keys };
	int r = key_file_read(path, &form, &parse, problem);
	if (r == 0)
		*ret_count = parse.count;
	return r;
}

static const struct camera_key *find(const struct camera_key *keys, size_t count, const char *serial) {
	for (size_t i = 0; i < count; i++)
		if (strcmp(keys[i].serial, serial) == 0)
			return &keys[i];
	return NULL;
}

int camera_key_read(const char *path, const char *serial, uint8_t ret[ADVERT_KEY_SIZE], char problem[KEY_FILE_PROBLEM_SIZE]) {
	struct camera_key *keys = calloc(CAMERA_KEYS_LIMIT, sizeof(*keys));
	size_t count = 0;
	if (!keys) {
		snprintf(problem, KEY_FILE_PROBLEM_SIZE, "%s: %s", path, strerror(ENOMEM));
		return -ENOMEM;
	}
	int r = camera_keys_read(path, keys, &count, problem);
	const struct camera_key *key = r == 0 ? find(keys, count, serial) : NULL;
	if (key)
		memcpy(ret, key->key, ADVERT_KEY_SIZE);
	else if (r == 0) {
		snprintf(problem, KEY_FILE_PROBLEM_SIZE, "%s has no key for %s: %s", path, serial, form.remedy);
		r = -ENOKEY;
	}
	wipe(keys, CAMERA_KEYS_LIMIT * sizeof(*keys));
	free(keys);
	return r;
}
