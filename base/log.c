#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static enum log_level threshold = LOG_LEVEL_INFO;

void log_set_level(enum log_level level) {
	threshold = level;
}

/* Text may hold bytes that a peer chose: control characters would forge lines or drive a terminal. */
static void replace_controls(char *text) {
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static void log_write(enum log_level level, const char *area, const char *code, const char *format, va_list arguments) {
	if (level > threshold)
		return;
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 128];
	vsnprintf(text, sizeof(text), format, arguments);
	replace_controls(text);
	int length = code ? snprintf(line, sizeof(line), "<%d>%s: %s [%s]\n", (int)level, area, text, code)
	                  : snprintf(line, sizeof(line), "<%d>%s: %s\n", (int)level, area, text);
	if (length > 0 && (size_t)length < sizeof(line)) {
		/* One write keeps lines of several processes whole; a log that cannot be written must not stop the daemon. */
		ssize_t written = write(STDERR_FILENO, line, (size_t)length);
		(void)written;
	}
}

void log_line(enum log_level level, const char *area, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	log_write(level, area, NULL, format, arguments);
	va_end(arguments);
}

void log_reason(enum log_level level, const char *area, enum reason reason, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	log_write(level, area, reason_code(reason), format, arguments);
	va_end(arguments);
}
