/* What must hold whatever fails. The process ends with a line that says what does not. */
#pragma once

#define MUST(condition) \
	do { \
		if (!(condition)) \
			must_broken(__FILE__, __LINE__, #condition); \
	} while (false)

/* Each program has one of its own: it knows what went before. */
void must_broken(const char *file, int line, const char *what) __attribute__((noreturn));
