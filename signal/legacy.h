/* The advert of old activators, which nobody signs: anybody can send it, so policy has to ask for it ([signal] auth = legacy),
 * few of them start anything, and a recording that one started says so (docs/protocol.md, "Signal without keys"). Pure.
 *
 *   header 1 | kind 1 | activator 4
 *
 * Header and length differ from those of the authentic advert (advert.h): neither is ever read as the other. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signal/advert.h"

#define LEGACY_SIZE 6
#define LEGACY_HEADER 0x10

struct legacy_call {
	enum signal_kind kind;
	uint32_t activator; /* the number that it says it has */
};

void legacy_encode(const struct legacy_call *call, uint8_t out[LEGACY_SIZE]);
/* False when it is not well formed; *ret is untouched then. */
bool legacy_decode(const uint8_t *bytes, size_t length, struct legacy_call *ret);

/* One start for each source in a minute: what an activator repeats is one call. A stranger makes up as many sources as he likes,
 * so all together are bounded, too: that many recordings that nobody wanted are a nuisance, and do not fill a store. */
#define LEGACY_SOURCE_US 60000000ull
#define LEGACY_WINDOW_US 600000000ull
#define LEGACY_WINDOW_STARTS 6

struct legacy_start {
	uint32_t activator;
	uint8_t address[6];
	uint64_t at_us;
};

/* The latest starts; zeroed at first. */
struct legacy_gate {
	struct legacy_start starts[LEGACY_WINDOW_STARTS];
	size_t count;
};

/* Whether a start by this source may be made now, which is then remembered. The source is the activator's number or its address:
 * who changes only one of them is the same. now_us: monotonic. */
bool legacy_gate_admit(struct legacy_gate *gate, uint64_t now_us, const uint8_t address[6], uint32_t activator);
