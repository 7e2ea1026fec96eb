#include "link/listen.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "link/unix_socket.h"

struct listener {
	int file; /* -1 once closed */
	bool one_peer;
	uint16_t port;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "" for TCP */
	sd_event_source *io;
	const struct listener_callbacks *callbacks;
	void *context;
};

static void stop_listening(struct listener *l) {
	l->io = sd_event_source_disable_unref(l->io);
	if (l->file >= 0)
		close(l->file);
	l->file = -1;
}

static int on_io(sd_event_source *source, int file, uint32_t events, void *context) {
	(void)source;
	(void)events;
	struct listener *l = context;
	int peer = accept4(file, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (peer >= 0) {
		if (l->one_peer)
			stop_listening(l);
		l->callbacks->accepted(l->context, peer);
		return 0; /* the listener may be gone */
	}
	/* accept(2): errors of the connection itself, which concern only the peer that has already left. */
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED || errno == EPROTO || errno == ENETDOWN ||
	    errno == EHOSTUNREACH || errno == ENETUNREACH)
		return 0;
	stop_listening(l);
	l->callbacks->failed(l->context, REASON_LINK_FAILED);
	return 0;
}

/* Takes ownership of `file`. */
static int listener_new(struct listener **ret, sd_event *event, int file, int backlog, const struct listener_callbacks *callbacks,
                        void *context) {
	struct listener *l = calloc(1, sizeof(*l));
	if (!l) {
		close(file);
		return -ENOMEM;
	}
	*l = (struct listener){ .file = file, .callbacks = callbacks, .context = context };
	int r = listen(file, backlog) < 0 ? -errno : sd_event_add_io(event, &l->io, file, EPOLLIN, on_io, l);
	if (r < 0) {
		listener_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

int listener_new_tcp(struct listener **ret, sd_event *event, const struct tcp_endpoint *at,
                     const struct listener_callbacks *callbacks, void *context) {
	assert(ret && event && at && callbacks && callbacks->accepted && callbacks->failed);
	struct sockaddr_in6 address;
	int r = tcp_endpoint_to_sockaddr(at, &address);
	if (r < 0)
		return r;
	int file = tcp_socket_open(at->interface);
	if (file < 0)
		return file;
	socklen_t size = sizeof(address);
	if (bind(file, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockname(file, (struct sockaddr *)&address, &size) < 0) {
		r = -errno;
		close(file);
		return r;
	}
	struct listener *l;
	r = listener_new(&l, event, file, 1, callbacks, context);
	if (r < 0)
		return r;
	l->one_peer = true;
	l->port = ntohs(address.sin6_port);
	*ret = l;
	return 0;
}

int listener_new_unix(struct listener **ret, sd_event *event, const char *path, const struct listener_callbacks *callbacks,
                      void *context) {
	assert(ret && event && path && callbacks && callbacks->accepted && callbacks->failed);
	int file = unix_socket_bind(path, SOCK_STREAM);
	if (file < 0)
		return file;
	struct listener *l;
	int r = listener_new(&l, event, file, SOMAXCONN, callbacks, context);
	if (r < 0) {
		(void)unlink(path);
		return r;
	}
	strcpy(l->path, path); /* which was no longer than an address */
	*ret = l;
	return 0;
}

void listener_free(struct listener *l) {
	if (!l)
		return;
	stop_listening(l);
	if (l->path[0] != '\0')
		(void)unlink(l->path);
	free(l);
}

uint16_t listener_port(const struct listener *l) {
	return l->port;
}
