#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "pairing/limits.h"
#include "proto/codec.h"

/* The longest that the schema allows fits one record of a Bluetooth link. */
static_assert(lanyard_Message_size <= CODEC_MESSAGE_LIMIT, "a message may not fit");
static_assert(CODEC_MESSAGE_LIMIT <= RECORD_LIMIT_BLUETOOTH - RECORD_TAG_SIZE, "a message may not fit its record");
static_assert(lanyard_MediaMessage_size <= CODEC_MESSAGE_LIMIT, "a media message may not fit");
static_assert(MEDIA_DATA_HEADER_SIZE + MEDIA_DATA_LIMIT == RECORD_LIMIT_MEDIA - RECORD_TAG_SIZE, "a data frame fills a record");

#define FILL(text) memset(text, 'x', sizeof(text) - 1)

static lanyard_Message list_at_its_largest(void) {
	lanyard_Message message = { .which_kind = lanyard_Message_response_tag };
	lanyard_Response *response = &message.kind.response;
	*response = (lanyard_Response){ .id = UINT32_MAX, .reason = UINT32_MAX, .which_body = lanyard_Response_list_tag };
	response->body.list.recordings_count = 4;
	response->body.list.more = true;
	for (size_t i = 0; i < 4; i++) {
		lanyard_Recording *recording = &response->body.list.recordings[i];
		*recording = (lanyard_Recording){
			.started_us = UINT64_MAX,
			.duration_ms = UINT32_MAX,
			.size = UINT64_MAX,
			.state = lanyard_RecordingState_RECORDING_CUT_SHORT,
			.has_tag = true,
			.tag = { .has_position = true, .latitude_e7 = INT32_MIN, .longitude_e7 = INT32_MIN },
			.tag_revision = UINT32_MAX,
			.sha256.size = 32,
			.thumbnail_size = UINT32_MAX,
		};
		FILL(recording->id);
		FILL(recording->reason);
		FILL(recording->tag.category);
		FILL(recording->tag.case_number);
		FILL(recording->tag.note);
		memset(recording->sha256.bytes, 0xff, 32);
	}
	return message;
}

static lanyard_Message request(pb_size_t body) {
	lanyard_Message message = { .which_kind = lanyard_Message_request_tag };
	message.kind.request.id = 7;
	message.kind.request.operation.size = 16;
	message.kind.request.which_body = body;
	return message;
}

/* Encoded, decoded, encoded again: the same bytes. Each prefix is refused, each byte more is refused. */
static void check_round_trip(const lanyard_Message *message) {
	uint8_t bytes[CODEC_MESSAGE_LIMIT], again[CODEC_MESSAGE_LIMIT];
	size_t length, length_again, untouched = 77;
	lanyard_Message decoded;
	assert_int_equal(codec_encode(message, bytes, sizeof(bytes), &length), 0);
	assert_int_equal(codec_decode(bytes, length, &decoded), 0);
	assert_int_equal(codec_encode(&decoded, again, sizeof(again), &length_again), 0);
	assert_int_equal(length_again, length);
	assert_memory_equal(again, bytes, length);
	assert_int_equal(codec_encode(message, again, length - 1, &untouched), -EMSGSIZE);
	assert_int_equal(untouched, 77);
	for (size_t shorter = 0; shorter < length; shorter++) {
		uint8_t *exact = malloc(shorter ? shorter : 1);
		assert_non_null(exact);
		memcpy(exact, bytes, shorter);
		static const lanyard_Message wiped;
		memset(&decoded, 0xaa, sizeof(decoded));
		assert_int_equal(codec_decode(exact, shorter, &decoded), -EBADMSG);
		assert_memory_equal(&decoded, &wiped, sizeof(wiped));
		free(exact);
	}
	if (length < sizeof(bytes)) {
		bytes[length] = 0;
		assert_int_equal(codec_decode(bytes, length + 1, &decoded), -EBADMSG);
	}
}

static void test_round_trips(void **state) {
	(void)state;
	static const pb_size_t bodies[] = {
		lanyard_Request_status_tag,
		lanyard_Request_clock_tag,
		lanyard_Request_location_tag,
		lanyard_Request_record_tag,
		lanyard_Request_config_tag,
		lanyard_Request_list_tag,
		lanyard_Request_thumbnail_tag,
		lanyard_Request_tag_tag,
		lanyard_Request_access_point_start_tag,
		lanyard_Request_access_point_joined_tag,
		lanyard_Request_wifi_stop_tag,
		lanyard_Request_station_start_tag,
	};
	for (size_t i = 0; i < ELEMENTS(bodies); i++) {
		lanyard_Message message = request(bodies[i]);
		check_round_trip(&message);
	}
	static lanyard_Message largest;
	largest = list_at_its_largest();
	check_round_trip(&largest);
	lanyard_Message event = { .which_kind = lanyard_Message_event_tag };
	event.kind.event.which_body = lanyard_Event_wifi_tag;
	event.kind.event.body.wifi.mode = lanyard_WifiMode_WIFI_MEDIA_READY;
	check_round_trip(&event);
}

/* Written by hand, so that the wire format is fixed by this table and not by whatever the generator makes of the schema. */
static void test_bytes(void **state) {
	(void)state;
	static const struct {
		const char *what, *bytes;
		int result;
		pb_size_t kind, body;
	} rows[] = {
		{ "status request 1", "0a050801520000", -EBADMSG, 0, 0 }, /* length says 5, and a 6th byte follows */
		{ "status request 1", "0a0408015200", 0, lanyard_Message_request_tag, lanyard_Request_status_tag },
		{ "list request 2, limit 4",
		  "0a070802a20102"
		  "1004",
		  0, lanyard_Message_request_tag, lanyard_Request_list_tag },
		{ "success 3", "12020803", 0, lanyard_Message_response_tag, 0 },
		{ "failure 3, not-found", "12040803103f", 0, lanyard_Message_response_tag, 0 },
		{ "wifi off, idle", "1a051a03106e", -EBADMSG, 0, 0 },
		{ "wifi off, idle", "1a041a02106e", 0, lanyard_Message_event_tag, lanyard_Event_wifi_tag },
		{ "nothing", "", -EBADMSG, 0, 0 },
		{ "no id", "0a025200", -EBADMSG, 0, 0 },
		{ "id 0", "0a0408005200", -EBADMSG, 0, 0 },
		{ "response without id", "12021001", -EBADMSG, 0, 0 },
		{ "request of a later version", "0a0508019a0600", 0, lanyard_Message_request_tag, 0 },
		{ "event of a later version", "1a039a0600", 0, lanyard_Message_event_tag, 0 },
		{ "message of a later version", "22020801", -EBADMSG, 0, 0 },
		{ "later field inside a known one", "0a0a0802a201051004980601", 0, lanyard_Message_request_tag,
		  lanyard_Request_list_tag },
		{ "later field beside known ones",
		  "0a0a0801"
		  "5200"
		  "9a06"
		  "03616263",
		  0, lanyard_Message_request_tag, lanyard_Request_status_tag },
		{ "a group", "0a0408015354", -EBADMSG, 0, 0 },
		{ "varint without end", "0a0b08ffffffffffffffffffff", -EBADMSG, 0, 0 },
		{ "id above 32 bits", "0a09088080808080015200", -EBADMSG, 0, 0 },
		{ "length beyond the end", "0a7f08015200", -EBADMSG, 0, 0 },
		{ "length of 2^63", "0affffffffffffffff7f", -EBADMSG, 0, 0 },
		{ "operation of 17 bytes",
		  "0a17"
		  "08011a11"
		  "0000000000000000000000000000000000"
		  "5200",
		  -EBADMSG, 0, 0 },
		{ "operation of 16 bytes",
		  "0a16"
		  "08011a10"
		  "00000000000000000000000000000000"
		  "5200",
		  0, lanyard_Message_request_tag, lanyard_Request_status_tag },
		{ "id of 33 characters",
		  "0a28"
		  "0801"
		  "b20123"
		  "0a21"
		  "303132333435363738396162636465663031323334353637383961626364656666",
		  -EBADMSG, 0, 0 },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		uint8_t bytes[128];
		size_t length = strlen(rows[i].bytes) / 2;
		assert_int_equal(hex_decode(bytes, length, rows[i].bytes), 0);
		lanyard_Message message;
		int result = codec_decode(bytes, length, &message);
		pb_size_t body = result < 0                                           ? 0
		                 : message.which_kind == lanyard_Message_request_tag  ? message.kind.request.which_body
		                 : message.which_kind == lanyard_Message_response_tag ? message.kind.response.which_body
		                                                                      : message.kind.event.which_body;
		if (result != rows[i].result || (result == 0 && (message.which_kind != rows[i].kind || body != rows[i].body)))
			fail_msg("%s: %d", rows[i].what, result);
	}
}

static void test_media(void **state) {
	(void)state;
	static const struct {
		const char *what, *bytes;
		int result;
		pb_size_t kind;
	} rows[] = {
		{ "request 1, live", "0a020801", 0, lanyard_MediaMessage_request_tag },
		{ "head 1, 16 bytes", "120408011810", 0, lanyard_MediaMessage_head_tag },
		{ "end 1", "1a020801", 0, lanyard_MediaMessage_end_tag },
		{ "nothing", "", -EBADMSG, 0 },
		{ "request without id", "0a021805", -EBADMSG, 0 },
		{ "head without id", "12021805", -EBADMSG, 0 },
		{ "end without id", "1a00", -EBADMSG, 0 },
		{ "of a later version", "22020801", -EBADMSG, 0 },
		{ "data frame", "000000000141", -EBADMSG, 0 },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		uint8_t bytes[64];
		size_t length = strlen(rows[i].bytes) / 2;
		assert_int_equal(hex_decode(bytes, length, rows[i].bytes), 0);
		static const lanyard_MediaMessage wiped;
		lanyard_MediaMessage message;
		memset(&message, 0xaa, sizeof(message));
		int result = codec_decode_media(bytes, length, &message);
		if (result != rows[i].result || message.which_kind != rows[i].kind)
			fail_msg("%s: %d", rows[i].what, result);
		if (result < 0)
			assert_memory_equal(&message, &wiped, sizeof(wiped));
	}
	lanyard_MediaMessage message = { .which_kind = lanyard_MediaMessage_request_tag,
		                         .kind.request = {
		                                 .id = 9, .offset = UINT64_MAX, .length = UINT64_MAX, .cancel = true } };
	FILL(message.kind.request.recording_id);
	uint8_t bytes[128];
	size_t length;
	assert_int_equal(codec_encode_media(&message, bytes, sizeof(bytes), &length), 0);
	assert_false(codec_media_is_data(bytes, length));
	lanyard_MediaMessage decoded;
	assert_int_equal(codec_decode_media(bytes, length, &decoded), 0);
	assert_string_equal(decoded.kind.request.recording_id, message.kind.request.recording_id);
	assert_true(decoded.kind.request.offset == UINT64_MAX);
	assert_int_equal(codec_encode_media(&message, bytes, length - 1, &length), -EMSGSIZE);
}

static void test_data_frames(void **state) {
	(void)state;
	uint8_t frame[MEDIA_DATA_HEADER_SIZE + 3] = { 0 };
	uint32_t id = 77;
	const uint8_t *data = NULL;
	size_t length = 77;
	codec_media_data_header(frame, 0x01020304);
	memcpy(frame + MEDIA_DATA_HEADER_SIZE, "mp4", 3);
	assert_memory_equal(frame, ((const uint8_t[]){ 0, 1, 2, 3, 4, 'm', 'p', '4' }), sizeof(frame));
	assert_true(codec_media_is_data(frame, sizeof(frame)));
	assert_false(codec_media_is_data(frame, 0));
	for (size_t shorter = 0; shorter <= MEDIA_DATA_HEADER_SIZE; shorter++) {
		assert_int_equal(codec_media_data(frame, shorter, &id, &data, &length), -EBADMSG);
		assert_true(id == 77 && !data && length == 77);
	}
	assert_int_equal(codec_media_data(frame, sizeof(frame), &id, &data, &length), 0);
	assert_int_equal(id, 0x01020304);
	assert_ptr_equal(data, frame + MEDIA_DATA_HEADER_SIZE);
	assert_int_equal(length, 3);
	frame[0] = 1;
	assert_int_equal(codec_media_data(frame, sizeof(frame), &id, &data, &length), -EBADMSG);
	codec_media_data_header(frame, 0);
	assert_int_equal(codec_media_data(frame, sizeof(frame), &id, &data, &length), -EBADMSG);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_media),
		cmocka_unit_test(test_data_frames),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
