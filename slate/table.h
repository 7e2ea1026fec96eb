/* What was heard lately of other cameras, in bounded memory, before it goes into the log. Only calls whose tag verifies under the
 * agency's key come here, so that strangers' junk takes no place. Somebody who has that key and makes up identities cannot push
 * true ones out: what was heard for longer than a moment keeps its place, and only what was heard for a moment makes room. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slate/log.h"

#define SLATE_TABLE_SIZE 128
/* Heard over so long it is a sighting; less is not written: a car that passes, or an identity that somebody made up. */
#define SLATE_CONFIRMED_US 1000000u
/* A sighting that goes on is written again this often: what a power cut costs at most. */
#define SLATE_WRITE_AGAIN_US 60000000u
/* Not heard for so long it has ended, and its place is free once it is written. */
#define SLATE_ENDED_US 120000000u

struct slate_slot {
	bool used, confirmed, written, changed;  /* changed: since it was written */
	uint64_t heard_us, written_us, began_us; /* monotonic */
	struct slate_sighting sighting;
};

struct slate_table {
	struct slate_slot slot[SLATE_TABLE_SIZE];
	uint64_t dropped; /* calls that found no place */
};

/* now_us: monotonic; time_us: since 1970-01-01 UTC. */
void slate_table_hear(struct slate_table *table, const struct slate_call *call, int8_t rssi, uint64_t now_us, uint64_t time_us);
/* Copies sightings that are due to be written, at most `capacity`; with `all`, every confirmed one that has changed. They count
 * as written with slate_table_written; otherwise they come again. */
size_t slate_table_due(struct slate_table *table, uint64_t now_us, bool all, struct slate_sighting *out, size_t capacity);
/* The last slate_table_due, same arguments but out, has been written: places of what has ended become free. */
void slate_table_written(struct slate_table *table, uint64_t now_us, bool all, size_t count);
/* When something will be due, monotonic; UINT64_MAX: never. */
uint64_t slate_table_deadline_us(const struct slate_table *table);
