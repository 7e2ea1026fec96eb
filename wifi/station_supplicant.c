#include "wifi/station_on.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/log.h"
#include "wifi/control.h"

#define AREA "wifi"

enum station_state {
	STATION_OFF,
	STATION_CONFIGURING, /* interface going up, the network is being described to wpa_supplicant */
	STATION_JOINING,     /* wpa_supplicant scans, associates, does the four-way handshake */
	STATION_ADDRESSING,  /* authenticated; waiting for a usable link-local address */
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
	struct interface_watch *watch;
	sd_event_source *deadline; /* of the join or the leave as a whole */
	sd_event_source *rescan;

	enum station_state state;
	enum reason reason; /* LEAVING: what `off` will say */
	struct wifi_credentials credentials;
	unsigned network; /* wpa_supplicant's number for it */
	unsigned refusals;

	const struct step *script;
	size_t script_length, step;
};

/* One command to wpa_supplicant, literal or written from the credentials, and what is expected back. */
struct step {
	const char *text;
	int (*write)(struct supplicant *s, char *out, size_t capacity);
	enum { EXPECT_OK, EXPECT_ANYTHING, EXPECT_NETWORK } expect;
};

/* An SSID is hexadecimal digits and never a quoted string: it may hold any bytes. */
static int write_ssid(struct supplicant *s, char *out, size_t capacity) {
	char hex[2 * SSID_LIMIT + 1];
	hex_encode(hex, s->credentials.ssid, s->credentials.ssid_length);
	return snprintf(out, capacity, "SET_NETWORK %u ssid %s", s->network, hex);
}

static int write_psk(struct supplicant *s, char *out, size_t capacity) {
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

static int write_key_mgmt(struct supplicant *s, char *out, size_t capacity) {
	return snprintf(out, capacity, "SET_NETWORK %u key_mgmt WPA-PSK WPA-PSK-SHA256", s->network);
}

static int write_proto(struct supplicant *s, char *out, size_t capacity) {
	return snprintf(out, capacity, "SET_NETWORK %u proto RSN", s->network);
}

static int write_pairwise(struct supplicant *s, char *out, size_t capacity) {
	return snprintf(out, capacity, "SET_NETWORK %u pairwise CCMP", s->network);
}

/* Protected management frames: without them anybody can send a deauthentication. */
static int write_pmf(struct supplicant *s, char *out, size_t capacity) {
	return snprintf(out, capacity, "SET_NETWORK %u ieee80211w 2", s->network);
}

static int write_hidden(struct supplicant *s, char *out, size_t capacity) {
	return snprintf(out, capacity, "SET_NETWORK %u scan_ssid %d", s->network, s->credentials.hidden ? 1 : 0);
}

static int write_bssid(struct supplicant *s, char *out, size_t capacity) {
	const uint8_t *b = s->credentials.bssid;
	if (!s->credentials.has_bssid)
		return 0;
	return snprintf(out, capacity, "SET_NETWORK %u bssid %02x:%02x:%02x:%02x:%02x:%02x", s->network, b[0], b[1], b[2], b[3],
	                b[4], b[5]);
}

/* One channel to scan instead of all: the difference between 0.1 s and several seconds. */
static int write_scan_frequency(struct supplicant *s, char *out, size_t capacity) {
	if (s->credentials.frequency_mhz == 0)
		return 0;
	return snprintf(out, capacity, "SET_NETWORK %u scan_freq %u", s->network, s->credentials.frequency_mhz);
}

static int write_frequency(struct supplicant *s, char *out, size_t capacity) {
	if (s->credentials.frequency_mhz == 0)
		return 0;
	return snprintf(out, capacity, "SET_NETWORK %u freq_list %u", s->network, s->credentials.frequency_mhz);
}

/* 1: a new random address for every association. 0: the interface's own. */
static int write_mac(struct supplicant *s, char *out, size_t capacity) {
	return snprintf(out, capacity, "SET_NETWORK %u mac_addr %d", s->network, s->random_mac ? 1 : 0);
}

static int write_select(struct supplicant *s, char *out, size_t capacity) {
	return snprintf(out, capacity, "SELECT_NETWORK %u", s->network);
}

static int write_random_psk(struct supplicant *s, char *out, size_t capacity) {
	char hex[2 * PSK_SIZE + 1];
	wifi_random_hex(s->environment, hex, PSK_SIZE);
	return snprintf(out, capacity, "SET_NETWORK %u psk %s", s->network, hex);
}

static const struct step join_script[] = {
	{ "REMOVE_NETWORK all", NULL, EXPECT_OK },
	{ "ADD_NETWORK", NULL, EXPECT_NETWORK },
	{ NULL, write_ssid, EXPECT_OK },
	{ NULL, write_key_mgmt, EXPECT_OK },
	{ NULL, write_proto, EXPECT_OK },
	{ NULL, write_pairwise, EXPECT_OK },
	{ NULL, write_pmf, EXPECT_OK },
	{ NULL, write_hidden, EXPECT_OK },
	{ NULL, write_bssid, EXPECT_OK },
	{ NULL, write_scan_frequency, EXPECT_OK },
	{ NULL, write_frequency, EXPECT_OK },
	{ NULL, write_mac, EXPECT_OK },
	{ NULL, write_psk, EXPECT_OK },
	{ NULL, write_select, EXPECT_OK },
};

/* Also run whenever wpa_supplicant appears: it starts with its interface up. The key is overwritten before the network is
 * removed; what was learnt of the network (scan results hold its name) goes too. */
static const struct step leave_script[] = {
	{ "DISCONNECT", NULL, EXPECT_ANYTHING },   { NULL, write_random_psk, EXPECT_ANYTHING },
	{ "REMOVE_NETWORK all", NULL, EXPECT_OK }, { "PMKSA_FLUSH", NULL, EXPECT_ANYTHING },
	{ "BSS_FLUSH 0", NULL, EXPECT_ANYTHING },
};

/* After a refused association wpa_supplicant avoids the access point for a while; here there is no other to go to. */
static const struct step retry_script[] = {
	{ "BSSID_IGNORE clear", NULL, EXPECT_ANYTHING },
	{ NULL, write_select, EXPECT_OK }, /* also lifts a temporary disablement */
	{ "REASSOCIATE", NULL, EXPECT_ANYTHING },
};

static void enter_state(struct supplicant *s, enum station_state state, enum reason reason);
static void script_reply(void *context, const char *text, size_t length);

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

static void set_deadline(struct supplicant *s, uint64_t in) {
	s->deadline = sd_event_source_disable_unref(s->deadline);
	int r = sd_event_add_time_relative(s->event, &s->deadline, CLOCK_BOOTTIME, in, 1, deadline_fired, s);
	if (r < 0)
		log_line(LOG_LEVEL_ERROR, AREA, "%s: no timer: %s", s->interface, strerror(-r));
}

static void interface_down(struct supplicant *s) {
	const struct interface_port *port = s->environment->port;
	int r = port->set_up(port->context, s->interface, false);
	if (r < 0)
		log_line(LOG_LEVEL_WARNING, AREA, "%s could not be taken down: %s", s->interface, strerror(-r));
}

static void script_finished(struct supplicant *s) {
	s->script = NULL;
	switch (s->state) {
	case STATION_CONFIGURING:
		enter_state(s, STATION_JOINING, REASON_OK);
		break;
	case STATION_LEAVING:
		enter_state(s, STATION_OFF, s->reason);
		break;
	case STATION_OFF:
		interface_down(s);
		break;
	case STATION_JOINING: /* a retry was ordered */
	case STATION_ADDRESSING:
	case STATION_JOINED:
		break;
	}
}

static void script_failed(struct supplicant *s) {
	const struct step *step = &s->script[s->step];
	log_reason(LOG_LEVEL_WARNING, AREA, REASON_JOIN_REFUSED, "%s: wpa_supplicant refused %s", s->interface,
	           step->text ? step->text : "a setting");
	s->script = NULL;
	switch (s->state) {
	case STATION_CONFIGURING:
	case STATION_JOINING:
		enter_state(s, STATION_LEAVING, REASON_JOIN_REFUSED);
		break;
	case STATION_LEAVING:
		enter_state(s, STATION_OFF, s->reason == REASON_OK ? REASON_WIFI_GONE : s->reason);
		break;
	case STATION_OFF:
		interface_down(s);
		break;
	case STATION_ADDRESSING:
	case STATION_JOINED:
		break;
	}
}

/* Sends the step's command; steps that have nothing to say in this case are passed over. */
static void script_continue(struct supplicant *s) {
	char command[WIFI_COMMAND_LIMIT + 1];
	int length = 0;
	while (s->step < s->script_length) {
		const struct step *step = &s->script[s->step];
		length = step->write ? step->write(s, command, sizeof(command))
		                     : snprintf(command, sizeof(command), "%s", step->text);
		if (length != 0)
			break;
		s->step++;
	}
	if (s->step == s->script_length) {
		script_finished(s);
		return;
	}
	int r = length < 0 ? length : wifi_control_send(s->control, command, script_reply);
	wipe(command, sizeof(command));
	if (r < 0)
		script_failed(s);
}

static void script_start(struct supplicant *s, const struct step *script, size_t length) {
	wifi_control_cancel(s->control);
	s->script = script;
	s->script_length = length;
	s->step = 0;
	script_continue(s);
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

static void script_reply(void *context, const char *text, size_t length) {
	struct supplicant *s = context;
	if (!s->script)
		return;
	bool accepted = false;
	switch (s->script[s->step].expect) {
	case EXPECT_OK:
		accepted = wifi_reply_is(text, length, "OK");
		break;
	case EXPECT_ANYTHING:
		accepted = true;
		break;
	case EXPECT_NETWORK:
		accepted = read_network(text, length, &s->network);
		break;
	}
	if (!accepted) {
		script_failed(s);
		return;
	}
	s->step++;
	script_continue(s);
}

static void address_usable(void *context, unsigned index, const uint8_t address[16]) {
	struct supplicant *s = context;
	if (s->state != STATION_ADDRESSING)
		return;
	uint8_t copy[16]; /* the watch, which owns the address, goes when the state changes */
	memcpy(copy, address, sizeof(copy));
	s->deadline = sd_event_source_disable_unref(s->deadline);
	s->environment->port->unwatch(s->environment->port->context, s->watch);
	s->watch = NULL;
	s->state = STATION_JOINED;
	s->callbacks.joined(s->context, index, copy);
}

static int configure(struct supplicant *s) {
	const struct interface_port *port = s->environment->port;
	int r = port->set_up(port->context, s->interface, true);
	if (r < 0) {
		log_line(LOG_LEVEL_WARNING, AREA, "%s could not be brought up: %s", s->interface, strerror(-r));
		return r;
	}
	script_start(s, join_script, ELEMENTS(join_script));
	return 0;
}

/* The one place where the state changes, but for JOINED. A callback is the last thing it does: it may free the station. */
static void enter_state(struct supplicant *s, enum station_state state, enum reason reason) {
	const struct interface_port *port = s->environment->port;
	const struct wifi_timing *timing = s->environment->timing;
	s->state = state;
	s->reason = reason;
	s->rescan = sd_event_source_disable_unref(s->rescan);
	switch (state) {
	case STATION_CONFIGURING:
		if (!wifi_control_is_open(s->control)) {
			set_deadline(s, timing->open);
		} else {
			set_deadline(s, timing->join);
			if (configure(s) < 0)
				enter_state(s, STATION_LEAVING, REASON_JOIN_REFUSED);
		}
		break;
	case STATION_JOINING:
		break; /* the deadline runs on */
	case STATION_ADDRESSING:
		if (port->watch(port->context, &s->watch, s->event, s->interface, address_usable, s) < 0)
			enter_state(s, STATION_LEAVING, REASON_JOIN_LOST);
		break;
	case STATION_JOINED:
		break;
	case STATION_LEAVING:
		wifi_credentials_wipe(&s->credentials);
		port->unwatch(port->context, s->watch);
		s->watch = NULL;
		if (wifi_control_is_open(s->control)) {
			set_deadline(s, timing->leave);
			script_start(s, leave_script, ELEMENTS(leave_script));
		} else {
			set_deadline(s, 0); /* from the event loop, as every outcome */
		}
		break;
	case STATION_OFF:
		wifi_credentials_wipe(&s->credentials);
		port->unwatch(port->context, s->watch);
		s->watch = NULL;
		s->deadline = sd_event_source_disable_unref(s->deadline);
		s->script = NULL;
		interface_down(s);
		s->callbacks.off(s->context, reason);
		break;
	}
}

static void control_opened(void *context) {
	struct supplicant *s = context;
	switch (s->state) {
	case STATION_OFF:
		script_start(s, leave_script, ELEMENTS(leave_script));
		break;
	case STATION_CONFIGURING:
		enter_state(s, STATION_CONFIGURING, REASON_OK);
		break;
	case STATION_JOINING:
	case STATION_ADDRESSING:
	case STATION_JOINED:
	case STATION_LEAVING:
		break;
	}
}

static void control_closed(void *context) {
	struct supplicant *s = context;
	s->script = NULL;
	switch (s->state) {
	case STATION_OFF:
		break;
	case STATION_CONFIGURING:
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
	s->rescan = sd_event_source_disable_unref(s->rescan);
	if (s->state == STATION_JOINING && !s->script)
		script_start(s, retry_script, ELEMENTS(retry_script));
	return 0;
}

static void rescan_soon(struct supplicant *s) {
	if (!s->rescan)
		(void)sd_event_add_time_relative(s->event, &s->rescan, CLOCK_BOOTTIME, s->environment->timing->rescan, 1,
		                                 rescan_fired, s);
}

static void event_while_joining(struct supplicant *s, const struct wifi_event *event) {
	switch (event->kind) {
	case WIFI_EVENT_CONNECTED:
		wifi_control_cancel(s->control);
		s->script = NULL;
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
	case STATION_OFF:
	case STATION_CONFIGURING:
	case STATION_LEAVING:
		break;
	}
}

static int supplicant_join(struct station *station, const struct wifi_credentials *credentials) {
	struct supplicant *s = (struct supplicant *)station;
	if (s->state != STATION_OFF)
		return -EALREADY;
	if (wifi_credentials_check(credentials) < 0)
		return -EINVAL;
	s->credentials = *credentials;
	s->refusals = 0;
	enter_state(s, STATION_CONFIGURING, REASON_OK);
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
		for (size_t i = 0; i < ELEMENTS(leave_script); i++) {
			char command[WIFI_COMMAND_LIMIT + 1];
			const struct step *step = &leave_script[i];
			if (step->write)
				(void)step->write(s, command, sizeof(command));
			wifi_control_farewell(s->control, step->write ? command : step->text);
		}
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
	static const struct station_operations operations = { supplicant_join, supplicant_leave, supplicant_free };
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
	if (!s->interface || wifi_control_new(&s->control, event, control_path, environment, &control_callbacks, s) < 0) {
		supplicant_free(&s->station);
		return -ENOMEM;
	}
	*ret = &s->station;
	return 0;
}

int station_supplicant_new(struct station **ret, sd_event *event, const char *control_path, const char *interface,
                           bool random_mac, const struct station_callbacks *callbacks, void *context) {
	return station_supplicant_new_on(ret, event, control_path, interface, random_mac, wifi_environment_system(), callbacks,
	                                 context);
}
