/* Bluetooth device addresses: 6 bytes, least significant first, as the kernel's sockets want them. */
#pragma once

#include <stdint.h>

#define BLUETOOTH_ADDRESS_SIZE 6
#define BLUETOOTH_ADDRESS_TEXT 18 /* "00:11:22:33:44:55" and its end */

/* Exactly six pairs of hexadecimal digits with colons between. 0 or -EINVAL. */
int bluetooth_address_parse(const char *text, uint8_t ret[BLUETOOTH_ADDRESS_SIZE]);
void bluetooth_address_format(const uint8_t address[BLUETOOTH_ADDRESS_SIZE], char ret[BLUETOOTH_ADDRESS_TEXT]);
