/* Requests of proto/footage.proto. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "cam-radio/request.h"

#define LIST_LIMIT 4

static void on_list(void *context, enum reason reason, const struct recorder_answer *answer) {
	lanyard_Response response = { .which_body = lanyard_Response_list_tag };
	if (reason == REASON_OK)
		response.body.list = *answer->list;
	request_answer(context, reason, &response);
}

void handle_list(struct request *request, const lanyard_Request *message) {
	const lanyard_ListRequest *body = &message->body.list;
	if ((*body->before_id && !field_is_id(body->before_id)) || body->limit > LIST_LIMIT) {
		request_answer(request, REASON_REQUEST_INVALID, NULL);
		return;
	}
	uint32_t limit = body->limit > 0 ? body->limit : LIST_LIMIT;
	request_asked(request, recorder_list(request_services(request)->recorder, &request->call, body->before_id, limit, on_list,
	                                     request));
}

static void on_thumbnail(void *context, enum reason reason, const struct recorder_answer *answer) {
	struct request *request = context;
	lanyard_Response response = { .which_body = lanyard_Response_thumbnail_tag };
	lanyard_ThumbnailResponse *body = &response.body.thumbnail;
	if (reason == REASON_OK && (request->offset > answer->jpeg_length || answer->jpeg_length > UINT32_MAX))
		reason = REASON_REQUEST_INVALID;
	if (reason == REASON_OK) {
		size_t left = answer->jpeg_length - request->offset;
		size_t length = left < sizeof(body->data.bytes) ? left : sizeof(body->data.bytes);
		if (length > 0)
			memcpy(body->data.bytes, answer->jpeg + request->offset, length);
		body->data.size = (pb_size_t)length;
		body->total = (uint32_t)answer->jpeg_length;
	}
	request_answer(request, reason, &response);
}

void handle_thumbnail(struct request *request, const lanyard_Request *message) {
	const lanyard_ThumbnailRequest *body = &message->body.thumbnail;
	if (!field_is_id(body->id)) {
		request_answer(request, REASON_REQUEST_INVALID, NULL);
		return;
	}
	request->offset = body->offset;
	request_asked(request,
	              recorder_thumbnail(request_services(request)->recorder, &request->call, body->id, on_thumbnail, request));
}

static void on_tagged(void *context, enum reason reason, const struct recorder_answer *answer) {
	struct request *request = context;
	lanyard_Response response = { .which_body = lanyard_Response_tag_tag };
	if (reason == REASON_OK) {
		snprintf(response.body.tag.id, sizeof(response.body.tag.id), "%s", request->recording_id);
		response.body.tag.revision = answer->revision;
		response.body.tag.time_us = answer->time_us;
	}
	request_answer(request, reason, &response);
}

static bool tag_is_valid(const lanyard_Tag *tag) {
	return field_is_text(tag->category, false) && field_is_text(tag->case_number, false) && field_is_text(tag->note, true) &&
	       (!tag->has_position || field_is_position(tag->latitude_e7, tag->longitude_e7));
}

void handle_tag(struct request *request, const lanyard_Request *message) {
	const lanyard_TagRequest *body = &message->body.tag;
	if (!field_is_id(body->id) || !body->has_tag || !tag_is_valid(&body->tag)) {
		request_answer(request, REASON_REQUEST_INVALID, NULL);
		return;
	}
	snprintf(request->recording_id, sizeof(request->recording_id), "%s", body->id);
	/* The recorder remembers the operation for good: also after a restart of this daemon a repeated one changes nothing. */
	request_asked(request, recorder_set_tag(request_services(request)->recorder, &request->call, body->id, request->operation,
	                                        &body->tag, on_tagged, request));
}
