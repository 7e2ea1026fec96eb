#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "tests/unit/pairing/pair_of_channels.h"

static void test_pairing_then_session(void **state) {
	(void)state;
	static struct pair_of_channels pair;
	pair_start(&pair);
	pair_open(&pair, CHANNEL_PAIRING);
	pair_run(&pair);
	assert_true(pair.camera.code_shown && pair.companion.code_shown);
	assert_int_equal(pair.camera.code, pair.companion.code);
	assert_false(pair.camera.committed);
	pair_confirm(&pair);
	pair_run(&pair);
	assert_true(pair.camera.live && pair.companion.live);
	assert_true(pair.camera.committed && pair.companion.committed);
	assert_memory_equal(pair.camera.record.secret, pair.companion.record.secret, KEY_SIZE);
	assert_string_equal(pair.camera.record.peer_name, "phone");
	assert_string_equal(pair.companion.record.peer_name, "LY-1");
	pair_open(&pair, CHANNEL_SESSION);
	pair_run(&pair);
	assert_true(pair.camera.live && pair.companion.live);
	assert_int_equal(channel_send(pair.companion.channel, "hello", 5), 0);
	pair_run(&pair);
	assert_int_equal(pair.camera.message_length, 5);
	assert_memory_equal(pair.camera.message, "hello", 5);
	assert_int_equal(channel_send(pair.camera.channel, "there", 5), 0);
	pair_run(&pair);
	assert_memory_equal(pair.companion.message, "there", 5);
	pair_end(&pair);
}

/* Invariant 7: whichever bit of whichever handshake message is flipped, the handshake ends and nothing is stored. */
static void test_every_flipped_bit(void **state) {
	(void)state;
	static struct pair_of_channels pair;
	static const unsigned messages_of[] = { [CHANNEL_PAIRING] = 3, [CHANNEL_SESSION] = 2, [CHANNEL_MEDIA] = 2 };
	pair_start(&pair);
	pair_complete_pairing(&pair);
	for (int kind = CHANNEL_PAIRING; kind <= CHANNEL_MEDIA; kind++) {
		size_t bits = 0;
		for (size_t bit = 0; bit == 0 || bit < bits; bit++) {
			pair_open(&pair, (enum channel_kind)kind);
			pair.flipping = bit > 0;
			pair.flip_bit = bit - 1;
			while (pair.delivered < messages_of[kind] && (pair_deliver(&pair, &pair.companion, &pair.camera) ||
			                                              pair_deliver(&pair, &pair.camera, &pair.companion)))
				;
			if (bit == 0) {
				bits = pair.bits + 1;
				assert_false(pair.camera.closed || pair.companion.closed);
				continue;
			}
			pair.flipping = false;
			pair_run(&pair);
			/* A length that grew leaves the receiver waiting: its deadline ends it. */
			pair.now_us += PAIRING_TRY_US;
			if (!pair.camera.closed)
				channel_tick(pair.camera.channel, pair.now_us);
			bool believed = pair.companion.live || pair.companion.committed ||
			                (pair.companion.code_shown && pair.delivered < messages_of[kind]);
			if (pair.camera.live || pair.camera.committed || pair.camera.code_shown || !pair.camera.closed ||
			    believed)
				fail_msg("kind %d: bit %zu of %zu went through", kind, bit - 1, bits - 1);
		}
	}
	pair_end(&pair);
}

static void test_every_split(void **state) {
	(void)state;
	static struct pair_of_channels pair;
	pair_start(&pair);
	for (size_t piece = 1; piece < 200; piece++) {
		pair.piece = piece;
		pair_complete_pairing(&pair);
		pair_open(&pair, CHANNEL_SESSION);
		pair_run(&pair);
		assert_true(pair.camera.live && pair.companion.live);
		for (size_t length = 1; length < 40; length++)
			assert_int_equal(channel_send(pair.companion.channel, pair.companion.keys.public, length % 32 + 1), 0);
		pair_run(&pair);
		assert_int_equal(pair.camera.messages, 39);
	}
	pair_end(&pair);
}

/* Invariants 4 and 5: a recorded first message gets an answer and nothing else; only the companion's first transport message
 * makes it live. */
static void test_replayed_session(void **state) {
	(void)state;
	static struct pair_of_channels pair;
	static uint8_t recorded[WIRE_LIMIT];
	pair_start(&pair);
	pair_complete_pairing(&pair);
	pair_open(&pair, CHANNEL_SESSION);
	size_t length = pair.companion.wire_length;
	memcpy(recorded, pair.companion.wire, length);
	pair_run(&pair);
	assert_true(pair.camera.live);
	size_t first_transport = RECORD_HEADER_SIZE + RECORD_TAG_SIZE;
	uint8_t replayed_transport[RECORD_HEADER_SIZE + RECORD_TAG_SIZE] = { 0, RECORD_TAG_SIZE };

	pair_open(&pair, CHANNEL_SESSION);
	channel_receive(pair.camera.channel, recorded, length, pair.now_us);
	assert_false(pair.camera.live);
	channel_receive(pair.camera.channel, replayed_transport, first_transport, pair.now_us);
	assert_true(pair.camera.closed && !pair.camera.live);
	assert_int_equal(pair.camera.reason, REASON_DECRYPT_FAILED);

	pair_open(&pair, CHANNEL_SESSION);
	channel_receive(pair.camera.channel, recorded, length, pair.now_us);
	channel_tick(pair.camera.channel, pair.now_us + HANDSHAKE_US);
	assert_int_equal(pair.camera.reason, REASON_TIMEOUT);
	pair_end(&pair);
}

static void test_strangers_get_no_answer(void **state) {
	(void)state;
	static struct pair_of_channels pair;
	pair_start(&pair);
	pair_complete_pairing(&pair);
	struct pairing_record good = pair.companion.record;
	for (unsigned field = 0; field < 2; field++) {
		pair.companion.record = good;
		(field == 0 ? pair.companion.record.secret : pair.companion.record.peer_key)[5] ^= 4;
		pair_open(&pair, CHANNEL_SESSION);
		pair_run(&pair);
		assert_int_equal(pair.camera.reason, REASON_HANDSHAKE_FAILED);
		assert_int_equal(pair.camera.records, 0);
	}
	static const struct {
		uint8_t bytes[12];
		size_t length;
		enum reason reason;
	} rows[] = {
		{ { 0, 0 }, 2, REASON_RECORD_MALFORMED },
		{ { 0xff, 0xff }, 2, REASON_RECORD_TOO_LONG },
		{ { 0, 1, 7 }, 3, REASON_RECORD_MALFORMED },
		{ { 0, 9, 9, 1, 1, 1, 0, 0, 0, 0, 0 }, 11, REASON_VERSION_UNSUPPORTED }, /* no such pattern */
		{ { 0, 9, 2, 2, 2, 2, 0, 0, 0, 0, 0 }, 11, REASON_VERSION_UNSUPPORTED },
		{ { 0, 9, 2, 1, 2, 1, 0, 0, 0, 0, 0 }, 11, REASON_VERSION_UNSUPPORTED },
		{ { 0, 9, 3, 1, 1, 1, 0, 0, 0, 0, 0 }, 11, REASON_MESSAGE_UNEXPECTED }, /* media where none is due */
		{ { 0, 9, 2, 1, 1, 1, 0, 0, 0, 0, 0 }, 11, REASON_HANDSHAKE_FAILED },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		pair_open(&pair, CHANNEL_SESSION);
		channel_receive(pair.camera.channel, rows[i].bytes, rows[i].length, pair.now_us);
		if (!pair.camera.closed || pair.camera.reason != rows[i].reason)
			fail_msg("row %zu: %s", i, reason_code(pair.camera.reason));
		assert_int_equal(pair.camera.records, 0);
	}
	pair_open(&pair, CHANNEL_SESSION); /* says nothing */
	channel_tick(pair.camera.channel, channel_deadline_us(pair.camera.channel));
	assert_int_equal(pair.camera.reason, REASON_TIMEOUT);
	pair_open(&pair, CHANNEL_SESSION); /* stalls inside a record */
	channel_receive(pair.camera.channel, (const uint8_t[]){ 0 }, 1, pair.now_us + SECOND_US);
	assert_true(channel_deadline_us(pair.camera.channel) <= pair.now_us + HANDSHAKE_US);
	pair_end(&pair);
}

static void test_pairing_refusals(void **state) {
	(void)state;
	static struct pair_of_channels pair;
	pair_start(&pair);
	pair.camera.pairing_allowed = REASON_PAIRING_CLOSED;
	pair_open(&pair, CHANNEL_PAIRING);
	pair_run(&pair);
	assert_int_equal(pair.camera.reason, REASON_PAIRING_CLOSED);
	assert_int_equal(pair.camera.records, 0);
	pair.camera.pairing_allowed = REASON_OK;

	pair_open(&pair, CHANNEL_PAIRING);
	pair_run(&pair);
	channel_confirm(pair.camera.channel, false, pair.now_us);
	assert_int_equal(pair.camera.reason, REASON_CODE_REJECTED);
	assert_false(pair.camera.committed || pair.companion.committed);

	/* The person never answers. */
	pair_open(&pair, CHANNEL_PAIRING);
	pair_run(&pair);
	channel_tick(pair.camera.channel, pair.now_us + PAIRING_WINDOW_US);
	assert_int_equal(pair.camera.reason, REASON_TIMEOUT);

	/* The camera's store fails: the companion hears of no success. */
	pair.camera.commit_result = -ENOSPC;
	pair_open(&pair, CHANNEL_PAIRING);
	pair_run(&pair);
	pair_confirm(&pair);
	pair_run(&pair);
	assert_int_equal(pair.camera.reason, REASON_STORE_FAILED);
	assert_false(pair.companion.live);
	pair.camera.commit_result = 0;

	/* The companion's store fails before anything is final: the camera keeps what it had. */
	pair.companion.commit_result = -ENOSPC;
	pair_open(&pair, CHANNEL_PAIRING);
	pair_run(&pair);
	pair_confirm(&pair);
	pair_run(&pair);
	assert_int_equal(pair.companion.reason, REASON_STORE_FAILED);
	assert_false(pair.camera.committed);
	pair_end(&pair);
}

/* Both persons answer, in either order; nothing is stored at either end before both have. */
static void test_both_confirm(void **state) {
	(void)state;
	static struct pair_of_channels pair;
	pair_start(&pair);
	for (unsigned camera_first = 0; camera_first < 2; camera_first++) {
		struct pair_end *first = camera_first ? &pair.camera : &pair.companion;
		struct pair_end *second = camera_first ? &pair.companion : &pair.camera;
		pair_open(&pair, CHANNEL_PAIRING);
		pair_run(&pair);
		channel_confirm(first->channel, true, pair.now_us);
		channel_confirm(first->channel, true, pair.now_us); /* once is enough, twice does no harm */
		pair_run(&pair);
		assert_false(pair.camera.committed || pair.companion.committed);
		assert_false(pair.camera.closed || pair.companion.closed);
		channel_confirm(second->channel, true, pair.now_us);
		pair_run(&pair);
		assert_true(pair.camera.live && pair.companion.live);
	}
	/* The companion's person says no, before and after the camera's has said yes. */
	for (unsigned after = 0; after < 2; after++) {
		pair_open(&pair, CHANNEL_PAIRING);
		pair_run(&pair);
		if (after)
			channel_confirm(pair.camera.channel, true, pair.now_us);
		pair_run(&pair);
		channel_confirm(pair.companion.channel, false, pair.now_us);
		assert_int_equal(pair.companion.reason, REASON_CODE_REJECTED);
		pair_run(&pair);
		assert_false(pair.camera.committed || pair.companion.committed);
	}
	pair_end(&pair);
}

/* Invariant 3, at every point where the link can break: the camera has committed only if the companion has its provisional
 * record. */
static void test_cut_at_every_delivery(void **state) {
	(void)state;
	static struct pair_of_channels pair;
	bool finished = false;
	for (unsigned cut_after = 0; !finished; cut_after++) {
		pair_start(&pair);
		pair_open(&pair, CHANNEL_PAIRING);
		unsigned delivered = 0;
		bool confirmed = false;
		finished = true;
		for (;;) {
			if (delivered == cut_after) {
				finished = false;
				break;
			}
			if (pair_deliver(&pair, &pair.companion, &pair.camera) ||
			    pair_deliver(&pair, &pair.camera, &pair.companion)) {
				delivered++;
			} else if (!confirmed) {
				pair_confirm(&pair);
				confirmed = true;
			} else {
				break;
			}
		}
		if (pair.camera.committed)
			assert_true(pair.companion.committed);
		if (pair.companion.live)
			assert_true(pair.camera.committed);
		pair_end(&pair);
	}
}

static void test_limits_of_a_session(void **state) {
	(void)state;
	static struct pair_of_channels pair;
	pair_start(&pair);
	pair_complete_pairing(&pair);
	pair_open(&pair, CHANNEL_SESSION);
	pair_run(&pair);
	uint64_t end_us = pair.now_us + SESSION_LIFE_US;
	/* Keep-alives carry it to the end of its life, and no further. */
	while (!pair.camera.closed) {
		uint64_t next = channel_deadline_us(pair.companion.channel);
		assert_true(next <= channel_deadline_us(pair.camera.channel) || next >= end_us);
		pair.now_us = next;
		channel_tick(pair.companion.channel, pair.now_us);
		pair_run(&pair);
		if (pair.now_us >= end_us)
			channel_tick(pair.camera.channel, pair.now_us);
	}
	assert_int_equal(pair.now_us, end_us);
	assert_int_equal(pair.camera.reason, REASON_SESSION_EXPIRED);
	assert_int_equal(pair.companion.reason, REASON_SESSION_EXPIRED);
	assert_int_equal(pair.camera.messages, 0); /* keep-alives are nobody's business */

	/* A companion that is gone is noticed. */
	pair_open(&pair, CHANNEL_SESSION);
	pair_run(&pair);
	channel_tick(pair.camera.channel, pair.now_us + SESSION_IDLE_US - 1);
	assert_false(pair.camera.closed);
	channel_tick(pair.camera.channel, pair.now_us + SESSION_IDLE_US);
	assert_int_equal(pair.camera.reason, REASON_TIMEOUT);
	pair_end(&pair);
}

static void test_message_sizes(void **state) {
	(void)state;
	static struct pair_of_channels pair;
	static uint8_t big[65536];
	pair_start(&pair);
	pair_complete_pairing(&pair);
	assert_int_equal(channel_send(pair.companion.channel, big, 1), -ENOTCONN); /* a pairing carries nothing else */
	pair_open(&pair, CHANNEL_SESSION);
	assert_int_equal(channel_send(pair.camera.channel, big, 1), -ENOTCONN);
	pair_run(&pair);
	assert_int_equal(channel_send(pair.companion.channel, big, RECORD_LIMIT_BLUETOOTH - RECORD_TAG_SIZE + 1), -EMSGSIZE);
	assert_int_equal(channel_send(pair.companion.channel, big, RECORD_LIMIT_BLUETOOTH - RECORD_TAG_SIZE), 0);
	pair_run(&pair);
	assert_int_equal(pair.camera.message_length, RECORD_LIMIT_BLUETOOTH - RECORD_TAG_SIZE);
	pair_open(&pair, CHANNEL_MEDIA);
	pair_run(&pair);
	assert_int_equal(channel_send(pair.camera.channel, big, RECORD_LIMIT_MEDIA - RECORD_TAG_SIZE), 0);
	pair_run(&pair);
	assert_int_equal(pair.companion.message_length, RECORD_LIMIT_MEDIA - RECORD_TAG_SIZE);
	pair_end(&pair);
}

/* Each callback on each end frees the channel: nothing is called after it, nothing of it is touched (the sanitizer watches). */
static void test_freed_inside_callbacks(void **state) {
	(void)state;
	static struct pair_of_channels pair;
	for (int kind = CHANNEL_PAIRING; kind <= CHANNEL_MEDIA; kind++)
		for (unsigned camera = 0; camera < 2; camera++)
			for (unsigned callback = PAIR_SEND; callback < PAIR_CALLBACKS; callback *= 2) {
				pair_start(&pair);
				pair_complete_pairing(&pair);
				struct pair_end *end = camera ? &pair.camera : &pair.companion;
				struct pair_end *other = camera ? &pair.companion : &pair.camera;
				pair_reset_end(end);
				end->free_in = callback;
				pair_open(&pair, (enum channel_kind)kind);
				pair_run(&pair);
				if (pair.camera.channel)
					channel_confirm(pair.camera.channel, callback != PAIR_CLOSED, pair.now_us);
				if (pair.companion.channel)
					channel_confirm(pair.companion.channel, true, pair.now_us);
				pair_run(&pair);
				if (other->channel && other->live)
					channel_send(other->channel, "xy", 2);
				pair_run(&pair);
				if (end->channel)
					channel_close(end->channel, REASON_CANCELLED);
				bool expected = callback == PAIR_BEGIN ? camera && kind == CHANNEL_PAIRING
				                : callback == PAIR_CODE || callback == PAIR_COMMIT ? kind == CHANNEL_PAIRING
				                : callback == PAIR_MESSAGE                         ? kind != CHANNEL_PAIRING
				                                                                   : true;
				if (!!(end->called & callback) != expected)
					fail_msg("kind %d, camera %u, callback %u", kind, camera, callback);
				assert_true(end->closed == !expected || callback == PAIR_CLOSED);
				end->free_in = 0;
				pair_end(&pair);
			}
}

/* Nothing but the injected random and time decides what is sent. */
static void transcript_hash(uint64_t seed, uint64_t now_us, uint8_t out[SHA256_SIZE]) {
	static struct pair_of_channels pair;
	memset(out, 0, SHA256_SIZE);
	pair_start(&pair);
	pair.random_counter = seed;
	pair.now_us = now_us;
	for (int kind = CHANNEL_PAIRING; kind <= CHANNEL_MEDIA; kind++) {
		pair_open(&pair, (enum channel_kind)kind);
		for (unsigned quiet = 0; quiet < 2;) {
			sha256_two(out, SHA256_SIZE, pair.camera.wire, pair.camera.wire_length, out);
			sha256_two(out, SHA256_SIZE, pair.companion.wire, pair.companion.wire_length, out);
			if (pair_deliver(&pair, &pair.companion, &pair.camera) ||
			    pair_deliver(&pair, &pair.camera, &pair.companion))
				continue;
			pair_confirm(&pair);
			channel_send(pair.camera.channel, "abc", 3);
			quiet++;
		}
		assert_true(pair.camera.live && pair.companion.live);
	}
	pair_end(&pair);
}

static void test_determinism(void **state) {
	(void)state;
	uint8_t first[SHA256_SIZE], second[SHA256_SIZE];
	transcript_hash(1, 1000 * SECOND_US, first);
	transcript_hash(1, 2000 * SECOND_US, second);
	assert_memory_equal(first, second, SHA256_SIZE);
	transcript_hash(2, 1000 * SECOND_US, second);
	assert_memory_not_equal(first, second, SHA256_SIZE);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairing_then_session),
		cmocka_unit_test(test_every_flipped_bit),
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_replayed_session),
		cmocka_unit_test(test_strangers_get_no_answer),
		cmocka_unit_test(test_pairing_refusals),
		cmocka_unit_test(test_cut_at_every_delivery),
		cmocka_unit_test(test_limits_of_a_session),
		cmocka_unit_test(test_message_sizes),
		cmocka_unit_test(test_both_confirm),
		cmocka_unit_test(test_freed_inside_callbacks),
		cmocka_unit_test(test_determinism),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
