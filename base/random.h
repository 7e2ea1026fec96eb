/* Where random bytes come from, injected per instance so that tests are deterministic. Lives as long as its user. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct random_source {
	void (*fill)(void *context, uint8_t *out, size_t length);
	void *context;
};

/* The kernel's generator, through libsodium; never fails. */
const struct random_source *random_system(void);
