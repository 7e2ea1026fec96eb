/* "Not now": for a while nobody calls from here, or nobody is answered here: a range day, a mechanic at the light bar. Who asked
 * for it and when is kept with it, across restarts, in a file of a folder. It ends by itself, and a clock that was set
 * back ends it, too: in doubt a camera records. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"

#define MUTE_FILE "mute"
#define MUTE_WHO_SIZE 64 /* with its end */
#define MUTE_MINUTES_LIMIT (12 * 60)

struct mute {
	uint64_t since_s, until_s; /* seconds since 1970-01-01 UTC; equal: none */
	char who[MUTE_WHO_SIZE];   /* a line of plain text */
};

/* Fills it in. 0 minutes: none from now on, by whoever said so. -EINVAL: who is empty, too long or not plain, or more minutes
 * than the limit. */
int mute_make(struct mute *ret, uint64_t now_s, uint64_t minutes, const char *who);
/* What mute_write() wrote: "SINCE UNTIL WHO\n". 0 or -EBADMSG, with *ret as it was. */
int mute_parse(struct mute *ret, const char *bytes, size_t length);
bool mute_is_on(const struct mute *mute, uint64_t now_s);
/* folder: an open one. Without the file there is none. 0, -EBADMSG when it is damaged, or another negative errno; *ret is none
 * then. */
int mute_read(struct mute *ret, int folder);
/* 0 or a negative errno: what was there holds. */
int mute_write(const struct mute *mute, const struct file_layer *layer, int folder);
