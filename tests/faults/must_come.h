/* What must come by itself, at the latest after a while. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "pairing/limits.h"
#include "tests/faults/must.h"

static inline uint64_t must_come_now_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * SECOND_US + (uint64_t)now.tv_nsec / 1000;
}

/* The condition is looked at after each thing that happens, and every so often. */
#define MUST_COME_LOOK_US (SECOND_US / 200)
#define MUST_COME(event, patience_us, condition) \
	do { \
		uint64_t end_us_ = must_come_now_us() + (patience_us); \
		while (!(condition)) { \
			if (must_come_now_us() >= end_us_) \
				must_broken(__FILE__, __LINE__, "comes in time: " #condition); \
			MUST(sd_event_run(event, MUST_COME_LOOK_US) >= 0); \
		} \
	} while (false)
