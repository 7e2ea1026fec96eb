#include "link/stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Largest packet that is read whole. Above every receive MTU of ours: a longer one would lose its end. */
#define READ_SIZE 16384
/* Reads in one turn of the event loop, so that one busy link does not starve the others. */
#define READS_PER_TURN 8

enum stream_state {
	STREAM_OPEN,
	STREAM_ENDING, /* no more sends; what has arrived is still delivered, then `closed` is called */
	STREAM_CLOSED, /* `closed` was called */
};

struct stream {
	enum stream_state state;
	enum reason reason; /* valid from STREAM_ENDING on */

	int file;
	sd_event_source *io, *ending;
	size_t packet_limit;
	const struct stream_callbacks *callbacks;
	void *context;

	/* Ring of bytes that the kernel has not taken. */
	uint8_t *queue;
	size_t queue_limit, first, queued;
	bool above_low_mark;

	/* Callbacks in progress on the stack; a stream freed inside one lives on as an empty shell until they return. */
	unsigned entered;
	bool freed;
};

enum read_result { READ_AGAIN_LATER, READ_MORE, READ_ENDED, READ_FREED };

static void stream_release(struct stream *s) {
	free(s->queue);
	free(s);
}

static bool leave(struct stream *s) {
	s->entered--;
	if (s->freed && s->entered == 0) {
		stream_release(s);
		return false;
	}
	return !s->freed;
}

static void watch(struct stream *s) {
	uint32_t events = s->state == STREAM_OPEN && s->queued > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN;
	(void)sd_event_source_set_io_events(s->io, events); /* fails only for a source of another kind */
}

static void enter_ending(struct stream *s, enum reason reason) {
	if (s->state != STREAM_OPEN)
		return;
	s->state = STREAM_ENDING;
	s->reason = reason;
	s->queued = 0;
	watch(s);
	(void)sd_event_source_set_enabled(s->ending, SD_EVENT_ONESHOT);
}

static enum reason reason_from_error(int error) {
	/* L2CAP reports the peer's orderly disconnection as ECONNRESET, and a send after it as EPIPE. */
	return error == ECONNRESET || error == EPIPE ? REASON_LINK_CLOSED : REASON_LINK_FAILED;
}

/* Returns false when the stream was freed inside the callback. */
static bool enter_closed(struct stream *s) {
	s->state = STREAM_CLOSED;
	(void)sd_event_source_set_enabled(s->io, SD_EVENT_OFF);
	(void)sd_event_source_set_enabled(s->ending, SD_EVENT_OFF);
	s->entered++;
	s->callbacks->closed(s->context, s->reason);
	return leave(s);
}

static bool would_block(int error) {
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

/* Writes one packet's worth from one or two pieces. Bytes taken, 0 when the kernel takes none now, or a negative errno. */
static ssize_t write_once(const struct stream *s, const struct iovec *pieces, size_t count) {
	struct iovec limited[2];
	size_t left = s->packet_limit ? s->packet_limit : SIZE_MAX, used = 0;
	for (; used < count && left > 0; used++) {
		limited[used] = pieces[used];
		if (limited[used].iov_len > left)
			limited[used].iov_len = left;
		left -= limited[used].iov_len;
	}
	struct msghdr message = { .msg_iov = limited, .msg_iovlen = used };
	ssize_t written = sendmsg(s->file, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (written < 0)
		return would_block(errno) ? 0 : -errno;
	return written;
}

static int flush_queue(struct stream *s) {
	while (s->queued > 0) {
		size_t straight = s->queue_limit - s->first;
		if (straight > s->queued)
			straight = s->queued;
		struct iovec pieces[2] = { { .iov_base = s->queue + s->first, .iov_len = straight },
			                   { .iov_base = s->queue, .iov_len = s->queued - straight } };
		ssize_t written = write_once(s, pieces, s->queued > straight ? 2 : 1);
		if (written < 0)
			return (int)written;
		if (written == 0)
			return 0;
		s->first = (s->first + (size_t)written) % s->queue_limit;
		s->queued -= (size_t)written;
	}
	return 0;
}

static void enqueue(struct stream *s, const uint8_t *bytes, size_t length) {
	size_t last = (s->first + s->queued) % s->queue_limit;
	size_t straight = s->queue_limit - last;
	if (straight > length)
		straight = length;
	memcpy(s->queue + last, bytes, straight);
	memcpy(s->queue, bytes + straight, length - straight);
	s->queued += length;
	if (s->queued > s->queue_limit / 4)
		s->above_low_mark = true;
}

int stream_send(struct stream *s, const uint8_t *bytes, size_t length) {
	if (s->state != STREAM_OPEN)
		return -ENOTCONN;
	if (length > s->queue_limit - s->queued) {
		enter_ending(s, REASON_QUEUE_FULL);
		return -ENOBUFS;
	}
	/* With an empty queue the caller's bytes go to the kernel without a copy. */
	while (s->queued == 0 && length > 0) {
		struct iovec piece = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = length };
		ssize_t written = write_once(s, &piece, 1);
		if (written < 0) {
			enter_ending(s, reason_from_error((int)-written));
			return 0;
		}
		if (written == 0)
			break;
		bytes += written;
		length -= (size_t)written;
	}
	if (length > 0) {
		enqueue(s, bytes, length);
		watch(s);
	}
	return 0;
}

/* Reads one packet, or a bufferful, and delivers it. */
static enum read_result read_once(struct stream *s) {
	uint8_t bytes[READ_SIZE];
	struct iovec piece = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
	ssize_t length = recvmsg(s->file, &message, MSG_DONTWAIT);
	/* An L2CAP socket whose peer has disconnected answers one read with its pending error, shown as an end, while packets
	 * that came before the end still wait: only a second end in a row is the end. */
	if (length == 0)
		length = recvmsg(s->file, &message, MSG_DONTWAIT);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return READ_AGAIN_LATER;
	if (length <= 0 || (message.msg_flags & MSG_TRUNC)) {
		enum reason reason = length == 0  ? REASON_LINK_CLOSED
		                     : length < 0 ? reason_from_error(errno)
		                                  : REASON_LINK_FAILED;
		enter_ending(s, reason); /* keeps an earlier reason */
		return READ_ENDED;
	}
	s->entered++;
	s->callbacks->received(s->context, bytes, (size_t)length);
	return leave(s) ? READ_MORE : READ_FREED;
}

static enum read_result read_turn(struct stream *s) {
	for (unsigned n = 0; n < READS_PER_TURN; n++) {
		enum read_result result = read_once(s);
		if (result != READ_MORE)
			return result;
		if (s->state == STREAM_ENDING && s->reason == REASON_QUEUE_FULL)
			return READ_AGAIN_LATER; /* on_ending says why nothing more is delivered */
	}
	return READ_MORE;
}

static int on_io(sd_event_source *source, int file, uint32_t events, void *context) {
	(void)source;
	struct stream *s = context;
	if (s->state != STREAM_OPEN)
		return 0; /* on_ending does the rest */

	if (events & EPOLLERR) {
		/* Taken now, or the read below would show it as an orderly end and hide what arrived before it. */
		int error = 0;
		socklen_t size = sizeof(error);
		if (getsockopt(file, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
			enter_ending(s, reason_from_error(error));
			return 0;
		}
	}
	if (events & EPOLLOUT) {
		int r = flush_queue(s);
		if (r < 0) {
			enter_ending(s, reason_from_error(-r));
			return 0;
		}
		watch(s);
		if (s->above_low_mark && s->queued <= s->queue_limit / 4) {
			s->above_low_mark = false;
			if (s->callbacks->writable) {
				s->entered++;
				s->callbacks->writable(s->context);
				if (!leave(s))
					return 0;
			}
		}
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		if (read_turn(s) == READ_ENDED)
			(void)enter_closed(s);
	return 0;
}

/* Runs from the loop after the link has ended, so that stream_send never calls back into its caller. Once the queue has
 * overflowed nothing more is delivered: the owner's answers could not be sent. */
static int on_ending(sd_event_source *source, void *context) {
	struct stream *s = context;
	if (s->reason != REASON_QUEUE_FULL) {
		enum read_result result = read_turn(s);
		if (result == READ_FREED)
			return 0;
		if (result == READ_MORE)
			return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	}
	(void)enter_closed(s);
	return 0;
}

int stream_new(struct stream **ret, sd_event *event, int file, size_t packet_limit, size_t queue_limit,
               const struct stream_callbacks *callbacks, void *context) {
	assert(ret && event && file >= 0 && queue_limit > 0 && callbacks && callbacks->received && callbacks->closed);
	int r = -ENOMEM;
	struct stream *s = calloc(1, sizeof(*s));
	if (!s) {
		close(file);
		return r;
	}
	*s = (struct stream){ .state = STREAM_OPEN,
		              .file = file,
		              .packet_limit = packet_limit,
		              .callbacks = callbacks,
		              .context = context,
		              .queue = malloc(queue_limit),
		              .queue_limit = queue_limit };
	if (!s->queue)
		goto fail;
	int flags = fcntl(file, F_GETFL);
	if (flags < 0 || fcntl(file, F_SETFL, flags | O_NONBLOCK) < 0) {
		r = -errno;
		goto fail;
	}
	r = sd_event_add_io(event, &s->io, file, EPOLLIN, on_io, s);
	if (r < 0)
		goto fail;
	r = sd_event_add_defer(event, &s->ending, on_ending, s);
	if (r < 0)
		goto fail;
	r = sd_event_source_set_enabled(s->ending, SD_EVENT_OFF);
	if (r < 0)
		goto fail;
	*ret = s;
	return 0;
fail:
	stream_free(s);
	return r;
}

void stream_free(struct stream *s) {
	if (!s || s->freed)
		return;
	sd_event_source_disable_unref(s->io);
	sd_event_source_disable_unref(s->ending);
	close(s->file);
	s->freed = true;
	if (s->entered == 0)
		stream_release(s);
}

size_t stream_queued(const struct stream *s) {
	return s->queued;
}

size_t stream_room(const struct stream *s) {
	return s->state == STREAM_OPEN ? s->queue_limit - s->queued : 0;
}
