#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

int loop_handle_end(sd_event *event, sd_event_signal_handler_t handler, void *context) {
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	int r = sd_event_add_signal(event, NULL, SIGTERM, handler, context);
	return r < 0 ? r : sd_event_add_signal(event, NULL, SIGINT, handler, context);
}

uint64_t loop_now_us(sd_event *event) {
	uint64_t now_us = 0;
	(void)sd_event_now(event, CLOCK_BOOTTIME, &now_us); /* fails only for an unknown clock */
	return now_us;
}

int loop_timer_new(sd_event *event, sd_event_source **ret, uint64_t accuracy_us, sd_event_time_handler_t passed, void *context) {
	int r = sd_event_add_time(event, ret, CLOCK_BOOTTIME, UINT64_MAX, accuracy_us, passed, context);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
	if (r < 0)
		*ret = sd_event_source_disable_unref(*ret);
	return r;
}

/* Both fail only for a source of another kind, and in a loop that has ended. */
void loop_timer_start(sd_event_source *timer, uint64_t us) {
	(void)sd_event_source_set_time_relative(timer, us);
	(void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

void loop_timer_stop(sd_event_source *timer) {
	(void)sd_event_source_set_enabled(timer, SD_EVENT_OFF);
}

bool loop_timer_runs(sd_event_source *timer) {
	return sd_event_source_get_enabled(timer, NULL) > 0;
}
