#include "cam-recorder/object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/reason.h"
#include "cam-recorder/clock.h"
#include "cam-recorder/details.h"
#include "cam-recorder/picture.h"
#include "cam-recorder/starts.h"

#define RECORDER_NAME "org.lanyard.Recorder"
#define RECORDER_PATH "/org/lanyard/Recorder1"
#define RECORDER_INTERFACE "org.lanyard.Recorder1"
#define ERROR_PREFIX "org.lanyard.Error."
#define LIST_LIMIT 100
/* Answers to RequestName (D-Bus specification, org.freedesktop.DBus.RequestName). */
#define NAME_OWNER 1
#define NAME_ALREADY_OWNER 4

struct object {
	sd_bus *bus;
	sd_bus_slot *slot, *name_slot;
	const struct object_parts *parts;
	struct starts *starts; /* that wait for the picture */
};

/* ------------------------------------------------------------------------------------------------------------------ errors */

/* "disk-full" becomes "org.lanyard.Error.DiskFull". */
static void error_name(enum reason reason, char out[96]) {
	size_t at = (size_t)snprintf(out, 96, ERROR_PREFIX);
	bool upper = true;
	for (const char *c = reason_code(reason); *c && at + 1 < 96; c++) {
		if (*c == '-') {
			upper = true;
			continue;
		}
		out[at++] = (char)(upper && *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
		upper = false;
	}
	out[at] = '\0';
}

static enum reason reason_of(int error) {
	switch (-error) {
	case ENOENT:
		return REASON_NOT_FOUND;
	case ENOSPC:
	case EDQUOT:
		return REASON_DISK_FULL;
	case EINVAL:
		return REASON_REQUEST_INVALID;
	case ENODEV:
		return REASON_PICTURE_GONE;
	case ECANCELED:
		return REASON_CANCELLED;
	case EBUSY:
	case EAGAIN:
	case EFBIG:
		return REASON_BUSY;
	case EBADMSG:
		return REASON_RECORDING_DAMAGED;
	default:
		return REASON_INTERNAL;
	}
}

static int fail(sd_bus_error *error, int result) {
	char name[96];
	enum reason reason = reason_of(result);
	error_name(reason, name);
	return sd_bus_error_set(error, name, reason_sentence(reason));
}

/* -------------------------------------------------------------------------------------------------------------- recordings */

static int append_text(sd_bus_message *m, const char *key, const char *value) {
	return sd_bus_message_append(m, "{sv}", key, "s", value);
}

static const char *state_name(enum recording_state state) {
	switch (state) {
	case RECORDING_STATE_ACTIVE:
		return "active";
	case RECORDING_STATE_COMPLETE:
		return "complete";
	case RECORDING_STATE_CUT_SHORT:
		return "cut-short";
	}
	return "cut-short";
}

static int append_hash(sd_bus_message *m, const struct recording *recording) {
	size_t length = recording->state == RECORDING_STATE_COMPLETE ? SHA256_SIZE : 0;
	int result = sd_bus_message_open_container(m, 'e', "sv");
	if (result >= 0)
		result = sd_bus_message_append(m, "s", "Sha256");
	if (result >= 0)
		result = sd_bus_message_open_container(m, 'v', "ay");
	if (result >= 0)
		result = sd_bus_message_append_array(m, 'y', recording->sha256, length);
	if (result >= 0)
		result = sd_bus_message_close_container(m);
	return result < 0 ? result : sd_bus_message_close_container(m);
}

static int append_recording(sd_bus_message *m, const struct recording *r) {
	int result = sd_bus_message_open_container(m, 'a', "{sv}");
	if (result >= 0)
		result = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}", "Id", "s", r->id, "StartedUs", "t", r->started_us,
		                               "DurationMs", "u", r->duration_ms, "Size", "t", r->size);
	if (result >= 0)
		result = append_hash(m, r);
	if (result >= 0)
		result = append_text(m, "State", state_name(r->state));
	if (result >= 0)
		result = append_text(m, "Reason", r->reason);
	if (result >= 0)
		result = sd_bus_message_append(m, "{sv}{sv}", "ThumbnailSize", "u", r->thumbnail_size, "TagRevision", "u",
		                               r->tag_revision);
	if (result >= 0)
		result = append_text(m, "Category", r->tag.category);
	if (result >= 0)
		result = append_text(m, "CaseNumber", r->tag.case_number);
	if (result >= 0)
		result = append_text(m, "Note", r->tag.note);
	if (result >= 0 && r->tag.has_position)
		result = sd_bus_message_append(m, "{sv}{sv}", "LatitudeE7", "i", r->tag.latitude_e7, "LongitudeE7", "i",
		                               r->tag.longitude_e7);
	return result < 0 ? result : sd_bus_message_close_container(m);
}

static int on_list(sd_bus_message *call, void *context, sd_bus_error *error) {
	struct object *o = context;
	const char *before;
	uint32_t limit;
	int result = sd_bus_message_read(call, "su", &before, &limit);
	if (result < 0)
		return result;
	size_t count, at = 0;
	const struct recording *recordings = store_list(o->parts->store, &count);
	if (limit == 0 || limit > LIST_LIMIT)
		return fail(error, -EINVAL);
	if (*before) {
		while (at < count && strcmp(recordings[at].id, before) != 0)
			at++;
		if (at == count)
			return fail(error, -ENOENT);
		at++;
	}
	sd_bus_message *reply = NULL;
	result = sd_bus_message_new_method_return(call, &reply);
	if (result >= 0)
		result = sd_bus_message_open_container(reply, 'a', "a{sv}");
	for (; result >= 0 && at < count && limit > 0; at++, limit--)
		result = append_recording(reply, &recordings[at]);
	if (result >= 0)
		result = sd_bus_message_close_container(reply);
	if (result >= 0)
		result = sd_bus_message_append(reply, "b", at < count);
	if (result >= 0)
		result = sd_bus_send(o->bus, reply, NULL);
	sd_bus_message_unref(reply);
	return result < 0 ? result : 1;
}

static int on_get(sd_bus_message *call, void *context, sd_bus_error *error) {
	struct object *o = context;
	const char *id;
	int result = sd_bus_message_read(call, "s", &id);
	if (result < 0)
		return result;
	const struct recording *recording = store_find(o->parts->store, id);
	if (!recording)
		return fail(error, -ENOENT);
	sd_bus_message *reply = NULL;
	result = sd_bus_message_new_method_return(call, &reply);
	if (result >= 0)
		result = append_recording(reply, recording);
	if (result >= 0)
		result = sd_bus_send(o->bus, reply, NULL);
	sd_bus_message_unref(reply);
	return result < 0 ? result : 1;
}

static int on_get_thumbnail(sd_bus_message *call, void *context, sd_bus_error *error) {
	struct object *o = context;
	const char *id;
	uint8_t jpeg[THUMBNAIL_LIMIT];
	size_t length;
	int result = sd_bus_message_read(call, "s", &id);
	if (result < 0)
		return result;
	result = store_get_thumbnail(o->parts->store, id, jpeg, &length);
	if (result < 0)
		return fail(error, result);
	sd_bus_message *reply = NULL;
	result = sd_bus_message_new_method_return(call, &reply);
	if (result >= 0)
		result = sd_bus_message_append_array(reply, 'y', jpeg, length);
	if (result >= 0)
		result = sd_bus_send(o->bus, reply, NULL);
	sd_bus_message_unref(reply);
	return result < 0 ? result : 1;
}

/* ----------------------------------------------------------------------------------------------------------------- actions */

/* Answers the call, or a negative errno; -EAGAIN: nothing can be recorded yet. */
static int try_start(struct object *o, sd_bus_message *call) {
	const char *reason;
	int result = sd_bus_message_read(call, "s", &reason);
	struct details details;
	if (result >= 0)
		result = details_read(call, &details);
	if (result >= 0 && (*reason == '\0' || strlen(reason) > RECORDING_REASON_LIMIT))
		result = -EINVAL;
	if (result >= 0)
		result = recorder_start(o->parts->recorder, reason);
	if (result < 0)
		return result;
	/* A recording that runs is worth more than a detail that cannot be kept. */
	if (details_note(o->parts->recorder, recorder_current(o->parts->recorder), &details) < 0)
		log_line(LOG_LEVEL_WARNING, "recorder", "a detail of recording %s could not be kept",
		         recorder_current(o->parts->recorder));
	return sd_bus_reply_method_return(call, "s", recorder_current(o->parts->recorder));
}

static int on_start(sd_bus_message *call, void *context, sd_bus_error *error) {
	struct object *o = context;
	int result = try_start(o, call);
	if (result == -EAGAIN) {
		log_line(LOG_LEVEL_NOTICE, "recorder", "there is no picture yet: a recording begins with the first one");
		result = starts_hold(o->starts, call);
		if (result >= 0)
			return 1; /* answered later */
	}
	return result < 0 ? fail(error, result) : result;
}

static void refuse_start(void *context, sd_bus_message *call, int result) {
	(void)context;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	fail(&error, result);
	log_line(LOG_LEVEL_ERROR, "recorder", "no recording was begun: %s", error.message);
	sd_bus_reply_method_error(call, &error);
	sd_bus_error_free(&error);
}

static int start_again(void *context, sd_bus_message *call) {
	int result = try_start(context, call);
	if (result < 0 && result != -EAGAIN)
		refuse_start(context, call, result);
	return result;
}

static int on_stop(sd_bus_message *call, void *context, sd_bus_error *error) {
	(void)error;
	struct object *o = context;
	const char *reason;
	int result = sd_bus_message_read(call, "s", &reason);
	if (result < 0)
		return result;
	starts_cancel(o->starts);
	recorder_stop(o->parts->recorder, reason);
	return sd_bus_reply_method_return(call, NULL);
}

static int on_add_details(sd_bus_message *call, void *context, sd_bus_error *error) {
	struct object *o = context;
	const char *id;
	struct details details;
	int result = sd_bus_message_read(call, "s", &id);
	if (result >= 0)
		result = details_read(call, &details);
	if (result < 0)
		return result == -EINVAL ? fail(error, result) : result;
	if (!store_find(o->parts->store, id))
		return fail(error, -ENOENT);
	result = details_note(o->parts->recorder, id, &details);
	return result < 0 ? fail(error, result) : sd_bus_reply_method_return(call, NULL);
}

static int on_open_range(sd_bus_message *call, void *context, sd_bus_error *error) {
	struct object *o = context;
	const char *id;
	uint64_t offset, length, total;
	int pipe, result = sd_bus_message_read(call, "stt", &id, &offset, &length);
	if (result < 0)
		return result;
	if (!store_find(o->parts->store, id))
		return fail(error, -ENOENT);
	result = ranges_open(o->parts->ranges, id, offset, length, &pipe, &total);
	if (result < 0)
		return fail(error, result);
	result = sd_bus_reply_method_return(call, "ht", pipe, total);
	close(pipe);
	return result;
}

static int on_open_preview(sd_bus_message *call, void *context, sd_bus_error *error) {
	struct object *o = context;
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(error, -errno);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	int result = recorder_preview(o->parts->recorder, ends[1]);
	result = result < 0 ? fail(error, result) : sd_bus_reply_method_return(call, "h", ends[0]);
	close(ends[0]);
	return result;
}

static bool copy_text(char *out, size_t limit, const char *text) {
	if (strlen(text) > limit)
		return false;
	snprintf(out, limit + 1, "%s", text);
	return true;
}

static int read_tag_member(sd_bus_message *m, const char *key, struct recording_tag *tag, unsigned *positions) {
	struct {
		const char *key;
		char *out;
		size_t limit;
	} texts[] = { { "Category", tag->category, TAG_CATEGORY_LIMIT },
		      { "CaseNumber", tag->case_number, TAG_CASE_LIMIT },
		      { "Note", tag->note, TAG_NOTE_LIMIT } };
	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		if (strcmp(key, texts[i].key) != 0)
			continue;
		const char *text;
		int result = sd_bus_message_read(m, "v", "s", &text);
		return result < 0 ? result : copy_text(texts[i].out, texts[i].limit, text) ? 0 : -EINVAL;
	}
	bool latitude = strcmp(key, "LatitudeE7") == 0;
	if (!latitude && strcmp(key, "LongitudeE7") != 0)
		return sd_bus_message_skip(m, "v");
	*positions |= latitude ? 1 : 2;
	return sd_bus_message_read(m, "v", "i", latitude ? &tag->latitude_e7 : &tag->longitude_e7);
}

static int read_tag(sd_bus_message *m, struct recording_tag *tag) {
	unsigned positions = 0;
	int result = sd_bus_message_enter_container(m, 'a', "{sv}");
	while (result >= 0 && (result = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		const char *key;
		result = sd_bus_message_read(m, "s", &key);
		if (result >= 0)
			result = read_tag_member(m, key, tag, &positions);
		if (result >= 0)
			result = sd_bus_message_exit_container(m);
	}
	if (result >= 0)
		result = sd_bus_message_exit_container(m);
	tag->has_position = positions == 3;
	return result < 0 ? result : positions == 1 || positions == 2 ? -EINVAL : 0;
}

static int on_set_tag(sd_bus_message *call, void *context, sd_bus_error *error) {
	struct object *o = context;
	const char *id;
	const void *operation;
	size_t operation_length;
	struct recording_tag tag = { .has_position = false };
	uint32_t revision;
	uint64_t time_us;
	int result = sd_bus_message_read(call, "s", &id);
	if (result >= 0)
		result = sd_bus_message_read_array(call, 'y', &operation, &operation_length);
	if (result < 0)
		return result;
	result = read_tag(call, &tag);
	if (result >= 0 && operation_length != TAG_OPERATION_SIZE)
		result = -EINVAL;
	if (result >= 0)
		result = store_set_tag(o->parts->store, id, operation, &tag, utc_us(), &revision, &time_us);
	if (result < 0)
		return fail(error, result);
	object_recording_changed(o, id);
	return sd_bus_reply_method_return(call, "ut", revision, time_us);
}

/* -------------------------------------------------------------------------------------------------------------- properties */

static int get_state(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                     void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	struct object *o = context;
	static const char *const names[] = {
		[RECORDER_OFF] = "off", [RECORDER_BUFFERING] = "buffering", [RECORDER_EVENT] = "event"
	};
	return sd_bus_message_append(reply, "s", names[recorder_state(o->parts->recorder)]);
}

static int get_current(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                       void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	struct object *o = context;
	return sd_bus_message_append(reply, "s", recorder_current(o->parts->recorder));
}

static int get_serial(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                      void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	struct object *o = context;
	return sd_bus_message_append(reply, "s", o->parts->serial);
}

static int get_free_bytes(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                          void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	struct object *o = context;
	return sd_bus_message_append(reply, "t", recorder_free_bytes(o->parts->recorder));
}

static int get_video_height(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                            void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	struct object *o = context;
	return sd_bus_message_append(reply, "u", (uint32_t)recorder_height(o->parts->recorder));
}

/* sd-bus tells of the change by itself. */
static int set_video_height(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *value,
                            void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property;
	struct object *o = context;
	uint32_t height;
	unsigned width;
	int result = sd_bus_message_read(value, "u", &height);
	if (result < 0)
		return result;
	if (!picture_width(height, &width))
		return fail(error, -EINVAL);
	result = picture_store(o->parts->folder, height);
	if (result < 0)
		return fail(error, result);
	recorder_set_size(o->parts->recorder, width, height);
	return 0;
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_NAMES("Start", "sa{sv}", SD_BUS_PARAM(reason) SD_BUS_PARAM(details), "s", SD_BUS_PARAM(id), on_start,
	                         SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_NAMES("Stop", "s", SD_BUS_PARAM(reason), "", , on_stop, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_NAMES("List", "su", SD_BUS_PARAM(before_id) SD_BUS_PARAM(limit), "aa{sv}b",
	                         SD_BUS_PARAM(recordings) SD_BUS_PARAM(more), on_list, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_NAMES("Get", "s", SD_BUS_PARAM(id), "a{sv}", SD_BUS_PARAM(recording), on_get,
	                         SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_NAMES("GetThumbnail", "s", SD_BUS_PARAM(id), "ay", SD_BUS_PARAM(jpeg), on_get_thumbnail,
	                         SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_NAMES("OpenRange", "stt", SD_BUS_PARAM(id) SD_BUS_PARAM(offset) SD_BUS_PARAM(length), "ht",
	                         SD_BUS_PARAM(pipe) SD_BUS_PARAM(total), on_open_range, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_NAMES("OpenPreview", "", , "h", SD_BUS_PARAM(pipe), on_open_preview, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_NAMES("SetTag", "saya{sv}", SD_BUS_PARAM(id) SD_BUS_PARAM(operation) SD_BUS_PARAM(tag), "ut",
	                         SD_BUS_PARAM(revision) SD_BUS_PARAM(time_us), on_set_tag, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_NAMES("AddDetails", "sa{sv}", SD_BUS_PARAM(id) SD_BUS_PARAM(details), "", , on_add_details,
	                         SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_WRITABLE_PROPERTY("VideoHeight", "u", get_video_height, set_video_height, 0,
	                         SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE | SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("State", "s", get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("CurrentId", "s", get_current, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Serial", "s", get_serial, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("FreeBytes", "t", get_free_bytes, 0, 0),
	SD_BUS_SIGNAL_WITH_NAMES("RecordingChanged", "s", SD_BUS_PARAM(id), 0),
	SD_BUS_VTABLE_END,
};

static int on_name(sd_bus_message *reply, void *context, sd_bus_error *error) {
	(void)context;
	(void)error;
	uint32_t answer = 0;
	const sd_bus_error *problem = sd_bus_message_get_error(reply);
	if (problem)
		log_line(LOG_LEVEL_ERROR, "cam-recorder", "the bus does not give the name: %s", problem->message);
	else if (sd_bus_message_read(reply, "u", &answer) < 0 || (answer != NAME_OWNER && answer != NAME_ALREADY_OWNER))
		log_line(LOG_LEVEL_ERROR, "cam-recorder", "another program has the recorder's name on the bus");
	return 0;
}

int object_new(struct object **ret, sd_bus *bus, const struct object_parts *parts) {
	struct object *o = calloc(1, sizeof(*o));
	char name[256];
	if (!o)
		return -ENOMEM;
	*o = (struct object){ .bus = bus, .parts = parts };
	snprintf(name, sizeof(name), *parts->instance ? "%s.%s" : "%s", RECORDER_NAME, parts->instance);
	int result = starts_new(&o->starts, sd_bus_get_event(bus), start_again, refuse_start, o);
	if (result >= 0)
		result = sd_bus_add_object_vtable(bus, &o->slot, RECORDER_PATH, RECORDER_INTERFACE, vtable, o);
	if (result >= 0) /* not waiting for the answer: a bus that hangs must not hold up the recording */
		result = sd_bus_request_name_async(bus, &o->name_slot, name, 0, on_name, o);
	if (result < 0) {
		object_free(o);
		return result;
	}
	*ret = o;
	return 0;
}

void object_free(struct object *o) {
	if (!o)
		return;
	starts_free(o->starts);
	sd_bus_slot_unref(o->name_slot);
	sd_bus_slot_unref(o->slot);
	free(o);
}

void object_state_changed(struct object *o) {
	sd_bus_emit_properties_changed(o->bus, RECORDER_PATH, RECORDER_INTERFACE, "State", "CurrentId", NULL);
	starts_retry(o->starts);
}

void object_recording_changed(struct object *o, const char *id) {
	sd_bus_emit_signal(o->bus, RECORDER_PATH, RECORDER_INTERFACE, "RecordingChanged", "s", id);
	starts_retry(o->starts); /* one that has ended leaves its place */
}
