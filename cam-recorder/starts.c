#include "cam-recorder/starts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/loop.h"

#define STARTS 8             /* more at once are no presses */
#define PATIENCE_US 10000000 /* a caller waits longer for its answer (cam-radiod: 20 s) */
#define ACCURACY_US 100000

struct starts {
	sd_event_source *timer; /* runs from the first that waits on */
	int (*again)(void *context, sd_bus_message *call);
	void (*refuse)(void *context, sd_bus_message *call, int error);
	void *context;
	sd_bus_message *call[STARTS];
	size_t count;
};

/* The list is empty before anybody is answered: an answer may lead back here. */
static size_t take_all(struct starts *s, sd_bus_message *out[STARTS]) {
	size_t count = s->count;
	for (size_t i = 0; i < count; i++)
		out[i] = s->call[i];
	s->count = 0;
	loop_timer_stop(s->timer);
	return count;
}

static void refuse_all(struct starts *s, int error) {
	sd_bus_message *calls[STARTS];
	size_t count = take_all(s, calls);
	for (size_t i = 0; i < count; i++) {
		s->refuse(s->context, calls[i], error);
		sd_bus_message_unref(calls[i]);
	}
}

static int on_timer(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source;
	(void)time_us;
	refuse_all(context, -ENODEV);
	return 0;
}

int starts_new(struct starts **ret, sd_event *event, int (*again)(void *context, sd_bus_message *call),
               void (*refuse)(void *context, sd_bus_message *call, int error), void *context) {
	struct starts *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct starts){ .again = again, .refuse = refuse, .context = context };
	int result = loop_timer_new(event, &s->timer, ACCURACY_US, on_timer, s);
	if (result < 0) {
		starts_free(s);
		return result;
	}
	*ret = s;
	return 0;
}

void starts_free(struct starts *s) {
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++)
		sd_bus_message_unref(s->call[i]);
	sd_event_source_disable_unref(s->timer);
	free(s);
}

int starts_hold(struct starts *s, sd_bus_message *call) {
	if (s->count == STARTS)
		return -EBUSY;
	if (s->count == 0)
		loop_timer_start(s->timer, PATIENCE_US);
	s->call[s->count++] = sd_bus_message_ref(call);
	return 0;
}

void starts_retry(struct starts *s) {
	size_t kept = 0, count = s->count;
	sd_bus_message *calls[STARTS];
	for (size_t i = 0; i < count; i++)
		calls[i] = s->call[i];
	s->count = 0; /* as in take_all, but the timer goes on for those that still wait */
	for (size_t i = 0; i < count; i++) {
		if (sd_bus_message_rewind(calls[i], true) >= 0 && s->again(s->context, calls[i]) == -EAGAIN)
			s->call[kept++] = calls[i];
		else
			sd_bus_message_unref(calls[i]);
	}
	s->count = kept;
	if (kept == 0)
		loop_timer_stop(s->timer);
}

void starts_cancel(struct starts *s) {
	refuse_all(s, -ECANCELED);
}
