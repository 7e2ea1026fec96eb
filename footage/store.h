/* The recordings of one camera: a folder with, for each recording, a container (ID.footage), sealed metadata (ID.meta), a sealed
 * thumbnail (ID.jpeg), a sealed tag history (ID.tags) and sealed details (ID.details). Every change replaces a file as a whole,
 * so that a power cut leaves the old or the new one. A damaged file is set aside and named in the log; everything else goes on
 * working. A container whose metadata is lost is found again. */
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
/* Why a recording "was started" when that went with its metadata. */
#define RECORDING_REASON_RECOVERED "recovered"
#define TAG_CATEGORY_LIMIT 48
#define TAG_CASE_LIMIT 48
#define TAG_NOTE_LIMIT 256
#define TAG_OPERATION_SIZE 16
#define TAG_HISTORY_LIMIT 200 /* of one recording; a person does not reach it */
#define THUMBNAIL_LIMIT (16 * 1024)
#define DETAIL_KEY_LIMIT 32
#define DETAIL_VALUE_LIMIT 128
/* All details of one recording; a position each five seconds fills it in half a day. */
#define DETAILS_SIZE_LIMIT (1024 * 1024)

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

/* One change of a recording's tag. */
struct tag_entry {
	uint8_t operation[TAG_OPERATION_SIZE];
	uint32_t revision; /* from 1 */
	uint64_t time_us;  /* microseconds since 1970-01-01 UTC */
	struct recording_tag tag;
};

/* Something that was noted about a recording: where the camera was, what started or stopped it. */
struct recording_detail {
	uint64_t time_us; /* when it was noted, microseconds since 1970-01-01 UTC */
	char key[DETAIL_KEY_LIMIT + 1], value[DETAIL_VALUE_LIMIT + 1];
};

struct store;

/* Reads the folder, and owns it until it is freed. Recordings that were active (power was cut) become cut short; containers
 * without metadata are taken in again. The layer, key store and random source outlive the store. 0; -EBUSY: another process owns
 * the folder; or another negative errno. */
int store_open(struct store **ret, const struct file_layer *layer, int folder, struct keystore *keystore,
               const struct random_source *random);
/* The same for somebody who only looks, also while a recorder owns the folder: changes nothing, so nothing is set aside, and what
 * would change fails with -EROFS. A recording that is active without a recorder is shown as cut short. */
int store_open_to_read(struct store **ret, int folder, struct keystore *keystore);
void store_free(struct store *store);
/* All recordings, newest first; valid until the next change. */
const struct recording *store_list(const struct store *store, size_t *ret_count);
/* Recordings in the folder that are not in the list, because another storage key made them. */
size_t store_strangers(const struct store *store);
/* NULL when there is none. */
const struct recording *store_find(const struct store *store, const char *id);

/* Makes a new recording, state active, and its container. 0 or a negative errno: then nothing is left behind. */
int store_begin(struct store *store, uint64_t started_us, const char *reason, char ret_id[RECORDING_ID_TEXT],
                struct container_writer **ret_writer);
/* Notes how it ended. 0 or a negative errno: then it counts as cut short. */
int store_finish(struct store *store, const char *id, enum recording_state state, uint32_t duration_ms, uint64_t size,
                 const uint8_t sha256[SHA256_SIZE]);
/* While it is active: what is known so far, in memory only. */
void store_progress(struct store *store, const char *id, uint32_t duration_ms, uint64_t size);
int store_set_thumbnail(struct store *store, const char *id, const void *jpeg, size_t length);
/* 0 and *ret_length (at most THUMBNAIL_LIMIT), -ENOENT, -EBADMSG. */
int store_get_thumbnail(const struct store *store, const char *id, void *out, size_t *ret_length);
/* Appends to the tag history; durable when it returns 0. A repeated operation changes nothing and gives the first receipt.
 * -ENOENT, -EINVAL, -ENOSPC (nothing is changed), -EFBIG (history full), or another negative errno. */
int store_set_tag(struct store *store, const char *id, const uint8_t operation[TAG_OPERATION_SIZE],
                  const struct recording_tag *tag, uint64_t now_us, uint32_t *ret_revision, uint64_t *ret_time_us);
/* All its tags, oldest first; free with free(). 0 (also when there are none: NULL), -ENOENT: no such recording, -EBADMSG,
 * -ENOMEM. */
int store_get_tags(const struct store *store, const char *id, struct tag_entry **ret, size_t *ret_count);

/* Notes a detail, in memory until store_sync_details. 0; -ENOENT; -EINVAL: key or value is too long, empty, or no plain text;
 * -EFBIG: the recording has too many; or another negative errno. */
int store_add_detail(struct store *store, const char *id, uint64_t now_us, const char *key, const char *value);
/* Writes what was noted and is not on disk yet. 0 or a negative errno: then it stays in memory for the next time. */
int store_sync_details(struct store *store);
/* All its details, oldest first; free with free(). As store_get_tags. */
int store_get_details(const struct store *store, const char *id, struct recording_detail **ret, size_t *ret_count);

/* -ENOENT, -EBADMSG. */
int store_read(const struct store *store, const char *id, struct container_reader **ret);
/* Reads a whole recording: 0; -EBADMSG where a chunk or the hash noted at capture is wrong; -ENODATA: active or cut short, and
 * good as far as it goes. */
int store_verify(const struct store *store, const char *id);

/* What is sealed beside the container. */
enum recording_part { RECORDING_PART_META, RECORDING_PART_THUMBNAIL, RECORDING_PART_TAGS, RECORDING_PART_DETAILS };
#define RECORDING_PARTS 4
enum recording_part_state {
	RECORDING_PART_GOOD,
	RECORDING_PART_DAMAGED,   /* does not open as what it should be, or metadata that is missing */
	RECORDING_PART_SET_ASIDE, /* good, but an earlier one was found damaged, and is still there as NAME.damaged-N */
};
/* Reads that file of a recording in the list anew. */
enum recording_part_state store_check_part(const struct store *store, const char *id, enum recording_part part);
