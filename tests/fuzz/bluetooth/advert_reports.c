/* A packet of a raw HCI socket, as adverts of strangers make it. */
#include "bluetooth/advert_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct advert_reports reports;
	struct advert_report report;
	size_t length;
	unsigned sum = 0;
	if (!advert_reports_start(&reports, data, size))
		return 0;
	while (advert_reports_next(&reports, &report)) {
		if (report.data < data || report.data + report.length > data + size)
			__builtin_trap();
		const uint8_t *found = advert_manufacturer_data(report.data, report.length, 0xffff, &length);
		for (size_t i = 0; found && i < length; i++)
			sum += found[i];
	}
	(void)*(volatile unsigned *)&sum; /* what was found is read */
	return 0;
}
