/* The link itself: an L2CAP connection-oriented channel (LE credit-based flow control). Why not GATT: bluetoothd 5.66 merges all
 * centrals' writes of a characteristic into one AcquireWrite pipe and sends AcquireNotify bytes to every subscriber (bluez#820),
 * so one stranger could break a live session by writing a byte. Each L2CAP channel is a socket of its own, with flow control.
 *
 * Security of the channel is low on purpose: no pairing, no bonding, no identity known to bluetoothd. Authentication and
 * encryption are the protocol's own (docs/protocol.md). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/reason.h"

#define LANYARD_PSM 0x00d1       /* LE dynamic range 0x80-0xff: no privilege is needed to listen there */
#define LANYARD_RECEIVE_MTU 4114 /* one whole record of a Bluetooth link in one SDU */

struct link_listener;
struct link_dial;

struct link_peer {
	uint8_t address[6]; /* least significant byte first */
	uint8_t address_type;
};

struct link_listener_callbacks {
	/* A central opened a channel. Takes ownership of `file`. send_mtu: largest single write. The listener may be freed
	 * inside.
	 */
	void (*accepted)(void *context, int file, size_t send_mtu, const struct link_peer *peer);
	/* The listening socket failed (adapter gone); the owner frees the listener, inside or later, and makes a new one when the
	 * adapter is ready. Called at most once. */
	void (*failed)(void *context, enum reason reason);
};

/* `adapter_address` as adapter_address() returns it. 0 or a negative errno: -EADDRINUSE when somebody listens already. */
int link_listener_new(struct link_listener **ret, sd_event *event, const uint8_t adapter_address[6],
                      const struct link_listener_callbacks *callbacks, void *context);
/* NULL is allowed. */
void link_listener_free(struct link_listener *listener);

/* For whoever dials more than once, because of two things that Linux 6.1 does when a device was heard and does not answer: 4 s
 * after LE Create Connection it ends the attempt itself, and closing the socket after that frees a channel a second time
 * (6.1.192, docs/lab.md). And it sends nothing else to the controller until those 4 s are over, even when the socket was closed
 * long before; another attempt that was begun meanwhile is ended in the first one's place. */
#define LINK_DIAL_US 3000000 /* for timeout_us: given up before the kernel does, also by a process that is late */
#define LINK_REST_US 4200000 /* between an attempt that was given up and the next one */

/* Connects to a peripheral that was just heard. `done` is called once and from the loop: file >= 0 with REASON_OK (ownership
 * passes), or -1 with REASON_CONNECT_FAILED, REASON_TIMEOUT or REASON_ADAPTER_GONE. The owner frees the dial, inside or later.
 * The kernel connects without bluetoothd: no service discovery. Until then the kernel's scanning may pause: dial with a short
 * timeout, and only what was heard a moment ago. 0 or a negative errno. */
int link_dial(struct link_dial **ret, sd_event *event, const uint8_t adapter_address[6], const struct link_peer *peer,
              uint64_t timeout_us, void (*done)(void *context, int file, size_t send_mtu, enum reason reason), void *context);
/* Cancels; `done` is not called. NULL is allowed. */
void link_dial_free(struct link_dial *dial);

/* Addresses of the other ends of radio connections that stand on adapter number `adapter` (0: hci0), with channels or without.
 * How many; none also when it cannot be told. */
#define LINK_CONNECTIONS 32 /* more than any controller has */
size_t link_connections(unsigned adapter, uint8_t ret[LINK_CONNECTIONS][6]);
/* Whether there is one to `peer`. */
bool link_stands(unsigned adapter, const struct link_peer *peer);
