#include "cam-radio/slate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "cam-radio/deadline.h"
#include "cam-radio/key_watch.h"
#include "pairing/limits.h"
#include "slate/book.h"
#include "slate/keys.h"
#include "slate/table.h"

/* Sightings that are due wait for others: one sync of the disk for all. */
#define GATHER_US (3 * SECOND_US)
#define RETRY_US (30 * SECOND_US)
/* The controller's own figure is not asked for; what counts is that all of an agency's cameras say the same. */
#define TX_POWER_DBM 0

struct slate {
	sd_event *event;
	struct slate_config config;
	bool enabled;
	struct key_watch *key_watch; /* NULL when it is off */
	bool has_key;
	uint8_t key[ADVERT_KEY_SIZE], seed[ED25519_SEED_SIZE];
	struct slate_book *book; /* NULL while it cannot be opened */
	struct slate_table table;
	/* Beginnings and ends of recordings that the disk has not taken yet. */
	struct slate_entry pending[SLATE_BATCH];
	size_t pending_count;
	struct deadline *deadline;
	bool logged_failure;
	char recording[2 * SLATE_ID_SIZE + 1];
};

static uint64_t clock_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SECOND_US + (uint64_t)now.tv_nsec / 1000;
}

/* --- writing --- */

static int open_book(struct slate *s) {
	const struct slate_book_config config = {
		.layer = s->config.layer,
		.folder = s->config.folder,
		.random = s->config.random,
		.serial = s->config.settings->serial,
		.entries_limit = SLATE_BOOK_ENTRIES,
		.clock_us = clock_us,
	};
	return s->book ? 0 : slate_book_open(&s->book, &config);
}

static bool clock_is_trusted(const struct slate *s) {
	bool trusted;
	(void)s->config.clock(&trusted);
	return trusted || s->config.settings->clock_trusted;
}

static int append(struct slate *s, const struct slate_entry *entries, size_t count) {
	int r = open_book(s);
	if (r == 0)
		r = slate_book_append(s->book, entries, count);
	if (r < 0 && !s->logged_failure)
		log_line(LOG_LEVEL_ERROR, "slate", "the log of sightings cannot be written: %s; tried again", strerror(-r));
	s->logged_failure = r < 0;
	return r;
}

/* Sightings that are due, or all. 0 or a negative errno: they are written another time. */
static int write_sightings(struct slate *s, bool all) {
	struct slate_sighting due[SLATE_BATCH];
	struct slate_entry entries[SLATE_BATCH];
	size_t count;
	int r = 0;
	do {
		uint64_t now_us = loop_now_us(s->event);
		count = slate_table_due(&s->table, now_us, all, due, SLATE_BATCH);
		for (size_t i = 0; i < count; i++)
			entries[i] = (struct slate_entry){ .kind = SLATE_SIGHTING,
				                           .clock_trusted = clock_is_trusted(s),
				                           .sighting = due[i] };
		r = count > 0 ? append(s, entries, count) : 0;
		if (r == 0)
			slate_table_written(&s->table, now_us, all, count);
	} while (r == 0 && count == SLATE_BATCH);
	return r;
}

static int write_pending(struct slate *s) {
	int r = s->pending_count > 0 ? append(s, s->pending, s->pending_count) : 0;
	if (r == 0)
		s->pending_count = 0;
	return r;
}

/* 0 or a negative errno: what is not written is kept for another time. */
static int write_due(struct slate *s, bool all) {
	int r = write_pending(s);
	return r < 0 ? r : write_sightings(s, all);
}

static void arm(struct slate *s, uint64_t least_us) {
	uint64_t due_us = s->pending_count > 0 ? 0 : slate_table_deadline_us(&s->table);
	uint64_t earliest_us = loop_now_us(s->event) + least_us;
	deadline_set(s->deadline, due_us == UINT64_MAX || due_us > earliest_us ? due_us : earliest_us);
}

static void on_deadline(void *context, uint64_t now_us) {
	(void)now_us;
	struct slate *s = context;
	arm(s, write_due(s, false) < 0 ? RETRY_US : GATHER_US);
}

/* The recording itself is not held up by a disk that refuses, and the entry is not lost by it. */
static void note_recording(struct slate *s, enum slate_kind kind) {
	struct slate_entry entry = { .kind = kind, .clock_trusted = clock_is_trusted(s), .time_us = clock_us() };
	if (hex_decode(entry.recording_id, sizeof(entry.recording_id), s->recording) < 0)
		return;
	if (s->pending_count == ELEMENTS(s->pending)) {
		log_line(LOG_LEVEL_ERROR, "slate", "too much waits for the disk: the log will not have that %s %s", s->recording,
		         kind == SLATE_RECORDING_BEGAN ? "began" : "ended");
		return;
	}
	s->pending[s->pending_count++] = entry;
	if (write_pending(s) < 0)
		arm(s, RETRY_US);
}

/* --- what happens --- */

void slate_set_recording(struct slate *s, const char *id) {
	if (!s->enabled || strcmp(s->recording, id) == 0 || strlen(id) >= sizeof(s->recording))
		return;
	if (*s->recording) {
		(void)write_due(s, true);
		note_recording(s, SLATE_RECORDING_ENDED);
	}
	strcpy(s->recording, id);
	if (*s->recording)
		note_recording(s, SLATE_RECORDING_BEGAN);
}

bool slate_is_on(const struct slate *s) {
	return s->enabled && *s->recording;
}

bool slate_can_say(const struct slate *s) {
	return slate_is_on(s) && s->has_key;
}

/* A call that we ourselves have said comes back from somebody who repeats it: no sighting. */
static bool is_own(const struct slate *s, const struct slate_call *call) {
	return s->has_key && slate_is_from(call, s->key, call->epoch);
}

void slate_hear(struct slate *s, const struct slate_call *call, int8_t rssi) {
	if (!slate_is_on(s) || is_own(s, call))
		return;
	uint64_t before_us = slate_table_deadline_us(&s->table);
	slate_table_hear(&s->table, call, rssi, loop_now_us(s->event), clock_us());
	if (slate_table_deadline_us(&s->table) < before_us)
		arm(s, GATHER_US);
}

bool slate_say(const struct slate *s, uint64_t now_s, struct slate_call *ret) {
	if (!slate_can_say(s))
		return false;
	slate_make(ret, s->key, now_s / ADVERT_EPOCH_SECONDS, (uint16_t)(now_s % ADVERT_EPOCH_SECONDS), TX_POWER_DBM);
	return true;
}

int slate_head(struct slate *s, struct slate_head *ret) {
	struct slate_head head;
	if (!s || !s->enabled)
		return -ENOENT;
	int r = write_due(s, true);
	if (r == 0)
		r = open_book(s);
	if (r < 0)
		return r;
	slate_book_head(s->book, &head);
	slate_head_sign(&head, s->seed);
	*ret = head;
	return 0;
}

/* --- its own key --- */

static uint64_t on_read_key(void *context, char problem[KEY_FILE_PROBLEM_SIZE]) {
	struct slate *s = context;
	const struct settings *settings = s->config.settings;
	bool trusted;
	s->has_key = camera_key_read(settings->slate_key, settings->serial, s->key, problem) == 0;
	return s->config.clock(&trusted) / ADVERT_EPOCH_SECONDS;
}

static const char *on_meanwhile(void *context) {
	(void)context;
	return "Until then this camera notes others and cannot be noted by them";
}

static void on_key_changed(void *context) {
	const struct slate *s = context;
	s->config.key_changed(s->config.context);
}

static int watch_key(struct slate *s) {
	const struct key_watch_config config = {
		.component = "slate",
		.path = s->config.settings->slate_key,
		.read = on_read_key,
		.meanwhile = on_meanwhile,
		.changed = on_key_changed,
		.context = s,
		.retry_us = s->config.key_retry_us,
	};
	return key_watch_new(&s->key_watch, s->event, &config);
}

const char *slate_key_problem(const struct slate *s) {
	return key_watch_problem(s->key_watch);
}

/* --- life --- */

int slate_new(struct slate **ret, sd_event *event, const struct slate_config *config) {
	struct slate *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct slate){ .event = event, .config = *config, .enabled = config->settings->slate_enabled };
	int r = deadline_new(&s->deadline, event, on_deadline, s);
	if (r >= 0 && s->enabled)
		r = watch_key(s);
	if (r < 0) {
		slate_free(s);
		return r;
	}
	if (s->enabled) {
		slate_signing_seed(config->static_secret, s->seed);
		int opened = open_book(s);
		if (opened < 0)
			log_line(LOG_LEVEL_ERROR, "slate", "the log of sightings cannot be opened: %s; tried again",
			         strerror(-opened));
	}
	*ret = s;
	return 0;
}

void slate_free(struct slate *s) {
	if (!s)
		return;
	if (s->deadline && (s->book || s->pending_count > 0))
		(void)write_due(s, true);
	slate_book_free(s->book);
	key_watch_free(s->key_watch);
	deadline_free(s->deadline);
	wipe(s, sizeof(*s));
	free(s);
}
