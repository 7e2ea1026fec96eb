/* /etc/lanyard/cam-radiod.conf, read once at start. docs/cam-radiod.md explains each setting. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pairing/limits.h"
#include "signal/activation.h"

#define SETTINGS_PATH_SIZE 108 /* as struct sockaddr_un */

struct settings {
	char serial[COMPANION_NAME_LIMIT + 1];
	char model[33];
	char adapter[24]; /* "" in test mode */
	char battery[SETTINGS_PATH_SIZE];

	char event_device[SETTINGS_PATH_SIZE], function_device[SETTINGS_PATH_SIZE]; /* path, or name of an input device */
	unsigned event_key, function_key;

	char hostapd_control[SETTINGS_PATH_SIZE], ap_interface[16];
	unsigned ap_frequency;                   /* MHz */
	char wifi_namespace[SETTINGS_PATH_SIZE]; /* network namespace of the Wi-Fi interfaces, "" for the daemon's own */
	char supplicant_control[SETTINGS_PATH_SIZE], station_interface[16];
	unsigned idle_s;

	char led[SETTINGS_PATH_SIZE]; /* folder under /sys/class/leds, "" for none */

	bool signal_enabled;
	bool signal_legacy; /* calls that nobody signs are taken, too */
	bool clock_trusted; /* a clock that survives power-off: Signals are held to its time before anything has set it */
	unsigned signal_company, signal_legacy_company;
	char signal_keys[SETTINGS_PATH_SIZE];
	uint32_t signal_kinds; /* bit N: signal_kind N */
	uint32_t signal_assigned[SIGNAL_ASSIGNED_LIMIT], signal_muted[SIGNAL_MUTED_LIMIT];
	bool signal_call;       /* call the neighbours when a person starts a recording */
	unsigned signal_sender; /* as this sender */
	size_t signal_assigned_count, signal_muted_count;

	bool slate_enabled;
	char slate_key[SETTINGS_PATH_SIZE];

	/* Radios, by policy. `silent`: nothing is sent on either. Bluetooth off: nothing is heard either, and no Wi-Fi. */
	bool bluetooth_enabled, silent;

	/* What the companion's user may do. */
	bool may_set_clock, may_start_recording, may_stop_recording, may_set_lights, may_set_sounds, may_set_video_height;

	char link_socket[SETTINGS_PATH_SIZE];  /* test mode (docs/test-link.md); "" otherwise */
	char test_buttons[SETTINGS_PATH_SIZE]; /* test mode: a named pipe that takes the place of both devices */
	unsigned epoch_s;
};

/* 0; -EINVAL after a log line that names file and line, or what is missing; or another negative errno. */
int settings_read(struct settings *ret, const char *path);
