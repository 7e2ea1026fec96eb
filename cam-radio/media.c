#include "cam-radio/media.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "cam-radio/request.h"
#include "proto/codec.h"

/* The record around the largest frame, and the MediaEnd that may follow it at once. */
#define ROOM_FOR_FRAME ((size_t)65535 + 2 + 128)

enum slot_state {
	SLOT_FREE,
	SLOT_OPENING, /* asked the recorder */
	SLOT_SIZING,  /* refused as out of range: asks how long the recording is */
	SLOT_FLOWING,
};

struct slot {
	struct media *media;
	enum slot_state state;
	uint32_t id;
	struct recorder_call *call;
	int pipe;
	sd_event_source *io;
	bool live;
	char recording_id[33];
	uint64_t offset, length; /* as asked */
	uint64_t left;           /* bytes that are still to come; UINT64_MAX when live */
};

struct media {
	sd_event *event;
	struct recorder *recorder;
	const struct media_callbacks *callbacks;
	void *context;
	bool paused; /* the companion does not keep up: no pipe is read */
	struct slot slot[MEDIA_REQUESTS];
	uint8_t frame[MEDIA_DATA_HEADER_SIZE + MEDIA_DATA_LIMIT];
};

/* --- sending --- */

static void send_message(struct media *m, const lanyard_MediaMessage *message) {
	uint8_t bytes[64];
	size_t length;
	if (codec_encode_media(message, bytes, sizeof(bytes), &length) == 0)
		m->callbacks->send(m->context, bytes, length);
}

static void send_head(struct media *m, uint32_t id, enum reason reason, uint64_t total) {
	send_message(m, &(lanyard_MediaMessage){ .which_kind = lanyard_MediaMessage_head_tag,
	                                         .kind.head = { .id = id, .reason = (uint32_t)reason, .total = total } });
}

static void send_end(struct media *m, uint32_t id, enum reason reason) {
	send_message(m, &(lanyard_MediaMessage){ .which_kind = lanyard_MediaMessage_end_tag,
	                                         .kind.end = { .id = id, .reason = (uint32_t)reason } });
}

/* --- slots --- */

static void slot_clear(struct slot *slot) {
	struct media *m = slot->media;
	recorder_call_cancel(slot->call);
	sd_event_source_disable_unref(slot->io);
	if (slot->pipe >= 0)
		close(slot->pipe);
	*slot = (struct slot){ .media = m, .pipe = -1 };
}

/* Before any data: MediaHead with the reason is the whole answer. */
static void slot_refuse(struct slot *slot, enum reason reason, uint64_t total) {
	struct media *m = slot->media;
	uint32_t id = slot->id;
	slot_clear(slot);
	send_head(m, id, reason, total);
}

static void slot_end(struct slot *slot, enum reason reason) {
	struct media *m = slot->media;
	uint32_t id = slot->id;
	slot_clear(slot);
	send_end(m, id, reason);
}

/* --- data --- */

static void pause_or_resume(struct media *m) {
	bool paused = m->callbacks->room(m->context) < ROOM_FOR_FRAME;
	if (paused == m->paused)
		return;
	m->paused = paused;
	for (size_t i = 0; i < MEDIA_REQUESTS; i++)
		if (m->slot[i].state == SLOT_FLOWING)
			(void)sd_event_source_set_enabled(m->slot[i].io, paused ? SD_EVENT_OFF : SD_EVENT_ON);
}

static void slot_pipe_ended(struct slot *slot, int error) {
	enum reason reason = REASON_OK;
	if (error < 0)
		reason = REASON_RECORDER_GONE;
	else if (!slot->live && slot->left > 0)
		reason = REASON_RECORDING_DAMAGED; /* docs/dbus: fewer bytes than asked for */
	if (reason != REASON_OK)
		log_reason(LOG_LEVEL_WARNING, "media", reason, "recording %s ends %llu bytes early", slot->recording_id,
		           (unsigned long long)slot->left);
	slot_end(slot, reason);
}

/* One frame for each turn of the loop, so that several requests share the channel. */
static int on_pipe(sd_event_source *source, int file, uint32_t revents, void *context) {
	(void)source;
	(void)revents;
	struct slot *slot = context;
	struct media *m = slot->media;
	if (m->callbacks->room(m->context) < ROOM_FOR_FRAME) {
		pause_or_resume(m);
		return 0;
	}
	size_t most = slot->left < MEDIA_DATA_LIMIT ? (size_t)slot->left : MEDIA_DATA_LIMIT;
	ssize_t length = read(file, m->frame + MEDIA_DATA_HEADER_SIZE, most);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (length <= 0) {
		slot_pipe_ended(slot, length < 0 ? -errno : 0);
		return 0;
	}
	if (!slot->live)
		slot->left -= (uint64_t)length;
	codec_media_data_header(m->frame, slot->id);
	bool finished = slot->left == 0;
	m->callbacks->send(m->context, m->frame, MEDIA_DATA_HEADER_SIZE + (size_t)length);
	if (finished)
		slot_end(slot, REASON_OK);
	pause_or_resume(m);
	return 0;
}

/* --- the recorder's answers --- */

static int slot_flow(struct slot *slot, int pipe) {
	struct media *m = slot->media;
	slot->pipe = pipe;
	int result = sd_event_add_io(m->event, &slot->io, pipe, EPOLLIN, on_pipe, slot);
	if (result >= 0 && m->paused)
		result = sd_event_source_set_enabled(slot->io, SD_EVENT_OFF);
	if (result < 0)
		return result;
	slot->state = SLOT_FLOWING;
	return 0;
}

static void on_size(void *context, enum reason reason, const struct recorder_answer *answer) {
	struct slot *slot = context;
	slot->call = NULL;
	slot_refuse(slot, REASON_REQUEST_INVALID, reason == REASON_OK ? answer->recording->size : 0);
}

/* The companion learns from `total` where the recording ends. */
static void slot_ask_size(struct slot *slot) {
	slot->state = SLOT_SIZING;
	if (recorder_get(slot->media->recorder, &slot->call, slot->recording_id, on_size, slot) < 0)
		slot_refuse(slot, REASON_REQUEST_INVALID, 0);
}

static void on_opened(void *context, enum reason reason, const struct recorder_answer *answer) {
	struct slot *slot = context;
	struct media *m = slot->media;
	slot->call = NULL;
	if (reason == REASON_REQUEST_INVALID && !slot->live) {
		slot_ask_size(slot);
		return;
	}
	if (reason != REASON_OK) {
		slot_refuse(slot, reason, 0);
		return;
	}
	if (!slot->live && slot->offset >= answer->total) {
		close(answer->pipe);
		slot_refuse(slot, REASON_REQUEST_INVALID, answer->total);
		return;
	}
	uint64_t rest = answer->total - slot->offset;
	slot->left = slot->live ? UINT64_MAX : slot->length == 0 || slot->length > rest ? rest : slot->length;
	if (slot_flow(slot, answer->pipe) < 0) {
		slot_refuse(slot, REASON_INTERNAL, 0);
		return;
	}
	send_head(m, slot->id, REASON_OK, slot->live ? 0 : answer->total);
}

/* --- the companion's requests --- */

static struct slot *find_slot(struct media *m, uint32_t id) {
	for (size_t i = 0; i < MEDIA_REQUESTS; i++)
		if (m->slot[i].state != SLOT_FREE && m->slot[i].id == id)
			return &m->slot[i];
	return NULL;
}

static struct slot *find_free_slot(struct media *m) {
	for (size_t i = 0; i < MEDIA_REQUESTS; i++)
		if (m->slot[i].state == SLOT_FREE)
			return &m->slot[i];
	return NULL;
}

static void slot_open(struct slot *slot) {
	struct recorder *recorder = slot->media->recorder;
	slot->state = SLOT_OPENING;
	int result = slot->live ? recorder_open_preview(recorder, &slot->call, on_opened, slot)
	                        : recorder_open_range(recorder, &slot->call, slot->recording_id, slot->offset, slot->length,
	                                              on_opened, slot);
	if (result < 0)
		slot_refuse(slot, REASON_RECORDER_GONE, 0);
}

/* 0 or -EBADMSG. */
static int take_request(struct media *m, const lanyard_MediaRequest *request) {
	struct slot *slot = find_slot(m, request->id);
	if (request->id == 0)
		return -EBADMSG;
	if (request->cancel) {
		if (slot)
			slot_end(slot, REASON_CANCELLED);
		return 0; /* it may just have ended */
	}
	if (slot)
		return -EBADMSG;
	bool live = *request->recording_id == '\0';
	if (live ? request->offset != 0 || request->length != 0 : !field_is_id(request->recording_id)) {
		send_head(m, request->id, REASON_REQUEST_INVALID, 0);
		return 0;
	}
	slot = find_free_slot(m);
	if (!slot) {
		send_head(m, request->id, REASON_BUSY, 0);
		return 0;
	}
	slot->id = request->id;
	slot->live = live;
	slot->offset = request->offset;
	slot->length = request->length;
	memcpy(slot->recording_id, request->recording_id, sizeof(slot->recording_id));
	slot_open(slot);
	return 0;
}

int media_take(struct media *m, const uint8_t *bytes, size_t length) {
	lanyard_MediaMessage message;
	if (codec_media_is_data(bytes, length) || codec_decode_media(bytes, length, &message) < 0 ||
	    message.which_kind != lanyard_MediaMessage_request_tag)
		return -EBADMSG;
	return take_request(m, &message.kind.request);
}

void media_writable(struct media *m) {
	pause_or_resume(m);
}

int media_new(struct media **ret, sd_event *event, struct recorder *recorder, const struct media_callbacks *callbacks,
              void *context) {
	struct media *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->event = event;
	m->recorder = recorder;
	m->callbacks = callbacks;
	m->context = context;
	for (size_t i = 0; i < MEDIA_REQUESTS; i++)
		m->slot[i] = (struct slot){ .media = m, .pipe = -1 };
	*ret = m;
	return 0;
}

void media_free(struct media *m) {
	if (!m)
		return;
	for (size_t i = 0; i < MEDIA_REQUESTS; i++)
		slot_clear(&m->slot[i]);
	wipe(m->frame, sizeof(m->frame));
	free(m);
}
