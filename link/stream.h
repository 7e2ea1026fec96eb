/* A byte stream over a connected descriptor inside sd-event: L2CAP channel, TCP or Unix socket. Reads as bytes arrive, queues
 * what the peer does not take yet (bounded), and tells its owner when it is gone. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/reason.h"

struct stream;

struct stream_callbacks {
	/* Bytes arrived. The stream may be freed inside. */
	void (*received)(void *context, const uint8_t *bytes, size_t length);
	/* The queue was above its low mark and has drained below it: a producer may go on. May be NULL. */
	void (*writable)(void *context);
	/* The peer closed (REASON_LINK_CLOSED), an error (REASON_LINK_FAILED), or the queue overflowed (REASON_QUEUE_FULL).
	 * Called once; the owner frees the stream, inside or later. */
	void (*closed)(void *context, enum reason reason);
};

/* Takes ownership of `file` (made non-blocking) also on failure. packet_limit: largest single write for a SOCK_SEQPACKET
 * socket (the L2CAP SNDMTU), 0 for a byte stream. queue_limit: bytes. 0 or a negative errno. */
int stream_new(struct stream **ret, sd_event *event, int file, size_t packet_limit, size_t queue_limit,
               const struct stream_callbacks *callbacks, void *context);
/* Closes the descriptor; NULL is allowed; calls nothing. */
void stream_free(struct stream *stream);
/* Queues and tries to write at once. 0 or -ENOBUFS when the queue limit would be exceeded (nothing is queued then). */
int stream_send(struct stream *stream, const uint8_t *bytes, size_t length);
/* Bytes queued and not yet taken by the kernel. */
size_t stream_queued(const struct stream *stream);
