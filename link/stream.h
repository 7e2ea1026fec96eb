/* A byte stream over a connected descriptor inside sd-event: L2CAP channel, TCP or Unix socket. Reads as bytes arrive, queues
 * what the peer does not take yet (bounded), and tells its owner when it is gone. Packet boundaries carry no meaning. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/reason.h"

struct stream;

/* All of them run from the event loop, never inside stream_send. The stream may be freed inside any of them. */
struct stream_callbacks {
	/* Bytes arrived; they are valid during the call. */
	void (*received)(void *context, const uint8_t *bytes, size_t length);
	/* The queue was above its low mark (a quarter of its limit) and has drained to it: a producer may go on. May be NULL. */
	void (*writable)(void *context);
	/* The peer closed (REASON_LINK_CLOSED), an error (REASON_LINK_FAILED), or the queue overflowed (REASON_QUEUE_FULL).
	 * Called once and last; the owner frees the stream, inside or later. */
	void (*closed)(void *context, enum reason reason);
};

/* Takes ownership of `file` (made non-blocking) also on failure. packet_limit: largest single write for a SOCK_SEQPACKET
 * socket (the L2CAP SNDMTU), 0 for a byte stream. queue_limit: bytes, at least 1. The callbacks outlive the stream. 0 or a
 * negative errno. */
int stream_new(struct stream **ret, sd_event *event, int file, size_t packet_limit, size_t queue_limit,
               const struct stream_callbacks *callbacks, void *context);
/* Closes the descriptor; NULL is allowed; calls nothing. What is still queued is lost. */
void stream_free(struct stream *stream);
/* Writes at once what the kernel takes and queues the rest. 0; -ENOBUFS when the queue limit would be exceeded: nothing is
 * queued, and because a stream with a hole in it is of no use the link then ends with REASON_QUEUE_FULL (producers of much look
 * at stream_room first); -ENOTCONN once the link has ended. An error of the link itself is told by `closed` alone. */
int stream_send(struct stream *stream, const uint8_t *bytes, size_t length);
/* Bytes queued and not yet taken by the kernel. */
size_t stream_queued(const struct stream *stream);
/* Bytes that stream_send takes now without exceeding the queue's limit, whatever the kernel does. */
size_t stream_room(const struct stream *stream);
