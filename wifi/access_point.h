/* The camera's access point, through the control socket of a hostapd that is already running with its radio disabled
 * (start_disabled). Hidden SSID, WPA2-PSK, CCMP, PMF required, one station, isolated. */
#pragma once

#include <systemd/sd-event.h>

#include "base/reason.h"
#include "wifi/credentials.h"

struct access_point;

enum access_point_state { ACCESS_POINT_OFF, ACCESS_POINT_STARTING, ACCESS_POINT_UP, ACCESS_POINT_STOPPING };

struct access_point_callbacks {
	/* Beaconing with the credentials of access_point_start. */
	void (*up)(void *context);
	/* A station completed the four-way handshake / went away. */
	void (*joined)(void *context, const uint8_t mac[MAC_SIZE]);
	void (*left)(void *context, const uint8_t mac[MAC_SIZE]);
	/* Off: radio disabled, interface down, secret overwritten in hostapd. REASON_OK after access_point_stop, else AP_REFUSED,
	 * AP_TIMEOUT, AP_FAILED or WIFI_GONE. Called once for each access_point_start. */
	void (*off)(void *context, enum reason reason);
};

/* control_path: hostapd's socket of the interface ("/run/hostapd/wlan0"). It may appear later or be restarted: it is opened when
 * needed. 0 or a negative errno. */
int access_point_new(struct access_point **ret, sd_event *event, const char *control_path, const char *interface,
                     const struct access_point_callbacks *callbacks, void *context);
/* Takes the access point down without calling back. */
void access_point_free(struct access_point *ap);
/* Copies the credentials. 0, -EALREADY unless off. The outcome comes through `up` or `off`. */
int access_point_start(struct access_point *ap, const struct wifi_credentials *credentials);
void access_point_stop(struct access_point *ap);
enum access_point_state access_point_state(const struct access_point *ap);
