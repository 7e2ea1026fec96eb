/* A Unix socket at a path, for tests and the companion's page. */
#pragma once

/* type: SOCK_STREAM or SOCK_DGRAM. A stale socket at `path` is replaced; mode 0600 from the first moment. A non-blocking
 * descriptor, or a negative errno; whoever closes it unlinks the path. */
int unix_socket_bind(const char *path, int type);
