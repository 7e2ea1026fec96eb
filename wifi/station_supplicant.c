#include "wifi/station_on.h"

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

enum station_state {
	STATION_OFF,
	STATION_CONFIGURING, /* interface going up, the network is being described to wpa_supplicant; or waiting for credentials
	                      */
	STATION_JOINING,     /* wpa_supplicant scans, associates, does the four-way handshake */
	STATION_ADDRESSING,  /* authenticated; waiting for an open port and a usable link-local address */
	STATION_JOINED,
	STATION_LEAVING,
};

struct supplicant {
	struct station station;
	sd_event *event;
	const struct wifi_environment *environment;
	struct station_callbacks callbacks;
	void *context;
	char *interface;
	bool random_mac;
	struct wifi_control *control;
	struct wifi_script script;
	struct interface_watch *watch;
	sd_event_source *deadline; /* of the join or the leave as a whole */
	sd_event_source *rescan;

	enum station_state state;
	enum reason reason; /* LEAVING: what `off` will say */
	bool wanted;        /* CONFIGURING: the credentials are there */
	bool prepared;      /* CONFIGURING: wpa_supplicant has a network that lacks only what they say */
	struct wifi_credentials credentials;
	unsigned network; /* wpa_supplicant's number for it */
	unsigned refusals;
	bool supplicant_mac; /* the random address is left to wpa_supplicant: we may not set it */
};

/* An SSID is hexadecimal digits and never a quoted string: it may hold any bytes. */
static int write_ssid(void *context, char *out, size_t capacity) {
	const struct supplicant *s = context;
	char hex[2 * SSID_LIMIT + 1];
	hex_encode(hex, s->credentials.ssid, s->credentials.ssid_length);
	return snprintf(out, capacity, "SET_NETWORK %u ssid %s", s->network, hex);
}

static int write_psk(void *context, char *out, size_t capacity) {
	const struct supplicant *s = context;
	uint8_t psk[PSK_SIZE];
	char hex[2 * PSK_SIZE + 1];
	int r = wifi_credentials_psk(&s->credentials, psk);
	if (r < 0)
		return r;
	hex_encode(hex, psk, sizeof(psk));
	wipe(psk, sizeof(psk));
	r = snprintf(out, capacity, "SET_NETWORK %u psk %s", s->network, hex);
	wipe(hex, sizeof(hex));
	return r;
}

static int write_key_mgmt(void *context, char *out, size_t capacity) {
	const struct supplicant *s = context;
	return snprintf(out, capacity, "SET_NETWORK %u key_mgmt WPA-PSK WPA-PSK-SHA256", s->network);
}

static int write_proto(void *context, char *out, size_t capacity) {
	const struct supplicant *s = context;
	return snprintf(out, capacity, "SET_NETWORK %u proto RSN", s->network);
}

static int write_pairwise(void *context, char *out, size_t capacity) {
	const struct supplicant *s = context;
	return snprintf(out, capacity, "SET_NETWORK %u pairwise CCMP", s->network);
}

/* Protected management frames: without them anybody can send a deauthentication. */
static int write_pmf(void *context, char *out, size_t capacity) {
	const struct supplicant *s = context;
	return snprintf(out, capacity, "SET_NETWORK %u ieee80211w 2", s->network);
}

/* A network that tells its name is found without saying it, which everybody around would hear. */
static int write_hidden(void *context, char *out, size_t capacity) {
	const struct supplicant *s = context;
	return s->credentials.hidden ? snprintf(out, capacity, "SET_NETWORK %u scan_ssid 1", s->network) : 0;
}

static int write_bssid(void *context, char *out, size_t capacity) {
	const struct supplicant *s = context;
	const uint8_t *b = s->credentials.bssid;
	if (!s->credentials.has_bssid)
		return 0;
	return snprintf(out, capacity, "SET_NETWORK %u bssid %02x:%02x:%02x:%02x:%02x:%02x", s->network, b[0], b[1], b[2], b[3],
	                b[4], b[5]);
}

/* One channel to scan instead of all: the difference between 0.1 s and several seconds. */
static int write_scan_frequency(void *context, char *out, size_t capacity) {
	const struct supplicant *s = context;
	if (s->credentials.frequency_mhz == 0)
		return 0;
	return snprintf(out, capacity, "SET_NETWORK %u scan_freq %u", s->network, s->credentials.frequency_mhz);
}

/* A network of that name on another channel is not taken. With a BSSID there is nothing to choose from. */
static int write_frequency(void *context, char *out, size_t capacity) {
	const struct supplicant *s = context;
	if (s->credentials.frequency_mhz == 0 || s->credentials.has_bssid)
		return 0;
	return snprintf(out, capacity, "SET_NETWORK %u freq_list %u", s->network, s->credentials.frequency_mhz);
}

/* 1: a new random address, if the last is older than a minute. 0: the interface's own. */
static int write_mac(void *context, char *out, size_t capacity) {
	const struct supplicant *s = context;
	return snprintf(out, capacity, "SET_NETWORK %u mac_addr %d", s->network, s->supplicant_mac ? 1 : 0);
}

static int write_select(void *context, char *out, size_t capacity) {
	const struct supplicant *s = context;
	return snprintf(out, capacity, "SELECT_NETWORK %u", s->network);
}

static int write_random_psk(void *context, char *out, size_t capacity) {
	const struct supplicant *s = context;
	char hex[2 * PSK_SIZE + 1];
	wifi_random_hex(s->environment, hex, PSK_SIZE);
	return snprintf(out, capacity, "SET_NETWORK %u psk %s", s->network, hex);
}

/* The number that ADD_NETWORK answers with. */
static bool read_network(const char *text, size_t length, unsigned *ret) {
	unsigned number = 0;
	if (length == 0 || length > 5)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = number * 10 + (unsigned)(text[i] - '0');
	}
	*ret = number;
	return true;
}

static enum wifi_verdict judge_network(void *context, const char *text, size_t length) {
	struct supplicant *s = context;
	return read_network(text, length, &s->network) ? WIFI_VERDICT_GOOD : WIFI_VERDICT_REFUSED;
}

static const struct wifi_step prepare_script[] = {
	{ .text = "REMOVE_NETWORK all" },
	{ .text = "ADD_NETWORK", .judge = judge_network },
	{ .write = write_key_mgmt, .in_turn = true }, /* its number is known */
	{ .write = write_proto },
	{ .write = write_pairwise },
	{ .write = write_pmf },
	{ .write = write_mac },
};

static const struct wifi_step join_script[] = {
	{ .write = write_ssid },
	{ .write = write_hidden },
	{ .write = write_bssid },
	{ .write = write_scan_frequency },
	{ .write = write_frequency },
	{ .write = write_psk },
	{ .write = write_select, .in_turn = true },
};

/* Also run whenever wpa_supplicant appears: it starts with its interface up. The key is overwritten before the network is
 * removed; what was learnt of the network (scan results hold its name) goes too. */
static const struct wifi_step leave_script[] = {
	{ .text = "DISCONNECT", .judge = wifi_judge_anything },
	{ .write = write_random_psk, .judge = wifi_judge_anything },
	{ .text = "REMOVE_NETWORK all" },
	{ .text = "PMKSA_FLUSH", .judge = wifi_judge_anything },
	{ .text = "BSS_FLUSH 0", .judge = wifi_judge_anything },
};

/* After a refused association wpa_supplicant avoids the access point for a while; here there is no other to go to. Selecting the
 * network again lifts a temporary disablement and scans at once, but leaves alone an association that is under way by now, as
 * REASSOCIATE would not. */
static const struct wifi_step retry_script[] = {
	{ .text = "BSSID_IGNORE clear", .judge = wifi_judge_anything },
	{ .write = write_select },
};

static enum wifi_verdict judge_status(void *context, const char *text, size_t length) {
	(void)context;
	return wifi_reply_has(text, length, "wpa_state=COMPLETED") ? WIFI_VERDICT_GOOD : WIFI_VERDICT_REFUSED;
}

/* wpa_supplicant says CONNECTED, then gives the interface its link, and only then lets the kernel pass data (IEEE 802.1X's
 * controlled port). The address is there by then: the first question for it often went unheard (5 of 12 joins in the lab), which
 * costs a second. wpa_supplicant does all this in one go: when it answers again, the port is open. */
static const struct wifi_step port_script[] = {
	{ .text = "STATUS", .judge = judge_status },
};

static void enter_state(struct supplicant *s, enum station_state state, enum reason reason);

static int deadline_fired(sd_event_source *source, uint64_t now, void *userdata) {
	(void)source;
	(void)now;
	struct supplicant *s = userdata;
	switch (s->state) {
	case STATION_CONFIGURING:
		enter_state(s, STATION_LEAVING, wifi_control_is_open(s->control) ? REASON_JOIN_TIMEOUT : REASON_WIFI_GONE);
		break;
	case STATION_JOINING:
	case STATION_ADDRESSING:
		enter_state(s, STATION_LEAVING, s->refusals > 0 ? REASON_JOIN_REFUSED : REASON_JOIN_TIMEOUT);
		break;
	case STATION_LEAVING:
		if (!wifi_control_is_open(s->control)) {
			enter_state(s, STATION_OFF, s->reason);
			break;
		}
		wifi_control_reset(s->control);
		enter_state(s, STATION_OFF, s->reason == REASON_OK ? REASON_WIFI_GONE : s->reason);
		break;
	case STATION_OFF:
	case STATION_JOINED:
		break;
	}
	return 0;
}

static void interface_down(struct supplicant *s) {
	const struct interface_port *port = s->environment->port;
	int r = port->set_up(port->context, s->interface, false);
	if (r < 0)
		log_line(LOG_LEVEL_WARNING, AREA, "%s could not be taken down: %s", s->interface, strerror(-r));
}

static int interface_up(struct supplicant *s) {
	const struct interface_port *port = s->environment->port;
	int r = port->set_up(port->context, s->interface, true);
	if (r < 0)
		log_line(LOG_LEVEL_WARNING, AREA, "%s could not be brought up: %s", s->interface, strerror(-r));
	return r;
}

/* The rest of the network, as soon as there is a network and the rest is known. */
static void describe(struct supplicant *s) {
	if (!s->prepared || !s->wanted)
		return;
	if (interface_up(s) < 0) /* it was, but that may be a while ago */
		enter_state(s, STATION_LEAVING, REASON_JOIN_REFUSED);
	else
		wifi_script_run(&s->script, join_script, ELEMENTS(join_script));
}

static void address_usable(void *context, unsigned index, const uint8_t address[16]) {
	struct supplicant *s = context;
	if (s->state != STATION_ADDRESSING)
		return;
	uint8_t copy[16]; /* the watch, which owns the address, goes when the state changes */
	memcpy(copy, address, sizeof(copy));
	loop_timer_stop(s->deadline);
	s->environment->port->unwatch(s->environment->port->context, s->watch);
	s->watch = NULL;
	s->state = STATION_JOINED;
	s->callbacks.joined(s->context, index, copy);
}

static void watch_addresses(struct supplicant *s) {
	const struct interface_port *port = s->environment->port;
	if (port->watch(port->context, &s->watch, s->event, s->interface, address_usable, s) < 0)
		enter_state(s, STATION_LEAVING, REASON_JOIN_LOST);
}

static void script_finished(void *context) {
	struct supplicant *s = context;
	switch (s->state) {
	case STATION_CONFIGURING:
		if (s->prepared) {
			enter_state(s, STATION_JOINING, REASON_OK);
		} else {
			s->prepared = true;
			describe(s);
		}
		break;
	case STATION_LEAVING:
		enter_state(s, STATION_OFF, s->reason);
		break;
	case STATION_OFF:
		interface_down(s);
		break;
	case STATION_ADDRESSING:
		watch_addresses(s);
		break;
	case STATION_JOINING: /* a retry was ordered */
	case STATION_JOINED:
		break;
	}
}

static void script_failed(void *context, const char *what) {
	struct supplicant *s = context;
	enum reason reason = s->state == STATION_ADDRESSING ? REASON_JOIN_LOST : REASON_JOIN_REFUSED;
	log_reason(LOG_LEVEL_WARNING, AREA, reason, "%s: wpa_supplicant refused %s", s->interface, what);
	switch (s->state) {
	case STATION_CONFIGURING:
	case STATION_JOINING:
	case STATION_ADDRESSING:
		enter_state(s, STATION_LEAVING, reason);
		break;
	case STATION_LEAVING:
		wifi_control_reset(s->control); /* once it is open again, the leave is tried once more */
		enter_state(s, STATION_OFF, s->reason == REASON_OK ? REASON_WIFI_GONE : s->reason);
		break;
	case STATION_OFF:
		interface_down(s);
		break;
	case STATION_JOINED:
		break;
	}
}

/* A new address for every join, set while the interface is down anyway: wpa_supplicant's own mac_addr=1 would bounce the
 * interface once more, and keeps an address for a minute. */
static void set_random_address(struct supplicant *s) {
	const struct interface_port *port = s->environment->port;
	uint8_t mac[MAC_SIZE];
	wifi_random_address(mac, s->environment->random);
	int r = port->set_up(port->context, s->interface, false);
	if (r == 0)
		r = port->set_address(port->context, s->interface, mac);
	s->supplicant_mac = r < 0;
	if (r < 0)
		log_line(LOG_LEVEL_NOTICE, AREA, "%s: address left to wpa_supplicant: %s", s->interface, strerror(-r));
}

static void configure(struct supplicant *s) {
	s->prepared = s->supplicant_mac = false;
	if (s->random_mac)
		set_random_address(s);
	if (interface_up(s) < 0)
		enter_state(s, STATION_LEAVING, REASON_JOIN_REFUSED);
	else
		wifi_script_run(&s->script, prepare_script, ELEMENTS(prepare_script));
}

/* A preparation waits as long as who ordered it does, also for a wpa_supplicant that is not there. */
static void set_join_deadline(struct supplicant *s) {
	const struct wifi_timing *timing = s->environment->timing;
	if (s->wanted)
		loop_timer_start(s->deadline, wifi_control_is_open(s->control) ? timing->join : timing->open);
	else
		loop_timer_stop(s->deadline);
}

/* The one place where the state changes, but for JOINED. A callback is the last thing it does: it may free the station. */
static void enter_state(struct supplicant *s, enum station_state state, enum reason reason) {
	const struct interface_port *port = s->environment->port;
	const struct wifi_timing *timing = s->environment->timing;
	s->state = state;
	s->reason = reason;
	wifi_control_watch(s->control, state != STATION_OFF);
	if (state != STATION_JOINING)
		loop_timer_stop(s->rescan);
	switch (state) {
	case STATION_CONFIGURING:
		set_join_deadline(s);
		if (wifi_control_is_open(s->control))
			configure(s);
		break;
	case STATION_JOINING:
		/* The deadline runs on. wpa_supplicant has the key: one copy less. */
		wifi_credentials_wipe(&s->credentials);
		break;
	case STATION_ADDRESSING:
		wifi_credentials_wipe(&s->credentials);
		wifi_script_run(&s->script, port_script, ELEMENTS(port_script));
		break;
	case STATION_JOINED:
		break;
	case STATION_LEAVING:
		wifi_credentials_wipe(&s->credentials);
		port->unwatch(port->context, s->watch);
		s->watch = NULL;
		if (wifi_control_is_open(s->control)) {
			loop_timer_start(s->deadline, timing->leave);
			wifi_script_run(&s->script, leave_script, ELEMENTS(leave_script));
		} else {
			loop_timer_start(s->deadline, 0); /* from the event loop, as every outcome */
		}
		break;
	case STATION_OFF:
		wifi_credentials_wipe(&s->credentials);
		port->unwatch(port->context, s->watch);
		s->watch = NULL;
		loop_timer_stop(s->deadline);
		wifi_script_stop(&s->script);
		interface_down(s);
		s->callbacks.off(s->context, reason);
		break;
	}
}

static void control_opened(void *context) {
	struct supplicant *s = context;
	switch (s->state) {
	case STATION_OFF:
		wifi_script_run(&s->script, leave_script, ELEMENTS(leave_script));
		break;
	case STATION_CONFIGURING:
		enter_state(s, STATION_CONFIGURING, REASON_OK);
		break;
	case STATION_LEAVING: /* it was not there when that began */
		enter_state(s, STATION_LEAVING, s->reason);
		break;
	case STATION_JOINING:
	case STATION_ADDRESSING:
	case STATION_JOINED:
		break;
	}
}

static void control_closed(void *context) {
	struct supplicant *s = context;
	wifi_script_stop(&s->script);
	switch (s->state) {
	case STATION_OFF:
		break;
	case STATION_CONFIGURING:
		s->prepared = false;
		if (s->wanted)
			enter_state(s, STATION_OFF, REASON_WIFI_GONE);
		break; /* else nothing is lost yet: its successor is told anew */
	case STATION_JOINING:
	case STATION_ADDRESSING:
	case STATION_JOINED:
		enter_state(s, STATION_OFF, REASON_WIFI_GONE);
		break;
	case STATION_LEAVING:
		enter_state(s, STATION_OFF, s->reason == REASON_OK ? REASON_WIFI_GONE : s->reason);
		break;
	}
}

static int rescan_fired(sd_event_source *source, uint64_t now, void *userdata) {
	(void)source;
	(void)now;
	struct supplicant *s = userdata;
	if (s->state == STATION_JOINING && !wifi_script_is_running(&s->script))
		wifi_script_run(&s->script, retry_script, ELEMENTS(retry_script));
	return 0;
}

static void rescan_soon(struct supplicant *s) {
	if (!loop_timer_runs(s->rescan))
		loop_timer_start(s->rescan, s->environment->timing->rescan);
}

static void event_while_joining(struct supplicant *s, const struct wifi_event *event) {
	switch (event->kind) {
	case WIFI_EVENT_CONNECTED:
		wifi_script_stop(&s->script);
		enter_state(s, STATION_ADDRESSING, REASON_OK);
		break;
	case WIFI_EVENT_TEMP_DISABLED:
		if (event->wrong_key && ++s->refusals >= WIFI_KEY_REFUSALS)
			enter_state(s, STATION_LEAVING, REASON_JOIN_REFUSED);
		else
			rescan_soon(s);
		break;
	case WIFI_EVENT_NETWORK_NOT_FOUND:
	case WIFI_EVENT_SCAN_FAILED:
	case WIFI_EVENT_ASSOC_REJECT:
	case WIFI_EVENT_AUTH_REJECT:
	case WIFI_EVENT_DISCONNECTED:
		rescan_soon(s);
		break;
	case WIFI_EVENT_TERMINATING:
		enter_state(s, STATION_LEAVING, REASON_WIFI_GONE);
		break;
	case WIFI_EVENT_OTHER:
	case WIFI_EVENT_AP_ENABLED:
	case WIFI_EVENT_AP_DISABLED:
	case WIFI_EVENT_INTERFACE_ENABLED:
	case WIFI_EVENT_INTERFACE_DISABLED:
	case WIFI_EVENT_STATION_CONNECTED:
	case WIFI_EVENT_STATION_DISCONNECTED:
	case WIFI_EVENT_PSK_MISMATCH:
		break;
	}
}

static void control_event(void *context, const struct wifi_event *event) {
	struct supplicant *s = context;
	switch (s->state) {
	case STATION_JOINING:
		event_while_joining(s, event);
		break;
	case STATION_ADDRESSING:
	case STATION_JOINED:
		if (event->kind == WIFI_EVENT_DISCONNECTED)
			enter_state(s, STATION_LEAVING, REASON_JOIN_LOST);
		else if (event->kind == WIFI_EVENT_TERMINATING)
			enter_state(s, STATION_LEAVING, REASON_WIFI_GONE);
		break;
	case STATION_CONFIGURING:
		/* The two sockets have no order between them: what came of the last command may be heard before its reply. */
		if (s->prepared && wifi_script_awaits_last(&s->script))
			event_while_joining(s, event);
		break;
	case STATION_OFF:
	case STATION_LEAVING:
		break;
	}
}

static int supplicant_prepare(struct station *station) {
	struct supplicant *s = (struct supplicant *)station;
	if (s->state != STATION_OFF)
		return -EALREADY;
	s->wanted = s->prepared = false;
	enter_state(s, STATION_CONFIGURING, REASON_OK);
	return 0;
}

static int supplicant_join(struct station *station, const struct wifi_credentials *credentials) {
	struct supplicant *s = (struct supplicant *)station;
	bool is_prepared = s->state == STATION_CONFIGURING && !s->wanted;
	if (s->state != STATION_OFF && !is_prepared)
		return -EALREADY;
	if (wifi_credentials_check(credentials) < 0)
		return -EINVAL;
	s->credentials = *credentials;
	s->refusals = 0;
	s->wanted = true;
	if (!is_prepared) {
		s->prepared = false;
		enter_state(s, STATION_CONFIGURING, REASON_OK);
	} else {
		set_join_deadline(s);
		describe(s);
	}
	return 0;
}

static void supplicant_leave(struct station *station) {
	struct supplicant *s = (struct supplicant *)station;
	if (s->state != STATION_OFF && s->state != STATION_LEAVING)
		enter_state(s, STATION_LEAVING, REASON_OK);
}

static void supplicant_free(struct station *station) {
	struct supplicant *s = (struct supplicant *)station;
	if (s->control && s->interface && s->state != STATION_OFF) {
		/* There is no loop to wait in any longer: the whole leave is left in wpa_supplicant's queue. */
		wifi_script_leave(&s->script, leave_script, ELEMENTS(leave_script));
		interface_down(s);
	}
	s->environment->port->unwatch(s->environment->port->context, s->watch);
	sd_event_source_disable_unref(s->deadline);
	sd_event_source_disable_unref(s->rescan);
	wifi_control_free(s->control);
	sd_event_unref(s->event);
	free(s->interface);
	wipe(s, sizeof(*s));
	free(s);
}

int station_supplicant_new_on(struct station **ret, sd_event *event, const char *control_path, const char *interface,
                              bool random_mac, const struct wifi_environment *environment,
                              const struct station_callbacks *callbacks, void *context) {
	static const struct station_operations operations = { supplicant_prepare, supplicant_join, supplicant_leave,
		                                              supplicant_free };
	static const struct wifi_control_callbacks control_callbacks = { control_opened, control_closed, control_event };
	struct supplicant *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct supplicant){
		.station = { &operations },
		.event = sd_event_ref(event),
		.environment = environment,
		.callbacks = *callbacks,
		.context = context,
		.interface = strdup(interface),
		.random_mac = random_mac,
		.state = STATION_OFF,
	};
	int r = s->interface ? 0 : -ENOMEM;
	if (r == 0)
		r = loop_timer_new(event, &s->deadline, WIFI_TIMER_ACCURACY, deadline_fired, s);
	if (r >= 0)
		r = loop_timer_new(event, &s->rescan, WIFI_TIMER_ACCURACY, rescan_fired, s);
	if (r >= 0)
		r = wifi_control_new(&s->control, event, control_path, environment, &control_callbacks, s);
	if (r < 0) {
		supplicant_free(&s->station);
		return r;
	}
	s->script =
	        (struct wifi_script){ .control = s->control, .finished = script_finished, .failed = script_failed, .context = s };
	*ret = &s->station;
	return 0;
}

int station_supplicant_new(struct station **ret, sd_event *event, const char *control_path, const char *interface,
                           bool random_mac, const struct station_callbacks *callbacks, void *context) {
	return station_supplicant_new_on(ret, event, control_path, interface, random_mac, wifi_environment_system(), callbacks,
	                                 context);
}
