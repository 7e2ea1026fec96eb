#include "cam-radio/feedback.h"

#include <assert.h>

#include "base/bytes.h"

const char *feedback_name(enum feedback_kind kind) {
	static const char *const names[] = {
		[FEEDBACK_HOLDING] = "holding",
		[FEEDBACK_WINDOW_OPEN] = "window-open",
		[FEEDBACK_WINDOW_CLOSED] = "window-closed",
		[FEEDBACK_CODE] = "code",
		[FEEDBACK_PAIRED] = "paired",
		[FEEDBACK_FAILED] = "failed",
		[FEEDBACK_SESSION] = "session",
		[FEEDBACK_WIFI_ON] = "wifi-on",
		[FEEDBACK_WIFI_OFF] = "wifi-off",
	};
	assert((size_t)kind < ELEMENTS(names));
	return names[kind];
}
