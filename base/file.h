/* Files that survive a power cut: write to a temporary name, fsync, rename, fsync the folder. Every step goes through struct
 * file_layer, so that a test can cut the power after any of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Each returns 0 (or a count, or a descriptor) or a negative errno. `folder` is an open directory descriptor. */
struct file_layer {
	int (*open)(void *context, int folder, const char *name, int flags, mode_t mode);
	ssize_t (*write)(void *context, int file, const void *bytes, size_t length);
	int (*sync)(void *context, int file);
	int (*close)(void *context, int file);
	int (*rename)(void *context, int folder, const char *from, const char *to);
	int (*remove)(void *context, int folder, const char *name);
	void *context;
};

/* The system calls themselves. */
const struct file_layer *file_layer_system(void);

/* Replaces `name` in `folder` with these bytes, mode 0600, or leaves the old content untouched. 0 or a negative errno (-ENOSPC
 * when the disk is full). The temporary file is removed on failure.
 *
 * One failure is of another kind: when the last step fails, the sync of the folder, readers see the new content, whole, and a
 * power cut may bring the old one back. It is an error all the same, because nobody may be told that the change will last: after
 * such a failure file systems usually turn read-only, and the next boot finds the old content. Who must be able to say "nothing
 * has changed" after an error writes the old content once more (the two keyrings do). */
int file_replace(const struct file_layer *layer, int folder, const char *name, const void *bytes, size_t length);
/* Reads at most `capacity` bytes. 0 and *ret_length, -ENOENT, -EFBIG when it is longer, or another negative errno. */
int file_read(int folder, const char *name, void *bytes, size_t capacity, size_t *ret_length);
/* The same by path, for a secret that an administrator puts there: -EPERM when everybody may read or write it, -EINVAL when it is
 * no regular file. Wipe the bytes when done. */
int file_read_secret(const char *path, void *bytes, size_t capacity, size_t *ret_length);
/* Renames a damaged file to NAME.damaged-N (the first free N), so that nothing is ever deleted. 0 or a negative errno. */
int file_set_aside(const struct file_layer *layer, int folder, const char *name);
/* Opens a directory, creating it (0700) if missing. A descriptor or a negative errno. */
int folder_open(const char *path);
