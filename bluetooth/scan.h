/* Scanning for Lanyard's service data. Continuous while it exists: a discovery filter keeps BlueZ from pausing between rounds. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bluetooth/adapter.h"

struct scan;

struct sighting {
	uint8_t address[6];   /* as sockaddr_l2 wants it: least significant byte first */
	uint8_t address_type; /* BDADDR_LE_PUBLIC or BDADDR_LE_RANDOM */
	int16_t rssi;         /* dBm; 127 when unknown */
	const uint8_t *service_data;
	size_t service_data_length;
};

/* Called from the loop; the scan may be freed inside. */
struct scan_callbacks {
	/* An advert with LANYARD_SERVICE_UUID service data was heard; repeats are passed on. The bytes are a stranger's. */
	void (*heard)(void *context, const struct sighting *sighting);
	/* Scanning could not be started or was ended by others (REASON_SCAN_REFUSED, REASON_BLUETOOTH_GONE); told once until it
	 * runs again; it is retried while the scan exists. May be NULL. */
	void (*failed)(void *context, enum reason reason);
};

/* One scan for each adapter and bus connection, because bluetoothd counts clients by connection. The adapter outlives the scan. 0
 * or a negative errno. */
int scan_new(struct scan **ret, struct adapter *adapter, const struct scan_callbacks *callbacks, void *context);
/* Stops. NULL is allowed. */
void scan_free(struct scan *scan);
/* The adapter became ready again. */
void scan_refresh(struct scan *scan);
