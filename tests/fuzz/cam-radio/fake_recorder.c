#include "fake_recorder.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALLS 64

enum kind { NOTHING, ID, LIST, RECORDING, JPEG, RECEIPT, RANGE, PREVIEW };

struct recorder_call {
	enum kind kind;
	recorder_answered answered;
	void *context;
};

static struct recorder_call *calls[CALLS];

static int call(struct recorder_call **ret_call, enum kind kind, recorder_answered answered, void *context) {
	size_t i = 0;
	while (i < CALLS && calls[i])
		i++;
	if (i == CALLS)
		return -ENOMEM;
	calls[i] = malloc(sizeof(*calls[i]));
	*calls[i] = (struct recorder_call){ .kind = kind, .answered = answered, .context = context };
	*ret_call = calls[i];
	return 0;
}

void recorder_call_cancel(struct recorder_call *cancelled) {
	size_t i = 0;
	if (!cancelled)
		return;
	while (calls[i] != cancelled)
		assert(++i < CALLS);
	free(cancelled);
	memmove(&calls[i], &calls[i + 1], (CALLS - i - 1) * sizeof(struct recorder_call *));
	calls[CALLS - 1] = NULL;
}

static int make_pipe(const uint8_t *bytes, size_t length) {
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		abort();
	if (length > 0 && write(ends[1], bytes, length) < 0)
		abort();
	close(ends[1]);
	return ends[0];
}

bool fake_recorder_answer(enum reason reason, const uint8_t *bytes, size_t length) {
	if (!calls[0])
		return false;
	struct recorder_call taken = *calls[0];
	static lanyard_ListResponse list;
	static lanyard_Recording recording;
	struct recorder_answer answer = {
		.pipe = -1, .id = "0123456789abcdef0123456789abcdef", .list = &list, .recording = &recording
	};
	list.recordings_count = (pb_size_t)(length % 5);
	recording.size = length;
	answer.jpeg = bytes;
	answer.jpeg_length = length;
	answer.total = length > 0 ? (uint64_t)bytes[0] * 100 : 0;
	if (reason == REASON_OK && (taken.kind == RANGE || taken.kind == PREVIEW))
		answer.pipe = make_pipe(bytes, length);
	recorder_call_cancel(calls[0]);
	taken.answered(taken.context, reason, &answer);
	return true;
}

void fake_recorder_check_empty(void) {
	assert(!calls[0]);
}

lanyard_RecorderState recorder_state(const struct recorder *r) {
	(void)r;
	return lanyard_RecorderState_RECORDER_EVENT;
}
const char *recorder_current_id(const struct recorder *r) {
	(void)r;
	return "0123456789abcdef0123456789abcdef";
}
uint64_t recorder_free_bytes(const struct recorder *r) {
	(void)r;
	return 1;
}
uint32_t recorder_video_height(const struct recorder *r) {
	(void)r;
	return 720;
}
void recorder_refresh(struct recorder *r) {
	(void)r;
}

/* D-Bus refuses texts that are not UTF-8 and ids of any other form do no harm; what reaches us must have been checked. */
static void check_id(const char *id) {
	assert(strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32);
}

int recorder_start(struct recorder *r, struct recorder_call **ret, const char *reason, const char *source,
                   const struct recorder_location *location, recorder_answered answered, void *context) {
	(void)r, (void)reason, (void)source, (void)location;
	return call(ret, ID, answered, context);
}
int recorder_stop(struct recorder *r, struct recorder_call **ret, const char *reason, recorder_answered answered, void *context) {
	(void)r, (void)reason;
	return call(ret, NOTHING, answered, context);
}
int recorder_list(struct recorder *r, struct recorder_call **ret, const char *before, uint32_t limit, recorder_answered answered,
                  void *context) {
	(void)r;
	assert(limit >= 1 && limit <= 4);
	if (*before)
		check_id(before);
	return call(ret, LIST, answered, context);
}
int recorder_get(struct recorder *r, struct recorder_call **ret, const char *id, recorder_answered answered, void *context) {
	(void)r;
	check_id(id);
	return call(ret, RECORDING, answered, context);
}
int recorder_thumbnail(struct recorder *r, struct recorder_call **ret, const char *id, recorder_answered answered,
                       void *context) {
	(void)r;
	check_id(id);
	return call(ret, JPEG, answered, context);
}
int recorder_set_tag(struct recorder *r, struct recorder_call **ret, const char *id, const uint8_t operation[16],
                     const lanyard_Tag *tag, recorder_answered answered, void *context) {
	(void)r, (void)operation;
	check_id(id);
	assert(!tag->has_position || (tag->latitude_e7 <= 900000000 && tag->latitude_e7 >= -900000000));
	return call(ret, RECEIPT, answered, context);
}
int recorder_add_location(struct recorder *r, struct recorder_call **ret, const char *id,
                          const struct recorder_location *location, recorder_answered answered, void *context) {
	(void)r;
	check_id(id);
	assert(location->latitude_e7 <= 900000000 && location->longitude_e7 <= 1800000000);
	return call(ret, NOTHING, answered, context);
}
int recorder_set_video_height(struct recorder *r, struct recorder_call **ret, uint32_t lines, recorder_answered answered,
                              void *context) {
	(void)r;
	assert(lines == 480 || lines == 720 || lines == 1080);
	return call(ret, NOTHING, answered, context);
}
int recorder_open_range(struct recorder *r, struct recorder_call **ret, const char *id, uint64_t offset, uint64_t length,
                        recorder_answered answered, void *context) {
	(void)r, (void)offset, (void)length;
	check_id(id);
	return call(ret, RANGE, answered, context);
}
int recorder_open_preview(struct recorder *r, struct recorder_call **ret, recorder_answered answered, void *context) {
	(void)r;
	return call(ret, PREVIEW, answered, context);
}
