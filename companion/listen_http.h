/* The listening sockets of the API. */
#pragma once

/* Unix stream socket, mode 0600. A stale one is replaced, one that answers is not. A descriptor; -EADDRINUSE; or another negative
 * errno. */
int listen_http_unix(const char *path);
/* TCP on 127.0.0.1 (family AF_INET) or ::1 (AF_INET6): never on another address. A descriptor or a negative errno. */
int listen_http_loopback(int family, unsigned port);
