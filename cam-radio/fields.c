/* Checks of single fields: what a companion sends is authenticated, but not necessarily sane. */
#include <string.h>

#include "base/text.h"
#include "cam-radio/request.h"

bool field_is_id(const char *text) {
	return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

bool field_is_text(const char *text, bool lines) {
	return text_is_plain(text, lines);
}

bool field_is_position(int32_t latitude_e7, int32_t longitude_e7) {
	return latitude_e7 >= -900000000 && latitude_e7 <= 900000000 && longitude_e7 >= -1800000000 && longitude_e7 <= 1800000000;
}
