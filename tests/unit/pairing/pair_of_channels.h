/* A camera's and a companion's end of a link with a fake clock, fake random and a fake link between them that can be cut, flipped
 * and delivered in pieces. For any test that needs two channels that talk. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "pairing/channel.h"

#define WIRE_LIMIT (256 * 1024)

enum pair_callback {
	PAIR_SEND = 1,
	PAIR_BEGIN = 2,
	PAIR_CODE = 4,
	PAIR_COMMIT = 8,
	PAIR_LIVE = 16,
	PAIR_MESSAGE = 32,
	PAIR_CLOSED = 64,
	PAIR_CALLBACKS = 128,
};

struct pair_end {
	struct pair_of_channels *pair;
	struct channel *channel;
	struct static_keys keys;
	struct pairing_record record; /* what `commit` was given last */
	int commit_result;
	enum reason pairing_allowed;
	bool committed, live, closed, code_shown;
	unsigned free_in; /* mask of enum pair_callback: the channel is freed inside it */
	unsigned called;  /* mask of enum pair_callback: which were called */
	enum reason reason;
	uint32_t code;
	uint8_t message[65536];
	size_t message_length;
	unsigned messages;
	/* Bytes on their way to the other end, and how many records they are. */
	uint8_t wire[WIRE_LIMIT];
	size_t wire_length;
	unsigned records;
};

struct pair_of_channels {
	struct pair_end camera, companion;
	struct random_source random;
	uint64_t random_counter, now_us;
	size_t piece;          /* deliver at most this many bytes at a time; 0: all */
	bool flipping, cut;    /* cut: nothing is delivered any more */
	size_t flip_bit, bits; /* position over all bytes delivered so far */
	unsigned delivered;
	const char *fingerprint; /* that the companion was told of the camera's key */
};

static inline void pair_random(void *context, uint8_t *out, size_t length) {
	struct pair_of_channels *pair = context;
	for (size_t i = 0; i < length; i += SHA256_SIZE) {
		uint8_t hash[SHA256_SIZE];
		pair->random_counter++;
		sha256(&pair->random_counter, sizeof(pair->random_counter), hash);
		memcpy(out + i, hash, length - i < SHA256_SIZE ? length - i : SHA256_SIZE);
	}
}

static inline void pair_called(struct pair_end *end, enum pair_callback callback) {
	end->called |= callback;
	if (!(end->free_in & callback))
		return;
	channel_free(end->channel);
	end->channel = NULL;
}

static inline void pair_on_send(void *context, const uint8_t *bytes, size_t length) {
	struct pair_end *end = context;
	assert_true(end->wire_length + length <= WIRE_LIMIT);
	memcpy(end->wire + end->wire_length, bytes, length);
	end->wire_length += length;
	end->records++;
	pair_called(end, PAIR_SEND);
}

static inline enum reason pair_on_begin(void *context) {
	struct pair_end *end = context;
	pair_called(end, PAIR_BEGIN);
	return end->pairing_allowed;
}

static inline void pair_on_code(void *context, uint32_t code) {
	struct pair_end *end = context;
	end->code_shown = true;
	end->code = code;
	pair_called(end, PAIR_CODE);
}

static inline int pair_on_commit(void *context, const struct pairing_record *record) {
	struct pair_end *end = context;
	if (end->commit_result == 0) {
		end->record = *record;
		end->committed = true;
	}
	pair_called(end, PAIR_COMMIT);
	return end->commit_result;
}

static inline void pair_on_live(void *context) {
	struct pair_end *end = context;
	end->live = true;
	pair_called(end, PAIR_LIVE);
}

static inline void pair_on_message(void *context, const uint8_t *bytes, size_t length) {
	struct pair_end *end = context;
	assert_true(length > 0);
	memcpy(end->message, bytes, length);
	end->message_length = length;
	end->messages++;
	pair_called(end, PAIR_MESSAGE);
}

static inline void pair_on_closed(void *context, enum reason reason) {
	struct pair_end *end = context;
	assert_false(end->closed); /* once */
	end->closed = true;
	end->reason = reason;
	pair_called(end, PAIR_CLOSED);
}

static const struct channel_callbacks pair_callbacks = {
	.send = pair_on_send,
	.pairing_begin = pair_on_begin,
	.code = pair_on_code,
	.commit = pair_on_commit,
	.live = pair_on_live,
	.message = pair_on_message,
	.closed = pair_on_closed,
};

static inline void pair_start(struct pair_of_channels *pair) {
	memset(pair, 0, sizeof(*pair));
	pair->random = (struct random_source){ pair_random, pair };
	pair->now_us = 1000 * SECOND_US;
	pair->camera.pair = pair->companion.pair = pair;
	static_keys_make(&pair->camera.keys, &pair->random);
	static_keys_make(&pair->companion.keys, &pair->random);
}

static inline void pair_reset_end(struct pair_end *end) {
	channel_free(end->channel);
	end->channel = NULL;
	end->committed = end->live = end->closed = end->code_shown = false;
	end->wire_length = end->message_length = 0;
	end->records = end->messages = end->called = 0;
	end->reason = REASON_OK;
}

static inline struct channel_config pair_config(struct pair_end *end, const char *name, const struct pairing_record *pairing) {
	return (struct channel_config){ .random = &end->pair->random,
		                        .keys = &end->keys,
		                        .pairing = pairing,
		                        .name = name,
		                        .record_limit = RECORD_LIMIT_BLUETOOTH,
		                        .callbacks = &pair_callbacks,
		                        .context = end };
}

static inline const struct pairing_record *pair_record_of(const struct pair_end *end) {
	static const struct pairing_record none;
	return memcmp(&end->record, &none, sizeof(none)) == 0 ? NULL : &end->record;
}

static inline void pair_open(struct pair_of_channels *pair, enum channel_kind kind) {
	static const uint8_t media_psk[KEY_SIZE + 1] = "a one-time key of just 32 bytes.";
	pair_reset_end(&pair->camera);
	pair_reset_end(&pair->companion);
	pair->cut = false;
	pair->bits = 0;
	pair->delivered = 0;
	struct channel_config camera = pair_config(&pair->camera, "LY-1", pair_record_of(&pair->camera));
	struct channel_config companion = pair_config(&pair->companion, "phone", pair_record_of(&pair->companion));
	companion.peer_fingerprint = pair->fingerprint;
	if (kind == CHANNEL_MEDIA) {
		camera.media_psk = companion.media_psk = media_psk;
		camera.record_limit = companion.record_limit = RECORD_LIMIT_MEDIA;
	}
	assert_int_equal(channel_new_camera(&pair->camera.channel, &camera, kind == CHANNEL_MEDIA, pair->now_us), 0);
	assert_int_equal(channel_new_companion(&pair->companion.channel, &companion, kind, pair->now_us), 0);
}

/* Delivers what `from` has sent. Returns whether there was anything. */
static inline bool pair_deliver(struct pair_of_channels *pair, struct pair_end *from, struct pair_end *to) {
	if (from->wire_length == 0 || pair->cut)
		return false;
	static uint8_t bytes[WIRE_LIMIT];
	size_t length = from->wire_length;
	memcpy(bytes, from->wire, length);
	from->wire_length = 0;
	if (pair->flipping && pair->flip_bit >= pair->bits && pair->flip_bit < pair->bits + 8 * length) {
		size_t bit = pair->flip_bit - pair->bits;
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	pair->bits += 8 * length;
	pair->delivered++;
	for (size_t at = 0; at < length && to->channel;) {
		size_t take = pair->piece > 0 && pair->piece < length - at ? pair->piece : length - at;
		channel_receive(to->channel, bytes + at, take, pair->now_us);
		at += take;
	}
	return true;
}

/* Until nobody has anything to say. */
static inline void pair_run(struct pair_of_channels *pair) {
	while (pair_deliver(pair, &pair->companion, &pair->camera) || pair_deliver(pair, &pair->camera, &pair->companion))
		;
}

/* The persons at both ends have compared the codes. */
static inline void pair_confirm(struct pair_of_channels *pair) {
	if (pair->camera.channel)
		channel_confirm(pair->camera.channel, true, pair->now_us);
	if (pair->companion.channel)
		channel_confirm(pair->companion.channel, true, pair->now_us);
}

static inline void pair_complete_pairing(struct pair_of_channels *pair) {
	pair_open(pair, CHANNEL_PAIRING);
	pair_run(pair);
	pair_confirm(pair);
	pair_run(pair);
	assert_true(pair->camera.live && pair->companion.live);
}

static inline void pair_end(struct pair_of_channels *pair) {
	pair_reset_end(&pair->camera);
	pair_reset_end(&pair->companion);
}
