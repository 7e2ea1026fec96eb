/* One Bluetooth LE adapter under BlueZ, over D-Bus: found by its address or by name ("hci0"), powered, kept powered; survives a
 * restarted bluetoothd and a vanished adapter, and tells its owner of both. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "base/reason.h"

struct adapter;

struct adapter_callbacks {
	/* Powered and usable; called again after every recovery: register adverts, listen and scan anew. */
	void (*ready)(void *context);
	/* bluetoothd or the adapter is gone, or it was switched off (REASON_BLUETOOTH_GONE, REASON_ADAPTER_GONE). Tried again on
	 * its own. */
	void (*lost)(void *context, enum reason reason);
};

/* `name`: "hci0", or an address "00:11:22:33:44:55". The bus (system bus, attached to its event loop) outlives the adapter. */
int adapter_new(struct adapter **ret, sd_bus *bus, const char *name, const struct adapter_callbacks *callbacks, void *context);
void adapter_free(struct adapter *adapter);
bool adapter_is_ready(const struct adapter *adapter);
/* Public address, for binding sockets; valid while ready. */
const uint8_t *adapter_address(const struct adapter *adapter);
/* D-Bus object path, valid while ready. */
const char *adapter_path(const struct adapter *adapter);
sd_bus *adapter_bus(const struct adapter *adapter);
