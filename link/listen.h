/* Listening sockets of the companion: for the one camera that dials in over Wi-Fi, and Unix sockets for tests. The camera's
 * daemon never makes one (threats.md, invariant 16). */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/reason.h"
#include "link/tcp_socket.h"

struct listener;

struct listener_callbacks {
	/* A peer connected; ownership of the non-blocking `file` passes. The listener may be freed inside. */
	void (*accepted)(void *context, int file);
	/* Listening has ended by an error (REASON_LINK_FAILED); called at most once. The owner frees the listener, inside or
	 * later.
	 */
	void (*failed)(void *context, enum reason reason);
};

/* Listens on exactly this link-local address and interface (port 0: any free one), for one peer: the socket is closed as soon as
 * it has come, before `accepted` is called. 0, -EINVAL for another kind of address, or a negative errno. */
int listener_new_tcp(struct listener **ret, sd_event *event, const struct tcp_endpoint *at,
                     const struct listener_callbacks *callbacks, void *context);
/* Listens on a Unix stream socket for any number of peers. A stale socket at `path` is replaced; mode 0600; removed again by
 * listener_free. 0 or a negative errno. */
int listener_new_unix(struct listener **ret, sd_event *event, const char *path, const struct listener_callbacks *callbacks,
                      void *context);
/* NULL is allowed. */
void listener_free(struct listener *listener);
/* The TCP port, to be told to the camera. */
uint16_t listener_port(const struct listener *listener);
