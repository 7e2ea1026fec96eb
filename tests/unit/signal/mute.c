/* For a while nobody calls or answers: what is kept, how it ends, every way the file can be wrong. */
#include "signal/mute.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"

#define NOW_S 1800000000u

static char folder_path[] = "/tmp/lanyard-mute.XXXXXX";
static int folder;

static int set_up(void **state) {
	(void)state;
	assert_non_null(mkdtemp(folder_path));
	folder = folder_open(folder_path);
	return folder < 0;
}

static int tear_down(void **state) {
	(void)state;
	unlinkat(folder, "mute", 0);
	close(folder);
	return rmdir(folder_path);
}

static void test_time(void **state) {
	(void)state;
	struct mute mute = { 0 }, read;
	assert_int_equal(mute_read(&read, folder), 0);
	assert_false(mute_is_on(&read, NOW_S));
	assert_int_equal(mute_make(&mute, NOW_S, 60, "Sgt. Öberg, range 3"), 0);
	assert_int_equal(mute_write(&mute, file_layer_system(), folder), 0);
	assert_int_equal(mute_read(&read, folder), 0);
	assert_string_equal(read.who, "Sgt. Öberg, range 3");
	assert_true(mute_is_on(&read, NOW_S));
	assert_true(mute_is_on(&read, NOW_S + 3599));
	assert_false(mute_is_on(&read, NOW_S + 3600));
	assert_false(mute_is_on(&read, NOW_S - 1)); /* a clock that was set back */
	assert_int_equal(mute_make(&mute, NOW_S + 5, 0, "dispatch"), 0);
	assert_int_equal(mute_write(&mute, file_layer_system(), folder), 0);
	assert_int_equal(mute_read(&read, folder), 0);
	assert_false(mute_is_on(&read, NOW_S + 5));
	assert_string_equal(read.who, "dispatch");
}

static void test_bad_wishes(void **state) {
	(void)state;
	char who[MUTE_WHO_SIZE + 1];
	struct mute mute = { .until_s = 7 };
	memset(who, 'x', sizeof(who));
	who[MUTE_WHO_SIZE] = '\0';
	assert_int_equal(mute_make(&mute, NOW_S, 60, who), -EINVAL);
	who[MUTE_WHO_SIZE - 1] = '\0';
	assert_int_equal(mute_make(&(struct mute){ 0 }, NOW_S, 60, who), 0);
	assert_int_equal(mute_make(&mute, NOW_S, 60, ""), -EINVAL);
	assert_int_equal(mute_make(&mute, NOW_S, 60, "two\nlines"), -EINVAL);
	assert_int_equal(mute_make(&mute, NOW_S, MUTE_MINUTES_LIMIT + 1, "me"), -EINVAL);
	assert_int_equal(mute.until_s, 7);
}

static void test_damage(void **state) {
	(void)state;
	static const char *const files[] = { "",
		                             "\n",
		                             "1 2",
		                             "1 2 me",
		                             "1 2 me\n3 4 you\n",
		                             "2 1 me\n",
		                             "1 99999999 me\n",
		                             "1 2 \n",
		                             "1 2 \x01\n",
		                             "x 2 me\n",
		                             "1 2 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n" };
	for (size_t i = 0; i < ELEMENTS(files); i++) {
		struct mute mute;
		assert_int_equal(file_replace(file_layer_system(), folder, "mute", files[i], strlen(files[i])), 0);
		assert_int_equal(mute_read(&mute, folder), -EBADMSG);
		assert_false(mute_is_on(&mute, 1));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_bad_wishes),
		cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
