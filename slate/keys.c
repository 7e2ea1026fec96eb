#include "slate/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#define FILE_LIMIT 65536
#define KEY_DIGITS (2 * ADVERT_KEY_SIZE)

static bool is_space(char c) {
	return c == ' ' || c == '\t' || c == '\r';
}

/* One line without its end. -EINVAL; *ret_is_key is false for an empty one. */
static int parse_line(const char *at, const char *end, bool *ret_is_key, struct camera_key *ret) {
	char digits[KEY_DIGITS + 1];
	*ret_is_key = false;
	while (at < end && is_space(*at))
		at++;
	while (end > at && is_space(end[-1]))
		end--;
	if (at == end || *at == '#')
		return 0;
	if (end - at < KEY_DIGITS + 2 || !is_space(end[-KEY_DIGITS - 1]))
		return -EINVAL;
	memcpy(digits, end - KEY_DIGITS, KEY_DIGITS);
	digits[KEY_DIGITS] = '\0';
	int r = hex_decode(ret->key, sizeof(ret->key), digits);
	wipe(digits, sizeof(digits));
	end -= KEY_DIGITS;
	while (end > at && is_space(end[-1]))
		end--;
	if (r < 0 || end - at > SLATE_SERIAL_LIMIT)
		return -EINVAL;
	memset(ret->serial, 0, sizeof(ret->serial));
	memcpy(ret->serial, at, (size_t)(end - at));
	if (strlen(ret->serial) != (size_t)(end - at) || !text_is_plain(ret->serial, false))
		return -EINVAL;
	*ret_is_key = true;
	return 0;
}

int camera_keys_parse(const char *text, size_t length, struct camera_key *keys, size_t *ret_count, unsigned *ret_line) {
	size_t count = 0;
	unsigned line = 0;
	for (const char *at = text, *end = text + length; at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		struct camera_key key;
		bool is_key;
		line++;
		int r = parse_line(at, stop ? stop : end, &is_key, &key);
		at = stop ? stop + 1 : end;
		for (size_t i = 0; r == 0 && is_key && i < count; i++)
			if (strcmp(keys[i].serial, key.serial) == 0)
				r = -E2BIG;
		if (r == 0 && is_key && count == CAMERA_KEYS_LIMIT)
			r = -E2BIG;
		if (r == 0 && is_key)
			keys[count++] = key;
		wipe(&key, sizeof(key));
		if (r < 0) {
			wipe(keys, count * sizeof(*keys));
			*ret_line = line;
			return r;
		}
	}
	*ret_count = count;
	return 0;
}

int camera_keys_read(const char *path, struct camera_key *keys, size_t *ret_count) {
	char *text = malloc(FILE_LIMIT);
	if (!text)
		return -ENOMEM;
	size_t length = 0;
	unsigned line = 0;
	int r = file_read_secret(path, text, FILE_LIMIT, &length);
	if (r == 0)
		r = camera_keys_parse(text, length, keys, ret_count, &line);
	wipe(text, FILE_LIMIT);
	free(text);
	if (r == -EPERM)
		log_line(LOG_LEVEL_ERROR, "slate", "%s may be read by everybody: chmod 640 or less, and make new keys", path);
	else if (line > 0)
		log_line(LOG_LEVEL_ERROR, "slate", "%s:%u: %s", path, line,
		         r == -E2BIG ? "this serial once more, or too many" : "expected a serial and 64 hexadecimal digits");
	else if (r < 0)
		log_line(LOG_LEVEL_ERROR, "slate", "%s: %s", path, strerror(-r));
	return r;
}
