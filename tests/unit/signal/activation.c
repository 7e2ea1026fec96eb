/* Invariant 10: a Signal starts a recording only when everything is right, once per sequence, across reboots. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "signal/activation.h"

#define NOW 1800000000u

static struct activation_policy policy_default(void) {
	struct activation_policy policy = { .enabled = true, .kinds = ~0u, .key_count = 2 };
	policy.keys[0].week = NOW / WEEK_SECONDS;
	policy.keys[1].week = NOW / WEEK_SECONDS + 1;
	memset(policy.keys[0].key, 0x11, ADVERT_KEY_SIZE);
	memset(policy.keys[1].key, 0x22, ADVERT_KEY_SIZE);
	return policy;
}

static const struct activation_situation ready = {
	.now_s = NOW,
	.clock_trusted = true,
	.bluetooth_enabled = true,
	.buffering = true,
};

static void call_at(uint8_t bytes[ADVERT_SIZE], uint32_t sender, uint32_t sequence, uint32_t time_s, enum signal_kind kind) {
	struct activation_policy policy = policy_default();
	struct advert_keys keys;
	advert_keys_derive(&keys, time_s / WEEK_SECONDS == policy.keys[1].week ? policy.keys[1].key : policy.keys[0].key,
	                   time_s / ADVERT_EPOCH_SECONDS);
	struct advert_call call = { .type = ADVERT_SIGNAL, .signal = { sender, sequence, time_s, kind } };
	advert_encode(&keys, &call, bytes);
}

static struct activation *fresh(const struct activation_policy *policy) {
	struct activation *activation;
	assert_int_equal(activation_new(&activation), 0);
	activation_set_policy(activation, policy);
	return activation;
}

static void test_time(void **state) {
	(void)state;
	static const struct {
		const char *what;
		int32_t time_offset_s;
		enum activation_verdict expected;
	} rows[] = {
		{ "all right", 0, ACTIVATION_START },   { "60 s early", 60, ACTIVATION_START },
		{ "60 s late", -60, ACTIVATION_START }, { "61 s late", -61, ACTIVATION_STALE },
		{ "61 s early", 61, ACTIVATION_STALE }, { "two epochs ago", -1800, ACTIVATION_FORGED },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct activation_policy policy = policy_default();
		struct activation *activation = fresh(&policy);
		uint8_t bytes[ADVERT_SIZE];
		call_at(bytes, 5, 1, (uint32_t)((int64_t)NOW + rows[i].time_offset_s), SIGNAL_HOLSTER);
		enum activation_verdict verdict = activation_judge(activation, &ready, bytes, NULL);
		if (verdict != rows[i].expected)
			fail_msg("%s: %s", rows[i].what, activation_verdict_name(verdict));
		activation_free(activation);
	}
}

static enum activation_verdict once(const struct activation_policy *policy, const struct activation_situation *situation) {
	struct activation *activation = fresh(policy);
	uint8_t bytes[ADVERT_SIZE];
	call_at(bytes, 5, 1, NOW, SIGNAL_HOLSTER);
	enum activation_verdict verdict = activation_judge(activation, situation, bytes, NULL);
	assert_int_equal(activation_count(activation, verdict), 1);
	activation_free(activation);
	return verdict;
}

static void test_policy(void **state) {
	(void)state;
	struct activation_policy policy = policy_default();
	policy.enabled = false;
	assert_int_equal(once(&policy, &ready), ACTIVATION_DISABLED);
	policy = policy_default();
	policy.kinds = ~(1u << SIGNAL_HOLSTER);
	assert_int_equal(once(&policy, &ready), ACTIVATION_DISABLED);
	policy.kinds = 1u << SIGNAL_HOLSTER;
	assert_int_equal(once(&policy, &ready), ACTIVATION_START);
	policy.assigned_only = true;
	assert_int_equal(once(&policy, &ready), ACTIVATION_UNASSIGNED);
	policy.assigned[0] = 6;
	policy.assigned[1] = 5;
	policy.assigned_count = 1;
	assert_int_equal(once(&policy, &ready), ACTIVATION_UNASSIGNED);
	policy.assigned_count = 2;
	assert_int_equal(once(&policy, &ready), ACTIVATION_START);
	policy.muted[0] = 5;
	policy.muted_count = 1;
	assert_int_equal(once(&policy, &ready), ACTIVATION_MUTED);
	policy = policy_default();
	policy.key_count = 0;
	assert_int_equal(once(&policy, &ready), ACTIVATION_FORGED);
}

static void test_situation(void **state) {
	(void)state;
	struct activation_policy policy = policy_default();
	struct activation_situation situation = ready;
	situation.bluetooth_enabled = false;
	assert_int_equal(once(&policy, &situation), ACTIVATION_NOT_BUFFERING);
	situation = ready;
	situation.buffering = false;
	assert_int_equal(once(&policy, &situation), ACTIVATION_NOT_BUFFERING);
}

/* A camera whose clock is wrong must not miss a true Signal, and still honours the sequence. */
static void test_untrusted_clock(void **state) {
	(void)state;
	struct activation_policy policy = policy_default();
	struct activation *activation = fresh(&policy);
	struct activation_situation situation = ready;
	situation.clock_trusted = false;
	situation.now_s = 1000; /* 1970 */
	uint8_t bytes[ADVERT_SIZE];
	call_at(bytes, 5, 10, NOW, SIGNAL_SIREN);
	assert_int_equal(activation_judge(activation, &situation, bytes, NULL), ACTIVATION_START_TIME_UNVERIFIED);
	assert_int_equal(activation_judge(activation, &situation, bytes, NULL), ACTIVATION_REPEATED);
	call_at(bytes, 5, 11, NOW + WEEK_SECONDS, SIGNAL_SIREN);
	assert_int_equal(activation_judge(activation, &situation, bytes, NULL), ACTIVATION_START_TIME_UNVERIFIED);
	activation_free(activation);
}

static void test_replay_and_reboot(void **state) {
	(void)state;
	struct activation_policy policy = policy_default();
	struct activation *activation = fresh(&policy);
	uint8_t first[ADVERT_SIZE], second[ADVERT_SIZE], other[ADVERT_SIZE], image[ACTIVATION_MEMORY_SIZE];
	call_at(first, 5, 1, NOW, SIGNAL_HOLSTER);
	call_at(second, 5, 2, NOW, SIGNAL_HOLSTER);
	call_at(other, 6, 1, NOW, SIGNAL_HOLSTER);
	assert_int_equal(activation_judge(activation, &ready, second, NULL), ACTIVATION_START);
	assert_true(activation_is_dirty(activation));
	assert_int_equal(activation_judge(activation, &ready, second, NULL), ACTIVATION_REPEATED);
	assert_int_equal(activation_judge(activation, &ready, first, NULL), ACTIVATION_REPLAYED);
	assert_int_equal(activation_judge(activation, &ready, other, NULL), ACTIVATION_START);
	size_t length = activation_save(activation, image);
	assert_false(activation_is_dirty(activation));
	activation_free(activation);

	activation = fresh(&policy);
	assert_int_equal(activation_load(activation, image, length), 0);
	struct activation_situation later = ready;
	later.now_s += SIGNAL_REPEAT_S;
	assert_int_equal(activation_judge(activation, &later, second, NULL), ACTIVATION_REPEATED);
	later.now_s++;
	assert_int_equal(activation_judge(activation, &later, second, NULL), ACTIVATION_REPLAYED);
	assert_int_equal(activation_judge(activation, &later, other, NULL), ACTIVATION_REPLAYED);
	later.now_s = ready.now_s - 1; /* a clock set back makes nothing new */
	assert_int_equal(activation_judge(activation, &later, second, NULL), ACTIVATION_REPLAYED);
	for (size_t cut = 0; cut < length; cut++)
		assert_int_equal(activation_load(activation, image, cut), -EBADMSG);
	for (size_t bit = 0; bit < 8 * length; bit++) {
		image[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(activation_load(activation, image, length), -EBADMSG);
		image[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	activation_free(activation);
}

/* A call that came while the camera could not act is spent: it does not start a recording when the camera can. */
static void test_refused_call_is_spent(void **state) {
	(void)state;
	struct activation_policy policy = policy_default();
	struct activation *activation = fresh(&policy);
	struct activation_situation off = ready;
	off.buffering = false;
	uint8_t bytes[ADVERT_SIZE];
	call_at(bytes, 5, 1, NOW, SIGNAL_HOLSTER);
	assert_int_equal(activation_judge(activation, &off, bytes, NULL), ACTIVATION_NOT_BUFFERING);
	assert_int_equal(activation_judge(activation, &ready, bytes, NULL), ACTIVATION_REPEATED);
	activation_free(activation);
}

static void test_memory_is_bounded(void **state) {
	(void)state;
	struct activation_policy policy = policy_default();
	struct activation *activation = fresh(&policy);
	struct activation_situation situation = ready;
	uint8_t bytes[ADVERT_SIZE], image[ACTIVATION_MEMORY_SIZE];
	for (uint32_t sender = 1; sender <= 2 * SIGNAL_SENDERS_LIMIT; sender++) {
		situation.now_s = NOW + sender / 16;
		call_at(bytes, sender, 9, (uint32_t)situation.now_s, SIGNAL_MANUAL);
		assert_int_equal(activation_judge(activation, &situation, bytes, NULL), ACTIVATION_START);
	}
	/* The senders heard last are the ones remembered. */
	assert_int_equal(activation_judge(activation, &situation, bytes, NULL), ACTIVATION_REPEATED);
	assert_true(activation_save(activation, image) <= ACTIVATION_MEMORY_SIZE);
	activation_free(activation);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_situation),
		cmocka_unit_test(test_untrusted_clock),
		cmocka_unit_test(test_replay_and_reboot),
		cmocka_unit_test(test_refused_call_is_spent),
		cmocka_unit_test(test_memory_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
