#include "cam-radio/settings.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/config.h"
#include "base/log.h"
#include "base/text.h"
#include "pairing/record.h"
#include "wifi/credentials.h"

#define IDLE_LIMIT_S 3600
/* The Bluetooth SIG's identifier for tests; an agency's supplier has one of its own. */
#define SIGNAL_COMPANY 0xffff

struct texts {
	char confirm[16], stealth[16], auth[16];
	char kinds[128], assigned[256], muted[256]; /* lists, separated by commas */
};

static int read_file(struct settings *settings, struct texts *texts, const char *path) {
	struct settings *s = settings;
	const struct config_key keys[] = {
		{ "camera", "serial", CONFIG_TEXT, s->serial, sizeof(s->serial) },
		{ "camera", "model", CONFIG_TEXT, s->model, sizeof(s->model) },
		{ "camera", "adapter", CONFIG_TEXT, s->adapter, sizeof(s->adapter) },
		{ "camera", "battery", CONFIG_TEXT, s->battery, sizeof(s->battery) },
		{ "buttons", "event_device", CONFIG_TEXT, s->event_device, sizeof(s->event_device) },
		{ "buttons", "function_device", CONFIG_TEXT, s->function_device, sizeof(s->function_device) },
		{ "buttons", "event_key", CONFIG_NUMBER, &s->event_key, KEY_MAX },
		{ "buttons", "function_key", CONFIG_NUMBER, &s->function_key, KEY_MAX },
		{ "wifi", "hostapd_control", CONFIG_TEXT, s->hostapd_control, sizeof(s->hostapd_control) },
		{ "wifi", "ap_interface", CONFIG_TEXT, s->ap_interface, sizeof(s->ap_interface) },
		{ "wifi", "namespace", CONFIG_TEXT, s->wifi_namespace, sizeof(s->wifi_namespace) },
		{ "wifi", "ap_frequency", CONFIG_NUMBER, &s->ap_frequency, 0 },
		{ "wifi", "supplicant_control", CONFIG_TEXT, s->supplicant_control, sizeof(s->supplicant_control) },
		{ "wifi", "station_interface", CONFIG_TEXT, s->station_interface, sizeof(s->station_interface) },
		{ "wifi", "idle_s", CONFIG_NUMBER, &s->idle_s, IDLE_LIMIT_S },
		{ "feedback", "led", CONFIG_TEXT, s->led, sizeof(s->led) },
		{ "signal", "enabled", CONFIG_BOOLEAN, &s->signal_enabled, 0 },
		{ "signal", "keys", CONFIG_TEXT, s->signal_keys, sizeof(s->signal_keys) },
		{ "signal", "kinds", CONFIG_TEXT, texts->kinds, sizeof(texts->kinds) },
		{ "signal", "assigned", CONFIG_TEXT, texts->assigned, sizeof(texts->assigned) },
		{ "signal", "muted", CONFIG_TEXT, texts->muted, sizeof(texts->muted) },
		{ "signal", "call", CONFIG_BOOLEAN, &s->signal_call, 0 },
		{ "signal", "sender", CONFIG_NUMBER, &s->signal_sender, UINT32_MAX },
		{ "signal", "company", CONFIG_NUMBER, &s->signal_company, UINT16_MAX },
		{ "signal", "auth", CONFIG_TEXT, texts->auth, sizeof(texts->auth) },
		{ "signal", "legacy_company", CONFIG_NUMBER, &s->signal_legacy_company, UINT16_MAX },
		{ "signal", "clock_trusted", CONFIG_BOOLEAN, &s->clock_trusted, 0 },
		{ "slate", "enabled", CONFIG_BOOLEAN, &s->slate_enabled, 0 },
		{ "slate", "key", CONFIG_TEXT, s->slate_key, sizeof(s->slate_key) },
		{ "pairing", "confirm", CONFIG_TEXT, texts->confirm, sizeof(texts->confirm) },
		{ "policy", "bluetooth", CONFIG_BOOLEAN, &s->bluetooth_enabled, 0 },
		{ "policy", "stealth", CONFIG_TEXT, texts->stealth, sizeof(texts->stealth) },
		{ "policy", "clock", CONFIG_BOOLEAN, &s->may_set_clock, 0 },
		{ "policy", "record_start", CONFIG_BOOLEAN, &s->may_start_recording, 0 },
		{ "policy", "record_stop", CONFIG_BOOLEAN, &s->may_stop_recording, 0 },
		{ "policy", "indicator_lights", CONFIG_BOOLEAN, &s->may_set_lights, 0 },
		{ "policy", "sounds", CONFIG_BOOLEAN, &s->may_set_sounds, 0 },
		{ "policy", "video_height", CONFIG_BOOLEAN, &s->may_set_video_height, 0 },
		{ "test", "link_socket", CONFIG_TEXT, s->link_socket, sizeof(s->link_socket) },
		{ "test", "buttons", CONFIG_TEXT, s->test_buttons, sizeof(s->test_buttons) },
		{ "test", "epoch_s", CONFIG_NUMBER, &s->epoch_s, EPOCH_SECONDS },
	};
	return config_read(path, keys, ELEMENTS(keys));
}

/* Calls `take` with each item of a list; false as soon as it refuses one. The list is taken apart. */
static bool each_item(char *list, bool (*take)(struct settings *settings, const char *item), struct settings *settings) {
	char *rest = list;
	for (char *item = strtok_r(rest, ", ", &rest); item; item = strtok_r(rest, ", ", &rest))
		if (!take(settings, item))
			return false;
	return true;
}

static bool take_kind(struct settings *settings, const char *item) {
	enum signal_kind kind;
	if (!signal_kind_from_name(item, &kind))
		return false;
	settings->signal_kinds |= 1u << (unsigned)kind;
	return true;
}

static bool take_sender(const char *item, uint32_t *list, size_t *count, size_t limit) {
	uint64_t value = 0;
	const char *c = item;
	for (; *c >= '0' && *c <= '9' && c - item < 10; c++)
		value = value * 10 + (uint64_t)(*c - '0');
	if (*c || value > UINT32_MAX || *count == limit)
		return false;
	list[(*count)++] = (uint32_t)value;
	return true;
}

static bool take_assigned(struct settings *settings, const char *item) {
	return take_sender(item, settings->signal_assigned, &settings->signal_assigned_count, SIGNAL_ASSIGNED_LIMIT);
}

static bool take_muted(struct settings *settings, const char *item) {
	return take_sender(item, settings->signal_muted, &settings->signal_muted_count, SIGNAL_MUTED_LIMIT);
}

/* What is wrong with [signal], or NULL. */
static const char *read_signal(struct settings *s, struct texts *texts) {
	if (strcmp(texts->auth, "keys") != 0 && strcmp(texts->auth, "legacy") != 0)
		return "[signal] auth is keys or legacy";
	s->signal_legacy = strcmp(texts->auth, "legacy") == 0;
	if (s->signal_legacy && !s->signal_enabled)
		return "[signal] auth = legacy without enabled";
	if (s->signal_enabled && !*s->signal_keys && !s->signal_legacy)
		return "[signal] enabled needs keys, the file of the agency's keys";
	if (s->slate_enabled && (!*s->signal_keys || !*s->slate_key))
		return "[slate] enabled needs key, the file of this camera's key, and [signal] keys, the file of the agency's "
		       "keys";
	if (s->signal_call && (!*s->signal_keys || s->signal_sender == 0))
		return "[signal] call needs keys, and sender, this camera's number among the agency's senders";
	if (!each_item(texts->kinds, take_kind, s))
		return "[signal] kinds is a list of manual, light-bar, siren, vehicle-door, holster, energy-weapon, camera";
	if (s->signal_kinds == 0)
		s->signal_kinds = UINT32_MAX;
	if (!each_item(texts->assigned, take_assigned, s))
		return "[signal] assigned is a list of at most 16 senders' numbers";
	if (!each_item(texts->muted, take_muted, s))
		return "[signal] muted is a list of at most 16 senders' numbers";
	return NULL;
}

/* What is wrong with them as a whole, or NULL. */
static const char *settings_fault(const struct settings *s, const struct texts *texts) {
	if (!*s->serial)
		return "[camera] serial is missing";
	if (!text_is_plain(s->serial, false))
		return "[camera] serial is not UTF-8 without control characters";
	if (!*s->test_buttons && (!*s->event_device || !*s->function_device))
		return "[buttons] needs event_device and function_device";
	if (*s->test_buttons && (*s->event_device || *s->function_device || !*s->link_socket))
		return "[test] buttons takes the place of the devices in [buttons], and only together with [test] link_socket";
	if (strcmp(s->event_device, s->function_device) == 0 && s->event_key == s->function_key)
		return "[buttons] event_key and function_key are the same key of the same device";
	if (!*s->hostapd_control != !*s->ap_interface)
		return "[wifi] needs both hostapd_control and ap_interface, or neither";
	if (!*s->supplicant_control != !*s->station_interface)
		return "[wifi] needs both supplicant_control and station_interface, or neither";
	if (wifi_frequency_channel(s->ap_frequency) == 0)
		return "[wifi] ap_frequency is not the centre of a channel in MHz";
	if (s->idle_s == 0)
		return "[wifi] idle_s must be at least 1";
	if (strcmp(texts->confirm, "code") != 0)
		return "[pairing] confirm must be \"code\": without certificates nothing else keeps a stranger out";
	if (strcmp(texts->stealth, "off") != 0 && !s->silent)
		return "[policy] stealth is off or silent";
	if (s->epoch_s == 0)
		return "[test] epoch_s must be at least 1";
	if (*s->link_socket && (*s->adapter || *s->hostapd_control || *s->supplicant_control))
		return "[test] link_socket takes the place of the adapter and of Wi-Fi: remove one of them";
	return NULL;
}

int settings_read(struct settings *ret, const char *path) {
	struct settings settings = {
		.model = "Lanyard camera",
		.event_key = KEY_RECORD,
		.function_key = KEY_MENU,
		.ap_frequency = 2437,
		.idle_s = 60,
		.signal_company = SIGNAL_COMPANY,
		.signal_legacy_company = SIGNAL_COMPANY,
		.bluetooth_enabled = true,
		.may_start_recording = true,
		.may_set_lights = true,
		.may_set_sounds = true,
		.epoch_s = EPOCH_SECONDS,
	};
	struct texts texts = { .confirm = "code", .stealth = "off", .auth = "keys" };
	int result = read_file(&settings, &texts, path);
	if (result < 0) {
		if (result != -EINVAL) /* that one was told with its line */
			log_line(LOG_LEVEL_ERROR, "config", "%s: %s", path, strerror(-result));
		return result;
	}
	settings.silent = strcmp(texts.stealth, "silent") == 0;
	const char *fault = settings_fault(&settings, &texts);
	if (!fault)
		fault = read_signal(&settings, &texts);
	if (fault) {
		log_line(LOG_LEVEL_ERROR, "config", "%s: %s", path, fault);
		return -EINVAL;
	}
	if (!*settings.adapter && !*settings.link_socket)
		strcpy(settings.adapter, "hci0");
	*ret = settings;
	return 0;
}
