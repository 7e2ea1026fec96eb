/* Advertising sets of one adapter. The caller owns content and epoch; address and payload change together (docs/protocol.md). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bluetooth/adapter.h"

/* Lanyard's service, as 16-bit UUID in service data and scan filters (docs/protocol.md says why 16 bits). */
#define LANYARD_SERVICE_UUID "0000fd7a-0000-1000-8000-00805f9b34fb"

#define ADVERT_DATA_LIMIT 20
#define ADVERT_MANUFACTURER_LIMIT 24

struct advert;

struct advert_content {
	bool connectable;
	uint8_t service_data[ADVERT_DATA_LIMIT]; /* for LANYARD_SERVICE_UUID; nothing when its length is 0 */
	size_t service_data_length;
	uint16_t company;                                     /* company identifier of the manufacturer data */
	uint8_t manufacturer_data[ADVERT_MANUFACTURER_LIMIT]; /* nothing when its length is 0 */
	size_t manufacturer_data_length;
};

/* Registers it and keeps it registered: also across connections (which stop a legacy advertisement) and recoveries. No name and
 * no power level go on the air with it. Failures are logged once and retried with a growing pause. The adapter outlives the
 * advert. 0, -EMSGSIZE or another negative errno. */
int advert_new(struct advert **ret, struct adapter *adapter, const struct advert_content *content);
/* Unregisters. NULL is allowed. */
void advert_free(struct advert *advert);
/* Replaces the content, and with it the address when the privacy timer has run out. 0, or -EMSGSIZE for content that is too long
 * (the old one stays). */
int advert_set(struct advert *advert, const struct advert_content *content);
/* The adapter became ready again, or there is another reason to make sure that it is on the air. Not needed for connections: the
 * advert sees them. */
void advert_refresh(struct advert *advert);
/* True once BlueZ has confirmed the registration. */
bool advert_is_active(const struct advert *advert);
