#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "slate/log.h"

#define NOW_US 1800000000000000ull

static inline struct slate_entry make_sighting(uint8_t seed, uint64_t first_us, uint32_t count) {
	struct slate_entry entry = { .kind = SLATE_SIGHTING, .clock_trusted = true };
	entry.sighting =
	        (struct slate_sighting){ .first_us = first_us, .last_us = first_us + 5000000, .count = count, .rssi = -60 };
	entry.sighting.call = (struct slate_call){ .counter = seed, .tx_power = -4, .epoch = first_us / 900000000 };
	memset(entry.sighting.call.identity, seed, SLATE_IDENTITY_SIZE);
	memset(entry.sighting.call.mac, seed + 1, 3);
	return entry;
}

static inline struct slate_entry make_recording(enum slate_kind kind, uint8_t seed, uint64_t time_us) {
	struct slate_entry entry = { .kind = kind, .clock_trusted = true, .time_us = time_us };
	memset(entry.recording_id, seed, sizeof(entry.recording_id));
	return entry;
}
