/* When a Signal call may start a recording: the rules, the memory of sequences that survives reboots, and the counters behind
 * "forged, replayed, stale". Pure: time and bytes come in, a verdict goes out (docs/protocol.md, "Signal"). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signal/advert.h"
#include "signal/legacy.h"

/* This week and the next four, so that a camera that misses a dock for a month still hears; and the one before, for the minutes
 * around midnight in which clocks disagree about the week. */
#define GROUP_KEYS_LIMIT 6
#define WEEK_SECONDS (7u * 24 * 3600)
#define SIGNAL_CLOCK_SLACK_S 60
/* A sender says each call many times until it renews it: no news, and no replay either. */
#define SIGNAL_REPEAT_S 10
#define SIGNAL_SENDERS_LIMIT 256 /* sequences remembered; the one heard longest ago makes room */
#define SIGNAL_ASSIGNED_LIMIT 16
#define SIGNAL_MUTED_LIMIT 16

struct group_key {
	uint32_t week; /* floor(unix time / 604,800) */
	uint8_t key[ADVERT_KEY_SIZE];
};

struct activation_policy {
	bool enabled;
	bool legacy;    /* calls that nobody signs are taken, too */
	uint32_t kinds; /* bit N: signal_kind N may start a recording */
	bool assigned_only;
	uint32_t assigned[SIGNAL_ASSIGNED_LIMIT];
	size_t assigned_count;
	uint32_t muted[SIGNAL_MUTED_LIMIT]; /* senders this camera was told not to answer */
	size_t muted_count;
	struct group_key keys[GROUP_KEYS_LIMIT];
	size_t key_count;
};

enum activation_verdict {
	ACTIVATION_START,                 /* start a recording now */
	ACTIVATION_START_TIME_UNVERIFIED, /* start, and say so: this camera's clock is not trusted */
	ACTIVATION_START_UNVERIFIED,      /* start, and say so: the call is one that anybody can send */
	ACTIVATION_SLATE,                 /* a Slate call, not a Signal; see *ret_call */
	ACTIVATION_FORGED,                /* no key opens it: junk, another agency's, or a forgery */
	ACTIVATION_MALFORMED,             /* begins like a call, and has not got the form of one */
	ACTIVATION_REPEATED,              /* the sender's latest call once more, shortly after the first time */
	ACTIVATION_REPLAYED,              /* right tag, old sequence */
	ACTIVATION_STALE,                 /* right tag, wrong time */
	ACTIVATION_DISABLED,              /* policy: Signal off, or this kind off */
	ACTIVATION_UNASSIGNED,            /* policy: not a source of this officer */
	ACTIVATION_MUTED,
	ACTIVATION_UNSIGNED,      /* policy: a call that anybody can send is not taken */
	ACTIVATION_LIMITED,       /* legacy_gate_admit refuses one more of those now */
	ACTIVATION_NOT_BUFFERING, /* Bluetooth off by policy, or recorder off or recording already */
	ACTIVATION_VERDICTS
};

struct activation_situation {
	uint64_t now_s; /* seconds since 1970-01-01 UTC */
	bool clock_trusted;
	bool bluetooth_enabled;
	bool buffering;
	bool muted; /* this camera was told to answer nobody for a while */
	/* No time to try every epoch we hold keys for, which an untrusted clock asks for and which costs milliseconds: the caller
	 * bounds how often, because junk is free for whoever sends it. */
	bool hurried;
};

struct activation;

/* Copies nothing of the policy: set it with activation_set_policy. 0 or -ENOMEM. */
int activation_new(struct activation **ret);
void activation_free(struct activation *activation);
void activation_set_policy(struct activation *activation, const struct activation_policy *policy);

/* Judges one payload. The sequence of every authentic Signal is remembered, whatever the verdict, so that it cannot start
 * anything later: a call is for now or never. ret_call may be NULL; it is set for every verdict but ACTIVATION_FORGED. */
enum activation_verdict activation_judge(struct activation *activation, const struct activation_situation *situation,
                                         const uint8_t bytes[ADVERT_SIZE], struct advert_call *ret_call);
/* Judges a call of signal/legacy.h, `length` bytes from `address`, at now_us on a monotonic clock; no clock of the day matters.
 * The sequences of authentic senders are not touched, whatever numbers it names. *ret_call is set for every verdict but
 * ACTIVATION_MALFORMED, unless NULL. */
enum activation_verdict activation_judge_legacy(struct activation *activation, const struct activation_situation *situation,
                                                uint64_t now_us, const uint8_t address[6], const uint8_t *bytes, size_t length,
                                                struct legacy_call *ret_call);
/* Keys to say something in this epoch; false when there is no key for its week. Wipe them. */
bool activation_keys(const struct activation *activation, uint64_t epoch, struct advert_keys *ret);
uint64_t activation_count(const struct activation *activation, enum activation_verdict verdict);
const char *activation_verdict_name(enum activation_verdict verdict);

/* True when the sequence memory changed since the last activation_save. */
bool activation_is_dirty(const struct activation *activation);
/* Image of the sequence memory for a file. Returns its length, at most ACTIVATION_MEMORY_SIZE. */
#define ACTIVATION_MEMORY_SIZE (16 + SIGNAL_SENDERS_LIMIT * 16 + 32)
size_t activation_save(struct activation *activation, uint8_t out[ACTIVATION_MEMORY_SIZE]);
/* 0 or -EBADMSG (damaged: memory unchanged). */
int activation_load(struct activation *activation, const uint8_t *bytes, size_t length);
