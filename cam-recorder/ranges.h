/* Ranges of recordings into pipes, as their readers take them: many at once, none waits for another. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "footage/store.h"

struct ranges;

int ranges_new(struct ranges **ret, sd_event *event, const struct store *store);
void ranges_free(struct ranges *ranges);
/* Opens `length` bytes (0: to the end) from `offset`. *ret_pipe: the read end, the caller's. 0; -ENOENT; -EBADMSG; -EINVAL: the
 * offset lies beyond the end (*ret_total is set); -EBUSY: too many; or another negative errno. */
int ranges_open(struct ranges *ranges, const char *id, uint64_t offset, uint64_t length, int *ret_pipe, uint64_t *ret_total);
