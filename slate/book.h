/* The log as a file: "slate" in a folder, and the full one before it, "slate.old". Entries are appended and synced; what a power
 * cut left unfinished at the end is cut off when it is opened; what is damaged before that is set aside, never deleted. */
#pragma once

#include "base/file.h"
#include "base/random.h"
#include "slate/log.h"

#define SLATE_BOOK_NAME "slate"
#define SLATE_BOOK_OLD "slate.old"
/* 2.6 MB: a shift among a dozen cameras many times over, and small enough to be checked when it is opened. */
#define SLATE_BOOK_ENTRIES 32768
/* Appended at once. */
#define SLATE_BATCH 64

struct slate_book;

struct slate_book_config {
	const struct file_layer *layer;
	int folder;
	const struct random_source *random;
	const char *serial;
	uint64_t entries_limit; /* SLATE_BOOK_ENTRIES; a test takes less */
	uint64_t (*clock_us)(void);
};

/* Everything in the configuration outlives it. 0 or a negative errno. */
int slate_book_open(struct slate_book **ret, const struct slate_book_config *config);
/* NULL is allowed. */
void slate_book_free(struct slate_book *book);
/* Durable when it returns 0. At most SLATE_BATCH. After an error the file is put in order before anything else is appended. */
int slate_book_append(struct slate_book *book, const struct slate_entry *entries, size_t count);
/* Head of what is durable, not signed. */
void slate_book_head(const struct slate_book *book, struct slate_head *ret);
