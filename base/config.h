/* Configuration files: "[section]", "key = value", "#" comments; one value per line, no quoting, no continuation. Each daemon
 * declares a table of the keys it knows; an unknown section or key is an error that names file and line, because a silently
 * ignored typo in an agency's configuration is worse than a daemon that refuses to start. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum config_kind { CONFIG_TEXT, CONFIG_NUMBER, CONFIG_BOOLEAN };

struct config_key {
	const char *section, *key;
	enum config_kind kind;
	void *target;    /* char[capacity], unsigned, or bool; keeps its value when the file does not name the key */
	size_t capacity; /* CONFIG_TEXT: size of the array; CONFIG_NUMBER: the largest value allowed (0: UINT_MAX) */
};

/* Reads `path` into the targets. 0; -ENOENT when there is no such file (targets untouched); -EINVAL after a log line that names
 * file, line and what is wrong; or another negative errno. */
int config_read(const char *path, const struct config_key *keys, size_t count);
