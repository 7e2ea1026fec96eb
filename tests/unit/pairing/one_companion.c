/* Invariants 2 and 3 with both ends' stores in the picture: whatever is lost, and whenever, exactly one companion can open a
 * session with the camera afterwards, and each companion that thinks it is paired for certain is. */
#include "tests/unit/pairing/raw_peer.h"

static struct pair_of_channels pair;

/* A companion's store: the record that works, and the one that a pairing has left and that no session has proven yet. */
struct store {
	struct static_keys keys;
	struct pairing_record proven, candidate;
	bool has_proven, has_candidate;
};

static bool opens_session(const struct static_keys *keys, const struct pairing_record *record) {
	struct static_keys saved_keys = pair.companion.keys;
	struct pairing_record saved = pair.companion.record;
	pair.companion.keys = *keys;
	pair.companion.record = *record;
	pair_open(&pair, CHANNEL_SESSION);
	pair_run(&pair);
	bool opened = pair.camera.live && pair.companion.live;
	assert_true(pair.camera.live == pair.companion.live);
	pair_reset_end(&pair.camera);
	pair_reset_end(&pair.companion);
	pair.companion.keys = saved_keys;
	pair.companion.record = saved;
	return opened;
}

static unsigned sessions_of(const struct store *store) {
	unsigned sessions = 0;
	if (store->has_candidate)
		sessions += opens_session(&store->keys, &store->candidate);
	if (store->has_proven)
		sessions += opens_session(&store->keys, &store->proven);
	return sessions;
}

/* Pairs `store` with the camera as far as `deliveries` deliveries (one way, at most all of them); then the link is gone. Returns
 * whether it went to its end. */
static bool pair_until(struct store *store, unsigned deliveries) {
	pair.companion.keys = store->keys;
	memset(&pair.companion.record, 0, sizeof(pair.companion.record));
	pair_open(&pair, CHANNEL_PAIRING);
	bool confirmed = false, finished = false;
	for (unsigned delivered = 0; delivered < deliveries && !finished;) {
		if (pair_deliver(&pair, &pair.companion, &pair.camera) || pair_deliver(&pair, &pair.camera, &pair.companion)) {
			delivered++;
		} else if (!confirmed) {
			pair_confirm(&pair);
			confirmed = true;
		} else {
			finished = true;
		}
	}
	if (pair.companion.committed) {
		store->candidate = pair.companion.record;
		store->has_candidate = true;
	}
	/* What the companion may believe without a session: only DONE. */
	assert_true(!pair.companion.live || pair.camera.committed);
	/* Both give up at their own time: the camera's record is what it committed or what it had. */
	pair_reset_end(&pair.camera);
	pair_reset_end(&pair.companion);
	return finished;
}

static void new_store(struct store *store) {
	memset(store, 0, sizeof(*store));
	static_keys_make(&store->keys, &pair.random);
}

static void prove(struct store *store) {
	store->proven = store->candidate;
	store->has_proven = true;
	store->has_candidate = false;
}

/* Another companion takes over, and the link breaks after each delivery. */
static void test_another_companion(void **state) {
	(void)state;
	bool finished = false;
	unsigned kept = 0, replaced = 0;
	for (unsigned deliveries = 0; !finished; deliveries++) {
		struct store old, fresh;
		pair_start(&pair);
		new_store(&old);
		new_store(&fresh);
		assert_true(pair_until(&old, 100));
		prove(&old);
		finished = pair_until(&fresh, deliveries);
		unsigned of_old = sessions_of(&old), of_fresh = sessions_of(&fresh);
		if (of_old + of_fresh != 1)
			fail_msg("%u deliveries: %u sessions of the old companion, %u of the new", deliveries, of_old, of_fresh);
		assert_true(!finished || of_fresh == 1);
		kept += of_old;
		replaced += of_fresh;
		pair_end(&pair);
	}
	assert_true(kept >= 5 && replaced >= 2);
}

/* The same companion pairs anew: one of its two records works, whichever moment it was. */
static void test_same_companion(void **state) {
	(void)state;
	bool finished = false;
	for (unsigned deliveries = 0; !finished; deliveries++) {
		struct store store;
		pair_start(&pair);
		new_store(&store);
		assert_true(pair_until(&store, 100));
		prove(&store);
		finished = pair_until(&store, deliveries);
		assert_int_equal(sessions_of(&store), 1);
		pair_end(&pair);
	}
}

/* DONE is lost, then FINISH is lost, then the pairing is tried again and completes: one companion, with the last record. */
static void test_lost_and_again(void **state) {
	(void)state;
	for (unsigned lost = 0; lost < 7; lost++) {
		struct store store;
		pair_start(&pair);
		new_store(&store);
		pair_until(&store, lost);
		struct pairing_record earlier = store.candidate;
		bool had_earlier = store.has_candidate;
		assert_true(pair_until(&store, 100));
		assert_int_equal(sessions_of(&store), 1);
		if (had_earlier)
			assert_false(opens_session(&store.keys, &earlier));
		pair_end(&pair);
	}
}

/* The camera cannot store the new record. It says so, and the old one works on. */
static void test_camera_cannot_store(void **state) {
	(void)state;
	struct store old, fresh;
	pair_start(&pair);
	new_store(&old);
	new_store(&fresh);
	assert_true(pair_until(&old, 100));
	prove(&old);
	pair.camera.commit_result = -ENOSPC;
	pair.companion.keys = fresh.keys;
	pair_open(&pair, CHANNEL_PAIRING);
	pair_run(&pair);
	pair_confirm(&pair);
	pair_run(&pair);
	assert_int_equal(pair.camera.reason, REASON_STORE_FAILED);
	assert_int_equal(pair.companion.reason, REASON_STORE_FAILED);
	assert_false(pair.companion.live || pair.camera.live);
	fresh.candidate = pair.companion.record;
	fresh.has_candidate = pair.companion.committed;
	assert_int_equal(sessions_of(&fresh), 0);
	assert_int_equal(sessions_of(&old), 1);
	pair_end(&pair);
}

/* Each bit of each step after the handshake is flipped: no success is believed, and exactly one companion is left. */
static void test_flipped_steps(void **state) {
	(void)state;
	struct store old;
	static struct pair_of_channels before;
	pair_start(&pair);
	new_store(&old);
	assert_true(pair_until(&old, 100));
	prove(&old);
	before = pair;
	bool more = true;
	for (size_t bit = 0; more; bit++) {
		struct store fresh;
		pair = before;
		pair.random.context = &pair;
		new_store(&fresh);
		pair.companion.keys = fresh.keys;
		pair_open(&pair, CHANNEL_PAIRING);
		pair_run(&pair);
		pair_confirm(&pair);
		size_t handshake = pair.bits;
		pair.flipping = true;
		pair.flip_bit = handshake + bit;
		pair_run(&pair);
		pair.flipping = false;
		more = pair.flip_bit < pair.bits;
		if (more) {
			assert_false(pair.companion.live);
			assert_true(!pair.camera.committed || pair.companion.committed);
		}
		fresh.candidate = pair.companion.record;
		fresh.has_candidate = pair.companion.committed;
		unsigned of_fresh = sessions_of(&fresh), of_old = sessions_of(&old);
		if (of_fresh + of_old != 1)
			fail_msg("bit %zu: %u sessions of the new companion, %u of the old", bit, of_fresh, of_old);
		assert_true(more || of_fresh == 1);
	}
	pair_end(&pair);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_companion), cmocka_unit_test(test_same_companion),
		cmocka_unit_test(test_lost_and_again),    cmocka_unit_test(test_camera_cannot_store),
		cmocka_unit_test(test_flipped_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
