/* The link itself: an L2CAP connection-oriented channel (LE credit-based flow control). Why not GATT: bluetoothd 5.66 merges all
 * centrals' writes of a characteristic into one AcquireWrite pipe and sends AcquireNotify bytes to every subscriber (bluez#820),
 * so one stranger could break a live session by writing a byte. Each L2CAP channel is a socket of its own, with flow control. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/reason.h"

#define LANYARD_PSM 0x00d1       /* LE dynamic range 0x80-0xff: no privilege is needed to listen there */
#define LANYARD_RECEIVE_MTU 4114 /* one whole record of a Bluetooth link in one SDU */

struct link_listener;
struct link_dial;

struct link_peer {
	uint8_t address[6];
	uint8_t address_type;
};

struct link_listener_callbacks {
	/* A central opened a channel. Takes ownership of `file`. send_mtu: largest single write. */
	void (*accepted)(void *context, int file, size_t send_mtu, const struct link_peer *peer);
	/* The listening socket failed (adapter gone); the owner frees the listener and makes a new one when the adapter is ready.
	 */
	void (*failed)(void *context, enum reason reason);
};

/* `adapter_address` as adapter_address() returns it. 0 or a negative errno. */
int link_listener_new(struct link_listener **ret, sd_event *event, const uint8_t adapter_address[6],
                      const struct link_listener_callbacks *callbacks, void *context);
void link_listener_free(struct link_listener *listener);

/* Connects to a peripheral that was just heard. `done` is called once: file >= 0 with REASON_OK (ownership passes), or -1 with
 * REASON_CONNECT_FAILED, REASON_TIMEOUT or REASON_ADAPTER_GONE. The kernel connects without bluetoothd: no service discovery. */
int link_dial(struct link_dial **ret, sd_event *event, const uint8_t adapter_address[6], const struct link_peer *peer,
              uint64_t timeout_us, void (*done)(void *context, int file, size_t send_mtu, enum reason reason), void *context);
/* Cancels; `done` is not called. NULL is allowed. */
void link_dial_free(struct link_dial *dial);
