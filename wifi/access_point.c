#include "wifi/access_point_on.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/log.h"
#include "wifi/control.h"

#define AREA "wifi"

struct access_point {
	sd_event *event;
	const struct wifi_environment *environment;
	struct access_point_callbacks callbacks;
	void *context;
	char *interface;
	struct wifi_control *control;
	sd_event_source *deadline;

	enum access_point_state state;
	enum reason reason; /* STOPPING: what `off` will say */
	struct wifi_credentials credentials;

	/* The script under way, NULL for none, and the step whose reply is awaited. */
	const struct step *script;
	size_t script_length, step;
	bool enabling; /* ENABLE was sent: the next AP-ENABLED is ours */
};

/* One command to hostapd, literal or written from the credentials, and what is expected back. */
struct step {
	const char *text;
	int (*write)(struct access_point *ap, char *out, size_t capacity);
	enum { EXPECT_OK, EXPECT_ANYTHING, EXPECT_DISABLED, EXPECT_ENABLED } expect;
};

static int write_ssid(struct access_point *ap, char *out, size_t capacity) {
	char hex[2 * SSID_LIMIT + 1];
	hex_encode(hex, ap->credentials.ssid, ap->credentials.ssid_length);
	return snprintf(out, capacity, "SET ssid2 %s", hex);
}

static int write_psk(struct access_point *ap, char *out, size_t capacity) {
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

static int write_bssid(struct access_point *ap, char *out, size_t capacity) {
	const uint8_t *b = ap->credentials.bssid;
	if (!ap->credentials.has_bssid)
		return 0;
	return snprintf(out, capacity, "SET bssid %02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
}

static int write_hw_mode(struct access_point *ap, char *out, size_t capacity) {
	if (ap->credentials.frequency_mhz == 0)
		return 0;
	return snprintf(out, capacity, "SET hw_mode %s", ap->credentials.frequency_mhz < 5000 ? "g" : "a");
}

static int write_channel(struct access_point *ap, char *out, size_t capacity) {
	if (ap->credentials.frequency_mhz == 0)
		return 0;
	return snprintf(out, capacity, "SET channel %u", wifi_frequency_channel(ap->credentials.frequency_mhz));
}

static int write_hidden(struct access_point *ap, char *out, size_t capacity) {
	return snprintf(out, capacity, "SET ignore_broadcast_ssid %d", ap->credentials.hidden ? 1 : 0);
}

static int write_random_ssid(struct access_point *ap, char *out, size_t capacity) {
	char hex[2 * SSID_LIMIT + 1];
	wifi_random_hex(ap->environment, hex, SSID_LIMIT);
	return snprintf(out, capacity, "SET ssid2 %s", hex);
}

static int write_random_psk(struct access_point *ap, char *out, size_t capacity) {
	char hex[2 * PSK_SIZE + 1];
	wifi_random_hex(ap->environment, hex, PSK_SIZE);
	return snprintf(out, capacity, "SET wpa_psk %s", hex);
}

/* Everything that the network's safety rests on is set each time, whatever hostapd's configuration file says. The BSSID is set
 * by hostapd itself when it initializes the driver in ENABLE, so that we need no privilege for it. */
static const struct step start_script[] = {
	{ "DISABLE", NULL, EXPECT_ANYTHING }, /* FAIL when it already is */
	{ "SET start_disabled 0", NULL, EXPECT_OK },
	{ "SET auth_algs 1", NULL, EXPECT_OK },
	{ "SET wpa 2", NULL, EXPECT_OK },
	{ "SET wpa_key_mgmt WPA-PSK WPA-PSK-SHA256", NULL, EXPECT_OK },
	{ "SET rsn_pairwise CCMP", NULL, EXPECT_OK },
	{ "SET ieee80211w 2", NULL, EXPECT_OK },
	{ "SET max_num_sta 1", NULL, EXPECT_OK },
	{ "SET ap_isolate 1", NULL, EXPECT_OK },
	{ NULL, write_hidden, EXPECT_OK },
	{ NULL, write_hw_mode, EXPECT_OK },
	{ NULL, write_channel, EXPECT_OK },
	{ NULL, write_bssid, EXPECT_OK },
	{ NULL, write_ssid, EXPECT_OK },
	{ NULL, write_psk, EXPECT_OK },
	{ "ENABLE", NULL, EXPECT_OK },
	{ "STATUS", NULL, EXPECT_ENABLED }, /* or the event AP-ENABLED, where the driver takes its time */
};

/* Also run whenever hostapd appears: it starts with its interface up, and after an odd end it may still hold a secret. */
static const struct step stop_script[] = {
	{ "DISABLE", NULL, EXPECT_ANYTHING },        { "STATUS", NULL, EXPECT_DISABLED },
	{ "SET start_disabled 1", NULL, EXPECT_OK }, { NULL, write_random_ssid, EXPECT_OK },
	{ NULL, write_random_psk, EXPECT_OK },
};

static void enter_state(struct access_point *ap, enum access_point_state state, enum reason reason);
static void script_reply(void *context, const char *text, size_t length);

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

static void set_deadline(struct access_point *ap, uint64_t in) {
	ap->deadline = sd_event_source_disable_unref(ap->deadline);
	int r = sd_event_add_time_relative(ap->event, &ap->deadline, CLOCK_BOOTTIME, in, 1, deadline_fired, ap);
	if (r < 0)
		log_line(LOG_LEVEL_ERROR, AREA, "%s: no timer: %s", ap->interface, strerror(-r));
}

static void interface_down(struct access_point *ap) {
	const struct interface_port *port = ap->environment->port;
	int r = port->set_up(port->context, ap->interface, false);
	if (r < 0)
		log_line(LOG_LEVEL_WARNING, AREA, "%s could not be taken down: %s", ap->interface, strerror(-r));
}

/* What a script's end, in either way, means in the present state. */
static void script_finished(struct access_point *ap) {
	ap->script = NULL;
	switch (ap->state) {
	case ACCESS_POINT_STARTING:
		enter_state(ap, ACCESS_POINT_UP, REASON_OK);
		break;
	case ACCESS_POINT_STOPPING:
		enter_state(ap, ACCESS_POINT_OFF, ap->reason);
		break;
	case ACCESS_POINT_OFF:
		interface_down(ap);
		break;
	case ACCESS_POINT_UP:
		break;
	}
}

static void script_failed(struct access_point *ap, const char *what) {
	ap->script = NULL;
	switch (ap->state) {
	case ACCESS_POINT_STARTING:
		log_reason(LOG_LEVEL_WARNING, AREA, REASON_AP_REFUSED, "%s: hostapd refused to %s", ap->interface, what);
		enter_state(ap, ACCESS_POINT_STOPPING, REASON_AP_REFUSED);
		break;
	case ACCESS_POINT_STOPPING:
		log_reason(LOG_LEVEL_ERROR, AREA, REASON_AP_FAILED, "%s: hostapd refused to %s", ap->interface, what);
		enter_state(ap, ACCESS_POINT_OFF, ap->reason == REASON_OK ? REASON_AP_FAILED : ap->reason);
		break;
	case ACCESS_POINT_OFF:
		log_reason(LOG_LEVEL_WARNING, AREA, REASON_AP_FAILED, "%s: hostapd refused to %s", ap->interface, what);
		interface_down(ap);
		break;
	case ACCESS_POINT_UP:
		break;
	}
}

/* The command's first two words, for the log: never its value. */
static const char *step_name(const struct step *step) {
	return step->text ? step->text : "take a setting";
}

/* Sends the step's command; steps that have nothing to say in this case are passed over. */
static void script_continue(struct access_point *ap) {
	char command[WIFI_COMMAND_LIMIT + 1];
	int length = 0;
	while (ap->step < ap->script_length) {
		const struct step *step = &ap->script[ap->step];
		length = step->write ? step->write(ap, command, sizeof(command))
		                     : snprintf(command, sizeof(command), "%s", step->text);
		if (length != 0)
			break;
		ap->step++;
	}
	if (ap->step == ap->script_length) {
		script_finished(ap);
		return;
	}
	const char *text = ap->script[ap->step].text;
	if (text && strcmp(text, "ENABLE") == 0)
		ap->enabling = true;
	int r = length < 0 ? length : wifi_control_send(ap->control, command, script_reply);
	wipe(command, sizeof(command));
	if (r < 0)
		script_failed(ap, step_name(&ap->script[ap->step]));
}

static void script_start(struct access_point *ap, const struct step *script, size_t length) {
	wifi_control_cancel(ap->control);
	ap->script = script;
	ap->script_length = length;
	ap->step = 0;
	ap->enabling = false;
	script_continue(ap);
}

static void script_reply(void *context, const char *text, size_t length) {
	struct access_point *ap = context;
	if (!ap->script)
		return;
	const struct step *step = &ap->script[ap->step];
	bool accepted = false;
	switch (step->expect) {
	case EXPECT_OK:
		accepted = wifi_reply_is(text, length, "OK");
		break;
	case EXPECT_ANYTHING:
		accepted = true;
		break;
	case EXPECT_DISABLED:
		accepted = wifi_reply_has(text, length, "state=DISABLED") || wifi_reply_has(text, length, "state=UNINITIALIZED");
		break;
	case EXPECT_ENABLED:
		if (!wifi_reply_has(text, length, "state=ENABLED"))
			return; /* AP-ENABLED, AP-DISABLED or the deadline will tell */
		accepted = true;
		break;
	}
	if (!accepted) {
		script_failed(ap, step_name(step));
		return;
	}
	ap->step++;
	script_continue(ap);
}

/* The one place where the state changes. A callback is the last thing it does: it may free the access point. */
static void enter_state(struct access_point *ap, enum access_point_state state, enum reason reason) {
	ap->state = state;
	ap->reason = reason;
	ap->deadline = sd_event_source_disable_unref(ap->deadline);
	switch (state) {
	case ACCESS_POINT_STARTING:
		if (wifi_control_is_open(ap->control)) {
			set_deadline(ap, ap->environment->timing->access_point_start);
			script_start(ap, start_script, ELEMENTS(start_script));
		} else {
			set_deadline(ap, ap->environment->timing->open);
		}
		break;
	case ACCESS_POINT_UP:
		ap->script = NULL;
		ap->callbacks.up(ap->context);
		break;
	case ACCESS_POINT_STOPPING:
		wifi_credentials_wipe(&ap->credentials);
		ap->script = NULL;
		if (wifi_control_is_open(ap->control)) {
			set_deadline(ap, ap->environment->timing->access_point_stop);
			script_start(ap, stop_script, ELEMENTS(stop_script));
		} else {
			/* Nothing is left to hold the secret. From the event loop, as every outcome. */
			set_deadline(ap, 0);
		}
		break;
	case ACCESS_POINT_OFF:
		ap->script = NULL;
		interface_down(ap);
		ap->callbacks.off(ap->context, reason);
		break;
	}
}

static void control_opened(void *context) {
	struct access_point *ap = context;
	switch (ap->state) {
	case ACCESS_POINT_OFF:
		script_start(ap, stop_script, ELEMENTS(stop_script));
		break;
	case ACCESS_POINT_STARTING:
		enter_state(ap, ACCESS_POINT_STARTING, REASON_OK);
		break;
	case ACCESS_POINT_UP:
	case ACCESS_POINT_STOPPING:
		break;
	}
}

static void control_closed(void *context) {
	struct access_point *ap = context;
	ap->script = NULL;
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
	if (!ap->enabling)
		return;
	if (event->kind == WIFI_EVENT_AP_ENABLED) {
		wifi_control_cancel(ap->control);
		enter_state(ap, ACCESS_POINT_UP, REASON_OK);
	} else if (event->kind == WIFI_EVENT_AP_DISABLED) {
		enter_state(ap, ACCESS_POINT_STOPPING, REASON_AP_REFUSED);
	}
}

static void event_while_up(struct access_point *ap, const struct wifi_event *event) {
	if (event->kind == WIFI_EVENT_STATION_CONNECTED && event->has_mac) {
		ap->callbacks.joined(ap->context, event->mac);
	} else if (event->kind == WIFI_EVENT_STATION_DISCONNECTED && event->has_mac) {
		ap->callbacks.left(ap->context, event->mac);
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
		.event = sd_event_ref(event),
		.environment = environment,
		.callbacks = *callbacks,
		.context = context,
		.interface = strdup(interface),
		.state = ACCESS_POINT_OFF,
	};
	if (!ap->interface || wifi_control_new(&ap->control, event, control_path, environment, &control_callbacks, ap) < 0) {
		access_point_free(ap);
		return -ENOMEM;
	}
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
		for (size_t i = 0; i < ELEMENTS(stop_script); i++) {
			char command[WIFI_COMMAND_LIMIT + 1];
			const struct step *step = &stop_script[i];
			if (step->write)
				(void)step->write(ap, command, sizeof(command));
			wifi_control_farewell(ap->control, step->write ? command : step->text);
		}
		interface_down(ap);
	}
	sd_event_source_disable_unref(ap->deadline);
	wifi_control_free(ap->control);
	sd_event_unref(ap->event);
	free(ap->interface);
	wipe(ap, sizeof(*ap));
	free(ap);
}
