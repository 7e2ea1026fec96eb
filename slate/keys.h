/* The file of camera keys (base/key_file.h), which a camera needs to say who it is, and whoever resolves logs to know who that
 * was. One line for each camera; a camera has a file with its own line only:
 *
 *   SERIAL KEY      KEY: 64 hexadecimal digits */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/key_file.h"
#include "slate/log.h"

#define CAMERA_KEYS_LIMIT 256

struct camera_key {
	char serial[SLATE_SERIAL_LIMIT + 1];
	uint8_t key[ADVERT_KEY_SIZE];
};

/* 0; -EINVAL with *ret_line set to the line that is wrong; -E2BIG: a serial twice, or too many. `keys` holds CAMERA_KEYS_LIMIT;
 * wipe them when done, also after an error. A serial may hold blanks: the key is the last word. */
int camera_keys_parse(const char *text, size_t length, struct camera_key *keys, size_t *ret_count, unsigned *ret_line);
/* Reads and parses a file. 0 or a negative errno (-EPERM: everybody may read it). problem: for people, as key_file_read has it.
 */
int camera_keys_read(const char *path, struct camera_key *keys, size_t *ret_count, char problem[KEY_FILE_PROBLEM_SIZE]);
/* The key of one camera alone. The same, or -ENOKEY. Wipe it when done. */
int camera_key_read(const char *path, const char *serial, uint8_t ret[ADVERT_KEY_SIZE], char problem[KEY_FILE_PROBLEM_SIZE]);
