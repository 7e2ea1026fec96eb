/* A peer that holds the right keys and speaks Noise without fault, but says in it what the input wants. Operations:
 *
 *   0 n n BYTES  raw bytes
 *   1 n BYTES    the next handshake message with this payload, when it is its turn
 *   2 n BYTES    a transport message with this content, after the handshake
 *   3            the payload that an honest peer would send, and the steps of a pairing in their order
 *   4 n          n times 250 ms pass
 *   5 n          the person says yes (n odd) or no
 *   6            the end of ours sends a message
 *   7 BYTES 8    before its first message: this hello in place of the right one
 *   8 n          reads on after n bytes are lost
 *
 * Whatever our end sends is read at once. */
#pragma once

#include "pairing/hello.h"
#include "pairing/noise.h"
#include "pairing/pairing_messages.h"
#include "pairing/record_layer.h"
#include "tests/fuzz/pairing/ends.h"

struct hostile {
	struct end *victim;
	enum channel_kind kind;
	bool started, split, broken;
	uint8_t hello[HELLO_SIZE];
	struct noise_handshake noise;
	struct noise_cipher send, receive;
	uint8_t nonce[NONCE_SIZE];
	unsigned steps;
};

static inline void hostile_start(struct hostile *h) {
	struct ends *ends = h->victim->ends;
	uint8_t prologue[PROLOGUE_SIZE];
	bool initiator = h->victim->camera;
	h->started = true;
	hello_prologue(h->hello, prologue);
	const struct noise_setup setup = {
		.pattern = h->kind == CHANNEL_PAIRING ? NOISE_XX : NOISE_KKPSK0,
		.initiator = initiator,
		.random = &ends->random,
		.keys = initiator ? &ends->companion_keys : &ends->camera_keys,
		.peer_key = (initiator ? &ends->camera_keys : &ends->companion_keys)->public,
		.psk = h->kind == CHANNEL_MEDIA ? ends->media_psk : ends->camera_record.secret,
		.prologue = prologue,
		.prologue_length = sizeof(prologue),
	};
	must(noise_start(&h->noise, &setup) == 0);
}

static inline void hostile_begin(struct hostile *h, struct end *victim, enum channel_kind kind) {
	memset(h, 0, sizeof(*h));
	h->victim = victim;
	h->kind = kind;
	memset(h->nonce, 5, sizeof(h->nonce));
	hello_write(&(struct hello){ .pattern = kind == CHANNEL_PAIRING   ? HELLO_PAIRING
	                                        : kind == CHANNEL_SESSION ? HELLO_SESSION
	                                                                  : HELLO_MEDIA,
	                             .version = 1,
	                             .minimum = 1,
	                             .maximum = 1 },
	            h->hello);
}

static inline void hostile_finish_handshake(struct hostile *h) {
	if (h->split || h->broken || !noise_is_complete(&h->noise))
		return;
	must(noise_split(&h->noise, &h->send, &h->receive) == 0);
	h->split = true;
}

/* Reads everything that our end has sent. What it says must always be in order: it is not the one that is hostile. */
static inline void hostile_hear(struct hostile *h) {
	struct end *victim = h->victim;
	size_t at = 0;
	while (victim->wire_length - at >= RECORD_HEADER_SIZE && !h->broken) {
		size_t length = (size_t)victim->wire[at] << 8 | victim->wire[at + 1], ignored;
		static uint8_t payload[RECORD_LIMIT_MEDIA];
		const uint8_t *record = victim->wire + at + RECORD_HEADER_SIZE;
		must(length > 0 && victim->wire_length - at - RECORD_HEADER_SIZE >= length);
		at += RECORD_HEADER_SIZE + length;
		if (!h->started && !victim->camera) {
			must(length >= HELLO_SIZE);
			memcpy(h->hello, record, HELLO_SIZE);
			record += HELLO_SIZE;
			length -= HELLO_SIZE;
			hostile_start(h);
		}
		if (h->split)
			h->broken = noise_open(&h->receive, NULL, 0, record, length, payload) < 0;
		else
			h->broken = !h->started || noise_read(&h->noise, record, length, payload, &ignored) < 0;
		if (h->started)
			hostile_finish_handshake(h);
	}
	victim->wire_length = 0;
}

static inline void hostile_handshake(struct hostile *h, const uint8_t *payload, size_t length) {
	static uint8_t out[RECORD_HEADER_SIZE + RECORD_LIMIT_MEDIA];
	size_t prefix = 0, written;
	if (h->broken || h->split || (!h->started && !h->victim->camera))
		return;
	if (!h->started) {
		hostile_start(h);
		memcpy(out + RECORD_HEADER_SIZE, h->hello, HELLO_SIZE);
		prefix = HELLO_SIZE;
	}
	if (noise_write(&h->noise, payload, length, out + RECORD_HEADER_SIZE + prefix, RECORD_LIMIT_BLUETOOTH - prefix,
	                &written) < 0) {
		h->broken = true;
		return;
	}
	record_header_write(out, prefix + written);
	hostile_finish_handshake(h);
	end_receive(h->victim, out, RECORD_HEADER_SIZE + prefix + written);
}

static inline void hostile_send(struct hostile *h, const uint8_t *bytes, size_t length) {
	uint8_t out[RECORD_HEADER_SIZE + 256 + NOISE_TAG_SIZE];
	if (!h->split || h->broken || length > 256)
		return;
	must(noise_seal(&h->send, NULL, 0, bytes, length, out + RECORD_HEADER_SIZE) == 0);
	record_header_write(out, length + NOISE_TAG_SIZE);
	end_receive(h->victim, out, RECORD_HEADER_SIZE + length + NOISE_TAG_SIZE);
}

/* What an honest peer would say next. */
static inline void hostile_honest(struct hostile *h) {
	uint8_t bytes[256];
	struct writer w = writer_over(bytes, sizeof(bytes));
	if (!h->split) {
		if (h->kind != CHANNEL_PAIRING) {
			if (!h->victim->camera)
				versions_write(&w);
		} else if (!h->victim->camera) {
			versions_write(&w);
			pairing_answer_write(&w, &(struct pairing_answer){ .name = "LY-0001" });
		} else if (!h->started) {
			struct pairing_offer offer = { .flags = 0 };
			code_commitment(h->nonce, offer.commitment);
			pairing_offer_write(&w, &offer);
		} else {
			struct pairing_proof proof = { .name = PEERS_NAME };
			memcpy(proof.nonce, h->nonce, NONCE_SIZE);
			pairing_proof_write(&w, &proof);
		}
		hostile_handshake(h, bytes, writer_length(&w));
		return;
	}
	if (h->kind == CHANNEL_PAIRING) {
		unsigned step = h->steps++;
		pairing_step_write(&w, &(struct pairing_step_message){ .step = step == 0           ? STEP_CONTRIBUTION
		                                                               : h->victim->camera ? STEP_FINISH
		                                                                                   : STEP_DONE });
	} else {
		h->steps++;
		if (h->steps > 1)
			writer_u8(&w, (uint8_t)h->steps); /* the first is empty, as a companion's is */
	}
	hostile_send(h, bytes, writer_length(&w));
}

static inline void hostile_operate(struct hostile *h, uint8_t operation, struct reader *r) {
	struct end *victim = h->victim;
	struct ends *ends = victim->ends;
	size_t length = 0;
	const uint8_t *bytes = NULL;
	switch (operation % 9) {
	case 0:
		length = reader_u16(r);
		length = length < reader_left(r) ? length : reader_left(r);
		bytes = reader_take(r, length);
		if (bytes)
			end_receive(victim, bytes, length);
		break;
	case 1:
	case 2:
		length = reader_u8(r);
		length = length < reader_left(r) ? length : reader_left(r);
		bytes = reader_take(r, length);
		if (!bytes)
			break;
		if (operation % 9 == 1)
			hostile_handshake(h, bytes, length);
		else
			hostile_send(h, bytes, length);
		break;
	case 3:
		hostile_honest(h);
		break;
	case 4:
		ends->now_us += reader_u8(r) * 250 * MILLISECOND_US;
		end_tick(victim);
		break;
	case 5:
		end_confirm(victim, reader_u8(r) & 1);
		break;
	case 6:
		end_say(victim);
		break;
	case 7:
		bytes = reader_take(r, HELLO_SIZE);
		if (bytes && !h->started && victim->camera)
			memcpy(h->hello, bytes, HELLO_SIZE);
		break;
	case 8:
		if (h->split)
			h->send.nonce += reader_u8(r); /* lost messages: the next one does not decrypt */
		break;
	}
	hostile_hear(h);
}

static inline void hostile_run(struct ends *ends, struct end *victim, const uint8_t *data, size_t size) {
	static struct hostile hostile;
	struct reader r = reader_over(data, size);
	enum channel_kind kind = (enum channel_kind)(reader_u8(&r) % 3);
	ends_start(ends, false);
	end_open(victim, kind);
	hostile_begin(&hostile, victim, kind);
	hostile_hear(&hostile);
	for (unsigned operations = 0; reader_left(&r) > 0 && operations < 200; operations++)
		hostile_operate(&hostile, reader_u8(&r), &r);
	channel_free(victim->channel);
	noise_cipher_free(&hostile.send);
	noise_cipher_free(&hostile.receive);
	noise_wipe(&hostile.noise);
}
