/* The faults of tests/faults: the N-th call that can fail, fails. Which calls those are is said by whoever wraps them (--wrap);
 * inject.c has those that every program here wraps: malloc, calloc, realloc, sd_event_add_time, sd_event_add_defer. */
#pragma once

#include <errno.h>
#include <stdbool.h>

#include "tests/faults/must.h"

struct injection {
	unsigned calls, fail_at; /* calls that could fail so far; the one that does, 0: none */
	const char *failed;      /* what did; NULL: nothing yet */
	unsigned failed_at;      /* the fail_at that it was */
	const char *scene;
};
extern struct injection injection;

/* Whether this call is the one. */
bool inject_fails(const char *what);
/* Nothing fails until inject_resume, which takes what this returns: for what is not ours, and for what must not fail. */
unsigned inject_pause(void);
void inject_resume(unsigned fail_at);
/* Descriptors that the process has open. */
unsigned inject_open_files(void);

/* How a call fails: as its manual says it may. */
#define WRAP(type, name, parameters, arguments, failure) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters { \
		if (!inject_fails(#name)) \
			return __real_##name arguments; \
		failure; \
	}
#define FAILS_WITH(number) \
	errno = (number); \
	return -1
