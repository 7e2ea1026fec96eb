/* What a controller reports of adverts on the air: HCI LE Advertising Report and LE Extended Advertising Report (Core 5.4, volume
 * 4, part E, 7.7.65.2 and 7.7.65.13). Pure. Every byte is a stranger's, and the lengths are the controller's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum advert_event { ADVERT_CONNECTABLE = 0x01, ADVERT_SCANNABLE = 0x02, ADVERT_DIRECTED = 0x04, ADVERT_SCAN_RESPONSE = 0x08 };

struct advert_report {
	uint8_t event;      /* advert_event bits, of legacy reports too */
	uint8_t address[6]; /* least significant byte first */
	uint8_t address_type;
	int8_t rssi;         /* dBm; 127 when unknown */
	const uint8_t *data; /* AD structures, inside the packet */
	size_t length;
};

struct advert_reports {
	struct reader reader;
	unsigned left;
	bool extended;
};

/* packet: as a raw HCI socket gives it, packet type first. False: it reports no adverts. */
bool advert_reports_start(struct advert_reports *reports, const uint8_t *packet, size_t length);
/* The next one; false at the end, or where the packet makes no sense any more. */
bool advert_reports_next(struct advert_reports *reports, struct advert_report *ret);

/* The first manufacturer data (Core Specification Supplement, part A, 1.4) of this company in AD structures: what follows the
 * company's identifier, and its length. NULL when there is none. */
const uint8_t *advert_manufacturer_data(const uint8_t *data, size_t length, uint16_t company, size_t *ret_length);
