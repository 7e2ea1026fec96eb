#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_CAPACITY 256

static int system_open(void *context, int folder, const char *name, int flags, mode_t mode) {
	(void)context;
	int file = openat(folder, name, flags | O_CLOEXEC | O_NOFOLLOW, mode);
	return file < 0 ? -errno : file;
}

static ssize_t system_write(void *context, int file, const void *bytes, size_t length) {
	(void)context;
	ssize_t written = write(file, bytes, length);
	return written < 0 ? -errno : written;
}

static int system_sync(void *context, int file) {
	(void)context;
	return fsync(file) < 0 ? -errno : 0;
}

static int system_close(void *context, int file) {
	(void)context;
	return close(file) < 0 ? -errno : 0;
}

static int system_rename(void *context, int folder, const char *from, const char *to) {
	(void)context;
	return renameat(folder, from, folder, to) < 0 ? -errno : 0;
}

static int system_remove(void *context, int folder, const char *name) {
	(void)context;
	return unlinkat(folder, name, 0) < 0 ? -errno : 0;
}

const struct file_layer *file_layer_system(void) {
	static const struct file_layer layer = {
		.open = system_open,
		.write = system_write,
		.sync = system_sync,
		.close = system_close,
		.rename = system_rename,
		.remove = system_remove,
		.context = NULL,
	};
	return &layer;
}

static int write_whole(const struct file_layer *layer, int file, const uint8_t *bytes, size_t length) {
	while (length > 0) {
		ssize_t written = layer->write(layer->context, file, bytes, length);
		if (written == -EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? (int)written : -EIO;
		bytes += written;
		length -= (size_t)written;
	}
	return 0;
}

int file_replace(const struct file_layer *layer, int folder, const char *name, const void *bytes, size_t length) {
	char temporary[NAME_CAPACITY];
	if (snprintf(temporary, sizeof(temporary), "%s.new", name) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	int file = layer->open(layer->context, folder, temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (file < 0)
		return file;
	int result = write_whole(layer, file, bytes, length);
	if (result == 0)
		result = layer->sync(layer->context, file);
	int closed = layer->close(layer->context, file);
	if (result == 0)
		result = closed;
	if (result == 0)
		result = layer->rename(layer->context, folder, temporary, name);
	if (result < 0) {
		layer->remove(layer->context, folder, temporary);
		return result;
	}
	return layer->sync(layer->context, folder);
}

/* Everything there is to read, and closes the file. */
static int read_all(int file, void *bytes, size_t capacity, size_t *ret_length) {
	size_t length = 0;
	int result = 0;
	for (;;) {
		uint8_t probe;
		bool full = length == capacity;
		ssize_t got = full ? read(file, &probe, 1) : read(file, (uint8_t *)bytes + length, capacity - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			result = -errno;
		else if (got > 0 && full)
			result = -EFBIG;
		if (got <= 0 || result < 0)
			break;
		length += (size_t)got;
	}
	close(file);
	if (result == 0)
		*ret_length = length;
	return result;
}

int file_read(int folder, const char *name, void *bytes, size_t capacity, size_t *ret_length) {
	int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return file < 0 ? -errno : read_all(file, bytes, capacity, ret_length);
}

int file_read_secret(const char *path, void *bytes, size_t capacity, size_t *ret_length) {
	struct stat status;
	/* Without O_NONBLOCK a pipe in the file's place would hold the daemon up. */
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file < 0)
		return -errno;
	int result = fstat(file, &status) < 0 ? -errno : 0;
	if (result == 0 && !S_ISREG(status.st_mode))
		result = -EINVAL;
	if (result == 0 && (status.st_mode & S_IRWXO))
		result = -EPERM;
	if (result < 0) {
		close(file);
		return result;
	}
	return read_all(file, bytes, capacity, ret_length);
}

int file_set_aside(const struct file_layer *layer, int folder, const char *name) {
	for (unsigned number = 1; number < 1000; number++) {
		char aside[NAME_CAPACITY];
		if (snprintf(aside, sizeof(aside), "%s.damaged-%u", name, number) >= (int)sizeof(aside))
			return -ENAMETOOLONG;
		if (faccessat(folder, aside, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		int result = layer->rename(layer->context, folder, name, aside);
		return result < 0 ? result : layer->sync(layer->context, folder);
	}
	return -EEXIST;
}

/* A power cut may otherwise take a new folder away with everything in it that was synced. A parent that we may write to but not
 * open cannot be synced by us. */
static int sync_parent(int folder) {
	int parent = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return errno == EACCES ? 0 : -errno;
	int result = fsync(parent) < 0 ? -errno : 0;
	close(parent);
	return result;
}

int folder_open(const char *path) {
	bool made = mkdir(path, 0700) == 0;
	if (!made && errno != EEXIST)
		return -errno;
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -errno;
	int result = made ? sync_parent(folder) : 0;
	if (result < 0) {
		close(folder);
		return result;
	}
	return folder;
}
