#include "wifi/credentials.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/bytes.h"

#define SSID_RANDOM_LENGTH 16
/* IEEE 802.11-2020 J.4.1. */
#define PSK_ITERATIONS 4096

/* RFC 4648 base32: no character that an SSID, a QR code or a person could get wrong. 32 divides 256, so no bias. */
static void fill_base32(char *out, size_t length, const struct random_source *random) {
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	random->fill(random->context, (uint8_t *)out, length);
	for (size_t i = 0; i < length; i++)
		out[i] = alphabet[(uint8_t)out[i] & 31];
}

void wifi_random_address(uint8_t ret[MAC_SIZE], const struct random_source *random) {
	random->fill(random->context, ret, MAC_SIZE);
	ret[0] = (uint8_t)((ret[0] & ~1) | 2); /* IEEE 802-2014 8.4: I/G bit clear, U/L bit set */
}

void wifi_credentials_make(struct wifi_credentials *ret, const struct random_source *random, bool passphrase,
                           unsigned frequency_mhz) {
	*ret = (struct wifi_credentials){
		.ssid_length = SSID_RANDOM_LENGTH,
		.has_psk = !passphrase,
		.hidden = true,
		.has_bssid = true,
		.frequency_mhz = frequency_mhz,
	};
	fill_base32((char *)ret->ssid, SSID_RANDOM_LENGTH, random);
	if (passphrase)
		fill_base32(ret->passphrase, PASSPHRASE_LIMIT, random); /* 5 bits each: 315 bits */
	else
		random->fill(random->context, ret->psk, sizeof(ret->psk));
	wifi_random_address(ret->bssid, random);
}

void wifi_credentials_wipe(struct wifi_credentials *credentials) {
	wipe(credentials, sizeof(*credentials));
}

int wifi_credentials_check(const struct wifi_credentials *credentials) {
	if (credentials->ssid_length == 0 || credentials->ssid_length > SSID_LIMIT)
		return -EINVAL;
	if (!credentials->has_psk) {
		/* IEEE 802.11-2020 J.4.1: 8 to 63 characters from 32 to 126. */
		size_t length = strnlen(credentials->passphrase, sizeof(credentials->passphrase));
		if (length < 8 || length > PASSPHRASE_LIMIT)
			return -EINVAL;
		for (size_t i = 0; i < length; i++)
			if (credentials->passphrase[i] < 32 || credentials->passphrase[i] > 126)
				return -EINVAL;
	}
	if (credentials->has_bssid && (credentials->bssid[0] & 1))
		return -EINVAL;
	if (credentials->frequency_mhz != 0 && wifi_frequency_channel(credentials->frequency_mhz) == 0)
		return -EINVAL;
	return 0;
}

int wifi_credentials_psk(const struct wifi_credentials *credentials, uint8_t ret[PSK_SIZE]) {
	if (credentials->has_psk) {
		memcpy(ret, credentials->psk, PSK_SIZE);
		return 0;
	}
	uint8_t psk[PSK_SIZE];
	int ok = PKCS5_PBKDF2_HMAC_SHA1(credentials->passphrase, (int)strlen(credentials->passphrase), credentials->ssid,
	                                (int)credentials->ssid_length, PSK_ITERATIONS, sizeof(psk), psk);
	if (ok)
		memcpy(ret, psk, sizeof(psk));
	wipe(psk, sizeof(psk));
	return ok ? 0 : -EIO;
}

/* IEEE 802.11-2020 annex E: 2.4 GHz channels 1 to 14, 5 GHz channels 36 to 177 in steps of 4 with two offsets. */
unsigned wifi_frequency_channel(unsigned frequency_mhz) {
	if (frequency_mhz == 2484)
		return 14;
	if (frequency_mhz >= 2412 && frequency_mhz <= 2472 && (frequency_mhz - 2407) % 5 == 0)
		return (frequency_mhz - 2407) / 5;
	if (frequency_mhz >= 5180 && frequency_mhz <= 5720 && frequency_mhz % 20 == 0)
		return (frequency_mhz - 5000) / 5;
	if (frequency_mhz >= 5745 && frequency_mhz <= 5885 && frequency_mhz % 20 == 5)
		return (frequency_mhz - 5000) / 5;
	return 0;
}
