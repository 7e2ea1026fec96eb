/* Calls that nobody signs: the bytes, which are never taken for an authentic call or the other way round; policy, which has to
 * ask for them; the limits on how many start something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "signal/activation.h"

#define NOW_S 1800000000u
#define SECOND 1000000ull

static const uint8_t somebody[6] = { 1, 2, 3, 4, 5, 6 };
static const struct activation_situation ready = { .bluetooth_enabled = true, .buffering = true };

static void test_bytes(void **state) {
	(void)state;
	static const uint8_t shown[LEGACY_SIZE] = { 0x10, 3, 0, 0, 0x10, 0x92 };
	struct legacy_call call = { SIGNAL_SIREN, 4242 }, back = { 0 };
	uint8_t bytes[LEGACY_SIZE + 1] = { 0 };
	legacy_encode(&call, bytes);
	assert_memory_equal(bytes, shown, sizeof(shown));
	assert_true(legacy_decode(bytes, LEGACY_SIZE, &back));
	assert_int_equal(back.kind, SIGNAL_SIREN);
	assert_int_equal(back.activator, 4242);
	back.activator = 1; /* untouched by what is refused */
	for (size_t length = 0; length <= LEGACY_SIZE + 1; length++)
		if (length != LEGACY_SIZE)
			assert_false(legacy_decode(bytes, length, &back));
	for (unsigned header = 0; header < 256; header++) {
		bytes[0] = (uint8_t)header;
		if (header != LEGACY_HEADER)
			assert_false(legacy_decode(bytes, LEGACY_SIZE, &back));
	}
	bytes[0] = LEGACY_HEADER;
	for (unsigned kind = 0; kind < 256; kind++) {
		bytes[1] = (uint8_t)kind;
		if (kind < SIGNAL_MANUAL || kind > SIGNAL_KIND_LAST)
			assert_false(legacy_decode(bytes, LEGACY_SIZE, &back));
	}
	assert_int_equal(back.activator, 1);
}

static struct activation *fresh(const struct activation_policy *policy) {
	struct activation *activation;
	assert_int_equal(activation_new(&activation), 0);
	activation_set_policy(activation, policy);
	return activation;
}

static enum activation_verdict hear(struct activation *activation, const struct activation_situation *situation, uint64_t now_us,
                                    uint8_t address, uint32_t activator) {
	const uint8_t from[6] = { address, 2, 3, 4, 5, 6 };
	uint8_t bytes[LEGACY_SIZE];
	struct legacy_call call = { 0 };
	legacy_encode(&(struct legacy_call){ SIGNAL_LIGHT_BAR, activator }, bytes);
	enum activation_verdict verdict =
	        activation_judge_legacy(activation, situation, now_us, from, bytes, sizeof(bytes), &call);
	assert_int_equal(call.activator, activator);
	return verdict;
}

/* Off unless policy asks for it; asked for, everything else of the policy holds as well. */
static void test_policy(void **state) {
	(void)state;
	static const struct {
		const char *what;
		struct activation_policy policy;
		enum activation_verdict verdict;
	} rows[] = {
		{ "default", { .enabled = true, .kinds = ~0u }, ACTIVATION_UNSIGNED },
		{ "asked for", { .enabled = true, .legacy = true, .kinds = ~0u }, ACTIVATION_START_UNVERIFIED },
		{ "Signal off", { .legacy = true, .kinds = ~0u }, ACTIVATION_DISABLED },
		{ "kind off", { .enabled = true, .legacy = true, .kinds = 1u << SIGNAL_SIREN }, ACTIVATION_DISABLED },
		{ "others assigned",
		  { .enabled = true,
		    .legacy = true,
		    .kinds = ~0u,
		    .assigned_only = true,
		    .assigned = { 8 },
		    .assigned_count = 1 },
		  ACTIVATION_UNASSIGNED },
		{ "muted",
		  { .enabled = true, .legacy = true, .kinds = ~0u, .muted = { 7 }, .muted_count = 1 },
		  ACTIVATION_MUTED },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct activation *activation = fresh(&rows[i].policy);
		enum activation_verdict verdict = hear(activation, &ready, SECOND, 1, 7);
		if (verdict != rows[i].verdict)
			fail_msg("%s: %s", rows[i].what, activation_verdict_name(verdict));
		assert_int_equal(activation_count(activation, verdict), 1);
		activation_free(activation);
	}
}

static struct activation *legacy_activation(void) {
	struct activation_policy policy = { .enabled = true, .legacy = true, .kinds = ~0u, .key_count = 1 };
	policy.keys[0].week = NOW_S / WEEK_SECONDS;
	memset(policy.keys[0].key, 7, ADVERT_KEY_SIZE);
	return fresh(&policy);
}

/* What starts nothing uses nothing up. */
static void test_situation(void **state) {
	(void)state;
	struct activation *activation = legacy_activation();
	struct activation_situation situation = ready;
	situation.buffering = false;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(hear(activation, &situation, SECOND, 1, 7), ACTIVATION_NOT_BUFFERING);
	situation = ready;
	situation.bluetooth_enabled = false;
	assert_int_equal(hear(activation, &situation, SECOND, 1, 7), ACTIVATION_NOT_BUFFERING);
	assert_int_equal(hear(activation, &ready, SECOND, 1, 7), ACTIVATION_START_UNVERIFIED);
	activation_free(activation);
}

static void test_one_source(void **state) {
	(void)state;
	struct activation *activation = legacy_activation();
	assert_int_equal(hear(activation, &ready, SECOND, 1, 7), ACTIVATION_START_UNVERIFIED);
	assert_int_equal(hear(activation, &ready, 2 * SECOND, 1, 7), ACTIVATION_LIMITED);
	assert_int_equal(hear(activation, &ready, 60 * SECOND, 2, 7), ACTIVATION_LIMITED); /* another address, the same number */
	assert_int_equal(hear(activation, &ready, 60 * SECOND, 1, 8), ACTIVATION_LIMITED); /* and the other way round */
	assert_int_equal(hear(activation, &ready, 60 * SECOND, 2, 8), ACTIVATION_START_UNVERIFIED);
	assert_int_equal(hear(activation, &ready, 61 * SECOND, 1, 7), ACTIVATION_START_UNVERIFIED);
	activation_free(activation);
}

/* A stranger who makes up a source for each. */
static void test_all_together(void **state) {
	(void)state;
	struct activation *activation = legacy_activation();
	unsigned started = 0;
	for (unsigned second = 1; second <= 3600; second++)
		started += hear(activation, &ready, second * SECOND, (uint8_t)second, second) == ACTIVATION_START_UNVERIFIED;
	assert_int_equal(started, LEGACY_WINDOW_STARTS * 6); /* in an hour */
	activation_free(activation);
}

/* The authentic path knows nothing of it: not when the limits are used up, not by the numbers it names; and no bytes are both. */
static void test_authentic_path(void **state) {
	(void)state;
	struct activation *activation = legacy_activation();
	struct activation_situation situation = ready;
	struct activation_policy policy = { 0 };
	struct advert_keys keys;
	uint8_t bytes[ADVERT_SIZE];
	struct legacy_call call = { 0 };
	situation.now_s = NOW_S;
	situation.clock_trusted = true;
	for (unsigned i = 0; i < 100; i++)
		hear(activation, &situation, SECOND, (uint8_t)i, UINT32_MAX - i);
	assert_int_equal(hear(activation, &situation, SECOND, 200, 7), ACTIVATION_LIMITED);
	assert_false(activation_is_dirty(activation)); /* no sequence is remembered for it */
	memset(policy.keys[0].key, 7, ADVERT_KEY_SIZE);
	advert_keys_derive(&keys, policy.keys[0].key, NOW_S / ADVERT_EPOCH_SECONDS);
	advert_encode(&keys, &(struct advert_call){ ADVERT_SIGNAL, { .signal = { 7, 1, NOW_S, SIGNAL_SIREN } } }, bytes);
	assert_int_equal(activation_judge_legacy(activation, &situation, SECOND, somebody, bytes, sizeof(bytes), &call),
	                 ACTIVATION_MALFORMED);
	assert_int_equal(activation_judge(activation, &situation, bytes, NULL), ACTIVATION_START);
	memset(bytes, 0, sizeof(bytes));
	legacy_encode(&(struct legacy_call){ SIGNAL_SIREN, 7 }, bytes);
	assert_int_equal(activation_judge(activation, &situation, bytes, NULL), ACTIVATION_FORGED);
	activation_free(activation);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),      cmocka_unit_test(test_policy),       cmocka_unit_test(test_situation),
		cmocka_unit_test(test_one_source), cmocka_unit_test(test_all_together), cmocka_unit_test(test_authentic_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
