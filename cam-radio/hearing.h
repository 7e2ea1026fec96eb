/* What a radio does with the adverts that its ear hears (bluetooth/ear.h): tells the daemon of calls, signed or not. */
#pragma once

#include <systemd/sd-event.h>

#include "bluetooth/ear.h"
#include "cam-radio/radio.h"

struct hearing;

/* company: of Signal and Slate adverts; legacy_company: of calls that nobody signs. */
void hearing_formats(uint16_t company, uint16_t legacy_company, struct ear_format ret[EAR_FORMATS]);
/* Ownership of `file`, as ear_new takes it, passes, also on failure. The callbacks outlive it. When its socket fails it says so
 * in the log and is deaf. 0 or a negative errno. */
int hearing_new(struct hearing **ret, sd_event *event, int file, const struct ear_format format[EAR_FORMATS],
                const struct radio_callbacks *callbacks, void *context);
/* NULL is allowed. */
void hearing_free(struct hearing *hearing);
