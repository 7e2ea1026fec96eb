/* What the camera has recorded, as told over the session: pages of the list, thumbnails (kept in memory, never on disk), tags. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "companion/session.h"

#define RECORDINGS_PAGE_LIMIT 100
#define RECORDING_ID_SIZE 32 /* hexadecimal digits */
/* A camera's thumbnails are about 6 KiB and at most 16; more than this is refused. */
#define THUMBNAIL_LIMIT (32u * 1024)
/* Memory for them is bounded by this many. */
#define THUMBNAIL_CACHE 64

struct recordings;
struct recordings_job;

/* The session outlives it. NULL when out of memory. */
struct recordings *recordings_new(struct session *session);
/* All jobs must be gone. NULL is allowed. */
void recordings_free(struct recordings *recordings);
/* Another camera: nothing of the old one is kept. */
void recordings_clear(struct recordings *recordings);

/* Newest first, those older than `before` ("" for all), 1 to RECORDINGS_PAGE_LIMIT. `done` is called once, from the loop or
 * inside this call; the list is valid during it. The job is freed by its owner only to cancel: after `done` it is gone. 0, or
 * -ENOTCONN, -EAGAIN, -ENOMEM. */
int recordings_list(struct recordings_job **ret, struct recordings *recordings, const char *before, unsigned limit,
                    void (*done)(void *context, enum reason reason, const lanyard_Recording *list, size_t count, bool more),
                    void *context);
/* The JPEG, from memory when it was fetched before (then *ret is NULL). As recordings_list. */
int recordings_thumbnail(struct recordings_job **ret, struct recordings *recordings, const char *id,
                         void (*done)(void *context, enum reason reason, const uint8_t *jpeg, size_t length), void *context);
/* Cancels: `done` is not called. NULL is allowed. */
void recordings_job_cancel(struct recordings_job *job);
/* 32 lower-case hexadecimal digits: everything else never reaches the camera. */
bool recording_id_is_valid(const char *id);
