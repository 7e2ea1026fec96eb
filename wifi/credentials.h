/* What is needed to join one network. Kept in locked memory by its owner and wiped when the network goes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

#define SSID_LIMIT 32
#define PSK_SIZE 32
#define PASSPHRASE_LIMIT 63
#define MAC_SIZE 6

struct wifi_credentials {
	uint8_t ssid[SSID_LIMIT]; /* any bytes, zero bytes included */
	size_t ssid_length;
	bool has_psk;
	uint8_t psk[PSK_SIZE];
	char passphrase[PASSPHRASE_LIMIT + 1]; /* "" when has_psk */
	bool hidden;
	bool has_bssid;
	uint8_t bssid[MAC_SIZE];
	unsigned frequency_mhz; /* 0: not known, scan all */
};

/* New random SSID (16 characters of base32), 256-bit PSK or 63-character passphrase, locally administered BSSID. */
void wifi_credentials_make(struct wifi_credentials *ret, const struct random_source *random, bool passphrase,
                           unsigned frequency_mhz);
/* A random unicast, locally administered address. */
void wifi_random_address(uint8_t ret[MAC_SIZE], const struct random_source *random);
void wifi_credentials_wipe(struct wifi_credentials *credentials);
/* Whether they can be used at all: SSID of 1 to 32 bytes, passphrase of 8 to 63 printable ASCII characters, unicast BSSID, a
 * frequency of 0 or of a known channel. What comes from a peer is checked with this first. 0 or -EINVAL. */
int wifi_credentials_check(const struct wifi_credentials *credentials);
/* The 256-bit PSK: as given, or from the passphrase and SSID (IEEE 802.11-2020 J.4.1; takes milliseconds). Daemons are only ever
 * told this, as hexadecimal digits, so no quoting rule of theirs matters. The caller wipes it. 0 or -EIO. */
int wifi_credentials_psk(const struct wifi_credentials *credentials, uint8_t ret[PSK_SIZE]);
/* Channel number of a 20 MHz channel in the 2.4 or 5 GHz band by its centre, 0 for anything else. */
unsigned wifi_frequency_channel(unsigned frequency_mhz);
