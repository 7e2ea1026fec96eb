#include "link/tcp_socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"

int tcp_socket_open(unsigned interface) {
	int file = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	if (file < 0)
		return -errno;
	/* Probes a second apart after half the time. */
	const struct {
		int level, name, value;
	} options[] = {
		{ SOL_SOCKET, SO_BINDTOIFINDEX, (int)interface },
		{ IPPROTO_IPV6, IPV6_V6ONLY, 1 },
		{ IPPROTO_TCP, TCP_NODELAY, 1 }, /* small requests and their answers, not bulk with small pieces */
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, TCP_PEER_LOST_MS },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, TCP_PEER_LOST_MS / 2000 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 1 },
		{ IPPROTO_TCP, TCP_KEEPCNT, TCP_PEER_LOST_MS / 2000 },
	};
	for (size_t n = 0; n < ELEMENTS(options); n++)
		if (setsockopt(file, options[n].level, options[n].name, &options[n].value, sizeof(options[n].value)) < 0) {
			int r = -errno;
			close(file);
			return r;
		}
	return file;
}

int tcp_endpoint_to_sockaddr(const struct tcp_endpoint *endpoint, struct sockaddr_in6 *ret) {
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
		                        .sin6_port = htons(endpoint->port),
		                        .sin6_scope_id = endpoint->interface };
	memcpy(&address.sin6_addr, endpoint->address, sizeof(endpoint->address));
	if (!IN6_IS_ADDR_LINKLOCAL(&address.sin6_addr) || endpoint->interface == 0)
		return -EINVAL;
	*ret = address;
	return 0;
}
