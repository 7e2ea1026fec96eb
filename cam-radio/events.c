#include "cam-radio/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cam-radio/handover.h"
#include "cam-radio/recorder.h"
#include "cam-radio/request.h"

/* Recordings whose description is being asked for. More at once than a recorder can change; those beyond are told of by the list.
 */
#define ASKED_LIMIT 4

struct asked {
	struct events *events;
	struct recorder_call *call;
	char id[33];
	bool again; /* it changed once more while the recorder was asked */
	bool owed;  /* there was no session to tell it over */
};

struct events {
	const struct services *services;
	struct requests *requests;
	struct asked asked[ASKED_LIMIT];
	bool status_owed, wifi_owed; /* there was no session to tell it over */
};

static void ask(struct asked *asked);

int events_new(struct events **ret, const struct services *services, struct requests *requests) {
	struct events *events = calloc(1, sizeof(*events));
	if (!events)
		return -ENOMEM;
	events->services = services;
	events->requests = requests;
	for (size_t i = 0; i < ASKED_LIMIT; i++)
		events->asked[i].events = events;
	*ret = events;
	return 0;
}

void events_free(struct events *events) {
	if (!events)
		return;
	for (size_t i = 0; i < ASKED_LIMIT; i++)
		recorder_call_cancel(events->asked[i].call);
	free(events);
}

void events_status_changed(struct events *events) {
	lanyard_Event event = { .which_body = lanyard_Event_status_tag };
	requests_fill_status(events->services, &event.body.status);
	events->status_owed = requests_send_event(events->requests, &event) == -ENOTCONN;
}

void events_wifi_changed(struct events *events) {
	lanyard_Event event = { .which_body = lanyard_Event_wifi_tag, .body.wifi = handover_state(events->services->handover) };
	events->wifi_owed = requests_send_event(events->requests, &event) == -ENOTCONN;
}

static void on_recording(void *context, enum reason reason, const struct recorder_answer *answer) {
	struct asked *asked = context;
	struct events *events = asked->events;
	asked->call = NULL;
	if (asked->again) {
		ask(asked);
	} else if (reason == REASON_OK) {
		lanyard_Event event = { .which_body = lanyard_Event_recording_tag };
		event.body.recording.has_recording = true;
		event.body.recording.recording = *answer->recording;
		asked->owed = requests_send_event(events->requests, &event) == -ENOTCONN;
	}
}

static void ask(struct asked *asked) {
	asked->again = asked->owed = false;
	/* A recorder that cannot be asked has nothing to tell. */
	(void)recorder_get(asked->events->services->recorder, &asked->call, asked->id, on_recording, asked);
}

void events_recording_changed(struct events *events, const char *id) {
	struct asked *free_one = NULL;
	if (!field_is_id(id))
		return;
	for (size_t i = 0; i < ASKED_LIMIT; i++) {
		struct asked *asked = &events->asked[i];
		if (!asked->call && !asked->owed) {
			free_one = asked;
		} else if (strcmp(asked->id, id) == 0) {
			asked->again = true;
			return;
		}
	}
	if (!free_one)
		return;
	memcpy(free_one->id, id, sizeof(free_one->id));
	ask(free_one);
}

void events_session_began(struct events *events, bool renewed) {
	bool status = events->status_owed && renewed, wifi = events->wifi_owed && renewed;
	events->status_owed = events->wifi_owed = false;
	for (size_t i = 0; i < ASKED_LIMIT; i++) {
		struct asked *asked = &events->asked[i];
		if (asked->owed && renewed)
			ask(asked);
		asked->owed = false;
	}
	if (status)
		events_status_changed(events);
	if (wifi)
		events_wifi_changed(events);
}
