#include "base/config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define LINE_CAPACITY 1024

static char *trim(char *text) {
	while (isspace((unsigned char)*text))
		text++;
	size_t length = strlen(text);
	while (length > 0 && isspace((unsigned char)text[length - 1]))
		text[--length] = '\0';
	return text;
}

static const struct config_key *config_find(const struct config_key *keys, size_t count, const char *section, const char *key) {
	for (size_t i = 0; i < count; i++)
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].key, key) == 0)
			return &keys[i];
	return NULL;
}

static int config_assign(const struct config_key *key, const char *value) {
	switch (key->kind) {
	case CONFIG_TEXT:
		if (strlen(value) >= key->capacity)
			return -EINVAL;
		strcpy(key->target, value); /* the length was checked on the line above */
		return 0;
	case CONFIG_NUMBER: {
		char *end;
		errno = 0;
		unsigned long number = strtoul(value, &end, 10);
		unsigned long limit = key->capacity > 0 ? key->capacity : UINT_MAX;
		if (!isdigit((unsigned char)*value) || *end != '\0' || errno != 0 || number > limit)
			return -EINVAL;
		*(unsigned *)key->target = (unsigned)number;
		return 0;
	}
	case CONFIG_BOOLEAN:
		if (strcmp(value, "yes") == 0 || strcmp(value, "true") == 0)
			*(bool *)key->target = true;
		else if (strcmp(value, "no") == 0 || strcmp(value, "false") == 0)
			*(bool *)key->target = false;
		else
			return -EINVAL;
		return 0;
	}
	return -EINVAL;
}

static int config_line(const char *path, unsigned number, char *line, char *section, const struct config_key *keys,
                       size_t count) {
	char *text = trim(line);
	if (*text == '\0' || *text == '#')
		return 0;
	if (*text == '[') {
		char *end = strchr(text, ']');
		if (!end || end[1] != '\0') {
			log_line(LOG_LEVEL_ERROR, "config", "%s:%u: a section looks like [name]", path, number);
			return -EINVAL;
		}
		*end = '\0';
		snprintf(section, LINE_CAPACITY, "%s", text + 1);
		return 0;
	}
	char *equals = strchr(text, '=');
	if (!equals) {
		log_line(LOG_LEVEL_ERROR, "config", "%s:%u: expected key = value", path, number);
		return -EINVAL;
	}
	*equals = '\0';
	const char *name = trim(text), *value = trim(equals + 1);
	const struct config_key *key = config_find(keys, count, section, name);
	if (!key) {
		log_line(LOG_LEVEL_ERROR, "config", "%s:%u: there is no setting \"%s\" in section [%s]", path, number, name,
		         section);
		return -EINVAL;
	}
	if (config_assign(key, value) < 0) {
		log_line(LOG_LEVEL_ERROR, "config", "%s:%u: the value of \"%s\" is not valid: %s", path, number, name,
		         key->kind == CONFIG_BOOLEAN  ? "yes or no is expected"
		         : key->kind == CONFIG_NUMBER ? "a number within its limit is expected"
		                                      : "the text is too long");
		return -EINVAL;
	}
	return 0;
}

int config_read(const char *path, const struct config_key *keys, size_t count) {
	FILE *file = fopen(path, "re");
	if (!file)
		return -errno;
	char line[LINE_CAPACITY], section[LINE_CAPACITY] = "";
	int result = 0;
	for (unsigned number = 1; result == 0 && fgets(line, sizeof(line), file); number++) {
		if (!strchr(line, '\n') && !feof(file)) {
			log_line(LOG_LEVEL_ERROR, "config", "%s:%u: the line is too long", path, number);
			result = -EINVAL;
			break;
		}
		result = config_line(path, number, line, section, keys, count);
	}
	if (result == 0 && ferror(file))
		result = -EIO;
	fclose(file);
	return result;
}
