/* Slate on the camera: what it says while it records, and the log of whom it heard meanwhile (docs/slate.md). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/file.h"
#include "base/random.h"
#include "cam-radio/settings.h"
#include "slate/log.h"

struct slate;

struct slate_config {
	const struct settings *settings;
	const struct file_layer *layer;
	const struct random_source *random;
	int folder;                   /* where the log is kept */
	const uint8_t *static_secret; /* what the log's head is signed with comes from it */
	/* Seconds since 1970-01-01 UTC, and whether that is more than a guess. */
	uint64_t (*clock)(bool *ret_trusted);
	uint64_t key_retry_us; /* a file of the camera's key that is not good is looked at again after this */
	/* From the loop and from nothing else: slate_can_say or slate_key_problem says something else than before. */
	void (*key_changed)(void *context);
	void *context;
};

/* Everything in the configuration outlives it. Does nothing when Slate is off. A key that cannot be read and a log that cannot be
 * written are no failure: they are told, and tried again. 0 or a negative errno. */
int slate_new(struct slate **ret, sd_event *event, const struct slate_config *config);
/* Writes what is not written yet. NULL is allowed. */
void slate_free(struct slate *slate);
/* The recording that goes on, 32 hexadecimal digits; "" for none. */
void slate_set_recording(struct slate *slate, const char *id);
/* Whether the camera logs whom it hears now. */
bool slate_is_on(const struct slate *slate);
/* The same, and it can say who it is itself: its key is there. */
bool slate_can_say(const struct slate *slate);
/* What is wrong with the file of its key, for people; "" when nothing is. Valid until the loop goes on. */
const char *slate_key_problem(const struct slate *slate);
/* A call whose tag is right. rssi: dBm, 127 when unknown. */
void slate_hear(struct slate *slate, const struct slate_call *call, int8_t rssi);
/* What to say at this moment. False when it cannot say anything. */
bool slate_say(const struct slate *slate, uint64_t now_s, struct slate_call *ret);
/* The signed head of the log, with everything in it that was heard so far. 0; -ENOENT: Slate is off, or NULL; or why it cannot be
 * written.
 */
int slate_head(struct slate *slate, struct slate_head *ret);
