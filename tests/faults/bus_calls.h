/* Calls of sd-bus that fail (linked with --wrap): those of the connection that is ours, and what its peers answer. The peers' own
 * calls, in the same process, do not. */
#pragma once

#include <systemd/sd-bus.h>

/* NULL: none. */
void bus_calls_ours(const sd_bus *bus);
/* What this peer would answer to a method call may be an error instead. */
void bus_calls_answers_of(sd_bus *peer);

/* calloc for a peer. */
void *peer_calloc(size_t count, size_t size);
