/* A file layer that can lose what a power cut loses. It counts every step that changes something; at the chosen one the power
 * goes: that step and all later ones fail, and power_cut() then puts the folder into a state that a disk may be in:
 *
 *   POWER_LOSES  nothing that was not synced is there: bytes, new names, renames
 *   POWER_KEEPS  everything that was asked for is there, and half of the bytes of a write that was going on
 *   POWER_REORDERS  everything is there and as long as it was to be, but of the bytes that were not synced the first half are
 * zeros
 *
 * Names become durable when their folder is synced, bytes when their file is. */
#pragma once

#include <stdio.h>
#include <sys/stat.h>

#include "tests/unit/footage/temporary.h"

enum power_mode { POWER_LOSES, POWER_KEEPS, POWER_REORDERS };

#define POWER_FILES 64
#define POWER_NAME 256

/* What a durable folder would hold under one name: a copy of the bytes that are durable, or nothing. */
struct power_file {
	char name[POWER_NAME];
	int file; /* open for writing; -1: not */
	uint8_t *durable;
	size_t durable_length;
	bool durable_name; /* the name is there after a cut */
	bool present;      /* the name is there now */
	/* What the name stood for when the folder was synced last. */
	uint8_t *named;
	size_t named_length;
};

struct power {
	struct file_layer layer;
	int folder;
	unsigned steps, cut_at; /* 0: never */
	enum power_mode mode;
	bool cut;
	struct power_file files[POWER_FILES];
	size_t count;
};

static inline struct power_file *power_file(struct power *p, const char *name) {
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->files[i].name, name) == 0)
			return &p->files[i];
	assert_true(p->count < POWER_FILES);
	struct power_file *f = &p->files[p->count++];
	*f = (struct power_file){ .file = -1 };
	snprintf(f->name, sizeof(f->name), "%s", name);
	return f;
}

static inline bool power_step(struct power *p) {
	p->steps++;
	if (p->cut_at > 0 && p->steps >= p->cut_at)
		p->cut = true;
	return p->cut;
}

static inline void power_slurp(struct power *p, const char *name, uint8_t **ret, size_t *ret_length) {
	int file = openat(p->folder, name, O_RDONLY);
	struct stat status;
	assert_true(file >= 0 && fstat(file, &status) == 0);
	free(*ret);
	*ret = malloc((size_t)status.st_size + 1);
	*ret_length = (size_t)status.st_size;
	assert_int_equal(pread(file, *ret, *ret_length, 0), *ret_length);
	close(file);
}

static inline int power_open(void *context, int folder, const char *name, int flags, mode_t mode) {
	struct power *p = context;
	if (p->cut || ((flags & O_CREAT) && power_step(p)))
		return -EIO;
	int file = file_layer_system()->open(NULL, folder, name, flags, mode);
	if (file >= 0 && (flags & O_CREAT)) {
		struct power_file *f = power_file(p, name);
		f->file = file;
		f->present = true;
		f->durable_length = 0; /* new, or truncated */
	}
	return file;
}

static inline ssize_t power_write(void *context, int file, const void *bytes, size_t length) {
	struct power *p = context;
	if (p->cut)
		return -EIO;
	if (!power_step(p))
		return file_layer_system()->write(NULL, file, bytes, length);
	ssize_t part = write(file, bytes, p->mode == POWER_REORDERS ? length : length / 2);
	(void)part;
	return -EIO;
}

static inline int power_sync(void *context, int file) {
	struct power *p = context;
	if (power_step(p))
		return -EIO;
	if (file != p->folder) {
		for (size_t i = 0; i < p->count; i++)
			if (p->files[i].file == file)
				power_slurp(p, p->files[i].name, &p->files[i].durable, &p->files[i].durable_length);
		return 0;
	}
	for (size_t i = 0; i < p->count; i++) {
		struct power_file *f = &p->files[i];
		f->durable_name = f->present;
		free(f->named);
		f->named = NULL;
		f->named_length = f->durable_length;
		if (f->present) {
			f->named = malloc(f->durable_length + 1);
			memcpy(f->named, f->durable_length > 0 ? f->durable : (const uint8_t *)"", f->durable_length);
		}
	}
	return 0;
}

static inline int power_close(void *context, int file) {
	struct power *p = context;
	for (size_t i = 0; i < p->count; i++)
		if (p->files[i].file == file)
			p->files[i].file = -1;
	return file_layer_system()->close(NULL, file);
}

static inline int power_rename(void *context, int folder, const char *from, const char *to) {
	struct power *p = context;
	if (power_step(p))
		return -EIO;
	int result = file_layer_system()->rename(NULL, folder, from, to);
	struct power_file *a = power_file(p, from), *b = power_file(p, to);
	if (result == 0) {
		free(b->durable);
		b->durable = a->durable;
		b->durable_length = a->durable_length;
		a->durable = NULL;
		a->durable_length = 0;
		a->present = false;
		b->present = true;
	}
	return result;
}

static inline int power_remove(void *context, int folder, const char *name) {
	struct power *p = context;
	if (power_step(p))
		return -EIO;
	power_file(p, name)->present = false;
	return file_layer_system()->remove(NULL, folder, name);
}

/* cut_at: the step at which the power goes, from 1; 0 for never. */
static inline void power_start(struct power *p, int folder, unsigned cut_at, enum power_mode mode) {
	*p = (struct power){ .layer = { power_open, power_write, power_sync, power_close, power_rename, power_remove, p },
		             .folder = folder,
		             .cut_at = cut_at,
		             .mode = mode };
	/* What is there is durable. */
	struct temporary t = { .folder = folder };
	snprintf(t.path, sizeof(t.path), "/proc/self/fd/%d", folder);
	DIR *directory = opendir(t.path);
	for (struct dirent *entry; (entry = readdir(directory));) {
		if (entry->d_name[0] == '.')
			continue;
		struct power_file *f = power_file(p, entry->d_name);
		f->present = f->durable_name = true;
		power_slurp(p, f->name, &f->durable, &f->durable_length);
		power_slurp(p, f->name, &f->named, &f->named_length);
	}
	closedir(directory);
}

static inline void power_scramble(struct power *p, const struct power_file *f) {
	uint8_t *now = NULL;
	size_t length;
	power_slurp(p, f->name, &now, &length);
	if (length > f->durable_length) {
		int file = openat(p->folder, f->name, O_WRONLY);
		size_t half = (length - f->durable_length + 1) / 2;
		memset(now, 0, half);
		assert_int_equal(pwrite(file, now, half, (off_t)f->durable_length), half);
		close(file);
	}
	free(now);
}

/* Makes the folder what the disk may hold after the cut, and forgets everything. */
static inline void power_cut(struct power *p) {
	for (size_t i = 0; i < p->count; i++) {
		struct power_file *f = &p->files[i];
		if (p->mode == POWER_LOSES) {
			/* A file under its old name may have got more synced bytes since its name was. */
			const uint8_t *bytes = f->present && f->durable_length > f->named_length && f->durable_name &&
			                                       memcmp(f->durable, f->named, f->named_length) == 0
			                               ? f->durable
			                               : f->named;
			size_t length = bytes == f->durable ? f->durable_length : f->named_length;
			unlinkat(p->folder, f->name, 0);
			if (f->durable_name) {
				int file = openat(p->folder, f->name, O_WRONLY | O_CREAT | O_EXCL, 0600);
				assert_int_equal(write(file, bytes, length), length);
				close(file);
			}
		}
		if (p->mode == POWER_REORDERS && f->present)
			power_scramble(p, f);
		free(f->durable);
		free(f->named);
	}
	p->count = 0;
}
