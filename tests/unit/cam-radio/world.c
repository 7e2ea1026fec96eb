#include "world.h"

#include <fcntl.h>
#include <linux/input.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "cam-radio/keyring.h"

#define CAMERA_NAME "org.lanyard.Camera"
#define CAMERA_PATH "/org/lanyard/Camera1"
#define CAMERA_INTERFACE "org.lanyard.Camera1"

uint64_t world_now_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * SECOND_US + (uint64_t)now.tv_nsec / 1000;
}

void world_settle(struct world *w) {
	while (sd_event_run(w->event, 20000) > 0)
		;
}

/* --- life --- */

static void append(char *list, size_t capacity, const char *word) {
	size_t length = strlen(list);
	snprintf(list + length, capacity - length, "%s ", word);
}

static int on_feedback(sd_bus_message *m, void *context, sd_bus_error *error) {
	(void)error;
	struct world *w = context;
	const char *kind;
	assert_true(sd_bus_message_read(m, "s", &kind) > 0);
	append(w->feedback, sizeof(w->feedback), kind);
	return 0;
}

static int on_changes(sd_bus_message *m, void *context, sd_bus_error *error) {
	(void)error;
	struct world *w = context;
	const char *interface, *name;
	assert_true(sd_bus_message_read(m, "s", &interface) > 0);
	assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") >= 0);
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		assert_true(sd_bus_message_read(m, "s", &name) > 0);
		append(w->changes, sizeof(w->changes), name);
		assert_true(sd_bus_message_skip(m, "v") >= 0);
		assert_true(sd_bus_message_exit_container(m) >= 0);
	}
	return 0;
}

struct world *world_new(void) {
	struct world *w = calloc(1, sizeof(*w));
	assert_non_null(w);
	assert_true(sd_event_new(&w->event) >= 0);
	strcpy(w->folder, "/tmp/camera-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	snprintf(w->state, sizeof(w->state), "%s/state", w->folder);
	bus_daemon_start(&w->bus_daemon);
	w->client = bus_daemon_connect(&w->bus_daemon, w->event);
	assert_true(sd_bus_match_signal(w->client, &w->feedback_match, NULL, CAMERA_PATH, CAMERA_INTERFACE, "Feedback",
	                                on_feedback, w) >= 0);
	assert_true(sd_bus_match_signal(w->client, &w->changes_match, NULL, CAMERA_PATH, "org.freedesktop.DBus.Properties",
	                                "PropertiesChanged", on_changes, w) >= 0);
	fake_recorder_init(&w->recorder, w->event, &w->bus_daemon);
	fake_recorder_run(&w->recorder);

	snprintf(w->settings.test_buttons, sizeof(w->settings.test_buttons), "%s/buttons", w->folder);
	assert_int_equal(mkfifo(w->settings.test_buttons, 0600), 0);
	w->buttons = open(w->settings.test_buttons, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(w->buttons >= 0);
	snprintf(w->settings.link_socket, sizeof(w->settings.link_socket), "%s/link", w->folder);
	strcpy(w->settings.serial, "CAM-1");
	strcpy(w->settings.model, "Test camera");
	w->settings.event_key = KEY_RECORD;
	w->settings.function_key = KEY_MENU;
	w->settings.ap_frequency = 2437;
	w->settings.idle_s = 60;
	w->settings.epoch_s = EPOCH_SECONDS;
	w->settings.bluetooth_enabled = true;
	w->settings.may_start_recording = w->settings.may_set_lights = w->settings.may_set_sounds = true;
	return w;
}

void world_start(struct world *w) {
	w->camera_bus = bus_daemon_connect(&w->bus_daemon, w->event);
	assert_int_equal(daemon_new(&w->daemon, w->event, w->camera_bus, &w->settings, w->state, NULL), 0);
	world_settle(w);
}

void world_stop(struct world *w) {
	daemon_free(w->daemon);
	w->daemon = NULL;
	w->camera_bus = sd_bus_flush_close_unref(w->camera_bus);
}

void world_free(struct world *w) {
	world_stop(w);
	fake_recorder_die(&w->recorder);
	sd_bus_slot_unref(w->feedback_match);
	sd_bus_slot_unref(w->changes_match);
	sd_bus_flush_close_unref(w->client);
	bus_daemon_stop(&w->bus_daemon);
	sd_event_unref(w->event);
	close(w->buttons);
	char command[64];
	snprintf(command, sizeof(command), "rm -rf %s", w->folder);
	assert_int_equal(system(command), 0);
	free(w);
}

/* --- buttons --- */

void world_key(struct world *w, unsigned key, bool down, uint64_t ago_us) {
	uint64_t time_us = world_now_us() - ago_us;
	struct input_event event = { .type = EV_KEY, .code = (unsigned short)key, .value = down };
	event.input_event_sec = (time_t)(time_us / SECOND_US);
	event.input_event_usec = (suseconds_t)(time_us % SECOND_US);
	assert_int_equal(write(w->buttons, &event, sizeof(event)), sizeof(event));
}

void world_open_window(struct world *w) {
	size_t seen = strlen(w->feedback);
	world_key(w, w->settings.event_key, true, 0);
	world_key(w, w->settings.function_key, true, 0);
	WAIT_FOR(w, 5, strstr(w->feedback + seen, "window-open "));
	world_key(w, w->settings.event_key, false, 0);
	world_key(w, w->settings.function_key, false, 0);
	/* The gate takes the next press only after the bounce time; this waits for both to be seen released. */
	WAIT_FOR(w, 2, strstr(world_property(w, "Buttons"), "event=0 function=0 "));
}

void world_click(struct world *w, unsigned key) {
	world_key(w, key, true, 100 * MILLISECOND_US);
	world_key(w, key, false, 0);
}

/* --- D-Bus --- */

struct reply {
	bool done;
	int result;
	char error[128];
	sd_bus_message *message;
};

static int on_reply(sd_bus_message *m, void *context, sd_bus_error *error) {
	(void)error;
	struct reply *reply = context;
	reply->done = true;
	const sd_bus_error *failure = sd_bus_message_get_error(m);
	if (failure) {
		reply->result = -sd_bus_error_get_errno(failure);
		snprintf(reply->error, sizeof(reply->error), "%s", failure->name);
	}
	reply->message = sd_bus_message_ref(m);
	return 0;
}

const char *world_property(struct world *w, const char *name) {
	static char text[2048];
	struct reply reply = { .done = false };
	assert_true(sd_bus_call_method_async(w->client, NULL, CAMERA_NAME, CAMERA_PATH, "org.freedesktop.DBus.Properties", "Get",
	                                     on_reply, &reply, "ss", CAMERA_INTERFACE, name) >= 0);
	WAIT_FOR(w, 5, reply.done);
	assert_int_equal(reply.result, 0);
	const char *contents;
	assert_true(sd_bus_message_peek_type(reply.message, NULL, &contents) > 0);
	assert_true(sd_bus_message_enter_container(reply.message, 'v', contents) > 0);
	text[0] = '\0';
	if (strcmp(contents, "s") == 0) {
		const char *value;
		assert_true(sd_bus_message_read(reply.message, "s", &value) > 0);
		snprintf(text, sizeof(text), "%s", value);
	} else if (strcmp(contents, "b") == 0) {
		int value;
		assert_true(sd_bus_message_read(reply.message, "b", &value) > 0);
		snprintf(text, sizeof(text), "%s", value ? "true" : "false");
	} else {
		assert_true(sd_bus_message_enter_container(reply.message, 'a', contents + 1) > 0);
		char entry[3] = { contents[2], contents[3], '\0' };
		while (sd_bus_message_enter_container(reply.message, 'e', entry) > 0) {
			const char *key;
			uint64_t number = 0;
			int truth;
			assert_true(sd_bus_message_read(reply.message, "s", &key) > 0);
			if (entry[1] == 'b') {
				assert_true(sd_bus_message_read(reply.message, "b", &truth) > 0);
				number = (uint64_t)truth;
			} else {
				assert_true(sd_bus_message_read(reply.message, "t", &number) > 0);
			}
			size_t length = strlen(text);
			snprintf(text + length, sizeof(text) - length, "%s=%llu ", key, (unsigned long long)number);
			assert_true(sd_bus_message_exit_container(reply.message) >= 0);
		}
	}
	sd_bus_message_unref(reply.message);
	return text;
}

uint64_t world_counter(struct world *w, const char *name) {
	char wanted[64];
	snprintf(wanted, sizeof(wanted), "%s=", name);
	const char *text = world_property(w, "Counters"), *at = text;
	while ((at = strstr(at, wanted)) && at != text && at[-1] != ' ')
		at++;
	if (!at)
		fail_msg("no counter %s", name);
	return at ? strtoull(at + strlen(wanted), NULL, 10) : 0;
}

int world_forget(struct world *w, char ret_error[128]) {
	struct reply reply = { .done = false };
	assert_true(sd_bus_call_method_async(w->client, NULL, CAMERA_NAME, CAMERA_PATH, CAMERA_INTERFACE, "Forget", on_reply,
	                                     &reply, NULL) >= 0);
	WAIT_FOR(w, 5, reply.done);
	sd_bus_message_unref(reply.message);
	if (ret_error)
		memcpy(ret_error, reply.error, sizeof(reply.error));
	return reply.result;
}

int world_slate_head(struct world *w, char ret_head[SLATE_HEAD_TEXT], char ret_error[128]) {
	struct reply reply = { .done = false };
	const char *head;
	assert_true(sd_bus_call_method_async(w->client, NULL, CAMERA_NAME, CAMERA_PATH, CAMERA_INTERFACE, "SlateHead", on_reply,
	                                     &reply, NULL) >= 0);
	WAIT_FOR(w, 5, reply.done);
	if (reply.result == 0) {
		assert_true(sd_bus_message_read(reply.message, "s", &head) > 0);
		snprintf(ret_head, SLATE_HEAD_TEXT, "%s", head);
	}
	sd_bus_message_unref(reply.message);
	memcpy(ret_error, reply.error, sizeof(reply.error));
	return reply.result;
}

/* --- companions --- */

int world_connect(struct world *w) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	strcpy(address.sun_path, w->settings.link_socket);
	int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(file >= 0);
	assert_int_equal(connect(file, (const struct sockaddr *)&address, sizeof(address)), 0);
	return file;
}

static void on_code(void *context, uint32_t code) {
	struct companion *c = context;
	c->has_code = true;
	c->code = code;
	wire_confirm(c->wire, true); /* its person is quick */
}

static int on_commit(void *context, const struct pairing_record *record) {
	struct companion *c = context;
	if (c->refuse_commit)
		return -1;
	c->record = *record;
	c->paired = true;
	return 0;
}

static void on_live(void *context) {
	struct companion *c = context;
	c->live = true;
}

static void on_message(void *context, const uint8_t *bytes, size_t length) {
	struct companion *c = context;
	lanyard_Message message;
	assert_int_equal(codec_decode(bytes, length, &message), 0);
	c->messages++;
	if (message.which_kind == lanyard_Message_response_tag) {
		c->answer = message.kind.response;
		c->answers++;
		return;
	}
	assert_int_equal(message.which_kind, lanyard_Message_event_tag);
	const lanyard_Event *event = &message.kind.event;
	if (event->which_body == lanyard_Event_wifi_tag) {
		c->wifi_events++;
		c->wifi = event->body.wifi;
	} else if (event->which_body == lanyard_Event_status_tag) {
		c->status_events++;
		c->status = event->body.status;
	} else {
		assert_int_equal(event->which_body, lanyard_Event_recording_tag);
		c->recording_events++;
		c->recording = event->body.recording.recording;
	}
}

static void on_closed(void *context, enum reason reason) {
	struct companion *c = context;
	c->live = false;
	c->closed = true;
	c->reason = reason;
}

static const struct wire_callbacks wire_handlers = {
	.code = on_code,
	.commit = on_commit,
	.live = on_live,
	.message = on_message,
	.closed = on_closed,
};

void companion_init(struct companion *c, struct world *w) {
	*c = (struct companion){ .world = w };
	static_keys_make(&c->keys, random_system());
}

void companion_free(struct companion *c) {
	wire_free(c->wire);
	c->wire = NULL;
}

void companion_pair_on_disk(struct companion *c) {
	struct keyring *keyring;
	assert_int_equal(keyring_open(&keyring, c->world->state, file_layer_system(), random_system()), 0);
	struct pairing_record record = { .peer_name = "Companion" };
	memcpy(record.peer_key, c->keys.public, KEY_SIZE);
	random_system()->fill(random_system()->context, record.secret, KEY_SIZE);
	assert_int_equal(keyring_pair(keyring, &record), 0);
	c->record = (struct pairing_record){ .peer_name = "CAM-1" };
	memcpy(c->record.peer_key, keyring_keys(keyring)->public, KEY_SIZE);
	memcpy(c->record.secret, record.secret, KEY_SIZE);
	c->paired = true;
	keyring_free(keyring);
}

void companion_open(struct companion *c, enum channel_kind kind) {
	wire_free(c->wire);
	c->wire = NULL;
	c->live = c->closed = c->has_code = false;
	struct wire_config config = {
		.kind = kind,
		.keys = &c->keys,
		.pairing = kind == CHANNEL_PAIRING ? NULL : &c->record,
		.name = "Companion",
	};
	assert_int_equal(wire_new(&c->wire, c->world->event, world_connect(c->world), &config, &wire_handlers, c), 0);
}

void companion_session(struct companion *c) {
	uint64_t before = world_counter(c->world, "sessions") + world_counter(c->world, "sessions-renewed");
	companion_open(c, CHANNEL_SESSION);
	WAIT_FOR(c->world, 5,
	         c->live && world_counter(c->world, "sessions") + world_counter(c->world, "sessions-renewed") > before);
}

void companion_pair(struct companion *c) {
	struct world *w = c->world;
	world_open_window(w);
	companion_open(c, CHANNEL_PAIRING);
	WAIT_FOR(w, 5, c->has_code && strcmp(world_property(w, "Pairing"), "confirming") == 0);
	world_click(w, w->settings.event_key);
	WAIT_FOR(w, 5, c->live);
	companion_free(c);
}

uint32_t companion_send(struct companion *c, lanyard_Request *request) {
	lanyard_Message message = { .which_kind = lanyard_Message_request_tag };
	request->id = ++c->last_id;
	if (request->operation.size == 0) {
		request->operation.size = 16;
		random_system()->fill(random_system()->context, request->operation.bytes, 16);
	}
	message.kind.request = *request;
	uint8_t bytes[CODEC_MESSAGE_LIMIT];
	size_t length;
	assert_int_equal(codec_encode(&message, bytes, sizeof(bytes), &length), 0);
	assert_int_equal(wire_send(c->wire, bytes, length), 0);
	return request->id;
}

const lanyard_Response *companion_ask(struct companion *c, lanyard_Request *request) {
	size_t before = c->answers;
	uint32_t id = companion_send(c, request);
	WAIT_FOR(c->world, 15, c->answers > before || c->closed);
	assert_false(c->closed);
	assert_int_equal(c->answers, before + 1);
	assert_int_equal(c->answer.id, id);
	return &c->answer;
}
