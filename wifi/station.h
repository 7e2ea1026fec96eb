/* A station: joins one network, says when traffic can flow, leaves without a trace. A small interface, so that a companion whose
 * interface NetworkManager owns can get a back end of its own; wifi/station_supplicant.c is the one for wpa_supplicant's control
 * socket. */
#pragma once

#include <systemd/sd-event.h>

#include "base/reason.h"
#include "wifi/credentials.h"

struct station;

struct station_callbacks {
	/* Associated and authenticated; an IPv6 link-local address is usable on interface `index` (16 bytes, network order). */
	void (*joined)(void *context, unsigned index, const uint8_t address[16]);
	/* Not (any longer) joined; the network was removed from the supplicant and the interface is down. REASON_OK after
	 * station_leave; JOIN_TIMEOUT, JOIN_REFUSED, JOIN_LOST, WIFI_GONE. Called once for each use: a station_prepare, a
	 * station_join, or a station_join after a station_prepare. */
	void (*off)(void *context, enum reason reason);
};

struct station_operations {
	int (*prepare)(struct station *station);
	int (*join)(struct station *station, const struct wifi_credentials *credentials);
	void (*leave)(struct station *station);
	void (*free)(struct station *station);
};

struct station {
	const struct station_operations *operations;
};

/* A join is about to follow: what takes time and needs no credentials, such as bringing the interface up, begins now. It sends
 * nothing. 0, -EALREADY unless off. */
static inline int station_prepare(struct station *station) {
	return station->operations->prepare(station);
}
/* 0, -EALREADY unless off or prepared. The outcome comes through `joined` or `off`. */
static inline int station_join(struct station *station, const struct wifi_credentials *credentials) {
	return station->operations->join(station, credentials);
}
static inline void station_leave(struct station *station) {
	station->operations->leave(station);
}
static inline void station_free(struct station *station) {
	if (station)
		station->operations->free(station);
}

/* control_path: "/run/wpa_supplicant/wlan1". random_mac: a new locally administered address for each join. 0 or a
 * negative errno. */
int station_supplicant_new(struct station **ret, sd_event *event, const char *control_path, const char *interface,
                           bool random_mac, const struct station_callbacks *callbacks, void *context);
