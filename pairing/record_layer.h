/* The record layer, receiving side: 2-byte big-endian length, then that many bytes, back to back. Bytes come in as the link
 * delivers them; whole records go out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pairing/limits.h"

struct record_layer {
	uint8_t *buffer; /* RECORD_HEADER_SIZE + limit */
	size_t limit, filled;
	uint64_t deadline_us; /* while a record is incomplete: when it counts as stalled */
};

enum record_result {
	RECORD_PARTIAL, /* all bytes were taken, the record is not complete */
	RECORD_WHOLE,   /* *ret_record, valid until the next call; bytes may be left */
	RECORD_EMPTY,   /* a length of zero */
	RECORD_OVER,    /* a length above the limit */
};

/* 0 or -ENOMEM. */
int record_layer_init(struct record_layer *ret, size_t limit);
/* Wipes and frees. */
void record_layer_free(struct record_layer *layer);
/* Takes bytes from *bytes / *length, up to the end of one record. The record lies in the caller's bytes when they hold all of it,
 * and in the layer's buffer otherwise. */
enum record_result record_layer_take(struct record_layer *layer, const uint8_t **bytes, size_t *length, uint64_t now_us,
                                     const uint8_t **ret_record, size_t *ret_length);
/* Where a record may be decrypted to: `limit` bytes, also when the record lies right there. */
uint8_t *record_layer_plaintext(const struct record_layer *layer);
/* UINT64_MAX while no record is incomplete. */
uint64_t record_layer_deadline_us(const struct record_layer *layer);
/* Writes a record's length before it. */
void record_header_write(uint8_t out[RECORD_HEADER_SIZE], size_t length);
