#include <stdio.h>

#include "base/log.h"
#include "tests/unit/base/captured.h"

static void test_form(void **state) {
	(void)state;
	struct captured captured;
	capture_start(&captured);
	log_line(LOG_LEVEL_WARNING, "link", "%d strangers", 3);
	log_reason(LOG_LEVEL_ERROR, "pairing", REASON_STORE_FAILED, "the old one stays");
	log_line(LOG_LEVEL_DEBUG, "link", "not asked for");
	assert_string_equal(capture_end(&captured), "<4>link: 3 strangers\n<3>pairing: the old one stays [store-failed]\n");
	capture_start(&captured);
	log_set_level(LOG_LEVEL_DEBUG);
	log_line(LOG_LEVEL_DEBUG, "link", "asked for");
	log_set_level(LOG_LEVEL_ERROR);
	log_line(LOG_LEVEL_WARNING, "link", "no");
	log_set_level(LOG_LEVEL_INFO);
	assert_string_equal(capture_end(&captured), "<7>link: asked for\n");
}

/* A name that a peer chose can neither begin a line of its own nor talk to a terminal. */
static void test_hostile_text(void **state) {
	(void)state;
	struct captured captured;
	capture_start(&captured);
	log_line(LOG_LEVEL_INFO, "link", "\"%s\"", "x\n<3>pairing: forged\x1b[31m\x7f\r\t\xc3\xa9");
	assert_string_equal(capture_end(&captured), "<6>link: \"x?<3>pairing: forged?[31m???\xc3\xa9\"\n");
	static char longest[5000];
	memset(longest, 'a', sizeof(longest) - 1);
	capture_start(&captured);
	log_reason(LOG_LEVEL_INFO, "link", REASON_OK, "%s", longest);
	const char *text = capture_end(&captured);
	size_t length = strlen(text);
	assert_true(length > 1000 && length < 1200);
	assert_string_equal(text + length - 6, " [ok]\n");
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_form), cmocka_unit_test(test_hostile_text) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
