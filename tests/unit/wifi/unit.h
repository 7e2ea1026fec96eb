/* cmocka wants these four before it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include <systemd/sd-event.h>

static inline uint64_t now_us(void) {
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* For fixtures with `event` and the daemon `fake`. Runs the loop until `condition`, or for so long that only a bug explains it.
 */
#define RUN_UNTIL(f, condition) \
	do { \
		uint64_t run_end = now_us() + 10000000; \
		while (!(condition)) { \
			if (now_us() > run_end) \
				fail_msg("never: %s (last command: %s)", #condition, (f)->fake.last); \
			assert_true(sd_event_run((f)->event, 10000) >= 0); \
		} \
	} while (0)

/* Runs it for this long: what must not happen by then. */
#define RUN_FOR(f, duration_us) \
	do { \
		for (uint64_t run_end = now_us() + (duration_us); now_us() < run_end;) \
			assert_true(sd_event_run((f)->event, 10000) >= 0); \
	} while (0)
