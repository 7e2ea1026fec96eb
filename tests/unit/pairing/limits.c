/* Limits and deadlines of every state, and that they hold when the timer is late. */
#include "pairing/channel_internal.h"
#include "tests/unit/pairing/raw_peer.h"

static struct pair_of_channels pair;

static int setup(void **state) {
	(void)state;
	pair_start(&pair);
	pair_complete_pairing(&pair);
	return 0;
}

static int teardown(void **state) {
	(void)state;
	pair_end(&pair);
	return 0;
}

/* --- messages --- */

/* Nobody can wait for 2^20 messages: the counters are set to just before. */
static void near_the_end(uint64_t left) {
	pair_open(&pair, CHANNEL_SESSION);
	pair_run(&pair);
	pair.companion.channel->send.nonce = pair.camera.channel->receive.nonce = SESSION_MESSAGES - left;
	pair.camera.channel->send.nonce = pair.companion.channel->receive.nonce = SESSION_MESSAGES - left;
}

static void test_messages_sent(void **state) {
	(void)state;
	for (unsigned camera = 0; camera < 2; camera++) {
		struct pair_end *from = camera ? &pair.camera : &pair.companion, *to = camera ? &pair.companion : &pair.camera;
		near_the_end(3);
		for (unsigned i = 1; i <= 3; i++) {
			assert_int_equal(channel_send(from->channel, "x", 1), 0);
			pair_run(&pair);
			assert_int_equal(to->messages, i);
		}
		assert_false(from->closed || to->closed);
		unsigned records = from->records;
		assert_int_equal(channel_send(from->channel, "x", 1), -ENOTCONN);
		assert_int_equal(from->reason, REASON_SESSION_EXPIRED);
		assert_int_equal(from->records, records);
	}
}

/* A peer that goes on beyond the limit is not listened to. */
static void test_messages_received(void **state) {
	(void)state;
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT];
	struct raw_peer raw;
	pair_open(&pair, CHANNEL_SESSION);
	raw_start(&raw, &pair, NOISE_KKPSK0, true, &pair.companion.keys, &pair.companion.record, raw_hello(HELLO_SESSION));
	raw_say(&raw, &pair.camera, payload, 0);
	raw_hear(&raw, &pair.camera);
	raw_split(&raw);
	raw_send(&raw, &pair.camera, NULL, 0);
	assert_true(pair.camera.live);
	raw.send.nonce = pair.camera.channel->receive.nonce = SESSION_MESSAGES - 1;
	raw_send(&raw, &pair.camera, "x", 1);
	assert_int_equal(pair.camera.messages, 1);
	raw_send(&raw, &pair.camera, "x", 1);
	assert_int_equal(pair.camera.messages, 1);
	assert_int_equal(pair.camera.reason, REASON_SESSION_EXPIRED);
	raw_end(&raw);
}

/* Keep-alives count too, and the camera's answers to them. */
static void test_keep_alive_at_the_limit(void **state) {
	(void)state;
	near_the_end(1);
	pair.now_us += SESSION_PING_US;
	channel_tick(pair.companion.channel, pair.now_us);
	pair_run(&pair);
	assert_false(pair.companion.closed || pair.camera.closed);
	pair.now_us += SESSION_PING_US;
	channel_tick(pair.companion.channel, pair.now_us);
	assert_int_equal(pair.companion.reason, REASON_SESSION_EXPIRED);
	near_the_end(1);
	assert_int_equal(channel_send(pair.camera.channel, "x", 1), 0);
	pair_run(&pair);
	pair.now_us += SESSION_PING_US;
	channel_tick(pair.companion.channel, pair.now_us);
	pair_run(&pair);
	assert_int_equal(pair.camera.reason, REASON_SESSION_EXPIRED);
}

/* Below it all the cipher itself refuses before its counter wraps (Noise, section 5.1). */
static void test_nonce_never_wraps(void **state) {
	(void)state;
	const uint8_t key[KEY_SIZE] = { 1 };
	struct noise_cipher seal = { 0 }, open = { 0 };
	uint8_t sealed[4 + NOISE_TAG_SIZE], plain[4];
	assert_int_equal(gcm_new(&seal.gcm, key), 0);
	assert_int_equal(gcm_new(&open.gcm, key), 0);
	seal.nonce = open.nonce = UINT64_MAX - 1;
	assert_int_equal(noise_seal(&seal, NULL, 0, (const uint8_t *)"abcd", 4, sealed), 0);
	assert_int_equal(noise_open(&open, NULL, 0, sealed, sizeof(sealed), plain), 0);
	assert_true(seal.nonce == UINT64_MAX);
	assert_int_equal(noise_seal(&seal, NULL, 0, (const uint8_t *)"abcd", 4, sealed), -EMSGSIZE);
	assert_int_equal(noise_open(&open, NULL, 0, sealed, sizeof(sealed), plain), -EBADMSG);
	assert_true(seal.nonce == UINT64_MAX && open.nonce == UINT64_MAX);
	noise_cipher_free(&seal);
	noise_cipher_free(&open);
}

/* --- time --- */

/* Brings a fresh pair to the point where `state` is entered. */
static struct pair_end *bring_to(enum channel_state wanted) {
	bool pairing = wanted != CAMERA_FIRST && wanted != CHANNEL_LIVE;
	if (!pairing)
		pair_complete_pairing(&pair); /* an earlier row may have left it half way */
	pair_open(&pair, pairing ? CHANNEL_PAIRING : CHANNEL_SESSION);
	struct pair_end *end = wanted <= CAMERA_FIRST ? &pair.camera : &pair.companion;
	for (unsigned i = 0; i < 20 && end->channel->state != wanted; i++) {
		if (pair_deliver(&pair, &pair.companion, &pair.camera) || pair_deliver(&pair, &pair.camera, &pair.companion))
			continue;
		if (wanted != COMPANION_CONTRIBUTION)
			channel_confirm(pair.camera.channel, true, pair.now_us);
		if (wanted != COMPANION_CONFIRM)
			channel_confirm(pair.companion.channel, true, pair.now_us);
	}
	assert_int_equal(end->channel->state, wanted);
	return end;
}

static const struct {
	enum channel_state state;
	uint64_t given_us;
	enum reason reason;
} deadlines[] = {
	{ CAMERA_HELLO, HANDSHAKE_US, REASON_TIMEOUT },           { CAMERA_PROOF, PAIRING_TRY_US, REASON_TIMEOUT },
	{ CAMERA_CODE, PAIRING_WINDOW_US, REASON_TIMEOUT },       { CAMERA_CONTRIBUTION, PAIRING_WINDOW_US, REASON_TIMEOUT },
	{ CAMERA_FIRST, HANDSHAKE_US, REASON_TIMEOUT },           { COMPANION_ANSWER, PAIRING_TRY_US, REASON_TIMEOUT },
	{ COMPANION_CODE, PAIRING_WINDOW_US, REASON_TIMEOUT },    { COMPANION_CONTRIBUTION, PAIRING_WINDOW_US, REASON_TIMEOUT },
	{ COMPANION_CONFIRM, PAIRING_WINDOW_US, REASON_TIMEOUT }, { COMPANION_DONE, PAIRING_TRY_US, REASON_TIMEOUT },
};

static void test_deadline_of_each_state(void **state) {
	(void)state;
	for (size_t i = 0; i < ELEMENTS(deadlines); i++) {
		struct pair_end *end = bring_to(deadlines[i].state);
		uint64_t deadline_us = channel_deadline_us(end->channel);
		if (deadline_us != pair.now_us + deadlines[i].given_us)
			fail_msg("row %zu: %llu us", i, (unsigned long long)(deadline_us - pair.now_us));
		channel_tick(end->channel, deadline_us - 1);
		assert_false(end->closed);
		channel_tick(end->channel, deadline_us);
		assert_int_equal(end->reason, deadlines[i].reason);
		assert_true(channel_deadline_us(end->channel) == UINT64_MAX);
	}
}

/* What waited in the kernel while the timer was late, or while the device slept, comes too late all the same. */
static void test_late_bytes(void **state) {
	(void)state;
	for (size_t i = 0; i < ELEMENTS(deadlines); i++) {
		struct pair_end *end = bring_to(deadlines[i].state);
		struct pair_end *other = end == &pair.camera ? &pair.companion : &pair.camera;
		bool committed = end->committed;
		if (deadlines[i].state == CAMERA_CODE || deadlines[i].state == COMPANION_CODE ||
		    deadlines[i].state == COMPANION_CONFIRM) {
			channel_confirm(end->channel, true, pair.now_us + deadlines[i].given_us);
			assert_int_equal(end->called & PAIR_COMMIT, 0);
		} else {
			pair_deliver(&pair, end, other); /* the answer is on its way in time */
			if (deadlines[i].state == COMPANION_CONTRIBUTION)
				channel_confirm(other->channel, true, pair.now_us);
			pair.now_us += deadlines[i].given_us;
			assert_true(pair_deliver(&pair, other, end));
		}
		if (!end->closed || end->reason != REASON_TIMEOUT || end->live || end->committed != committed)
			fail_msg("row %zu: %s", i, reason_code(end->reason));
	}
	/* A session's last message, a moment after the end of its life. */
	bring_to(CHANNEL_LIVE);
	pair_run(&pair);
	assert_int_equal(channel_send(pair.companion.channel, "x", 1), 0);
	pair.now_us += SESSION_LIFE_US;
	assert_true(pair_deliver(&pair, &pair.companion, &pair.camera));
	assert_int_equal(pair.camera.reason, REASON_SESSION_EXPIRED);
	assert_int_equal(pair.camera.messages, 0);
}

/* FINISH shares the minute of the contribution before it: a peer cannot stretch the two. */
static void test_finish_shares_the_time(void **state) {
	(void)state;
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT], bytes[STEP_LIMIT] = { STEP_CONTRIBUTION }, nonce[NONCE_SIZE] = { 1 };
	struct raw_peer raw;
	struct pairing_offer offer = { .flags = 0 };
	struct pairing_proof proof = { .name = "raw" };
	struct writer w = writer_over(payload, sizeof(payload));
	code_commitment(nonce, offer.commitment);
	memcpy(proof.nonce, nonce, NONCE_SIZE);
	pairing_offer_write(&w, &offer);
	pair_open(&pair, CHANNEL_PAIRING);
	raw_start(&raw, &pair, NOISE_XX, true, &pair.companion.keys, NULL, raw_hello(HELLO_PAIRING));
	raw_say(&raw, &pair.camera, payload, writer_length(&w));
	raw_hear(&raw, &pair.camera);
	w = writer_over(payload, sizeof(payload));
	pairing_proof_write(&w, &proof);
	raw_say(&raw, &pair.camera, payload, writer_length(&w));
	raw_split(&raw);
	channel_confirm(pair.camera.channel, true, pair.now_us);
	pair.now_us += PAIRING_WINDOW_US - 1;
	raw_send(&raw, &pair.camera, bytes, sizeof(bytes));
	assert_false(pair.camera.closed);
	pair.now_us += 1;
	bytes[0] = STEP_FINISH;
	raw_send(&raw, &pair.camera, bytes, 1);
	assert_int_equal(pair.camera.reason, REASON_TIMEOUT);
	assert_false(pair.camera.committed);
	raw_end(&raw);
}

/* A clock that goes back does not open a door again. */
static void test_clock_goes_back(void **state) {
	(void)state;
	struct pair_end *end = bring_to(CAMERA_HELLO);
	uint64_t deadline_us = channel_deadline_us(end->channel);
	channel_tick(end->channel, deadline_us - 1);
	channel_tick(end->channel, 0);
	channel_receive(end->channel, (const uint8_t[]){ 0 }, 1, 5);
	assert_true(channel_deadline_us(end->channel) <= deadline_us);
	channel_tick(end->channel, deadline_us);
	assert_int_equal(end->reason, REASON_TIMEOUT);
	/* Nor does it close one: what a caller with an old time brings has come now. */
	bring_to(CHANNEL_LIVE);
	pair_run(&pair);
	channel_receive(pair.camera.channel, (const uint8_t[]){ 0 }, 1, pair.now_us - 2 * RECORD_STALL_US);
	channel_tick(pair.camera.channel, pair.now_us);
	assert_false(pair.camera.closed);
}

/* A stalled record ends a live session; the other end's keep-alives do not help, because they cannot come through. */
static void test_stalled_record(void **state) {
	(void)state;
	bring_to(CHANNEL_LIVE);
	pair_run(&pair);
	channel_receive(pair.camera.channel, (const uint8_t[]){ 0 }, 1, pair.now_us);
	assert_true(channel_deadline_us(pair.camera.channel) == pair.now_us + RECORD_STALL_US);
	channel_tick(pair.camera.channel, pair.now_us + RECORD_STALL_US - 1);
	assert_false(pair.camera.closed);
	channel_tick(pair.camera.channel, pair.now_us + RECORD_STALL_US);
	assert_int_equal(pair.camera.reason, REASON_RECORD_STALLED);
}

/* Bytes are no sign of life as long as they are not authentic: a record that grows for ever ends with the idle limit. */
static void test_dripping(void **state) {
	(void)state;
	bring_to(CHANNEL_LIVE);
	pair_run(&pair);
	uint64_t begin_us = pair.now_us;
	channel_receive(pair.camera.channel, (const uint8_t[]){ 4, 0 }, 2, pair.now_us);
	while (!pair.camera.closed && pair.now_us < begin_us + 2 * SESSION_IDLE_US) {
		pair.now_us += SECOND_US;
		channel_receive(pair.camera.channel, (const uint8_t[]){ 7 }, 1, pair.now_us);
		channel_tick(pair.camera.channel, pair.now_us);
	}
	assert_int_equal(pair.camera.reason, REASON_TIMEOUT);
	assert_true(pair.now_us == begin_us + SESSION_IDLE_US);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_messages_sent),           TEST(test_messages_received),
		TEST(test_keep_alive_at_the_limit), TEST(test_nonce_never_wraps),
		TEST(test_deadline_of_each_state),  TEST(test_late_bytes),
		TEST(test_finish_shares_the_time),  TEST(test_clock_goes_back),
		TEST(test_stalled_record),          TEST(test_dripping),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
