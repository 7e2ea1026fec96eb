#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

static const uint8_t sample[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18 };

struct values {
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	uint8_t tail[3];
};

static void read_values(struct reader *r, struct values *values) {
	values->u8 = reader_u8(r);
	values->u16 = reader_u16(r);
	values->u32 = reader_u32(r);
	values->u64 = reader_u64(r);
	reader_copy(r, values->tail, sizeof(values->tail));
}

static void test_reader(void **state) {
	(void)state;
	struct reader r = reader_over(sample, sizeof(sample));
	struct values values;
	read_values(&r, &values);
	assert_int_equal(values.u8, 0x01);
	assert_int_equal(values.u16, 0x0203);
	assert_int_equal(values.u32, 0x04050607);
	assert_true(values.u64 == 0x08090a0b0c0d0e0full);
	assert_memory_equal(values.tail, ((const uint8_t[]){ 16, 17, 18 }), 3);
	assert_true(reader_done(&r));
	assert_int_equal(reader_left(&r), 0);
	assert_null(reader_take(&r, 1));
	assert_false(reader_done(&r));
}

/* Each length short of the whole: the input lies at the end of its own allocation, where the sanitizer sees a read past it. */
static void test_reader_cut_short(void **state) {
	(void)state;
	static const struct values zero;
	for (size_t length = 0; length < sizeof(sample); length++) {
		uint8_t *exact = malloc(length ? length : 1);
		assert_non_null(exact);
		memcpy(exact, sample, length);
		struct reader r = reader_over(exact, length);
		struct values values;
		memset(&values, 0xaa, sizeof(values));
		read_values(&r, &values);
		assert_true(r.failed);
		assert_false(reader_done(&r));
		assert_int_equal(reader_left(&r), 0);
		assert_memory_equal(values.tail, zero.tail, sizeof(zero.tail)); /* the last read always fails: zeros */
		assert_null(reader_take(&r, 0));                                /* stays failed */
		assert_int_equal(reader_u64(&r), 0);
		free(exact);
	}
	struct reader none = reader_over(NULL, 0);
	assert_true(reader_done(&none));
	assert_int_equal(reader_u8(&none), 0);
	assert_false(reader_done(&none));
	struct reader huge = reader_over(sample, sizeof(sample));
	assert_null(reader_take(&huge, SIZE_MAX)); /* no pointer is formed past the end */
}

static void test_writer(void **state) {
	(void)state;
	uint8_t out[sizeof(sample)];
	for (size_t capacity = 0; capacity <= sizeof(out); capacity++) {
		memset(out, 0xaa, sizeof(out));
		struct writer w = writer_over(out, capacity);
		writer_u8(&w, 0x01);
		writer_u16(&w, 0x0203);
		writer_u32(&w, 0x04050607);
		writer_u64(&w, 0x08090a0b0c0d0e0full);
		writer_copy(&w, sample + 15, 3);
		assert_int_equal(w.failed, capacity < sizeof(out));
		if (w.failed) {
			size_t before = writer_length(&w);
			assert_null(writer_reserve(&w, 0)); /* stays failed, writes no more */
			writer_u8(&w, 1);
			assert_int_equal(writer_length(&w), before);
		} else {
			assert_int_equal(writer_length(&w), sizeof(sample));
			assert_memory_equal(out, sample, sizeof(sample));
		}
		for (size_t i = capacity; i < sizeof(out); i++)
			assert_int_equal(out[i], 0xaa);
	}
	struct writer w = writer_over(out, sizeof(out));
	writer_copy(&w, NULL, 0);
	assert_false(w.failed);
}

static void test_hex(void **state) {
	(void)state;
	char text[2 * sizeof(sample) + 1];
	uint8_t back[sizeof(sample)] = { 0 };
	hex_encode(text, sample, sizeof(sample));
	assert_string_equal(text, "0102030405060708090a0b0c0d0e0f101112");
	assert_int_equal(hex_decode(back, sizeof(back), text), 0);
	assert_memory_equal(back, sample, sizeof(sample));
	assert_int_equal(hex_decode(back, 2, "fFaB"), 0);
	assert_int_equal(back[0], 0xff);
	assert_int_equal(back[1], 0xab);
	static const char *const bad[] = { "", "0", "000", "00000", "0g00", " 000", "00 0", "-100", "0x00", "00\n0" };
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		back[0] = 0x55;
		assert_int_equal(hex_decode(back, 2, bad[i]), -EINVAL);
		assert_int_equal(back[0], 0x55); /* outputs are untouched on failure */
	}
	assert_int_equal(hex_decode(back, 0, ""), 0);
}

static void test_secrets(void **state) {
	(void)state;
	uint8_t a[32], b[32];
	memset(a, 7, sizeof(a));
	memset(b, 7, sizeof(b));
	assert_true(bytes_equal_secret(a, b, sizeof(a)));
	for (size_t bit = 0; bit < 8 * sizeof(a); bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(bytes_equal_secret(a, b, sizeof(a)));
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	wipe(a, 31);
	assert_int_equal(a[30], 0);
	assert_int_equal(a[31], 7);
	wipe(NULL, 5);
	wipe(a, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader), cmocka_unit_test(test_reader_cut_short), cmocka_unit_test(test_writer),
		cmocka_unit_test(test_hex),    cmocka_unit_test(test_secrets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
