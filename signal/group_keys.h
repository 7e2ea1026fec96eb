/* The file of group keys (base/key_file.h): what the agency's cameras and senders share, a key for each week, one line for each:
 *
 *   WEEK KEY        WEEK: floor(unix time / 604,800), decimal; KEY: 64 hexadecimal digits */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/key_file.h"
#include "signal/activation.h"

/* Parses it; keys of other weeks than this one, the one before and the next four are left out. 0; -EINVAL with *ret_line set to
 * the line that is wrong; -E2BIG: the same week twice, or too many. `keys` holds GROUP_KEYS_LIMIT. Wipe them when
 * done, also after an error. */
int group_keys_parse(const char *text, size_t length, uint32_t week_now, struct group_key *keys, size_t *ret_count,
                     unsigned *ret_line);
/* Reads the file of this path and parses it. 0 or a negative errno (-EPERM: everybody may read it). problem: for people, as
 * key_file_read has it; also with 0, when there is no key in it for these weeks. */
int group_keys_read(const char *path, uint32_t week_now, struct group_key *keys, size_t *ret_count,
                    char problem[KEY_FILE_PROBLEM_SIZE]);
