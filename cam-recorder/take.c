#include "cam-recorder/take.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cam-recorder/muxer.h"
#include "footage/mp4.h"

#define AREA "recorder"
#define SYNC_EVERY_US 500000 /* at most: each costs the disk a write of its own */
#define SYNC_ACCURACY_US 10000

struct take {
	struct store *store;
	char id[RECORDING_ID_TEXT];
	struct container_writer *writer;
	struct muxer *muxer;
	struct mp4_scan *scan;  /* where the fragments are */
	GstClockTime base, end; /* of the video */
	int64_t synced_us;      /* monotonic */
	sd_event_source *sync;  /* of a fragment that ended too soon after that */
	int error;
	void (*ended)(void *context, struct take *take);
	void *context;
};

static uint32_t duration_ms(const struct take *t) {
	return t->end > t->base ? (uint32_t)((t->end - t->base) / GST_MSECOND) : 0;
}

/* 0: all is well. */
static void take_note(struct take *t, int error) {
	t->error = error;
	if (error < 0)
		log_reason(LOG_LEVEL_ERROR, AREA, error == -ENOSPC ? REASON_DISK_FULL : REASON_INTERNAL,
		           "recording %s cannot be written on: %s", t->id, strerror(-error));
}

static int on_sync(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source;
	(void)time_us;
	struct take *t = context;
	t->synced_us = g_get_monotonic_time();
	if (t->error == 0)
		take_note(t, container_writer_sync(t->writer));
	return 0;
}

/* At a fragment's end: what was recorded before this second outlives a power cut. When fragments come all at once, as those from
 * before the start do, one sync does for them, as soon as it may be. */
static int sync_fragment(struct take *t) {
	int64_t now_us = g_get_monotonic_time(), next_us = t->synced_us + SYNC_EVERY_US;
	if (now_us < next_us) {
		(void)sd_event_source_set_time(t->sync, (uint64_t)next_us);
		(void)sd_event_source_set_enabled(t->sync, SD_EVENT_ONESHOT);
		return 0;
	}
	t->synced_us = now_us;
	return container_writer_sync(t->writer);
}

static void on_bytes(void *context, const void *bytes, size_t length) {
	struct take *t = context;
	if (t->error < 0)
		return;
	uint32_t before_ms = mp4_scan_duration_ms(t->scan);
	int result = container_writer_append(t->writer, bytes, length);
	mp4_scan_feed(t->scan, bytes, length);
	if (result == 0 && mp4_scan_duration_ms(t->scan) != before_ms)
		result = sync_fragment(t);
	take_note(t, result);
	store_progress(t->store, t->id, duration_ms(t), container_writer_size(t->writer));
}

/* Cut short is what a recording is whose last chunk could not be sealed: its size is that of the whole chunks before. */
static uint64_t size_on_disk(const struct take *t) {
	struct container_reader *reader;
	if (store_read(t->store, t->id, &reader) < 0)
		return 0;
	uint64_t size = container_reader_size(reader);
	container_reader_free(reader);
	return size;
}

/* Players find their way in a long recording by it: mp4mux writes none into a stream that it cannot go back in. */
static void append_index(struct take *t) {
	uint8_t *index;
	size_t length;
	int result = mp4_scan_make_index(t->scan, &index, &length);
	if (result < 0) {
		log_line(LOG_LEVEL_WARNING, AREA, "recording %s has no index: %s", t->id, strerror(-result));
		return;
	}
	t->error = container_writer_append(t->writer, index, length);
	free(index);
}

static void on_ended(void *context, bool failed) {
	struct take *t = context;
	uint8_t hash[SHA256_SIZE];
	(void)sd_event_source_set_enabled(t->sync, SD_EVENT_OFF);
	if (!failed && t->error == 0)
		append_index(t);
	int sealed = container_writer_finish(t->writer);
	bool complete = !failed && t->error == 0 && sealed == 0;
	container_writer_hash(t->writer, hash);
	uint64_t size = complete ? container_writer_size(t->writer) : size_on_disk(t);
	int result = store_finish(t->store, t->id, complete ? RECORDING_STATE_COMPLETE : RECORDING_STATE_CUT_SHORT,
	                          duration_ms(t), size, hash);
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, AREA, "the end of recording %s cannot be noted: %s", t->id, strerror(-result));
	log_line(LOG_LEVEL_INFO, AREA, "recording %s ended: %u ms, %llu bytes%s", t->id, duration_ms(t), (unsigned long long)size,
	         complete ? "" : ", cut short");
	t->ended(t->context, t);
}

static const struct muxer_callbacks muxer_handlers = { .bytes = on_bytes, .ended = on_ended };

int take_new(struct take **ret, sd_event *event, struct store *store, const char *reason, GstClockTime base_ns,
             uint64_t started_us, GstCaps *video, GstCaps *audio, void (*ended)(void *context, struct take *take),
             void *context) {
	struct take *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct take){ .store = store, .base = base_ns, .ended = ended, .context = context };
	int result = mp4_scan_new(&t->scan);
	if (result == 0)
		result = store_begin(store, started_us, reason, t->id, &t->writer);
	if (result == 0)
		result = sd_event_add_time(event, &t->sync, CLOCK_MONOTONIC, 0, SYNC_ACCURACY_US, on_sync, t);
	if (result >= 0)
		result = sd_event_source_set_enabled(t->sync, SD_EVENT_OFF);
	if (result >= 0)
		result = muxer_new(&t->muxer, event, base_ns, video, audio, &muxer_handlers, t);
	if (result < 0) {
		take_free(t);
		return result;
	}
	*ret = t;
	return 0;
}

void take_free(struct take *t) {
	if (!t)
		return;
	sd_event_source_disable_unref(t->sync);
	muxer_free(t->muxer);
	container_writer_free(t->writer);
	mp4_scan_free(t->scan);
	free(t);
}

void take_push(struct take *t, bool video, GstBuffer *buffer) {
	GstClockTime duration = GST_BUFFER_DURATION_IS_VALID(buffer) ? GST_BUFFER_DURATION(buffer) : 0;
	if (video && GST_BUFFER_PTS_IS_VALID(buffer) && GST_BUFFER_PTS(buffer) + duration > t->end)
		t->end = GST_BUFFER_PTS(buffer) + duration;
	muxer_push(t->muxer, video, buffer);
}

void take_finish(struct take *t) {
	muxer_finish(t->muxer);
}

const char *take_id(const struct take *t) {
	return t->id;
}

bool take_has_failed(const struct take *t) {
	return t->error < 0;
}
