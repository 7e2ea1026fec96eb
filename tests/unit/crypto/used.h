/* What AES-GCM sealed with, in this process and in all that are forked from it: each pair of key and nonce, and whatever else a
 * test notes. No entry may come twice. For programs that are linked with --wrap=gcm_new,--wrap=gcm_free,--wrap=gcm_seal. */
#pragma once

#include <stddef.h>

/* Before anything is sealed. */
void used_start(void);
void used_note(const void *bytes, size_t length);
/* How many there are. Fails the test when two are the same. */
size_t used_once(void);
/* Runs `live` in a process that has this one's memory, and ends that as a crash does: nothing is freed or finished. */
void used_by_a_fork(void (*live)(void *context), void *context);
