#include "cam-radio/display.h"

#include <stdio.h>
#include <string.h>

static void show_text(struct display *d, const char **shown, const char *now, const char *property) {
	if (strcmp(*shown, now) == 0)
		return;
	*shown = now;
	camera_bus_changed(d->bus, property);
}

static void show_copied(struct display *d, char *shown, size_t capacity, const char *now, const char *property) {
	if (strcmp(shown, now) == 0)
		return;
	snprintf(shown, capacity, "%s", now);
	camera_bus_changed(d->bus, property);
}

static const char *wifi_name(lanyard_WifiMode mode) {
	switch (mode) {
	case lanyard_WifiMode_WIFI_OFF:
		return "off";
	case lanyard_WifiMode_WIFI_STARTING:
		return "starting";
	case lanyard_WifiMode_WIFI_ACCESS_POINT:
		return "access-point";
	case lanyard_WifiMode_WIFI_STATION:
		return "station";
	case lanyard_WifiMode_WIFI_MEDIA_READY:
		return "media-ready";
	}
	return "off";
}

static enum lamp_pattern lamp_pattern(const struct display *d) {
	if (!d->status->preferences.indicator_lights)
		return LAMP_OFF;
	if (d->holding)
		return LAMP_FAST;
	switch (pairing_window_state(d->window)) {
	case WINDOW_OPEN:
	case WINDOW_HANDSHAKE:
	case WINDOW_STORING:
		return LAMP_SLOW;
	case WINDOW_CONFIRMING:
		return LAMP_QUESTION;
	case WINDOW_PAIRED:
		return LAMP_ON;
	case WINDOW_CLOSED:
		break;
	}
	return handover_state(d->handover).mode == lanyard_WifiMode_WIFI_OFF ? LAMP_OFF : LAMP_ON;
}

static void show_lamp(struct display *d) {
	enum lamp_pattern pattern = lamp_pattern(d);
	if (pattern == d->lamp)
		return;
	d->lamp = pattern;
	lamp_set(d->settings->led, pattern);
}

static void show_companion(struct display *d) {
	const struct pairing_record *companion = keyring_companion(d->keyring);
	char fingerprint[FINGERPRINT_SIZE] = "";
	if (companion)
		static_keys_fingerprint(companion->peer_key, fingerprint);
	show_copied(d, d->status->companion, sizeof(d->status->companion), companion ? companion->peer_name : "", "Companion");
	show_copied(d, d->status->companion_fingerprint, sizeof(d->status->companion_fingerprint), fingerprint,
	            "CompanionFingerprint");
}

void display_begin(struct display *d) {
	d->lamp = LAMP_OFF;
	lamp_set(d->settings->led, d->lamp);
}

void display_update(struct display *d) {
	show_text(d, &d->status->pairing, pairing_window_name(d->window), "Pairing");
	show_copied(d, d->status->pairing_code, sizeof(d->status->pairing_code), pairing_window_shown_code(d->window),
	            "PairingCode");
	show_text(d, &d->status->wifi, wifi_name(handover_state(d->handover).mode), "Wifi");
	show_text(d, &d->status->recorder, recorder_state_name(d->recorder), "Recorder");
	show_companion(d);
	show_lamp(d);
}

void display_session(struct display *d, bool session) {
	if (d->status->session == session)
		return;
	d->status->session = session;
	camera_bus_changed(d->bus, "Session");
}

void display_bluetooth(struct display *d, enum reason reason) {
	show_text(d, &d->status->bluetooth, reason == REASON_OK ? "ready" : reason_code(reason), "Bluetooth");
}

void display_buttons(struct display *d, const struct buttons *buttons) {
	bool changed = false;
	for (enum button button = 0; button < BUTTON_COUNT; button++) {
		bool known = buttons_is_known(buttons, button), down = buttons_is_down(buttons, button);
		changed = changed || known != d->status->button[button].known || down != d->status->button[button].down;
		d->status->button[button].known = known;
		d->status->button[button].down = down;
	}
	if (changed)
		camera_bus_changed(d->bus, "Buttons");
}

void display_preferences(struct display *d) {
	camera_bus_changed(d->bus, "IndicatorLights");
	camera_bus_changed(d->bus, "Sounds");
}

void display_signal_keys(struct display *d, const char *problem) {
	show_copied(d, d->status->signal_keys_problem, sizeof(d->status->signal_keys_problem), problem, "SignalKeysProblem");
}

void display_slate_key(struct display *d, const char *problem) {
	show_copied(d, d->status->slate_key_problem, sizeof(d->status->slate_key_problem), problem, "SlateKeyProblem");
}

void display_mute(struct display *d, const struct mute *mute) {
	d->status->mute = *mute;
	camera_bus_changed(d->bus, "SignalMutedBy");
	camera_bus_changed(d->bus, "SignalMutedUntil");
}
