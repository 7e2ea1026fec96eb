/* The companion's Bluetooth as the finder, the pairer and the session see it: is it usable, what is heard, dial. Two back ends:
 * BlueZ, and a Unix socket for tests (docs/test-link.md). Survives a restarted bluetoothd or system bus and a vanished adapter.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/reason.h"
#include "bluetooth/channel_link.h"
#include "bluetooth/scan.h"

struct radio;
struct radio_dial;

/* Whoever wants to hear adverts owns one of these; scanning goes on while at least one of them listens. */
struct radio_listener {
	/* test_link: it came from a test socket, which has no adverts: it may be any camera, service_data is empty. */
	void (*heard)(void *context, const struct sighting *sighting, bool test_link);
	void *context;
	/* Set by radio.c. */
	struct radio_listener *next;
	bool listening;
};

/* adapter: name or address, for BlueZ; or NULL, and link_socket is the path of the test link. `changed` is called when
 * radio_state changes. 0 or a negative errno; a missing bus, bluetoothd or adapter is not an error but a state. */
int radio_new(struct radio **ret, sd_event *event, const char *adapter, const char *link_socket, void (*changed)(void *context),
              void *context);
/* All listeners and dials must be gone. NULL is allowed. */
void radio_free(struct radio *radio);
/* REASON_OK when usable, else BLUETOOTH_GONE or ADAPTER_GONE. */
enum reason radio_state(const struct radio *radio);

/* Starts or stops hearing; both may be repeated and may be called inside `heard`. */
void radio_listen(struct radio *radio, struct radio_listener *listener);
void radio_unlisten(struct radio *radio, struct radio_listener *listener);

/* Connects to a camera that was heard, within some seconds. `done` is called once, from the loop: a file (ownership passes) and
 * its largest single write (0: a byte stream) with REASON_OK, or -1 and the reason. The owner frees the dial, inside `done` or
 * later. 0; -ENETDOWN when the radio is not usable; or another negative errno. */
int radio_dial(struct radio_dial **ret, struct radio *radio, const struct link_peer *peer,
               void (*done)(void *context, int file, size_t packet_limit, enum reason reason), void *context);
/* Whether a radio connection to this peer stands, so that a channel would be opened on it. */
bool radio_stands(struct radio *radio, const struct link_peer *peer);
/* Cancels: `done` is not called. NULL is allowed. */
void radio_dial_free(struct radio_dial *dial);
