/* The file of camera keys, which a camera needs to say who it is, and whoever resolves logs to know who that was. Text, one line
 * for each camera:
 *
 *   # comment
 *   SERIAL KEY      KEY: 64 hexadecimal digits
 *
 * It must not be readable by everybody. A camera has a file with its own line only. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "slate/log.h"

#define CAMERA_KEYS_LIMIT 256

struct camera_key {
	char serial[SLATE_SERIAL_LIMIT + 1];
	uint8_t key[ADVERT_KEY_SIZE];
};

/* 0; -EINVAL with *ret_line set to the line that is wrong; -E2BIG: a serial twice, or too many. `keys` holds CAMERA_KEYS_LIMIT;
 * wipe them when done. A serial may hold blanks: the key is the last word. */
int camera_keys_parse(const char *text, size_t length, struct camera_key *keys, size_t *ret_count, unsigned *ret_line);
/* Reads and parses a file, logging what is wrong. 0 or a negative errno (-EPERM: everybody may read it). */
int camera_keys_read(const char *path, struct camera_key *keys, size_t *ret_count);
