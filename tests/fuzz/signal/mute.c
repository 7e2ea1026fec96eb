/* The file that says until when nobody answers. */
#include "signal/mute.h"

#include <string.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct mute mute = { .since_s = 1, .until_s = 2, .who = "before" };
	if (mute_parse(&mute, (const char *)data, size) < 0) {
		if (mute.since_s != 1 || mute.until_s != 2 || strcmp(mute.who, "before") != 0)
			__builtin_trap();
		return 0;
	}
	/* Never for longer than anybody may ask for, and by somebody who can be named in a log. */
	if (mute_is_on(&mute, mute.since_s + MUTE_MINUTES_LIMIT * 60) || strlen(mute.who) == 0 || !text_is_plain(mute.who, false))
		__builtin_trap();
	return 0;
}
