/* A camera for the companion's tests, on the test link (docs/test-link.md): the real protocol from wire/ and pairing/, made-up
 * recordings, and faults on demand. Commands are lines on standard input, what happens is lines on standard output:
 *
 *   window open|closed     may a pairing begin?           confirm | reject    the person's answer to the code
 *   drop                   end the session                media drop          end the media channel
 *   silent on|off          requests are not answered      full on|off         tags fail with disk-full
 *   forget                 the pairing is gone            event               a recording changed
 *   damage ID|off          this recording breaks in the middle
 *   wifi off REASON        the access point goes down (number of base/reason.h)
 *   deaf NUMBER            so many times the companion cannot be reached over Wi-Fi
 *   malformed              sends bytes that are no message
 *   ending NUMBER          so many links are closed as soon as they are there
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/random.h"
#include "crypto/crypto.h"
#include "link/listen.h"
#include "proto/codec.h"
#include "slate/log.h"
#include "wire/wire.h"

#define RECORDINGS 23
#define LINKS 8
#define MEDIA_REQUESTS 16
#define THUMBNAIL_SIZE 7000

struct media_task {
	uint32_t id;
	unsigned recording;
	uint64_t at, end;
};

struct link {
	struct camera *camera;
	struct wire *wire;
};

struct camera {
	sd_event *event;
	const char *path;
	struct listener *listener;
	struct static_keys keys;
	struct pairing_record pairing;
	bool paired, window, silent, full, wifi;
	unsigned ending; /* links that are closed as soon as they are there, as on a radio connection that is about to end */
	int damaged;
	unsigned deaf;
	struct link links[LINKS];
	struct link *session, *pairing_link;
	struct wire *media;
	sd_event_source *media_timer;
	uint8_t media_psk[KEY_SIZE];
	struct media_task task[MEDIA_REQUESTS];
	lanyard_Tag tag[RECORDINGS];
	uint32_t tag_revision[RECORDINGS];
	uint8_t last_operation[16];
	bool recording, unsigned_head;
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}

/* --- recordings: the newest is number RECORDINGS - 1 --- */

static uint64_t size_of(unsigned number) {
	return number == 0 ? 1 : 100000ull * number + number; /* the largest is over two of the companion's buffers */
}

static uint8_t byte_of(unsigned number, uint64_t position) {
	return (uint8_t)(number * 59 + position * 31 + (position >> 8) * 7 + (position >> 16));
}

static void id_of(unsigned number, char out[33]) {
	snprintf(out, 33, "%032x", 0xabc000 + number);
}

static int number_of(const char *id) {
	char known[33];
	for (unsigned i = 0; i < RECORDINGS; i++) {
		id_of(i, known);
		if (strcmp(id, known) == 0)
			return (int)i;
	}
	return -1;
}

static void describe(const struct camera *camera, unsigned number, lanyard_Recording *out) {
	*out = (lanyard_Recording)lanyard_Recording_init_zero;
	id_of(number, out->id);
	out->started_us = 1700000000000000ull + number * 60000000ull;
	out->duration_ms = 1000 * number;
	out->size = size_of(number);
	out->state = lanyard_RecordingState_RECORDING_COMPLETE;
	strcpy(out->reason, number % 2 ? "manual" : "signal:light-bar");
	out->tag = camera->tag[number];
	out->has_tag = true;
	out->tag_revision = camera->tag_revision[number];
	out->thumbnail_size = THUMBNAIL_SIZE;
	struct sha256_state *hash;
	if (sha256_new(&hash) < 0)
		abort();
	static uint8_t bytes[4096];
	for (uint64_t at = 0; at < size_of(number);) {
		size_t length = 0;
		for (; length < sizeof(bytes) && at < size_of(number); at++)
			bytes[length++] = byte_of(number, at);
		sha256_update(hash, bytes, length);
	}
	out->sha256.size = 32;
	sha256_peek(hash, out->sha256.bytes);
	sha256_free(hash);
}

/* --- media --- */

static void media_say(struct camera *camera, lanyard_MediaMessage *message) {
	uint8_t bytes[64];
	size_t length;
	if (codec_encode_media(message, bytes, sizeof(bytes), &length) < 0)
		abort();
	wire_send(camera->media, bytes, length);
}

static void media_say_end(struct camera *camera, uint32_t id, enum reason reason) {
	lanyard_MediaMessage message = { .which_kind = lanyard_MediaMessage_end_tag };
	message.kind.end = (lanyard_MediaEnd){ .id = id, .reason = (uint32_t)reason };
	media_say(camera, &message);
}

/* One frame of each open request, as long as the link takes them. */
static int on_media_timer(sd_event_source *source, uint64_t time_us, void *context) {
	(void)time_us;
	struct camera *camera = context;
	bool more = false;
	for (size_t i = 0; i < MEDIA_REQUESTS && camera->media; i++) {
		struct media_task *task = &camera->task[i];
		if (task->id == 0)
			continue;
		static uint8_t frame[MEDIA_DATA_HEADER_SIZE + 60000];
		bool damaged = camera->damaged == (int)task->recording && task->at >= size_of(task->recording) / 2;
		if (task->at == task->end || damaged) {
			media_say_end(camera, task->id, damaged ? REASON_RECORDING_DAMAGED : REASON_OK);
			task->id = 0;
			continue;
		}
		more = true;
		if (wire_room(camera->media) < 2 * sizeof(frame))
			continue;
		size_t length = 0;
		codec_media_data_header(frame, task->id);
		for (; length < 60000 && task->at < task->end; task->at++)
			frame[MEDIA_DATA_HEADER_SIZE + length++] = byte_of(task->recording, task->at);
		wire_send(camera->media, frame, MEDIA_DATA_HEADER_SIZE + length);
	}
	sd_event_source_set_time_relative(source, 1000);
	sd_event_source_set_enabled(source, more ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	return 0;
}

static void on_media_message(void *context, const uint8_t *bytes, size_t length) {
	struct camera *camera = context;
	lanyard_MediaMessage message;
	if (codec_decode_media(bytes, length, &message) < 0 || message.which_kind != lanyard_MediaMessage_request_tag)
		abort(); /* the companion under test is wrong */
	const lanyard_MediaRequest *request = &message.kind.request;
	struct media_task *task = NULL, *free_task = NULL;
	for (size_t i = 0; i < MEDIA_REQUESTS; i++) {
		if (camera->task[i].id == request->id)
			task = &camera->task[i];
		if (camera->task[i].id == 0)
			free_task = &camera->task[i];
	}
	if (request->cancel) {
		if (task)
			task->id = 0;
		media_say_end(camera, request->id, REASON_CANCELLED);
		return;
	}
	if (!free_task)
		abort(); /* more than 16 at once */
	int number = number_of(request->recording_id);
	lanyard_MediaMessage head = { .which_kind = lanyard_MediaMessage_head_tag, .kind.head.id = request->id };
	if (number < 0) {
		head.kind.head.reason = REASON_NOT_FOUND;
	} else {
		head.kind.head.total = size_of((unsigned)number);
		if (request->offset >= head.kind.head.total)
			head.kind.head.reason = REASON_REQUEST_INVALID;
	}
	media_say(camera, &head);
	if (head.kind.head.reason != REASON_OK)
		return;
	uint64_t left = head.kind.head.total - request->offset;
	*free_task = (struct media_task){ .id = request->id, .recording = (unsigned)number, .at = request->offset };
	free_task->end = request->offset + (request->length > 0 && request->length < left ? request->length : left);
	sd_event_source_set_time_relative(camera->media_timer, 0);
	sd_event_source_set_enabled(camera->media_timer, SD_EVENT_ONESHOT);
}

static void media_down(struct camera *camera) {
	wire_free(camera->media);
	camera->media = NULL;
	memset(camera->task, 0, sizeof(camera->task));
	camera->wifi = false;
}

static void on_media_live(void *context) {
	(void)context;
	say("media live");
}

static void on_media_closed(void *context, enum reason reason) {
	say("media closed %s", reason_code(reason));
	media_down(context);
}

static const struct wire_callbacks media_handlers = {
	.live = on_media_live,
	.message = on_media_message,
	.closed = on_media_closed,
};

static enum reason media_dial(struct camera *camera) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s.media", camera->path);
	int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (file < 0 || connect(file, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if (file >= 0)
			close(file);
		return REASON_DIAL_FAILED;
	}
	struct wire_config config = {
		.camera = true,
		.kind = CHANNEL_MEDIA,
		.keys = &camera->keys,
		.pairing = &camera->pairing,
		.media_psk = camera->media_psk,
		.name = "FAKE-0001",
		.queue_limit = 1 << 20,
	};
	return wire_new(&camera->media, camera->event, file, &config, &media_handlers, camera) < 0 ? REASON_INTERNAL : REASON_OK;
}

/* --- session --- */

static void send_message(struct camera *camera, const lanyard_Message *message) {
	uint8_t bytes[CODEC_MESSAGE_LIMIT];
	size_t length;
	if (codec_encode(message, bytes, sizeof(bytes), &length) < 0)
		abort();
	if (camera->session)
		wire_send(camera->session->wire, bytes, length);
}

static void fill_status(const struct camera *camera, lanyard_StatusResponse *status) {
	strcpy(status->serial, "FAKE-0001");
	strcpy(status->model, "Fake camera");
	status->recorder = camera->recording ? lanyard_RecorderState_RECORDER_EVENT : lanyard_RecorderState_RECORDER_BUFFERING;
	status->free_bytes = 1234567890;
	status->battery_percent = 87;
	status->time_us = 1700000000000000ull;
	strcpy(status->firmware, "0.0");
}

static void answer_list(const struct camera *camera, const lanyard_ListRequest *request, lanyard_Response *response) {
	int before = *request->before_id ? number_of(request->before_id) : RECORDINGS;
	if (before < 0) {
		response->reason = REASON_NOT_FOUND;
		return;
	}
	response->which_body = lanyard_Response_list_tag;
	lanyard_ListResponse *list = &response->body.list;
	for (int i = before - 1; i >= 0 && list->recordings_count < request->limit; i--)
		describe(camera, (unsigned)i, &list->recordings[list->recordings_count++]);
	list->more = before - (int)list->recordings_count > 0;
}

static void answer_thumbnail(const lanyard_ThumbnailRequest *request, lanyard_Response *response) {
	int number = number_of(request->id);
	if (number < 0 || request->offset > THUMBNAIL_SIZE) {
		response->reason = REASON_NOT_FOUND;
		return;
	}
	response->which_body = lanyard_Response_thumbnail_tag;
	lanyard_ThumbnailResponse *part = &response->body.thumbnail;
	part->total = THUMBNAIL_SIZE;
	while (part->data.size < sizeof(part->data.bytes) && request->offset + part->data.size < THUMBNAIL_SIZE) {
		part->data.bytes[part->data.size] = byte_of((unsigned)number, request->offset + part->data.size);
		part->data.size++;
	}
}

static void answer_tag(struct camera *camera, const lanyard_Request *request, lanyard_Response *response) {
	int number = number_of(request->body.tag.id);
	if (number < 0 || camera->full) {
		response->reason = number < 0 ? REASON_NOT_FOUND : REASON_DISK_FULL;
		return;
	}
	if (memcmp(request->operation.bytes, camera->last_operation, 16) != 0) {
		memcpy(camera->last_operation, request->operation.bytes, 16);
		camera->tag[number] = request->body.tag.tag;
		camera->tag_revision[number]++;
	}
	response->which_body = lanyard_Response_tag_tag;
	id_of((unsigned)number, response->body.tag.id);
	response->body.tag.revision = camera->tag_revision[number];
	response->body.tag.time_us = 1700000001000000ull;
}

static void answer_start(struct camera *camera, lanyard_Response *response) {
	random_system()->fill(NULL, camera->media_psk, KEY_SIZE);
	camera->wifi = true;
	response->which_body = lanyard_Response_access_point_up_tag;
	lanyard_AccessPointUp *up = &response->body.access_point_up;
	up->ssid.size = 16;
	memcpy(up->ssid.bytes, "ABCDEFGHIJKLMNOP", 16);
	up->psk.size = up->media_psk.size = 32;
	memcpy(up->media_psk.bytes, camera->media_psk, 32);
	up->bssid.size = 6;
	up->frequency_mhz = 2412;
}

/* Of a log that nobody else has, under a key of the test; with "unsigned on" one bit of what was signed is changed. */
static void answer_slate_head(const struct camera *camera, lanyard_Response *response) {
	static const uint8_t seed[ED25519_SEED_SIZE] = { 1, 2, 3 };
	struct slate_head head = { .log_id = { 0xab }, .entries = 5, .time_us = 1700000000000000, .chain = { 0xcd } };
	lanyard_SlateHeadResponse *body = &response->body.slate_head;
	slate_head_sign(&head, seed);
	head.chain[31] ^= camera->unsigned_head;
	response->which_body = lanyard_Response_slate_head_tag;
	body->entries = head.entries;
	body->time_us = head.time_us;
	body->log_id.size = sizeof(head.log_id);
	memcpy(body->log_id.bytes, head.log_id, sizeof(head.log_id));
	body->chain.size = sizeof(head.chain);
	memcpy(body->chain.bytes, head.chain, sizeof(head.chain));
	body->public_key.size = sizeof(head.public_key);
	memcpy(body->public_key.bytes, head.public_key, sizeof(head.public_key));
	body->signature.size = sizeof(head.signature);
	memcpy(body->signature.bytes, head.signature, sizeof(head.signature));
}

static void answer(struct camera *camera, const lanyard_Request *request) {
	lanyard_Message message = { .which_kind = lanyard_Message_response_tag };
	lanyard_Response *response = &message.kind.response;
	response->id = request->id;
	switch (request->which_body) {
	case lanyard_Request_status_tag:
		response->which_body = lanyard_Response_status_tag;
		fill_status(camera, &response->body.status);
		break;
	case lanyard_Request_record_tag:
		camera->recording = request->body.record.start;
		break;
	case lanyard_Request_slate_head_tag:
		answer_slate_head(camera, response);
		break;
	case lanyard_Request_list_tag:
		answer_list(camera, &request->body.list, response);
		break;
	case lanyard_Request_thumbnail_tag:
		answer_thumbnail(&request->body.thumbnail, response);
		break;
	case lanyard_Request_tag_tag:
		answer_tag(camera, request, response);
		break;
	case lanyard_Request_access_point_start_tag:
		answer_start(camera, response);
		break;
	case lanyard_Request_access_point_joined_tag:
		if (camera->deaf > 0) {
			camera->deaf--;
			response->reason = REASON_DIAL_FAILED;
			say("deaf");
		} else {
			response->reason = (uint32_t)media_dial(camera);
		}
		break;
	case lanyard_Request_wifi_stop_tag:
		say("wifi stop");
		media_down(camera);
		break;
	default:
		response->reason = REASON_REQUEST_UNKNOWN;
	}
	send_message(camera, &message);
}

static void drop_link(struct link *link) {
	struct camera *camera = link->camera;
	wire_free(link->wire);
	link->wire = NULL;
	if (camera->pairing_link == link)
		camera->pairing_link = NULL;
	if (camera->session == link) {
		camera->session = NULL;
		media_down(camera);
	}
}

/* --- links --- */

static enum reason on_pairing_begin(void *context) {
	struct link *link = context;
	if (!link->camera->window)
		return REASON_PAIRING_CLOSED;
	link->camera->pairing_link = link;
	return REASON_OK;
}

static void on_code(void *context, uint32_t code) {
	(void)context;
	say("code %06u", (unsigned)code);
}

static int on_commit(void *context, const struct pairing_record *record) {
	struct camera *camera = ((struct link *)context)->camera;
	camera->pairing = *record;
	camera->paired = true;
	return 0;
}

static void on_live(void *context) {
	struct link *link = context;
	struct camera *camera = link->camera;
	if (wire_kind(link->wire) == CHANNEL_PAIRING) {
		say("paired %s", camera->pairing.peer_name);
		return; /* the companion closes */
	}
	struct link *old = camera->session;
	camera->session = link;
	if (old)
		drop_link(old); /* renewed: the Wi-Fi goes on */
	say("session live");
}

static void on_message(void *context, const uint8_t *bytes, size_t length) {
	struct link *link = context;
	lanyard_Message message;
	if (codec_decode(bytes, length, &message) < 0 || message.which_kind != lanyard_Message_request_tag)
		abort(); /* the companion under test is wrong */
	say("request %u", (unsigned)message.kind.request.which_body);
	if (link->camera->session == link && !link->camera->silent)
		answer(link->camera, &message.kind.request);
}

static void on_closed(void *context, enum reason reason) {
	struct link *link = context;
	say("closed %s", reason_code(reason));
	drop_link(link);
}

static const struct wire_callbacks link_handlers = {
	.pairing_begin = on_pairing_begin,
	.code = on_code,
	.commit = on_commit,
	.live = on_live,
	.message = on_message,
	.closed = on_closed,
};

static void on_accepted(void *context, int file) {
	struct camera *camera = context;
	if (camera->ending > 0) {
		camera->ending--;
		close(file);
		return;
	}
	for (size_t i = 0; i < LINKS; i++) {
		if (camera->links[i].wire)
			continue;
		camera->links[i].camera = camera;
		struct wire_config config = {
			.camera = true,
			.kind = CHANNEL_SESSION,
			.keys = &camera->keys,
			.pairing = camera->paired ? &camera->pairing : NULL,
			.name = "FAKE-0001",
		};
		wire_new(&camera->links[i].wire, camera->event, file, &config, &link_handlers, &camera->links[i]);
		return;
	}
	close(file);
}

static void on_listen_failed(void *context, enum reason reason) {
	(void)context;
	(void)reason;
	abort();
}

static const struct listener_callbacks listener_handlers = { .accepted = on_accepted, .failed = on_listen_failed };

/* --- commands --- */

static void send_event(struct camera *camera, const lanyard_Event *event) {
	lanyard_Message message = { .which_kind = lanyard_Message_event_tag, .kind.event = *event };
	send_message(camera, &message);
}

static void command(struct camera *camera, const char *line) {
	unsigned number;
	char id[64];
	if (strcmp(line, "window open") == 0 || strcmp(line, "window closed") == 0) {
		camera->window = strcmp(line, "window open") == 0;
	} else if (strcmp(line, "confirm") == 0 || strcmp(line, "reject") == 0) {
		if (camera->pairing_link)
			wire_confirm(camera->pairing_link->wire, strcmp(line, "confirm") == 0);
	} else if (strcmp(line, "drop") == 0) {
		if (camera->session)
			drop_link(camera->session);
	} else if (strcmp(line, "media drop") == 0) {
		wire_free(camera->media);
		camera->media = NULL;
	} else if (strcmp(line, "silent on") == 0 || strcmp(line, "silent off") == 0) {
		camera->silent = strcmp(line, "silent on") == 0;
	} else if (strcmp(line, "full on") == 0 || strcmp(line, "full off") == 0) {
		camera->full = strcmp(line, "full on") == 0;
	} else if (strcmp(line, "unsigned on") == 0 || strcmp(line, "unsigned off") == 0) {
		camera->unsigned_head = strcmp(line, "unsigned on") == 0;
	} else if (strcmp(line, "forget") == 0) {
		camera->paired = false;
	} else if (strcmp(line, "event") == 0) {
		lanyard_Event event = { .which_body = lanyard_Event_recording_tag };
		event.body.recording.has_recording = true;
		describe(camera, 3, &event.body.recording.recording);
		send_event(camera, &event);
	} else if (sscanf(line, "wifi off %u", &number) == 1) {
		lanyard_Event event = { .which_body = lanyard_Event_wifi_tag };
		event.body.wifi.reason = number;
		send_event(camera, &event);
		media_down(camera);
	} else if (sscanf(line, "damage %63s", id) == 1) {
		camera->damaged = number_of(id);
	} else if (sscanf(line, "deaf %u", &number) == 1) {
		camera->deaf = number;
	} else if (sscanf(line, "ending %u", &number) == 1) {
		camera->ending = number;
	} else if (strcmp(line, "malformed") == 0) {
		if (camera->session)
			wire_send(camera->session->wire, "\xff\xff\xff", 3);
	} else {
		say("unknown command: %s", line);
		return;
	}
	say("done %s", line);
}

static int on_input(sd_event_source *source, int file, uint32_t events, void *context) {
	(void)source;
	(void)file;
	(void)events;
	struct camera *camera = context;
	static char line[256];
	static size_t length;
	char c;
	ssize_t got;
	while ((got = read(STDIN_FILENO, &c, 1)) == 1) {
		if (c != '\n' && length < sizeof(line) - 1) {
			line[length++] = c;
			continue;
		}
		line[length] = '\0';
		length = 0;
		command(camera, line);
	}
	return got == 0 ? sd_event_exit(camera->event, 0) : 0;
}

int main(int count, char **arguments) {
	if (count != 2 || crypto_start() < 0)
		return EXIT_FAILURE;
	static struct camera camera;
	camera.path = arguments[1];
	camera.damaged = -1;
	static_keys_make(&camera.keys, random_system());
	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	if (sd_event_new(&camera.event) < 0 ||
	    listener_new_unix(&camera.listener, camera.event, camera.path, &listener_handlers, &camera) < 0 ||
	    sd_event_add_time(camera.event, &camera.media_timer, CLOCK_BOOTTIME, UINT64_MAX, 100, on_media_timer, &camera) < 0 ||
	    sd_event_add_io(camera.event, NULL, STDIN_FILENO, EPOLLIN, on_input, &camera) < 0)
		return EXIT_FAILURE;
	say("ready");
	int result = sd_event_loop(camera.event);
	for (size_t i = 0; i < LINKS; i++)
		wire_free(camera.links[i].wire);
	media_down(&camera);
	listener_free(camera.listener);
	sd_event_source_unref(camera.media_timer);
	sd_event_unref(camera.event);
	return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
