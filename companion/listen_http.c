#include "companion/listen_http.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

static int fail(int file) {
	int error = errno;
	close(file);
	return -error;
}

int listen_http_unix(const char *path) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path); /* the length was checked on the line above */
	int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (file < 0)
		return -errno;
	if (connect(file, (const struct sockaddr *)&address, sizeof(address)) == 0) {
		close(file);
		return -EADDRINUSE;
	}
	struct stat status;
	if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode) && unlink(path) < 0)
		return fail(file);
	/* The mode must be right from the first moment: the umask, not a chmod afterwards. */
	mode_t before = umask(0177);
	int result = bind(file, (const struct sockaddr *)&address, sizeof(address));
	int error = errno;
	umask(before);
	errno = error;
	if (result < 0 || listen(file, BACKLOG) < 0)
		return fail(file);
	return file;
}

int listen_http_loopback(int family, unsigned port) {
	int file = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (file < 0)
		return -errno;
	const int on = 1;
	struct sockaddr_in v4 = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = in6addr_loopback };
	const struct sockaddr *address = family == AF_INET6 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4;
	socklen_t size = family == AF_INET6 ? sizeof(v6) : sizeof(v4);
	if (setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    (family == AF_INET6 && setsockopt(file, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    bind(file, address, size) < 0 || listen(file, BACKLOG) < 0)
		return fail(file);
	return file;
}
