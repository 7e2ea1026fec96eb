#include "signal/group_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"

#define FILE_LIMIT 65536
#define KEY_DIGITS (2 * ADVERT_KEY_SIZE)

static bool is_space(char c) {
	return c == ' ' || c == '\t' || c == '\r';
}

/* One line without its end: nothing, or a week and a key. -EINVAL. */
static int parse_line(const char *at, const char *end, bool *ret_is_key, struct group_key *ret) {
	*ret_is_key = false;
	while (at < end && is_space(*at))
		at++;
	while (end > at && is_space(end[-1]))
		end--;
	if (at == end || *at == '#')
		return 0;
	uint64_t week = 0;
	const char *digits = at;
	for (; at < end && *at >= '0' && *at <= '9' && at - digits < 10; at++)
		week = week * 10 + (uint64_t)(*at - '0');
	if (at == digits || week > UINT32_MAX || at == end || !is_space(*at))
		return -EINVAL;
	while (at < end && is_space(*at))
		at++;
	if (end - at != KEY_DIGITS)
		return -EINVAL;
	char text[KEY_DIGITS + 1];
	memcpy(text, at, KEY_DIGITS);
	text[KEY_DIGITS] = '\0';
	int r = hex_decode(ret->key, ADVERT_KEY_SIZE, text);
	wipe(text, sizeof(text));
	ret->week = (uint32_t)week;
	*ret_is_key = r == 0;
	return r;
}

int group_keys_parse(const char *text, size_t length, uint32_t week_now, struct group_key *keys, size_t *ret_count,
                     unsigned *ret_line) {
	size_t count = 0;
	unsigned line = 0;
	for (const char *at = text, *end = text + length; at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		struct group_key key;
		bool is_key;
		line++;
		int r = parse_line(at, stop ? stop : end, &is_key, &key);
		at = stop ? stop + 1 : end;
		if (r == 0 && is_key && key.week + 1 >= week_now && key.week < week_now + GROUP_KEYS_LIMIT - 1) {
			for (size_t i = 0; i < count; i++)
				if (keys[i].week == key.week)
					r = -E2BIG;
			if (count == GROUP_KEYS_LIMIT)
				r = -E2BIG;
			if (r == 0)
				keys[count++] = key;
		}
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

/* line: which is wrong, or 0. */
static void explain(char *out, const char *path, int result, unsigned line) {
	static const struct {
		int result;
		const char *text;
	} known[] = {
		{ 0, "has no key for this week: copy the agency's new ones there, or set the clock" },
		{ -ENOENT, "is missing: copy the agency's keys there" },
		{ -EINVAL, "is no file: copy the agency's keys there" },
		{ -EPERM, "may be read by everybody: chmod 640 or less, and make new keys" },
		{ -EACCES, "may not be read by this program: give it the program's group" },
	};
	if (line > 0) {
		snprintf(out, GROUP_KEYS_PROBLEM_SIZE, "%s:%u: %s", path, line,
		         result == -E2BIG ? "a second key for this week" : "expected a week's number and 64 hexadecimal digits");
		return;
	}
	for (size_t i = 0; i < ELEMENTS(known); i++)
		if (known[i].result == result) {
			snprintf(out, GROUP_KEYS_PROBLEM_SIZE, "%s %s", path, known[i].text);
			return;
		}
	snprintf(out, GROUP_KEYS_PROBLEM_SIZE, "%s: %s", path, strerror(-result));
}

int group_keys_read(const char *path, uint32_t week_now, struct group_key *keys, size_t *ret_count,
                    char problem[GROUP_KEYS_PROBLEM_SIZE]) {
	problem[0] = '\0';
	char *text = malloc(FILE_LIMIT);
	size_t length = 0;
	unsigned line = 0;
	int r = text ? file_read_secret(path, text, FILE_LIMIT, &length) : -ENOMEM;
	if (r == 0)
		r = group_keys_parse(text, length, week_now, keys, ret_count, &line);
	if (text)
		wipe(text, FILE_LIMIT);
	free(text);
	if (r < 0 || *ret_count == 0)
		explain(problem, path, r, line);
	return r;
}
