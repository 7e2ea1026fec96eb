/* The Wi-Fi handover, a transaction (docs/protocol.md, "Handover"): the companion asks for the camera's access point, or for the
 * camera to join a network; the camera dials the companion, and the media channel runs until it is stopped, idle, or its session
 * is gone. Every stage has a deadline and a reason, and whatever goes wrong ends with the radio off and its secrets wiped. The
 * camera listens on no port, in any state. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/random.h"
#include "base/reason.h"
#include "cam-radio/counters.h"
#include "cam-radio/wifi_port.h"
#include "pairing/limits.h"
#include "proto/lanyard.pb.h"
#include "wifi/credentials.h"

struct handover;
struct keyring;
struct recorder;

/* How long each stage may take, microseconds. */
struct handover_timing {
	/* The port has deadlines of its own for what hostapd and wpa_supplicant do, with better reasons; these three catch a port
	 * that forgets. */
	uint64_t start, join, stop;
	/* From the access point being up to the companion saying that it has joined. */
	uint64_t peer;
	/* Until the companion has accepted the connection. */
	uint64_t dial;
};

extern const struct handover_timing handover_timing_default;

struct handover_config {
	struct wifi_port *port; /* outlives it; its callbacks are taken over */
	const struct random_source *random;
	struct keyring *keyring;
	const char *name; /* the camera's serial */
	struct recorder *recorder;
	unsigned frequency_mhz; /* of the access point */
	uint64_t idle_us;       /* a media channel that carries nothing for this long ends */
	const struct handover_timing *timing;
	struct counters *counters;
};

struct handover_callbacks {
	/* Mode or reason have changed: tell the companion. The handover must not be freed inside. */
	void (*changed)(void *context);
};

/* The outcome of one request, told once: from inside the call, or later from the loop. up: only for handover_start_access_point
 * with REASON_OK, valid during the call. */
typedef void (*handover_answered)(void *context, enum reason reason, const lanyard_AccessPointUp *up);

struct handover_station {
	struct wifi_credentials credentials;
	uint8_t address[16]; /* of the companion on that network */
	uint16_t port;
	uint8_t media_psk[KEY_SIZE];
};

/* Everything in config outlives it. 0 or a negative errno. */
int handover_new(struct handover **ret, sd_event *event, const struct handover_config *config,
                 const struct handover_callbacks *callbacks, void *context);
/* Closes what is open; calls nothing. The port is freed after it. NULL is allowed. */
void handover_free(struct handover *handover);

/* A handover that is under way is taken down first: its companion has lost track of it. Answered when it is beaconing. */
void handover_start_access_point(struct handover *handover, bool passphrase, handover_answered answered, void *context);
/* The companion has joined and waits to be dialled. Answered when it is connected, or not. */
void handover_joined(struct handover *handover, const uint8_t address[16], uint16_t port, handover_answered answered,
                     void *context);
/* As handover_start_access_point. Answered when the companion is connected on that network. */
void handover_start_station(struct handover *handover, const struct handover_station *station, handover_answered answered,
                            void *context);
/* Answered when the radio is off; at once when it is off already. */
void handover_stop(struct handover *handover, handover_answered answered, void *context);
/* Nobody waits for the answer to `context` any more: it is not called. A start that was not answered yet is taken down. */
void handover_cancel(struct handover *handover, const void *context);
/* The session is gone: so is the Wi-Fi that it made. */
void handover_session_ended(struct handover *handover);

/* WIFI_OFF, and why, or where it stands. */
lanyard_WifiState handover_state(const struct handover *handover);
