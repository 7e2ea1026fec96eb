/* What the camera tells its companion unasked: recorder, recordings, Wi-Fi (Event of proto/lanyard.proto). While one session is
 * followed by the next, what changes is told as soon as the new one is live. */
#pragma once

#include "cam-radio/requests.h"
#include "cam-radio/services.h"

struct events;

/* Both outlive it. 0 or -ENOMEM. */
int events_new(struct events **ret, const struct services *services, struct requests *requests);
/* NULL is allowed. */
void events_free(struct events *events);
/* The recorder's state is another one. */
void events_status_changed(struct events *events);
/* This recording began, ended or was tagged: asks the recorder what it is now, and tells. */
void events_recording_changed(struct events *events, const char *id);
void events_wifi_changed(struct events *events);
/* A session is live. renewed: in the place of the former one of the same companion, who may have missed something in between; any
 * other asks for everything by itself. */
void events_session_began(struct events *events, bool renewed);
