/* companiond's configuration file. */
#pragma once

#include <stdbool.h>

#include "pairing/limits.h"

struct settings {
	char name[COMPANION_NAME_LIMIT + 1]; /* shown on the camera */
	char adapter[32];                    /* "hci1" or an address; "" with a test link */
	char socket[100];                    /* Unix socket of the API; sun_path holds 107 */
	unsigned port;                       /* TCP port on loopback, 0 for none */
	char page[256];                      /* folder of the page's files */
	char supplicant_control[100];        /* wpa_supplicant's control socket, "" for a companion without Wi-Fi */
	char interface[16];
	char wifi_namespace[100]; /* network namespace of the interface and of the page's port, "" for the daemon's own */
	char link_socket[90];     /* docs/test-link.md; "" outside tests. ".media" is appended to it */
	unsigned renew_seconds;   /* tests only: renew sessions after this, 0 for the usual */
	unsigned epoch_seconds;   /* tests only: must be the camera's */
};

/* Sets the defaults, then reads the file; one that is missing is no error when `optional`. 0, or a negative errno after a log
 * line. */
int settings_read(struct settings *ret, const char *path, bool optional);
