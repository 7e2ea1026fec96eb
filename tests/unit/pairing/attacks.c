/* Somebody who wants in, or in between: grinding for the code, keys that are none, mirrors, recordings, downgrades. */
#include "tests/unit/pairing/raw_peer.h"

static struct pair_of_channels pair;

static int setup(void **state) {
	(void)state;
	pair_start(&pair);
	return 0;
}

static int teardown(void **state) {
	(void)state;
	pair_end(&pair);
	return 0;
}

/* --- what a peer says in a pairing --- */

static size_t offer_payload(const uint8_t nonce[NONCE_SIZE], uint8_t out[HANDSHAKE_PAYLOAD_LIMIT]) {
	struct pairing_offer offer = { .flags = 0 };
	struct writer w = writer_over(out, HANDSHAKE_PAYLOAD_LIMIT);
	code_commitment(nonce, offer.commitment);
	pairing_offer_write(&w, &offer);
	return writer_length(&w);
}

static size_t proof_payload(const uint8_t nonce[NONCE_SIZE], uint8_t out[HANDSHAKE_PAYLOAD_LIMIT]) {
	struct pairing_proof proof = { .name = "raw" };
	struct writer w = writer_over(out, HANDSHAKE_PAYLOAD_LIMIT);
	memcpy(proof.nonce, nonce, NONCE_SIZE);
	pairing_proof_write(&w, &proof);
	return writer_length(&w);
}

static size_t answer_payload(uint8_t out[HANDSHAKE_PAYLOAD_LIMIT]) {
	struct writer w = writer_over(out, HANDSHAKE_PAYLOAD_LIMIT);
	versions_write(&w);
	pairing_answer_write(&w, &(struct pairing_answer){ .name = "LY-RAW" });
	return writer_length(&w);
}

static size_t versions_payload(uint8_t out[HANDSHAKE_PAYLOAD_LIMIT]) {
	struct writer w = writer_over(out, HANDSHAKE_PAYLOAD_LIMIT);
	versions_write(&w);
	return writer_length(&w);
}

/* A raw companion in front of our camera, up to before message 3. */
static void raw_companion_offers(struct raw_peer *raw, const struct static_keys *keys, const uint8_t nonce[NONCE_SIZE]) {
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT];
	pair_open(&pair, CHANNEL_PAIRING);
	raw_start(raw, &pair, NOISE_XX, true, keys, NULL, raw_hello(HELLO_PAIRING));
	raw_say(raw, &pair.camera, payload, offer_payload(nonce, payload));
	raw_hear(raw, &pair.camera);
}

static void assert_refused(const struct pair_end *end, enum reason reason) {
	if (!end->closed || end->reason != reason)
		fail_msg("closed %d with %s instead of %s", end->closed, reason_code(end->reason), reason_code(reason));
	assert_false(end->code_shown || end->committed || end->live);
}

/* --- the code --- */

/* r is fixed by the commitment: whoever would rather have another one after he has seen message 2 is refused, and the person is
 * shown no code. */
static void test_another_r(void **state) {
	(void)state;
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT], nonce[NONCE_SIZE] = { 1 }, other[NONCE_SIZE];
	struct raw_peer raw;
	for (size_t bit = 0; bit <= 8 * NONCE_SIZE; bit++) {
		raw_companion_offers(&raw, &pair.companion.keys, nonce);
		memcpy(other, nonce, NONCE_SIZE);
		if (bit < 8 * NONCE_SIZE)
			other[bit / 8] ^= (uint8_t)(1u << bit % 8);
		raw_say(&raw, &pair.camera, payload, proof_payload(other, payload));
		if (bit < 8 * NONCE_SIZE) {
			assert_refused(&pair.camera, REASON_COMMITMENT_MISMATCH);
			assert_int_equal(pair.camera.wire_length, 0);
		} else {
			assert_true(pair.camera.code_shown && !pair.camera.closed); /* the test itself: the right one is taken */
		}
		raw_end(&raw);
	}
}

static bool contains(const uint8_t *bytes, size_t length, const uint8_t *needle, size_t needle_length) {
	return memmem(bytes, length, needle, needle_length) != NULL;
}

/* The other way round: our companion fixes r before it hears message 2, and says it only after. */
static void test_r_is_fixed_before_message_2(void **state) {
	(void)state;
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT], first[512], commitment[COMMITMENT_SIZE];
	struct raw_peer raw;
	struct pairing_proof proof;
	pair_open(&pair, CHANNEL_PAIRING);
	size_t first_length = pair.companion.wire_length;
	assert_true(first_length <= sizeof(first));
	memcpy(first, pair.companion.wire, first_length);
	raw_start(&raw, &pair, NOISE_XX, false, &pair.camera.keys, NULL, raw_hello(HELLO_PAIRING));
	raw_hear(&raw, &pair.companion);
	assert_int_equal(pair.companion.wire_length, 0); /* it waits for message 2 */
	raw_say(&raw, &pair.companion, payload, answer_payload(payload));
	raw_hear(&raw, &pair.companion);
	assert_true(pairing_proof_read(raw.payload, raw.payload_length, &proof));
	code_commitment(proof.nonce, commitment);
	assert_true(contains(first, first_length, commitment, COMMITMENT_SIZE));
	assert_false(contains(first, first_length, proof.nonce, NONCE_SIZE));
	raw_end(&raw);
	/* A new one for each pairing. */
	uint8_t earlier[NONCE_SIZE];
	memcpy(earlier, proof.nonce, NONCE_SIZE);
	pair_open(&pair, CHANNEL_PAIRING);
	raw_start(&raw, &pair, NOISE_XX, false, &pair.camera.keys, NULL, raw_hello(HELLO_PAIRING));
	raw_hear(&raw, &pair.companion);
	raw_say(&raw, &pair.companion, payload, answer_payload(payload));
	raw_hear(&raw, &pair.companion);
	assert_true(pairing_proof_read(raw.payload, raw.payload_length, &proof));
	assert_memory_not_equal(proof.nonce, earlier, NONCE_SIZE);
	raw_end(&raw);
}

/* Somebody in between who speaks to each end in the other's place, with the commitment and r that the companion chose: all that
 * he can do is hope that the codes are the same, one in a million each time. */
static void test_in_between(void **state) {
	(void)state;
	for (unsigned attempt = 0; attempt < 32; attempt++) {
		uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT], keep[HANDSHAKE_PAYLOAD_LIMIT];
		struct raw_peer to_camera, to_companion;
		struct static_keys keys;
		static_keys_make(&keys, &pair.random);
		pair_open(&pair, CHANNEL_PAIRING);
		raw_start(&to_companion, &pair, NOISE_XX, false, &keys, NULL, raw_hello(HELLO_PAIRING));
		raw_start(&to_camera, &pair, NOISE_XX, true, &keys, NULL, raw_hello(HELLO_PAIRING));
		raw_hear(&to_companion, &pair.companion);
		raw_say(&to_camera, &pair.camera, to_companion.payload, to_companion.payload_length);
		raw_hear(&to_camera, &pair.camera);
		raw_say(&to_companion, &pair.companion, payload, answer_payload(payload));
		raw_hear(&to_companion, &pair.companion);
		memcpy(keep, to_companion.payload, to_companion.payload_length);
		raw_say(&to_camera, &pair.camera, keep, to_companion.payload_length);
		assert_true(pair.camera.code_shown && pair.companion.code_shown);
		assert_int_not_equal(pair.camera.code, pair.companion.code);
		/* The person says no: nothing is stored at the camera, and it says so to whom it talks. */
		channel_confirm(pair.camera.channel, false, pair.now_us);
		assert_int_equal(pair.camera.reason, REASON_CODE_REJECTED);
		assert_false(pair.camera.committed);
		/* He confirms in the camera's place: nothing is stored and nothing said before the companion's person has
		 * answered, too. */
		uint8_t contribution[STEP_LIMIT] = { STEP_CONTRIBUTION };
		raw_split(&to_companion);
		raw_send(&to_companion, &pair.companion, contribution, sizeof(contribution));
		assert_false(pair.companion.closed || pair.companion.committed);
		assert_int_equal(pair.companion.wire_length, 0);
		channel_confirm(pair.companion.channel, false, pair.now_us);
		assert_int_equal(pair.companion.reason, REASON_CODE_REJECTED);
		assert_false(pair.companion.committed);
		assert_int_equal(pair.companion.wire_length, 0);
		raw_end(&to_camera);
		raw_end(&to_companion);
	}
}

/* The companion was told the camera's key by touching its tag: whoever has another one gets no code to show and no name, and
 * whoever shows the right one without its secret half gets no further than that. */
static void test_in_between_after_a_touch(void **state) {
	(void)state;
	char fingerprint[FINGERPRINT_SIZE];
	static_keys_fingerprint(pair.camera.keys.public, fingerprint);
	struct static_keys other, pretended;
	static_keys_make(&other, &pair.random);
	pretended = other;
	memcpy(pretended.public, pair.camera.keys.public, KEY_SIZE);
	const struct {
		const struct static_keys *keys;
		enum reason reason;
	} rows[] = {
		{ &other, REASON_FINGERPRINT_MISMATCH },
		{ &pretended, REASON_HANDSHAKE_FAILED },
		{ &pair.camera.keys, REASON_OK },
	};
	pair.fingerprint = fingerprint;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT];
		struct raw_peer raw;
		pair_open(&pair, CHANNEL_PAIRING);
		raw_start(&raw, &pair, NOISE_XX, false, rows[i].keys, NULL, raw_hello(HELLO_PAIRING));
		raw_hear(&raw, &pair.companion);
		raw_say(&raw, &pair.companion, payload, answer_payload(payload));
		assert_int_equal(pair.companion.reason, rows[i].reason);
		assert_int_equal(pair.companion.closed, rows[i].reason != REASON_OK);
		assert_int_equal(pair.companion.code_shown, rows[i].reason == REASON_OK);
		assert_int_equal(pair.companion.wire_length > 0, rows[i].reason == REASON_OK);
		raw_end(&raw);
	}
}

/* Without the person's yes the camera takes no step, whatever the companion says. */
static void test_steps_before_the_answer(void **state) {
	(void)state;
	static const uint8_t contribution[STEP_LIMIT] = { STEP_CONTRIBUTION, 1 };
	static const struct {
		uint8_t bytes[STEP_LIMIT];
		size_t length;
		enum reason reason;
	} rows[] = {
		{ { STEP_CONTRIBUTION }, STEP_LIMIT, REASON_MESSAGE_UNEXPECTED },
		{ { STEP_FINISH }, 1, REASON_MESSAGE_UNEXPECTED },
		{ { STEP_DONE }, 1, REASON_MESSAGE_UNEXPECTED },
		{ { STEP_REFUSED, 0, 45 }, 3, REASON_MESSAGE_UNEXPECTED },
		{ { 9 }, 1, REASON_MESSAGE_MALFORMED },
		{ { 0 }, 0, REASON_MESSAGE_MALFORMED }, /* an empty message is of a session */
	};
	for (unsigned stage = 0; stage < 3; stage++) /* before the answer; after it; after the contribution */
		for (size_t i = 0; i < ELEMENTS(rows); i++) {
			uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT], nonce[NONCE_SIZE] = { 1 };
			struct raw_peer raw;
			if (stage == 1 && rows[i].bytes[0] == STEP_CONTRIBUTION)
				continue; /* its turn */
			if (stage == 2 && rows[i].bytes[0] == STEP_FINISH)
				continue;
			raw_companion_offers(&raw, &pair.companion.keys, nonce);
			raw_say(&raw, &pair.camera, payload, proof_payload(nonce, payload));
			raw_split(&raw);
			if (stage > 0)
				pair_confirm(&pair);
			if (stage > 1)
				raw_send(&raw, &pair.camera, contribution, sizeof(contribution));
			raw_send(&raw, &pair.camera, rows[i].bytes, rows[i].length);
			if (!pair.camera.closed || pair.camera.reason != rows[i].reason || pair.camera.committed)
				fail_msg("stage %u, row %zu: %s", stage, i, reason_code(pair.camera.reason));
			raw_end(&raw);
		}
}

/* A camera that claims to be done before it can be. */
static void test_done_before_finish(void **state) {
	(void)state;
	static const struct {
		uint8_t bytes[STEP_LIMIT];
		size_t length;
		enum reason reason;
	} rows[] = {
		{ { STEP_DONE }, 1, REASON_MESSAGE_UNEXPECTED },
		{ { STEP_FINISH }, 1, REASON_MESSAGE_UNEXPECTED },
		{ { STEP_REFUSED, 0, 0 }, 3, REASON_INTERNAL }, /* "refused: ok" is no success */
		{ { 0 }, 0, REASON_MESSAGE_MALFORMED },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT];
		struct raw_peer raw;
		pair_open(&pair, CHANNEL_PAIRING);
		raw_start(&raw, &pair, NOISE_XX, false, &pair.camera.keys, NULL, raw_hello(HELLO_PAIRING));
		raw_hear(&raw, &pair.companion);
		raw_say(&raw, &pair.companion, payload, answer_payload(payload));
		raw_hear(&raw, &pair.companion);
		raw_split(&raw);
		raw_send(&raw, &pair.companion, rows[i].bytes, rows[i].length);
		if (!pair.companion.closed || pair.companion.reason != rows[i].reason || pair.companion.committed ||
		    pair.companion.live)
			fail_msg("row %zu: %s", i, reason_code(pair.companion.reason));
		raw_end(&raw);
	}
}

/* The camera says before anything is final that it has a companion, which will be replaced. */
static void test_state_of_the_camera(void **state) {
	(void)state;
	uint8_t nonce[NONCE_SIZE] = { 1 };
	for (unsigned paired = 0; paired < 2; paired++) {
		struct raw_peer raw;
		struct pairing_answer answer;
		if (paired)
			pair_complete_pairing(&pair);
		raw_companion_offers(&raw, &pair.companion.keys, nonce);
		struct reader r = reader_over(raw.payload, raw.payload_length);
		assert_true(versions_read(&r, PROTOCOL_VERSION_MAXIMUM) && pairing_answer_read(&r, &answer));
		assert_int_equal(answer.state, paired ? CAMERA_STATE_HAS_COMPANION : 0);
		assert_string_equal(answer.name, "LY-1");
		raw_end(&raw);
	}
}

/* --- keys --- */

/* The next handshake message of the raw peer, with `key` in place of its ephemeral one. */
static void say_ephemeral(struct raw_peer *raw, struct pair_end *to, const void *payload, size_t length, const uint8_t *key) {
	uint8_t out[RECORD_LIMIT_BLUETOOTH + RECORD_HEADER_SIZE];
	size_t prefix = raw->noise.initiator ? HELLO_SIZE : 0;
	size_t written = raw_handshake(raw, payload, length, out, sizeof(out));
	memcpy(out + RECORD_HEADER_SIZE + prefix, key, KEY_SIZE);
	channel_receive(to->channel, out, written, to->pair->now_us);
}

/* Every place where a key comes in, and every kind of bad key. */
static void test_bad_keys(void **state) {
	(void)state;
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT], nonce[NONCE_SIZE] = { 1 }, bad[KEY_SIZE];
	struct raw_peer raw;
	pair_complete_pairing(&pair);
	for (size_t i = 0; i < ELEMENTS(raw_bad_keys); i++) {
		struct static_keys keys = pair.companion.keys;
		raw_bad_key(i, bad);
		memcpy(keys.public, bad, KEY_SIZE);

		/* The camera: ephemeral of a pairing, ephemeral of a session, static. */
		pair_open(&pair, CHANNEL_PAIRING);
		raw_start(&raw, &pair, NOISE_XX, true, &pair.companion.keys, NULL, raw_hello(HELLO_PAIRING));
		say_ephemeral(&raw, &pair.camera, payload, offer_payload(nonce, payload), bad);
		assert_refused(&pair.camera, REASON_KEY_INVALID);
		assert_int_equal(pair.camera.records, 0);
		assert_int_equal(pair.camera.called & PAIR_BEGIN, 0); /* costs no try */
		raw_end(&raw);

		pair_open(&pair, CHANNEL_SESSION);
		raw_start(&raw, &pair, NOISE_KKPSK0, true, &pair.companion.keys, &pair.companion.record,
		          raw_hello(HELLO_SESSION));
		say_ephemeral(&raw, &pair.camera, NULL, 0, bad);
		assert_refused(&pair.camera, REASON_KEY_INVALID);
		assert_int_equal(pair.camera.records, 0);
		raw_end(&raw);

		raw_companion_offers(&raw, &keys, nonce);
		raw_say(&raw, &pair.camera, payload, proof_payload(nonce, payload));
		assert_refused(&pair.camera, REASON_KEY_INVALID);
		raw_end(&raw);

		/* The companion: ephemeral of a pairing, ephemeral of a session, static. */
		pair_open(&pair, CHANNEL_PAIRING);
		raw_start(&raw, &pair, NOISE_XX, false, &pair.camera.keys, NULL, raw_hello(HELLO_PAIRING));
		raw_hear(&raw, &pair.companion);
		say_ephemeral(&raw, &pair.companion, payload, answer_payload(payload), bad);
		assert_refused(&pair.companion, REASON_KEY_INVALID);
		raw_end(&raw);

		pair_open(&pair, CHANNEL_SESSION);
		raw_start(&raw, &pair, NOISE_KKPSK0, false, &pair.camera.keys, &pair.camera.record, raw_hello(HELLO_SESSION));
		raw_hear(&raw, &pair.companion);
		say_ephemeral(&raw, &pair.companion, payload, versions_payload(payload), bad);
		assert_refused(&pair.companion, REASON_KEY_INVALID);
		raw_end(&raw);

		pair_open(&pair, CHANNEL_PAIRING);
		raw_start(&raw, &pair, NOISE_XX, false, &keys, NULL, raw_hello(HELLO_PAIRING));
		raw_hear(&raw, &pair.companion);
		raw_say(&raw, &pair.companion, payload, answer_payload(payload));
		assert_refused(&pair.companion, REASON_KEY_INVALID);
		raw_end(&raw);

		/* A record that holds one: neither end begins. */
		struct pairing_record record = pair.camera.record;
		memcpy(record.peer_key, bad, KEY_SIZE);
		struct noise_handshake handshake;
		struct noise_setup setup = { .pattern = NOISE_KKPSK0,
			                     .random = &pair.random,
			                     .keys = &pair.camera.keys,
			                     .peer_key = record.peer_key,
			                     .psk = record.secret };
		assert_int_equal(noise_start(&handshake, &setup), -EKEYREJECTED);
		struct pairing_record good = pair.camera.record;
		pair.camera.record = record;
		pair_open(&pair, CHANNEL_SESSION);
		pair_run(&pair);
		assert_refused(&pair.camera, REASON_NOT_PAIRED);
		assert_int_equal(pair.camera.records, 0);
		pair.camera.record = good;
	}
	/* The test itself: with good keys the same peers are taken. */
	raw_companion_offers(&raw, &pair.companion.keys, nonce);
	raw_say(&raw, &pair.camera, payload, proof_payload(nonce, payload));
	assert_true(pair.camera.code_shown);
	raw_end(&raw);
}

/* --- mirrors --- */

/* A peer that has our own key as its static one. */
static void test_own_key(void **state) {
	(void)state;
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT], nonce[NONCE_SIZE] = { 1 };
	struct raw_peer raw;
	raw_companion_offers(&raw, &pair.camera.keys, nonce);
	raw_say(&raw, &pair.camera, payload, proof_payload(nonce, payload));
	assert_refused(&pair.camera, REASON_KEY_INVALID);
	raw_end(&raw);
	pair_open(&pair, CHANNEL_PAIRING);
	raw_start(&raw, &pair, NOISE_XX, false, &pair.companion.keys, NULL, raw_hello(HELLO_PAIRING));
	raw_hear(&raw, &pair.companion);
	raw_say(&raw, &pair.companion, payload, answer_payload(payload));
	assert_refused(&pair.companion, REASON_KEY_INVALID);
	raw_end(&raw);
}

/* What an end has sent comes back to it, at every point of every kind of link. */
static void test_reflection(void **state) {
	(void)state;
	pair_complete_pairing(&pair);
	for (int kind = CHANNEL_PAIRING; kind <= CHANNEL_MEDIA; kind++)
		for (unsigned camera = 0; camera < 2; camera++) {
			bool over = false;
			for (unsigned point = 0; !over; point++) {
				struct pair_end *end = camera ? &pair.camera : &pair.companion;
				uint8_t bytes[4096];
				pair_open(&pair, (enum channel_kind)kind);
				for (unsigned i = 0; i < point && !over; i++) {
					if (pair_deliver(&pair, &pair.companion, &pair.camera) ||
					    pair_deliver(&pair, &pair.camera, &pair.companion))
						continue;
					if (kind == CHANNEL_PAIRING && pair.camera.code_shown && !pair.camera.committed)
						pair_confirm(&pair);
					else if (kind != CHANNEL_PAIRING && end->live && i < 8)
						assert_int_equal(channel_send(end->channel, "abc", 3), 0);
					else
						over = true;
				}
				size_t length = end->wire_length;
				if (length == 0)
					continue;
				bool live = end->live, committed = end->committed;
				assert_true(length <= sizeof(bytes));
				memcpy(bytes, end->wire, length);
				channel_receive(end->channel, bytes, length, pair.now_us);
				/* An end that expects a record that long may wait for the rest of it: none of ours is. */
				assert_true(end->closed);
				assert_true(end->reason == REASON_HANDSHAKE_FAILED || end->reason == REASON_DECRYPT_FAILED ||
				            end->reason == REASON_KEY_INVALID);
				assert_true(end->live == live && end->committed == committed && end->messages == 0);
			}
		}
}

/* --- recordings --- */

struct recording {
	uint8_t bytes[16384];
	size_t length[64], count; /* of each delivery */
};

/* Runs to the end while it records what `from` sends. */
static void record_run(struct pair_end *from, struct recording *recording) {
	size_t total = 0;
	recording->count = 0;
	bool confirmed = false, said = false;
	for (;;) {
		if (from->wire_length > 0) {
			assert_true(total + from->wire_length <= sizeof(recording->bytes) && recording->count < 64);
			memcpy(recording->bytes + total, from->wire, from->wire_length);
			recording->length[recording->count++] = from->wire_length;
			total += from->wire_length;
		}
		if (pair_deliver(&pair, &pair.companion, &pair.camera) || pair_deliver(&pair, &pair.camera, &pair.companion))
			continue;
		if (pair.camera.code_shown && !confirmed) {
			pair_confirm(&pair);
			confirmed = true;
		} else if (pair.camera.live && !said && channel_kind(pair.camera.channel) != CHANNEL_PAIRING) {
			assert_int_equal(channel_send(from->channel, "abc", 3), 0);
			said = true;
		} else {
			break;
		}
	}
}

/* A whole pairing and a whole session, played again to each end. */
static void test_recordings(void **state) {
	(void)state;
	static struct recording recording;
	pair_complete_pairing(&pair);
	for (int kind = CHANNEL_PAIRING; kind <= CHANNEL_MEDIA; kind++)
		for (unsigned camera = 0; camera < 2; camera++) {
			struct pair_end *from = camera ? &pair.camera : &pair.companion;
			struct pair_end *victim = camera ? &pair.companion : &pair.camera;
			pair_open(&pair, (enum channel_kind)kind);
			record_run(from, &recording);
			assert_true(pair.camera.live && pair.companion.live && recording.count >= 1);
			pair_open(&pair, (enum channel_kind)kind);
			size_t at = 0;
			for (size_t i = 0; i < recording.count; i++) {
				channel_receive(victim->channel, recording.bytes + at, recording.length[i], pair.now_us);
				at += recording.length[i];
			}
			assert_true(victim->closed);
			assert_false(victim->live || victim->committed || victim->code_shown);
			assert_int_equal(victim->messages, 0);
			/* Message 1 is replayable by nature and gets its answer, nothing else does. */
			assert_int_equal(victim->records, 1);
		}
}

/* Within a session: repeated, swapped, left out. */
static void test_order_of_messages(void **state) {
	(void)state;
	pair_complete_pairing(&pair);
	for (unsigned camera = 0; camera < 2; camera++)
		for (unsigned what = 0; what < 3; what++) {
			struct pair_end *from = camera ? &pair.camera : &pair.companion;
			struct pair_end *to = camera ? &pair.companion : &pair.camera;
			pair_open(&pair, CHANNEL_SESSION);
			pair_run(&pair);
			const size_t one = RECORD_HEADER_SIZE + 1 + RECORD_TAG_SIZE;
			assert_int_equal(channel_send(from->channel, "a", 1), 0);
			assert_int_equal(channel_send(from->channel, "b", 1), 0);
			assert_int_equal(from->wire_length, 2 * one);
			const uint8_t *a = from->wire, *b = from->wire + one;
			if (what != 1)
				channel_receive(to->channel, what == 0 ? a : b, one, pair.now_us);
			if (what == 0) {
				assert_int_equal(to->messages, 1);
				channel_receive(to->channel, a, one, pair.now_us);
				assert_int_equal(to->messages, 1);
			} else if (what == 1) {
				channel_receive(to->channel, b, one, pair.now_us);
				assert_int_equal(to->messages, 0);
			} else {
				assert_int_equal(to->messages, 0);
			}
			assert_int_equal(to->reason, REASON_DECRYPT_FAILED);
			from->wire_length = 0;
		}
}

/* Invariant 6: no ephemeral key is used twice, whichever end and whatever kind of link. */
static void test_fresh_keys(void **state) {
	(void)state;
	static uint8_t seen[64][KEY_SIZE];
	size_t count = 0;
	pair_complete_pairing(&pair);
	for (unsigned round = 0; round < 8; round++)
		for (int kind = CHANNEL_PAIRING; kind <= CHANNEL_MEDIA; kind++) {
			pair_open(&pair, (enum channel_kind)kind);
			memcpy(seen[count++], pair.companion.wire + RECORD_HEADER_SIZE + HELLO_SIZE, KEY_SIZE);
			assert_true(pair_deliver(&pair, &pair.companion, &pair.camera));
			memcpy(seen[count++], pair.camera.wire + RECORD_HEADER_SIZE, KEY_SIZE);
		}
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(seen[i], seen[j], KEY_SIZE);
}

/* --- versions --- */

/* A companion that can do more than it says after somebody has changed its hello: the handshake does not end well. */
static void test_changed_range(void **state) {
	(void)state;
	pair_complete_pairing(&pair);
	for (unsigned kind = HELLO_PAIRING; kind <= HELLO_SESSION; kind++)
		for (unsigned changed = 0; changed < 2; changed++) {
			uint8_t hello[HELLO_SIZE], payload[HANDSHAKE_PAYLOAD_LIMIT], nonce[NONCE_SIZE] = { 1 };
			uint8_t out[RECORD_LIMIT_BLUETOOTH];
			struct raw_peer raw;
			hello_write(
			        &(struct hello){ .pattern = (enum hello_pattern)kind, .version = 1, .minimum = 1, .maximum = 2 },
			        hello);
			bool is_pairing = kind == HELLO_PAIRING;
			pair_open(&pair, is_pairing ? CHANNEL_PAIRING : CHANNEL_SESSION);
			raw_start(&raw, &pair, is_pairing ? NOISE_XX : NOISE_KKPSK0, true, &pair.companion.keys,
			          is_pairing ? NULL : &pair.companion.record, hello);
			size_t length =
			        raw_handshake(&raw, payload, is_pairing ? offer_payload(nonce, payload) : 0, out, sizeof(out));
			if (changed)
				out[RECORD_HEADER_SIZE + 3] = 1;
			channel_receive(pair.camera.channel, out, length, pair.now_us);
			if (!changed) {
				raw_hear(&raw, &pair.camera); /* a newer companion is welcome */
			} else if (is_pairing) {
				/* Message 1 of a pairing is not authenticated; the companion sees it at message 2. */
				uint8_t record[RECORD_LIMIT_BLUETOOTH], plain[RECORD_LIMIT_BLUETOOTH];
				size_t plain_length;
				length = raw_take(&pair.camera, record);
				assert_int_equal(noise_read(&raw.noise, record, length, plain, &plain_length), -EBADMSG);
			} else {
				assert_refused(&pair.camera, REASON_HANDSHAKE_FAILED);
				assert_int_equal(pair.camera.records, 0);
			}
			raw_end(&raw);
		}
}

/* A camera's range that fits no more with the version in use. */
static void test_range_of_the_camera(void **state) {
	(void)state;
	static const struct {
		uint8_t minimum, maximum;
		bool good;
	} rows[] = { { 1, 1, true }, { 1, 9, true }, { 0, 1, true }, { 2, 9, false }, { 0, 0, false }, { 2, 1, false } };
	pair_complete_pairing(&pair);
	for (unsigned kind = CHANNEL_PAIRING; kind <= CHANNEL_SESSION; kind++)
		for (size_t i = 0; i < ELEMENTS(rows); i++) {
			uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT];
			struct raw_peer raw;
			bool is_pairing = kind == CHANNEL_PAIRING;
			pair_open(&pair, (enum channel_kind)kind);
			raw_start(&raw, &pair, is_pairing ? NOISE_XX : NOISE_KKPSK0, false, &pair.camera.keys,
			          is_pairing ? NULL : &pair.camera.record, raw_hello(is_pairing ? HELLO_PAIRING : HELLO_SESSION));
			raw_hear(&raw, &pair.companion);
			size_t length = is_pairing ? answer_payload(payload) : versions_payload(payload);
			payload[0] = rows[i].minimum;
			payload[1] = rows[i].maximum;
			raw_say(&raw, &pair.companion, payload, length);
			if (rows[i].good)
				assert_true(is_pairing ? pair.companion.code_shown : pair.companion.live);
			else
				assert_refused(&pair.companion, REASON_VERSION_UNSUPPORTED);
			raw_end(&raw);
		}
}

/* A session's messages carry nothing but what is said of them. */
static void test_extra_payload(void **state) {
	(void)state;
	uint8_t payload[HANDSHAKE_PAYLOAD_LIMIT];
	struct raw_peer raw;
	pair_complete_pairing(&pair);
	pair_open(&pair, CHANNEL_SESSION);
	raw_start(&raw, &pair, NOISE_KKPSK0, true, &pair.companion.keys, &pair.companion.record, raw_hello(HELLO_SESSION));
	raw_say(&raw, &pair.camera, "x", 1);
	assert_refused(&pair.camera, REASON_MESSAGE_MALFORMED);
	assert_int_equal(pair.camera.records, 0);
	raw_end(&raw);
	pair_open(&pair, CHANNEL_SESSION);
	raw_start(&raw, &pair, NOISE_KKPSK0, false, &pair.camera.keys, &pair.camera.record, raw_hello(HELLO_SESSION));
	raw_hear(&raw, &pair.companion);
	size_t length = versions_payload(payload);
	payload[length] = 0;
	raw_say(&raw, &pair.companion, payload, length + 1);
	assert_refused(&pair.companion, REASON_MESSAGE_MALFORMED);
	raw_end(&raw);
	/* A handshake message above its limit is not even read. */
	static uint8_t big[RECORD_HEADER_SIZE + RECORD_LIMIT_BLUETOOTH];
	pair_open(&pair, CHANNEL_PAIRING);
	memcpy(big + RECORD_HEADER_SIZE, raw_hello(HELLO_PAIRING), HELLO_SIZE);
	record_header_write(big, HELLO_SIZE + HANDSHAKE_PAYLOAD_LIMIT + 1);
	channel_receive(pair.camera.channel, big, RECORD_HEADER_SIZE + HELLO_SIZE + HANDSHAKE_PAYLOAD_LIMIT + 1, pair.now_us);
	assert_refused(&pair.camera, REASON_RECORD_TOO_LONG);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_another_r),
		TEST(test_r_is_fixed_before_message_2),
		TEST(test_in_between),
		TEST(test_in_between_after_a_touch),
		TEST(test_steps_before_the_answer),
		TEST(test_done_before_finish),
		TEST(test_state_of_the_camera),
		TEST(test_bad_keys),
		TEST(test_own_key),
		TEST(test_reflection),
		TEST(test_recordings),
		TEST(test_order_of_messages),
		TEST(test_fresh_keys),
		TEST(test_changed_range),
		TEST(test_range_of_the_camera),
		TEST(test_extra_payload),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
