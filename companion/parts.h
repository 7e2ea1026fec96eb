/* The parts of companiond, as the API uses them. main.c builds them in order and unwinds in reverse. */
#pragma once

#include "companion/finder.h"
#include "companion/handover.h"
#include "companion/keyring.h"
#include "companion/media.h"
#include "companion/pairer.h"
#include "companion/radio.h"
#include "companion/recordings.h"
#include "companion/session.h"

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
};
