/* Ends of a link for fuzz targets: fake clock, fixed random, fixed keys, and what must hold of an end whatever comes. The input
 * of these targets is a script of operations, so that it reaches far behind the handshakes without knowing a key. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "pairing/channel.h"

#define WIRE_LIMIT (256 * 1024)
#define PEERS_NAME "peer"

struct ends;

struct end {
	struct ends *ends;
	struct channel *channel;
	bool camera, begun, code_shown, accepted, committed, live, closed;
	uint32_t code;
	struct pairing_record record;
	unsigned sent, received; /* messages of the layer above */
	uint8_t wire[WIRE_LIMIT];
	size_t wire_length;
};

struct ends {
	struct end camera, companion;
	bool two; /* both are channels of ours: they can be held to each other */
	uint64_t random_counter, now_us;
	struct random_source random;
	struct static_keys camera_keys, companion_keys;
	struct pairing_record camera_record, companion_record; /* what the camera and the companion know of each other */
	uint8_t media_psk[KEY_SIZE];
};

static inline void must(bool good) {
	if (!good)
		abort();
}

/* Message number n of an end: its length and bytes follow from n. */
static inline size_t numbered_message(unsigned number, bool camera, uint8_t out[64]) {
	size_t length = number % 61 + 3;
	memset(out, (int)number, length);
	out[0] = camera;
	return length;
}

static inline void fill_random(void *context, uint8_t *out, size_t length) {
	struct ends *ends = context;
	while (length > 0) {
		uint8_t hash[SHA256_SIZE];
		size_t take = length < sizeof(hash) ? length : sizeof(hash);
		ends->random_counter++;
		sha256(&ends->random_counter, sizeof(ends->random_counter), hash);
		memcpy(out, hash, take);
		out += take;
		length -= take;
	}
}

static inline struct end *other_end(struct end *end) {
	return end->camera ? &end->ends->companion : &end->ends->camera;
}

static inline void on_send(void *context, const uint8_t *bytes, size_t length) {
	struct end *end = context;
	must(!end->closed && length > RECORD_HEADER_SIZE && end->wire_length + length <= WIRE_LIMIT);
	memcpy(end->wire + end->wire_length, bytes, length);
	end->wire_length += length;
}

static inline enum reason on_begin(void *context) {
	struct end *end = context;
	must(end->camera && !end->begun && !end->closed);
	end->begun = true;
	return REASON_OK;
}

static inline void on_code(void *context, uint32_t code) {
	struct end *end = context;
	must(!end->closed && !end->code_shown && code < CODE_VALUES && (end->begun || !end->camera));
	end->code_shown = true;
	end->code = code;
	/* Nobody in between has a key here: whoever changed a byte before this point has ended the handshake. */
	must(!end->ends->two || !other_end(end)->code_shown || other_end(end)->code == code);
	must(strlen(channel_peer_name(end->channel)) <= COMPANION_NAME_LIMIT);
}

static inline int on_commit(void *context, const struct pairing_record *record) {
	struct end *end = context;
	must(!end->closed && !end->committed && end->code_shown);
	/* Invariants 2 and 3: only after the person's yes at both ends, and the camera only after the companion. */
	must(end->accepted);
	if (end->ends->two) {
		must(other_end(end)->accepted);
		must(!end->camera ||
		     (other_end(end)->committed && memcmp(record->secret, other_end(end)->record.secret, KEY_SIZE) == 0));
		must(memcmp(record->peer_key, (end->camera ? end->ends->companion_keys : end->ends->camera_keys).public,
		            KEY_SIZE) == 0);
	}
	must(x25519_key_is_valid(record->peer_key));
	end->committed = true;
	end->record = *record;
	return 0;
}

static inline void on_live(void *context) {
	struct end *end = context;
	must(!end->closed && !end->live);
	end->live = true;
	if (channel_kind(end->channel) == CHANNEL_PAIRING)
		must(end->committed && (!end->ends->two || other_end(end)->committed));
	else /* invariant 4: the companion was there first */
		must(!end->ends->two || !end->camera || other_end(end)->live);
}

static inline void on_message(void *context, const uint8_t *bytes, size_t length) {
	struct end *end = context;
	must(!end->closed && end->live && length > 0);
	if (end->ends->two) {
		/* The next one that the other end has sent, and no other. */
		uint8_t expected[64];
		must(end->received < other_end(end)->sent);
		must(length == numbered_message(end->received, !end->camera, expected) && memcmp(bytes, expected, length) == 0);
	}
	end->received++;
}

static inline void on_closed(void *context, enum reason reason) {
	struct end *end = context;
	must(!end->closed && (unsigned)reason == (unsigned)reason_from_number(reason));
	end->closed = true;
}

static const struct channel_callbacks end_callbacks = {
	.send = on_send,
	.pairing_begin = on_begin,
	.code = on_code,
	.commit = on_commit,
	.live = on_live,
	.message = on_message,
	.closed = on_closed,
};

static inline void ends_start(struct ends *ends, bool two) {
	static bool started;
	if (!started)
		must(crypto_start() == 0);
	started = true;
	memset(&ends->camera, 0, offsetof(struct end, wire));
	memset(&ends->companion, 0, offsetof(struct end, wire));
	ends->camera.wire_length = ends->companion.wire_length = 0;
	ends->camera.camera = true;
	ends->camera.ends = ends->companion.ends = ends;
	ends->two = two;
	ends->random_counter = 0;
	ends->now_us = 1000 * SECOND_US;
	ends->random = (struct random_source){ fill_random, ends };
	static_keys_make(&ends->camera_keys, &ends->random);
	static_keys_make(&ends->companion_keys, &ends->random);
	ends->camera_record = (struct pairing_record){ .secret = { 7 }, .peer_name = PEERS_NAME };
	ends->companion_record = ends->camera_record;
	memcpy(ends->camera_record.peer_key, ends->companion_keys.public, KEY_SIZE);
	memcpy(ends->companion_record.peer_key, ends->camera_keys.public, KEY_SIZE);
	memset(ends->media_psk, 9, KEY_SIZE);
}

static inline void end_open(struct end *end, enum channel_kind kind) {
	struct ends *ends = end->ends;
	const struct channel_config config = {
		.random = &ends->random,
		.keys = end->camera ? &ends->camera_keys : &ends->companion_keys,
		.pairing = end->camera               ? &ends->camera_record
		           : kind == CHANNEL_PAIRING ? NULL
		                                     : &ends->companion_record,
		.media_psk = kind == CHANNEL_MEDIA ? ends->media_psk : NULL,
		.name = end->camera ? "LY-0001" : "phone",
		.record_limit = kind == CHANNEL_MEDIA ? RECORD_LIMIT_MEDIA : RECORD_LIMIT_BLUETOOTH,
		.callbacks = &end_callbacks,
		.context = end,
	};
	must((end->camera ? channel_new_camera(&end->channel, &config, kind == CHANNEL_MEDIA, ends->now_us)
	                  : channel_new_companion(&end->channel, &config, kind, ends->now_us)) == 0);
}

/* From an allocation of the exact size, so that the sanitizer sees a read beyond it. */
static inline void end_receive(struct end *end, const uint8_t *bytes, size_t length) {
	if (end->closed || length == 0)
		return;
	uint8_t *exact = malloc(length);
	must(exact != NULL);
	memcpy(exact, bytes, length);
	channel_receive(end->channel, exact, length, end->ends->now_us);
	free(exact);
}

static inline void end_tick(struct end *end) {
	if (end->closed || channel_deadline_us(end->channel) > end->ends->now_us)
		return;
	channel_tick(end->channel, end->ends->now_us);
	/* What was due has been done: a loop that waits for the deadline does not spin. */
	must(channel_deadline_us(end->channel) > end->ends->now_us);
}

static inline void end_confirm(struct end *end, bool accepted) {
	if (end->closed)
		return;
	end->accepted = end->accepted || (accepted && end->code_shown);
	channel_confirm(end->channel, accepted, end->ends->now_us);
}

static inline void end_say(struct end *end) {
	uint8_t bytes[64];
	if (end->closed)
		return;
	size_t length = numbered_message(end->sent, end->camera, bytes);
	end->sent++; /* before: nothing hinders the other end from answering inside the call */
	if (channel_send(end->channel, bytes, length) < 0)
		end->sent--;
}

static inline void end_close(struct end *end, enum reason reason) {
	if (end->closed)
		return;
	channel_close(end->channel, reason);
	must(end->closed);
}
