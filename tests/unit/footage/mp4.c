/* The scan of a fragmented MP4: a file made here box by box, cut at every byte, in pieces of every size, and with boxes that lie.
 */
#include "tests/unit/footage/fragmented.h"

#include <errno.h>
#include <stdlib.h>

#include "footage/mp4.h"

static struct fragmented sample;

static int make(void **state) {
	(void)state;
	fragmented_make(&sample, 300);
	return 0;
}

static struct mp4_scan *scan(const uint8_t *bytes, size_t length, size_t piece) {
	struct mp4_scan *s;
	assert_int_equal(mp4_scan_new(&s), 0);
	for (size_t at = 0; at < length; at += piece)
		mp4_scan_feed(s, bytes + at, length - at < piece ? length - at : piece);
	return s;
}

static void test_pieces(void **state) {
	(void)state;
	static const size_t pieces[] = { 1, 2, 3, 7, 8, 9, 100, 1000, sizeof(sample.bytes) };
	for (size_t i = 0; i < ELEMENTS(pieces); i++) {
		struct mp4_scan *s = scan(sample.bytes, sample.length, pieces[i]);
		assert_int_equal(mp4_scan_duration_ms(s), FRAGMENTS * 1000);
		mp4_scan_free(s);
	}
}

static void test_every_cut(void **state) {
	(void)state;
	for (size_t length = 0; length <= sample.length; length++) {
		struct mp4_scan *s = scan(sample.bytes, length, sizeof(sample.bytes));
		unsigned whole = 0;
		while (whole < FRAGMENTS && sample.ends[whole] <= length)
			whole++;
		assert_int_equal(mp4_scan_duration_ms(s), whole * 1000);
		mp4_scan_free(s);
	}
}

static void test_index(void **state) {
	(void)state;
	struct mp4_scan *s = scan(sample.bytes, sample.length, 10);
	uint8_t *index;
	size_t length;
	assert_int_equal(mp4_scan_make_index(s, &index, &length), 0);
	struct reader r = reader_over(index, length);
	assert_int_equal(reader_u32(&r), length);
	assert_memory_equal(reader_take(&r, 4), "mfra", 4);
	assert_int_equal(reader_u32(&r), length - 8 - 16);
	assert_memory_equal(reader_take(&r, 4), "tfra", 4);
	assert_int_equal(reader_u32(&r), 1u << 24);
	assert_int_equal(reader_u32(&r), VIDEO);
	assert_int_equal(reader_u32(&r), 0);
	assert_int_equal(reader_u32(&r), FRAGMENTS);
	for (unsigned i = 0; i < FRAGMENTS; i++) {
		assert_int_equal(reader_u64(&r), 5000 + i * FRAMES * FRAME_TICKS);
		assert_int_equal(reader_u64(&r), sample.moofs[i]);
		assert_memory_equal(sample.bytes + sample.moofs[i] + 4, "moof", 4);
		reader_take(&r, 3);
	}
	assert_int_equal(reader_u32(&r), 16);
	assert_memory_equal(reader_take(&r, 4), "mfro", 4);
	assert_int_equal(reader_u32(&r), 0);
	assert_int_equal(reader_u32(&r), length); /* what a player reads first: how far back it begins */
	assert_true(reader_done(&r));
	free(index);
	mp4_scan_free(s);
	s = scan(sample.bytes, sample.moofs[0], 10);
	assert_int_equal(mp4_scan_make_index(s, &index, &length), -ENODATA);
	mp4_scan_free(s);
}

/* Sizes that lie: the scan ends there, and what was whole before stands. */
static void test_lies(void **state) {
	(void)state;
	static const uint32_t sizes[] = { 0, 1, 7, 0x80000000, UINT32_MAX };
	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		uint8_t copy[sizeof(sample.bytes)];
		memcpy(copy, sample.bytes, sample.length);
		writer_u32(&(struct writer){ .start = copy + sample.moofs[2],
		                             .at = copy + sample.moofs[2],
		                             .end = copy + sample.length },
		           sizes[i]);
		struct mp4_scan *s = scan(copy, sample.length, 1000);
		assert_int_equal(mp4_scan_duration_ms(s), 2000);
		mp4_scan_free(s);
	}
}

/* Any byte may be anything: nothing is read outside (the sanitizers watch), and pieces make no difference. */
static void test_any_byte(void **state) {
	(void)state;
	uint8_t copy[sizeof(sample.bytes)];
	for (size_t at = 0; at < sample.length; at++)
		for (unsigned bit = 0; bit < 8; bit += 3) {
			memcpy(copy, sample.bytes, sample.length);
			copy[at] ^= (uint8_t)(1u << bit);
			struct mp4_scan *s = scan(copy, sample.length, 4096), *t = scan(copy, sample.length, 5);
			assert_int_equal(mp4_scan_duration_ms(s), mp4_scan_duration_ms(t));
			mp4_scan_free(s);
			mp4_scan_free(t);
		}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces), cmocka_unit_test(test_every_cut), cmocka_unit_test(test_index),
		cmocka_unit_test(test_lies),   cmocka_unit_test(test_any_byte),
	};
	return cmocka_run_group_tests(tests, make, NULL);
}
