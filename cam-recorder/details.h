/* Details of a recording as they come over D-Bus: a{sv} of basic types, kept as text. */
#pragma once

#include <systemd/sd-bus.h>

#include "cam-recorder/recorder.h"

#define DETAILS_LIMIT 16 /* of one call */
#define DETAILS_TEXT 129

struct details {
	size_t count;
	struct {
		const char *key; /* of the message */
		char value[DETAILS_TEXT];
	} row[DETAILS_LIMIT];
};

/* Reads the dictionary that stands next. 0; -EINVAL: too many, too long, or of another type; or another negative errno. */
int details_read(sd_bus_message *message, struct details *ret);
/* Notes them with a recording. As recorder_note, at the first that fails. */
int details_note(struct recorder *recorder, const char *id, const struct details *details);
