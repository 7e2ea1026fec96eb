/* org.lanyard.Recorder1 on the system bus (docs/dbus/org.lanyard.Recorder1.xml). */
#pragma once

#include <systemd/sd-bus.h>

#include "cam-recorder/ranges.h"
#include "cam-recorder/recorder.h"
#include "footage/store.h"

struct object;

/* `instance`: "" or the bus name's suffix. All outlive the object. 0; -EEXIST: another recorder has the name; or another negative
 * errno. */
int object_new(struct object **ret, sd_bus *bus, const char *instance, const char *serial, int folder, struct store *store,
               struct recorder *recorder, struct ranges *ranges);
void object_free(struct object *object);
void object_state_changed(struct object *object);
void object_recording_changed(struct object *object, const char *id);
