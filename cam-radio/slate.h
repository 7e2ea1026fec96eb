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
};

/* Everything in the configuration outlives it. Does nothing when Slate is off. 0 or a negative errno: the key cannot be read
 * (told in the log), or no memory. A log that cannot be written is no reason: it is told, and tried again. */
int slate_new(struct slate **ret, sd_event *event, const struct slate_config *config);
/* Writes what is not written yet. NULL is allowed. */
void slate_free(struct slate *slate);
/* The recording that goes on, 32 hexadecimal digits; "" for none. */
void slate_set_recording(struct slate *slate, const char *id);
/* Whether the camera says Slate and listens for others. */
bool slate_is_on(const struct slate *slate);
/* A call whose tag is right. rssi: dBm, 127 when unknown. */
void slate_hear(struct slate *slate, const struct slate_call *call, int8_t rssi);
/* What to say at this moment. False when Slate is off. */
bool slate_say(const struct slate *slate, uint64_t now_s, struct slate_call *ret);
/* The signed head of the log, with everything in it that was heard so far. 0; -ENOENT: Slate is off, or NULL; or why it cannot be
 * written.
 */
int slate_head(struct slate *slate, struct slate_head *ret);
