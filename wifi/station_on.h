/* The wpa_supplicant station on an environment of the caller's choice: for tests. */
#pragma once

#include "wifi/environment.h"
#include "wifi/station.h"

int station_supplicant_new_on(struct station **ret, sd_event *event, const char *control_path, const char *interface,
                              bool random_mac, const struct wifi_environment *environment,
                              const struct station_callbacks *callbacks, void *context);
