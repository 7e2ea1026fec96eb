/* Structured log lines on standard error: "<priority>area: text", which journald reads with its priority. Never pass a
 * secret. Log where an error is handled, not where it is passed on. */
#pragma once

#include "base/reason.h"

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_NOTICE = 5, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Lines above this level are dropped; the default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

void log_line(enum log_level level, const char *area, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* As log_line, followed by the reason's code: "area: text [code]". */
void log_reason(enum log_level level, const char *area, enum reason reason, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
