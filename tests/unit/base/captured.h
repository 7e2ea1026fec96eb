/* Runs something with standard error in a pipe, so that a test can read what it logged. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct captured {
	int saved, reading;
	char text[8192];
};

static inline void capture_start(struct captured *captured) {
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	captured->saved = dup(STDERR_FILENO);
	captured->reading = ends[0];
	assert_true(captured->saved >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
}

/* What was written must fit a pipe. */
static inline const char *capture_end(struct captured *captured) {
	assert_true(dup2(captured->saved, STDERR_FILENO) >= 0);
	close(captured->saved);
	ssize_t length = read(captured->reading, captured->text, sizeof(captured->text) - 1);
	close(captured->reading);
	assert_true(length >= 0);
	captured->text[length] = '\0';
	return captured->text;
}
