/* A disk that loses power. Behind struct file_layer stands a model of one folder that knows what is on the medium for certain and
 * what only the kernel knows. After any step the power can be cut; power_cut_outcome() then puts every state that a reader could
 * find after the restart, one by one, into a real folder.
 *
 * The model is as bad as POSIX allows: content that was not synced may be missing, be there in part, or be zeros of the right
 * length; renames, creations and removals that were not synced may or may not have happened, in order. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/file.h"

#define DISK_FILES 16
#define DISK_CONTENT 1024
#define DISK_CHANGES 32

struct disk_file {
	uint8_t content[DISK_CONTENT], synced[DISK_CONTENT];
	size_t length, synced_length;
	size_t kept; /* opened for appending: what was synced before that no power cut takes away */
	bool is_synced;
};

struct disk_names {
	struct {
		char name[64];
		int file; /* -1: free */
	} entry[DISK_FILES];
};

struct power_cut {
	struct disk_file file[DISK_FILES];
	int files;
	/* history[0] is what is on the medium; later ones are changes that were not synced yet. */
	struct disk_names history[DISK_CHANGES];
	int changes;
	unsigned steps;  /* so far */
	unsigned cut_at; /* this step and all after it do not happen; 0: never */
	unsigned fail_at;
	int fail_with;      /* that step fails with this errno, and the process goes on */
	size_t write_limit; /* 0: all at once */
	char path[32];
	int folder;
	struct file_layer layer;
};

static inline struct disk_names *disk_now(struct power_cut *disk) {
	return &disk->history[disk->changes];
}

static inline int *disk_find(struct disk_names *names, const char *name) {
	for (size_t i = 0; i < DISK_FILES; i++)
		if (names->entry[i].file >= 0 && strcmp(names->entry[i].name, name) == 0)
			return &names->entry[i].file;
	return NULL;
}

static inline void disk_put(struct disk_names *names, const char *name, int file) {
	int *existing = disk_find(names, name);
	if (existing) {
		*existing = file;
		return;
	}
	for (size_t i = 0; i < DISK_FILES; i++)
		if (names->entry[i].file < 0) {
			snprintf(names->entry[i].name, sizeof(names->entry[i].name), "%s", name);
			names->entry[i].file = file;
			return;
		}
	fail_msg("the model's folder is full");
}

static inline struct disk_names *disk_change(struct power_cut *disk) {
	assert_true(disk->changes + 1 < DISK_CHANGES);
	disk->changes++;
	disk->history[disk->changes] = disk->history[disk->changes - 1];
	return disk_now(disk);
}

/* 0: the step happens. */
static inline int disk_step(struct power_cut *disk) {
	disk->steps++;
	if (disk->cut_at > 0 && disk->steps >= disk->cut_at)
		return -EIO;
	return disk->fail_at == disk->steps ? -disk->fail_with : 0;
}

static inline int disk_open(void *context, int folder, const char *name, int flags, mode_t mode) {
	struct power_cut *disk = context;
	(void)folder;
	assert_int_equal(mode, 0600); /* secrets are nobody else's */
	int result = disk_step(disk);
	if (result < 0)
		return result;
	int *existing = disk_find(disk_now(disk), name);
	if (existing && (flags & O_APPEND)) {
		if (disk->file[*existing].is_synced)
			disk->file[*existing].kept = disk->file[*existing].length;
		return 100 + *existing;
	}
	if (existing) {
		assert_true(flags & O_TRUNC);
		disk->file[*existing].length = disk->file[*existing].kept = 0;
		disk->file[*existing].is_synced = false;
		return 100 + *existing;
	}
	if (!(flags & O_CREAT))
		return -ENOENT;
	assert_true((flags & O_CREAT) && disk->files < DISK_FILES);
	int file = disk->files++;
	disk->file[file] = (struct disk_file){ .is_synced = true };
	disk_put(disk_change(disk), name, file);
	return 100 + file;
}

static inline ssize_t disk_write(void *context, int handle, const void *bytes, size_t length) {
	struct power_cut *disk = context;
	int result = disk_step(disk);
	if (result < 0)
		return result;
	struct disk_file *file = &disk->file[handle - 100];
	if (disk->write_limit > 0 && length > disk->write_limit)
		length = disk->write_limit;
	assert_true(file->length + length <= DISK_CONTENT);
	memcpy(file->content + file->length, bytes, length);
	file->length += length;
	file->is_synced = false;
	return (ssize_t)length;
}

static inline int disk_sync(void *context, int handle) {
	struct power_cut *disk = context;
	int result = disk_step(disk);
	if (result < 0)
		return result;
	if (handle == disk->folder) {
		disk->history[0] = *disk_now(disk);
		disk->changes = 0;
		return 0;
	}
	struct disk_file *file = &disk->file[handle - 100];
	memcpy(file->synced, file->content, file->length);
	file->synced_length = file->length;
	file->is_synced = true;
	return 0;
}

static inline int disk_close(void *context, int handle) {
	(void)handle;
	return disk_step(context);
}

static inline int disk_rename(void *context, int folder, const char *from, const char *to) {
	struct power_cut *disk = context;
	(void)folder;
	int result = disk_step(disk);
	if (result < 0)
		return result;
	int *source = disk_find(disk_now(disk), from);
	if (!source)
		return -ENOENT;
	int file = *source;
	struct disk_names *names = disk_change(disk);
	*disk_find(names, from) = -1;
	disk_put(names, to, file);
	return 0;
}

static inline int disk_remove(void *context, int folder, const char *name) {
	struct power_cut *disk = context;
	(void)folder;
	int result = disk_step(disk);
	if (result < 0)
		return result;
	if (!disk_find(disk_now(disk), name))
		return -ENOENT;
	*disk_find(disk_change(disk), name) = -1;
	return 0;
}

/* An empty disk, and a real folder for what is found after a cut. */
static inline void power_cut_start(struct power_cut *disk) {
	memset(disk, 0, sizeof(*disk));
	for (size_t i = 0; i < DISK_FILES; i++)
		disk->history[0].entry[i].file = -1;
	snprintf(disk->path, sizeof(disk->path), "/tmp/lanyard-disk-XXXXXX");
	assert_non_null(mkdtemp(disk->path));
	disk->folder = open(disk->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(disk->folder >= 0);
	disk->layer = (struct file_layer){
		.open = disk_open,
		.write = disk_write,
		.sync = disk_sync,
		.close = disk_close,
		.rename = disk_rename,
		.remove = disk_remove,
		.context = disk,
	};
}

/* Removes what lies in the real folder. */
static inline void power_cut_clear(const struct power_cut *disk) {
	DIR *entries = opendir(disk->path);
	assert_non_null(entries);
	for (const struct dirent *entry; (entry = readdir(entries));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			assert_int_equal(unlinkat(disk->folder, entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0), 0);
	closedir(entries);
}

static inline void power_cut_end(struct power_cut *disk) {
	power_cut_clear(disk);
	close(disk->folder);
	rmdir(disk->path);
}

/* Everything so far is on the medium; the next step is the first. */
static inline void power_cut_settle(struct power_cut *disk) {
	disk->history[0] = *disk_now(disk);
	disk->changes = 0;
	for (int i = 0; i < disk->files; i++) {
		memcpy(disk->file[i].synced, disk->file[i].content, DISK_CONTENT);
		disk->file[i].synced_length = disk->file[i].length;
		disk->file[i].is_synced = true;
	}
	disk->steps = 0;
}

enum disk_loss { LOSS_NONE, LOSS_ALL, LOSS_EMPTY, LOSS_HALF, LOSS_ZEROS, LOSS_KINDS };

static inline void disk_materialise(const struct power_cut *disk, const char *name, const struct disk_file *file,
                                    enum disk_loss loss) {
	uint8_t bytes[DISK_CONTENT] = { 0 };
	size_t length = file->length;
	switch (file->is_synced ? LOSS_ALL : loss) {
	case LOSS_NONE:
		memcpy(bytes, file->content, length);
		break;
	case LOSS_ALL:
		length = file->synced_length;
		memcpy(bytes, file->synced, length);
		break;
	case LOSS_EMPTY:
		length = file->kept;
		memcpy(bytes, file->content, length);
		break;
	case LOSS_HALF:
		length = file->kept + (length - file->kept) / 2;
		memcpy(bytes, file->content, length);
		break;
	case LOSS_ZEROS:
	case LOSS_KINDS:
		memcpy(bytes, file->content, file->kept);
		break;
	}
	int out = openat(disk->folder, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(out >= 0);
	assert_int_equal(write(out, bytes, length), length);
	close(out);
}

/* Puts the number-th possible state after the cut into the real folder; false when there are no more. */
static inline bool power_cut_outcome(struct power_cut *disk, unsigned number) {
	unsigned names = number / LOSS_KINDS;
	if (names > (unsigned)disk->changes)
		return false;
	power_cut_clear(disk);
	for (size_t i = 0; i < DISK_FILES; i++)
		if (disk->history[names].entry[i].file >= 0)
			disk_materialise(disk, disk->history[names].entry[i].name,
			                 &disk->file[disk->history[names].entry[i].file], number % LOSS_KINDS);
	return true;
}
