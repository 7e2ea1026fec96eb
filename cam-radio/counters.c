#include "cam-radio/counters.h"

#include <assert.h>

const char *counter_name(enum counter counter) {
	static const char *const names[] = {
#define COUNTER_NAME(name, text) [COUNTER_##name] = (text),
		COUNTERS(COUNTER_NAME)
#undef COUNTER_NAME
	};
	assert(counter < COUNTER_COUNT);
	return names[counter];
}
