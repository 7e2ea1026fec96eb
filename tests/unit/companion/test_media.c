#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "companion/media.h"
#include "proto/codec.h"

/* A camera of which every answer is made by hand: what was asked is kept here. */
#define ASKED 256
static lanyard_MediaRequest asked[ASKED];
static size_t asked_count;
static struct media *media;

static void on_send(void *context, const uint8_t *bytes, size_t length) {
	(void)context;
	lanyard_MediaMessage message;
	assert_int_equal(codec_decode_media(bytes, length, &message), 0);
	assert_int_equal(message.which_kind, lanyard_MediaMessage_request_tag);
	assert_true(asked_count < ASKED);
	asked[asked_count++] = message.kind.request;
}

struct watcher {
	struct media_read *read;
	unsigned calls;
	bool free_inside;
};

static void on_progress(void *context) {
	struct watcher *watcher = context;
	watcher->calls++;
	if (watcher->free_inside) {
		media_read_free(watcher->read);
		watcher->read = NULL;
	}
}

/* The byte at a place of the recording: every place within a slice's reach differs. */
static uint8_t byte_at(uint64_t position) {
	return (uint8_t)(position * 31 + (position >> 8) * 7 + (position >> 16));
}

static int set_up(void **state) {
	(void)state;
	asked_count = 0;
	media = media_new();
	assert_non_null(media);
	media_open(media, on_send, NULL);
	return 0;
}

static int tear_down(void **state) {
	(void)state;
	assert_int_equal(media_readers(media), 0);
	media_free(media);
	return 0;
}

static int say(lanyard_MediaMessage *message) {
	uint8_t bytes[64];
	size_t length;
	assert_int_equal(codec_encode_media(message, bytes, sizeof(bytes), &length), 0);
	return media_take_message(media, bytes, length);
}

static int say_head(uint32_t id, enum reason reason, uint64_t total) {
	lanyard_MediaMessage message = { .which_kind = lanyard_MediaMessage_head_tag };
	message.kind.head = (lanyard_MediaHead){ .id = id, .reason = (uint32_t)reason, .total = total };
	return say(&message);
}

static int say_end(uint32_t id, enum reason reason) {
	lanyard_MediaMessage message = { .which_kind = lanyard_MediaMessage_end_tag };
	message.kind.end = (lanyard_MediaEnd){ .id = id, .reason = (uint32_t)reason };
	return say(&message);
}

static int say_data(uint32_t id, uint64_t position, size_t length) {
	static uint8_t frame[MEDIA_DATA_HEADER_SIZE + MEDIA_BUFFER + 1];
	codec_media_data_header(frame, id);
	for (size_t i = 0; i < length; i++)
		frame[MEDIA_DATA_HEADER_SIZE + i] = byte_at(position + i);
	return media_take_message(media, frame, MEDIA_DATA_HEADER_SIZE + length);
}

/* Takes what is there and checks every byte. Returns how many. */
static size_t take(struct media_read *read, uint64_t position, size_t limit) {
	static uint8_t bytes[MEDIA_BUFFER];
	size_t length = media_read_take(read, bytes, limit < sizeof(bytes) ? limit : sizeof(bytes));
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != byte_at(position + i))
			fail_msg("wrong byte at %zu", i);
	return length;
}

static void expect_end(struct media_read *read, enum reason expected) {
	enum reason reason;
	assert_true(media_read_ended(read, &reason));
	assert_int_equal(reason, expected);
}

/* Serves everything that was asked, in frames of a given size, until nothing more is asked. */
static void serve_all(size_t *next, uint64_t total, size_t frame) {
	for (; *next < asked_count; (*next)++) {
		const lanyard_MediaRequest request = asked[*next];
		if (request.cancel)
			continue;
		assert_int_equal(say_head(request.id, REASON_OK, total), 0);
		uint64_t end = request.offset + request.length < total ? request.offset + request.length : total;
		for (uint64_t at = request.offset; at < end; at += frame)
			assert_int_equal(say_data(request.id, at, end - at < frame ? (size_t)(end - at) : frame), 0);
		assert_int_equal(say_end(request.id, REASON_OK), 0);
	}
}

static void whole_recording(void **state) {
	(void)state;
	static const uint64_t totals[] = {
		1, MEDIA_SLICE - 1, MEDIA_SLICE, MEDIA_SLICE + 1, MEDIA_BUFFER, 3 * MEDIA_BUFFER + 12345
	};
	for (size_t i = 0; i < ELEMENTS(totals); i++) {
		struct watcher watcher = { 0 };
		asked_count = 0;
		assert_int_equal(
		        media_read_new(&watcher.read, media, "0123456789abcdef0123456789abcdef", 0, 0, on_progress, &watcher), 0);
		assert_int_equal(asked_count, 1);
		assert_string_equal(asked[0].recording_id, "0123456789abcdef0123456789abcdef");
		uint64_t total, position = 0;
		assert_false(media_read_total(watcher.read, &total));
		size_t next = 0;
		enum reason reason;
		do {
			serve_all(&next, totals[i], 60000);
			assert_true(media_read_total(watcher.read, &total));
			assert_true(total == totals[i]);
			position += take(watcher.read, position, 100000);
		} while (position < totals[i]);
		assert_true(media_read_ended(watcher.read, &reason));
		assert_int_equal(reason, REASON_OK);
		assert_int_equal(take(watcher.read, position, 1), 0);
		media_read_free(watcher.read);
	}
}

static void parts(void **state) {
	(void)state;
	const uint64_t total = 2 * MEDIA_BUFFER;
	static const struct {
		uint64_t offset, length, expected;
	} cases[] = { { 0, 1, 1 },
		      { 5, 10, 10 },
		      { MEDIA_SLICE - 3, 6, 6 },
		      { MEDIA_BUFFER - 3, MEDIA_SLICE + 7, MEDIA_SLICE + 7 },
		      { 2 * MEDIA_BUFFER - 1, 0, 1 },
		      { 2 * MEDIA_BUFFER - 4, 100, 4 },
		      { 1, UINT64_MAX, 2 * MEDIA_BUFFER - 1 } };
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct watcher watcher = { 0 };
		asked_count = 0;
		assert_int_equal(
		        media_read_new(&watcher.read, media, "a", cases[i].offset, cases[i].length, on_progress, &watcher), 0);
		size_t next = 0;
		uint64_t taken = 0;
		size_t got;
		do {
			serve_all(&next, total, 65000);
			got = take(watcher.read, cases[i].offset + taken, SIZE_MAX);
			taken += got;
		} while (got > 0);
		assert_true(taken == cases[i].expected);
		expect_end(watcher.read, REASON_OK);
		media_read_free(watcher.read);
	}
}

/* A reader that takes nothing stops its own requests, at one buffer; another one goes on. */
static void slow_reader_is_bounded(void **state) {
	(void)state;
	struct watcher slow = { 0 }, quick = { 0 };
	const uint64_t total = 8 * (uint64_t)MEDIA_BUFFER;
	assert_int_equal(media_read_new(&slow.read, media, "a", 0, 0, on_progress, &slow), 0);
	size_t next = 0;
	serve_all(&next, total, 65000);
	assert_int_equal(asked_count, MEDIA_BUFFER / MEDIA_SLICE);
	size_t before = asked_count;
	assert_int_equal(media_read_new(&quick.read, media, "b", 0, 0, on_progress, &quick), 0);
	uint64_t position = 0;
	while (position < total) {
		serve_all(&next, total, 65000);
		position += take(quick.read, position, SIZE_MAX);
	}
	for (size_t i = before; i < asked_count; i++)
		assert_string_equal(asked[i].recording_id, "b");
	/* It asks for the next slice when there is room for a whole one. */
	before = asked_count;
	assert_int_equal(take(slow.read, 0, MEDIA_SLICE - 1), MEDIA_SLICE - 1);
	assert_int_equal(asked_count, before);
	assert_int_equal(take(slow.read, MEDIA_SLICE - 1, 1), 1);
	assert_int_equal(asked_count, before + 1);
	assert_true(asked[before].offset == MEDIA_BUFFER);
	media_read_free(slow.read);
	/* What was under way is cancelled. */
	assert_int_equal(asked_count, before + 2);
	assert_true(asked[before + 1].cancel);
	assert_int_equal(asked[before + 1].id, asked[before].id);
	/* Its late bytes belong to nobody. */
	assert_int_equal(say_head(asked[before].id, REASON_OK, total), 0);
	assert_int_equal(say_data(asked[before].id, 0, 100), 0);
	assert_int_equal(say_end(asked[before].id, REASON_CANCELLED), 0);
	media_read_free(quick.read);
}

/* The two slices under way may be answered in any order. */
static void interleaved(void **state) {
	(void)state;
	struct watcher watcher = { 0 };
	const uint64_t total = 3 * MEDIA_SLICE;
	assert_int_equal(media_read_new(&watcher.read, media, "a", 0, 0, on_progress, &watcher), 0);
	assert_int_equal(asked_count, 1);
	assert_int_equal(say_head(asked[0].id, REASON_OK, total), 0);
	assert_int_equal(asked_count, 2);
	assert_int_equal(say_head(asked[1].id, REASON_OK, total), 0);
	assert_int_equal(say_data(asked[1].id, MEDIA_SLICE, MEDIA_SLICE), 0);
	assert_int_equal(say_end(asked[1].id, REASON_OK), 0);
	assert_int_equal(take(watcher.read, 0, SIZE_MAX), 0); /* there is a gap before it */
	assert_int_equal(say_data(asked[0].id, 0, 100), 0);
	assert_int_equal(take(watcher.read, 0, SIZE_MAX), 100);
	assert_int_equal(say_data(asked[0].id, 100, MEDIA_SLICE - 100), 0);
	assert_int_equal(say_end(asked[0].id, REASON_OK), 0);
	assert_int_equal(take(watcher.read, 100, SIZE_MAX), 2 * MEDIA_SLICE - 100);
	assert_int_equal(asked_count, 3);
	assert_int_equal(say_head(asked[2].id, REASON_OK, total), 0);
	assert_int_equal(say_data(asked[2].id, 2 * MEDIA_SLICE, MEDIA_SLICE), 0);
	assert_int_equal(say_end(asked[2].id, REASON_OK), 0);
	assert_int_equal(take(watcher.read, 2 * MEDIA_SLICE, SIZE_MAX), MEDIA_SLICE);
	expect_end(watcher.read, REASON_OK);
	media_read_free(watcher.read);
}

static void refusals(void **state) {
	(void)state;
	struct watcher watcher = { 0 };
	uint64_t total = 0;
	/* No such recording. */
	assert_int_equal(media_read_new(&watcher.read, media, "a", 0, 0, on_progress, &watcher), 0);
	assert_int_equal(say_head(asked[0].id, REASON_NOT_FOUND, 0), 0);
	assert_int_equal(watcher.calls, 1);
	assert_false(media_read_total(watcher.read, &total));
	expect_end(watcher.read, REASON_NOT_FOUND);
	media_read_free(watcher.read);
	/* Beyond the end: the total is told. */
	assert_int_equal(media_read_new(&watcher.read, media, "a", 5000, 0, on_progress, &watcher), 0);
	assert_int_equal(say_head(asked[1].id, REASON_REQUEST_INVALID, 4000), 0);
	assert_true(media_read_total(watcher.read, &total));
	assert_true(total == 4000);
	expect_end(watcher.read, REASON_REQUEST_INVALID);
	media_read_free(watcher.read);
	/* Damaged in the middle: what comes before it can be taken, nothing after it is asked. */
	assert_int_equal(media_read_new(&watcher.read, media, "a", 0, 0, on_progress, &watcher), 0);
	assert_int_equal(say_head(asked[2].id, REASON_OK, MEDIA_BUFFER), 0);
	assert_int_equal(say_data(asked[2].id, 0, 1000), 0);
	assert_int_equal(say_end(asked[2].id, REASON_OK), 0);
	expect_end(watcher.read, REASON_RECORDING_DAMAGED);
	assert_int_equal(take(watcher.read, 0, SIZE_MAX), 1000);
	assert_int_equal(take(watcher.read, 1000, SIZE_MAX), 0);
	assert_true(asked[asked_count - 1].cancel);
	media_read_free(watcher.read);
	/* The second slice fails while the first is still coming. */
	asked_count = 0;
	assert_int_equal(media_read_new(&watcher.read, media, "a", 0, 0, on_progress, &watcher), 0);
	assert_int_equal(say_head(asked[0].id, REASON_OK, MEDIA_BUFFER), 0);
	assert_int_equal(say_head(asked[1].id, REASON_RECORDER_GONE, 0), 0);
	assert_int_equal(say_data(asked[0].id, 0, MEDIA_SLICE), 0);
	assert_int_equal(say_end(asked[0].id, REASON_OK), 0);
	expect_end(watcher.read, REASON_RECORDER_GONE);
	assert_int_equal(take(watcher.read, 0, SIZE_MAX), MEDIA_SLICE);
	media_read_free(watcher.read);
}

static void protocol_violations(void **state) {
	(void)state;
	struct watcher watcher = { 0 };
	static const uint8_t garbage[] = { 0x0a, 0xff, 0xff }, empty_data[] = { 0, 0, 0, 0, 1 }, zero_id[] = { 0, 0, 0, 0, 0, 7 };
	assert_int_equal(media_take_message(media, garbage, sizeof(garbage)), -EBADMSG);
	assert_int_equal(media_take_message(media, garbage, 0), -EBADMSG);
	assert_int_equal(media_take_message(media, empty_data, sizeof(empty_data)), -EBADMSG);
	assert_int_equal(media_take_message(media, zero_id, sizeof(zero_id)), -EBADMSG);
	lanyard_MediaMessage request = { .which_kind = lanyard_MediaMessage_request_tag };
	assert_int_equal(say(&request), -EBADMSG); /* the camera asks nothing */
	assert_int_equal(media_read_new(&watcher.read, media, "a", 10, 100, on_progress, &watcher), 0);
	uint32_t id = asked[0].id;
	assert_int_equal(say_data(id, 10, 5), -EBADMSG); /* before its head */
	assert_int_equal(say_end(id, REASON_OK), -EBADMSG);
	assert_int_equal(say_head(id, REASON_OK, 10), -EBADMSG); /* there is nothing at the offset: it must refuse */
	media_read_free(watcher.read);
	assert_int_equal(media_read_new(&watcher.read, media, "a", 10, 100, on_progress, &watcher), 0);
	id = asked[asked_count - 1].id;
	assert_int_equal(say_head(id, REASON_OK, 60), 0);
	assert_int_equal(say_head(id, REASON_OK, 60), -EBADMSG);
	assert_int_equal(say_data(id, 10, 51), -EBADMSG); /* more than there is */
	assert_int_equal(say_data(id, 10, 50), 0);
	assert_int_equal(say_data(id, 60, 1), -EBADMSG);
	media_read_free(watcher.read);
}

static void channel_closes(void **state) {
	(void)state;
	struct watcher first = { 0 }, second = { .free_inside = true }, third = { 0 };
	assert_int_equal(media_read_new(&first.read, media, "a", 0, 0, on_progress, &first), 0);
	assert_int_equal(media_read_new(&second.read, media, "b", 0, 0, on_progress, &second), 0);
	assert_int_equal(media_read_new(&third.read, media, "c", 0, 0, on_progress, &third), 0);
	size_t before = asked_count;
	media_close(media, REASON_SESSION_LOST);
	assert_int_equal(asked_count, before); /* nobody is there to cancel anything */
	assert_int_equal(first.calls, 1);
	assert_int_equal(second.calls, 1);
	assert_int_equal(third.calls, 1);
	expect_end(first.read, REASON_SESSION_LOST);
	expect_end(third.read, REASON_SESSION_LOST);
	struct media_read *none;
	assert_int_equal(media_read_new(&none, media, "a", 0, 0, on_progress, NULL), -ENOTCONN);
	media_read_free(first.read);
	media_read_free(third.read);
}

static void limits(void **state) {
	(void)state;
	struct watcher watcher[MEDIA_READERS] = { 0 };
	struct media_read *none;
	for (size_t i = 0; i < MEDIA_READERS; i++)
		assert_int_equal(media_read_new(&watcher[i].read, media, "a", 0, 0, on_progress, &watcher[i]), 0);
	assert_int_equal(media_read_new(&none, media, "a", 0, 0, on_progress, NULL), -EMFILE);
	media_read_free(watcher[3].read);
	assert_int_equal(media_read_new(&none, media, "0123456789abcdef0123456789abcdef0", 0, 0, on_progress, NULL), -EINVAL);
	assert_int_equal(media_read_new(&watcher[3].read, media, "a", 0, 0, on_progress, &watcher[3]), 0);
	for (size_t i = 0; i < MEDIA_READERS; i++)
		media_read_free(watcher[i].read);
}

static void live_preview(void **state) {
	(void)state;
	struct watcher watcher = { 0 };
	assert_int_equal(media_read_new(&watcher.read, media, "", 0, 0, on_progress, &watcher), 0);
	assert_int_equal(asked_count, 1);
	assert_string_equal(asked[0].recording_id, "");
	uint32_t id = asked[0].id;
	assert_int_equal(say_head(id, REASON_OK, 0), 0);
	uint64_t position = 0, given = 0;
	for (int i = 0; i < 60; i++) {
		assert_int_equal(say_data(id, given, 50000), 0);
		given += 50000;
		position += take(watcher.read, position, 49999);
	}
	assert_int_equal(asked_count, 1); /* no slices */
	/* It stops reading: memory stays bounded, and it is told. */
	while (given - position <= MEDIA_BUFFER) {
		assert_int_equal(say_data(id, given, 50000), 0);
		given += 50000;
	}
	expect_end(watcher.read, REASON_QUEUE_FULL);
	assert_true(asked[asked_count - 1].cancel);
	media_read_free(watcher.read);
	/* It ends on its own. */
	asked_count = 0;
	assert_int_equal(media_read_new(&watcher.read, media, "", 0, 0, on_progress, &watcher), 0);
	assert_int_equal(say_head(asked[0].id, REASON_OK, 0), 0);
	assert_int_equal(say_data(asked[0].id, 0, 10), 0);
	assert_int_equal(say_end(asked[0].id, REASON_OK), 0);
	expect_end(watcher.read, REASON_OK);
	assert_int_equal(take(watcher.read, 0, SIZE_MAX), 10);
	media_read_free(watcher.read);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(whole_recording), TEST(parts),    TEST(slow_reader_is_bounded),
		TEST(interleaved),     TEST(refusals), TEST(protocol_violations),
		TEST(channel_closes),  TEST(limits),   TEST(live_preview),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
