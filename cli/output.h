/* What `lanyard` says: results on standard output, everything else on standard error. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "cli/command.h"

#define OUTPUT_SIZE_TEXT 24
#define OUTPUT_TIME_TEXT 32

/* "lanyard: TEXT": wrong usage, which has no reason code. */
void output_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints "lanyard: TEXT [code]" and returns CLI_FAILED. code: a reason's text code, maybe of a newer version. The text says what
 * is wrong and what to do. */
enum cli_exit output_failure(const char *code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Failures from now on are one line {"reason":code,"message":TEXT}, as in companiond's HTTP API; for --json. */
void output_failures_as_json(bool json);
enum cli_exit output_reason(enum reason reason);
/* Prints and frees. */
void output_json(json_t *value);
/* Replaces control characters in every text inside, for printing to a person: names come from whoever sent the advert, and a
 * terminal obeys escape sequences. Keys are left: they are ours. */
void output_clean(json_t *value);

/* "1.4 MB"; "3:07"; "2026-05-04 12:13:14" in local time. */
void output_size(char out[OUTPUT_SIZE_TEXT], uint64_t bytes);
void output_duration(char out[OUTPUT_SIZE_TEXT], uint64_t milliseconds);
void output_time(char out[OUTPUT_TIME_TEXT], uint64_t unix_us);
