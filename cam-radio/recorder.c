#include "cam-radio/recorder.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "cam-radio/recorder_values.h"
#include "pairing/limits.h"
#include "proto/codec.h"

#define BUS_NAME "org.lanyard.Recorder"
#define OBJECT_PATH "/org/lanyard/Recorder1"
#define INTERFACE "org.lanyard.Recorder1"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define BUS_NAME_LIMIT 255
#define LIST_LIMIT 4 /* of proto/footage.proto: an answer fits one record */

/* A tag is durable only after an fsync, which takes seconds on a card that is busy recording. The companion's own deadline is
 * shorter and answers it earlier. */
#define CALL_US (20 * SECOND_US)
/* An answer that could not be asked for, or not be read, is asked for again after this. */
#define REFRESH_AGAIN_US SECOND_US

/* What the recorder says of itself. */
struct properties {
	lanyard_RecorderState state;
	char current_id[sizeof(((lanyard_Recording *)NULL)->id)];
	uint64_t free_bytes;
	uint32_t video_height;
};

struct recorder {
	sd_bus *bus;
	char name[BUS_NAME_LIMIT + 1];
	sd_bus_slot *owner_match, *properties_match, *recording_match, *refresh;
	sd_event_source *again; /* the next refresh */
	struct properties now;
	const struct recorder_callbacks *callbacks;
	void *context;
};

struct recorder_call {
	sd_bus_slot *slot;
	/* Reads the answer into *ret; storage that it needs lives in the caller. 0 or a negative errno. */
	void (*deliver)(struct recorder_call *call, sd_bus_message *answer);
	recorder_answered answered;
	void *context;
};

/* --- properties --- */

static void state_unknown(struct recorder *r) {
	r->now = (struct properties){ .state = lanyard_RecorderState_RECORDER_UNKNOWN };
}

static lanyard_RecorderState parse_state(const char *text) {
	if (strcmp(text, "off") == 0)
		return lanyard_RecorderState_RECORDER_OFF;
	if (strcmp(text, "buffering") == 0)
		return lanyard_RecorderState_RECORDER_BUFFERING;
	if (strcmp(text, "event") == 0)
		return lanyard_RecorderState_RECORDER_EVENT;
	return lanyard_RecorderState_RECORDER_UNKNOWN;
}

static int take_property(struct properties *p, sd_bus_message *message, const char *name) {
	const char *text;
	int result;
	if (strcmp(name, "State") == 0) {
		result = sd_bus_message_read(message, "v", "s", &text);
		if (result > 0)
			p->state = parse_state(text);
	} else if (strcmp(name, "CurrentId") == 0) {
		result = sd_bus_message_read(message, "v", "s", &text);
		if (result > 0 && strlen(text) < sizeof(p->current_id))
			strcpy(p->current_id, text); /* the length was checked on the line above */
	} else if (strcmp(name, "FreeBytes") == 0) {
		result = sd_bus_message_read(message, "v", "t", &p->free_bytes);
	} else if (strcmp(name, "VideoHeight") == 0) {
		result = sd_bus_message_read(message, "v", "u", &p->video_height);
	} else {
		result = sd_bus_message_skip(message, "v");
	}
	return result;
}

/* The message stands at a{sv}. */
static int read_properties(struct properties *p, sd_bus_message *message) {
	int result = sd_bus_message_enter_container(message, 'a', "{sv}");
	if (result < 0)
		return result;
	while ((result = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
		const char *name;
		result = sd_bus_message_read_basic(message, 's', &name);
		if (result >= 0)
			result = take_property(p, message, name);
		if (result >= 0)
			result = sd_bus_message_exit_container(message);
		if (result < 0)
			return result;
	}
	return result < 0 ? result : sd_bus_message_exit_container(message);
}

/* All of them, or none. */
static int take_properties(struct recorder *r, sd_bus_message *message) {
	struct properties fresh = r->now;
	int result = read_properties(&fresh, message);
	if (result >= 0)
		r->now = fresh;
	return result;
}

/* Free space changes all the time, and is not told to others. */
static void tell_change(struct recorder *r, const struct properties *before) {
	if (r->now.state != before->state || r->now.video_height != before->video_height ||
	    strcmp(r->now.current_id, before->current_id) != 0)
		r->callbacks->changed(r->context);
}

static void refresh_later(struct recorder *r) {
	loop_timer_start(r->again, REFRESH_AGAIN_US);
}

static int on_again(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source, (void)time_us;
	recorder_refresh(context);
	return 0;
}

static int on_properties(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct recorder *r = context;
	struct properties before = r->now;
	r->refresh = sd_bus_slot_unref(r->refresh);
	int result = sd_bus_message_is_method_error(answer, NULL) ? -EIO : take_properties(r, answer);
	if (result < 0) {
		state_unknown(r);
		/* Whose name nobody has is heard of when somebody has it. */
		if (recorder_reason(sd_bus_message_get_error(answer)) != REASON_RECORDER_GONE)
			refresh_later(r);
	}
	tell_change(r, &before);
	return 0;
}

static int call_new(struct recorder *r, sd_bus_message **ret, const char *interface, const char *member) {
	int result = sd_bus_message_new_method_call(r->bus, ret, r->name, OBJECT_PATH, interface, member);
	if (result < 0)
		return result;
	/* Whether the recorder runs is the system's decision. */
	return sd_bus_message_set_auto_start(*ret, false);
}

void recorder_refresh(struct recorder *r) {
	if (r->refresh)
		return;
	sd_bus_message *call = NULL;
	int result = call_new(r, &call, PROPERTIES, "GetAll");
	if (result >= 0)
		result = sd_bus_message_append(call, "s", INTERFACE);
	if (result >= 0)
		result = sd_bus_call_async(r->bus, &r->refresh, call, on_properties, r, CALL_US);
	if (result < 0) {
		log_line(LOG_LEVEL_WARNING, "recorder", "its state was not asked for: %s; tried again", strerror(-result));
		refresh_later(r);
	}
	sd_bus_message_unref(call);
}

static int on_properties_changed(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct recorder *r = context;
	struct properties before = r->now;
	const char *interface;
	int result = sd_bus_message_read(message, "s", &interface);
	if (result > 0 && strcmp(interface, INTERFACE) != 0)
		return 0;
	if (result > 0)
		result = take_properties(r, message);
	if (result < 0) {
		log_line(LOG_LEVEL_WARNING, "recorder", "a change of its properties cannot be read: %s; they are asked for",
		         strerror(-result));
		recorder_refresh(r);
	}
	tell_change(r, &before);
	return 0;
}

static int on_recording_changed(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct recorder *r = context;
	const char *id;
	if (sd_bus_message_read(message, "s", &id) < 0)
		return 0;
	r->callbacks->recording_changed(r->context, id);
	return 0;
}

static int on_owner_changed(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct recorder *r = context;
	const char *name, *old, *new = "";
	int result = sd_bus_message_read(message, "sss", &name, &old, &new);
	r->refresh = sd_bus_slot_unref(r->refresh); /* an answer of the one before */
	/* Whoever has the name answers, and nobody's answer is an error, also after a change that cannot be read. */
	if (result < 0 || *new) {
		recorder_refresh(r);
		return 0;
	}
	struct properties before = r->now;
	log_reason(LOG_LEVEL_WARNING, "recorder", REASON_RECORDER_GONE, "%s has left the bus", r->name);
	state_unknown(r);
	tell_change(r, &before);
	return 0;
}

/* --- life --- */

static int watch(struct recorder *r) {
	char rule[BUS_NAME_LIMIT + 160];
	snprintf(rule, sizeof(rule),
	         "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%"
	         "s'",
	         r->name);
	int result = sd_bus_add_match_async(r->bus, &r->owner_match, rule, on_owner_changed, NULL, r);
	if (result >= 0)
		result = sd_bus_match_signal_async(r->bus, &r->properties_match, r->name, OBJECT_PATH, PROPERTIES,
		                                   "PropertiesChanged", on_properties_changed, NULL, r);
	if (result >= 0)
		result = sd_bus_match_signal_async(r->bus, &r->recording_match, r->name, OBJECT_PATH, INTERFACE,
		                                   "RecordingChanged", on_recording_changed, NULL, r);
	return result;
}

int recorder_new(struct recorder **ret, sd_bus *bus, const char *instance, const struct recorder_callbacks *callbacks,
                 void *context) {
	struct recorder *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct recorder){ .bus = sd_bus_ref(bus), .callbacks = callbacks, .context = context };
	int length = instance ? snprintf(r->name, sizeof(r->name), BUS_NAME ".%s", instance)
	                      : snprintf(r->name, sizeof(r->name), BUS_NAME);
	int result = length < (int)sizeof(r->name) ? 0 : -ENAMETOOLONG;
	if (result >= 0)
		result = loop_timer_new(sd_bus_get_event(bus), &r->again, 0, on_again, r);
	if (result >= 0)
		result = watch(r);
	if (result < 0) {
		recorder_free(r);
		return result;
	}
	recorder_refresh(r);
	*ret = r;
	return 0;
}

void recorder_free(struct recorder *r) {
	if (!r)
		return;
	sd_bus_slot_unref(r->owner_match);
	sd_bus_slot_unref(r->properties_match);
	sd_bus_slot_unref(r->recording_match);
	sd_bus_slot_unref(r->refresh);
	sd_event_source_disable_unref(r->again);
	sd_bus_unref(r->bus);
	free(r);
}

lanyard_RecorderState recorder_state(const struct recorder *r) {
	return r->now.state;
}

const char *recorder_current_id(const struct recorder *r) {
	return r->now.current_id;
}

uint64_t recorder_free_bytes(const struct recorder *r) {
	return r->now.free_bytes;
}

uint32_t recorder_video_height(const struct recorder *r) {
	return r->now.video_height;
}

const char *recorder_state_name(const struct recorder *r) {
	switch (r->now.state) {
	case lanyard_RecorderState_RECORDER_UNKNOWN:
		return "unknown";
	case lanyard_RecorderState_RECORDER_OFF:
		return "off";
	case lanyard_RecorderState_RECORDER_BUFFERING:
		return "buffering";
	case lanyard_RecorderState_RECORDER_EVENT:
		return "event";
	}
	return "unknown";
}

/* --- answers --- */

/* The call is freed before its owner hears of it, and may make the next one inside. */
static void finish(struct recorder_call *call, enum reason reason, const struct recorder_answer *answer) {
	recorder_answered answered = call->answered;
	void *context = call->context;
	recorder_call_cancel(call);
	answered(context, reason, answer);
}

static void finish_parsed(struct recorder_call *call, int result, const struct recorder_answer *answer) {
	if (result < 0)
		log_line(LOG_LEVEL_WARNING, "recorder", "an answer is malformed: %s", strerror(-result));
	finish(call, result < 0 ? REASON_INTERNAL : REASON_OK, answer);
}

static void deliver_nothing(struct recorder_call *call, sd_bus_message *message) {
	(void)message;
	finish(call, REASON_OK, &(struct recorder_answer){ .pipe = -1 });
}

static void deliver_id(struct recorder_call *call, sd_bus_message *message) {
	struct recorder_answer answer = { .pipe = -1, .id = "" };
	finish_parsed(call, sd_bus_message_read(message, "s", &answer.id), &answer);
}

static int read_list(sd_bus_message *message, lanyard_ListResponse *list) {
	int more;
	int result = sd_bus_message_enter_container(message, 'a', "a{sv}");
	if (result < 0)
		return result;
	while ((result = sd_bus_message_at_end(message, false)) == 0) {
		if (list->recordings_count == ELEMENTS(list->recordings))
			return -EBADMSG; /* more than we asked for */
		result = recorder_read_recording(message, &list->recordings[list->recordings_count]);
		if (result < 0)
			return result;
		list->recordings_count++;
	}
	if (result < 0)
		return result;
	result = sd_bus_message_exit_container(message);
	if (result >= 0)
		result = sd_bus_message_read(message, "b", &more);
	if (result >= 0)
		list->more = more;
	return result;
}

static void deliver_list(struct recorder_call *call, sd_bus_message *message) {
	lanyard_ListResponse list = lanyard_ListResponse_init_zero;
	struct recorder_answer answer = { .pipe = -1, .list = &list };
	finish_parsed(call, read_list(message, &list), &answer);
}

static void deliver_recording(struct recorder_call *call, sd_bus_message *message) {
	lanyard_Recording recording = lanyard_Recording_init_zero;
	struct recorder_answer answer = { .pipe = -1, .recording = &recording };
	finish_parsed(call, recorder_read_recording(message, &recording), &answer);
}

static void deliver_thumbnail(struct recorder_call *call, sd_bus_message *message) {
	struct recorder_answer answer = { .pipe = -1 };
	const void *bytes;
	int result = sd_bus_message_read_array(message, 'y', &bytes, &answer.jpeg_length);
	if (result >= 0)
		answer.jpeg = bytes;
	finish_parsed(call, result, &answer);
}

static void deliver_receipt(struct recorder_call *call, sd_bus_message *message) {
	struct recorder_answer answer = { .pipe = -1 };
	finish_parsed(call, sd_bus_message_read(message, "ut", &answer.revision, &answer.time_us), &answer);
}

/* The message owns the descriptor that it brought. A descriptor of our own, or a negative errno. */
static int take_pipe(int file) {
	int flags = fcntl(file, F_GETFL);
	if (flags < 0)
		return -errno;
	/* O_NONBLOCK belongs to our end of the pipe alone: the recorder's end is another open file. */
	if (fcntl(file, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	int own = fcntl(file, F_DUPFD_CLOEXEC, 0);
	return own < 0 ? -errno : own;
}

static void deliver_pipe(struct recorder_call *call, int result, int file, uint64_t total) {
	struct recorder_answer answer = { .pipe = -1, .total = total };
	if (result >= 0) {
		result = take_pipe(file);
		answer.pipe = result;
	}
	finish_parsed(call, result, &answer);
}

static void deliver_range(struct recorder_call *call, sd_bus_message *message) {
	int file = -1;
	uint64_t total = 0;
	int result = sd_bus_message_read(message, "ht", &file, &total);
	deliver_pipe(call, result, file, total);
}

static void deliver_preview(struct recorder_call *call, sd_bus_message *message) {
	int file = -1;
	int result = sd_bus_message_read(message, "h", &file);
	deliver_pipe(call, result, file, 0);
}

static int on_answer(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct recorder_call *call = context;
	if (sd_bus_message_is_method_error(message, NULL))
		finish(call, recorder_reason(sd_bus_message_get_error(message)), &(struct recorder_answer){ .pipe = -1 });
	else
		call->deliver(call, message);
	return 0;
}

/* --- calls --- */

struct outgoing {
	struct recorder *recorder;
	sd_bus_message *message;
	int result; /* of the step before; the steps that follow a failure do nothing */
};

static struct outgoing begin_on(struct recorder *r, const char *interface, const char *member) {
	struct outgoing out = { .recorder = r };
	out.result = call_new(r, &out.message, interface, member);
	return out;
}

static struct outgoing begin(struct recorder *r, const char *member) {
	return begin_on(r, INTERFACE, member);
}

#define APPEND(out, ...) \
	do { \
		if ((out)->result >= 0) \
			(out)->result = sd_bus_message_append((out)->message, __VA_ARGS__); \
	} while (false)

/* Sends it and takes care of the message. */
static int commit(struct outgoing *out, struct recorder_call **ret_call,
                  void (*deliver)(struct recorder_call *, sd_bus_message *), recorder_answered answered, void *context) {
	struct recorder_call *call = NULL;
	if (out->result >= 0) {
		call = calloc(1, sizeof(*call));
		out->result = call ? 0 : -ENOMEM;
	}
	if (out->result >= 0) {
		*call = (struct recorder_call){ .deliver = deliver, .answered = answered, .context = context };
		out->result = sd_bus_call_async(out->recorder->bus, &call->slot, out->message, on_answer, call, CALL_US);
	}
	sd_bus_message_unref(out->message);
	if (out->result < 0) {
		free(call);
		return out->result;
	}
	*ret_call = call;
	return 0;
}

int recorder_start(struct recorder *r, struct recorder_call **ret_call, const char *reason, const char *source,
                   const struct recorder_location *location, recorder_answered answered, void *context) {
	struct outgoing out = begin(r, "Start");
	APPEND(&out, "s", reason);
	if (out.result >= 0)
		out.result = recorder_append_details(out.message, source, location);
	return commit(&out, ret_call, deliver_id, answered, context);
}

int recorder_stop(struct recorder *r, struct recorder_call **ret_call, const char *reason, recorder_answered answered,
                  void *context) {
	struct outgoing out = begin(r, "Stop");
	APPEND(&out, "s", reason);
	return commit(&out, ret_call, deliver_nothing, answered, context);
}

int recorder_list(struct recorder *r, struct recorder_call **ret_call, const char *before_id, uint32_t limit,
                  recorder_answered answered, void *context) {
	assert(limit >= 1 && limit <= LIST_LIMIT);
	struct outgoing out = begin(r, "List");
	APPEND(&out, "su", before_id, limit);
	return commit(&out, ret_call, deliver_list, answered, context);
}

int recorder_get(struct recorder *r, struct recorder_call **ret_call, const char *id, recorder_answered answered, void *context) {
	struct outgoing out = begin(r, "Get");
	APPEND(&out, "s", id);
	return commit(&out, ret_call, deliver_recording, answered, context);
}

int recorder_thumbnail(struct recorder *r, struct recorder_call **ret_call, const char *id, recorder_answered answered,
                       void *context) {
	struct outgoing out = begin(r, "GetThumbnail");
	APPEND(&out, "s", id);
	return commit(&out, ret_call, deliver_thumbnail, answered, context);
}

int recorder_set_tag(struct recorder *r, struct recorder_call **ret_call, const char *id, const uint8_t operation[16],
                     const lanyard_Tag *tag, recorder_answered answered, void *context) {
	struct outgoing out = begin(r, "SetTag");
	APPEND(&out, "s", id);
	if (out.result >= 0)
		out.result = sd_bus_message_append_array(out.message, 'y', operation, 16);
	if (out.result >= 0)
		out.result = recorder_append_tag(out.message, tag);
	return commit(&out, ret_call, deliver_receipt, answered, context);
}

int recorder_add_location(struct recorder *r, struct recorder_call **ret_call, const char *id,
                          const struct recorder_location *location, recorder_answered answered, void *context) {
	struct outgoing out = begin(r, "AddDetails");
	APPEND(&out, "s", id);
	if (out.result >= 0)
		out.result = recorder_append_details(out.message, NULL, location);
	return commit(&out, ret_call, deliver_nothing, answered, context);
}

int recorder_set_video_height(struct recorder *r, struct recorder_call **ret_call, uint32_t lines, recorder_answered answered,
                              void *context) {
	struct outgoing out = begin_on(r, PROPERTIES, "Set");
	APPEND(&out, "ssv", INTERFACE, "VideoHeight", "u", lines);
	return commit(&out, ret_call, deliver_nothing, answered, context);
}

int recorder_open_range(struct recorder *r, struct recorder_call **ret_call, const char *id, uint64_t offset, uint64_t length,
                        recorder_answered answered, void *context) {
	struct outgoing out = begin(r, "OpenRange");
	APPEND(&out, "stt", id, offset, length);
	return commit(&out, ret_call, deliver_range, answered, context);
}

int recorder_open_preview(struct recorder *r, struct recorder_call **ret_call, recorder_answered answered, void *context) {
	struct outgoing out = begin(r, "OpenPreview");
	return commit(&out, ret_call, deliver_preview, answered, context);
}

void recorder_call_cancel(struct recorder_call *call) {
	if (!call)
		return;
	sd_bus_slot_unref(call->slot);
	free(call);
}
