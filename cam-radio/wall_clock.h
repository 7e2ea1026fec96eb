/* The system's clock: the companion may set it, and calls are judged by it, more strictly when it is known to be right. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"

/* time_us: since 1970-01-01 UTC. REASON_NOT_PERMITTED or REASON_INTERNAL when the kernel refuses; logged either way. */
enum reason wall_clock_set(uint64_t time_us);
/* Seconds since 1970-01-01 UTC. Trusted: the companion has set it since this process began, or something keeps it in step. */
uint64_t wall_clock_s(bool *ret_trusted);
