#include "cam-radio/evdev.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "/dev/input"
#define NAME_SIZE 256
#define BITS_OF_LONG (8 * sizeof(unsigned long))

/* Events carry the clock that every deadline here is measured in. */
static int use_boottime(int file) {
	int clock = CLOCK_BOOTTIME;
	return ioctl(file, EVIOCSCLOCKID, &clock) < 0 ? -errno : 0;
}

static int open_path(const char *path) {
	int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (file < 0)
		return -errno;
	int result = use_boottime(file); /* also tells that it is an input device at all */
	if (result < 0) {
		close(file);
		return result;
	}
	return file;
}

static bool has_name(int file, const char *wanted) {
	char name[NAME_SIZE] = "";
	if (ioctl(file, EVIOCGNAME(sizeof(name) - 1), name) < 0)
		return false;
	return strcmp(name, wanted) == 0;
}

static int open_name(const char *name) {
	DIR *folder = opendir(FOLDER);
	if (!folder)
		return -errno;
	int found = -ENOENT;
	const struct dirent *entry;
	while (found < 0 && (entry = readdir(folder))) {
		char path[sizeof(FOLDER "/") + sizeof(entry->d_name)];
		if (strncmp(entry->d_name, "event", 5) != 0)
			continue;
		snprintf(path, sizeof(path), FOLDER "/%s", entry->d_name);
		int file = open_path(path);
		if (file < 0)
			continue;
		if (has_name(file, name))
			found = file;
		else
			close(file);
	}
	closedir(folder);
	return found;
}

static int evdev_open(void *context, const char *device) {
	(void)context;
	return strchr(device, '/') ? open_path(device) : open_name(device);
}

static int evdev_key(void *context, int file, unsigned key, bool *ret_down) {
	(void)context;
	unsigned long down[KEY_CNT / BITS_OF_LONG] = { 0 };
	if (ioctl(file, EVIOCGKEY(sizeof(down)), down) < 0)
		return -errno;
	*ret_down = down[key / BITS_OF_LONG] >> (key % BITS_OF_LONG) & 1;
	return 0;
}

const struct input_port *input_port_evdev(void) {
	static const struct input_port port = { .open = evdev_open, .key = evdev_key };
	return &port;
}

static int pipe_open(void *context, const char *device) {
	(void)context;
	struct stat status;
	/* Read and write: a writer that goes away does not end the pipe. */
	int file = open(device, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (file < 0)
		return -errno;
	if (fstat(file, &status) < 0 || !S_ISFIFO(status.st_mode)) {
		close(file);
		return -EINVAL;
	}
	return file;
}

static int pipe_key(void *context, int file, unsigned key, bool *ret_down) {
	(void)context, (void)file, (void)key;
	*ret_down = false;
	return 0;
}

const struct input_port *input_port_pipe(void) {
	static const struct input_port port = { .open = pipe_open, .key = pipe_key };
	return &port;
}
