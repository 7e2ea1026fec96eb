/* A connection attempt that is under way: non-blocking connect(), its outcome, its time limit. For any socket family. */
#pragma once

#include <stdint.h>
#include <sys/socket.h>

#include <systemd/sd-event.h>

struct connecting;

/* Starts connecting `file`, a non-blocking socket, and takes ownership of it, also on failure. `done` is called once and from the
 * loop: the connected descriptor (ownership passes) and 0, or -1 and a negative errno, -ETIMEDOUT after timeout_us. The owner
 * frees the object, inside `done` or later. 0 or a negative errno when nothing could be started for want of memory. */
int connecting_new(struct connecting **ret, sd_event *event, int file, const struct sockaddr *to, socklen_t to_size,
                   uint64_t timeout_us, void (*done)(void *context, int file, int error), void *context);
/* Cancels: closes the socket, `done` is not called. NULL is allowed. */
void connecting_free(struct connecting *connecting);
