/* What is kept of what is heard: counts, the best signal, when it is written, and a flood by somebody with the agency's key. */
#include "slate/table.h"

#include "unit.h"

static struct slate_table table;
static uint64_t now_us;

static struct slate_call call_of(uint32_t number) {
	struct slate_call call = { .epoch = 7 };
	memcpy(call.identity, &number, sizeof(number));
	return call;
}

static void hear(uint32_t number, int8_t rssi) {
	struct slate_call call = call_of(number);
	slate_table_hear(&table, &call, rssi, now_us, NOW_US + now_us);
}

static size_t due(bool all, struct slate_sighting *out) {
	return slate_table_due(&table, now_us, all, out, SLATE_TABLE_SIZE);
}

static int set_up(void **state) {
	(void)state;
	memset(&table, 0, sizeof(table));
	now_us = 5000000;
	return 0;
}

static void test_counts(void **state) {
	(void)state;
	struct slate_sighting out[SLATE_TABLE_SIZE];
	static const int8_t rssi[] = { SLATE_RSSI_UNKNOWN, -80, -52, -70, SLATE_RSSI_UNKNOWN };
	uint64_t began_us = now_us;
	for (size_t i = 0; i < 5; i++, now_us += 300000)
		hear(1, rssi[i]);
	assert_int_equal(due(false, out), 1);
	assert_int_equal(out[0].count, 5);
	assert_int_equal(out[0].rssi, -52);
	assert_int_equal(out[0].first_us, NOW_US + began_us);
	assert_int_equal(out[0].last_us, NOW_US + began_us + 1200000);
	assert_int_equal(due(false, out), 1); /* until it is written */
	slate_table_written(&table, now_us, false, 1);
	assert_int_equal(due(false, out), 0);
	hear(1, -60);
	assert_int_equal(due(false, out), 0);
	assert_int_equal(due(true, out), 1);
	assert_int_equal(slate_table_deadline_us(&table), now_us + SLATE_WRITE_AGAIN_US);
	now_us += SLATE_WRITE_AGAIN_US;
	hear(1, -60);
	assert_int_equal(due(false, out), 1);
	assert_int_equal(out[0].count, 7);
}

static void test_a_moment_is_none(void **state) {
	(void)state;
	struct slate_sighting out[SLATE_TABLE_SIZE];
	hear(1, -50);
	now_us += 900000;
	hear(1, -50);
	now_us += SLATE_ENDED_US;
	assert_int_equal(due(true, out), 0);
	slate_table_written(&table, now_us, false, 0);
	assert_int_equal(slate_table_deadline_us(&table), UINT64_MAX);
}

/* Ended and written: its place is free. Ended and not yet written: it stays. */
static void test_ends(void **state) {
	(void)state;
	struct slate_sighting out[SLATE_TABLE_SIZE];
	hear(1, -50);
	now_us += 1000000;
	hear(1, -50);
	now_us += SLATE_ENDED_US;
	slate_table_written(&table, now_us, false, 0); /* could not be written */
	assert_int_equal(due(false, out), 1);
	slate_table_written(&table, now_us, false, 1);
	assert_int_equal(due(true, out), 0);
	assert_int_equal(slate_table_deadline_us(&table), UINT64_MAX);
}

/* As on the air: 100 ms and up to 10 ms by chance (Core 5.4, volume 6, part B 4.4.2.2.1). Without chance, somebody who floods in
 * step with a camera could keep it out. */
static uint64_t next_advert_us(void) {
	static uint32_t chance = 1;
	chance = chance * 1664525 + 1013904223;
	return 100000 + chance % 10000;
}

/* A thousand made-up identities a second, all with right tags, for a minute; true cameras before and during it. */
static void test_flood(void **state) {
	(void)state;
	struct slate_sighting out[SLATE_TABLE_SIZE];
	uint64_t next_us[9] = { 0 }, late_us = now_us + 20000000;
	uint32_t junk = 1000;
	for (unsigned tick = 0; tick < 60 * 1000; tick++, now_us += 1000) {
		for (uint32_t camera = 1; camera <= 8; camera++) {
			if (now_us < next_us[camera] || (camera > 5 && now_us < late_us)) /* some come while it goes on */
				continue;
			next_us[camera] = now_us + next_advert_us();
			hear(camera, -60);
		}
		hear(junk++, -30);
	}
	size_t count = due(true, out);
	assert_int_equal(count, 8);
	for (size_t i = 0; i < count; i++) {
		assert_true(out[i].call.identity[0] <= 8 && out[i].call.identity[1] == 0);
		assert_true(out[i].count > 250);
	}
	assert_true(table.dropped > 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_counts, set_up),
		cmocka_unit_test_setup(test_a_moment_is_none, set_up),
		cmocka_unit_test_setup(test_ends, set_up),
		cmocka_unit_test_setup(test_flood, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
