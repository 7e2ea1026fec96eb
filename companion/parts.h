/* The parts of companiond, and who of them tells whom what. */
#pragma once

#include <systemd/sd-event.h>

#include "companion/finder.h"
#include "companion/handover.h"
#include "companion/keyring.h"
#include "companion/media.h"
#include "companion/pairer.h"
#include "companion/radio.h"
#include "companion/recordings.h"
#include "companion/session.h"
#include "companion/settings.h"

/* What the parts tell whoever shows them. Not called while they are built or freed. */
struct parts_callbacks {
	/* Something that they would answer when asked. */
	void (*changed)(void *context);
	void (*recording_changed)(void *context, const lanyard_Recording *recording);
};

struct parts {
	struct keyring *keyring;
	struct radio *radio;
	struct finder *finder;
	struct pairer *pairer;
	struct session *session;
	struct recordings *recordings;
	struct media *media;
	struct handover *handover;
	enum reason pairing_reason; /* why the last pairing failed, until the next one begins */
	/* Private to parts.c. */
	char media_socket[sizeof(((struct settings *)NULL)->link_socket) + sizeof(".media")];
	bool complete;
	const struct parts_callbacks *callbacks;
	void *context;
};

/* state: the folder of keys and pairing. Everything but that outlives the parts, and they stay where they are. 0, or a negative
 * errno after a log line, and there is nothing to free. */
int parts_build(struct parts *parts, sd_event *event, const struct settings *settings, const char *state,
                const struct parts_callbacks *callbacks, void *context);
/* In reverse. Parts that are all zeros are allowed. */
void parts_free(struct parts *parts);
