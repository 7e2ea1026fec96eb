#include "wifi/access_point_on.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "wifi/control.h"
#include "wifi/script.h"

#define AREA "wifi"

/* What hostapd is known to be; each is reached by a script, as soon as it can be. */
enum hostapd { HOSTAPD_UNKNOWN, HOSTAPD_STOPPED, HOSTAPD_PREPARED };

struct access_point {
	const struct wifi_environment *environment;
	struct access_point_callbacks callbacks;
	void *context;
	char *interface;
	struct wifi_control *control;
	struct wifi_script script;
	sd_event_source *deadline;

	enum access_point_state state;
	enum hostapd hostapd;
	enum reason reason; /* STOPPING: what `off` will say */
	struct wifi_credentials credentials;

	/* The station that completed the four-way handshake. */
	bool has_station;
	uint8_t station[MAC_SIZE];
};

static int write_ssid(void *context, char *out, size_t capacity) {
	const struct access_point *ap = context;
	char hex[2 * SSID_LIMIT + 1];
	hex_encode(hex, ap->credentials.ssid, ap->credentials.ssid_length);
	return snprintf(out, capacity, "SET ssid2 %s", hex);
}

static int write_psk(void *context, char *out, size_t capacity) {
	const struct access_point *ap = context;
	uint8_t psk[PSK_SIZE];
	char hex[2 * PSK_SIZE + 1];
	int r = wifi_credentials_psk(&ap->credentials, psk);
	if (r < 0)
		return r;
	hex_encode(hex, psk, sizeof(psk));
	wipe(psk, sizeof(psk));
	r = snprintf(out, capacity, "SET wpa_psk %s", hex);
	wipe(hex, sizeof(hex));
	return r;
}

static int write_bssid(void *context, char *out, size_t capacity) {
	const struct access_point *ap = context;
	const uint8_t *b = ap->credentials.bssid;
	if (!ap->credentials.has_bssid)
		return 0;
	return snprintf(out, capacity, "SET bssid %02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
}

static int write_hw_mode(void *context, char *out, size_t capacity) {
	const struct access_point *ap = context;
	if (ap->credentials.frequency_mhz == 0)
		return 0;
	return snprintf(out, capacity, "SET hw_mode %s", ap->credentials.frequency_mhz < 5000 ? "g" : "a");
}

static int write_channel(void *context, char *out, size_t capacity) {
	const struct access_point *ap = context;
	if (ap->credentials.frequency_mhz == 0)
		return 0;
	return snprintf(out, capacity, "SET channel %u", wifi_frequency_channel(ap->credentials.frequency_mhz));
}

/* Hidden is what was prepared. */
static int write_visible(void *context, char *out, size_t capacity) {
	const struct access_point *ap = context;
	return ap->credentials.hidden ? 0 : snprintf(out, capacity, "SET ignore_broadcast_ssid 0");
}

static int write_random_ssid(void *context, char *out, size_t capacity) {
	const struct access_point *ap = context;
	char hex[2 * SSID_LIMIT + 1];
	wifi_random_hex(ap->environment, hex, SSID_LIMIT);
	return snprintf(out, capacity, "SET ssid2 %s", hex);
}

static int write_random_psk(void *context, char *out, size_t capacity) {
	const struct access_point *ap = context;
	char hex[2 * PSK_SIZE + 1];
	wifi_random_hex(ap->environment, hex, PSK_SIZE);
	return snprintf(out, capacity, "SET wpa_psk %s", hex);
}

static enum wifi_verdict judge_enabled(void *context, const char *text, size_t length) {
	(void)context;
	/* When not yet, AP-ENABLED, AP-DISABLED or the deadline will tell. */
	return wifi_reply_has(text, length, "state=ENABLED") ? WIFI_VERDICT_GOOD : WIFI_VERDICT_WAIT;
}

static enum wifi_verdict judge_disabled(void *context, const char *text, size_t length) {
	(void)context;
	bool off = wifi_reply_has(text, length, "state=DISABLED") || wifi_reply_has(text, length, "state=UNINITIALIZED");
	return off ? WIFI_VERDICT_GOOD : WIFI_VERDICT_REFUSED;
}

/* One station may be joined. Until it is, strangers who associate and never prove the key (each of them holds a place for
 * seconds) must not be able to keep it out; from then on nobody else is even answered. */
#define OPEN_SLOTS "SET max_num_sta 16"
#define CLOSE_SLOTS "SET max_num_sta 1"

/* Whenever hostapd appears, and after each use: it starts with its interface up, and after an odd end it may still hold a secret.
 */
static const struct wifi_step stop_script[] = {
	{ .text = "DISABLE", .judge = wifi_judge_anything }, /* FAIL when it already is */
	{ .text = "STATUS", .judge = judge_disabled },
	{ .text = "SET start_disabled 1" },
	{ .write = write_random_ssid },
	{ .write = write_random_psk },
};

/* What is the same for every network: set ahead, so that nobody waits for it, and whatever hostapd's configuration file says. A
 * hostapd that reads its file again (SIGHUP) does not tell: hostapd.conf.in says the same. */
static const struct wifi_step prepare_script[] = {
	{ .text = "SET auth_algs 1" },
	{ .text = "SET wpa 2" },
	{ .text = "SET wpa_key_mgmt WPA-PSK WPA-PSK-SHA256" },
	{ .text = "SET rsn_pairwise CCMP" },
	{ .text = "SET ieee80211w 2" },
	{ .text = "SET ap_max_inactivity 15" }, /* seconds; a companion that vanished frees its place */
	{ .text = "SET ap_isolate 1" },
	{ .text = "SET ignore_broadcast_ssid 1" },
	{ .text = OPEN_SLOTS },
};

/* The BSSID is set by hostapd itself when it initializes the driver in ENABLE, so that we need no privilege for it. */
static const struct wifi_step start_script[] = {
	{ .text = "DISABLE", .judge = wifi_judge_anything }, /* somebody may have enabled it by hand */
	{ .text = "SET start_disabled 0" },
	{ .write = write_visible },
	{ .write = write_hw_mode },
	{ .write = write_channel },
	{ .write = write_bssid },
	{ .write = write_ssid },
	{ .write = write_psk },
	{ .text = "ENABLE", .in_turn = true },        /* no network that lacks a setting is seen for a moment */
	{ .text = "STATUS", .judge = judge_enabled }, /* or the event AP-ENABLED, where the driver takes its time */
};

static void enter_state(struct access_point *ap, enum access_point_state state, enum reason reason);

static int deadline_fired(sd_event_source *source, uint64_t now, void *userdata) {
	(void)source;
	(void)now;
	struct access_point *ap = userdata;
	switch (ap->state) {
	case ACCESS_POINT_STARTING:
		enter_state(ap, ACCESS_POINT_STOPPING, wifi_control_is_open(ap->control) ? REASON_AP_TIMEOUT : REASON_WIFI_GONE);
		break;
	case ACCESS_POINT_STOPPING:
		if (!wifi_control_is_open(ap->control)) {
			enter_state(ap, ACCESS_POINT_OFF, ap->reason);
			break;
		}
		log_reason(LOG_LEVEL_ERROR, AREA, REASON_AP_TIMEOUT, "%s: hostapd did not stop in time", ap->interface);
		wifi_control_reset(ap->control);
		enter_state(ap, ACCESS_POINT_OFF, ap->reason == REASON_OK ? REASON_AP_TIMEOUT : ap->reason);
		break;
	case ACCESS_POINT_OFF:
	case ACCESS_POINT_UP:
		break;
	}
	return 0;
}

static void interface_down(struct access_point *ap) {
	const struct interface_port *port = ap->environment->port;
	int r = port->set_up(port->context, ap->interface, false);
	if (r < 0)
		log_line(LOG_LEVEL_WARNING, AREA, "%s could not be taken down: %s", ap->interface, strerror(-r));
}

/* The next script towards what is wanted, if there is one and none is under way. */
static void go_on(struct access_point *ap) {
	if (!wifi_control_is_open(ap->control) || wifi_script_is_running(&ap->script))
		return;
	switch (ap->hostapd) {
	case HOSTAPD_UNKNOWN:
		wifi_script_run(&ap->script, stop_script, ELEMENTS(stop_script));
		break;
	case HOSTAPD_STOPPED:
		wifi_script_run(&ap->script, prepare_script, ELEMENTS(prepare_script));
		break;
	case HOSTAPD_PREPARED:
		if (ap->state == ACCESS_POINT_STARTING)
			wifi_script_run(&ap->script, start_script, ELEMENTS(start_script));
		break;
	}
}

/* What a script's end, in either way, means in the present state. */
static void script_finished(void *context) {
	struct access_point *ap = context;
	switch (ap->state) {
	case ACCESS_POINT_STARTING:
		if (ap->hostapd == HOSTAPD_PREPARED) {
			enter_state(ap, ACCESS_POINT_UP, REASON_OK);
		} else {
			ap->hostapd++;
			go_on(ap);
		}
		break;
	case ACCESS_POINT_STOPPING:
		ap->hostapd = HOSTAPD_STOPPED;
		enter_state(ap, ACCESS_POINT_OFF, ap->reason);
		break;
	case ACCESS_POINT_OFF:
		if (ap->hostapd++ == HOSTAPD_UNKNOWN)
			interface_down(ap);
		go_on(ap);
		break;
	case ACCESS_POINT_UP:
		break;
	}
}

static void script_failed(void *context, const char *what) {
	struct access_point *ap = context;
	switch (ap->state) {
	case ACCESS_POINT_STARTING:
		log_reason(LOG_LEVEL_WARNING, AREA, REASON_AP_REFUSED, "%s: hostapd refused %s", ap->interface, what);
		enter_state(ap, ACCESS_POINT_STOPPING, REASON_AP_REFUSED);
		break;
	case ACCESS_POINT_STOPPING:
		log_reason(LOG_LEVEL_ERROR, AREA, REASON_AP_FAILED, "%s: hostapd refused %s", ap->interface, what);
		wifi_control_reset(ap->control); /* once it is open again, the stop is tried once more */
		enter_state(ap, ACCESS_POINT_OFF, ap->reason == REASON_OK ? REASON_AP_FAILED : ap->reason);
		break;
	case ACCESS_POINT_OFF:
		log_reason(LOG_LEVEL_WARNING, AREA, REASON_AP_FAILED, "%s: hostapd refused %s", ap->interface, what);
		interface_down(ap);
		break;
	case ACCESS_POINT_UP:
		break;
	}
}

/* The one place where the state changes. A callback is the last thing it does: it may free the access point. */
static void enter_state(struct access_point *ap, enum access_point_state state, enum reason reason) {
	ap->state = state;
	ap->reason = reason;
	loop_timer_stop(ap->deadline);
	wifi_control_watch(ap->control, state != ACCESS_POINT_OFF);
	switch (state) {
	case ACCESS_POINT_STARTING:
		ap->has_station = false;
		if (wifi_control_is_open(ap->control)) {
			loop_timer_start(ap->deadline, ap->environment->timing->access_point_start);
			go_on(ap);
		} else {
			loop_timer_start(ap->deadline, ap->environment->timing->open);
		}
		break;
	case ACCESS_POINT_UP:
		wifi_credentials_wipe(&ap->credentials); /* hostapd has them: one copy less */
		wifi_script_stop(&ap->script);
		ap->hostapd = HOSTAPD_UNKNOWN;
		ap->callbacks.up(ap->context);
		break;
	case ACCESS_POINT_STOPPING:
		wifi_credentials_wipe(&ap->credentials);
		wifi_script_stop(&ap->script);
		ap->hostapd = HOSTAPD_UNKNOWN;
		if (wifi_control_is_open(ap->control)) {
			loop_timer_start(ap->deadline, ap->environment->timing->access_point_stop);
			go_on(ap);
		} else {
			/* Nothing is left to hold the secret. From the event loop, as every outcome. */
			loop_timer_start(ap->deadline, 0);
		}
		break;
	case ACCESS_POINT_OFF:
		wifi_script_stop(&ap->script);
		interface_down(ap);
		go_on(ap);
		ap->callbacks.off(ap->context, reason);
		break;
	}
}

static void control_opened(void *context) {
	struct access_point *ap = context;
	ap->hostapd = HOSTAPD_UNKNOWN;
	switch (ap->state) {
	case ACCESS_POINT_OFF:
		go_on(ap);
		break;
	case ACCESS_POINT_STARTING:
		enter_state(ap, ACCESS_POINT_STARTING, REASON_OK);
		break;
	case ACCESS_POINT_STOPPING: /* it was not there when that began */
		enter_state(ap, ACCESS_POINT_STOPPING, ap->reason);
		break;
	case ACCESS_POINT_UP:
		break;
	}
}

static void control_closed(void *context) {
	struct access_point *ap = context;
	wifi_script_stop(&ap->script);
	switch (ap->state) {
	case ACCESS_POINT_OFF:
		break;
	case ACCESS_POINT_STARTING:
	case ACCESS_POINT_UP:
		wifi_credentials_wipe(&ap->credentials);
		enter_state(ap, ACCESS_POINT_OFF, REASON_WIFI_GONE);
		break;
	case ACCESS_POINT_STOPPING:
		enter_state(ap, ACCESS_POINT_OFF, ap->reason == REASON_OK ? REASON_WIFI_GONE : ap->reason);
		break;
	}
}

static void event_while_starting(struct access_point *ap, const struct wifi_event *event) {
	if (!wifi_script_has_sent(&ap->script, "ENABLE"))
		return; /* hostapd's own start, before ours */
	if (event->kind == WIFI_EVENT_AP_ENABLED) {
		enter_state(ap, ACCESS_POINT_UP, REASON_OK);
	} else if (event->kind == WIFI_EVENT_AP_DISABLED) {
		enter_state(ap, ACCESS_POINT_STOPPING, REASON_AP_REFUSED);
	}
}

static void station_connected(struct access_point *ap, const uint8_t mac[MAC_SIZE]) {
	if (ap->has_station) {
		/* Within the moment before CLOSE_SLOTS took effect. */
		char command[WIFI_COMMAND_LIMIT];
		if (memcmp(ap->station, mac, MAC_SIZE) == 0)
			return;
		log_line(LOG_LEVEL_NOTICE, AREA, "%s: a second station was sent away", ap->interface);
		snprintf(command, sizeof(command), "DEAUTHENTICATE %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		         mac[4], mac[5]);
		(void)wifi_control_send(ap->control, command, NULL, NULL);
		return;
	}
	ap->has_station = true;
	memcpy(ap->station, mac, MAC_SIZE);
	(void)wifi_control_send(ap->control, CLOSE_SLOTS, NULL, NULL);
	ap->callbacks.joined(ap->context, mac);
}

static void station_disconnected(struct access_point *ap, const uint8_t mac[MAC_SIZE]) {
	if (!ap->has_station || memcmp(ap->station, mac, MAC_SIZE) != 0)
		return; /* one that had been sent away, or never proved the key */
	ap->has_station = false;
	(void)wifi_control_send(ap->control, OPEN_SLOTS, NULL, NULL);
	ap->callbacks.left(ap->context, mac);
}

static void event_while_up(struct access_point *ap, const struct wifi_event *event) {
	if (event->kind == WIFI_EVENT_STATION_CONNECTED && event->has_mac) {
		station_connected(ap, event->mac);
	} else if (event->kind == WIFI_EVENT_STATION_DISCONNECTED && event->has_mac) {
		station_disconnected(ap, event->mac);
	} else if (event->kind == WIFI_EVENT_PSK_MISMATCH) {
		log_reason(LOG_LEVEL_NOTICE, AREA, REASON_JOIN_REFUSED, "%s: a station tried another key", ap->interface);
	} else if (event->kind == WIFI_EVENT_AP_DISABLED || event->kind == WIFI_EVENT_INTERFACE_DISABLED ||
	           event->kind == WIFI_EVENT_TERMINATING) {
		log_reason(LOG_LEVEL_WARNING, AREA, REASON_AP_FAILED, "%s: the access point went down", ap->interface);
		enter_state(ap, ACCESS_POINT_STOPPING, REASON_AP_FAILED);
	}
}

static void control_event(void *context, const struct wifi_event *event) {
	struct access_point *ap = context;
	switch (ap->state) {
	case ACCESS_POINT_STARTING:
		event_while_starting(ap, event);
		break;
	case ACCESS_POINT_UP:
		event_while_up(ap, event);
		break;
	case ACCESS_POINT_OFF:
	case ACCESS_POINT_STOPPING:
		break;
	}
}

int access_point_start(struct access_point *ap, const struct wifi_credentials *credentials) {
	if (ap->state != ACCESS_POINT_OFF)
		return -EALREADY;
	if (wifi_credentials_check(credentials) < 0)
		return -EINVAL;
	ap->credentials = *credentials;
	enter_state(ap, ACCESS_POINT_STARTING, REASON_OK);
	return 0;
}

void access_point_stop(struct access_point *ap) {
	if (ap->state == ACCESS_POINT_STARTING || ap->state == ACCESS_POINT_UP)
		enter_state(ap, ACCESS_POINT_STOPPING, REASON_OK);
}

enum access_point_state access_point_state(const struct access_point *ap) {
	return ap->state;
}

int access_point_new_on(struct access_point **ret, sd_event *event, const char *control_path, const char *interface,
                        const struct wifi_environment *environment, const struct access_point_callbacks *callbacks,
                        void *context) {
	static const struct wifi_control_callbacks control_callbacks = { control_opened, control_closed, control_event };
	struct access_point *ap = calloc(1, sizeof(*ap));
	if (!ap)
		return -ENOMEM;
	*ap = (struct access_point){
		.environment = environment,
		.callbacks = *callbacks,
		.context = context,
		.interface = strdup(interface),
		.state = ACCESS_POINT_OFF,
	};
	int r = ap->interface ? 0 : -ENOMEM;
	if (r == 0)
		r = loop_timer_new(event, &ap->deadline, WIFI_TIMER_ACCURACY, deadline_fired, ap);
	if (r >= 0)
		r = wifi_control_new(&ap->control, event, control_path, environment, &control_callbacks, ap);
	if (r < 0) {
		access_point_free(ap);
		return r;
	}
	ap->script = (struct wifi_script){
		.control = ap->control, .finished = script_finished, .failed = script_failed, .context = ap
	};
	*ret = ap;
	return 0;
}

int access_point_new(struct access_point **ret, sd_event *event, const char *control_path, const char *interface,
                     const struct access_point_callbacks *callbacks, void *context) {
	return access_point_new_on(ret, event, control_path, interface, wifi_environment_system(), callbacks, context);
}

void access_point_free(struct access_point *ap) {
	if (!ap)
		return;
	if (ap->control && ap->interface && ap->state != ACCESS_POINT_OFF) {
		/* There is no loop to wait in any longer: the whole stop is left in hostapd's queue, and the radio goes off now.
		 */
		wifi_script_leave(&ap->script, stop_script, ELEMENTS(stop_script));
		interface_down(ap);
	}
	sd_event_source_disable_unref(ap->deadline);
	wifi_control_free(ap->control);
	free(ap->interface);
	wipe(ap, sizeof(*ap));
	free(ap);
}
