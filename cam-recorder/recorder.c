#include "cam-recorder/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "cam-recorder/clock.h"
#include "cam-recorder/notes.h"
#include "cam-recorder/preview.h"
#include "cam-recorder/take.h"

#define AREA "recorder"
#define PREVIEWS 4
#define TAKES 4 /* one in progress and those whose last bytes are still coming */
#define RESTART_US 2000000
#define ROOM_CHECK_US 1000000

#define NOTE_ENDED "EndedBecause"

struct frame {
	bool video;
	GstBuffer *buffer;
};

struct recorder {
	sd_event *event;
	struct store *store;
	struct recorder_config config;
	const struct recorder_callbacks *callbacks;
	void *context;
	enum recorder_state state;
	struct capture *capture;
	sd_event_source *restart, *room;
	struct notes *notes;
	bool resize;      /* the encoder begins anew when this recording has ended */
	GstCaps *caps[2]; /* audio, video; NULL until the first frame of each */
	GQueue ring;
	GstBuffer *thumbnail; /* the newest */
	struct take *takes[TAKES];
	struct take *current;
	struct preview *previews[PREVIEWS];
	int waiting[PREVIEWS]; /* pipes of viewers that wait for the next key frame; -1: none */
	void (*shut_down)(void *context);
};

static void enter_state(struct recorder *r, enum recorder_state state) {
	if (r->state == state)
		return;
	r->state = state;
	r->callbacks->state_changed(r->context);
}

/* -------------------------------------------------------------------------------------------------------------------- ring */

static bool is_key(const struct frame *frame) {
	return frame->video && !GST_BUFFER_FLAG_IS_SET(frame->buffer, GST_BUFFER_FLAG_DELTA_UNIT);
}

static void frame_free(struct frame *frame) {
	gst_buffer_unref(frame->buffer);
	g_free(frame);
}

static void ring_clear(struct recorder *r) {
	for (struct frame *frame; (frame = g_queue_pop_head(&r->ring));)
		frame_free(frame);
}

/* The ring begins with a key frame and holds at least pre_event_s seconds: a key frame and what hangs on it goes only when the
 * next one is old enough too. */
static void ring_trim(struct recorder *r, GstClockTime newest) {
	GstClockTime keep = r->config.pre_event_s * GST_SECOND;
	for (;;) {
		GList *second = r->ring.head;
		for (bool first = true; second; second = second->next) {
			if (!is_key(second->data))
				continue;
			if (!first)
				break;
			first = false;
		}
		if (!second || GST_BUFFER_PTS(((struct frame *)second->data)->buffer) + keep > newest)
			return;
		while (r->ring.head != second)
			frame_free(g_queue_pop_head(&r->ring));
	}
}

static const struct frame *ring_first_key(const struct recorder *r) {
	for (GList *at = r->ring.head; at; at = at->next)
		if (is_key(at->data))
			return at->data;
	return NULL;
}

/* ---------------------------------------------------------------------------------------------------------- takes, previews */

static void begin_anew(struct recorder *r);

static void maybe_shut(struct recorder *r) {
	if (!r->shut_down)
		return;
	for (size_t i = 0; i < TAKES; i++)
		if (r->takes[i])
			return;
	void (*done)(void *) = r->shut_down;
	r->shut_down = NULL;
	done(r->context);
}

static void on_take_ended(void *context, struct take *take) {
	struct recorder *r = context;
	char id[RECORDING_ID_TEXT];
	memcpy(id, take_id(take), sizeof(id));
	for (size_t i = 0; i < TAKES; i++)
		if (r->takes[i] == take)
			r->takes[i] = NULL;
	bool unasked = r->current == take; /* an error of the muxer ended it */
	if (unasked) {
		r->current = NULL;
		recorder_note(r, id, NOTE_ENDED, reason_code(REASON_INTERNAL));
	}
	take_free(take);
	notes_flush(r->notes);
	if (unasked)
		enter_state(r, r->capture ? RECORDER_BUFFERING : RECORDER_OFF);
	r->callbacks->recording_changed(r->context, id);
	maybe_shut(r);
}

static void store_thumbnail(struct recorder *r, const char *id) {
	GstMapInfo map;
	const struct recording *recording = store_find(r->store, id);
	if (!r->thumbnail || !recording || recording->thumbnail_size > 0 || !gst_buffer_map(r->thumbnail, &map, GST_MAP_READ))
		return;
	int result = store_set_thumbnail(r->store, id, map.data, map.size);
	gst_buffer_unmap(r->thumbnail, &map);
	if (result < 0)
		log_line(LOG_LEVEL_WARNING, AREA, "no thumbnail for %s: %s", id, strerror(-result));
}

static struct take **free_take(struct recorder *r) {
	for (size_t i = 0; i < TAKES; i++)
		if (!r->takes[i])
			return &r->takes[i];
	return NULL;
}

uint64_t recorder_free_bytes(const struct recorder *r) {
	struct statvfs status;
	if (fstatvfs(r->config.folder, &status) < 0)
		return 0;
	uint64_t bytes = (uint64_t)status.f_bavail * status.f_frsize;
	return bytes > r->config.reserve ? bytes - r->config.reserve : 0;
}

/* UTC of the first frame: by the clock, or, when frames come faster than they are shown, by the time that is burnt into them. */
static uint64_t started_us(const struct recorder *r, GstClockTime base, GstClockTime newest) {
	if (!r->config.capture.live)
		return r->config.capture.epoch_us + base / GST_USECOND;
	return utc_us() - (newest > base ? (newest - base) / GST_USECOND : 0);
}

/* What the ring holds goes into the recording that has begun. */
static void take_up(struct recorder *r) {
	for (GList *at = r->ring.head; at; at = at->next)
		take_push(r->current, ((struct frame *)at->data)->video, ((struct frame *)at->data)->buffer);
	store_thumbnail(r, take_id(r->current));
	r->callbacks->recording_changed(r->context, take_id(r->current));
}

int recorder_start(struct recorder *r, const char *reason) {
	if (r->state == RECORDER_EVENT)
		return 0;
	const struct frame *first = ring_first_key(r);
	struct take **room = free_take(r);
	if (r->state == RECORDER_OFF || !first || !room)
		return -EAGAIN;
	GstClockTime base = GST_BUFFER_PTS(first->buffer), newest = GST_BUFFER_PTS(((struct frame *)r->ring.tail->data)->buffer);
	int result = recorder_free_bytes(r) == 0 ? -ENOSPC : 0;
	if (result == 0)
		result = take_new(room, r->event, r->store, reason, base, started_us(r, base, newest), r->caps[1], r->caps[0],
		                  on_take_ended, r);
	if (result < 0) {
		log_reason(LOG_LEVEL_ERROR, AREA, result == -ENOSPC ? REASON_DISK_FULL : REASON_INTERNAL,
		           "a recording cannot be begun: %s", strerror(-result));
		return result;
	}
	r->current = *room;
	log_line(LOG_LEVEL_NOTICE, AREA, "recording %s began (%s), %llu ms before now", take_id(r->current), reason,
	         (unsigned long long)(newest > base ? (newest - base) / GST_MSECOND : 0));
	/* First: whoever asked is waiting, and what comes now is recorded. What follows takes the disk and the processor their
	 * time. */
	enter_state(r, RECORDER_EVENT);
	if (r->current)
		take_up(r);
	return 0;
}

void recorder_stop(struct recorder *r, const char *why) {
	struct take *take = r->current;
	if (!take)
		return;
	recorder_note(r, take_id(take), NOTE_ENDED, why);
	r->current = NULL;
	take_finish(take);
	enter_state(r, r->capture ? RECORDER_BUFFERING : RECORDER_OFF);
	if (r->resize)
		begin_anew(r);
}

int recorder_note(struct recorder *r, const char *id, const char *key, const char *value) {
	return notes_add(r->notes, id, key, value);
}

/* Before the disk is full: the recording ends whole, and tags can still be written. */
static int on_room(sd_event_source *source, uint64_t time_us, void *context) {
	(void)time_us;
	struct recorder *r = context;
	sd_event_source_set_time_relative(source, ROOM_CHECK_US);
	if (r->current && recorder_free_bytes(r) == 0) {
		log_reason(LOG_LEVEL_ERROR, AREA, REASON_DISK_FULL, "recording %s is ended", take_id(r->current));
		recorder_stop(r, reason_code(REASON_DISK_FULL));
	}
	return 0;
}

static void on_preview_ended(void *context, struct preview *preview) {
	struct recorder *r = context;
	for (size_t i = 0; i < PREVIEWS; i++)
		if (r->previews[i] == preview)
			r->previews[i] = NULL;
	preview_free(preview);
}

static void begin_previews(struct recorder *r, GstClockTime base) {
	for (size_t i = 0; i < PREVIEWS; i++) {
		if (r->waiting[i] < 0 || !r->caps[0])
			continue;
		int pipe = r->waiting[i];
		r->waiting[i] = -1;
		int result = preview_new(&r->previews[i], r->event, pipe, base, r->caps[1], r->caps[0], on_preview_ended, r);
		if (result < 0)
			log_line(LOG_LEVEL_WARNING, AREA, "no live view: %s", strerror(-result));
	}
}

/* Their initialization segment is of another picture: the viewers ask again. */
static void drop_previews(struct recorder *r) {
	for (size_t i = 0; i < PREVIEWS; i++) {
		preview_free(r->previews[i]);
		r->previews[i] = NULL;
	}
}

int recorder_preview(struct recorder *r, int pipe) {
	if (r->state == RECORDER_OFF) {
		close(pipe);
		return -EAGAIN;
	}
	for (size_t i = 0; i < PREVIEWS; i++)
		if (!r->previews[i] && r->waiting[i] < 0) {
			r->waiting[i] = pipe;
			return 0;
		}
	close(pipe);
	return -EBUSY;
}

/* ----------------------------------------------------------------------------------------------------------------- capture */

static void on_frame(void *context, bool video, GstBuffer *buffer, GstCaps *caps) {
	struct recorder *r = context;
	if (!r->caps[video])
		r->caps[video] = gst_caps_ref(caps);
	gst_caps_unref(caps);
	if (!GST_BUFFER_PTS_IS_VALID(buffer)) {
		gst_buffer_unref(buffer);
		return;
	}
	struct frame *frame = g_new(struct frame, 1);
	*frame = (struct frame){ .video = video, .buffer = buffer };
	if (is_key(frame))
		begin_previews(r, GST_BUFFER_PTS(buffer));
	g_queue_push_tail(&r->ring, frame);
	if (r->current)
		take_push(r->current, video, buffer);
	for (size_t i = 0; i < PREVIEWS; i++)
		if (r->previews[i])
			preview_push(r->previews[i], video, buffer);
	ring_trim(r, GST_BUFFER_PTS(buffer));
	if (r->current && take_has_failed(r->current))
		recorder_stop(r, reason_code(REASON_DISK_FULL)); /* closed as it is, and the ring goes on */
	/* Last: a recording that was waited for begins inside. */
	if (r->state == RECORDER_OFF && r->caps[0] && r->caps[1] && ring_first_key(r))
		enter_state(r, RECORDER_BUFFERING);
}

static void on_thumbnail(void *context, GstBuffer *buffer) {
	struct recorder *r = context;
	gst_clear_buffer(&r->thumbnail);
	r->thumbnail = buffer;
	if (r->current)
		store_thumbnail(r, take_id(r->current));
}

static void capture_begin(struct recorder *r);

static int on_restart(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source;
	(void)time_us;
	capture_begin(context);
	return 0;
}

/* No picture: what was gathered belongs to an encoder that is gone. */
static void drop_capture(struct recorder *r) {
	capture_free(r->capture);
	r->capture = NULL;
	ring_clear(r);
	gst_clear_buffer(&r->thumbnail);
	gst_clear_caps(&r->caps[0]);
	gst_clear_caps(&r->caps[1]);
	enter_state(r, RECORDER_OFF);
}

static void begin_later(struct recorder *r) {
	loop_timer_start(r->restart, RESTART_US);
	if (r->callbacks->picture_gone)
		r->callbacks->picture_gone(r->context);
}

static void on_capture_ended(void *context, bool failed) {
	struct recorder *r = context;
	capture_free(r->capture);
	r->capture = NULL;
	recorder_stop(r, failed ? "picture-gone" : "made");
	if (!failed)
		return; /* a batch is through */
	log_line(LOG_LEVEL_ERROR, AREA, "the picture is gone; it is tried again");
	drop_capture(r);
	begin_later(r);
}

static const struct capture_callbacks capture_handlers = {
	.frame = on_frame,
	.thumbnail = on_thumbnail,
	.ended = on_capture_ended,
};

static void capture_begin(struct recorder *r) {
	r->resize = false;
	if (capture_new(&r->capture, r->event, &r->config.capture, &capture_handlers, r) < 0)
		begin_later(r);
}

static void begin_anew(struct recorder *r) {
	if (!r->capture)
		return; /* gone, or not begun yet: the next one has the new size */
	drop_previews(r);
	drop_capture(r);
	capture_begin(r);
}

/* ------------------------------------------------------------------------------------------------------------------- public */

int recorder_new(struct recorder **ret, sd_event *event, struct store *store, const struct recorder_config *config,
                 const struct recorder_callbacks *callbacks, void *context) {
	struct recorder *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct recorder){ .event = event, .store = store, .config = *config, .callbacks = callbacks, .context = context };
	g_queue_init(&r->ring);
	for (size_t i = 0; i < PREVIEWS; i++)
		r->waiting[i] = -1;
	int result = sd_event_add_time_relative(event, &r->restart, CLOCK_BOOTTIME, 0, 1000, on_restart, r);
	if (result >= 0)
		result = sd_event_add_time_relative(event, &r->room, CLOCK_BOOTTIME, ROOM_CHECK_US, 0, on_room, r);
	if (result >= 0)
		result = sd_event_source_set_enabled(r->room, SD_EVENT_ON);
	if (result >= 0)
		result = notes_new(&r->notes, event, store);
	if (result < 0) {
		recorder_free(r);
		return result;
	}
	*ret = r;
	return 0;
}

void recorder_free(struct recorder *r) {
	if (!r)
		return;
	sd_event_source_disable_unref(r->restart);
	sd_event_source_disable_unref(r->room);
	capture_free(r->capture);
	for (size_t i = 0; i < TAKES; i++)
		take_free(r->takes[i]);
	for (size_t i = 0; i < PREVIEWS; i++) {
		preview_free(r->previews[i]);
		if (r->waiting[i] >= 0)
			close(r->waiting[i]);
	}
	ring_clear(r);
	gst_clear_buffer(&r->thumbnail);
	gst_clear_caps(&r->caps[0]);
	gst_clear_caps(&r->caps[1]);
	notes_free(r->notes);
	free(r);
}

enum recorder_state recorder_state(const struct recorder *r) {
	return r->state;
}

const char *recorder_current(const struct recorder *r) {
	return r->current ? take_id(r->current) : "";
}

void recorder_shut_down(struct recorder *r, void (*done)(void *context)) {
	r->shut_down = done;
	loop_timer_stop(r->restart);
	capture_free(r->capture);
	r->capture = NULL;
	recorder_stop(r, "shut-down");
	enter_state(r, RECORDER_OFF);
	maybe_shut(r);
}

void recorder_set_size(struct recorder *r, unsigned width, unsigned height) {
	if (r->config.capture.width == width && r->config.capture.height == height)
		return;
	r->config.capture.width = width;
	r->config.capture.height = height;
	r->resize = true;
	if (r->state != RECORDER_EVENT)
		begin_anew(r);
}

unsigned recorder_height(const struct recorder *r) {
	return r->config.capture.height;
}
