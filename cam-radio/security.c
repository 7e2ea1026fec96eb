#include "cam-radio/security.h"

#include <assert.h>

#include "base/bytes.h"

const char *security_event_name(enum security_event event) {
	static const char *const names[] = {
		[SECURITY_SIGNAL_FORGED] = "signal-forged",
		[SECURITY_SIGNAL_REPLAYED] = "signal-replayed",
	};
	assert((size_t)event < ELEMENTS(names));
	return names[event];
}
