#include "cam-radio/deadline.h"

#include <errno.h>
#include <stdlib.h>

#include "base/loop.h"

/* Deadlines are for people and radios: letting the kernel join wake-ups within this saves power and costs nobody anything. */
#define ACCURACY_US 1000

struct deadline {
	sd_event_source *timer;
	void (*passed)(void *context, uint64_t now_us);
	void *context;
};

static int on_timer(sd_event_source *source, uint64_t time_us, void *context) {
	(void)time_us;
	struct deadline *deadline = context;
	deadline->passed(deadline->context, loop_now_us(sd_event_source_get_event(source)));
	return 0;
}

int deadline_new(struct deadline **ret, sd_event *event, void (*passed)(void *context, uint64_t now_us), void *context) {
	struct deadline *deadline = calloc(1, sizeof(*deadline));
	if (!deadline)
		return -ENOMEM;
	*deadline = (struct deadline){ .passed = passed, .context = context };
	int result = loop_timer_new(event, &deadline->timer, ACCURACY_US, on_timer, deadline);
	/* What has arrived before a deadline passed is looked at first, however late the loop is. */
	if (result >= 0)
		result = sd_event_source_set_priority(deadline->timer, SD_EVENT_PRIORITY_NORMAL + 1);
	if (result < 0) {
		deadline_free(deadline);
		return result;
	}
	*ret = deadline;
	return 0;
}

void deadline_free(struct deadline *deadline) {
	if (!deadline)
		return;
	sd_event_source_disable_unref(deadline->timer);
	free(deadline);
}

void deadline_set(struct deadline *deadline, uint64_t time_us) {
	if (time_us != UINT64_MAX)
		(void)sd_event_source_set_time(deadline->timer, time_us); /* fails only for a source of another kind */
	(void)sd_event_source_set_enabled(deadline->timer, time_us == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}
