/* A hostapd or wpa_supplicant of the test's own on a Unix datagram socket, in the test's event loop: answers well, refuses,
 * answers late, never, with garbage, or dies at a command of choice. And a network interface that is only a flag. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>

#include "wifi/environment.h"

enum fake_kind { FAKE_HOSTAPD, FAKE_SUPPLICANT };

enum fake_fault {
	FAULT_NONE,
	FAULT_FAIL,    /* "FAIL" */
	FAULT_LOST,    /* does it; this one answer gets lost */
	FAULT_SILENT,  /* works on, and answers nothing from then on */
	FAULT_LATE,    /* busy until after the command's deadline, with everything that waits behind it */
	FAULT_GARBAGE, /* bytes that are no reply */
	FAULT_EMPTY,   /* an empty datagram, then nothing any longer */
	FAULT_VANISH,  /* killed: the socket is gone, its file stays */
	FAULT_COUNT,
};

/* What a fake wpa_supplicant does once the network is selected. */
enum fake_air {
	AIR_CONNECTS,
	AIR_APPEARS_LATE, /* not found three times, then connects */
	AIR_REJECTS_ONCE, /* association refused, then connects */
	AIR_WRONG_KEY,
	AIR_WRONG_KEY_ONCE, /* a forged or lost frame: connects at the second try */
	AIR_NOTHING,
};

struct fake_daemon {
	enum fake_kind kind;
	sd_event *event;
	char folder[32], path[64];
	int descriptor;
	sd_event_source *source, *late;
	struct sockaddr_un monitor, late_to;
	socklen_t monitor_length, late_to_length;
	char late_answer[128];

	/* Commands other than ATTACH, PING and DETACH are counted; the one with this number meets the fault. */
	unsigned commands, fault_at, pings;
	enum fake_fault fault;
	bool fault_met;
	enum fake_air air;
	unsigned selects;

	/* What it knows. */
	bool mac_random;             /* wpa_supplicant: mac_addr 1 */
	bool enabled;                /* hostapd: beaconing; wpa_supplicant: has a network */
	bool never_enables;          /* hostapd: ENABLE answers OK and nothing follows */
	bool loses_again;            /* wpa_supplicant: what it had connected to is gone when it is asked */
	const char *said_for_status; /* wpa_supplicant: an event in place of the answer to STATUS; NULL: it answers */
	char psk[128], ssid[128], bssid[64], channel[16], stations[8];
	char hidden[8]; /* ignore_broadcast_ssid; scan_ssid */
	char frequencies[16];
	unsigned pmksa_flushes, enables;
	char last[256];
};

void fake_start(struct fake_daemon *fake, enum fake_kind kind, sd_event *event);
/* Kills it, as SIGKILL does: nothing is said to anybody. */
void fake_kill(struct fake_daemon *fake);
/* A new process on the same path: knows nothing, its interface is up. */
void fake_restart(struct fake_daemon *fake);
void fake_stop(struct fake_daemon *fake);
void fake_say(struct fake_daemon *fake, const char *event_line);

/* Short, but far above what an answer takes on a busy machine. */
extern const struct wifi_timing fake_timing;

struct fake_port {
	bool up, forbidden;
	unsigned address_changes;
	bool addresses; /* a link-local address appears */
	sd_event *event;
};

struct interface_port fake_port_operations(struct fake_port *port);
