/* TCP between a camera and its companion over Wi-Fi: IPv6 link-local, one interface, nothing routed. */
#pragma once

#include <netinet/in.h>
#include <stdint.h>

struct tcp_endpoint {
	uint8_t address[16]; /* IPv6 link-local (fe80::/10), network order */
	unsigned interface;  /* index; link-local addresses mean nothing without it */
	uint16_t port;       /* host order */
};

/* A vanished peer is noticed after this, in both directions and also on a quiet connection. */
#define TCP_PEER_LOST_MS 10000

/* A non-blocking socket bound to the interface, so that no route can carry it elsewhere; TCP_NODELAY; peers that vanish are
 * noticed. Sockets accepted from it inherit all of that. A descriptor or a negative errno. */
int tcp_socket_open(unsigned interface);
/* 0, or -EINVAL for an address that is not link-local or has no interface. */
int tcp_endpoint_to_sockaddr(const struct tcp_endpoint *endpoint, struct sockaddr_in6 *ret);
