#include "base/text.h"

#include <stddef.h>

/* Length of the UTF-8 sequence at `at`, 0 when it is none. */
static size_t utf8_length(const unsigned char *at) {
	static const struct {
		unsigned char mask, lead;
		size_t length;
		unsigned long smallest;
	} forms[] = { { 0x80, 0x00, 1, 0 }, { 0xe0, 0xc0, 2, 0x80 }, { 0xf0, 0xe0, 3, 0x800 }, { 0xf8, 0xf0, 4, 0x10000 } };
	for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]); form++) {
		if ((at[0] & forms[form].mask) != forms[form].lead)
			continue;
		unsigned long point = at[0] & (unsigned char)~forms[form].mask;
		for (size_t i = 1; i < forms[form].length; i++) {
			if ((at[i] & 0xc0) != 0x80) /* the string's end is none, so nothing is read past it */
				return 0;
			point = point << 6 | (at[i] & 0x3f);
		}
		bool surrogate = point >= 0xd800 && point <= 0xdfff;
		return point >= forms[form].smallest && point <= 0x10ffff && !surrogate ? forms[form].length : 0;
	}
	return 0;
}

static bool is_control(const unsigned char *at) {
	return *at < 0x20 || *at == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0);
}

bool text_is_utf8(const char *text) {
	const unsigned char *at = (const unsigned char *)text;
	while (*at) {
		size_t length = utf8_length(at);
		if (length == 0)
			return false;
		at += length;
	}
	return true;
}

bool text_is_plain(const char *text, bool lines) {
	if (!text_is_utf8(text))
		return false;
	for (const unsigned char *at = (const unsigned char *)text; *at; at++)
		if (is_control(at) && !(lines && (*at == '\n' || *at == '\t')))
			return false;
	return true;
}
