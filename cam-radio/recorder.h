/* Client of org.lanyard.Recorder1 (docs/dbus/org.lanyard.Recorder1.xml). Every call is asynchronous and has a deadline; a
 * recorder that is slow, dead or restarted costs an answer, never the daemon, and nothing here can stop a recording by failing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "base/reason.h"
#include "proto/lanyard.pb.h"

struct recorder;
struct recorder_call;

/* Called from the loop. */
struct recorder_callbacks {
	/* State, current recording or video height is another one now. */
	void (*changed)(void *context);
	/* A recording began, ended or was tagged. */
	void (*recording_changed)(void *context, const char *id);
};

/* What the recorder answered: the members of the call, valid during the callback; nothing when the reason is not REASON_OK. */
struct recorder_answer {
	const char *id;                     /* recorder_start */
	const lanyard_ListResponse *list;   /* recorder_list */
	const lanyard_Recording *recording; /* recorder_get */
	const uint8_t *jpeg;                /* recorder_thumbnail */
	size_t jpeg_length;
	int pipe;          /* recorder_open_range, recorder_open_preview: the read end, non-blocking; ownership passes */
	uint64_t total;    /* recorder_open_range */
	uint32_t revision; /* recorder_set_tag */
	uint64_t time_us;
};

/* Called once, from the loop, unless the call is cancelled. REASON_RECORDER_GONE: it does not run or does not answer;
 * REASON_REQUEST_UNKNOWN: this recorder has no such member. */
typedef void (*recorder_answered)(void *context, enum reason reason, const struct recorder_answer *answer);

/* instance: NULL for none. The callbacks outlive it. 0 or a negative errno. */
int recorder_new(struct recorder **ret, sd_bus *bus, const char *instance, const struct recorder_callbacks *callbacks,
                 void *context);
/* All calls must have been answered or cancelled. NULL is allowed. */
void recorder_free(struct recorder *recorder);

lanyard_RecorderState recorder_state(const struct recorder *recorder);
/* "" while nothing is recorded. */
const char *recorder_current_id(const struct recorder *recorder);
uint64_t recorder_free_bytes(const struct recorder *recorder);
/* 0: it cannot be chosen. */
uint32_t recorder_video_height(const struct recorder *recorder);
/* As on D-Bus: "off", "buffering", "event", "unknown". */
const char *recorder_state_name(const struct recorder *recorder);
/* Asks for the properties again, for those that change without a signal (free space). */
void recorder_refresh(struct recorder *recorder);

/* Each sets *ret_call and returns 0, or returns -ENOMEM or another negative errno: then nothing was asked, -EINVAL: a text is not
 * UTF-8. *ret_call is valid until the answer, or until it is cancelled. */
struct recorder_location {
	int32_t latitude_e7, longitude_e7;
	uint32_t accuracy_m;
	uint64_t time_us;
};
/* source: more about the reason, for the recording's history; NULL for nothing. location: NULL when not known. */
int recorder_start(struct recorder *recorder, struct recorder_call **ret_call, const char *reason, const char *source,
                   const struct recorder_location *location, recorder_answered answered, void *context);
int recorder_stop(struct recorder *recorder, struct recorder_call **ret_call, const char *reason, recorder_answered answered,
                  void *context);
int recorder_list(struct recorder *recorder, struct recorder_call **ret_call, const char *before_id, uint32_t limit,
                  recorder_answered answered, void *context);
int recorder_get(struct recorder *recorder, struct recorder_call **ret_call, const char *id, recorder_answered answered,
                 void *context);
int recorder_thumbnail(struct recorder *recorder, struct recorder_call **ret_call, const char *id, recorder_answered answered,
                       void *context);
int recorder_set_tag(struct recorder *recorder, struct recorder_call **ret_call, const char *id, const uint8_t operation[16],
                     const lanyard_Tag *tag, recorder_answered answered, void *context);
int recorder_add_location(struct recorder *recorder, struct recorder_call **ret_call, const char *id,
                          const struct recorder_location *location, recorder_answered answered, void *context);
int recorder_set_video_height(struct recorder *recorder, struct recorder_call **ret_call, uint32_t lines,
                              recorder_answered answered, void *context);
int recorder_open_range(struct recorder *recorder, struct recorder_call **ret_call, const char *id, uint64_t offset,
                        uint64_t length, recorder_answered answered, void *context);
int recorder_open_preview(struct recorder *recorder, struct recorder_call **ret_call, recorder_answered answered, void *context);
/* The answer is not wanted any more; whether it happens all the same is open. NULL is allowed. */
void recorder_call_cancel(struct recorder_call *call);
