/* org.lanyard.Camera1 on the system bus, exactly as docs/dbus/org.lanyard.Camera1.xml says. */
#pragma once

#include <systemd/sd-bus.h>

#include "base/reason.h"
#include "cam-radio/feedback.h"
#include "cam-radio/security.h"
#include "cam-radio/status.h"
#include "slate/log.h"

struct camera_bus;

struct camera_bus_callbacks {
	/* root asks to forget the companion. REASON_OK once that is durable. */
	enum reason (*forget)(void *context);
	/* The signed head of the log of sightings, one line. */
	enum reason (*slate_head)(void *context, char ret[SLATE_HEAD_TEXT]);
	/* root wants no Signal answered for so many minutes, 0: answered again. REASON_OK once that is durable, or
	 * REASON_REQUEST_INVALID for what mute_make refuses. */
	enum reason (*mute)(void *context, uint32_t minutes, const char *who);
};

/* Exports the object; camera_bus_publish makes it reachable. status and callbacks outlive it. 0 or a negative errno. */
int camera_bus_new(struct camera_bus **ret, sd_bus *bus, const struct status *status,
                   const struct camera_bus_callbacks *callbacks, void *context);
/* NULL is allowed. */
void camera_bus_free(struct camera_bus *camera);
/* Takes the bus name org.lanyard.Camera or org.lanyard.Camera.INSTANCE; instance: NULL for none. 0; -EEXIST when another process
 * has it, or a negative errno. */
int camera_bus_publish(struct camera_bus *camera, const char *instance);

/* Signals PropertiesChanged for this property. */
void camera_bus_changed(struct camera_bus *camera, const char *property);
void camera_bus_feedback(struct camera_bus *camera, enum feedback_kind kind, const char *text);
void camera_bus_security(struct camera_bus *camera, enum security_event event, const char *text);
