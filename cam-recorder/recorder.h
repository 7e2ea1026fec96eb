/* The recorder's heart: OFF, BUFFERING, EVENT; the pre-event ring of encoded frames; recordings in progress; live viewers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "cam-recorder/capture.h"
#include "footage/store.h"

struct recorder;

enum recorder_state { RECORDER_OFF, RECORDER_BUFFERING, RECORDER_EVENT };

struct recorder_config {
	struct capture_config capture; /* its texts outlive the recorder */
	unsigned pre_event_s;
	int folder;       /* where the store is, to see how much room is left */
	uint64_t reserve; /* bytes: with less left no recording begins, and one in progress ends, whole; room for tags stays */
};

struct recorder_callbacks {
	void (*state_changed)(void *context);
	/* A recording began or ended. */
	void (*recording_changed)(void *context, const char *id);
	/* The encoder could not be made, or its source is gone; it is tried again in a while. May be NULL. */
	void (*picture_gone)(void *context);
};

/* The store outlives the recorder. 0 or a negative errno. */
int recorder_new(struct recorder **ret, sd_event *event, struct store *store, const struct recorder_config *config,
                 const struct recorder_callbacks *callbacks, void *context);
/* Recordings in progress end as they are: cut short. Use recorder_shut_down first for a whole end. */
void recorder_free(struct recorder *recorder);

enum recorder_state recorder_state(const struct recorder *recorder);
/* Of the recording in progress, "" when there is none. */
const char *recorder_current(const struct recorder *recorder);
/* EVENT from now on, with what the ring holds before. Already in EVENT: nothing. 0; -EAGAIN when OFF (no picture yet), or
 * while too many recordings are still being finished; -ENOSPC; or another negative errno. */
int recorder_start(struct recorder *recorder, const char *reason);
/* Back to BUFFERING; why: kept with the recording. It is finished when its last bytes have come through; recording_changed tells.
 */
void recorder_stop(struct recorder *recorder, const char *why);
/* Notes a detail of a recording. As store_add_detail; on disk some seconds later, or when the recording ends. */
int recorder_note(struct recorder *recorder, const char *id, const char *key, const char *value);
/* Size of the picture from the next recording on. In BUFFERING the encoder begins anew, and the pre-event buffer with it. */
void recorder_set_size(struct recorder *recorder, unsigned width, unsigned height);
unsigned recorder_height(const struct recorder *recorder);
/* Bytes that may still be recorded. */
uint64_t recorder_free_bytes(const struct recorder *recorder);
/* A live fragmented MP4 into the write end of a pipe (taken over), until its reader closes or does not keep up. 0 or a negative
 * errno. */
int recorder_preview(struct recorder *recorder, int pipe);
/* Ends everything in order and calls `done` once, when all is on disk. */
void recorder_shut_down(struct recorder *recorder, void (*done)(void *context));
