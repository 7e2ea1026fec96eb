/* A folder for one test, a deterministic random source, and a file layer that cuts the power or fills the disk after N steps. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/random.h"

struct temporary {
	char path[64];
	int folder;
};

static inline void temporary_start(struct temporary *t) {
	/* In memory where there is such a folder: hundreds of syncs are no test of the disk's patience. */
	strcpy(t->path, access("/dev/shm", W_OK) == 0 ? "/dev/shm/lanyard-test-XXXXXX" : "/tmp/lanyard-test-XXXXXX");
	assert_non_null(mkdtemp(t->path));
	t->folder = folder_open(t->path);
	assert_true(t->folder >= 0);
}

static inline void temporary_clear(struct temporary *t) {
	DIR *directory = opendir(t->path);
	for (struct dirent *entry; (entry = readdir(directory));)
		if (entry->d_name[0] != '.')
			unlinkat(t->folder, entry->d_name, 0);
	closedir(directory);
}

static inline void temporary_end(struct temporary *t) {
	temporary_clear(t);
	close(t->folder);
	rmdir(t->path);
}

/* Steps count down to the failure; from then on every step fails, as after a power cut, or once, as on a full disk. */
struct failing_layer {
	struct file_layer layer;
	unsigned steps_left, steps;
	int error;
	bool once, failed;
};

static inline bool failing_step(struct failing_layer *f) {
	f->steps++;
	if (f->failed)
		return !f->once;
	if (f->steps_left > 0 && --f->steps_left == 0) {
		f->failed = true;
		return true;
	}
	return false;
}

static inline int failing_open(void *context, int folder, const char *name, int flags, mode_t mode) {
	struct failing_layer *f = context;
	return failing_step(f) ? f->error : file_layer_system()->open(NULL, folder, name, flags, mode);
}

/* Half of the bytes get through before it fails. */
static inline ssize_t failing_write(void *context, int file, const void *bytes, size_t length) {
	struct failing_layer *f = context;
	if (!failing_step(f))
		return file_layer_system()->write(NULL, file, bytes, length);
	ssize_t half = write(file, bytes, length / 2);
	(void)half;
	return f->error;
}

static inline int failing_sync(void *context, int file) {
	struct failing_layer *f = context;
	return failing_step(f) ? f->error : file_layer_system()->sync(NULL, file);
}

static inline int failing_close(void *context, int file) {
	(void)context;
	return file_layer_system()->close(NULL, file); /* a descriptor is gone either way */
}

static inline int failing_rename(void *context, int folder, const char *from, const char *to) {
	struct failing_layer *f = context;
	return failing_step(f) ? f->error : file_layer_system()->rename(NULL, folder, from, to);
}

static inline int failing_remove(void *context, int folder, const char *name) {
	struct failing_layer *f = context;
	return failing_step(f) ? f->error : file_layer_system()->remove(NULL, folder, name);
}

static inline void failing_start(struct failing_layer *f, unsigned steps, int error, bool once) {
	*f = (struct failing_layer){ .layer = { failing_open, failing_write, failing_sync, failing_close, failing_rename,
		                                failing_remove, f },
		                     .steps_left = steps,
		                     .error = error,
		                     .once = once };
}
