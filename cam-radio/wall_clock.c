#include "cam-radio/wall_clock.h"

#include <errno.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "pairing/limits.h"

#define TIME_SYNCHRONIZED "/run/systemd/timesync/synchronized"

/* The system has one clock, whatever the process is built of. */
static bool was_set;

enum reason wall_clock_set(uint64_t time_us) {
	struct timespec time = { .tv_sec = (time_t)(time_us / SECOND_US), .tv_nsec = (long)(time_us % SECOND_US) * 1000 };
	if (clock_settime(CLOCK_REALTIME, &time) == 0) {
		was_set = true;
		log_line(LOG_LEVEL_NOTICE, "requests", "clock set by the companion");
		return REASON_OK;
	}
	int error = errno;
	log_line(LOG_LEVEL_ERROR, "requests", "the clock cannot be set: %s", strerror(error));
	return error == EPERM ? REASON_NOT_PERMITTED : REASON_INTERNAL;
}

/* The kernel knows whether something keeps it in step, where a sandbox lets us ask; systemd-timesyncd leaves a file. */
uint64_t wall_clock_s(bool *ret_trusted) {
	struct timex state = { 0 };
	*ret_trusted = was_set || access(TIME_SYNCHRONIZED, F_OK) == 0 || (adjtimex(&state) >= 0 && !(state.status & STA_UNSYNC));
	return (uint64_t)time(NULL);
}
