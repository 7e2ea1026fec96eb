/* The advert's bytes: round trips, forgery, linkability, Slate identities. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "signal/advert.h"

static const uint8_t group_key[ADVERT_KEY_SIZE] = { 1, 2, 3, 4, 5, 6, 7, 8 };
static const uint8_t camera_key[ADVERT_KEY_SIZE] = { 9, 9, 9 };

static const struct advert_call example = {
	.type = ADVERT_SIGNAL,
	.signal = { .sender = 0x01020304, .sequence = 77, .time_s = 1800000000, .kind = SIGNAL_LIGHT_BAR },
};

static void test_round_trip(void **state) {
	(void)state;
	struct advert_keys keys;
	advert_keys_derive(&keys, group_key, 2000000);
	for (unsigned kind = SIGNAL_MANUAL; kind <= SIGNAL_KIND_LAST; kind++) {
		struct advert_call call = example, back;
		call.signal.kind = (enum signal_kind)kind;
		uint8_t bytes[ADVERT_SIZE];
		advert_encode(&keys, &call, bytes);
		assert_true(advert_decode(&keys, bytes, &back));
		assert_int_equal(back.type, ADVERT_SIGNAL);
		assert_int_equal(back.signal.sender, call.signal.sender);
		assert_int_equal(back.signal.sequence, call.signal.sequence);
		assert_int_equal(back.signal.time_s, call.signal.time_s);
		assert_int_equal(back.signal.kind, kind);
	}
}

static void test_every_flipped_bit_is_refused(void **state) {
	(void)state;
	struct advert_keys keys;
	advert_keys_derive(&keys, group_key, 2000000);
	uint8_t bytes[ADVERT_SIZE];
	advert_encode(&keys, &example, bytes);
	for (size_t bit = 0; bit < 8 * ADVERT_SIZE; bit++) {
		struct advert_call call = { 0 };
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(advert_decode(&keys, bytes, &call));
		assert_int_equal(call.type, 0); /* untouched */
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void test_other_epoch_and_other_agency_are_refused(void **state) {
	(void)state;
	uint8_t other_group[ADVERT_KEY_SIZE];
	memcpy(other_group, group_key, sizeof(other_group));
	other_group[31] ^= 1;
	struct advert_keys keys, later, other;
	advert_keys_derive(&keys, group_key, 2000000);
	advert_keys_derive(&later, group_key, 2000001);
	advert_keys_derive(&other, other_group, 2000000);
	uint8_t bytes[ADVERT_SIZE];
	struct advert_call call;
	advert_encode(&keys, &example, bytes);
	assert_false(advert_decode(&later, bytes, &call));
	assert_false(advert_decode(&other, bytes, &call));
}

/* Invariant 11, the bytes' part: nothing but the constant header is shared between epochs, or between Signal and Slate. */
static void test_epochs_share_no_bytes(void **state) {
	(void)state;
	unsigned equal_bytes = 0, pairs = 0;
	for (uint64_t epoch = 1; epoch < 400; epoch++) {
		struct advert_keys keys, next;
		advert_keys_derive(&keys, group_key, epoch);
		advert_keys_derive(&next, group_key, epoch + 1);
		struct advert_call slate = { .type = ADVERT_SLATE };
		slate_make(&slate.slate, camera_key, epoch, 1, 0);
		uint8_t a[ADVERT_SIZE], b[ADVERT_SIZE];
		advert_encode(&keys, &slate, a);
		slate_make(&slate.slate, camera_key, epoch + 1, 1, 0);
		advert_encode(&next, &slate, b);
		assert_int_equal(a[0], b[0]);
		for (size_t i = 1; i < ADVERT_SIZE; i++, pairs++)
			equal_bytes += a[i] == b[i];
	}
	/* By chance one in 256; four times that would be a leak. */
	assert_true(equal_bytes < pairs / 64);
}

static void test_slate_is_known_to_its_key_only(void **state) {
	(void)state;
	struct slate_call call;
	slate_make(&call, camera_key, 42, 7, -4);
	assert_true(slate_is_from(&call, camera_key, 42));
	assert_false(slate_is_from(&call, camera_key, 43));
	assert_false(slate_is_from(&call, group_key, 42));
	call.tx_power = 4; /* a relay that makes a camera look nearer */
	assert_false(slate_is_from(&call, camera_key, 42));
}

static void test_unknown_content_is_refused(void **state) {
	(void)state;
	/* Right keys, wrong content: an insider's sender of a later version. */
	struct advert_keys keys;
	advert_keys_derive(&keys, group_key, 1);
	struct advert_call call = example, back;
	uint8_t bytes[ADVERT_SIZE];
	call.signal.kind = (enum signal_kind)(SIGNAL_KIND_LAST + 1);
	advert_encode(&keys, &call, bytes);
	assert_false(advert_decode(&keys, bytes, &back));
	call.signal.kind = (enum signal_kind)0;
	advert_encode(&keys, &call, bytes);
	assert_false(advert_decode(&keys, bytes, &back));
}

static void test_kind_names(void **state) {
	(void)state;
	for (unsigned kind = SIGNAL_MANUAL; kind <= SIGNAL_KIND_LAST; kind++) {
		enum signal_kind back;
		assert_true(signal_kind_from_name(signal_kind_name((enum signal_kind)kind), &back));
		assert_int_equal(back, kind);
	}
	enum signal_kind untouched = SIGNAL_HOLSTER;
	assert_false(signal_kind_from_name("lightbar", &untouched));
	assert_int_equal(untouched, SIGNAL_HOLSTER);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_every_flipped_bit_is_refused),
		cmocka_unit_test(test_other_epoch_and_other_agency_are_refused),
		cmocka_unit_test(test_epochs_share_no_bytes),
		cmocka_unit_test(test_slate_is_known_to_its_key_only),
		cmocka_unit_test(test_unknown_content_is_refused),
		cmocka_unit_test(test_kind_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
