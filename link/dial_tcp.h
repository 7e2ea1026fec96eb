/* The camera dials its companion over Wi-Fi. The camera listens on no port, in any state (docs/protocol.md, "Handover"). */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/reason.h"
#include "link/tcp_socket.h"

struct dial_tcp;

/* Connects to `to`, which came over an authenticated session. `done` is called once and from the loop: a connected descriptor
 * (ownership passes) and REASON_OK, or -1 and REASON_DIAL_FAILED or REASON_TIMEOUT. The owner frees it, inside `done` or later.
 * 0; -EINVAL when `to` is not a link-local address with interface and port; or another negative errno. */
int dial_tcp_new(struct dial_tcp **ret, sd_event *event, const struct tcp_endpoint *to, uint64_t timeout_us,
                 void (*done)(void *context, int file, enum reason reason), void *context);
/* Cancels; `done` is not called. NULL is allowed. */
void dial_tcp_free(struct dial_tcp *dial);
