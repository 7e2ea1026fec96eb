/* What the Wi-Fi room needs from outside besides the control sockets. Injected per instance, so that unit tests run with short
 * deadlines and without a network interface. Lives longer than its users. */
#pragma once

#include "base/random.h"
#include "wifi/interface.h"
#include "wifi/limits.h"

struct wifi_environment {
	const struct wifi_timing *timing;
	const struct random_source *random;
	const struct interface_port *port;
	/* Folder for our ends of the control sockets. It must be seen by hostapd and wpa_supplicant under the same path (so not a
	 * private /tmp). NULL: the first of $RUNTIME_DIRECTORY, which systemd sets, else /tmp. */
	const char *client_folder;
};

/* The kernel, the real deadlines. */
const struct wifi_environment *wifi_environment_system(void);

/* `length` random bytes as 2 * length hexadecimal digits and a zero, for overwriting a secret in another process. */
void wifi_random_hex(const struct wifi_environment *environment, char *out, size_t length);
