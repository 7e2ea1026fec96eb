/* Who was with whom, and how far apart their clocks were, from the logs of several cameras and their keys (docs/slate.md,
 * "Resolving"). Pure.
 *
 * A payload says how many seconds into its epoch it was first sent, by its sender's clock; nobody can hear it earlier. So each
 * first hearing gives a bound on the difference of two clocks, and cameras that hear each other bound it from both sides. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slate/keys.h"
#include "slate/log.h"

#define RESOLVE_CAMERAS_LIMIT 64

struct resolve;

enum resolve_confidence { RESOLVE_LOW, RESOLVE_MEDIUM, RESOLVE_HIGH };

struct resolve_recording {
	size_t camera;
	uint8_t id[SLATE_ID_SIZE];
	uint64_t began_us, ended_us; /* by its camera's clock; 0: not in the log */
};

/* One stretch of time in which `camera` heard the other of the pair, by its own clock. */
struct resolve_stretch {
	size_t camera;
	uint64_t from_us, to_us;
};

/* What one of two cameras heard of the other. */
struct resolve_side {
	uint64_t count;
	int8_t rssi; /* the best, dBm; SLATE_RSSI_UNKNOWN */
	uint64_t first_us, last_us;
};

struct resolve_meeting {
	size_t camera[2];
	struct resolve_side heard[2]; /* heard[0]: by camera[0] of camera[1] */
	enum resolve_confidence confidence;
	/* Clock of camera[0] minus clock of camera[1], in microseconds: not below least, not above most, where known. */
	bool has_least, has_most;
	int64_t least_us, most_us;
	/* The bounds exclude each other: a clock was set meanwhile, or somebody has repeated adverts elsewhere. */
	bool contradicts;
	const struct resolve_stretch *stretches;
	size_t stretch_count;
};

struct resolve_camera {
	char serial[SLATE_SERIAL_LIMIT + 1];
	uint64_t sightings, unknown; /* payloads heard; of those, of no camera whose key is known */
	/* To the clock of the first camera of its group: time there = own time + shift, give or take slack. */
	bool placed;
	size_t group;
	int64_t shift_us, slack_us;
};

/* keys are read during resolve_run only. 0 or -ENOMEM. */
int resolve_new(struct resolve **ret, const struct camera_key *keys, size_t key_count);
void resolve_free(struct resolve *resolve);
/* A log, as slate_verify accepts it; reads as far as the chain is sound. Logs of one camera (the full one and the one after) are
 * added one by one, the older first. 0; -EBADMSG: no log; -ENOKEY: no key for its serial; -E2BIG: too many cameras; -ENOMEM. */
int resolve_add(struct resolve *resolve, const void *bytes, size_t length);
/* 0 or -ENOMEM. Once. */
int resolve_run(struct resolve *resolve);

size_t resolve_camera_count(const struct resolve *resolve);
const struct resolve_camera *resolve_camera_at(const struct resolve *resolve, size_t at);
size_t resolve_meeting_count(const struct resolve *resolve);
const struct resolve_meeting *resolve_meeting_at(const struct resolve *resolve, size_t at);
size_t resolve_recording_count(const struct resolve *resolve);
const struct resolve_recording *resolve_recording_at(const struct resolve *resolve, size_t at);
const char *resolve_confidence_name(enum resolve_confidence confidence);
