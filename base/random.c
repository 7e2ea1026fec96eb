#include "base/random.h"

#include <sodium.h>

static void fill_from_system(void *context, uint8_t *out, size_t length) {
	(void)context;
	randombytes_buf(out, length);
}

const struct random_source *random_system(void) {
	static const struct random_source source = { .fill = fill_from_system, .context = NULL };
	return &source;
}
