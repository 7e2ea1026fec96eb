#include "base/bytes.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

const uint8_t *reader_take(struct reader *r, size_t length) {
	if (r->failed || (size_t)(r->end - r->at) < length) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *bytes = r->at;
	r->at += length;
	return bytes;
}

void reader_copy(struct reader *r, void *out, size_t length) {
	const uint8_t *bytes = reader_take(r, length);
	if (bytes)
		memcpy(out, bytes, length);
	else
		memset(out, 0, length);
}

static uint64_t reader_integer(struct reader *r, size_t width) {
	const uint8_t *bytes = reader_take(r, width);
	uint64_t value = 0;
	for (size_t i = 0; bytes && i < width; i++)
		value = value << 8 | bytes[i];
	return value;
}

uint8_t reader_u8(struct reader *r) {
	return (uint8_t)reader_integer(r, 1);
}

uint16_t reader_u16(struct reader *r) {
	return (uint16_t)reader_integer(r, 2);
}

uint32_t reader_u32(struct reader *r) {
	return (uint32_t)reader_integer(r, 4);
}

uint64_t reader_u64(struct reader *r) {
	return reader_integer(r, 8);
}

bool reader_done(const struct reader *r) {
	return !r->failed && r->at == r->end;
}

uint8_t *writer_reserve(struct writer *w, size_t length) {
	if (w->failed || (size_t)(w->end - w->at) < length) {
		w->failed = true;
		return NULL;
	}
	uint8_t *bytes = w->at;
	w->at += length;
	return bytes;
}

void writer_copy(struct writer *w, const void *bytes, size_t length) {
	uint8_t *room = writer_reserve(w, length);
	if (room && length > 0)
		memcpy(room, bytes, length);
}

static void writer_integer(struct writer *w, uint64_t value, size_t width) {
	uint8_t *room = writer_reserve(w, width);
	for (size_t i = 0; room && i < width; i++)
		room[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
}

void writer_u8(struct writer *w, uint8_t value) {
	writer_integer(w, value, 1);
}

void writer_u16(struct writer *w, uint16_t value) {
	writer_integer(w, value, 2);
}

void writer_u32(struct writer *w, uint32_t value) {
	writer_integer(w, value, 4);
}

void writer_u64(struct writer *w, uint64_t value) {
	writer_integer(w, value, 8);
}

void hex_encode(char *out, const void *bytes, size_t length) {
	static const char digits[] = "0123456789abcdef";
	const uint8_t *in = bytes;
	for (size_t i = 0; i < length; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
	out[2 * length] = '\0';
}

static int hex_digit(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(void *out, size_t length, const char *text) {
	if (strlen(text) != 2 * length)
		return -EINVAL;
	uint8_t *bytes = out;
	for (size_t i = 0; i < 2 * length; i++)
		if (hex_digit(text[i]) < 0)
			return -EINVAL;
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)((unsigned)hex_digit(text[2 * i]) << 4 | (unsigned)hex_digit(text[2 * i + 1]));
	return 0;
}

void wipe(void *bytes, size_t length) {
	if (bytes && length > 0)
		sodium_memzero(bytes, length);
}

bool bytes_equal_secret(const void *a, const void *b, size_t length) {
	return sodium_memcmp(a, b, length) == 0;
}
