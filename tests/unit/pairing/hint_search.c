/* Which hints a companion knows and answers, by the distance of the two clocks and by what happened before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "pairing/hint_search.h"

#define NOW 1888888u

static const struct pairing_record ours = { .secret = { 1, 2, 3 } }, other = { .secret = { 1, 2, 4 } };

static enum hint_distance hear(struct hint_search *search, uint64_t now, uint64_t camera_epoch, bool far_allowed) {
	uint8_t hint[HINT_SIZE];
	uint64_t found = 7;
	pairing_hint(&ours, camera_epoch, hint);
	enum hint_distance distance = hint_search_match(search, &ours, now, far_allowed, hint, &found);
	assert_true(found == (distance == HINT_UNKNOWN ? 7 : camera_epoch));
	return distance;
}

/* Every epoch of two days around and some beyond. */
static void test_distances(void **state) {
	(void)state;
	static struct hint_search search;
	memset(&search, 0, sizeof(search));
	for (int distance = -120; distance <= 120; distance++) {
		bool near = distance >= -1 && distance <= 1, far = distance >= -96 && distance <= 96;
		assert_int_equal(hear(&search, NOW, NOW + (uint64_t)distance, false), near ? HINT_NEAR : HINT_UNKNOWN);
		assert_int_equal(hear(&search, NOW, NOW + (uint64_t)distance, true), near  ? HINT_NEAR
		                                                                     : far ? HINT_FAR
		                                                                           : HINT_UNKNOWN);
	}
	/* Time goes on, also by more than an epoch at once, and back. */
	assert_int_equal(hear(&search, NOW + 1, NOW + 2, false), HINT_NEAR);
	assert_int_equal(hear(&search, NOW + 50, NOW + 50, false), HINT_NEAR);
	assert_int_equal(hear(&search, NOW + 50, NOW, false), HINT_UNKNOWN);
	assert_int_equal(hear(&search, NOW - 500, NOW - 501, false), HINT_NEAR);
	/* A companion whose own clock was lost. */
	assert_int_equal(hear(&search, 0, 0, false), HINT_NEAR);
	assert_int_equal(hear(&search, 3, 40, true), HINT_FAR);
	assert_int_equal(hear(&search, 3, 0, true), HINT_FAR);
}

static void test_strangers(void **state) {
	(void)state;
	static struct hint_search search;
	uint8_t hint[HINT_SIZE];
	uint64_t found;
	memset(&search, 0, sizeof(search));
	pairing_hint(&other, NOW, hint);
	assert_int_equal(hint_search_match(&search, &ours, NOW, true, hint, &found), HINT_UNKNOWN);
	/* Another record in the same search: all that was learnt is void. */
	hint_search_met(&search, NOW + 10, NOW);
	assert_int_equal(hint_search_match(&search, &other, NOW, true, hint, &found), HINT_NEAR);
	assert_false(search.met);
	assert_int_equal(hear(&search, NOW, NOW, true), HINT_NEAR);
	assert_int_equal(hear(&search, NOW, NOW + 10, false), HINT_UNKNOWN);
	/* Each bit of a hint counts. */
	pairing_hint(&ours, NOW, hint);
	for (size_t bit = 0; bit < 8 * HINT_SIZE; bit++) {
		hint[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(hint_search_match(&search, &ours, NOW, true, hint, &found), HINT_UNKNOWN);
		hint[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* Somebody plays recorded hints again: each is answered a few times at most, and none that the camera has certainly left behind.
 */
static void test_replays(void **state) {
	(void)state;
	static struct hint_search search;
	memset(&search, 0, sizeof(search));
	for (unsigned i = 0; i < HINT_TRIES; i++) {
		assert_int_equal(hear(&search, NOW, NOW - 20, true), HINT_FAR);
		hint_search_try(&search, NOW - 20);
	}
	assert_int_equal(hear(&search, NOW, NOW - 20, true), HINT_UNKNOWN);
	assert_int_equal(hear(&search, NOW + 1, NOW - 20, true), HINT_UNKNOWN);
	assert_int_equal(hear(&search, NOW, NOW - 21, true), HINT_FAR);
	/* The near ones have no such limit: a camera at the edge of the range is tried for as long as it takes. */
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(hear(&search, NOW, NOW, true), HINT_NEAR);
		hint_search_try(&search, NOW);
	}
	/* Met with the right clock: all before is over, what is ahead is not. */
	hint_search_met(&search, NOW, NOW);
	for (uint64_t later = 0; later < 90; later++) {
		assert_int_equal(hear(&search, NOW + later, NOW - 1, true), later == 0 ? HINT_NEAR : HINT_UNKNOWN);
		assert_int_equal(hear(&search, NOW + later, NOW, true), later <= 1 ? HINT_NEAR : HINT_UNKNOWN);
		assert_int_equal(hear(&search, NOW + later, NOW + 1, true), later <= 2 ? HINT_NEAR : HINT_FAR);
	}
	/* Trying one does not make room for another without end: the last sixteen are remembered. */
	for (unsigned i = 0; i < HINT_TRIED; i++)
		for (unsigned tries = 0; tries < HINT_TRIES; tries++)
			hint_search_try(&search, NOW + 30 + i);
	for (unsigned i = 0; i < HINT_TRIED; i++)
		assert_int_equal(hear(&search, NOW + 10, NOW + 30 + i, true), HINT_UNKNOWN);
}

/* A camera that was met with a wrong clock is found at once the next time, and a wide search is not needed for it again. */
static void test_wrong_clock_is_learnt(void **state) {
	(void)state;
	static struct hint_search search;
	static const int skews[] = { -90, -13, 2, 40, 95 };
	for (size_t i = 0; i < sizeof(skews) / sizeof(skews[0]); i++) {
		memset(&search, 0, sizeof(search));
		uint64_t camera = NOW + (uint64_t)skews[i];
		assert_int_equal(hear(&search, NOW, camera, false), HINT_UNKNOWN);
		assert_int_equal(hear(&search, NOW, camera, true), HINT_FAR);
		hint_search_try(&search, camera);
		hint_search_met(&search, camera, NOW);
		for (uint64_t later = 0; later < 30; later++)
			assert_int_equal(hear(&search, NOW + later, camera + later, false), HINT_NEAR);
		assert_int_equal(hear(&search, NOW + 30, camera + 33, false), HINT_UNKNOWN);
		/* Its clock is set right. */
		assert_int_equal(hear(&search, NOW + 30, NOW + 30, false), HINT_NEAR);
	}
	/* Meeting it on an older epoch does not lower the floor. */
	memset(&search, 0, sizeof(search));
	assert_int_equal(hear(&search, NOW, NOW + 50, true), HINT_FAR);
	hint_search_met(&search, NOW + 50, NOW);
	hint_search_met(&search, NOW, NOW);
	assert_int_equal(hear(&search, NOW, NOW + 50, true), HINT_UNKNOWN);
	assert_int_equal(hear(&search, NOW, NOW + 51, true), HINT_FAR);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distances),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_replays),
		cmocka_unit_test(test_wrong_clock_is_learnt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
