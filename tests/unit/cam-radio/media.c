/* Wi-Fi and the media channel end to end on the test link: access point, dial, recordings, live view, and every way they end. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "link/listen.h"
#include "world.h"

#define SLICES 20

struct slice {
	uint32_t id;
	unsigned recording;
	uint64_t at; /* of the next byte */
	bool headed, ended;
	enum reason head, end;
	uint64_t total, received, frames;
};

struct fixture {
	struct world *world;
	struct companion companion;
	struct listener *listener;
	uint8_t media_psk[KEY_SIZE];
	struct wire *media;
	bool live, closed;
	enum reason reason;
	struct slice slice[SLICES];
	uint64_t changes_of_slice; /* how often a frame belonged to another slice than the one before */
	uint32_t last_id;

	/* In front of the companion's end, when a test wants to hold it back. */
	bool with_gate;
	int gate_camera, gate_companion;
	sd_event_source *gate_in, *gate_out;
};

/* --- the companion's end --- */

static struct slice *find_slice(struct fixture *f, uint32_t id) {
	for (size_t i = 0; i < SLICES; i++)
		if (f->slice[i].id == id)
			return &f->slice[i];
	fail_msg("no slice %u", id);
	return NULL;
}

static void on_media_message(void *context, const uint8_t *bytes, size_t length) {
	struct fixture *f = context;
	if (codec_media_is_data(bytes, length)) {
		uint32_t id;
		const uint8_t *data;
		size_t data_length;
		assert_int_equal(codec_media_data(bytes, length, &id, &data, &data_length), 0);
		struct slice *slice = find_slice(f, id);
		assert_true(slice->headed && !slice->ended);
		for (size_t i = 0; i < data_length; i++)
			if (data[i] != fake_byte(slice->recording, slice->at + i))
				fail_msg("wrong byte at %llu", (unsigned long long)(slice->at + i));
		slice->at += data_length;
		slice->received += data_length;
		slice->frames++;
		f->changes_of_slice += id != f->last_id;
		f->last_id = id;
		return;
	}
	lanyard_MediaMessage message;
	assert_int_equal(codec_decode_media(bytes, length, &message), 0);
	if (message.which_kind == lanyard_MediaMessage_head_tag) {
		struct slice *slice = find_slice(f, message.kind.head.id);
		assert_false(slice->headed);
		slice->headed = true;
		slice->head = reason_from_number(message.kind.head.reason);
		slice->total = message.kind.head.total;
	} else {
		assert_int_equal(message.which_kind, lanyard_MediaMessage_end_tag);
		struct slice *slice = find_slice(f, message.kind.end.id);
		assert_false(slice->ended);
		slice->ended = true;
		slice->end = reason_from_number(message.kind.end.reason);
	}
}

static void on_media_live(void *context) {
	struct fixture *f = context;
	f->live = true;
}

static void on_media_closed(void *context, enum reason reason) {
	struct fixture *f = context;
	f->closed = true;
	f->live = false;
	f->reason = reason;
}

static const struct wire_callbacks media_handlers = { .live = on_media_live,
	                                              .message = on_media_message,
	                                              .closed = on_media_closed };

static void pass_on(int from, int to) {
	uint8_t bytes[65536];
	ssize_t length = read(from, bytes, sizeof(bytes));
	for (ssize_t at = 0; at < length;) {
		ssize_t written = write(to, bytes + at, (size_t)(length - at));
		assert_true(written > 0);
		at += written;
	}
}

static int on_gate_in(sd_event_source *source, int file, uint32_t revents, void *context) {
	(void)source, (void)revents;
	pass_on(file, ((struct fixture *)context)->gate_companion);
	return 0;
}

static int on_gate_out(sd_event_source *source, int file, uint32_t revents, void *context) {
	(void)source, (void)revents;
	pass_on(file, ((struct fixture *)context)->gate_camera);
	return 0;
}

/* Puts itself between the camera and the companion; returns the companion's end. */
static int build_gate(struct fixture *f, int camera) {
	int pair[2], size = 1 << 20;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	f->gate_camera = camera;
	f->gate_companion = pair[0];
	assert_true(sd_event_add_io(f->world->event, &f->gate_in, camera, EPOLLIN, on_gate_in, f) >= 0);
	assert_true(sd_event_add_io(f->world->event, &f->gate_out, pair[0], EPOLLIN, on_gate_out, f) >= 0);
	return pair[1];
}

static void on_accepted(void *context, int file) {
	struct fixture *f = context;
	if (f->with_gate)
		file = build_gate(f, file);
	const struct wire_config config = {
		.kind = CHANNEL_MEDIA,
		.keys = &f->companion.keys,
		.pairing = &f->companion.record,
		.media_psk = f->media_psk,
		.name = "Companion",
	};
	assert_null(f->media);
	f->live = f->closed = false;
	assert_int_equal(wire_new(&f->media, f->world->event, file, &config, &media_handlers, f), 0);
}

static void on_listener_failed(void *context, enum reason reason) {
	(void)context;
	fail_msg("listener: %s", reason_code(reason));
}

static const struct listener_callbacks listener_handlers = { .accepted = on_accepted, .failed = on_listener_failed };

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
	wire_free(f->media);
	listener_free(f->listener);
	sd_event_source_disable_unref(f->gate_in);
	sd_event_source_disable_unref(f->gate_out);
	if (f->gate_in) {
		close(f->gate_camera);
		close(f->gate_companion);
	}
	companion_free(&f->companion);
	world_free(f->world);
	free(f);
	return 0;
}

static void listen_for_camera(struct fixture *f) {
	char path[128];
	snprintf(path, sizeof(path), "%s/link.media", f->world->folder);
	assert_int_equal(listener_new_unix(&f->listener, f->world->event, path, &listener_handlers, f), 0);
}

static enum reason start_access_point(struct fixture *f) {
	lanyard_Request request = { .which_body = lanyard_Request_access_point_start_tag };
	const lanyard_Response *answer = companion_ask(&f->companion, &request);
	if (answer->reason == 0) {
		assert_int_equal(answer->which_body, lanyard_Response_access_point_up_tag);
		assert_int_equal(answer->body.access_point_up.media_psk.size, KEY_SIZE);
		memcpy(f->media_psk, answer->body.access_point_up.media_psk.bytes, KEY_SIZE);
	}
	return reason_from_number(answer->reason);
}

static enum reason say_joined(struct fixture *f) {
	lanyard_Request request = { .which_body = lanyard_Request_access_point_joined_tag };
	request.body.access_point_joined.address.size = 16;
	memcpy(request.body.access_point_joined.address.bytes, &in6addr_loopback, 16);
	request.body.access_point_joined.port = 1;
	return reason_from_number(companion_ask(&f->companion, &request)->reason);
}

static void open_media(struct fixture *f) {
	assert_int_equal(start_access_point(f), REASON_OK);
	assert_int_equal(say_joined(f), REASON_OK);
	WAIT_FOR(f->world, 5, f->live && f->companion.wifi.mode == lanyard_WifiMode_WIFI_MEDIA_READY);
}

static void start(struct fixture *f) {
	listen_for_camera(f);
	world_start(f->world);
	companion_session(&f->companion);
	open_media(f);
}

static void send_media(struct fixture *f, lanyard_MediaRequest request) {
	lanyard_MediaMessage message = { .which_kind = lanyard_MediaMessage_request_tag, .kind.request = request };
	uint8_t bytes[128];
	size_t length;
	assert_int_equal(codec_encode_media(&message, bytes, sizeof(bytes), &length), 0);
	assert_int_equal(wire_send(f->media, bytes, length), 0);
}

/* recording: FAKE_RECORDINGS for the live view. */
static struct slice *ask(struct fixture *f, uint32_t id, unsigned recording, uint64_t offset, uint64_t length) {
	struct slice *slice = f->slice;
	while (slice->id != 0 && !slice->ended && !(slice->headed && slice->head != REASON_OK))
		assert_true(++slice < f->slice + SLICES);
	*slice = (struct slice){ .id = id, .recording = recording, .at = offset };
	lanyard_MediaRequest request = { .id = id, .offset = offset, .length = length };
	if (recording < FAKE_RECORDINGS)
		strcpy(request.recording_id, f->world->recorder.recording[recording].id);
	send_media(f, request);
	return slice;
}

/* --- recordings --- */

static void test_whole_recording(void **state) {
	struct fixture *f = *state;
	f->world->recorder.recording[0].size = 20000000;
	start(f);
	struct slice *slice = ask(f, 1, 0, 0, 0);
	WAIT_FOR(f->world, 20, slice->ended);
	assert_int_equal(slice->head, REASON_OK);
	assert_int_equal(slice->end, REASON_OK);
	assert_int_equal(slice->total, 20000000);
	assert_int_equal(slice->received, 20000000);
	assert_int_equal(world_counter(f->world, "media-bytes"), 20000000);
}

static void test_ranges(void **state) {
	struct fixture *f = *state;
	start(f);
	uint64_t size = f->world->recorder.recording[2].size;
	const struct {
		uint64_t offset, length, received;
	} table[] = {
		{ 0, 1, 1 },
		{ 1, 70000, 70000 },
		{ size - 1, 0, 1 },
		{ size - 1, 100, 1 },
		{ size - 5, 5, 5 },
		{ 0, UINT64_MAX, size },
		{ 100, UINT64_MAX, size - 100 },
	};
	for (uint32_t i = 0; i < ELEMENTS(table); i++) {
		struct slice *slice = ask(f, i + 1, 2, table[i].offset, table[i].length);
		WAIT_FOR(f->world, 5, slice->ended);
		assert_int_equal(slice->end, REASON_OK);
		assert_int_equal(slice->total, size);
		assert_int_equal(slice->received, table[i].received);
	}
	/* Beyond the end: the head says where that is. */
	for (uint32_t i = 0; i < 3; i++) {
		struct slice *slice = ask(f, 100 + i, 2, size + i * 1000, 1);
		WAIT_FOR(f->world, 5, slice->headed);
		assert_int_equal(slice->head, REASON_REQUEST_INVALID);
		assert_int_equal(slice->total, size);
		assert_int_equal(slice->received, 0);
	}
}

/* Several at once come interleaved, each in order. */
static void test_interleaved(void **state) {
	struct fixture *f = *state;
	start(f);
	for (uint32_t i = 0; i < 8; i++) {
		f->world->recorder.recording[i].size = 2000000;
		ask(f, i + 1, i, 0, 0);
	}
	for (uint32_t i = 0; i < 8; i++)
		WAIT_FOR(f->world, 20, f->slice[i].ended);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(f->slice[i].received, 2000000);
	assert_true(f->changes_of_slice > 50);
}

static void test_damaged(void **state) {
	struct fixture *f = *state;
	start(f);
	f->world->recorder.damaged_at = 123456;
	struct slice *slice = ask(f, 1, 0, 0, 0);
	WAIT_FOR(f->world, 5, slice->ended);
	assert_int_equal(slice->end, REASON_RECORDING_DAMAGED);
	assert_int_equal(slice->received, 123456); /* what is good was delivered */
	slice = ask(f, 2, 0, 200000, 10);
	WAIT_FOR(f->world, 5, slice->ended);
	assert_int_equal(slice->end, REASON_RECORDING_DAMAGED);
	slice = ask(f, 3, 0, 1000, 1000);
	WAIT_FOR(f->world, 5, slice->ended);
	assert_int_equal(slice->end, REASON_OK);
}

static void test_refused(void **state) {
	struct fixture *f = *state;
	start(f);
	f->world->recorder.error = "org.lanyard.Error.NotFound";
	struct slice *slice = ask(f, 1, 0, 0, 0);
	WAIT_FOR(f->world, 5, slice->headed);
	assert_int_equal(slice->head, REASON_NOT_FOUND);
	f->world->recorder.error = NULL;
	slice = ask(f, 2, 0, 0, 0);
	WAIT_FOR(f->world, 5, slice->ended);
	/* An id that is none is not passed on. */
	f->slice[0] = (struct slice){ .id = 3 };
	send_media(f, (lanyard_MediaRequest){ .id = 3, .recording_id = "../../../etc/shadow" });
	WAIT_FOR(f->world, 5, f->slice[0].headed);
	assert_int_equal(f->slice[0].head, REASON_REQUEST_INVALID);
	fake_recorder_die(&f->world->recorder);
	slice = ask(f, 4, 0, 0, 0);
	WAIT_FOR(f->world, 5, slice->headed);
	assert_int_equal(slice->head, REASON_RECORDER_GONE);
	assert_true(f->live);
}

static void test_recorder_dies_in_the_middle(void **state) {
	struct fixture *f = *state;
	start(f);
	f->world->recorder.recording[0].size = UINT64_C(1) << 40;
	struct slice *slice = ask(f, 1, 0, 0, 0), *live = ask(f, 2, FAKE_RECORDINGS, 0, 0);
	WAIT_FOR(f->world, 5, slice->received > 1000000 && live->received > 1000000);
	fake_recorder_die(&f->world->recorder);
	WAIT_FOR(f->world, 5, slice->ended && live->ended);
	assert_int_equal(slice->end, REASON_RECORDING_DAMAGED);
	assert_true(f->live);
	fake_recorder_run(&f->world->recorder);
	slice = ask(f, 3, 1, 0, 0);
	WAIT_FOR(f->world, 5, slice->ended);
	assert_int_equal(slice->end, REASON_OK);
}

static void test_cancel(void **state) {
	struct fixture *f = *state;
	start(f);
	f->world->recorder.recording[0].size = UINT64_C(1) << 40;
	struct slice *slice = ask(f, 1, 0, 0, 0), *live = ask(f, 2, FAKE_RECORDINGS, 0, 0);
	WAIT_FOR(f->world, 5, slice->received > 500000 && live->received > 500000);
	assert_int_equal(live->total, 0);
	send_media(f, (lanyard_MediaRequest){ .id = 1, .cancel = true });
	send_media(f, (lanyard_MediaRequest){ .id = 2, .cancel = true });
	send_media(f, (lanyard_MediaRequest){ .id = 77, .cancel = true }); /* unknown: it may just have ended */
	WAIT_FOR(f->world, 5, slice->ended && live->ended);
	assert_int_equal(slice->end, REASON_CANCELLED);
	/* The recorder's pipes are closed. */
	WAIT_FOR(f->world, 5, f->world->recorder.writer[0].file < 0 && f->world->recorder.writer[1].file < 0);
	/* Cancelled before the recorder has answered. */
	f->world->recorder.silent = true;
	slice = ask(f, 3, 1, 0, 0);
	send_media(f, (lanyard_MediaRequest){ .id = 3, .cancel = true });
	WAIT_FOR(f->world, 5, slice->ended);
	assert_false(slice->headed);
}

static void test_sixteen_at_once(void **state) {
	struct fixture *f = *state;
	start(f);
	f->world->recorder.silent = true;
	for (uint32_t i = 1; i <= 16; i++)
		ask(f, i, 0, 0, 0);
	struct slice *slice = ask(f, 17, 0, 0, 0);
	WAIT_FOR(f->world, 5, slice->headed);
	assert_int_equal(slice->head, REASON_BUSY);
	assert_true(f->live);
}

static void test_breaches(void **state) {
	struct fixture *f = *state;
	start(f);
	for (unsigned kind = 0; kind < 4; kind++) {
		switch (kind) {
		case 0: /* no id */
			send_media(f, (lanyard_MediaRequest){ .id = 0 });
			break;
		case 1: /* an id that is in use */
			f->world->recorder.silent = true;
			ask(f, 5, 0, 0, 0);
			send_media(f, (lanyard_MediaRequest){ .id = 5 });
			break;
		case 2: /* data is the camera's to send */
			assert_int_equal(wire_send(f->media, "\0\0\0\0\1x", 6), 0);
			break;
		case 3: /* and so is a head */
			assert_int_equal(wire_send(f->media, "\x12\x02\x08\x01", 4), 0);
			break;
		}
		WAIT_FOR(f->world, 5, f->closed);
		WAIT_FOR(f->world, 5, f->companion.wifi.mode == lanyard_WifiMode_WIFI_OFF);
		assert_int_equal(f->companion.wifi.reason, REASON_MESSAGE_MALFORMED);
		wire_free(f->media);
		f->media = NULL;
		f->world->recorder.silent = false;
		memset(f->slice, 0, sizeof(f->slice));
		open_media(f);
	}
	assert_true(f->companion.live);
}

/* A companion that does not read stops the flow, and loses nothing when it goes on. */
static void test_slow_reader(void **state) {
	struct fixture *f = *state;
	f->with_gate = true;
	start(f);
	f->world->recorder.recording[0].size = 50000000;
	struct slice *slice = ask(f, 1, 0, 0, 0);
	WAIT_FOR(f->world, 5, slice->received > 0);
	for (unsigned round = 0; round < 3; round++) {
		assert_true(sd_event_source_set_enabled(f->gate_in, SD_EVENT_OFF) >= 0);
		world_settle(f->world); /* comes to rest: nobody spins */
		uint64_t taken = f->world->recorder.writer[0].at, received = slice->received;
		/* The camera's queue, a pipe, and the buffers of two sockets. */
		assert_true(taken - received < 2000000);
		world_settle(f->world);
		assert_int_equal(f->world->recorder.writer[0].at, taken);
		/* The session is not held up by it. */
		lanyard_Request request = { .which_body = lanyard_Request_status_tag };
		companion_ask(&f->companion, &request);
		assert_true(sd_event_source_set_enabled(f->gate_in, SD_EVENT_ON) >= 0);
		WAIT_FOR(f->world, 5, slice->received > received + 5000000);
	}
	WAIT_FOR(f->world, 20, slice->ended);
	assert_int_equal(slice->end, REASON_OK);
	assert_int_equal(slice->received, 50000000);
}

/* --- how it ends --- */

static void test_stop(void **state) {
	struct fixture *f = *state;
	start(f);
	assert_string_equal(world_property(f->world, "Wifi"), "media-ready");
	assert_non_null(strstr(f->world->feedback, "wifi-on "));
	lanyard_Request request = { .which_body = lanyard_Request_wifi_stop_tag };
	assert_int_equal(companion_ask(&f->companion, &request)->reason, 0);
	WAIT_FOR(f->world, 5, f->closed);
	assert_int_equal(f->companion.wifi.mode, lanyard_WifiMode_WIFI_OFF);
	assert_int_equal(f->companion.wifi.reason, REASON_OK);
	assert_string_equal(world_property(f->world, "Wifi"), "off");
	assert_non_null(strstr(f->world->feedback, "wifi-off "));
	assert_true(f->companion.live);
	assert_int_equal(world_counter(f->world, "handovers"), 1);
}

static void test_session_lost(void **state) {
	struct fixture *f = *state;
	start(f);
	companion_free(&f->companion);
	WAIT_FOR(f->world, 5, f->closed);
	WAIT_FOR(f->world, 5, strcmp(world_property(f->world, "Wifi"), "off") == 0);
}

/* A renewed session keeps the Wi-Fi, and what flows over it. */
static void test_survives_renewal(void **state) {
	struct fixture *f = *state;
	start(f);
	f->world->recorder.recording[0].size = UINT64_C(1) << 40;
	struct slice *slice = ask(f, 1, 0, 0, 0);
	WAIT_FOR(f->world, 5, slice->received > 100000);
	struct companion second = f->companion;
	companion_init(&second, f->world);
	second.keys = f->companion.keys;
	second.record = f->companion.record;
	companion_session(&second);
	WAIT_FOR(f->world, 5, f->companion.closed);
	uint64_t before = slice->received;
	WAIT_FOR(f->world, 5, slice->received > before + 1000000);
	lanyard_Request request = { .which_body = lanyard_Request_wifi_stop_tag };
	assert_int_equal(companion_ask(&second, &request)->reason, 0);
	WAIT_FOR(f->world, 5, f->closed);
	assert_int_equal(second.wifi.mode, lanyard_WifiMode_WIFI_OFF);
	companion_free(&second);
}

static void test_idle(void **state) {
	struct fixture *f = *state;
	f->world->settings.idle_s = 1;
	start(f);
	f->world->recorder.recording[0].size = UINT64_C(1) << 40;
	struct slice *slice = ask(f, 1, 0, 0, 0);
	uint64_t until_us = world_now_us() + 2500 * MILLISECOND_US;
	while (world_now_us() < until_us)
		assert_true(sd_event_run(f->world->event, 100000) >= 0);
	assert_true(f->live); /* in use */
	send_media(f, (lanyard_MediaRequest){ .id = 1, .cancel = true });
	WAIT_FOR(f->world, 5, slice->ended);
	WAIT_FOR(f->world, 3, f->companion.wifi.mode == lanyard_WifiMode_WIFI_OFF);
	assert_int_equal(f->companion.wifi.reason, REASON_WIFI_IDLE);
}

/* Nobody listens where the companion says it does. */
static void test_dial_refused(void **state) {
	struct fixture *f = *state;
	world_start(f->world);
	companion_session(&f->companion);
	assert_int_equal(say_joined(f), REASON_WIFI_OFF);
	assert_int_equal(start_access_point(f), REASON_OK);
	assert_int_equal(say_joined(f), REASON_DIAL_FAILED);
	WAIT_FOR(f->world, 5, f->companion.wifi.mode == lanyard_WifiMode_WIFI_OFF);
	assert_int_equal(f->companion.wifi.reason, REASON_DIAL_FAILED);
	assert_int_equal(world_counter(f->world, "handover-failures"), 1);
	/* An address that is none of this network. */
	assert_int_equal(start_access_point(f), REASON_OK);
	lanyard_Request request = { .which_body = lanyard_Request_access_point_joined_tag };
	request.body.access_point_joined.address.size = 16;
	request.body.access_point_joined.port = 80;
	assert_int_equal(companion_ask(&f->companion, &request)->reason, REASON_REQUEST_INVALID);
	assert_int_equal(f->companion.wifi.mode, lanyard_WifiMode_WIFI_OFF);
	listen_for_camera(f);
	open_media(f);
}

static void test_station(void **state) {
	struct fixture *f = *state;
	listen_for_camera(f);
	world_start(f->world);
	companion_session(&f->companion);
	lanyard_Request request = { .which_body = lanyard_Request_station_start_tag };
	lanyard_StationStart *body = &request.body.station_start;
	body->ssid.size = 3;
	memcpy(body->ssid.bytes, "car", 3);
	strcpy(body->passphrase, "long enough");
	body->address.size = 16;
	memcpy(body->address.bytes, &in6addr_loopback, 16);
	body->port = 1;
	body->media_psk.size = KEY_SIZE;
	memset(body->media_psk.bytes, 9, KEY_SIZE);
	memset(f->media_psk, 9, KEY_SIZE);
	lanyard_Request bad = request;
	strcpy(bad.body.station_start.passphrase, "short");
	assert_int_equal(companion_ask(&f->companion, &bad)->reason, REASON_REQUEST_INVALID);
	bad = request;
	bad.body.station_start.psk.size = 32; /* both */
	assert_int_equal(companion_ask(&f->companion, &bad)->reason, REASON_REQUEST_INVALID);
	bad = request;
	bad.body.station_start.media_psk.size = 31;
	assert_int_equal(companion_ask(&f->companion, &bad)->reason, REASON_REQUEST_INVALID);
	assert_int_equal(companion_ask(&f->companion, &request)->reason, 0);
	WAIT_FOR(f->world, 5, f->live && f->companion.wifi.mode == lanyard_WifiMode_WIFI_MEDIA_READY);
	struct slice *slice = ask(f, 1, 0, 0, 0);
	WAIT_FOR(f->world, 5, slice->ended);
	assert_int_equal(slice->end, REASON_OK);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole_recording, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interleaved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recorder_dies_in_the_middle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sixteen_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_breaches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_session_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_survives_renewal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dial_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_station, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
