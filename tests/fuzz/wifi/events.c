/* One datagram from the events socket. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "wifi/events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct wifi_event event = wifi_event_parse(data, size);
	if (event.kind == WIFI_EVENT_OTHER && (event.has_mac || event.has_network || event.wrong_key))
		abort();
	if (event.code > 99999 || event.network > 99999)
		abort();
	return 0;
}
