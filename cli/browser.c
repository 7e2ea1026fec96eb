#include "cli/browser.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

#define OPENER "xdg-open"
#define FILE_NAME "lanyard-page.html"
#define TEXT_LIMIT 512

static const char *runtime_folder(void) {
	const char *folder = secure_getenv("XDG_RUNTIME_DIR");
	return folder && folder[0] == '/' ? folder : NULL;
}

bool browser_is_there(void) {
	const char *wayland = getenv("WAYLAND_DISPLAY"), *x11 = getenv("DISPLAY");
	return geteuid() != 0 && runtime_folder() && ((wayland && *wayland) || (x11 && *x11));
}

/* The folder must be the user's alone: what is in it is as good as the token. */
static int open_folder(void) {
	const char *path = runtime_folder();
	struct stat status;
	int folder = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (folder < 0)
		return path ? -errno : -ENOENT;
	if (fstat(folder, &status) < 0 || status.st_uid != geteuid() || (status.st_mode & 077) != 0) {
		close(folder);
		return -EPERM;
	}
	return folder;
}

static int write_file(int folder, const char *address) {
	char text[TEXT_LIMIT];
	int length = snprintf(text, sizeof(text),
	                      "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
	                      "<title>Lanyard</title>\n<meta http-equiv=\"refresh\" content=\"0; url=%s\">\n",
	                      address);
	if (length >= (int)sizeof(text))
		return -ENAMETOOLONG;
	int file, result = 0;
	if (unlinkat(folder, FILE_NAME, 0) < 0 && errno != ENOENT)
		result = -errno;
	else if ((file = openat(folder, FILE_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) < 0)
		result = -errno;
	else {
		ssize_t written = write(file, text, (size_t)length);
		if (written != length)
			result = written < 0 ? -errno : -ENOSPC;
		if (close(file) < 0 && result == 0)
			result = -errno;
	}
	wipe(text, sizeof(text));
	return result;
}

static int start_opener(void) {
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/" FILE_NAME, runtime_folder()) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	char opener[] = OPENER, *arguments[] = { opener, path, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int error = posix_spawn_file_actions_init(&files);
	if (error != 0)
		return -error;
	error = posix_spawnattr_init(&attributes);
	if (error == 0) {
		/* A session of its own: the browser, which may be its child, stays when the terminal goes. */
		error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
		for (int stream = STDIN_FILENO; error == 0 && stream <= STDERR_FILENO; stream++)
			error = posix_spawn_file_actions_addopen(&files, stream, "/dev/null", O_RDWR, 0);
		if (error == 0)
			error = posix_spawnp(&(pid_t){ 0 }, opener, &files, &attributes, arguments, environ);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&files);
	return -error;
}

int browser_open(const char *address) {
	int folder = open_folder();
	if (folder < 0)
		return folder;
	int result = write_file(folder, address);
	if (result == 0)
		result = start_opener();
	if (result < 0)
		(void)unlinkat(folder, FILE_NAME, 0);
	close(folder);
	return result;
}
