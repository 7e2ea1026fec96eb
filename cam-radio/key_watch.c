#include "cam-radio/key_watch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "cam-radio/deadline.h"

struct key_watch {
	sd_event *event;
	struct key_watch_config config;
	char problem[KEY_FILE_PROBLEM_SIZE];
	uint64_t epoch; /* in which it was read last */
	struct deadline *retry, *changed;
};

static void tell(const struct key_watch *w) {
	if (*w->problem)
		log_line(LOG_LEVEL_ERROR, w->config.component, "%s. %s", w->problem, w->config.meanwhile(w->config.context));
	else
		log_line(LOG_LEVEL_NOTICE, w->config.component, "%s is good: its keys are used from now on", w->config.path);
}

/* Whether something else is wrong with it than before, which is so, too, when keys come or go. */
static bool look(struct key_watch *w) {
	char problem[KEY_FILE_PROBLEM_SIZE];
	const uint64_t epoch = w->config.read(w->config.context, problem);
	const bool changed = strcmp(problem, w->problem) != 0;
	strcpy(w->problem, problem);
	if (changed || (*problem && epoch != w->epoch))
		tell(w);
	deadline_set(w->retry, *problem ? loop_now_us(w->event) + w->config.retry_us : UINT64_MAX);
	w->epoch = epoch;
	return changed;
}

void key_watch_read(struct key_watch *w) {
	if (look(w))
		deadline_set(w->changed, loop_now_us(w->event)); /* not from in here: it is read while somebody waits for keys */
}

static void on_retry(void *context, uint64_t now_us) {
	(void)now_us;
	key_watch_read(context);
}

static void on_changed(void *context, uint64_t now_us) {
	(void)now_us;
	const struct key_watch *w = context;
	w->config.changed(w->config.context);
}

int key_watch_new(struct key_watch **ret, sd_event *event, const struct key_watch_config *config) {
	struct key_watch *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct key_watch){ .event = event, .config = *config };
	int r = deadline_new(&w->retry, event, on_retry, w);
	if (r >= 0)
		r = deadline_new(&w->changed, event, on_changed, w);
	if (r < 0) {
		key_watch_free(w);
		return r;
	}
	(void)look(w);
	*ret = w;
	return 0;
}

void key_watch_free(struct key_watch *w) {
	if (!w)
		return;
	deadline_free(w->retry);
	deadline_free(w->changed);
	free(w);
}

const char *key_watch_problem(const struct key_watch *w) {
	return w ? w->problem : "";
}
