/* Bounded cursors over bytes, hexadecimal, wiping. Every byte that came from a radio, a network or a file is read through
 * struct reader: a read past the end sets `failed`, returns zeros, and stays failed, so that a parser checks once at its end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

struct reader {
	const uint8_t *at, *end;
	bool failed;
};

static inline struct reader reader_over(const void *bytes, size_t length) {
	return (struct reader){ .at = bytes, .end = bytes ? (const uint8_t *)bytes + length : bytes, .failed = false };
}

static inline size_t reader_left(const struct reader *r) {
	return r->failed ? 0 : (size_t)(r->end - r->at);
}

/* Returns a pointer to the next `length` bytes and steps over them, or NULL (and fails the reader). */
const uint8_t *reader_take(struct reader *r, size_t length);
void reader_copy(struct reader *r, void *out, size_t length);
/* Big-endian integers. */
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
/* True when nothing failed and every byte was read. */
bool reader_done(const struct reader *r);

struct writer {
	uint8_t *start, *at, *end;
	bool failed;
};

static inline struct writer writer_over(void *bytes, size_t capacity) {
	return (struct writer){ .start = bytes, .at = bytes, .end = (uint8_t *)bytes + capacity, .failed = false };
}

static inline size_t writer_length(const struct writer *w) {
	return (size_t)(w->at - w->start);
}

/* Reserves `length` bytes to be filled by the caller, or returns NULL (and fails the writer). */
uint8_t *writer_reserve(struct writer *w, size_t length);
void writer_copy(struct writer *w, const void *bytes, size_t length);
void writer_u8(struct writer *w, uint8_t value);
void writer_u16(struct writer *w, uint16_t value);
void writer_u32(struct writer *w, uint32_t value);
void writer_u64(struct writer *w, uint64_t value);

/* Lower-case hexadecimal; `out` holds 2 * length + 1 characters. */
void hex_encode(char *out, const void *bytes, size_t length);
/* Decodes exactly `length` bytes from 2 * length digits followed by the string's end. 0 or -EINVAL. */
int hex_decode(void *out, size_t length, const char *text);

/* Overwrites memory in a way no compiler removes. NULL is allowed. */
void wipe(void *bytes, size_t length);
/* Compares without a data-dependent branch. */
bool bytes_equal_secret(const void *a, const void *b, size_t length);
