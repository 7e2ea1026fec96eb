#include "cam-radio/signal_listener.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "cam-radio/deadline.h"
#include "cam-radio/key_watch.h"
#include "cam-radio/recorder.h"
#include "pairing/limits.h"
#include "signal/activation.h"

#define MEMORY_FILE "signals"
#define SOURCES 32
#define TOLD_AGAIN_US (60 * SECOND_US)
/* While the clock is a guess: so many adverts a second that no near epoch opens are tried with all. A sender repeats for half a
 * minute, so that a flood of junk delays a true call and hides none. */
#define SEARCHES_PER_SECOND 10
#define REASON_SIZE 33 /* the recorder's limit and the end */
#define DETAIL_SIZE 96

/* Who was told about lately. Strangers choose their addresses, so the table is small and the oldest makes room when a
 * minute has passed since it was told of: so the table bounds what all of them together make of the log. */
struct source {
	uint8_t address[6];
	enum activation_verdict verdict;
	uint64_t told_us;
};

struct signal_listener {
	sd_event *event;
	struct signal_listener_config config;
	struct activation *activation;
	struct recorder_call *call;
	bool started; /* the recording that goes on, or is about to */
	struct source sources[SOURCES];
	struct mute mute;
	struct key_watch *keys; /* NULL when nobody needs any */
	bool has_keys;
	uint64_t keys_epoch; /* in which they were read last */
	uint64_t second_us;  /* start of the second in which `searches` were made */
	unsigned searches;
};

/* --- memory of sequences --- */

static void load_memory(struct signal_listener *l) {
	uint8_t bytes[ACTIVATION_MEMORY_SIZE];
	size_t length;
	int r = file_read(l->config.folder, MEMORY_FILE, bytes, sizeof(bytes), &length);
	if (r == -ENOENT)
		return;
	if (r == 0)
		r = activation_load(l->activation, bytes, length);
	if (r == 0)
		return;
	/* Sequences of the last minute could start a recording once more: annoying, and better than a camera that hears nothing.
	 */
	log_line(LOG_LEVEL_ERROR, "signal", "the memory of sequences is damaged (%s) and set aside", strerror(-r));
	r = file_set_aside(l->config.layer, l->config.folder, MEMORY_FILE);
	if (r < 0)
		log_line(LOG_LEVEL_ERROR, "signal", "it could not be set aside: %s", strerror(-r));
}

static void save_memory(struct signal_listener *l) {
	uint8_t bytes[ACTIVATION_MEMORY_SIZE];
	if (!activation_is_dirty(l->activation))
		return;
	size_t length = activation_save(l->activation, bytes);
	int r = file_replace(l->config.layer, l->config.folder, MEMORY_FILE, bytes, length);
	if (r < 0)
		log_line(LOG_LEVEL_ERROR, "signal", "the memory of sequences could not be stored: %s", strerror(-r));
}

/* --- policy and keys --- */

static void set_policy(struct signal_listener *l, const struct group_key *keys, size_t key_count) {
	const struct settings *s = l->config.settings;
	struct activation_policy policy = {
		.enabled = s->signal_enabled,
		.legacy = s->signal_legacy,
		.kinds = s->signal_kinds,
		.assigned_only = s->signal_assigned_count > 0,
		.assigned_count = s->signal_assigned_count,
		.muted_count = s->signal_muted_count,
		.key_count = key_count,
	};
	memcpy(policy.assigned, s->signal_assigned, sizeof(policy.assigned));
	memcpy(policy.muted, s->signal_muted, sizeof(policy.muted));
	for (size_t i = 0; i < key_count; i++)
		policy.keys[i] = keys[i];
	activation_set_policy(l->activation, &policy);
	wipe(&policy, sizeof(policy));
}

/* settings.c wants keys where they are needed: with legacy calls alone nobody has any. */
static bool needs_keys(const struct signal_listener *l) {
	const struct settings *s = l->config.settings;
	return *s->signal_keys && (s->signal_enabled || s->slate_enabled || s->signal_call);
}

/* A file that is not good takes nothing away: what has been read before is used on. */
static uint64_t on_read_keys(void *context, char problem[KEY_FILE_PROBLEM_SIZE]) {
	struct signal_listener *l = context;
	struct group_key keys[GROUP_KEYS_LIMIT];
	size_t count = 0;
	bool trusted;
	const uint64_t now_s = l->config.clock(&trusted);
	int r = group_keys_read(l->config.settings->signal_keys, (uint32_t)(now_s / WEEK_SECONDS), keys, &count, problem);
	if (r == 0) {
		set_policy(l, keys, count);
		l->has_keys = count > 0;
	}
	wipe(keys, sizeof(keys));
	l->keys_epoch = now_s / ADVERT_EPOCH_SECONDS;
	return l->keys_epoch;
}

static const char *on_meanwhile(void *context) {
	const struct signal_listener *l = context;
	return l->has_keys ? "Those that it had before are still used"
	                   : "Until then nothing is heard or said under the agency's keys";
}

static void on_keys_changed(void *context) {
	const struct signal_listener *l = context;
	l->config.keys_changed(l->config.context);
}

/* The weeks go by, the file gets new ones, and a clock that was wrong is set: with each epoch the keys are read again. */
static void refresh_keys(struct signal_listener *l, uint64_t now_s) {
	if (needs_keys(l) && now_s / ADVERT_EPOCH_SECONDS != l->keys_epoch)
		key_watch_read(l->keys);
}

static int watch_keys(struct signal_listener *l) {
	const struct key_watch_config config = {
		.component = "signal",
		.path = l->config.settings->signal_keys,
		.read = on_read_keys,
		.meanwhile = on_meanwhile,
		.changed = on_keys_changed,
		.context = l,
		.retry_us = l->config.keys_retry_us,
	};
	return key_watch_new(&l->keys, l->event, &config);
}

/* --- starting --- */

static void on_started(void *context, enum reason reason, const struct recorder_answer *answer) {
	struct signal_listener *l = context;
	l->call = NULL;
	l->started = reason == REASON_OK;
	if (reason != REASON_OK)
		log_reason(LOG_LEVEL_ERROR, "signal", reason, "the recorder did not start");
	else
		log_line(LOG_LEVEL_NOTICE, "signal", "recording %s started", answer->id);
}

static void start(struct signal_listener *l, enum signal_kind kind, const char *mark, const char *source) {
	char reason[REASON_SIZE];
	l->config.counters->value[COUNTER_SIGNALS_STARTED]++;
	snprintf(reason, sizeof(reason), "signal:%s%s", signal_kind_name(kind), mark);
	log_line(LOG_LEVEL_NOTICE, "signal", "%s called: %s", signal_kind_name(kind), source);
	int r = recorder_start(l->config.recorder, &l->call, reason, source, NULL, on_started, l);
	l->started = r == 0;
	if (r < 0)
		log_line(LOG_LEVEL_ERROR, "signal", "the recorder could not be asked: %s", strerror(-r));
}

static void start_verified(struct signal_listener *l, const struct signal_call *call, bool time_verified) {
	char source[DETAIL_SIZE];
	snprintf(source, sizeof(source), "sender %" PRIu32 ", sequence %" PRIu32 ", %s", call->sender, call->sequence,
	         time_verified ? "time verified" : "time unverified");
	start(l, call->kind, "", source);
}

/* The mark is in the reason, too, which everybody sees who sees the recording in a list. */
static void start_unverified(struct signal_listener *l, const uint8_t address[6], const struct legacy_call *call) {
	char source[DETAIL_SIZE];
	const uint8_t *a = address;
	l->config.counters->value[COUNTER_SIGNALS_UNVERIFIED]++;
	snprintf(source, sizeof(source),
	         "unverified (signal.auth = legacy): activator %" PRIu32 ", from %02X:%02X:%02X:%02X:%02X:%02X", call->activator,
	         a[5], a[4], a[3], a[2], a[1], a[0]);
	start(l, call->kind, ":unverified", source);
}

/* --- what is counted and told --- */

static bool was_told_lately(const struct source *source, uint64_t now_us) {
	return source->told_us > 0 && now_us - source->told_us < TOLD_AGAIN_US;
}

/* A source's verdict is told once a minute, and no more of all sources within a minute than the table holds: its oldest is
 * replaced. */
static bool may_tell(struct signal_listener *l, const uint8_t address[6], enum activation_verdict verdict) {
	uint64_t now_us = loop_now_us(l->event);
	struct source *oldest = &l->sources[0];
	for (size_t i = 0; i < SOURCES; i++) {
		struct source *source = &l->sources[i];
		if (was_told_lately(source, now_us) && source->verdict == verdict &&
		    memcmp(source->address, address, sizeof(source->address)) == 0)
			return false;
		if (source->told_us < oldest->told_us)
			oldest = source;
	}
	if (was_told_lately(oldest, now_us))
		return false;
	*oldest = (struct source){ .verdict = verdict, .told_us = now_us };
	memcpy(oldest->address, address, sizeof(oldest->address));
	return true;
}

/* who: of the call, or what there is to say of it; "": nothing. */
static void tell(struct signal_listener *l, const uint8_t address[6], enum activation_verdict verdict, const char *who) {
	if (!may_tell(l, address, verdict))
		return;
	const uint8_t *a = address;
	char text[128];
	snprintf(text, sizeof(text), "%s%s%s, from %02X:%02X:%02X:%02X:%02X:%02X", activation_verdict_name(verdict),
	         who[0] != '\0' ? ": " : "", who, a[5], a[4], a[3], a[2], a[1], a[0]);
	bool attack = verdict == ACTIVATION_FORGED || verdict == ACTIVATION_REPLAYED;
	log_line(attack ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "signal", "%s", text);
	if (attack && l->config.security)
		l->config.security(l->config.context,
		                   verdict == ACTIVATION_FORGED ? SECURITY_SIGNAL_FORGED : SECURITY_SIGNAL_REPLAYED, text);
}

static enum counter counter_of(enum activation_verdict verdict) {
	switch (verdict) {
	case ACTIVATION_FORGED:
		return COUNTER_SIGNALS_FORGED;
	case ACTIVATION_REPLAYED:
		return COUNTER_SIGNALS_REPLAYED;
	case ACTIVATION_STALE:
		return COUNTER_SIGNALS_STALE;
	case ACTIVATION_MALFORMED:
		return COUNTER_SIGNALS_MALFORMED;
	case ACTIVATION_START:
	case ACTIVATION_START_TIME_UNVERIFIED:
	case ACTIVATION_START_UNVERIFIED:
	case ACTIVATION_SLATE:
	case ACTIVATION_REPEATED:
	case ACTIVATION_DISABLED:
	case ACTIVATION_UNASSIGNED:
	case ACTIVATION_MUTED:
	case ACTIVATION_UNSIGNED:
	case ACTIVATION_LIMITED:
	case ACTIVATION_NOT_BUFFERING:
	case ACTIVATION_VERDICTS:
		break;
	}
	return COUNTER_SIGNALS_REFUSED;
}

static void refuse(struct signal_listener *l, const uint8_t address[6], enum activation_verdict verdict, const char *who) {
	l->config.counters->value[counter_of(verdict)]++;
	tell(l, address, verdict, who);
}

static bool is_hurried(struct signal_listener *l) {
	uint64_t now_us = loop_now_us(l->event);
	if (now_us - l->second_us >= SECOND_US) {
		l->second_us = now_us;
		l->searches = 0;
	}
	return l->searches >= SEARCHES_PER_SECOND;
}

static bool is_buffering(const struct signal_listener *l) {
	/* Once the recorder was asked, it is as good as recording: a second call would be told as a second start. */
	return recorder_state(l->config.recorder) == lanyard_RecorderState_RECORDER_BUFFERING && !l->call;
}

void signal_listener_hear(struct signal_listener *l, const uint8_t address[6], int8_t rssi, const uint8_t bytes[ADVERT_SIZE]) {
	struct activation_situation situation = {
		.bluetooth_enabled = true,
		.buffering = is_buffering(l),
		.hurried = is_hurried(l),
	};
	struct advert_call call = { 0 };
	char who[64] = "";
	situation.now_s = l->config.clock(&situation.clock_trusted);
	refresh_keys(l, situation.now_s);
	if (signal_listener_lacks_keys(l))
		return; /* a true call looks like a forged one */
	situation.muted = mute_is_on(&l->mute, situation.now_s);
	situation.clock_trusted = situation.clock_trusted || l->config.settings->clock_trusted;
	enum activation_verdict verdict = activation_judge(l->activation, &situation, bytes, &call);
	if (verdict == ACTIVATION_FORGED && !situation.clock_trusted)
		l->searches++;
	switch (verdict) {
	case ACTIVATION_START:
	case ACTIVATION_START_TIME_UNVERIFIED:
		start_verified(l, &call.signal, verdict == ACTIVATION_START);
		break;
	case ACTIVATION_SLATE:
		if (l->config.slate)
			l->config.slate(l->config.context, &call.slate, rssi);
		break;
	case ACTIVATION_REPEATED:
		break;
	case ACTIVATION_FORGED:
	case ACTIVATION_REPLAYED:
	case ACTIVATION_STALE:
	case ACTIVATION_DISABLED:
	case ACTIVATION_UNASSIGNED:
	case ACTIVATION_MUTED:
	case ACTIVATION_NOT_BUFFERING:
		if (verdict != ACTIVATION_FORGED)
			snprintf(who, sizeof(who), "%s of sender %" PRIu32, signal_kind_name(call.signal.kind),
			         call.signal.sender);
		refuse(l, address, verdict, who);
		break;
	case ACTIVATION_MALFORMED: /* none of this format's */
	case ACTIVATION_START_UNVERIFIED:
	case ACTIVATION_UNSIGNED:
	case ACTIVATION_LIMITED:
	case ACTIVATION_VERDICTS:
		break;
	}
	save_memory(l);
}

void signal_listener_hear_malformed(struct signal_listener *l, const uint8_t address[6], uint8_t header, size_t length) {
	char what[64];
	snprintf(what, sizeof(what), "header 0x%02x, %zu bytes", header, length);
	refuse(l, address, ACTIVATION_MALFORMED, what);
}

void signal_listener_hear_legacy(struct signal_listener *l, const uint8_t address[6], const uint8_t bytes[LEGACY_SIZE]) {
	bool trusted;
	const struct activation_situation situation = { .bluetooth_enabled = true,
		                                        .buffering = is_buffering(l),
		                                        .muted = mute_is_on(&l->mute, l->config.clock(&trusted)) };
	struct legacy_call call = { 0 };
	char who[64];
	enum activation_verdict verdict =
	        activation_judge_legacy(l->activation, &situation, loop_now_us(l->event), address, bytes, LEGACY_SIZE, &call);
	if (verdict == ACTIVATION_START_UNVERIFIED) {
		start_unverified(l, address, &call);
		return;
	}
	if (verdict == ACTIVATION_MALFORMED) { /* a kind that is none */
		signal_listener_hear_malformed(l, address, bytes[0], LEGACY_SIZE);
		return;
	}
	l->config.counters->value[COUNTER_SIGNALS_UNSIGNED]++;
	snprintf(who, sizeof(who), "unverified %s of activator %" PRIu32, signal_kind_name(call.kind), call.activator);
	tell(l, address, verdict, who);
}

/* --- life --- */

int signal_listener_new(struct signal_listener **ret, sd_event *event, const struct signal_listener_config *config) {
	struct signal_listener *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->event = event;
	l->config = *config;
	int r = activation_new(&l->activation);
	if (r >= 0) {
		set_policy(l, NULL, 0);
		r = needs_keys(l) ? watch_keys(l) : 0;
	}
	if (r < 0) {
		signal_listener_free(l);
		return r;
	}
	if (config->settings->signal_legacy)
		log_line(LOG_LEVEL_WARNING, "signal",
		         "[signal] auth = legacy: calls that anybody can send start recordings, which are marked as unverified");
	load_memory(l);
	r = mute_read(&l->mute, config->folder);
	if (r < 0)
		log_line(LOG_LEVEL_ERROR, "signal", "whether Signals are muted cannot be read (%s): they are not", strerror(-r));
	*ret = l;
	return 0;
}

void signal_listener_free(struct signal_listener *l) {
	if (!l)
		return;
	recorder_call_cancel(l->call);
	key_watch_free(l->keys);
	activation_free(l->activation);
	free(l);
}

int signal_listener_mute(struct signal_listener *l, const struct mute *mute) {
	int r = mute_write(mute, l->config.layer, l->config.folder);
	if (r == 0)
		l->mute = *mute;
	return r;
}

const struct mute *signal_listener_muted(const struct signal_listener *l) {
	return &l->mute;
}

bool signal_listener_has_started(const struct signal_listener *l) {
	return l->started;
}

void signal_listener_recording_ended(struct signal_listener *l) {
	l->started = l->call != NULL; /* one that has been asked for is still to come */
}

bool signal_listener_keys(struct signal_listener *l, uint64_t epoch, struct advert_keys *ret) {
	bool trusted;
	refresh_keys(l, l->config.clock(&trusted));
	return activation_keys(l->activation, epoch, ret);
}

bool signal_listener_lacks_keys(const struct signal_listener *l) {
	return needs_keys(l) && !l->has_keys;
}

const char *signal_listener_keys_problem(const struct signal_listener *l) {
	return key_watch_problem(l->keys);
}

bool signal_listener_wants(const struct signal_listener *l) {
	const struct settings *s = l->config.settings;
	const lanyard_RecorderState state = recorder_state(l->config.recorder);
	return s->signal_enabled && (s->signal_legacy || !signal_listener_lacks_keys(l)) &&
	       (state == lanyard_RecorderState_RECORDER_BUFFERING || state == lanyard_RecorderState_RECORDER_EVENT);
}
