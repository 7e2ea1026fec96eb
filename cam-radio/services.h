/* The parts of the daemon that requests of the companion act upon. Filled once by the daemon; everything outlives its users. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/file.h"
#include "base/reason.h"
#include "cam-radio/counters.h"
#include "cam-radio/preferences.h"
#include "cam-radio/settings.h"

struct recorder;
struct handover;
struct slate;

struct services {
	sd_event *event;
	const struct settings *settings;
	struct recorder *recorder;
	struct handover *handover;
	struct slate *slate;
	struct counters *counters;

	struct preferences *preferences;
	const struct file_layer *layer;
	int folder; /* where preferences are kept */

	/* Sets the system's clock, microseconds since 1970-01-01 UTC. REASON_OK or why not. */
	enum reason (*set_clock)(uint64_t time_us);
};
