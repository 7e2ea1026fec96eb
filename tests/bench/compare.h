/* Side by side in one run: two ways to do the same work, in short batches that take turns, so that whatever else the machine does
 * falls on both. A figure is one line of JSON on standard output; tests/bench/run makes the table and the report of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct contender {
	const char *name;
	void (*work)(void *context); /* one unit of work; aborts when it goes wrong */
	void *context;
};

/* What time is counted by: as it passes, for whatever waits; or only while this process has a processor, for what never waits, so
 * that others who want one do not count. */
#define CLOCK_PASSING CLOCK_MONOTONIC_RAW
#define CLOCK_WORKING CLOCK_PROCESS_CPUTIME_ID

/* Seconds for one unit of work of each contender, over `rounds` rounds of about 3 ms each. seconds[] has `count` items: the
 * median of the first contender, and for the others that times the median of their ratios to it within a round. */
void compare(clockid_t clock, const struct contender *contenders, size_t count, unsigned rounds, double *seconds);

/* One figure. peer_name NULL: there is none, then budget bounds `ours` itself instead of ours / peer. budget 0: none. */
struct figure {
	const char *name, *unit;
	double ours, peer;
	const char *peer_name;
	double budget;
	bool more_is_better;
};

void figure_print(const struct figure *figure);

/* Ends the program when a library call that a bench depends on went wrong. */
#define REQUIRE(condition) require((condition), #condition, __FILE__, __LINE__)
void require(bool holds, const char *what, const char *file, int line);
