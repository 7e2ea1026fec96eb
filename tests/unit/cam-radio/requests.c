/* Requests and events of a live session, against a recorder that behaves, fails, hangs and dies. */
#include <stdio.h>
#include <unistd.h>

#include "base/random.h"
#include "crypto/crypto.h"
#include "world.h"

struct fixture {
	struct world *world;
	struct companion companion;
};

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->world = world_new();
	companion_init(&f->companion, f->world);
	companion_pair_on_disk(&f->companion);
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	companion_free(&f->companion);
	world_free(f->world);
	free(f);
	return 0;
}

static struct companion *start(struct fixture *f) {
	world_start(f->world);
	companion_session(&f->companion);
	return &f->companion;
}

static enum reason ask_reason(struct companion *c, lanyard_Request request) {
	return reason_from_number(companion_ask(c, &request)->reason);
}

#define REQUEST(name, ...) ((lanyard_Request){ .which_body = lanyard_Request_##name##_tag, .body.name = { __VA_ARGS__ } })

static void test_status(void **state) {
	struct fixture *f = *state;
	char battery[64];
	snprintf(battery, sizeof(battery), "%s/capacity", f->world->folder);
	strcpy(f->world->settings.battery, battery);
	struct companion *c = start(f);
	lanyard_Request request = REQUEST(status, 0);
	const lanyard_StatusResponse *status = &companion_ask(c, &request)->body.status;
	assert_int_equal(c->answer.which_body, lanyard_Response_status_tag);
	assert_string_equal(status->serial, "CAM-1");
	assert_string_equal(status->model, "Test camera");
	assert_string_equal(status->firmware, LANYARD_VERSION);
	assert_int_equal(status->recorder, lanyard_RecorderState_RECORDER_BUFFERING);
	assert_string_equal(status->recording_id, "");
	assert_int_equal(status->free_bytes, 123456789);
	assert_int_equal(status->battery_percent, 255); /* no such file */
	assert_true(status->time_us > 1700000000000000);
	static const struct {
		const char *text;
		uint32_t percent;
	} table[] = { { "0\n", 0 },    { "73\n", 73 },    { "100\n", 100 }, { "101\n", 255 },
		      { "-1\n", 255 }, { "full\n", 255 }, { "", 255 } };
	for (size_t i = 0; i < ELEMENTS(table); i++) {
		FILE *file = fopen(battery, "w");
		assert_non_null(file);
		fputs(table[i].text, file);
		fclose(file);
		request = REQUEST(status, 0);
		assert_int_equal(companion_ask(c, &request)->body.status.battery_percent, table[i].percent);
	}
	/* Free space has no signal: a status asks for it, and the next one knows. */
	f->world->recorder.free_bytes = 5;
	request = REQUEST(status, 0);
	companion_ask(c, &request);
	WAIT_FOR(f->world, 5, (request = REQUEST(status, 0), companion_ask(c, &request)->body.status.free_bytes == 5));
}

static void test_list_pages(void **state) {
	struct fixture *f = *state;
	struct companion *c = start(f);
	char before[33] = "";
	unsigned seen = 0;
	bool more = true;
	while (more) {
		lanyard_Request request = REQUEST(list, .limit = 0);
		strcpy(request.body.list.before_id, before);
		const lanyard_ListResponse *list = &companion_ask(c, &request)->body.list;
		assert_int_equal(c->answer.reason, 0);
		assert_int_equal(c->answer.which_body, lanyard_Response_list_tag);
		assert_true(list->recordings_count >= 1 && list->recordings_count <= 4);
		for (pb_size_t i = 0; i < list->recordings_count; i++) {
			const lanyard_Recording *recording = &list->recordings[i];
			assert_string_equal(recording->id, f->world->recorder.recording[seen].id);
			assert_int_equal(recording->size, 300000 + seen * 1000);
			assert_int_equal(recording->duration_ms, 61000);
			assert_int_equal(recording->state, lanyard_RecordingState_RECORDING_COMPLETE);
			assert_int_equal(recording->sha256.size, 32);
			assert_int_equal(recording->sha256.bytes[31], seen);
			assert_int_equal(recording->thumbnail_size, FAKE_THUMBNAIL_SIZE);
			assert_string_equal(recording->reason, "manual");
			seen++;
		}
		strcpy(before, list->recordings[list->recordings_count - 1].id);
		more = list->more;
	}
	assert_int_equal(seen, FAKE_RECORDINGS);

	lanyard_Request request = REQUEST(list, .limit = 2);
	assert_int_equal(companion_ask(c, &request)->body.list.recordings_count, 2);
	assert_int_equal(ask_reason(c, REQUEST(list, .limit = 5)), REASON_REQUEST_INVALID);
	assert_int_equal(ask_reason(c, REQUEST(list, .before_id = "../../etc/passwd")), REASON_REQUEST_INVALID);
	assert_int_equal(ask_reason(c, REQUEST(list, .before_id = "ffffffffffffffffffffffffffffffff")), REASON_NOT_FOUND);
}

static void test_thumbnail(void **state) {
	struct fixture *f = *state;
	struct companion *c = start(f);
	uint8_t jpeg[FAKE_THUMBNAIL_SIZE];
	uint32_t offset = 0;
	while (offset < sizeof(jpeg)) {
		lanyard_Request request = REQUEST(thumbnail, .offset = offset);
		strcpy(request.body.thumbnail.id, f->world->recorder.recording[3].id);
		const lanyard_ThumbnailResponse *part = &companion_ask(c, &request)->body.thumbnail;
		assert_int_equal(c->answer.reason, 0);
		assert_int_equal(part->total, sizeof(jpeg));
		assert_true(part->data.size > 0 && part->data.size <= sizeof(jpeg) - offset);
		memcpy(jpeg + offset, part->data.bytes, part->data.size);
		offset += part->data.size;
	}
	for (size_t i = 0; i < sizeof(jpeg); i++)
		assert_int_equal(jpeg[i], fake_thumbnail_byte(3, i));
	lanyard_Request request = REQUEST(thumbnail, .offset = FAKE_THUMBNAIL_SIZE);
	strcpy(request.body.thumbnail.id, f->world->recorder.recording[3].id);
	assert_int_equal(companion_ask(c, &request)->body.thumbnail.data.size, 0);
	request = REQUEST(thumbnail, .offset = FAKE_THUMBNAIL_SIZE + 1);
	strcpy(request.body.thumbnail.id, f->world->recorder.recording[3].id);
	assert_int_equal(ask_reason(c, request), REASON_REQUEST_INVALID);
	assert_int_equal(ask_reason(c, REQUEST(thumbnail, .id = "")), REASON_REQUEST_INVALID);
}

static lanyard_Request tag_request(const struct fixture *f, unsigned recording) {
	lanyard_Request request = REQUEST(tag, .has_tag = true);
	strcpy(request.body.tag.id, f->world->recorder.recording[recording].id);
	lanyard_Tag *tag = &request.body.tag.tag;
	strcpy(tag->category, "Verkehr");
	strcpy(tag->case_number, "2026-117");
	strcpy(tag->note, "Z\xc3\xbcrich\nzweite Zeile");
	tag->has_position = true;
	tag->latitude_e7 = 473769000;
	tag->longitude_e7 = 85417000;
	return request;
}

static void test_tag(void **state) {
	struct fixture *f = *state;
	struct companion *c = start(f);
	lanyard_Request request = tag_request(f, 2);
	const lanyard_TagReceipt *receipt = &companion_ask(c, &request)->body.tag;
	assert_int_equal(c->answer.reason, 0);
	assert_string_equal(receipt->id, request.body.tag.id);
	assert_int_equal(receipt->revision, 1);
	assert_int_equal(receipt->time_us, 1700000001000000);
	const struct fake_recording *recording = &f->world->recorder.recording[2];
	assert_string_equal(recording->category, "Verkehr");
	assert_string_equal(recording->case_number, "2026-117");
	assert_string_equal(recording->note, "Z\xc3\xbcrich\nzweite Zeile");
	assert_true(recording->has_position);
	assert_int_equal(recording->latitude, 473769000);
	assert_memory_equal(f->world->recorder.last_operation, request.operation.bytes, 16);

	/* The same operation again, as after a lost answer: the same receipt, and the recorder is not even asked. */
	assert_int_equal(companion_ask(c, &request)->body.tag.revision, 1);
	assert_int_equal(f->world->recorder.tags, 1);
	assert_int_equal(world_counter(f->world, "operations-repeated"), 1);
	/* The same operation for something else is a fault. */
	lanyard_Request other = REQUEST(record, .start = true);
	other.operation = request.operation;
	assert_int_equal(ask_reason(c, other), REASON_REQUEST_INVALID);
	assert_int_equal(f->world->recorder.starts, 0);
	/* A new operation is a new revision. */
	request = tag_request(f, 2);
	assert_int_equal(companion_ask(c, &request)->body.tag.revision, 2);

	/* Listed with its tag. */
	lanyard_Request list = REQUEST(list, .limit = 4);
	const lanyard_Tag *tag = &companion_ask(c, &list)->body.list.recordings[2].tag;
	assert_string_equal(tag->note, "Z\xc3\xbcrich\nzweite Zeile");
	assert_int_equal(tag->longitude_e7, 85417000);
	assert_int_equal(c->answer.body.list.recordings[2].tag_revision, 2);
	assert_false(c->answer.body.list.recordings[1].tag.has_position);
}

/* A restart of the daemon forgets its operations; the recorder's own memory still makes a repetition harmless. */
static void test_tag_after_restart(void **state) {
	struct fixture *f = *state;
	struct companion *c = start(f);
	lanyard_Request request = tag_request(f, 2);
	companion_ask(c, &request);
	companion_free(c);
	world_stop(f->world);
	world_start(f->world);
	companion_session(c);
	assert_int_equal(companion_ask(c, &request)->body.tag.revision, 1);
	assert_int_equal(f->world->recorder.tags, 2);
	assert_int_equal(f->world->recorder.recording[2].revision, 1);
}

static void test_invalid_fields(void **state) {
	struct fixture *f = *state;
	struct companion *c = start(f);
	const lanyard_Request good = tag_request(f, 0);
	lanyard_Request bad[10];
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		bad[i] = good;
	bad[0].body.tag.has_tag = false;
	strcpy(bad[1].body.tag.tag.category, "two\nlines");
	strcpy(bad[2].body.tag.tag.case_number, "\xff");
	strcpy(bad[3].body.tag.tag.note, "bell \a");
	bad[4].body.tag.tag.latitude_e7 = 900000001;
	bad[5].body.tag.tag.longitude_e7 = -1800000001;
	strcpy(bad[6].body.tag.id, "0");
	bad[7].operation.size = 15;
	bad[8].deadline_ms = 60001;
	bad[9].operation.size = 1;
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		if (ask_reason(c, bad[i]) != REASON_REQUEST_INVALID)
			fail_msg("bad request %zu", i);
	assert_int_equal(f->world->recorder.tags, 0);
	assert_int_equal(ask_reason(c, REQUEST(location, .latitude_e7 = 900000001)), REASON_REQUEST_INVALID);
	assert_int_equal(ask_reason(c, REQUEST(config, .has_video_height = true, .video_height = 721)), REASON_REQUEST_INVALID);
	assert_int_equal(ask_reason(c, REQUEST(clock, .time_us = 1)), REASON_REQUEST_INVALID);
	assert_int_equal(ask_reason(c, REQUEST(access_point_start, .form = 7)), REASON_REQUEST_INVALID);
	assert_int_equal(ask_reason(c, REQUEST(access_point_joined, .port = 80)), REASON_REQUEST_INVALID);
	assert_int_equal(ask_reason(c, REQUEST(station_start, .port = 80)), REASON_REQUEST_INVALID);
	assert_true(c->live);
}

/* A request of a later version: refused, and the session goes on. */
static void test_unknown(void **state) {
	struct fixture *f = *state;
	struct companion *c = start(f);
	/* Message { request { id: 77, field 99: {} } } */
	static const uint8_t later[] = { 0x0a, 0x05, 0x08, 77, 0x9a, 0x06, 0x00 };
	assert_int_equal(wire_send(c->wire, later, sizeof(later)), 0);
	WAIT_FOR(f->world, 5, c->answers == 1);
	assert_int_equal(c->answer.id, 77);
	assert_int_equal(c->answer.reason, REASON_REQUEST_UNKNOWN);
	assert_int_equal(ask_reason(c, REQUEST(status, 0)), REASON_OK);
}

static void test_record_and_location(void **state) {
	struct fixture *f = *state;
	struct world *w = f->world;
	struct companion *c = start(f);
	assert_int_equal(ask_reason(c, REQUEST(location, .latitude_e7 = 10, .longitude_e7 = 20, .accuracy_m = 5, .time_us = 9)),
	                 REASON_OK);
	assert_int_equal(w->recorder.locations, 0); /* nothing is recorded */
	assert_int_equal(ask_reason(c, REQUEST(record, .start = true)), REASON_OK);
	assert_int_equal(w->recorder.starts, 1);
	assert_string_equal(w->recorder.last_reason, "companion");
	assert_true(w->recorder.start_had_location);
	assert_int_equal(w->recorder.last_latitude, 10);
	WAIT_FOR(w, 5, c->status_events > 0 && c->status.recorder == lanyard_RecorderState_RECORDER_EVENT);
	assert_string_equal(c->status.recording_id, w->recorder.recording[0].id);
	assert_string_equal(world_property(w, "Recorder"), "event");
	assert_int_equal(ask_reason(c, REQUEST(location, .latitude_e7 = 11, .longitude_e7 = 20)), REASON_OK);
	assert_int_equal(w->recorder.locations, 1);
	assert_int_equal(w->recorder.last_latitude, 11);
	assert_int_equal(ask_reason(c, REQUEST(record, .start = false)), REASON_NOT_PERMITTED);
	assert_int_equal(w->recorder.stops, 0);
}

static void test_record_policy(void **state) {
	struct fixture *f = *state;
	f->world->settings.may_start_recording = false;
	f->world->settings.may_stop_recording = true;
	struct companion *c = start(f);
	assert_int_equal(ask_reason(c, REQUEST(record, .start = true)), REASON_NOT_PERMITTED);
	assert_int_equal(f->world->recorder.starts, 0);
	fake_recorder_set_state(&f->world->recorder, "event");
	assert_int_equal(ask_reason(c, REQUEST(record, .start = false)), REASON_OK);
	assert_int_equal(f->world->recorder.stops, 1);
	/* The clock is never set unless the agency says so. */
	assert_int_equal(ask_reason(c, REQUEST(clock, .time_us = 1800000000000000)), REASON_NOT_PERMITTED);
}

static void test_config(void **state) {
	struct fixture *f = *state;
	struct world *w = f->world;
	w->settings.may_set_video_height = true;
	w->settings.may_set_sounds = false;
	struct companion *c = start(f);
	lanyard_Request request = REQUEST(config, .has_indicator_lights = false);
	const lanyard_ConfigResponse *config = &companion_ask(c, &request)->body.config;
	assert_int_equal(c->answer.which_body, lanyard_Response_config_tag);
	assert_true(config->indicator_lights && config->sounds);
	assert_int_equal(config->video_height, 720);

	request = REQUEST(config, .has_indicator_lights = true, .indicator_lights = false, .has_video_height = true,
	                  .video_height = 1080);
	config = &companion_ask(c, &request)->body.config;
	assert_false(config->indicator_lights);
	assert_int_equal(config->video_height, 1080);
	assert_int_equal(w->recorder.video_height, 1080);
	assert_string_equal(world_property(w, "IndicatorLights"), "false");
	assert_non_null(strstr(w->changes, "IndicatorLights "));
	/* One field that policy forbids, and nothing of the request is done. */
	request = REQUEST(config, .has_indicator_lights = true, .indicator_lights = true, .has_sounds = true, .sounds = false);
	assert_int_equal(ask_reason(c, request), REASON_NOT_PERMITTED);
	assert_string_equal(world_property(w, "IndicatorLights"), "false");
	/* Kept across a restart. */
	companion_free(c);
	world_stop(w);
	world_start(w);
	assert_string_equal(world_property(w, "IndicatorLights"), "false");
	companion_session(c);
	/* The disk does not take it: told so, nothing changed. */
	char command[128];
	snprintf(command, sizeof(command), "mkdir %s/preferences.new", w->state);
	assert_int_equal(system(command), 0);
	assert_int_equal(ask_reason(c, REQUEST(config, .has_indicator_lights = true, .indicator_lights = true)),
	                 REASON_STORE_FAILED);
	assert_string_equal(world_property(w, "IndicatorLights"), "false");
}

/* A recorder without the optional members. */
static void test_plain_recorder(void **state) {
	struct fixture *f = *state;
	fake_recorder_die(&f->world->recorder);
	f->world->recorder.video_height = 0;
	fake_recorder_run(&f->world->recorder);
	f->world->settings.may_set_video_height = true;
	struct companion *c = start(f);
	lanyard_Request request = REQUEST(config, .has_indicator_lights = false);
	assert_int_equal(companion_ask(c, &request)->body.config.video_height, 0);
	assert_int_equal(ask_reason(c, REQUEST(config, .has_video_height = true, .video_height = 480)), REASON_REQUEST_UNKNOWN);
	fake_recorder_set_state(&f->world->recorder, "event");
	WAIT_FOR(f->world, 5, strcmp(world_property(f->world, "Recorder"), "event") == 0);
	assert_int_equal(ask_reason(c, REQUEST(location, .latitude_e7 = 1)), REASON_REQUEST_UNKNOWN);
}

static void test_events(void **state) {
	struct fixture *f = *state;
	struct world *w = f->world;
	struct companion *c = start(f);
	fake_recorder_signal_recording(&w->recorder, 4);
	WAIT_FOR(w, 5, c->recording_events == 1);
	assert_string_equal(c->recording.id, w->recorder.recording[4].id);
	/* Many at once: each is told at least once, with its last state. */
	for (unsigned i = 0; i < 3; i++)
		for (unsigned recording = 0; recording < 3; recording++)
			fake_recorder_signal_recording(&w->recorder, recording);
	WAIT_FOR(w, 5, c->recording_events >= 4);
	fake_recorder_set_state(&w->recorder, "off");
	WAIT_FOR(w, 5, c->status_events == 1);
	assert_int_equal(c->status.recorder, lanyard_RecorderState_RECORDER_OFF);
}

/* --- a recorder that fails --- */

static void test_recorder_errors(void **state) {
	struct fixture *f = *state;
	struct companion *c = start(f);
	static const struct {
		const char *name;
		enum reason reason;
	} table[] = {
		{ "org.lanyard.Error.NotFound", REASON_NOT_FOUND },
		{ "org.lanyard.Error.DiskFull", REASON_DISK_FULL },
		{ "org.lanyard.Error.Busy", REASON_BUSY },
		{ "org.lanyard.Error.RequestInvalid", REASON_REQUEST_INVALID },
		{ "org.lanyard.Error.RecordingDamaged", REASON_RECORDING_DAMAGED },
		{ "org.lanyard.Error.SomethingLater", REASON_INTERNAL },
		{ SD_BUS_ERROR_NO_REPLY, REASON_RECORDER_GONE },
		{ SD_BUS_ERROR_FAILED, REASON_INTERNAL },
	};
	for (size_t i = 0; i < ELEMENTS(table); i++) {
		f->world->recorder.error = table[i].name;
		lanyard_Request request = tag_request(f, 0);
		assert_int_equal(ask_reason(c, request), table[i].reason);
		assert_int_equal(ask_reason(c, REQUEST(list, .limit = 1)), table[i].reason);
	}
	/* What failed had no effect, so the same operation may succeed later. */
	lanyard_Request request = tag_request(f, 0);
	assert_int_equal(reason_from_number(companion_ask(c, &request)->reason), REASON_INTERNAL);
	f->world->recorder.error = NULL;
	assert_int_equal(companion_ask(c, &request)->body.tag.revision, 1);
	/* An answer that no recorder may give. */
	f->world->recorder.malformed = true;
	assert_int_equal(ask_reason(c, REQUEST(list, .limit = 1)), REASON_INTERNAL);
}

static void test_recorder_dies_and_returns(void **state) {
	struct fixture *f = *state;
	struct world *w = f->world;
	struct companion *c = start(f);
	fake_recorder_die(&w->recorder);
	WAIT_FOR(w, 5, c->status_events == 1 && c->status.recorder == lanyard_RecorderState_RECORDER_UNKNOWN);
	assert_string_equal(world_property(w, "Recorder"), "unknown");
	assert_int_equal(ask_reason(c, REQUEST(list, .limit = 1)), REASON_RECORDER_GONE);
	assert_int_equal(ask_reason(c, tag_request(f, 0)), REASON_RECORDER_GONE);
	assert_int_equal(ask_reason(c, REQUEST(status, 0)), REASON_OK);
	fake_recorder_run(&w->recorder);
	WAIT_FOR(w, 5, c->status_events == 2 && c->status.recorder == lanyard_RecorderState_RECORDER_BUFFERING);
	assert_int_equal(ask_reason(c, REQUEST(list, .limit = 1)), REASON_OK);
}

/* A recorder that hangs costs each request its own deadline, and nothing else. */
static void test_recorder_hangs(void **state) {
	struct fixture *f = *state;
	struct world *w = f->world;
	struct companion *c = start(f);
	w->recorder.silent = true;
	lanyard_Request list = REQUEST(list, .limit = 1);
	list.deadline_ms = 2000;
	uint64_t began_us = world_now_us();
	uint32_t id = companion_send(c, &list);
	assert_int_equal(ask_reason(c, REQUEST(status, 0)), REASON_OK); /* answered meanwhile */
	assert_int_equal(c->answers, 1);
	WAIT_FOR(w, 10, c->answers == 2);
	assert_int_equal(c->answer.id, id);
	assert_int_equal(c->answer.reason, REASON_TIMEOUT);
	assert_true(world_now_us() - began_us >= 2000 * MILLISECOND_US);
	/* It dies with calls outstanding: those are answered. */
	list = REQUEST(list, .limit = 1);
	companion_send(c, &list);
	world_settle(w);
	fake_recorder_die(&w->recorder);
	WAIT_FOR(w, 5, c->answers == 3);
	assert_int_equal(c->answer.reason, REASON_RECORDER_GONE);
}

/* More at once than anybody needs: refused, not queued without end. */
static void test_too_many(void **state) {
	struct fixture *f = *state;
	struct companion *c = start(f);
	f->world->recorder.silent = true;
	for (unsigned i = 0; i < 40; i++) {
		lanyard_Request request = REQUEST(list, .limit = 1);
		companion_send(c, &request);
	}
	WAIT_FOR(f->world, 5, c->answers == 8);
	assert_int_equal(c->answer.reason, REASON_BUSY);
	f->world->recorder.silent = false;
	fake_recorder_die(&f->world->recorder);
	WAIT_FOR(f->world, 5, c->answers == 40);
}

/* --- repetition over a new session --- */

/* The session goes while the recorder works: the repeated operation waits for the first one and gets its result. */
static void test_repeated_while_under_way(void **state) {
	struct fixture *f = *state;
	struct world *w = f->world;
	struct companion *c = start(f);
	lanyard_Request request = tag_request(f, 1);
	w->recorder.hold = true;
	companion_send(c, &request);
	WAIT_FOR(w, 5, w->recorder.held);
	companion_free(c);
	WAIT_FOR(w, 5, strcmp(world_property(w, "Session"), "false") == 0);
	companion_session(c);
	size_t before = c->answers;
	uint32_t id = companion_send(c, &request);
	/* The same again on the same session, while it is pending: a fault of the companion. */
	companion_send(c, &request);
	WAIT_FOR(w, 5, c->answers == before + 1);
	assert_int_equal(c->answer.reason, REASON_BUSY);
	fake_recorder_release(&w->recorder);
	WAIT_FOR(w, 5, c->answers == before + 2);
	assert_int_equal(c->answer.id, id);
	assert_int_equal(c->answer.reason, REASON_OK);
	assert_int_equal(c->answer.body.tag.revision, 1);
	assert_int_equal(w->recorder.tags, 1);
}

/* The session goes, the recorder finishes, and only then the operation is repeated: answered from memory. */
static void test_repeated_afterwards(void **state) {
	struct fixture *f = *state;
	struct world *w = f->world;
	struct companion *c = start(f);
	lanyard_Request request = REQUEST(record, .start = true);
	w->recorder.hold = true;
	companion_send(c, &request);
	WAIT_FOR(w, 5, w->recorder.held);
	companion_free(c);
	WAIT_FOR(w, 5, strcmp(world_property(w, "Session"), "false") == 0);
	fake_recorder_release(&w->recorder);
	world_settle(w);
	companion_session(c);
	assert_int_equal(companion_ask(c, &request)->reason, REASON_OK);
	assert_int_equal(w->recorder.starts, 1);
}

/* An answer that came too late for its deadline is remembered all the same. */
static void test_repeated_after_timeout(void **state) {
	struct fixture *f = *state;
	struct world *w = f->world;
	struct companion *c = start(f);
	lanyard_Request request = tag_request(f, 1);
	request.deadline_ms = 300;
	w->recorder.hold = true;
	assert_int_equal(companion_ask(c, &request)->reason, REASON_TIMEOUT);
	fake_recorder_release(&w->recorder);
	world_settle(w);
	assert_int_equal(c->answers, 1); /* answered once */
	assert_int_equal(companion_ask(c, &request)->body.tag.revision, 1);
	assert_int_equal(w->recorder.tags, 1);
}

/* The daemon ends with calls outstanding. */
static void test_stop_while_under_way(void **state) {
	struct fixture *f = *state;
	struct companion *c = start(f);
	f->world->recorder.silent = true;
	lanyard_Request list = REQUEST(list, .limit = 1), tag = tag_request(f, 1), ap = REQUEST(access_point_start, .form = 0);
	companion_send(c, &list);
	companion_send(c, &tag);
	companion_send(c, &ap);
	fake_recorder_signal_recording(&f->world->recorder, 1);
	world_settle(f->world);
	world_stop(f->world);
	WAIT_FOR(f->world, 5, c->closed);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_status, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_thumbnail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tag, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tag_after_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_invalid_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_record_and_location, setup, teardown),
		cmocka_unit_test_setup_teardown(test_record_policy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_config, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plain_recorder, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recorder_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recorder_dies_and_returns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recorder_hangs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_repeated_while_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_repeated_afterwards, setup, teardown),
		cmocka_unit_test_setup_teardown(test_repeated_after_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_while_under_way, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
