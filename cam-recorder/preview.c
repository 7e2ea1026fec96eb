#include "cam-recorder/preview.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cam-recorder/muxer.h"

#define BACKLOG_LIMIT ((size_t)2 * 1024 * 1024) /* several seconds: after that it is no live picture any more */

struct preview {
	int pipe;
	struct muxer *muxer;
	sd_event_source *io;
	uint8_t *backlog;
	size_t length;
	void (*ended)(void *context, struct preview *preview);
	void *context;
};

static bool write_backlog(struct preview *p) {
	while (p->length > 0) {
		ssize_t written = write(p->pipe, p->backlog, p->length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return errno == EAGAIN;
		p->length -= (size_t)written;
		memmove(p->backlog, p->backlog + written, p->length);
	}
	return true;
}

static void set_waiting(struct preview *p) {
	sd_event_source_set_io_events(p->io,
	                              p->length > 0 ? EPOLLOUT : 0); /* EPOLLERR comes in any case: the reader has closed */
}

static int on_pipe(sd_event_source *source, int file, uint32_t events, void *context) {
	(void)source;
	(void)file;
	struct preview *p = context;
	if (events & (EPOLLERR | EPOLLHUP) || !write_backlog(p)) {
		p->ended(p->context, p);
		return 0;
	}
	set_waiting(p);
	return 0;
}

static void on_bytes(void *context, const void *bytes, size_t length) {
	struct preview *p = context;
	if (length > BACKLOG_LIMIT - p->length) {
		p->ended(p->context, p);
		return;
	}
	memcpy(p->backlog + p->length, bytes, length);
	p->length += length;
	if (!write_backlog(p)) {
		p->ended(p->context, p);
		return;
	}
	set_waiting(p);
}

static void on_ended(void *context, bool failed) {
	(void)failed;
	struct preview *p = context;
	p->ended(p->context, p);
}

static const struct muxer_callbacks muxer_handlers = { .bytes = on_bytes, .ended = on_ended };

int preview_new(struct preview **ret, sd_event *event, int pipe, GstClockTime base_ns, GstCaps *video, GstCaps *audio,
                void (*ended)(void *context, struct preview *preview), void *context) {
	struct preview *p = calloc(1, sizeof(*p));
	if (!p) {
		close(pipe);
		return -ENOMEM;
	}
	*p = (struct preview){ .pipe = pipe, .ended = ended, .context = context };
	p->backlog = malloc(BACKLOG_LIMIT);
	int result = p->backlog ? 0 : -ENOMEM;
	if (result == 0)
		result = sd_event_add_io(event, &p->io, pipe, 0, on_pipe, p);
	if (result >= 0)
		result = muxer_new(&p->muxer, event, base_ns, video, audio, &muxer_handlers, p);
	if (result < 0) {
		preview_free(p);
		return result;
	}
	*ret = p;
	return 0;
}

void preview_free(struct preview *p) {
	if (!p)
		return;
	muxer_free(p->muxer);
	sd_event_source_disable_unref(p->io);
	close(p->pipe);
	free(p->backlog);
	free(p);
}

void preview_push(struct preview *p, bool video, GstBuffer *buffer) {
	muxer_push(p->muxer, video, buffer);
}
