#include "link/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int unix_socket_bind(const char *path, int type) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	if (length == 0 || length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length);
	struct stat status;
	if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
		(void)unlink(path); /* when it stays, bind says so */
	int file = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (file < 0)
		return -errno;
	/* fchmod before bind sets the mode that the path is created with: no moment in which others may connect. */
	if (fchmod(file, S_IRUSR | S_IWUSR) < 0 || bind(file, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int r = -errno;
		close(file);
		return r;
	}
	return file;
}
