/* The event lines of hostapd and wpa_supplicant ("<3>AP-STA-CONNECTED 02:00:00:00:00:01"), as far as Lanyard acts on them. Text
 * in them may come from the air: the parser is bounded, allocates nothing and never fails, what it does not know is
 * WIFI_EVENT_OTHER. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wifi/credentials.h"

enum wifi_event_kind {
	WIFI_EVENT_OTHER,
	/* hostapd */
	WIFI_EVENT_AP_ENABLED,
	WIFI_EVENT_AP_DISABLED,
	WIFI_EVENT_INTERFACE_ENABLED,
	WIFI_EVENT_INTERFACE_DISABLED,
	WIFI_EVENT_STATION_CONNECTED,    /* mac: completed the four-way handshake */
	WIFI_EVENT_STATION_DISCONNECTED, /* mac */
	WIFI_EVENT_PSK_MISMATCH,         /* mac: a station tried another key */
	/* wpa_supplicant */
	WIFI_EVENT_CONNECTED,         /* mac: the BSSID; network */
	WIFI_EVENT_DISCONNECTED,      /* mac: the BSSID; code: IEEE 802.11 reason; local: it was our doing */
	WIFI_EVENT_ASSOC_REJECT,      /* mac when known; code: IEEE 802.11 status */
	WIFI_EVENT_AUTH_REJECT,       /* mac; code: IEEE 802.11 status */
	WIFI_EVENT_TEMP_DISABLED,     /* network; wrong_key */
	WIFI_EVENT_NETWORK_NOT_FOUND, /* a scan ended without it */
	WIFI_EVENT_SCAN_FAILED,
	/* both */
	WIFI_EVENT_TERMINATING, /* the daemon is about to exit */
};

struct wifi_event {
	enum wifi_event_kind kind;
	bool has_mac;
	uint8_t mac[MAC_SIZE];
	unsigned code;
	bool has_network;
	unsigned network;
	bool local;
	bool wrong_key;
};

/* Reads one datagram. The text needs no end mark. */
struct wifi_event wifi_event_parse(const void *text, size_t length);
