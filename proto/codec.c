#include "proto/codec.h"

#include <errno.h>
#include <pb_decode.h>
#include <pb_encode.h>

#include "base/bytes.h"

static int encode(const pb_msgdesc_t *fields, const void *message, uint8_t *out, size_t capacity, size_t *ret_length) {
	pb_ostream_t stream = pb_ostream_from_buffer(out, capacity);
	if (!pb_encode(&stream, fields, message))
		return -EMSGSIZE;
	*ret_length = stream.bytes_written;
	return 0;
}

static int decode(const pb_msgdesc_t *fields, const uint8_t *bytes, size_t length, void *message, size_t size) {
	pb_istream_t stream = pb_istream_from_buffer(bytes, length);
	if (!pb_decode(&stream, fields, message) || stream.bytes_left != 0) {
		wipe(message, size);
		return -EBADMSG;
	}
	return 0;
}

int codec_encode(const lanyard_Message *message, uint8_t *out, size_t capacity, size_t *ret_length) {
	return encode(lanyard_Message_fields, message, out, capacity, ret_length);
}

/* A body that we do not know is a later version's: the request is answered with REASON_REQUEST_UNKNOWN, the event ignored, and
 * the session goes on. */
static bool is_acceptable(const lanyard_Message *message) {
	switch (message->which_kind) {
	case lanyard_Message_request_tag:
		return message->kind.request.id != 0;
	case lanyard_Message_response_tag:
		return message->kind.response.id != 0;
	case lanyard_Message_event_tag:
		return true;
	default: /* none, or one that we do not know */
		return false;
	}
}

int codec_decode(const uint8_t *bytes, size_t length, lanyard_Message *ret_message) {
	int result = decode(lanyard_Message_fields, bytes, length, ret_message, sizeof(*ret_message));
	if (result == 0 && !is_acceptable(ret_message)) {
		wipe(ret_message, sizeof(*ret_message));
		return -EBADMSG;
	}
	return result;
}

int codec_encode_media(const lanyard_MediaMessage *message, uint8_t *out, size_t capacity, size_t *ret_length) {
	return encode(lanyard_MediaMessage_fields, message, out, capacity, ret_length);
}

static bool is_acceptable_media(const lanyard_MediaMessage *message) {
	switch (message->which_kind) {
	case lanyard_MediaMessage_request_tag:
		return message->kind.request.id != 0;
	case lanyard_MediaMessage_head_tag:
		return message->kind.head.id != 0;
	case lanyard_MediaMessage_end_tag:
		return message->kind.end.id != 0;
	default:
		return false;
	}
}

int codec_decode_media(const uint8_t *bytes, size_t length, lanyard_MediaMessage *ret_message) {
	int result = decode(lanyard_MediaMessage_fields, bytes, length, ret_message, sizeof(*ret_message));
	if (result == 0 && !is_acceptable_media(ret_message)) {
		wipe(ret_message, sizeof(*ret_message));
		return -EBADMSG;
	}
	return result;
}

void codec_media_data_header(uint8_t out[MEDIA_DATA_HEADER_SIZE], uint32_t id) {
	struct writer w = writer_over(out, MEDIA_DATA_HEADER_SIZE);
	writer_u8(&w, 0);
	writer_u32(&w, id);
}

bool codec_media_is_data(const uint8_t *bytes, size_t length) {
	return length > 0 && bytes[0] == 0;
}

int codec_media_data(const uint8_t *bytes, size_t length, uint32_t *ret_id, const uint8_t **ret_data, size_t *ret_data_length) {
	struct reader r = reader_over(bytes, length);
	uint8_t mark = reader_u8(&r);
	uint32_t id = reader_u32(&r);
	if (r.failed || mark != 0 || id == 0 || reader_left(&r) == 0)
		return -EBADMSG;
	*ret_id = id;
	*ret_data = r.at;
	*ret_data_length = reader_left(&r);
	return 0;
}
