#include "cli/page_address.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

#define TOKEN_DIGITS 64

int page_address(char out[PAGE_ADDRESS_SIZE], const char *socket, unsigned port) {
	const char *slash = strrchr(socket, '/');
	int folder = slash ? (int)(slash - socket + 1) : 0;
	char path[PATH_MAX], token[TOKEN_DIGITS + 2];
	if (snprintf(path, sizeof(path), "%.*stoken", folder, socket) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file < 0)
		return -errno;
	ssize_t length = read(file, token, sizeof(token));
	int error = errno;
	close(file);
	if (length < 0)
		return -error;
	int result = -EBADMSG;
	if (length == TOKEN_DIGITS + 1 && token[TOKEN_DIGITS] == '\n') {
		token[TOKEN_DIGITS] = '\0';
		if (strspn(token, "0123456789abcdef") == TOKEN_DIGITS) {
			snprintf(out, PAGE_ADDRESS_SIZE, "http://127.0.0.1:%u/#token=%s", port, token);
			result = 0;
		}
	}
	wipe(token, sizeof(token));
	return result;
}
