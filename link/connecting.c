#include "link/connecting.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

struct connecting {
	int file; /* -1 once handed over or closed */
	int error;
	sd_event_source *io, *timer, *deferred;
	void (*done)(void *context, int file, int error);
	void *context;
};

static void stop_watching(struct connecting *c) {
	c->io = sd_event_source_disable_unref(c->io);
	c->timer = sd_event_source_disable_unref(c->timer);
	c->deferred = sd_event_source_disable_unref(c->deferred);
}

/* The object may be gone when this returns. */
static void finish(struct connecting *c, int error) {
	stop_watching(c);
	int file = c->file;
	c->file = -1;
	if (error < 0) {
		close(file);
		file = -1;
	}
	c->done(c->context, file, error);
}

static int on_io(sd_event_source *source, int file, uint32_t events, void *context) {
	(void)source;
	int error = 0;
	socklen_t size = sizeof(error);
	if (getsockopt(file, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error == 0 && (events & EPOLLHUP) && !(events & EPOLLOUT))
		error = ECONNREFUSED; /* closed by the peer before it was open, and the error was already taken */
	finish(context, -error);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t now_us, void *context) {
	(void)source;
	(void)now_us;
	finish(context, -ETIMEDOUT);
	return 0;
}

static int on_deferred(sd_event_source *source, void *context) {
	(void)source;
	struct connecting *c = context;
	finish(c, c->error);
	return 0;
}

static int watch(struct connecting *c, sd_event *event, uint64_t timeout_us) {
	/* Unix sockets connect, and some failures show, at once; told from the loop all the same. */
	if (c->error != -EINPROGRESS)
		return sd_event_add_defer(event, &c->deferred, on_deferred, c);
	int r = sd_event_add_io(event, &c->io, c->file, EPOLLOUT, on_io, c);
	if (r < 0)
		return r;
	return sd_event_add_time_relative(event, &c->timer, CLOCK_BOOTTIME, timeout_us, 0, on_timer, c);
}

int connecting_new(struct connecting **ret, sd_event *event, int file, const struct sockaddr *to, socklen_t to_size,
                   uint64_t timeout_us, void (*done)(void *context, int file, int error), void *context) {
	assert(ret && event && file >= 0 && to && done);
	struct connecting *c = calloc(1, sizeof(*c));
	if (!c) {
		close(file);
		return -ENOMEM;
	}
	*c = (struct connecting){ .file = file, .done = done, .context = context };
	c->error = connect(file, to, to_size) < 0 ? -errno : 0;
	int r = watch(c, event, timeout_us);
	if (r < 0) {
		connecting_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void connecting_free(struct connecting *c) {
	if (!c)
		return;
	stop_watching(c);
	if (c->file >= 0)
		close(c->file);
	free(c);
}
