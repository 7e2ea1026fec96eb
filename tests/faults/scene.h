/* A camera's links, keyring and handover with a companion at the other end of socket pairs, in one event loop: what the fault
 * injection and the soak drive. Every step says how it ended; none of them ends the process, so that what is broken inside can go
 * on being checked. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-event.h>

#include "cam-radio/handover.h"
#include "cam-radio/keyring.h"
#include "cam-radio/links.h"
#include "pairing/record.h"
#include "tests/faults/must.h"
#include "wire/wire.h"

struct scene_companion {
	struct static_keys keys;
	struct pairing_record record, candidate; /* what a session proves, or a pairing has left */
	bool has_record, has_candidate;
};

/* All zeros: nothing is open. */
struct scene {
	sd_event *event;
	char folder[40];
	struct keyring *keyring;
	struct links *links;
	struct counters counters;

	struct scene_companion *companion; /* whose wire it is */
	struct wire *wire;
	bool live, closed, coded, camera_live, camera_ended, answered;
	enum reason reason;
	struct link *asking; /* waits for the person */

	struct wifi_port port;
	bool radio_on, dialling, start_answered, joined_answered, stop_answered;
	unsigned port_calls, port_fails; /* port_fails: this call of the port is refused; 0: none */
	enum reason start_reason, joined_reason;
	uint8_t media_psk[32];
	struct handover *handover;
	struct wire *media;
	bool media_live, media_closed;
};

/* A folder for the camera's state, emptied. `name` is part of its name. */
void scene_folder(struct scene *scene, const char *name);
void scene_folder_remove(const struct scene *scene);
/* 0 or a negative errno. */
int scene_open(struct scene *scene);
/* Closes all that is open. The folder stays. */
void scene_close(struct scene *scene);

void scene_companion_make(struct scene_companion *companion);
/* Each: REASON_OK, or the reason that the companion was told or found itself; REASON_INTERNAL when the camera's side could not
 * even begin. */
enum reason scene_pair(struct scene *scene, struct scene_companion *companion);
/* Opens a session, and a message goes each way. It stays open. */
enum reason scene_session(struct scene *scene, struct scene_companion *companion);
void scene_hang_up(struct scene *scene);
/* Access point, joined, dial, media channel, stop. With a session's companion. Afterwards the radio is off. */
enum reason scene_handover(struct scene *scene, struct scene_companion *companion);
