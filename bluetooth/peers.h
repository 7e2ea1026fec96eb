/* Who is connected by radio, and the end of it. Closing the last channel of a peer does not end the radio connection:
 * bluetoothd's own ATT socket holds it until one of the two ends asks for a disconnect. Left alone, a stranger who went away
 * after a second would keep one of the controller's few connections for as long as he is near. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bluetooth/adapter.h"
#include "bluetooth/channel_link.h"

/* How long a peer without channels may keep the radio connection, so that one that comes back at once need not connect anew. The
 * companion, which knows best whether it comes back, ends it long before the camera does. */
#define PEERS_LINGER_COMPANION_US 1000000
#define PEERS_LINGER_CAMERA_US 10000000

struct peers;

/* The adapter outlives the object. 0 or a negative errno. */
int peers_new(struct peers **ret, struct adapter *adapter, uint64_t linger_us);
/* Asks for the end of every connection that is known here, or the peers would stay connected without us, and waits for a
 * second at most until the bus has been told. NULL is allowed. */
void peers_free(struct peers *peers);
/* Asks for the end of every other connection of the adapter: a process before this one left it, and its peer, whose controller
 * keeps one connection to ours, could not come back under our new address. Once the adapter is ready. */
void peers_end_others(struct peers *peers);
/* A channel of this peer was opened, accepted or dialled. False when the connection under it is about to end (bluetoothd takes 2
 * s from the request on): the channel would be cut off in the middle, so the caller closes it now (and does not call
 * peers_closed); the companion dials again a little later. */
bool peers_opened(struct peers *peers, const struct link_peer *peer);
/* It was closed; called once for each peers_opened that was true. After the last one the connection ends: after the linger time,
 * or without it when `unwanted` (a stranger, or somebody who broke the protocol). */
void peers_closed(struct peers *peers, const struct link_peer *peer, bool unwanted);
