/* Values of org.lanyard.Recorder1 as they come and go over D-Bus. */
#pragma once

#include <systemd/sd-bus.h>

#include "base/reason.h"
#include "cam-radio/recorder.h"

/* An a{sv} that describes a recording, at which the message stands. Members that we do not know are skipped; texts that are too
 * long for the wire are cut off. 0, or -EBADMSG when it has no usable Id or a member has the wrong type. */
int recorder_read_recording(sd_bus_message *message, lanyard_Recording *ret);
/* Appends a{sv}. 0 or a negative errno; -EINVAL when a text is not UTF-8. */
int recorder_append_tag(sd_bus_message *message, const lanyard_Tag *tag);
/* Either may be NULL; both: an empty dictionary. */
int recorder_append_details(sd_bus_message *message, const char *source, const struct recorder_location *location);
/* Why the recorder refused. */
enum reason recorder_reason(const sd_bus_error *error);
