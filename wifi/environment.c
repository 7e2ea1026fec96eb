#include "wifi/environment.h"

#include <stddef.h>

#include "base/bytes.h"

const struct wifi_timing wifi_timing_default = {
	.reopen = WIFI_MILLISECONDS(500),
	.open = WIFI_MILLISECONDS(4000),
	.command = WIFI_MILLISECONDS(5000),
	.ping = WIFI_MILLISECONDS(1000),
	.idle_ping = WIFI_MILLISECONDS(20000),
	.access_point_start = WIFI_MILLISECONDS(12000),
	.access_point_stop = WIFI_MILLISECONDS(6000),
	.join = WIFI_MILLISECONDS(20000),
	.leave = WIFI_MILLISECONDS(6000),
	.rescan = WIFI_MILLISECONDS(100),
};

const struct wifi_environment *wifi_environment_system(void) {
	static struct wifi_environment environment;
	environment = (struct wifi_environment){
		.timing = &wifi_timing_default,
		.random = random_system(),
		.port = interface_port_system(),
		.client_folder = NULL,
	};
	return &environment;
}

void wifi_random_hex(const struct wifi_environment *environment, char *out, size_t length) {
	uint8_t bytes[32];
	for (size_t done = 0; done < length; done += sizeof(bytes)) {
		size_t now = length - done < sizeof(bytes) ? length - done : sizeof(bytes);
		environment->random->fill(environment->random->context, bytes, now);
		hex_encode(out + 2 * done, bytes, now);
	}
	wipe(bytes, sizeof(bytes));
}
