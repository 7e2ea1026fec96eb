#include "cam-radio/requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "cam-radio/deadline.h"
#include "cam-radio/operations.h"
#include "cam-radio/request.h"
#include "pairing/limits.h"
#include "proto/codec.h"

#define DEADLINE_DEFAULT_MS 10000 /* proto/lanyard.proto */
#define DEADLINE_LIMIT_MS 60000
/* A companion keeps 8 in flight; orphans of the session before may still be under way. */
#define PENDING_LIMIT 32
/* A position older than this is not where the next recording begins. */
#define LOCATION_FRESH_US (5 * 60 * SECOND_US)

static const struct request_kind kinds[] = {
	{ lanyard_Request_status_tag, "status", false, false, handle_status },
	{ lanyard_Request_clock_tag, "clock", true, false, handle_clock },
	{ lanyard_Request_location_tag, "location", true, false, handle_location },
	{ lanyard_Request_record_tag, "record", true, false, handle_record },
	{ lanyard_Request_config_tag, "config", true, false, handle_config },
	{ lanyard_Request_slate_head_tag, "slate-head", false, false, handle_slate_head },
	{ lanyard_Request_list_tag, "list", false, false, handle_list },
	{ lanyard_Request_thumbnail_tag, "thumbnail", false, false, handle_thumbnail },
	{ lanyard_Request_tag_tag, "tag", true, false, handle_tag },
	{ lanyard_Request_access_point_start_tag, "access-point-start", true, true, handle_access_point_start },
	{ lanyard_Request_access_point_joined_tag, "access-point-joined", true, true, handle_access_point_joined },
	{ lanyard_Request_wifi_stop_tag, "wifi-stop", true, true, handle_wifi_stop },
	{ lanyard_Request_station_start_tag, "station-start", true, true, handle_station_start },
};

struct requests {
	const struct services *services;
	struct request *pending[PENDING_LIMIT]; /* NULL: free */
	struct operations operations;
	struct deadline *deadline;
	bool has_location;
	uint64_t location_until_us;
	struct recorder_location location;
	const struct requests_callbacks *callbacks;
	void *context;
};

/* --- answers --- */

static int send_message(struct requests *r, const lanyard_Message *message) {
	uint8_t bytes[CODEC_MESSAGE_LIMIT];
	size_t length;
	int result = codec_encode(message, bytes, sizeof(bytes), &length);
	if (result == 0)
		result = r->callbacks->send(r->context, bytes, length);
	else
		log_line(LOG_LEVEL_ERROR, "requests", "a message does not fit its record");
	wipe(bytes, sizeof(bytes)); /* it may hold a network's key */
	return result;
}

static void send_answer(struct requests *r, uint32_t id, enum reason reason, const lanyard_Response *response) {
	lanyard_Message message = { .which_kind = lanyard_Message_response_tag };
	if (response && reason == REASON_OK)
		message.kind.response = *response;
	message.kind.response.id = id;
	message.kind.response.reason = (uint32_t)reason;
	(void)send_message(r, &message); /* without a session nobody waits for it */
	wipe(&message, sizeof(message));
}

int requests_send_event(struct requests *r, const lanyard_Event *event) {
	lanyard_Message message = { .which_kind = lanyard_Message_event_tag, .kind.event = *event };
	return send_message(r, &message);
}

/* --- requests under way --- */

static void arm(struct requests *r) {
	uint64_t next_us = UINT64_MAX;
	for (size_t i = 0; i < PENDING_LIMIT; i++) {
		const struct request *request = r->pending[i];
		if (request && !request->orphan && request->deadline_us < next_us)
			next_us = request->deadline_us;
	}
	deadline_set(r->deadline, next_us);
}

static void request_free(struct request *request) {
	struct requests *r = request->requests;
	r->pending[request->slot] = NULL;
	recorder_call_cancel(request->call);
	if (request->cancel)
		request->cancel(request);
	free(request);
	arm(r);
}

const struct services *request_services(const struct request *request) {
	return request->requests->services;
}

void request_answer(struct request *request, enum reason reason, const lanyard_Response *response) {
	struct requests *r = request->requests;
	request->call = NULL;
	request->cancel = NULL;
	if (reason == REASON_OK && request->kind->changes && !request->kind->bound)
		operations_remember(&r->operations, request->operation, request->kind->body, response);
	uint32_t id = request->id;
	bool orphan = request->orphan;
	if (reason != REASON_OK)
		log_reason(LOG_LEVEL_INFO, "requests", reason, "%s refused", request->kind->name);
	request_free(request);
	if (!orphan)
		send_answer(r, id, reason, response);
}

void request_asked(struct request *request, int result) {
	if (result == 0)
		return;
	log_line(LOG_LEVEL_WARNING, "requests", "%s: the recorder was not asked: %s", request->kind->name, strerror(-result));
	request_answer(request, result == -EINVAL ? REASON_REQUEST_INVALID : REASON_RECORDER_GONE, NULL);
}

/* When nobody waits for it any more: what has no effect, or is bound to its session, is given up. */
static bool is_given_up(const struct request *request) {
	return !request->kind->changes || request->kind->bound;
}

static void on_deadline(void *context, uint64_t now_us) {
	struct requests *r = context;
	for (size_t i = 0; i < PENDING_LIMIT; i++) {
		struct request *request = r->pending[i];
		if (!request || request->orphan || now_us < request->deadline_us)
			continue;
		uint32_t id = request->id;
		log_reason(LOG_LEVEL_WARNING, "requests", REASON_TIMEOUT, "%s", request->kind->name);
		request->orphan = true;
		if (is_given_up(request))
			request_free(request);
		send_answer(r, id, REASON_TIMEOUT, NULL);
	}
	arm(r);
}

/* --- new requests --- */

static const struct request_kind *find_kind(pb_size_t body) {
	for (size_t i = 0; i < ELEMENTS(kinds); i++)
		if (kinds[i].body == body)
			return &kinds[i];
	return NULL;
}

static struct request *find_operation(const struct requests *r, const uint8_t *operation) {
	for (size_t i = 0; i < PENDING_LIMIT; i++) {
		struct request *request = r->pending[i];
		if (request && request->kind->changes && memcmp(request->operation, operation, OPERATION_SIZE) == 0)
			return request;
	}
	return NULL;
}

/* A repeated operation: answers it from memory, or lets it wait for the first one. False when it is a new one. */
static bool take_repeated(struct requests *r, const lanyard_Request *message, const struct request_kind *kind,
                          uint64_t deadline_us) {
	const uint8_t *operation = message->operation.bytes;
	struct request *pending = find_operation(r, operation);
	const struct operation_result *result = operations_find(&r->operations, operation);
	if (!pending && !result)
		return false;
	r->services->counters->value[COUNTER_OPERATIONS_REPEATED]++;
	if ((pending ? pending->kind->body : result->kind) != kind->body) {
		send_answer(r, message->id, REASON_REQUEST_INVALID, NULL);
	} else if (result) {
		lanyard_Response response = lanyard_Response_init_zero;
		operation_result_fill(result, &response);
		send_answer(r, message->id, REASON_OK, &response);
	} else if (pending->orphan) {
		pending->orphan = false;
		pending->id = message->id;
		pending->deadline_us = deadline_us;
		arm(r);
	} else {
		send_answer(r, message->id, REASON_BUSY, NULL);
	}
	return true;
}

static enum reason check_request(const lanyard_Request *message, const struct request_kind *kind) {
	if (!kind)
		return REASON_REQUEST_UNKNOWN;
	if (message->deadline_ms > DEADLINE_LIMIT_MS)
		return REASON_REQUEST_INVALID;
	if (kind->changes && message->operation.size != OPERATION_SIZE)
		return REASON_REQUEST_INVALID;
	return REASON_OK;
}

/* NULL, and answered, when there is no room for one more. */
static struct request *request_new(struct requests *r, const struct request_kind *kind, const lanyard_Request *message,
                                   uint64_t deadline_us) {
	size_t slot = 0;
	while (slot < PENDING_LIMIT && r->pending[slot])
		slot++;
	struct request *request = slot < PENDING_LIMIT ? calloc(1, sizeof(*request)) : NULL;
	if (!request) {
		send_answer(r, message->id, slot < PENDING_LIMIT ? REASON_INTERNAL : REASON_BUSY, NULL);
		return NULL;
	}
	*request = (struct request){ .slot = slot, .requests = r, .kind = kind, .id = message->id, .deadline_us = deadline_us };
	if (kind->changes)
		memcpy(request->operation, message->operation.bytes, OPERATION_SIZE);
	r->pending[slot] = request;
	arm(r);
	return request;
}

static void take_request(struct requests *r, const lanyard_Request *message) {
	const struct request_kind *kind = find_kind(message->which_body);
	r->services->counters->value[COUNTER_REQUESTS]++;
	enum reason reason = check_request(message, kind);
	if (reason != REASON_OK) {
		send_answer(r, message->id, reason, NULL);
		return;
	}
	uint64_t wait_ms = message->deadline_ms > 0 ? message->deadline_ms : DEADLINE_DEFAULT_MS;
	uint64_t deadline_us = loop_now_us(r->services->event) + wait_ms * MILLISECOND_US;
	if (kind->changes && take_repeated(r, message, kind, deadline_us))
		return;
	struct request *request = request_new(r, kind, message, deadline_us);
	if (request)
		kind->handle(request, message);
}

void requests_take(struct requests *r, const uint8_t *bytes, size_t length) {
	lanyard_Message message;
	if (codec_decode(bytes, length, &message) < 0) {
		r->services->counters->value[COUNTER_MESSAGES_MALFORMED]++;
		r->callbacks->breach(r->context, REASON_MESSAGE_MALFORMED);
		return;
	}
	if (message.which_kind == lanyard_Message_request_tag)
		take_request(r, &message.kind.request);
	else
		r->callbacks->breach(r->context, REASON_MESSAGE_UNEXPECTED);
	wipe(&message, sizeof(message)); /* it may hold a network's key */
}

/* --- what handlers share --- */

const struct recorder_location *requests_location(const struct requests *r) {
	bool fresh = r->has_location && loop_now_us(r->services->event) < r->location_until_us;
	return fresh ? &r->location : NULL;
}

void requests_set_location(struct requests *r, const struct recorder_location *location) {
	r->has_location = true;
	r->location = *location;
	r->location_until_us = loop_now_us(r->services->event) + LOCATION_FRESH_US;
}

void requests_preferences_changed(struct requests *r) {
	r->callbacks->preferences_changed(r->context);
}

/* --- life --- */

int requests_new(struct requests **ret, const struct services *services, const struct requests_callbacks *callbacks,
                 void *context) {
	struct requests *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct requests){ .services = services, .callbacks = callbacks, .context = context };
	int result = deadline_new(&r->deadline, services->event, on_deadline, r);
	if (result < 0) {
		free(r);
		return result;
	}
	*ret = r;
	return 0;
}

void requests_free(struct requests *r) {
	if (!r)
		return;
	for (size_t i = 0; i < PENDING_LIMIT; i++) {
		if (!r->pending[i])
			continue;
		r->pending[i]->cancel = NULL; /* the handover may be half taken down */
		request_free(r->pending[i]);
	}
	deadline_free(r->deadline);
	free(r);
}

void requests_session_ended(struct requests *r) {
	/* First of all nobody waits any more: giving one up may bring forth the answer of another. */
	for (size_t i = 0; i < PENDING_LIMIT; i++)
		if (r->pending[i])
			r->pending[i]->orphan = true;
	for (size_t i = 0; i < PENDING_LIMIT; i++)
		if (r->pending[i] && is_given_up(r->pending[i]))
			request_free(r->pending[i]);
	arm(r);
}
