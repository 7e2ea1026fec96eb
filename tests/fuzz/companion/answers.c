/* What a camera may say over a session: answers and events, right or wrong, to a list, a thumbnail, a tag, the head of its log
 * and its status, all asked for, and what the HTTP API makes of them. Input: messages with a length of two bytes before each,
 * whose highest bit says that the link was lost before. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "companion/http/present.h"
#include "companion/recordings.h"
#include "companion/requests.h"
#include "companion/session.h"

#define ID "0123456789abcdef0123456789abcdef"

/* The session's place: its queue alone. */
static struct requests *queue;
static lanyard_StatusResponse camera;

enum session_state session_state(const struct session *session) {
	(void)session;
	return SESSION_LIVE;
}

enum reason session_reason(const struct session *session) {
	(void)session;
	return REASON_OK;
}

const struct pairing_record *session_pairing(const struct session *session) {
	(void)session;
	return NULL;
}

const lanyard_StatusResponse *session_camera(const struct session *session) {
	(void)session;
	return &camera;
}

int session_request(struct session *session, lanyard_Request *request, enum requests_loss loss, uint64_t timeout_us,
                    requests_answer answer, void *context, uint32_t *ret_id) {
	(void)session;
	return requests_add(queue, request, loss, 1, timeout_us, answer, context, ret_id);
}

void session_cancel(struct session *session, uint32_t id) {
	(void)session;
	requests_cancel(queue, id);
}

/* As the API sends it: whole, valid JSON. */
static void show(json_t *value) {
	char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	if (!text)
		abort();
	free(text);
	json_decref(value);
}

static void on_list(void *context, enum reason reason, const lanyard_Recording *list, size_t count, bool more) {
	*(bool *)context = true;
	if (reason != REASON_OK && count > 0)
		abort();
	show(present_recordings(list, count, more));
}

static void on_thumbnail(void *context, enum reason reason, const uint8_t *jpeg, size_t length) {
	*(bool *)context = true;
	if ((reason == REASON_OK) != (jpeg && length > 0 && length <= THUMBNAIL_LIMIT))
		abort();
}

static void on_tag(void *context, enum reason reason, const lanyard_Response *response) {
	*(bool *)context = true;
	if (reason == REASON_OK)
		show(present_receipt(&response->body.tag));
}

static void on_head(void *context, enum reason reason, const lanyard_Response *response) {
	json_t *head = NULL;
	*(bool *)context = true;
	if (reason == REASON_OK && present_slate_head(&response->body.slate_head, &head) == REASON_OK)
		show(head);
}

static void on_status(void *context, enum reason reason, const lanyard_Response *response) {
	*(bool *)context = true;
	if (reason == REASON_OK)
		show(present_text(response->body.status.serial));
}

/* False when the session would end. */
static bool take(const uint8_t *bytes, size_t length) {
	lanyard_Message message;
	if (codec_decode(bytes, length, &message) < 0)
		return false;
	if (message.which_kind == lanyard_Message_response_tag)
		requests_take_answer(queue, &message.kind.response);
	else if (message.which_kind == lanyard_Message_event_tag && message.kind.event.which_body == lanyard_Event_recording_tag)
		show(present_recording(&message.kind.event.body.recording.recording));
	return message.which_kind != lanyard_Message_request_tag;
}

static void pump(void) {
	size_t length;
	while (requests_next(queue, &length))
		if (length == 0 || length > CODEC_MESSAGE_LIMIT)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	bool done[5] = { false };
	struct recordings_job *list = NULL, *thumbnail = NULL;
	lanyard_Request tag = { .which_body = lanyard_Request_tag_tag }, head = { .which_body = lanyard_Request_slate_head_tag },
	                status = { .which_body = lanyard_Request_status_tag };
	queue = requests_new(random_system());
	struct recordings *recordings = recordings_new(NULL);
	if (!queue || !recordings || recordings_list(&list, recordings, "", 10, on_list, &done[0]) < 0 ||
	    recordings_thumbnail(&thumbnail, recordings, ID, on_thumbnail, &done[1]) < 0 ||
	    session_request(NULL, &tag, REQUESTS_REPEAT, 1000, on_tag, &done[2], NULL) < 0 ||
	    session_request(NULL, &head, REQUESTS_REPEAT, 1000, on_head, &done[3], NULL) < 0 ||
	    session_request(NULL, &status, REQUESTS_FAIL, 1000, on_status, &done[4], NULL) < 0)
		abort();
	struct reader r = reader_over(data, size);
	while (reader_left(&r) > 0) {
		uint16_t length = reader_u16(&r);
		const uint8_t *message = reader_take(&r, length & 0x7fff);
		pump();
		if (length & 0x8000)
			requests_link_lost(queue);
		pump();
		if (r.failed || !take(message, length & 0x7fff))
			break;
	}
	requests_fail_all(queue, REASON_SESSION_LOST);
	for (size_t i = 0; i < ELEMENTS(done); i++)
		if (!done[i])
			abort(); /* each is told how it ended */
	recordings_free(recordings);
	requests_free(queue);
	return 0;
}
