/* The Wi-Fi handover as a transaction: ask the camera for its access point, join it, listen, let the camera dial, authenticate
 * the media channel. Every stage has a deadline and a reason; a failure of any of them leaves Wi-Fi off on both ends and the
 * session up. What the next try may well get past (a frame lost at the wrong moment leaves a station that thinks it has joined)
 * is tried once more, from the beginning, before it is told. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/reason.h"
#include "companion/keyring.h"
#include "companion/media.h"
#include "companion/session.h"

struct handover;

enum handover_state {
	HANDOVER_OFF,
	HANDOVER_STARTING,       /* the camera brings its access point up, and our station gets ready */
	HANDOVER_JOINING,        /* joining it */
	HANDOVER_ANNOUNCING,     /* joined and listening; the camera is told where and dials */
	HANDOVER_AUTHENTICATING, /* it has dialled: handshake */
	HANDOVER_READY,          /* the media channel is up */
	HANDOVER_RETRYING,       /* a first failure: as closing, then starting again */
	HANDOVER_CLOSING,        /* leaving the network; the camera takes its access point down */
};

struct handover_stages {
	uint64_t up_us, join_us, media_us; /* how long each took; UINT64_MAX: not reached */
};

struct handover_config {
	struct session *session;
	struct keyring *keyring;
	struct media *media;
	const char *name;               /* the companion's own */
	const char *supplicant_control; /* NULL: no Wi-Fi on this companion */
	const char *interface;
	const char *test_socket; /* docs/test-link.md: the camera dials here, no Wi-Fi at all. NULL outside tests */
};

/* All in `config` outlive the handover. `changed` is called whenever state or reason changes. 0 or a negative errno. */
int handover_new(struct handover **ret, sd_event *event, const struct handover_config *config, void (*changed)(void *context),
                 void *context);
/* Leaves the network without calling back. NULL is allowed. */
void handover_free(struct handover *handover);
/* 0; -EALREADY unless off; -ENOTCONN without a session; -ENODEV without Wi-Fi. */
int handover_open(struct handover *handover);
/* Takes it down; nothing to do when off. */
void handover_close(struct handover *handover);
enum handover_state handover_state(const struct handover *handover);
/* Why it is off or closing, REASON_OK when it was asked for. */
enum reason handover_reason(const struct handover *handover);
/* Of the handover in progress, or the last one. */
const struct handover_stages *handover_stages(const struct handover *handover);

/* To be called by the owner of the session. */
void handover_session_lost(struct handover *handover);
void handover_wifi_event(struct handover *handover, const lanyard_WifiState *state);
