#include "cli/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

void output_error(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	fputs("lanyard: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
}

enum cli_exit output_failure(const char *code, const char *sentence) {
	output_error("%s [%s]", sentence, code);
	return CLI_FAILED;
}

enum cli_exit output_reason(enum reason reason) {
	return output_failure(reason_code(reason), reason_sentence(reason));
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
