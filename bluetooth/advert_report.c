#include "bluetooth/advert_report.h"

#include <string.h>

#define PACKET_EVENT 0x04
#define EVENT_LE_META 0x3e
#define LE_ADVERTISING_REPORT 0x02
#define LE_EXTENDED_ADVERTISING_REPORT 0x0d
#define AD_MANUFACTURER 0xff

bool advert_reports_start(struct advert_reports *reports, const uint8_t *packet, size_t length) {
	struct reader r = reader_over(packet, length);
	uint8_t type = reader_u8(&r), event = reader_u8(&r), size = reader_u8(&r), subevent = reader_u8(&r),
	        count = reader_u8(&r);
	if (r.failed || type != PACKET_EVENT || event != EVENT_LE_META || size != length - 3 ||
	    (subevent != LE_ADVERTISING_REPORT && subevent != LE_EXTENDED_ADVERTISING_REPORT))
		return false;
	*reports = (struct advert_reports){ .reader = r, .left = count, .extended = subevent == LE_EXTENDED_ADVERTISING_REPORT };
	return true;
}

/* The extended report's bits, which in a legacy report are a number (7.7.65.2 and 7.7.65.13). */
static uint8_t read_event(struct reader *r, bool extended) {
	static const uint8_t legacy[] = { ADVERT_CONNECTABLE | ADVERT_SCANNABLE, ADVERT_CONNECTABLE | ADVERT_DIRECTED,
		                          ADVERT_SCANNABLE, 0, ADVERT_SCAN_RESPONSE };
	uint8_t type = reader_u8(r);
	if (!extended)
		return type < ELEMENTS(legacy) ? legacy[type] : 0;
	reader_take(r, 1);
	return type & (ADVERT_CONNECTABLE | ADVERT_SCANNABLE | ADVERT_DIRECTED | ADVERT_SCAN_RESPONSE);
}

bool advert_reports_next(struct advert_reports *reports, struct advert_report *ret) {
	struct reader *r = &reports->reader;
	if (reports->left == 0)
		return false;
	reports->left--;
	struct advert_report report = { .rssi = 127 };
	report.event = read_event(r, reports->extended);
	report.address_type = reader_u8(r);
	reader_copy(r, report.address, sizeof(report.address));
	if (reports->extended) {
		reader_take(r, 4); /* PHYs, set, transmit power */
		report.rssi = (int8_t)reader_u8(r);
		reader_take(r, 9); /* periodic interval, direct address */
	}
	report.length = reader_u8(r);
	report.data = reader_take(r, report.length);
	if (!reports->extended)
		report.rssi = (int8_t)reader_u8(r);
	if (r->failed) {
		reports->left = 0;
		return false;
	}
	*ret = report;
	return true;
}

const uint8_t *advert_manufacturer_data(const uint8_t *data, size_t length, uint16_t company, size_t *ret_length) {
	struct reader r = reader_over(data, length);
	while (reader_left(&r) > 0) {
		uint8_t size = reader_u8(&r);
		if (size == 0)
			return NULL; /* early end of the significant part */
		const uint8_t *content = reader_take(&r, size);
		if (!content)
			return NULL;
		if (content[0] == AD_MANUFACTURER && size >= 3 && content[1] == (company & 0xff) && content[2] == company >> 8) {
			*ret_length = size - 3u;
			return content + 3;
		}
	}
	return NULL;
}
