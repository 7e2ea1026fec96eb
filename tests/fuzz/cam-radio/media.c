/* The media channel's requests, with the recorder's answers in between. Input: steps of kind 1, length 2 (big-endian), bytes. */
#include <assert.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/log.h"
#include "cam-radio/media.h"
#include "fake_recorder.h"
#include "proto/codec.h"

enum step { STEP_MESSAGE, STEP_ANSWER, STEP_REFUSE, STEP_OUT_OF_RANGE, STEP_RUN, STEP_FULL, STEP_ROOM, STEPS };

struct fuzz {
	sd_event *event;
	struct media *media;
	bool full;
};

static void on_send(void *context, const uint8_t *bytes, size_t length) {
	lanyard_MediaMessage message;
	uint32_t id;
	const uint8_t *data;
	size_t data_length;
	(void)context;
	assert(length <= 65535 - 16);
	int result = codec_media_is_data(bytes, length) ? codec_media_data(bytes, length, &id, &data, &data_length)
	                                                : codec_decode_media(bytes, length, &message);
	if (result < 0)
		abort();
}

static size_t on_room(void *context) {
	return ((struct fuzz *)context)->full ? 0 : 1000000;
}

static const struct media_callbacks callbacks = { .send = on_send, .room = on_room };

static void take_step(struct fuzz *f, enum step step, const uint8_t *bytes, size_t length) {
	switch (step) {
	case STEP_MESSAGE:
		(void)media_take(f->media, bytes, length);
		break;
	case STEP_ANSWER:
		fake_recorder_answer(REASON_OK, bytes, length);
		break;
	case STEP_REFUSE:
		fake_recorder_answer(REASON_NOT_FOUND, bytes, length);
		break;
	case STEP_OUT_OF_RANGE:
		fake_recorder_answer(REASON_REQUEST_INVALID, bytes, length);
		break;
	case STEP_RUN:
		for (unsigned i = 0; i < 64 && sd_event_run(f->event, 0) > 0; i++)
			;
		break;
	case STEP_FULL:
	case STEP_ROOM:
		f->full = step == STEP_FULL;
		media_writable(f->media);
		break;
	case STEPS:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	struct fuzz f = { .full = false };
	log_set_level(LOG_LEVEL_ERROR - 1);
	if (sd_event_new(&f.event) < 0 || media_new(&f.media, f.event, NULL, &callbacks, &f) < 0)
		abort();
	struct reader r = reader_over(bytes, length);
	while (reader_left(&r) > 0 && !r.failed) {
		enum step step = reader_u8(&r) % STEPS;
		size_t size = reader_u16(&r);
		if (size > reader_left(&r))
			size = reader_left(&r);
		const uint8_t *data = reader_take(&r, size);
		if (data)
			take_step(&f, step, data, size);
	}
	media_free(f.media);
	sd_event_unref(f.event);
	fake_recorder_check_empty();
	return 0;
}
