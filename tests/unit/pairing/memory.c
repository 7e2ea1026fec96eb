/* Memory: every allocation fails once, and no block goes back to the allocator, and no channel is closed, with a secret in it.
 * The allocator of our own code is wrapped by the linker, libcrypto's by its own hook. */
#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "pairing/channel_internal.h"
#include "tests/unit/pairing/pair_of_channels.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void __wrap_free(void *block);

static struct pair_of_channels pair;
static unsigned allocations, fail_at; /* 0: never */

static bool fails(void) {
	return ++allocations == fail_at;
}

void *__wrap_malloc(size_t size) {
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
	return fails() ? NULL : __real_calloc(count, size);
}

/* --- secrets --- */

#define SECRETS_LIMIT 256
static uint8_t secrets[SECRETS_LIMIT][KEY_SIZE];
static size_t secret_count;
static unsigned leaks, watched;

static void add_secret(const uint8_t secret[KEY_SIZE]) {
	assert_true(secret_count < SECRETS_LIMIT);
	memcpy(secrets[secret_count++], secret, KEY_SIZE);
}

static bool holds_secret(const void *block, size_t length) {
	for (size_t i = 0; i < secret_count; i++)
		if (memmem(block, length, secrets[i], KEY_SIZE / 2) ||
		    memmem(block, length, secrets[i] + KEY_SIZE / 2, KEY_SIZE / 2))
			return true;
	return false;
}

static void watch(const void *block) {
	if (!block || secret_count == 0)
		return;
	watched++;
	leaks += holds_secret(block, malloc_usable_size((void *)block));
}

void __wrap_free(void *block) {
	watch(block);
	__real_free(block);
}

static void *library_malloc(size_t size, const char *file, int line) {
	(void)file;
	(void)line;
	return size == 0 || fails() ? NULL : __real_malloc(size);
}

static void *library_realloc(void *block, size_t size, const char *file, int line) {
	(void)file;
	(void)line;
	return fails() ? NULL : realloc(block, size);
}

static void library_free(void *block, const char *file, int line) {
	(void)file;
	(void)line;
	watch(block);
	__real_free(block);
}

/* --- each allocation fails --- */

/* As pair_open, but a channel may not come to be. */
static bool try_open(enum channel_kind kind, const struct pairing_record *camera_record,
                     const struct pairing_record *companion_record) {
	struct channel_config camera = pair_config(&pair.camera, "LY-1", camera_record);
	struct channel_config companion = pair_config(&pair.companion, "phone", companion_record);
	pair_reset_end(&pair.camera);
	pair_reset_end(&pair.companion);
	allocations = 0;
	int result = channel_new_camera(&pair.camera.channel, &camera, false, pair.now_us);
	if (result == 0)
		result = channel_new_companion(&pair.companion.channel, &companion, kind, pair.now_us);
	assert_true(result == 0 || result == -ENOMEM);
	return result == 0;
}

/* Runs a pairing or a session to its end with allocation number `number` failing. Returns whether none failed. */
static bool run_with_failure(enum channel_kind kind, unsigned number) {
	struct pairing_record camera_record = pair.camera.record, companion_record = pair.companion.record;
	fail_at = number;
	bool opened = try_open(kind, &camera_record, kind == CHANNEL_PAIRING ? NULL : &companion_record);
	if (opened) {
		pair_run(&pair);
		if (kind == CHANNEL_PAIRING)
			pair_confirm(&pair);
		pair_run(&pair);
		if (pair.companion.live && kind == CHANNEL_SESSION)
			assert_true(channel_send(pair.companion.channel, "abc", 3) == 0 || pair.companion.closed);
		pair_run(&pair);
	}
	bool failed = fail_at > 0 && allocations >= fail_at;
	fail_at = 0;
	assert_true(!opened == (failed && !pair.companion.called && !pair.camera.called && !pair.companion.channel));
	if (opened && failed) {
		/* One end could not go on and said why; nobody believes in anything. */
		assert_true(pair.camera.closed || pair.companion.closed);
		if (pair.camera.closed)
			assert_int_equal(pair.camera.reason, REASON_INTERNAL);
		else
			assert_int_equal(pair.companion.reason, REASON_INTERNAL);
		assert_true(!pair.camera.committed && !pair.companion.committed && !pair.camera.live);
	}
	pair_reset_end(&pair.camera);
	pair_reset_end(&pair.companion);
	pair.camera.record = camera_record;
	pair.companion.record = companion_record;
	return !failed;
}

static void test_each_allocation_fails(void **state) {
	(void)state;
	pair_start(&pair);
	pair_complete_pairing(&pair);
	for (int kind = CHANNEL_PAIRING; kind <= CHANNEL_SESSION; kind++) {
		unsigned number = 1;
		while (!run_with_failure((enum channel_kind)kind, number))
			number++;
		assert_true(number > 20); /* ours and libcrypto's: 27 for a pairing */
		assert_true(run_with_failure((enum channel_kind)kind, 0));
	}
	pair_end(&pair);
}

/* --- no secret is left --- */

static void random_remembered(void *context, uint8_t *out, size_t length) {
	pair_random(context, out, length);
	if (length == KEY_SIZE)
		add_secret(out); /* ephemeral keys, contributions, r before it is told */
}

/* Copies of what only the channel knows. */
static void add_secrets_of(const struct channel *channel) {
	static const uint8_t zero[KEY_SIZE];
	const uint8_t *const fields[] = { channel->handshake.chaining_key,
		                          channel->handshake.psk,
		                          channel->contribution,
		                          channel->secret,
		                          channel->media_psk,
		                          channel->handshake.e.secret };
	for (size_t i = 0; i < ELEMENTS(fields); i++)
		if (memcmp(fields[i], zero, KEY_SIZE) != 0)
			add_secret(fields[i]);
}

static void assert_nothing_left(const struct pair_end *end) {
	if (end->channel && end->closed && holds_secret(end->channel, sizeof(*end->channel)))
		fail_msg("the %s's channel is closed and still holds a secret", end == &pair.camera ? "camera" : "companion");
}

/* Each kind of link is ended after each delivery, by each end, and both are freed. */
static void test_nothing_is_left_behind(void **state) {
	(void)state;
	pair_start(&pair);
	pair_complete_pairing(&pair);
	unsigned rounds = 0;
	for (int kind = CHANNEL_PAIRING; kind <= CHANNEL_MEDIA; kind++)
		for (unsigned close = 0; close < 3; close++) { /* nobody, the camera, the companion */
			bool over = false;
			for (unsigned deliveries = 0; !over; deliveries++, rounds++) {
				struct pairing_record camera_record = pair.camera.record,
				                      companion_record = pair.companion.record;
				secret_count = 0;
				leaks = watched = 0;
				pair.random.fill = random_remembered;
				pair_open(&pair, (enum channel_kind)kind);
				add_secret(pair.camera.keys.secret);
				add_secret(pair.companion.keys.secret);
				bool confirmed = false;
				for (unsigned i = 0; i < deliveries && !over; i++) {
					add_secrets_of(pair.camera.channel);
					add_secrets_of(pair.companion.channel);
					if (pair_deliver(&pair, &pair.companion, &pair.camera) ||
					    pair_deliver(&pair, &pair.camera, &pair.companion))
						continue;
					if (kind == CHANNEL_PAIRING && !confirmed) {
						pair_confirm(&pair);
						confirmed = true;
					} else {
						over = true;
					}
				}
				add_secrets_of(pair.camera.channel);
				add_secrets_of(pair.companion.channel);
				if (close > 0)
					channel_close((close == 1 ? &pair.camera : &pair.companion)->channel, REASON_CANCELLED);
				assert_nothing_left(&pair.camera);
				assert_nothing_left(&pair.companion);
				pair_reset_end(&pair.camera);
				pair_reset_end(&pair.companion);
				assert_true(watched >= 6);
				if (leaks > 0)
					fail_msg("kind %d, closed by %u after %u deliveries: %u blocks were freed with a secret",
					         kind, close, deliveries, leaks);
				secret_count = 0;
				pair.random.fill = pair_random;
				pair.camera.record = camera_record;
				pair.companion.record = companion_record;
			}
		}
	assert_true(rounds > 30);
	pair_end(&pair);
}

/* A network's key comes and goes as a message of a session, and no record after it need be as long. */
static void test_messages_are_not_kept(void **state) {
	(void)state;
	static const uint8_t key[KEY_SIZE + 1] = "a network's key, told in passing";
	pair_start(&pair);
	pair_complete_pairing(&pair);
	pair_open(&pair, CHANNEL_SESSION);
	pair_run(&pair);
	secret_count = 0;
	add_secret(key);
	struct pair_end *const ends[] = { &pair.camera, &pair.companion };
	for (size_t i = 0; i < ELEMENTS(ends); i++) {
		struct pair_end *from = ends[i], *to = ends[1 - i];
		assert_int_equal(channel_send(from->channel, key, KEY_SIZE), 0);
		pair_run(&pair);
		assert_memory_equal(to->message, key, KEY_SIZE);
		for (size_t j = 0; j < ELEMENTS(ends); j++) {
			const struct channel *channel = ends[j]->channel;
			assert_false(holds_secret(channel, sizeof(*channel)));
			assert_false(holds_secret(channel->in.buffer, malloc_usable_size(channel->in.buffer)));
			assert_false(holds_secret(channel->out, malloc_usable_size(channel->out)));
		}
	}
	secret_count = 0;
	pair_end(&pair);
}

int main(void) {
	if (CRYPTO_set_mem_functions(library_malloc, library_realloc, library_free) != 1 || crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_allocation_fails),
		cmocka_unit_test(test_nothing_is_left_behind),
		cmocka_unit_test(test_messages_are_not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
