/* The camera's clock. */
#pragma once

#include <stdint.h>
#include <time.h>

/* Microseconds since 1970-01-01 UTC. */
static inline uint64_t utc_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
