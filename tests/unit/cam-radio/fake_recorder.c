#include "fake_recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "unit.h"

#define NAME "org.lanyard.Recorder"
#define PATH "/org/lanyard/Recorder1"
#define INTERFACE "org.lanyard.Recorder1"
#define CHUNK 16384

uint8_t fake_thumbnail_byte(unsigned recording, size_t at) {
	return (uint8_t)(at * 3 + recording);
}

/* --- faults --- */

/* True when the call was dealt with already. */
static bool is_faulty(struct fake_recorder *r, sd_bus_error *error, int *ret_result) {
	if (r->error) {
		*ret_result = sd_bus_error_set(error, r->error, "a fault of the test");
		return true;
	}
	*ret_result = 1; /* taken, and never answered */
	return r->silent;
}

static int hold_or_send(struct fake_recorder *r, sd_bus_message *reply) {
	if (!r->hold)
		return sd_bus_send(r->bus, reply, NULL);
	assert_null(r->held);
	r->held = sd_bus_message_ref(reply);
	return 1;
}

void fake_recorder_release(struct fake_recorder *r) {
	assert_non_null(r->held);
	r->hold = false;
	assert_true(sd_bus_send(r->bus, r->held, NULL) >= 0);
	r->held = sd_bus_message_unref(r->held);
}

static struct fake_recording *find(struct fake_recorder *r, const char *id) {
	for (size_t i = 0; i < FAKE_RECORDINGS; i++)
		if (strcmp(r->recording[i].id, id) == 0)
			return &r->recording[i];
	return NULL;
}

static int not_found(sd_bus_error *error) {
	return sd_bus_error_set(error, "org.lanyard.Error.NotFound", "no such recording");
}

/* --- recordings --- */

static void append_recording(struct fake_recorder *r, sd_bus_message *m, const struct fake_recording *recording) {
	unsigned index = (unsigned)(recording - r->recording);
	uint8_t hash[32];
	memset(hash, (int)index, sizeof(hash));
	assert_true(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
	assert_true(sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "Id", "s", recording->id, "StartedUs", "t",
	                                  (uint64_t)(1700000000000000 + index), "DurationMs", "u", 61000u, "Size", "t",
	                                  recording->size, "State", "s", "complete", "Reason", "s", "manual", "ThumbnailSize",
	                                  "u", FAKE_THUMBNAIL_SIZE, "TagRevision", "u", recording->revision) >= 0);
	assert_true(sd_bus_message_append(m, "{sv}{sv}{sv}", "Category", "s", recording->category, "CaseNumber", "s",
	                                  recording->case_number, "Note", "s", recording->note) >= 0);
	if (recording->has_position)
		assert_true(sd_bus_message_append(m, "{sv}{sv}", "LatitudeE7", "i", recording->latitude, "LongitudeE7", "i",
		                                  recording->longitude) >= 0);
	assert_true(sd_bus_message_append(m, "{sv}", "LaterVersion", "(su)", "x", 1u) >= 0);
	assert_true(sd_bus_message_open_container(m, 'e', "sv") >= 0);
	assert_true(sd_bus_message_append(m, "s", "Sha256") >= 0);
	assert_true(sd_bus_message_open_container(m, 'v', "ay") >= 0);
	assert_true(sd_bus_message_append_array(m, 'y', hash, r->malformed ? 31 : 32) >= 0);
	assert_true(sd_bus_message_close_container(m) >= 0);
	assert_true(sd_bus_message_close_container(m) >= 0);
	assert_true(sd_bus_message_close_container(m) >= 0);
}

static int on_list(sd_bus_message *m, void *context, sd_bus_error *error) {
	struct fake_recorder *r = context;
	int result;
	const char *before;
	uint32_t limit;
	if (is_faulty(r, error, &result))
		return result;
	assert_true(sd_bus_message_read(m, "su", &before, &limit) >= 0);
	size_t from = 0;
	if (*before) {
		const struct fake_recording *last = find(r, before);
		if (!last)
			return not_found(error);
		from = (size_t)(last - r->recording) + 1;
	}
	sd_bus_message *reply;
	assert_true(sd_bus_message_new_method_return(m, &reply) >= 0);
	assert_true(sd_bus_message_open_container(reply, 'a', "a{sv}") >= 0);
	size_t i = from;
	for (; i < FAKE_RECORDINGS && i < from + limit; i++)
		append_recording(r, reply, &r->recording[i]);
	assert_true(sd_bus_message_close_container(reply) >= 0);
	assert_true(sd_bus_message_append(reply, "b", i < FAKE_RECORDINGS) >= 0);
	result = sd_bus_send(r->bus, reply, NULL);
	sd_bus_message_unref(reply);
	return result;
}

static int on_get(sd_bus_message *m, void *context, sd_bus_error *error) {
	struct fake_recorder *r = context;
	int result;
	const char *id;
	if (is_faulty(r, error, &result))
		return result;
	assert_true(sd_bus_message_read(m, "s", &id) >= 0);
	const struct fake_recording *recording = find(r, id);
	if (!recording)
		return not_found(error);
	sd_bus_message *reply;
	assert_true(sd_bus_message_new_method_return(m, &reply) >= 0);
	append_recording(r, reply, recording);
	result = sd_bus_send(r->bus, reply, NULL);
	sd_bus_message_unref(reply);
	return result;
}

static int on_thumbnail(sd_bus_message *m, void *context, sd_bus_error *error) {
	struct fake_recorder *r = context;
	int result;
	const char *id;
	uint8_t jpeg[FAKE_THUMBNAIL_SIZE];
	if (is_faulty(r, error, &result))
		return result;
	assert_true(sd_bus_message_read(m, "s", &id) >= 0);
	const struct fake_recording *recording = find(r, id);
	if (!recording)
		return not_found(error);
	for (size_t i = 0; i < sizeof(jpeg); i++)
		jpeg[i] = fake_thumbnail_byte((unsigned)(recording - r->recording), i);
	sd_bus_message *reply;
	assert_true(sd_bus_message_new_method_return(m, &reply) >= 0);
	assert_true(sd_bus_message_append_array(reply, 'y', jpeg, sizeof(jpeg)) >= 0);
	result = sd_bus_send(r->bus, reply, NULL);
	sd_bus_message_unref(reply);
	return result;
}

/* --- changes --- */

struct details {
	const char *category, *case_number, *note, *source;
	bool has_position;
	int32_t latitude, longitude;
};

static void read_details(sd_bus_message *m, struct details *ret) {
	*ret = (struct details){ .category = "", .case_number = "", .note = "", .source = "" };
	assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		const char *name;
		assert_true(sd_bus_message_read(m, "s", &name) > 0);
		if (strcmp(name, "Category") == 0)
			assert_true(sd_bus_message_read(m, "v", "s", &ret->category) > 0);
		else if (strcmp(name, "CaseNumber") == 0)
			assert_true(sd_bus_message_read(m, "v", "s", &ret->case_number) > 0);
		else if (strcmp(name, "Note") == 0)
			assert_true(sd_bus_message_read(m, "v", "s", &ret->note) > 0);
		else if (strcmp(name, "Source") == 0)
			assert_true(sd_bus_message_read(m, "v", "s", &ret->source) > 0);
		else if (strcmp(name, "LatitudeE7") == 0) {
			assert_true(sd_bus_message_read(m, "v", "i", &ret->latitude) > 0);
			ret->has_position = true;
		} else if (strcmp(name, "LongitudeE7") == 0)
			assert_true(sd_bus_message_read(m, "v", "i", &ret->longitude) > 0);
		else
			assert_true(sd_bus_message_skip(m, "v") >= 0);
		assert_true(sd_bus_message_exit_container(m) >= 0);
	}
	assert_true(sd_bus_message_exit_container(m) >= 0);
}

static int on_set_tag(sd_bus_message *m, void *context, sd_bus_error *error) {
	struct fake_recorder *r = context;
	int result;
	const char *id;
	const void *operation;
	size_t length;
	struct details tag;
	if (is_faulty(r, error, &result))
		return result;
	assert_true(sd_bus_message_read(m, "s", &id) > 0);
	assert_true(sd_bus_message_read_array(m, 'y', &operation, &length) > 0);
	assert_int_equal(length, 16);
	read_details(m, &tag);
	struct fake_recording *recording = find(r, id);
	if (!recording)
		return not_found(error);
	r->tags++;
	if (memcmp(r->last_operation, operation, 16) != 0) {
		memcpy(r->last_operation, operation, 16);
		snprintf(recording->category, sizeof(recording->category), "%s", tag.category);
		snprintf(recording->case_number, sizeof(recording->case_number), "%s", tag.case_number);
		snprintf(recording->note, sizeof(recording->note), "%s", tag.note);
		recording->has_position = tag.has_position;
		recording->latitude = tag.latitude;
		recording->longitude = tag.longitude;
		recording->revision++;
	}
	sd_bus_message *reply;
	assert_true(sd_bus_message_new_method_return(m, &reply) >= 0);
	assert_true(sd_bus_message_append(reply, "ut", recording->revision, (uint64_t)1700000001000000) >= 0);
	result = hold_or_send(r, reply);
	sd_bus_message_unref(reply);
	return result;
}

static int on_start(sd_bus_message *m, void *context, sd_bus_error *error) {
	struct fake_recorder *r = context;
	int result;
	const char *reason;
	struct details details;
	if (is_faulty(r, error, &result))
		return result;
	assert_true(sd_bus_message_read(m, "s", &reason) > 0);
	read_details(m, &details);
	r->starts++;
	r->start_had_location = details.has_position;
	r->last_latitude = details.latitude;
	snprintf(r->last_reason, sizeof(r->last_reason), "%s", reason);
	snprintf(r->last_source, sizeof(r->last_source), "%s", details.source);
	sd_bus_message *reply;
	assert_true(sd_bus_message_new_method_return(m, &reply) >= 0);
	assert_true(sd_bus_message_append(reply, "s", r->recording[0].id) >= 0);
	result = hold_or_send(r, reply);
	sd_bus_message_unref(reply);
	if (result >= 0)
		fake_recorder_set_state(r, "event");
	return result;
}

static int on_stop(sd_bus_message *m, void *context, sd_bus_error *error) {
	struct fake_recorder *r = context;
	int result;
	if (is_faulty(r, error, &result))
		return result;
	r->stops++;
	fake_recorder_set_state(r, "buffering");
	return sd_bus_reply_method_return(m, NULL);
}

static int on_add_details(sd_bus_message *m, void *context, sd_bus_error *error) {
	struct fake_recorder *r = context;
	int result;
	const char *id;
	struct details details;
	if (is_faulty(r, error, &result))
		return result;
	assert_true(sd_bus_message_read(m, "s", &id) > 0);
	read_details(m, &details);
	if (!find(r, id))
		return not_found(error);
	r->locations++;
	r->last_latitude = details.latitude;
	return sd_bus_reply_method_return(m, NULL);
}

/* --- pipes --- */

static void writer_close(struct fake_writer *writer) {
	writer->io = sd_event_source_disable_unref(writer->io);
	if (writer->file >= 0)
		close(writer->file);
	writer->file = -1;
}

static int on_writable(sd_event_source *source, int file, uint32_t revents, void *context) {
	(void)source;
	struct fake_writer *w = context;
	uint8_t bytes[CHUNK];
	if (revents & EPOLLERR) {
		writer_close(w);
		return 0;
	}
	uint64_t end = w->end < w->recorder->damaged_at ? w->end : w->recorder->damaged_at;
	if (end < w->at)
		end = w->at;
	size_t length = w->live || end - w->at > sizeof(bytes) ? sizeof(bytes) : (size_t)(end - w->at);
	for (size_t i = 0; i < length; i++)
		bytes[i] = fake_byte(w->recording, w->at + i);
	ssize_t written = length > 0 ? write(file, bytes, length) : 0;
	if (written > 0)
		w->at += (uint64_t)written;
	if ((written < 0 && errno != EAGAIN) || (!w->live && w->at >= end))
		writer_close(w);
	return 0;
}

static int open_pipe(struct fake_recorder *r, unsigned recording, uint64_t at, uint64_t end, bool live) {
	int ends[2];
	struct fake_writer *writer = r->writer;
	while (writer->file >= 0)
		assert_true(++writer < r->writer + FAKE_WRITERS);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	*writer = (struct fake_writer){
		.recorder = r, .file = ends[1], .recording = recording, .at = at, .end = end, .live = live
	};
	assert_true(sd_event_add_io(r->event, &writer->io, ends[1], EPOLLOUT, on_writable, writer) >= 0);
	return ends[0];
}

static int on_open_range(sd_bus_message *m, void *context, sd_bus_error *error) {
	struct fake_recorder *r = context;
	int result;
	const char *id;
	uint64_t offset, length;
	if (is_faulty(r, error, &result))
		return result;
	assert_true(sd_bus_message_read(m, "stt", &id, &offset, &length) > 0);
	const struct fake_recording *recording = find(r, id);
	if (!recording)
		return not_found(error);
	if (offset > recording->size)
		return sd_bus_error_set(error, "org.lanyard.Error.RequestInvalid", "beyond the end");
	uint64_t rest = recording->size - offset;
	uint64_t end = offset + (length == 0 || length > rest ? rest : length);
	int pipe = open_pipe(r, (unsigned)(recording - r->recording), offset, end, false);
	result = sd_bus_reply_method_return(m, "ht", pipe, recording->size);
	close(pipe);
	return result;
}

static int on_open_preview(sd_bus_message *m, void *context, sd_bus_error *error) {
	struct fake_recorder *r = context;
	int result;
	if (is_faulty(r, error, &result))
		return result;
	int pipe = open_pipe(r, FAKE_RECORDINGS, 0, 0, true);
	result = sd_bus_reply_method_return(m, "h", pipe);
	close(pipe);
	return result;
}

/* --- properties --- */

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                        void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)error;
	const struct fake_recorder *r = context;
	if (strcmp(property, "State") == 0)
		return sd_bus_message_append(reply, "s", r->state);
	if (strcmp(property, "CurrentId") == 0)
		return sd_bus_message_append(reply, "s", strcmp(r->state, "event") == 0 ? r->recording[0].id : "");
	if (strcmp(property, "Serial") == 0)
		return sd_bus_message_append(reply, "s", "FAKE");
	return sd_bus_message_append(reply, "t", r->free_bytes);
}

static int get_video_height(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                            void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return sd_bus_message_append(reply, "u", ((const struct fake_recorder *)context)->video_height);
}

static int set_video_height(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *value,
                            void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return sd_bus_message_read(value, "u", &((struct fake_recorder *)context)->video_height);
}

#define METHODS \
	SD_BUS_METHOD("Start", "sa{sv}", "s", on_start, SD_BUS_VTABLE_UNPRIVILEGED), \
	        SD_BUS_METHOD("Stop", "s", NULL, on_stop, SD_BUS_VTABLE_UNPRIVILEGED), \
	        SD_BUS_METHOD("List", "su", "aa{sv}b", on_list, SD_BUS_VTABLE_UNPRIVILEGED), \
	        SD_BUS_METHOD("Get", "s", "a{sv}", on_get, SD_BUS_VTABLE_UNPRIVILEGED), \
	        SD_BUS_METHOD("GetThumbnail", "s", "ay", on_thumbnail, SD_BUS_VTABLE_UNPRIVILEGED), \
	        SD_BUS_METHOD("OpenRange", "stt", "ht", on_open_range, SD_BUS_VTABLE_UNPRIVILEGED), \
	        SD_BUS_METHOD("OpenPreview", NULL, "h", on_open_preview, SD_BUS_VTABLE_UNPRIVILEGED), \
	        SD_BUS_METHOD("SetTag", "saya{sv}", "ut", on_set_tag, SD_BUS_VTABLE_UNPRIVILEGED), \
	        SD_BUS_PROPERTY("State", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE), \
	        SD_BUS_PROPERTY("CurrentId", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE), \
	        SD_BUS_PROPERTY("Serial", "s", get_property, 0, 0), SD_BUS_PROPERTY("FreeBytes", "t", get_property, 0, 0)

/* A recorder with the optional members, and one without. */
static const sd_bus_vtable full_vtable[] = {
	SD_BUS_VTABLE_START(0),
	METHODS,
	SD_BUS_METHOD("AddDetails", "sa{sv}", NULL, on_add_details, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_WRITABLE_PROPERTY("VideoHeight", "u", get_video_height, set_video_height, 0,
	                         SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE | SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL("RecordingChanged", "s", 0),
	SD_BUS_VTABLE_END,
};
static const sd_bus_vtable plain_vtable[] = {
	SD_BUS_VTABLE_START(0),
	METHODS,
	SD_BUS_SIGNAL("RecordingChanged", "s", 0),
	SD_BUS_VTABLE_END,
};

/* --- life --- */

void fake_recorder_init(struct fake_recorder *r, sd_event *event, const struct bus_daemon *daemon) {
	*r = (struct fake_recorder){
		.event = event,
		.daemon = daemon,
		.state = "buffering",
		.free_bytes = 123456789,
		.video_height = 720,
		.damaged_at = UINT64_MAX,
	};
	for (unsigned i = 0; i < FAKE_RECORDINGS; i++) {
		snprintf(r->recording[i].id, sizeof(r->recording[i].id), "%032x", 0xabc0 + i);
		r->recording[i].size = FAKE_RECORDING_SIZE(i);
	}
	for (size_t i = 0; i < FAKE_WRITERS; i++)
		r->writer[i].file = -1;
}

void fake_recorder_run(struct fake_recorder *r) {
	assert_null(r->bus);
	r->bus = bus_daemon_connect(r->daemon, r->event);
	assert_true(sd_bus_add_object_vtable(r->bus, &r->object, PATH, INTERFACE, r->video_height ? full_vtable : plain_vtable,
	                                     r) >= 0);
	assert_true(sd_bus_request_name(r->bus, NAME, 0) >= 0);
}

void fake_recorder_die(struct fake_recorder *r) {
	if (!r->bus)
		return;
	for (size_t i = 0; i < FAKE_WRITERS; i++)
		writer_close(&r->writer[i]);
	r->held = sd_bus_message_unref(r->held);
	r->object = sd_bus_slot_unref(r->object);
	r->bus = sd_bus_flush_close_unref(r->bus);
}

void fake_recorder_set_state(struct fake_recorder *r, const char *state) {
	r->state = state;
	assert_true(sd_bus_emit_properties_changed(r->bus, PATH, INTERFACE, "State", "CurrentId", NULL) >= 0);
}

void fake_recorder_signal_recording(struct fake_recorder *r, unsigned recording) {
	assert_true(sd_bus_emit_signal(r->bus, PATH, INTERFACE, "RecordingChanged", "s", r->recording[recording].id) >= 0);
}
