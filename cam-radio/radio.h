/* How companions reach the camera: connectable adverts and links that they open. Two back ends: Bluetooth, and the Unix socket of
 * docs/test-link.md. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/random.h"
#include "base/reason.h"
#include "bluetooth/advert.h"
#include "bluetooth/channel_link.h"

struct radio;

/* Called from the loop; the radio must not be freed inside. */
struct radio_callbacks {
	/* A link was opened; ownership of `file` passes. packet_limit: of the socket, 0 for a byte stream. peer: NULL on the test
	 * link. Each one is answered by radio_closed when the link has been closed. */
	void (*accepted)(void *context, int file, size_t packet_limit, const struct link_peer *peer);
	/* A Signal or Slate advert, ADVERT_SIZE bytes of a stranger's, after radio_listen. address: least significant byte first;
	 * rssi: dBm, 127 when unknown. */
	void (*heard)(void *context, const uint8_t address[6], int8_t rssi, const uint8_t *bytes);
	/* The same of a call that nobody signs, LEGACY_SIZE bytes. */
	void (*heard_legacy)(void *context, const uint8_t address[6], const uint8_t *bytes);
	/* One that begins like one of these, with the company and this header, and is `length` bytes long, which that one is not.
	 */
	void (*malformed)(void *context, const uint8_t address[6], uint8_t header, size_t length);
	/* REASON_OK: usable now. Otherwise why it is not; it recovers on its own. */
	void (*state)(void *context, enum reason reason);
};

struct radio_operations {
	void (*advertise)(struct radio *radio, const struct advert_content *content);
	void (*beacon)(struct radio *radio, const struct advert_content *content);
	void (*renew)(struct radio *radio);
	void (*closed)(struct radio *radio, const struct link_peer *peer, bool unwanted);
	void (*listen)(struct radio *radio, bool on);
	void (*free)(struct radio *radio);
};

struct radio {
	const struct radio_operations *operations;
};

struct radio_bluetooth_config {
	const char *adapter;     /* as adapter_new takes it */
	uint16_t company;        /* of Signal and Slate adverts */
	uint16_t legacy_company; /* of calls that nobody signs */
	bool silent;             /* nothing is ever sent: no advert, no answer; adverts are heard */
	const struct random_source *random;
};

/* bus: the system bus. The callbacks and what the configuration points at outlive the radio. 0 or a negative errno. */
int radio_bluetooth_new(struct radio **ret, sd_bus *bus, const struct radio_bluetooth_config *config,
                        const struct radio_callbacks *callbacks, void *context);
/* Keeps the adapter switched off. */
int radio_off_new(struct radio **ret, sd_bus *bus, const char *adapter, const struct radio_callbacks *callbacks, void *context);
/* path: of the Unix socket for links; what is said on the air arrives at path + ".air". Of the configuration only the companies
 * count. */
int radio_socket_new(struct radio **ret, sd_event *event, const char *path, const struct radio_bluetooth_config *config,
                     const struct radio_callbacks *callbacks, void *context);

/* What connectable advert is on the air from now on, kept there across connections and restarts of bluetoothd; NULL: none. */
static inline void radio_advertise(struct radio *radio, const struct advert_content *content) {
	radio->operations->advertise(radio, content);
}
/* The same for the advert that is not connectable. */
static inline void radio_beacon(struct radio *radio, const struct advert_content *content) {
	radio->operations->beacon(radio, content);
}
/* Another epoch: nothing is on the air any more until radio_advertise or radio_beacon say what, and that has another address.
 * Both change in one step: no advert joins the old address with a new content, or the other way round. */
static inline void radio_renew(struct radio *radio) {
	radio->operations->renew(radio);
}
/* A link was closed. unwanted: by a stranger, or for a breach of the protocol. */
static inline void radio_closed(struct radio *radio, const struct link_peer *peer, bool unwanted) {
	radio->operations->closed(radio, peer, unwanted);
}
/* Whether Signal and Slate adverts are listened for, all the time and without sending anything. */
static inline void radio_listen(struct radio *radio, bool on) {
	radio->operations->listen(radio, on);
}
/* NULL is allowed. */
static inline void radio_free(struct radio *radio) {
	if (radio)
		radio->operations->free(radio);
}
