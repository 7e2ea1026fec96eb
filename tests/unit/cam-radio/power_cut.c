/* Power is cut at every step of storing the preferences: lights and sounds stay as they were chosen, before or after. */
#include "tests/unit/base/power_cut.h"

#include "cam-radio/preferences.h"
#include "crypto/crypto.h"

static void test_preferences(void **state) {
	(void)state;
	static struct power_cut disk;
	const struct preferences old = { .indicator_lights = false, .sounds = true },
	                         fresh = { .indicator_lights = false, .sounds = false };
	unsigned kept = 0, replaced = 0;
	bool finished = false;
	for (unsigned cut = 1; !finished; cut++) {
		power_cut_start(&disk);
		assert_int_equal(preferences_store(&old, &disk.layer, disk.folder), 0);
		power_cut_settle(&disk);
		disk.cut_at = cut;
		finished = preferences_store(&fresh, &disk.layer, disk.folder) == 0;
		for (unsigned i = 0; power_cut_outcome(&disk, i); i++) {
			struct preferences found;
			preferences_load(&found, file_layer_system(), disk.folder);
			/* Lights that were off do not come on by a power cut: the default would. */
			assert_false(found.indicator_lights);
			if (finished)
				assert_false(found.sounds);
			kept += found.sounds;
			replaced += !found.sounds;
		}
		power_cut_end(&disk);
	}
	assert_true(kept > 5 && replaced > 5);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_preferences) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
