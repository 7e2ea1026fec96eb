/* A companion's search for the epoch of a hint that it hears: whose camera is it, and what does the camera's clock say? Pure; one
 * search for each pairing record (docs/protocol.md, "Adverts").
 *
 * A camera whose clock is right is found at once. One whose clock is wrong by hours is found too, but an old hint that somebody
 * has recorded and plays again looks the same, and a companion that answers it gives away that it is here. So far epochs count
 * only when the caller allows them (it has searched in vain for HINT_FAR_AFTER_US), never at or before the epoch in which the
 * camera was met last, and HINT_TRIES times for each hint. A camera that was met is expected where its clock was then. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pairing/hint.h"
#include "pairing/limits.h"
#include "pairing/record.h"

#define HINT_NEAR_EPOCHS 1                 /* before and after: two clocks that are right still differ by seconds */
#define HINT_FAR_EPOCHS 96                 /* before and after: a day, which is more than any mistaken time zone */
#define HINT_FAR_AFTER_US (30 * SECOND_US) /* a camera in range whose clock is right is heard long before */
#define HINT_TRIES 3                       /* a connection may fail at the edge of the range */
#define HINT_TRIED 16                      /* far epochs remembered; the oldest one makes room */
#define HINT_EPOCHS (2 * HINT_FAR_EPOCHS + 1)

enum hint_distance { HINT_UNKNOWN, HINT_NEAR, HINT_FAR };

struct hint_search {
	bool valid, met;
	uint8_t secret[KEY_SIZE]; /* whose hints these are */
	uint64_t epoch;           /* ours: in the middle of the table */
	uint8_t hint[HINT_EPOCHS][HINT_SIZE];
	int64_t skew;   /* the camera's epoch less ours, when it was met */
	uint64_t floor; /* the camera's epoch when it was met, the highest */
	struct {
		uint64_t epoch;
		unsigned tries;
	} tried[HINT_TRIED];
	unsigned next_tried;
};

/* Zero bytes are an empty search. Another record than the last time begins a new one.
 *
 * HINT_UNKNOWN: not this record's, or not to be answered. Otherwise *ret_epoch is the camera's epoch. `epoch` is ours now. */
enum hint_distance hint_search_match(struct hint_search *search, const struct pairing_record *record, uint64_t epoch,
                                     bool far_allowed, const uint8_t hint[HINT_SIZE], uint64_t *ret_epoch);
/* A far hint is about to be answered. */
void hint_search_try(struct hint_search *search, uint64_t camera_epoch);
/* A session went live on the hint of this epoch: it was the camera, and this is its clock. */
void hint_search_met(struct hint_search *search, uint64_t camera_epoch, uint64_t epoch);
