/* No key and nonce pair and no ephemeral key comes twice: not over handshakes and sessions of one process, not in processes that
 * were forked from it and have its memory, and not after a restart, which has the same records on the disk and no memory. */
#include "base/random.h"
#include "tests/unit/crypto/used.h"
#include "tests/unit/pairing/pair_of_channels.h"

void __real_static_keys_make(struct static_keys *ret, const struct random_source *random);
void __wrap_static_keys_make(struct static_keys *ret, const struct random_source *random);

/* Handshakes draw their ephemeral keys by it, too. */
void __wrap_static_keys_make(struct static_keys *ret, const struct random_source *random) {
	__real_static_keys_make(ret, random);
	used_note(ret->secret, KEY_SIZE);
}

static void talk(struct pair_of_channels *pair) {
	pair_run(pair);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(channel_send(pair->companion.channel, "ask", 3), 0);
		assert_int_equal(channel_send(pair->camera.channel, "answer", 6), 0);
		pair_run(pair);
		pair->now_us += SESSION_PING_US;
		channel_tick(pair->companion.channel, pair->now_us);
		pair_run(pair);
	}
}

/* Everything that the two seal for each other. What they remember of each other is the same at the end as at the beginning, as
 * after a crash before anything was stored. */
static void live(void *context) {
	struct pair_of_channels *pair = context;
	const struct pairing_record camera = pair->camera.record, companion = pair->companion.record;
	pair_open(pair, CHANNEL_SESSION);
	pair_deliver(pair, &pair->companion, &pair->camera); /* and breaks off */
	pair_open(pair, CHANNEL_SESSION);
	talk(pair);
	pair_open(pair, CHANNEL_MEDIA);
	talk(pair);
	pair_complete_pairing(pair);
	pair->camera.record = camera;
	pair->companion.record = companion;
	pair_open(pair, CHANNEL_SESSION);
	talk(pair);
	assert_true(pair->camera.messages == 3 && pair->companion.messages == 3);
}

static void test_repeats(void **state) {
	(void)state;
	static struct pair_of_channels pair;
	used_start();
	pair_start(&pair);
	pair.random = *random_system();
	pair_complete_pairing(&pair);
	live(&pair);
	used_by_a_fork(live, &pair);
	used_by_a_fork(live, &pair);
	live(&pair);
	pair_end(&pair);
	assert_true(used_once() > 4 * 50);
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_repeats) };
	return crypto_start() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
