#include "slate/resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define EPOCH_US (ADVERT_EPOCH_SECONDS * 1000000ull)
/* A gap that does not end a stretch: a body turned away, a lost minute after a power cut. */
#define GAP_US 90000000u
#define COUNT_MUCH 10   /* more than a second near */
#define RSSI_NEAR (-85) /* dBm; farther than that is another street */

struct seen {
	size_t camera, other; /* other: SIZE_MAX while unknown */
	struct slate_sighting sighting;
};

struct resolve {
	const struct camera_key *keys;
	size_t key_count;
	struct resolve_camera cameras[RESOLVE_CAMERAS_LIMIT];
	const uint8_t *key_of[RESOLVE_CAMERAS_LIMIT];
	size_t camera_count;
	struct seen *seen;
	size_t seen_count, seen_room;
	struct resolve_recording *recordings;
	size_t recording_count, recording_room;
	struct resolve_meeting *meetings;
	size_t meeting_count;
	struct resolve_stretch *stretches; /* of all meetings, one after the other */
};

int resolve_new(struct resolve **ret, const struct camera_key *keys, size_t key_count) {
	struct resolve *resolve = calloc(1, sizeof(*resolve));
	if (!resolve)
		return -ENOMEM;
	resolve->keys = keys;
	resolve->key_count = key_count;
	*ret = resolve;
	return 0;
}

void resolve_free(struct resolve *resolve) {
	if (!resolve)
		return;
	free(resolve->seen);
	free(resolve->recordings);
	free(resolve->meetings);
	free(resolve->stretches);
	free(resolve);
}

/* --- reading --- */

/* Room for one more; NULL without memory. */
static void *grow(void *array, size_t *room, size_t count, size_t size) {
	if (count < *room)
		return array;
	size_t more = *room ? 2 * *room : 64;
	void *grown = reallocarray(array, more, size);
	if (grown)
		*room = more;
	return grown;
}

static int add_sighting(struct resolve *resolve, size_t camera, const struct slate_sighting *sighting) {
	/* Cumulative: the same payload a little later. Looked for backwards, where it is. */
	for (size_t i = resolve->seen_count; i > 0 && resolve->seen_count - i < 4 * 128; i--) {
		struct seen *seen = &resolve->seen[i - 1];
		if (seen->camera == camera && seen->sighting.call.epoch == sighting->call.epoch &&
		    seen->sighting.first_us == sighting->first_us && seen->sighting.call.counter == sighting->call.counter &&
		    memcmp(seen->sighting.call.identity, sighting->call.identity, SLATE_IDENTITY_SIZE) == 0) {
			seen->sighting = *sighting;
			return 0;
		}
	}
	void *grown = grow(resolve->seen, &resolve->seen_room, resolve->seen_count, sizeof(*resolve->seen));
	if (!grown)
		return -ENOMEM;
	resolve->seen = grown;
	resolve->seen[resolve->seen_count++] = (struct seen){ camera, SIZE_MAX, *sighting };
	return 0;
}

static int add_recording(struct resolve *resolve, size_t camera, const struct slate_entry *entry) {
	bool began = entry->kind == SLATE_RECORDING_BEGAN;
	for (size_t i = resolve->recording_count; i > 0; i--) {
		struct resolve_recording *recording = &resolve->recordings[i - 1];
		if (recording->camera != camera || memcmp(recording->id, entry->recording_id, SLATE_ID_SIZE) != 0)
			continue;
		if (!began)
			recording->ended_us = entry->time_us;
		return 0; /* begun twice: the daemon was started again meanwhile */
	}
	void *grown = grow(resolve->recordings, &resolve->recording_room, resolve->recording_count, sizeof(*resolve->recordings));
	if (!grown)
		return -ENOMEM;
	resolve->recordings = grown;
	struct resolve_recording *recording = &resolve->recordings[resolve->recording_count++];
	*recording = (struct resolve_recording){ .camera = camera };
	memcpy(recording->id, entry->recording_id, SLATE_ID_SIZE);
	*(began ? &recording->began_us : &recording->ended_us) = entry->time_us;
	return 0;
}

static int find_camera(struct resolve *resolve, const char *serial, size_t *ret) {
	for (size_t i = 0; i < resolve->camera_count; i++)
		if (strcmp(resolve->cameras[i].serial, serial) == 0) {
			*ret = i;
			return 0;
		}
	for (size_t i = 0; i < resolve->key_count; i++) {
		if (strcmp(resolve->keys[i].serial, serial) != 0)
			continue;
		if (resolve->camera_count == RESOLVE_CAMERAS_LIMIT)
			return -E2BIG;
		strcpy(resolve->cameras[resolve->camera_count].serial, serial);
		resolve->key_of[resolve->camera_count] = resolve->keys[i].key;
		*ret = resolve->camera_count++;
		return 0;
	}
	return -ENOKEY;
}

int resolve_add(struct resolve *resolve, const void *bytes, size_t length) {
	struct slate_reader reader;
	struct slate_entry entry;
	size_t camera;
	int r = slate_reader_start(&reader, bytes, length);
	if (r == 0)
		r = find_camera(resolve, reader.header.serial, &camera);
	while (r == 0 && slate_reader_next(&reader, &entry))
		switch (entry.kind) {
		case SLATE_RECORDING_BEGAN:
		case SLATE_RECORDING_ENDED:
			r = add_recording(resolve, camera, &entry);
			break;
		case SLATE_SIGHTING:
			r = add_sighting(resolve, camera, &entry.sighting);
			break;
		}
	return r;
}

/* --- who that was --- */

/* All that were heard belong to few cameras: the last answer is tried first. */
static void name_all(struct resolve *resolve) {
	for (size_t i = 0; i < resolve->seen_count; i++) {
		struct seen *seen = &resolve->seen[i];
		resolve->cameras[seen->camera].sightings++;
		for (size_t other = 0; other < resolve->camera_count && seen->other == SIZE_MAX; other++)
			if (other != seen->camera &&
			    slate_is_from(&seen->sighting.call, resolve->key_of[other], seen->sighting.call.epoch))
				seen->other = other;
		if (seen->other == SIZE_MAX)
			resolve->cameras[seen->camera].unknown++;
	}
}

/* --- meetings --- */

static void count_side(struct resolve_side *side, const struct slate_sighting *s) {
	side->count += s->count;
	if (side->first_us == 0 || s->first_us < side->first_us)
		side->first_us = s->first_us;
	if (s->last_us > side->last_us)
		side->last_us = s->last_us;
	if (side->rssi == SLATE_RSSI_UNKNOWN || (s->rssi != SLATE_RSSI_UNKNOWN && s->rssi > side->rssi))
		side->rssi = s->rssi;
}

/* Hearer's clock minus sender's clock is at most this. */
static int64_t bound_us(const struct slate_sighting *s) {
	return (int64_t)(s->first_us - (s->call.epoch * EPOCH_US + s->call.counter * 1000000ull));
}

static void take_bound(struct resolve_meeting *meeting, size_t hearer, const struct slate_sighting *s) {
	int64_t bound = bound_us(s);
	if (hearer == 0 && (!meeting->has_most || bound < meeting->most_us)) {
		meeting->has_most = true;
		meeting->most_us = bound;
	} else if (hearer == 1 && (!meeting->has_least || -bound > meeting->least_us)) {
		meeting->has_least = true;
		meeting->least_us = -bound;
	}
}

static bool is_near(const struct resolve_side *side) {
	return side->rssi == SLATE_RSSI_UNKNOWN || side->rssi >= RSSI_NEAR;
}

static enum resolve_confidence confidence_of(const struct resolve_meeting *m) {
	bool mutual = m->heard[0].count > 0 && m->heard[1].count > 0;
	bool much = m->heard[0].count + m->heard[1].count >= COUNT_MUCH;
	bool near = (m->heard[0].count > 0 && is_near(&m->heard[0])) || (m->heard[1].count > 0 && is_near(&m->heard[1]));
	if (m->contradicts || !much || !near)
		return RESOLVE_LOW;
	return mutual ? RESOLVE_HIGH : RESOLVE_MEDIUM;
}

static int by_camera_and_time(const void *a, const void *b) {
	const struct resolve_stretch *x = a, *y = b;
	if (x->camera != y->camera)
		return x->camera < y->camera ? -1 : 1;
	return x->from_us < y->from_us ? -1 : x->from_us > y->from_us;
}

/* Sorts and joins; returns how many are left. */
static size_t join_stretches(struct resolve_stretch *stretches, size_t count) {
	size_t left = 0;
	qsort(stretches, count, sizeof(*stretches), by_camera_and_time);
	for (size_t i = 0; i < count; i++) {
		struct resolve_stretch *last = left > 0 ? &stretches[left - 1] : NULL;
		if (!last || last->camera != stretches[i].camera || stretches[i].from_us > last->to_us + GAP_US)
			stretches[left++] = stretches[i];
		else if (stretches[i].to_us > last->to_us)
			last->to_us = stretches[i].to_us;
	}
	return left;
}

/* False when the two never heard each other. Writes stretches from `at` on. */
static bool make_meeting(struct resolve *resolve, size_t a, size_t b, struct resolve_stretch *at, struct resolve_meeting *ret) {
	struct resolve_meeting m = { .camera = { a, b } };
	m.heard[0].rssi = m.heard[1].rssi = SLATE_RSSI_UNKNOWN;
	for (size_t i = 0; i < resolve->seen_count; i++) {
		const struct seen *seen = &resolve->seen[i];
		bool by_a = seen->camera == a && seen->other == b, by_b = seen->camera == b && seen->other == a;
		if (!by_a && !by_b)
			continue;
		count_side(&m.heard[by_b], &seen->sighting);
		take_bound(&m, by_b, &seen->sighting);
		at[m.stretch_count++] = (struct resolve_stretch){ seen->camera, seen->sighting.first_us, seen->sighting.last_us };
	}
	if (m.stretch_count == 0)
		return false;
	m.stretch_count = join_stretches(at, m.stretch_count);
	m.stretches = at;
	m.contradicts = m.has_least && m.has_most && m.least_us > m.most_us;
	m.confidence = confidence_of(&m);
	*ret = m;
	return true;
}

/* --- one clock for all --- */

/* Of clock a minus clock b: the middle, and how far it may be off. One bound alone is taken for the difference itself: adverts
 * come several times a second, so that it is close unless the two met late in the life of a payload, a minute. */
static int64_t middle_us(const struct resolve_meeting *m, int64_t *ret_slack_us) {
	if (m->has_least && m->has_most) {
		*ret_slack_us = (m->most_us - m->least_us) / 2;
		return m->least_us + *ret_slack_us;
	}
	*ret_slack_us = GAP_US;
	return m->has_most ? m->most_us : m->least_us;
}

/* Each group of cameras that met is placed on the clock of its first one, by the tightest bounds first (Prim's tree). */
static void place_group(struct resolve *resolve, size_t first) {
	resolve->cameras[first].placed = true;
	resolve->cameras[first].group = first;
	for (;;) {
		const struct resolve_meeting *next = NULL;
		int64_t next_slack = 0;
		for (size_t i = 0; i < resolve->meeting_count; i++) {
			const struct resolve_meeting *m = &resolve->meetings[i];
			const struct resolve_camera *a = &resolve->cameras[m->camera[0]], *b = &resolve->cameras[m->camera[1]];
			int64_t slack;
			(void)middle_us(m, &slack);
			if (m->contradicts || a->placed == b->placed || (a->placed ? a : b)->group != first)
				continue;
			if (!next || slack < next_slack) {
				next = m;
				next_slack = slack;
			}
		}
		if (!next)
			return;
		struct resolve_camera *a = &resolve->cameras[next->camera[0]], *b = &resolve->cameras[next->camera[1]];
		struct resolve_camera *known = a->placed ? a : b, *other = a->placed ? b : a;
		int64_t apart = middle_us(next, &next_slack);
		other->placed = true;
		other->group = first;
		other->shift_us = known->shift_us + (known == a ? apart : -apart);
		other->slack_us = known->slack_us + next_slack;
	}
}

int resolve_run(struct resolve *resolve) {
	size_t n = resolve->camera_count, pairs = n * (n > 0 ? n - 1 : 0) / 2, used = 0;
	name_all(resolve);
	resolve->meetings = calloc(pairs > 0 ? pairs : 1, sizeof(*resolve->meetings));
	resolve->stretches = calloc(resolve->seen_count > 0 ? resolve->seen_count : 1, sizeof(*resolve->stretches));
	if (!resolve->meetings || !resolve->stretches)
		return -ENOMEM;
	for (size_t a = 0; a < n; a++)
		for (size_t b = a + 1; b < n; b++) {
			struct resolve_meeting *meeting = &resolve->meetings[resolve->meeting_count];
			if (!make_meeting(resolve, a, b, resolve->stretches + used, meeting))
				continue;
			used += meeting->stretch_count;
			resolve->meeting_count++;
		}
	for (size_t i = 0; i < n; i++)
		if (!resolve->cameras[i].placed)
			place_group(resolve, i);
	return 0;
}

/* --- results --- */

size_t resolve_camera_count(const struct resolve *resolve) {
	return resolve->camera_count;
}

const struct resolve_camera *resolve_camera_at(const struct resolve *resolve, size_t at) {
	return &resolve->cameras[at];
}

size_t resolve_meeting_count(const struct resolve *resolve) {
	return resolve->meeting_count;
}

const struct resolve_meeting *resolve_meeting_at(const struct resolve *resolve, size_t at) {
	return &resolve->meetings[at];
}

size_t resolve_recording_count(const struct resolve *resolve) {
	return resolve->recording_count;
}

const struct resolve_recording *resolve_recording_at(const struct resolve *resolve, size_t at) {
	return &resolve->recordings[at];
}

const char *resolve_confidence_name(enum resolve_confidence confidence) {
	switch (confidence) {
	case RESOLVE_LOW:
		return "low";
	case RESOLVE_MEDIUM:
		return "medium";
	case RESOLVE_HIGH:
		return "high";
	}
	return "low";
}
