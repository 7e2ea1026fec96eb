/* A peer that speaks Noise but is not bound to say what the protocol wants: for tests of what a channel makes of it. */
#pragma once

#include <errno.h>

#include "pairing/hello.h"
#include "pairing/noise.h"
#include "pairing/pairing_messages.h"
#include "pairing/record_layer.h"
#include "tests/unit/pairing/pair_of_channels.h"

struct raw_peer {
	struct noise_handshake noise;
	struct noise_cipher send, receive;
	uint8_t hello[HELLO_SIZE];
	uint8_t payload[RECORD_LIMIT_BLUETOOTH]; /* of the message read last */
	size_t payload_length;
};

static inline void raw_start(struct raw_peer *raw, struct pair_of_channels *pair, enum noise_pattern pattern, bool initiator,
                             const struct static_keys *keys, const struct pairing_record *pairing,
                             const uint8_t hello[HELLO_SIZE]) {
	uint8_t prologue[PROLOGUE_SIZE];
	memset(raw, 0, sizeof(*raw));
	memcpy(raw->hello, hello, HELLO_SIZE);
	hello_prologue(hello, prologue);
	struct noise_setup setup = {
		.pattern = pattern,
		.initiator = initiator,
		.random = &pair->random,
		.keys = keys,
		.peer_key = pairing ? pairing->peer_key : NULL,
		.psk = pairing ? pairing->secret : NULL,
		.prologue = prologue,
		.prologue_length = sizeof(prologue),
	};
	assert_int_equal(noise_start(&raw->noise, &setup), 0);
}

/* The hello of a companion of today. */
static inline const uint8_t *raw_hello(enum hello_pattern pattern) {
	static uint8_t hello[HELLO_SIZE];
	hello_write(&(struct hello){ .pattern = pattern,
	                             .version = PROTOCOL_VERSION_MAXIMUM,
	                             .minimum = PROTOCOL_VERSION_MINIMUM,
	                             .maximum = PROTOCOL_VERSION_MAXIMUM },
	            hello);
	return hello;
}

/* A record with the next handshake message, for the wire. Returns its length. */
static inline size_t raw_handshake(struct raw_peer *raw, const void *payload, size_t length, uint8_t *out, size_t capacity) {
	size_t prefix = raw->noise.initiator && raw->noise.message == 0 ? HELLO_SIZE : 0, written;
	memcpy(out + RECORD_HEADER_SIZE, raw->hello, prefix);
	assert_int_equal(noise_write(&raw->noise, payload, length, out + RECORD_HEADER_SIZE + prefix,
	                             capacity - RECORD_HEADER_SIZE - prefix, &written),
	                 0);
	record_header_write(out, prefix + written);
	return RECORD_HEADER_SIZE + prefix + written;
}

/* Hands the channel the next handshake message with this payload. */
static inline void raw_say(struct raw_peer *raw, struct pair_end *to, const void *payload, size_t length) {
	uint8_t out[RECORD_LIMIT_BLUETOOTH + RECORD_HEADER_SIZE];
	size_t written = raw_handshake(raw, payload, length, out, sizeof(out));
	if (to->channel)
		channel_receive(to->channel, out, written, to->pair->now_us);
}

/* Takes the channel's next record off the wire. */
static inline size_t raw_take(struct pair_end *from, uint8_t *out) {
	assert_true(from->wire_length > RECORD_HEADER_SIZE);
	size_t length = (size_t)from->wire[0] << 8 | from->wire[1];
	assert_true(from->wire_length >= RECORD_HEADER_SIZE + length);
	memcpy(out, from->wire + RECORD_HEADER_SIZE, length);
	from->wire_length -= RECORD_HEADER_SIZE + length;
	memmove(from->wire, from->wire + RECORD_HEADER_SIZE + length, from->wire_length);
	return length;
}

/* Reads the channel's next handshake message. */
static inline void raw_hear(struct raw_peer *raw, struct pair_end *from) {
	static uint8_t record[65536];
	size_t length = raw_take(from, record), prefix = !raw->noise.initiator && raw->noise.message == 0 ? HELLO_SIZE : 0;
	assert_int_equal(noise_read(&raw->noise, record + prefix, length - prefix, raw->payload, &raw->payload_length), 0);
}

static inline void raw_split(struct raw_peer *raw) {
	assert_int_equal(noise_split(&raw->noise, &raw->send, &raw->receive), 0);
}

/* Hands the channel one transport message. */
static inline void raw_send(struct raw_peer *raw, struct pair_end *to, const void *bytes, size_t length) {
	uint8_t out[RECORD_LIMIT_BLUETOOTH + RECORD_HEADER_SIZE];
	record_header_write(out, length + NOISE_TAG_SIZE);
	assert_int_equal(noise_seal(&raw->send, NULL, 0, bytes, length, out + RECORD_HEADER_SIZE), 0);
	if (to->channel)
		channel_receive(to->channel, out, RECORD_HEADER_SIZE + length + NOISE_TAG_SIZE, to->pair->now_us);
}

static inline void raw_end(struct raw_peer *raw) {
	noise_cipher_free(&raw->send);
	noise_cipher_free(&raw->receive);
	noise_wipe(&raw->noise);
}

/* Keys that must be refused wherever they turn up (tests/unit/crypto/vectors.c has them all). */
static const char *const raw_bad_keys[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0900000000000000000000000000000000000000000000000000000000000080",
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

static inline void raw_bad_key(size_t number, uint8_t out[KEY_SIZE]) {
	assert_int_equal(hex_decode(out, KEY_SIZE, raw_bad_keys[number]), 0);
}
