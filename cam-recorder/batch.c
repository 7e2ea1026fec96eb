#include "cam-recorder/batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cam-recorder/clock.h"
#include "cam-recorder/recorder.h"

#define AREA "batch"
#define PAUSE_S 60 /* between the times that the recordings claim */

struct batch {
	sd_event *event;
	struct store *store;
	int folder;
	const struct settings *settings;
	uint64_t now_us;
	struct recorder *recorder;
	sd_event_source *next;
	unsigned made;
	bool begun; /* this recorder has made its one recording, or is making it */
	bool ending, failed;
};

static void on_shut(void *context) {
	struct batch *b = context;
	sd_event_exit(b->event, b->failed ? EXIT_FAILURE : EXIT_SUCCESS);
}

void batch_end(struct batch *b) {
	if (b->ending)
		return;
	b->ending = true;
	b->failed = b->failed || b->made < b->settings->make;
	recorder_shut_down(b->recorder, on_shut);
}

static void on_state_changed(void *context) {
	struct batch *b = context;
	if (b->begun || b->ending || recorder_state(b->recorder) != RECORDER_BUFFERING)
		return;
	b->begun = true;
	int result = recorder_start(b->recorder, "manual");
	if (result == 0)
		return;
	log_line(LOG_LEVEL_ERROR, AREA, "no recording: %s", strerror(-result));
	b->failed = true;
	batch_end(b);
}

static void on_recording_changed(void *context, const char *id) {
	struct batch *b = context;
	const struct recording *recording = store_find(b->store, id);
	if (!recording || recording->state == RECORDING_STATE_ACTIVE || b->ending)
		return;
	b->failed = b->failed || recording->state != RECORDING_STATE_COMPLETE;
	printf("%s %u ms %llu bytes\n", recording->id, recording->duration_ms, (unsigned long long)recording->size);
	if (++b->made == b->settings->make)
		batch_end(b);
	else
		sd_event_source_set_enabled(b->next, SD_EVENT_ONESHOT);
}

static void on_picture_gone(void *context) {
	struct batch *b = context;
	b->failed = true;
	batch_end(b);
}

static const struct recorder_callbacks handlers = {
	.state_changed = on_state_changed,
	.recording_changed = on_recording_changed,
	.picture_gone = on_picture_gone,
};

/* Each recording gets an encoder of its own: its time begins at zero. */
static int begin_recorder(struct batch *b) {
	const struct settings *s = b->settings;
	struct recorder_config config = { .capture = settings_capture(s),
		                          .pre_event_s = s->seconds + 1, /* nothing of it falls out of the ring */
		                          .folder = b->folder };
	uint64_t before_s = (uint64_t)(s->make - b->made) * (s->seconds + PAUSE_S);
	config.capture.epoch_us = b->now_us - before_s * 1000000;
	b->begun = false;
	return recorder_new(&b->recorder, b->event, b->store, &config, &handlers, b);
}

static int on_next(sd_event_source *source, void *context) {
	(void)source;
	struct batch *b = context;
	recorder_free(b->recorder);
	b->recorder = NULL;
	return begin_recorder(b) < 0 ? sd_event_exit(b->event, EXIT_FAILURE) : 0;
}

int batch_new(struct batch **ret, sd_event *event, struct store *store, int folder, const struct settings *settings) {
	struct batch *b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	*b = (struct batch){ .event = event, .store = store, .folder = folder, .settings = settings, .now_us = utc_us() };
	int result = sd_event_add_defer(event, &b->next, on_next, b);
	if (result >= 0)
		result = sd_event_source_set_enabled(b->next, SD_EVENT_OFF);
	if (result >= 0)
		result = begin_recorder(b);
	if (result < 0) {
		batch_free(b);
		return result;
	}
	*ret = b;
	return 0;
}

void batch_free(struct batch *b) {
	if (!b)
		return;
	sd_event_source_disable_unref(b->next);
	recorder_free(b->recorder);
	free(b);
}
