#include "pairing/record_layer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

int record_layer_init(struct record_layer *ret, size_t limit) {
	uint8_t *buffer = malloc(RECORD_HEADER_SIZE + limit);
	if (!buffer)
		return -ENOMEM;
	*ret = (struct record_layer){ .buffer = buffer, .limit = limit, .deadline_us = UINT64_MAX };
	return 0;
}

void record_layer_free(struct record_layer *layer) {
	wipe(layer->buffer, RECORD_HEADER_SIZE + layer->limit);
	free(layer->buffer);
	*layer = (struct record_layer){ 0 };
}

static size_t header_length(const uint8_t header[RECORD_HEADER_SIZE]) {
	struct reader r = reader_over(header, RECORD_HEADER_SIZE);
	return reader_u16(&r);
}

static void fill(struct record_layer *layer, const uint8_t **bytes, size_t *length, size_t target) {
	size_t missing = target - layer->filled, take = missing < *length ? missing : *length;
	assert(*bytes || take == 0);
	if (take > 0)
		memcpy(layer->buffer + layer->filled, *bytes, take);
	layer->filled += take;
	*bytes += take;
	*length -= take;
}

static enum record_result check(const struct record_layer *layer, size_t record) {
	return record == 0 ? RECORD_EMPTY : record > layer->limit ? RECORD_OVER : RECORD_WHOLE;
}

enum record_result record_layer_take(struct record_layer *layer, const uint8_t **bytes, size_t *length, uint64_t now_us,
                                     const uint8_t **ret_record, size_t *ret_length) {
	layer->deadline_us = UINT64_MAX;
	/* The usual case: a packet holds whole records, which need not be copied. */
	if (layer->filled == 0 && *length >= RECORD_HEADER_SIZE) {
		size_t record = header_length(*bytes);
		if (check(layer, record) != RECORD_WHOLE)
			return check(layer, record);
		if (*length >= RECORD_HEADER_SIZE + record) {
			*ret_record = *bytes + RECORD_HEADER_SIZE;
			*ret_length = record;
			*bytes += RECORD_HEADER_SIZE + record;
			*length -= RECORD_HEADER_SIZE + record;
			return RECORD_WHOLE;
		}
	}
	if (layer->filled < RECORD_HEADER_SIZE)
		fill(layer, bytes, length, RECORD_HEADER_SIZE);
	if (layer->filled >= RECORD_HEADER_SIZE) {
		size_t record = header_length(layer->buffer);
		if (check(layer, record) != RECORD_WHOLE)
			return check(layer, record);
		fill(layer, bytes, length, RECORD_HEADER_SIZE + record);
		if (layer->filled == RECORD_HEADER_SIZE + record) {
			layer->filled = 0;
			*ret_record = layer->buffer + RECORD_HEADER_SIZE;
			*ret_length = record;
			return RECORD_WHOLE;
		}
	}
	if (layer->filled > 0)
		layer->deadline_us = now_us + RECORD_STALL_US;
	return RECORD_PARTIAL;
}

uint8_t *record_layer_plaintext(const struct record_layer *layer) {
	return layer->buffer + RECORD_HEADER_SIZE;
}

uint64_t record_layer_deadline_us(const struct record_layer *layer) {
	return layer->deadline_us;
}

void record_header_write(uint8_t out[RECORD_HEADER_SIZE], size_t length) {
	struct writer w = writer_over(out, RECORD_HEADER_SIZE);
	writer_u16(&w, (uint16_t)length);
}
