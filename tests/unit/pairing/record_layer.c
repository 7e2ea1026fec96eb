/* Records out of bytes, however the link cuts them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "pairing/record_layer.h"

#define LIMIT 40
#define NOW_US (1000 * SECOND_US)

/* Three records: 1 byte, the limit, 5 bytes. */
static const size_t lengths[] = { 1, LIMIT, 5 };
#define STREAM_SIZE (3 * RECORD_HEADER_SIZE + 1 + LIMIT + 5)

static void make_stream(uint8_t out[STREAM_SIZE]) {
	struct writer w = writer_over(out, STREAM_SIZE);
	for (size_t i = 0; i < ELEMENTS(lengths); i++) {
		record_header_write(writer_reserve(&w, RECORD_HEADER_SIZE), lengths[i]);
		memset(writer_reserve(&w, lengths[i]), (int)('a' + i), lengths[i]);
	}
	assert_false(w.failed);
}

/* Feeds `length` bytes that lie in an allocation of their own; checks each record that comes out. */
static void feed(struct record_layer *layer, const uint8_t *bytes, size_t length, size_t *seen) {
	uint8_t *exact = malloc(length ? length : 1);
	assert_non_null(exact);
	memcpy(exact, bytes, length);
	const uint8_t *at = exact;
	while (length > 0) {
		const uint8_t *record = NULL;
		size_t record_length = 0;
		enum record_result result = record_layer_take(layer, &at, &length, NOW_US, &record, &record_length);
		if (result == RECORD_PARTIAL) {
			assert_int_equal(length, 0);
			assert_true(record_layer_deadline_us(layer) == NOW_US + RECORD_STALL_US);
			break;
		}
		assert_int_equal(result, RECORD_WHOLE);
		assert_true(*seen < ELEMENTS(lengths));
		assert_int_equal(record_length, lengths[*seen]);
		for (size_t i = 0; i < record_length; i++)
			assert_int_equal(record[i], 'a' + *seen);
		assert_true(record_layer_deadline_us(layer) == UINT64_MAX);
		++*seen;
	}
	free(exact);
}

static void test_every_two_cuts(void **state) {
	(void)state;
	uint8_t stream[STREAM_SIZE];
	make_stream(stream);
	for (size_t first = 0; first <= STREAM_SIZE; first++)
		for (size_t second = first; second <= STREAM_SIZE; second++) {
			struct record_layer layer;
			size_t seen = 0;
			assert_int_equal(record_layer_init(&layer, LIMIT), 0);
			feed(&layer, stream, first, &seen);
			feed(&layer, stream + first, second - first, &seen);
			feed(&layer, stream + second, STREAM_SIZE - second, &seen);
			assert_int_equal(seen, ELEMENTS(lengths));
			assert_true(record_layer_deadline_us(&layer) == UINT64_MAX);
			record_layer_free(&layer);
		}
}

static void test_byte_by_byte(void **state) {
	(void)state;
	uint8_t stream[STREAM_SIZE];
	struct record_layer layer;
	size_t seen = 0;
	make_stream(stream);
	assert_int_equal(record_layer_init(&layer, LIMIT), 0);
	for (size_t i = 0; i < STREAM_SIZE; i++)
		feed(&layer, stream + i, 1, &seen);
	assert_int_equal(seen, ELEMENTS(lengths));
	record_layer_free(&layer);
}

/* Zero and one above the limit, at once or in two pieces, as the first record and after a good one. */
static void test_bad_lengths(void **state) {
	(void)state;
	static const struct {
		uint8_t bytes[2];
		enum record_result result;
	} rows[] = {
		{ { 0, 0 }, RECORD_EMPTY },
		{ { 0, LIMIT + 1 }, RECORD_OVER },
		{ { 1, 0 }, RECORD_OVER },
		{ { 0xff, 0xff }, RECORD_OVER },
	};
	for (size_t row = 0; row < ELEMENTS(rows); row++)
		for (unsigned pieces = 1; pieces <= 2; pieces++)
			for (unsigned before = 0; before <= 1; before++) {
				struct record_layer layer;
				const uint8_t good[] = { 0, 1, 'a' }, *at = good, *record;
				size_t length = sizeof(good), record_length;
				assert_int_equal(record_layer_init(&layer, LIMIT), 0);
				if (before > 0)
					assert_int_equal(record_layer_take(&layer, &at, &length, NOW_US, &record, &record_length),
					                 RECORD_WHOLE);
				at = rows[row].bytes;
				length = 2;
				if (pieces == 2) {
					length = 1;
					assert_int_equal(record_layer_take(&layer, &at, &length, NOW_US, &record, &record_length),
					                 RECORD_PARTIAL);
					length = 1;
				}
				assert_int_equal(record_layer_take(&layer, &at, &length, NOW_US, &record, &record_length),
				                 rows[row].result);
				record_layer_free(&layer);
			}
}

/* A whole record in one piece is not copied; its plaintext goes to the buffer. */
static void test_no_copy(void **state) {
	(void)state;
	struct record_layer layer;
	const uint8_t bytes[] = { 0, 2, 'a', 'b', 0, 2, 'c' }, *at = bytes, *record;
	size_t length = sizeof(bytes), record_length;
	assert_int_equal(record_layer_init(&layer, LIMIT), 0);
	assert_int_equal(record_layer_take(&layer, &at, &length, NOW_US, &record, &record_length), RECORD_WHOLE);
	assert_ptr_equal(record, bytes + 2);
	assert_int_equal(record_layer_take(&layer, &at, &length, NOW_US, &record, &record_length), RECORD_PARTIAL);
	at = (const uint8_t *)"d";
	length = 1;
	assert_int_equal(record_layer_take(&layer, &at, &length, NOW_US, &record, &record_length), RECORD_WHOLE);
	assert_ptr_equal(record, record_layer_plaintext(&layer));
	assert_memory_equal(record, "cd", 2);
	record_layer_free(&layer);
}

/* Stalled means no byte for a while: each byte grants more time. */
static void test_stall(void **state) {
	(void)state;
	struct record_layer layer;
	const uint8_t bytes[] = { 0, 9, 1, 2 }, *at = bytes, *record;
	size_t record_length;
	assert_int_equal(record_layer_init(&layer, LIMIT), 0);
	for (uint64_t second = 0; second < sizeof(bytes); second++) {
		size_t length = 1;
		uint64_t now_us = NOW_US + second * SECOND_US;
		assert_int_equal(record_layer_take(&layer, &at, &length, now_us, &record, &record_length), RECORD_PARTIAL);
		assert_true(record_layer_deadline_us(&layer) == now_us + RECORD_STALL_US);
	}
	record_layer_free(&layer);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_two_cuts), cmocka_unit_test(test_byte_by_byte), cmocka_unit_test(test_bad_lengths),
		cmocka_unit_test(test_no_copy),        cmocka_unit_test(test_stall),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
