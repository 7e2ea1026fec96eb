#include "signal/group_keys.h"

#include <errno.h>
#include <stdio.h>

#include "base/bytes.h"

_Static_assert(ADVERT_KEY_SIZE == KEY_FILE_KEY_SIZE, "");

struct parse {
	uint32_t week_now;
	struct group_key *keys;
	size_t count;
};

static bool is_near(uint32_t week, uint32_t now) {
	return week + 1 >= now && week < now + GROUP_KEYS_LIMIT - 1;
}

static int take(struct parse *parse, const struct group_key *key) {
	if (!is_near(key->week, parse->week_now))
		return 0;
	for (size_t i = 0; i < parse->count; i++)
		if (parse->keys[i].week == key->week)
			return -E2BIG;
	if (parse->count == GROUP_KEYS_LIMIT)
		return -E2BIG;
	parse->keys[parse->count++] = *key;
	return 0;
}

/* A week and a key. */
static int on_line(void *context, const char *line, size_t length) {
	const char *at = line, *const end = line + length;
	uint64_t week = 0;
	for (; at < end && *at >= '0' && *at <= '9' && at - line < 10; at++)
		week = week * 10 + (uint64_t)(*at - '0');
	if (at == line || week > UINT32_MAX || at == end || !key_file_is_blank(*at))
		return -EINVAL;
	while (at < end && key_file_is_blank(*at))
		at++;
	struct group_key key = { .week = (uint32_t)week };
	int r = key_file_key(at, (size_t)(end - at), key.key);
	if (r == 0)
		r = take(context, &key);
	wipe(&key, sizeof(key));
	return r;
}

static const struct key_file_form form = {
	.line = on_line,
	.expected = "expected a week's number and 64 hexadecimal digits",
	.too_many = "a second key for this week",
	.remedy = "copy the agency's keys there",
};

int group_keys_parse(const char *text, size_t length, uint32_t week_now, struct group_key *keys, size_t *ret_count,
                     unsigned *ret_line) {
	struct parse parse = { .week_now = week_now, .keys = keys };
	int r = key_file_parse(text, length, &form, &parse, ret_line);
	if (r == 0)
		*ret_count = parse.count;
	return r;
}

int group_keys_read(const char *path, uint32_t week_now, struct group_key *keys, size_t *ret_count,
                    char problem[KEY_FILE_PROBLEM_SIZE]) {
	struct parse parse = { .week_now = week_now, .keys = keys };
	int r = key_file_read(path, &form, &parse, problem);
	if (r == 0)
		*ret_count = parse.count;
	if (r == 0 && parse.count == 0)
		snprintf(problem, KEY_FILE_PROBLEM_SIZE,
		         "%s has no key for this week: copy the agency's new ones there, or set the clock", path);
	return r;
}
