/* Who is connected by radio, and the end of it. Closing the last channel of a peer does not end the radio connection:
 * bluetoothd's own ATT socket holds it until one of the two ends asks for a disconnect. Left alone, a stranger who went away
 * after a second would keep one of the controller's few connections for as long as he is near. */
#pragma once

#include <stdint.h>

#include "bluetooth/adapter.h"
#include "bluetooth/channel_link.h"

struct peers;

/* linger_us: how long a peer without channels may keep the radio connection, so that one that comes back at once need not connect
 * anew. The adapter outlives the object. 0 or -ENOMEM. */
int peers_new(struct peers **ret, struct adapter *adapter, uint64_t linger_us);
/* Ends no connection. NULL is allowed. */
void peers_free(struct peers *peers);
/* A channel of this peer was opened (accepted, or dialled). */
void peers_opened(struct peers *peers, const struct link_peer *peer);
/* It was closed; called once for each peers_opened. After the last one the connection ends: after the linger time, or without it
 * when `unwanted` (a stranger, or somebody who broke the protocol). bluetoothd takes another 2 s. Whoever opens a channel in
 * those 2 s loses it again (REASON_LINK_FAILED or REASON_LINK_CLOSED) and connects anew. */
void peers_closed(struct peers *peers, const struct link_peer *peer, bool unwanted);
