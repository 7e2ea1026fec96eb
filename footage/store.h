/* The recordings of one camera: a folder with, for each recording, a container (ID.footage), sealed metadata (ID.meta), a sealed
 * thumbnail (ID.jpeg) and a sealed tag history (ID.tags). Every change replaces a file as a whole, so that a power cut leaves the
 * old or the new one. A damaged file is set aside and named in the log; everything else goes on working. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/random.h"
#include "footage/container.h"
#include "footage/keystore.h"

#define RECORDING_ID_TEXT (2 * RECORDING_ID_SIZE + 1)
#define RECORDING_REASON_LIMIT 32
#define TAG_CATEGORY_LIMIT 48
#define TAG_CASE_LIMIT 48
#define TAG_NOTE_LIMIT 256
#define TAG_OPERATION_SIZE 16
#define TAG_HISTORY_LIMIT 200 /* of one recording; a person does not reach it */
#define THUMBNAIL_LIMIT (16 * 1024)

enum recording_state { RECORDING_STATE_ACTIVE, RECORDING_STATE_COMPLETE, RECORDING_STATE_CUT_SHORT };

struct recording_tag {
	char category[TAG_CATEGORY_LIMIT + 1], case_number[TAG_CASE_LIMIT + 1], note[TAG_NOTE_LIMIT + 1]; /* UTF-8 */
	bool has_position;
	int32_t latitude_e7, longitude_e7; /* degrees times 10^7 */
};

struct recording {
	char id[RECORDING_ID_TEXT];
	uint64_t started_us; /* microseconds since 1970-01-01 UTC of the first frame */
	uint32_t duration_ms;
	uint64_t size; /* bytes of the MP4 */
	enum recording_state state;
	char reason[RECORDING_REASON_LIMIT + 1];
	uint8_t sha256[SHA256_SIZE]; /* of the MP4; meaningful when complete */
	uint32_t thumbnail_size;     /* 0: none */
	struct recording_tag tag;    /* the current one */
	uint32_t tag_revision;       /* 0: never tagged */
};

struct store;

/* Reads the folder. Recordings that were active (power was cut) become cut short. The layer, key store and random source outlive
 * the store. 0 or a negative errno. */
int store_open(struct store **ret, const struct file_layer *layer, int folder, struct keystore *keystore,
               const struct random_source *random);
void store_free(struct store *store);
/* All recordings, newest first; valid until the next change. */
const struct recording *store_list(const struct store *store, size_t *ret_count);
/* NULL when there is none. */
const struct recording *store_find(const struct store *store, const char *id);

/* Makes a new recording, state active, and its container. 0 or a negative errno. */
int store_begin(struct store *store, uint64_t started_us, const char *reason, char ret_id[RECORDING_ID_TEXT],
                struct container_writer **ret_writer);
/* Notes how it ended. 0 or a negative errno: then it counts as cut short. */
int store_finish(struct store *store, const char *id, enum recording_state state, uint32_t duration_ms, uint64_t size,
                 const uint8_t sha256[SHA256_SIZE]);
/* While it is active: what is known so far, in memory only. */
void store_progress(struct store *store, const char *id, uint32_t duration_ms, uint64_t size);
int store_set_thumbnail(struct store *store, const char *id, const void *jpeg, size_t length);
/* 0 and *ret_length (at most THUMBNAIL_LIMIT), -ENOENT, -EBADMSG. */
int store_get_thumbnail(struct store *store, const char *id, void *out, size_t *ret_length);
/* Appends to the tag history; durable when it returns 0. A repeated operation changes nothing and gives the first receipt.
 * -ENOENT, -ENOSPC (nothing is changed), -EFBIG (history full), or another negative errno. */
int store_set_tag(struct store *store, const char *id, const uint8_t operation[TAG_OPERATION_SIZE],
                  const struct recording_tag *tag, uint64_t now_us, uint32_t *ret_revision, uint64_t *ret_time_us);
/* -ENOENT, -EBADMSG. */
int store_read(const struct store *store, const char *id, struct container_reader **ret);
/* Reads a whole recording: 0; -EBADMSG where a chunk or the hash noted at capture is wrong; -ENODATA: cut short, and good as far
 * as it goes. */
int store_verify(const struct store *store, const char *id);
