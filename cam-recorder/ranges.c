#include "cam-recorder/ranges.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"

#define RANGES 32
#define PIPE_SIZE (1024 * 1024)
#define QUANTUM (256 * 1024) /* moved in one turn: on a slow processor a pipe full takes longer than a frame */

struct range {
	struct ranges *owner;
	struct container_reader *reader; /* NULL: free */
	int pipe;
	sd_event_source *io;
	uint64_t offset, end;
	size_t at, length; /* of what is in `bytes` and not written yet */
	uint8_t bytes[CONTAINER_READ_SIZE];
};

struct ranges {
	sd_event *event;
	const struct store *store;
	struct range *range[RANGES];
};

static void range_close(struct range *r) {
	for (size_t i = 0; i < RANGES; i++)
		if (r->owner->range[i] == r)
			r->owner->range[i] = NULL;
	sd_event_source_disable_unref(r->io);
	if (r->pipe >= 0)
		close(r->pipe);
	container_reader_free(r->reader);
	wipe(r->bytes, sizeof(r->bytes));
	free(r);
}

/* The next bytes into the buffer; false at the end, or where the recording is damaged. */
static bool range_fill(struct range *r) {
	uint64_t left = r->end - r->offset;
	if (left == 0)
		return false;
	size_t want = left < sizeof(r->bytes) ? (size_t)left : sizeof(r->bytes);
	ssize_t got = container_reader_read(r->reader, r->offset, r->bytes, want);
	if (got <= 0)
		log_reason(LOG_LEVEL_ERROR, "recorder", REASON_RECORDING_DAMAGED, "a recording cannot be read at byte %llu",
		           (unsigned long long)r->offset);
	if (got <= 0)
		return false;
	r->at = 0;
	r->length = (size_t)got;
	r->offset += (uint64_t)got;
	return true;
}

static int on_pipe(sd_event_source *source, int file, uint32_t events, void *context) {
	(void)source;
	struct range *r = context;
	if (events & (EPOLLERR | EPOLLHUP)) { /* the reader has closed */
		range_close(r);
		return 0;
	}
	for (size_t moved = 0; moved < QUANTUM;) {
		if (r->length == 0 && !range_fill(r)) {
			range_close(r);
			return 0;
		}
		ssize_t written = write(file, r->bytes + r->at, r->length);
		if (written < 0) {
			if (errno != EAGAIN && errno != EINTR)
				range_close(r);
			return 0;
		}
		r->at += (size_t)written;
		r->length -= (size_t)written;
		moved += (size_t)written;
	}
	return 0;
}

int ranges_new(struct ranges **ret, sd_event *event, const struct store *store) {
	struct ranges *ranges = calloc(1, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	*ranges = (struct ranges){ .event = event, .store = store };
	*ret = ranges;
	return 0;
}

void ranges_free(struct ranges *ranges) {
	if (!ranges)
		return;
	for (size_t i = 0; i < RANGES; i++)
		if (ranges->range[i])
			range_close(ranges->range[i]);
	free(ranges);
}

static int open_pipe(struct range *r, int *ret_read_end) {
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	r->pipe = ends[1];
	fcntl(ends[1], F_SETFL, O_NONBLOCK);     /* our end only: the reader chooses for its own */
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE); /* a smaller pipe works too */
	int result = sd_event_add_io(r->owner->event, &r->io, r->pipe, EPOLLOUT, on_pipe, r);
	if (result < 0) {
		close(ends[0]);
		return result;
	}
	*ret_read_end = ends[0];
	return 0;
}

/* A container that is damaged so that its end is not known offers what is before the damage; whoever reads must not take that for
 * the whole, so what was noted at capture counts. */
static uint64_t whole_size(const struct ranges *ranges, const char *id, const struct container_reader *reader) {
	const struct recording *noted = store_find(ranges->store, id);
	uint64_t there = container_reader_size(reader);
	bool complete = noted && noted->state == RECORDING_STATE_COMPLETE;
	return complete && noted->size > there ? noted->size : there;
}

int ranges_open(struct ranges *ranges, const char *id, uint64_t offset, uint64_t length, int *ret_pipe, uint64_t *ret_total) {
	size_t room = 0;
	while (room < RANGES && ranges->range[room])
		room++;
	if (room == RANGES)
		return -EBUSY;
	struct range *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->owner = ranges;
	r->pipe = -1;
	int result = store_read(ranges->store, id, &r->reader);
	if (result == 0) {
		uint64_t total = whole_size(ranges, id, r->reader);
		*ret_total = total;
		r->offset = offset;
		r->end = length == 0 || length > total - offset ? total : offset + length;
		result = offset > total ? -EINVAL : open_pipe(r, ret_pipe);
	}
	if (result < 0) {
		range_close(r);
		return result;
	}
	ranges->range[room] = r;
	return 0;
}
