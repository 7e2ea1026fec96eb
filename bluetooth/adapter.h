/* One Bluetooth LE adapter under BlueZ, over D-Bus: found by its address or by name ("hci0"), powered, kept powered; survives a
 * restarted bluetoothd and a vanished adapter, and tells its owner of both. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "base/reason.h"

struct adapter;

/* Called from the loop; the adapter may be freed inside. */
struct adapter_callbacks {
	/* Powered and usable; called again after every recovery: register adverts, listen and scan anew. */
	void (*ready)(void *context);
	/* bluetoothd or the adapter is gone, or it was switched off (REASON_BLUETOOTH_GONE, REASON_ADAPTER_GONE); told once until
	 * it is ready again, also when there was none from the start. Tried again on its own. */
	void (*lost)(void *context, enum reason reason);
};

/* `name`: "hci0", or an address "00:11:22:33:44:55". The bus (system bus, attached to its event loop) outlives the adapter, and
 * so do the callbacks. 0, -EINVAL for another kind of name, or a negative errno. */
int adapter_new(struct adapter **ret, sd_bus *bus, const char *name, const struct adapter_callbacks *callbacks, void *context);
/* The same, the other way round: whoever switches it on, it is switched off again at once. Nothing is ever told. */
int adapter_new_off(struct adapter **ret, sd_bus *bus, const char *name);
/* Leaves it as it is. NULL is allowed. */
void adapter_free(struct adapter *adapter);
bool adapter_is_ready(const struct adapter *adapter);
/* Public address, least significant byte first, for binding sockets; valid while ready. */
const uint8_t *adapter_address(const struct adapter *adapter);
/* D-Bus object path, valid while ready. */
const char *adapter_path(const struct adapter *adapter);
/* N of hciN, or -ENODEV; while ready. */
int adapter_number(const struct adapter *adapter);
sd_bus *adapter_bus(const struct adapter *adapter);
/* Counts the times it became ready: what was registered with bluetoothd under another number is forgotten there. */
unsigned adapter_generation(const struct adapter *adapter);
/* Asks bluetoothd to end the radio connection to this peer (least significant byte first), which it does 2 s later, whatever runs
 * over it. peers.h knows when to call this. Nothing happens while the adapter is not ready. */
void adapter_disconnect(struct adapter *adapter, const uint8_t peer[6]);
/* Waits, for a second at most, until the bus has passed on what was asked: what it has not read when a program leaves may be
 * lost. */
void adapter_flush(struct adapter *adapter);
