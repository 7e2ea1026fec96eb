#include "cli/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ERROR_LIMIT 1024

static bool failures_as_json; /* a setting of the whole command, like the level of the log */

/* C0, DEL, and C1 (which in UTF-8 is C2 80 to C2 9F). */
static void clean_text(char *text) {
	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		if (*c < 0x20 || *c == 0x7f) {
			*c = '?';
		} else if (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) {
			c[0] = '?';
			c[1] = '?';
		}
	}
}

void output_clean(json_t *value) {
	const char *key;
	json_t *member;
	size_t i;
	json_object_foreach(value, key, member) output_clean(member);
	json_array_foreach(value, i, member) output_clean(member);
	if (!json_is_string(value))
		return;
	char *copy = strdup(json_string_value(value));
	if (!copy || json_string_length(value) != strlen(copy)) {
		json_string_set(value, "?"); /* a zero byte inside */
	} else {
		clean_text(copy);
		json_string_set(value, copy);
	}
	free(copy);
}

void output_error(const char *format, ...) {
	char text[ERROR_LIMIT];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	clean_text(text);
	fprintf(stderr, "lanyard: %s\n", text);
}

void output_failures_as_json(bool json) {
	failures_as_json = json;
}

enum cli_exit output_failure(const char *code, const char *format, ...) {
	char text[ERROR_LIMIT];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	clean_text(text);
	char *json = NULL;
	if (failures_as_json) {
		json_t *object = json_pack("{s:s, s:s}", "reason", code, "message", text);
		json = object ? json_dumps(object, JSON_COMPACT) : NULL; /* none when the text is cut within a character */
		json_decref(object);
	}
	if (json)
		fprintf(stderr, "%s\n", json);
	else
		fprintf(stderr, "lanyard: %s [%s]\n", text, code);
	free(json);
	return CLI_FAILED;
}

enum cli_exit output_reason(enum reason reason) {
	return output_failure(reason_code(reason), "%s", reason_sentence(reason));
}

void output_json(json_t *value) {
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(10));
	fputc('\n', stdout);
	json_decref(value);
}

void output_size(char out[OUTPUT_SIZE_TEXT], uint64_t bytes) {
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)bytes;
	size_t unit = 0;
	for (; value >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		value /= 1000;
	snprintf(out, OUTPUT_SIZE_TEXT, unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

void output_duration(char out[OUTPUT_SIZE_TEXT], uint64_t milliseconds) {
	uint64_t seconds = (milliseconds + 500) / 1000;
	if (seconds >= 3600)
		snprintf(out, OUTPUT_SIZE_TEXT, "%u:%02u:%02u", (unsigned)(seconds / 3600), (unsigned)(seconds / 60 % 60),
		         (unsigned)(seconds % 60));
	else
		snprintf(out, OUTPUT_SIZE_TEXT, "%u:%02u", (unsigned)(seconds / 60), (unsigned)(seconds % 60));
}

void output_time(char out[OUTPUT_TIME_TEXT], uint64_t unix_us) {
	time_t seconds = (time_t)(unix_us / 1000000);
	struct tm local;
	if (!localtime_r(&seconds, &local) || strftime(out, OUTPUT_TIME_TEXT, "%Y-%m-%d %H:%M:%S", &local) == 0)
		snprintf(out, OUTPUT_TIME_TEXT, "?");
}
