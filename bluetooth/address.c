#include "bluetooth/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

int bluetooth_address_parse(const char *text, uint8_t ret[BLUETOOTH_ADDRESS_SIZE]) {
	uint8_t address[BLUETOOTH_ADDRESS_SIZE];
	if (strlen(text) != BLUETOOTH_ADDRESS_TEXT - 1)
		return -EINVAL;
	for (size_t n = 0; n < BLUETOOTH_ADDRESS_SIZE; n++) {
		const char pair[3] = { text[3 * n], text[3 * n + 1], '\0' };
		if (hex_decode(&address[BLUETOOTH_ADDRESS_SIZE - 1 - n], 1, pair) < 0)
			return -EINVAL;
		if (text[3 * n + 2] != (n + 1 < BLUETOOTH_ADDRESS_SIZE ? ':' : '\0'))
			return -EINVAL;
	}
	memcpy(ret, address, sizeof(address));
	return 0;
}

void bluetooth_address_format(const uint8_t address[BLUETOOTH_ADDRESS_SIZE], char ret[BLUETOOTH_ADDRESS_TEXT]) {
	snprintf(ret, BLUETOOTH_ADDRESS_TEXT, "%02X:%02X:%02X:%02X:%02X:%02X", address[5], address[4], address[3], address[2],
	         address[1], address[0]);
}
