#include "companion/http/media_answer.h"

#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "companion/http/range.h"
#include "companion/recordings.h"

struct answer {
	struct http_request *request; /* until it is answered */
	struct http_stream *stream;   /* from then on */
	struct media *media;
	struct media_read *read;
	char recording[RECORDING_ID_SIZE + 1];
	bool live;
	bool probing; /* a suffix range: one byte is read to learn the total */
	struct range range;
};

static void on_progress(void *context);

static void answer_free(void *context) {
	struct answer *answer = context;
	media_read_free(answer->read);
	free(answer);
}

static int answer_open(struct answer *answer, uint64_t offset, uint64_t length) {
	media_read_free(answer->read);
	answer->read = NULL;
	return media_read_new(&answer->read, answer->media, answer->recording, offset, length, on_progress, answer);
}

static void answer_refuse(struct answer *answer, enum reason reason) {
	http_reply_reason(answer->request, reason);
	answer_free(answer);
}

static enum reason reason_of_error(int error) {
	return error == -ENOTCONN ? REASON_WIFI_OFF : error == -EMFILE ? REASON_BUSY : REASON_INTERNAL;
}

static enum http_read answer_read(void *context, uint8_t *out, size_t capacity, size_t *ret_length) {
	struct answer *answer = context;
	size_t length = media_read_take(answer->read, out, capacity);
	if (length > 0) {
		*ret_length = length;
		return HTTP_READ_BYTES;
	}
	enum reason reason;
	if (!media_read_ended(answer->read, &reason))
		return HTTP_READ_WAIT;
	return reason == REASON_OK ? HTTP_READ_END : HTTP_READ_BROKEN;
}

static const struct http_stream_operations operations = { .read = answer_read, .free = answer_free };

static void answer_stream(struct answer *answer, unsigned status, uint64_t size) {
	struct http_request *request = answer->request;
	answer->request = NULL;
	struct http_stream *stream = http_reply_stream(request, status, "video/mp4", size, &operations, answer);
	if (stream) /* else the answer is already freed */
		answer->stream = stream;
}

/* The camera has said how long the recording is. */
static void answer_begin(struct answer *answer, uint64_t total, enum reason reason) {
	char header[96];
	uint64_t first, length;
	if (answer->live) {
		answer_stream(answer, MHD_HTTP_OK, UINT64_MAX);
		return;
	}
	if (range_resolve(&answer->range, total, &first, &length) < 0) {
		snprintf(header, sizeof(header), "bytes */%" PRIu64, total);
		http_request_add_header(answer->request, MHD_HTTP_HEADER_CONTENT_RANGE, header);
		answer_refuse(answer, REASON_RANGE_INVALID);
		return;
	}
	if (reason != REASON_OK) {
		answer_refuse(answer, reason);
		return;
	}
	if (answer->probing) {
		answer->probing = false;
		int result = answer_open(answer, first, length);
		if (result < 0)
			answer_refuse(answer, reason_of_error(result));
		return;
	}
	http_request_add_header(answer->request, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
	if (answer->range.kind == RANGE_WHOLE) {
		answer_stream(answer, MHD_HTTP_OK, length);
		return;
	}
	snprintf(header, sizeof(header), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first, first + length - 1, total);
	http_request_add_header(answer->request, MHD_HTTP_HEADER_CONTENT_RANGE, header);
	answer_stream(answer, MHD_HTTP_PARTIAL_CONTENT, length);
}

static void on_progress(void *context) {
	struct answer *answer = context;
	if (answer->stream) {
		http_stream_wake(answer->stream);
		return;
	}
	uint64_t total;
	enum reason reason = REASON_OK;
	bool ended = media_read_ended(answer->read, &reason);
	if (media_read_total(answer->read, &total))
		answer_begin(answer, total, reason);
	else if (ended)
		answer_refuse(answer, reason == REASON_OK ? REASON_MEDIA_CLOSED : reason);
}

void media_answer(struct http_request *request, struct media *media, const char *recording) {
	struct answer *answer = calloc(1, sizeof(*answer));
	if (!answer) {
		http_reply_reason(request, REASON_INTERNAL);
		return;
	}
	answer->request = request;
	answer->media = media;
	answer->live = *recording == '\0';
	strncpy(answer->recording, recording, sizeof(answer->recording) - 1);
	if (!answer->live)
		answer->range = range_parse(http_request_header(request, MHD_HTTP_HEADER_RANGE));
	answer->probing = answer->range.kind == RANGE_SUFFIX;
	uint64_t offset = 0, length = 0;
	if (answer->probing) {
		length = 1;
	} else if (answer->range.kind == RANGE_FROM) {
		offset = answer->range.first;
		uint64_t span = answer->range.last - offset;
		length = span == UINT64_MAX || answer->range.last == UINT64_MAX ? 0 : span + 1;
	}
	int result = answer_open(answer, offset, length);
	if (result < 0) {
		answer_refuse(answer, reason_of_error(result));
		return;
	}
	http_request_on_gone(request, answer_free, answer);
}
