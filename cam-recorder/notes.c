#include "cam-recorder/notes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "cam-recorder/clock.h"

#define ACCURACY_US 1000000

struct notes {
	struct store *store;
	sd_event_source *timer;
	bool failing; /* said once */
};

static void arm(struct notes *n) {
	loop_timer_start(n->timer, NOTES_DELAY_US);
}

void notes_flush(struct notes *n) {
	int result = store_sync_details(n->store);
	if (result < 0 && !n->failing)
		log_reason(LOG_LEVEL_WARNING, "recorder", result == -ENOSPC ? REASON_DISK_FULL : REASON_INTERNAL,
		           "details of a recording cannot be written: %s", strerror(-result));
	n->failing = result < 0;
	if (result < 0)
		arm(n);
	else
		loop_timer_stop(n->timer);
}

static int on_timer(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source;
	(void)time_us;
	notes_flush(context);
	return 0;
}

int notes_new(struct notes **ret, sd_event *event, struct store *store) {
	struct notes *n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->store = store;
	int result = loop_timer_new(event, &n->timer, ACCURACY_US, on_timer, n);
	if (result < 0) {
		free(n);
		return result;
	}
	*ret = n;
	return 0;
}

void notes_free(struct notes *n) {
	if (!n)
		return;
	notes_flush(n);
	sd_event_source_disable_unref(n->timer);
	free(n);
}

int notes_add(struct notes *n, const char *id, const char *key, const char *value) {
	int result = store_add_detail(n->store, id, utc_us(), key, value);
	if (result == 0 && !loop_timer_runs(n->timer))
		arm(n);
	return result;
}
