/* What the camera says about itself on D-Bus. The daemon keeps it up to date; nobody else writes to it. */
#pragma once

#include <stdbool.h>

#include "base/key_file.h"
#include "cam-radio/counters.h"
#include "cam-radio/preferences.h"
#include "pairing/button_gate.h"
#include "pairing/limits.h"
#include "signal/mute.h"

#define FINGERPRINT_SIZE 40

struct status {
	const char *serial, *model;
	char fingerprint[FINGERPRINT_SIZE];
	const char *pairing; /* never NULL, as the ones below */
	char pairing_code[8];
	char companion[COMPANION_NAME_LIMIT + 1], companion_fingerprint[FINGERPRINT_SIZE];
	bool session;
	const char *wifi, *bluetooth, *recorder, *signal;
	char signal_keys_problem[KEY_FILE_PROBLEM_SIZE], slate_key_problem[KEY_FILE_PROBLEM_SIZE];
	struct mute mute;
	struct {
		bool known, down;
	} button[BUTTON_COUNT];
	struct preferences preferences;
	struct counters counters;
};
