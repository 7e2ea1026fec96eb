/* The parts of companiond joined together: who tells whom what. */
#pragma once

#include <systemd/sd-event.h>

#include "companion/settings.h"

struct companion;

/* Builds all parts in order and serves the API. state: folder of keys and pairing. The settings outlive it. 0, or a negative
 * errno after a log line. */
int companion_new(struct companion **ret, sd_event *event, const struct settings *settings, const char *state);
/* Unwinds in reverse; the token and the sockets are removed. NULL is allowed. */
void companion_free(struct companion *companion);
