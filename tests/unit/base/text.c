/* What counts as plain text. */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text;
	bool plain, lines;
} rows[] = {
	{ "", true, true },
	{ "phone", true, true },
	{ "a b~", true, true },
	{ "a\nb", false, true },
	{ "a\tb", false, true },
	{ "a\rb", false, false },
	{ "\x1b[31m", false, false },
	{ "\x7f", false, false },
	{ "\xc2\x9b"
	  "31m",
	  false, false }, /* C1's CSI */
	{ "\xc2\xa0", true, true },
	{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xb7", true, true },
	{ "\xf4\x8f\xbf\xbf", true, true },
	{ "\xf4\x90\x80\x80", false, false }, /* beyond U+10FFFF */
	{ "\xed\x9f\xbf", true, true },
	{ "\xed\xa0\x80", false, false }, /* a surrogate */
	{ "\xc0\xaf", false, false },     /* overlong */
	{ "\xe0\x80\xaf", false, false },
	{ "\xf0\x80\x80\xaf", false, false },
	{ "\x80", false, false },
	{ "\xc3", false, false }, /* cut */
	{ "\xe2\x82", false, false },
	{ "\xf0\x9f\x93", false, false },
	{ "\xc3(", false, false },
	{ "\xff", false, false },
	{ "\xf8\x88\x80\x80\x80", false, false },
};

static void test_rows(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (text_is_plain(rows[i].text, false) != rows[i].plain || text_is_plain(rows[i].text, true) != rows[i].lines)
			fail_msg("row %zu", i);
}

/* Every code point, and every one of them cut short. */
static void test_every_character(void **state) {
	(void)state;
	for (uint32_t point = 1; point <= 0x10ffff; point++) {
		char text[5] = { 0 };
		size_t length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
		static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
		uint32_t rest = point;
		for (size_t i = length; i-- > 1; rest >>= 6)
			text[i] = (char)(0x80 | (rest & 0x3f));
		text[0] = (char)(lead[length] | rest);
		bool control = point < 0x20 || (point >= 0x7f && point < 0xa0), surrogate = point >= 0xd800 && point < 0xe000;
		if (text_is_utf8(text) == surrogate || text_is_plain(text, false) != (!control && !surrogate))
			fail_msg("U+%04X", (unsigned)point);
		if (length > 1) {
			text[length - 1] = 0;
			assert_false(text_is_plain(text, true) || text_is_utf8(text));
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_every_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
