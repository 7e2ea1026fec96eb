/* org.lanyard.Recorder1 on the system bus (docs/dbus/org.lanyard.Recorder1.xml). */
#pragma once

#include <systemd/sd-bus.h>

#include "cam-recorder/ranges.h"
#include "cam-recorder/recorder.h"
#include "footage/store.h"

struct object;

/* What the interface stands for; all of it outlives the object. */
struct object_parts {
	const char *instance; /* "" or the bus name's suffix */
	const char *serial;
	int folder; /* of the store */
	struct store *store;
	struct recorder *recorder;
	struct ranges *ranges;
};

/* Offers the interface and asks for the name; that somebody else has it is logged. 0 or a negative errno. */
int object_new(struct object **ret, sd_bus *bus, const struct object_parts *parts);
/* NULL is allowed. */
void object_free(struct object *object);
void object_state_changed(struct object *object);
void object_recording_changed(struct object *object, const char *id);
