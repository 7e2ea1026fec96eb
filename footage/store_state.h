/* Inside of the store, shared by the files that make it up; nobody else includes it. */
#pragma once

#include "footage/store.h"

#define STORE_AREA "footage"
#define STORE_NAME_CAPACITY (RECORDING_ID_TEXT + 16)
#define CONTAINER_SUFFIX ".footage"
#define META_SUFFIX ".meta"
#define THUMBNAIL_SUFFIX ".jpeg"
#define TAGS_SUFFIX ".tags"
#define DETAILS_SUFFIX ".details"
#define STORE_LOCK_NAME "lock"

struct store {
	const struct file_layer *layer; /* NULL: opened to read, nothing may be changed */
	int folder;
	int lock; /* the file whose lock says that a recorder owns the folder; -1: opened to read */
	struct keystore *keystore;
	const struct random_source *random;
	struct recording *recordings; /* newest first */
	size_t count, capacity;
	size_t strangers;              /* recordings that another storage key made */
	struct store_details *details; /* of the recording noted about last, and what is not yet on disk */
};

/* ID and suffix, into `out`. */
const char *store_file_name(char out[STORE_NAME_CAPACITY], const char *id, const char *suffix);
struct recording *store_find_to_change(const struct store *store, const char *id);
/* Puts it in its place among the others. 0 or -ENOMEM. */
int store_insert(struct store *store, const struct recording *recording);
/* 0 or a negative errno. */
int store_write_meta(struct store *store, const struct recording *recording);
/* Names it in the log and, unless the store was opened to read, sets it aside. */
void store_set_aside(struct store *store, const char *id, const char *suffix);
/* The tag history's plaintext on the heap, because most recordings have none and the longest is large. 0, -ENOENT, -EBADMSG
 * (damaged), -EKEYREJECTED, or another negative errno. */
int store_load_tags(const struct store *store, const char *id, uint8_t **ret, size_t *ret_length);
/* Frees what is pending; it is not written. NULL is allowed. */
void store_details_free(struct store_details *details);
