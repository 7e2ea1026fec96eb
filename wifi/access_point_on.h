/* The access point on an environment of the caller's choice: for tests. */
#pragma once

#include "wifi/access_point.h"
#include "wifi/environment.h"

int access_point_new_on(struct access_point **ret, sd_event *event, const char *control_path, const char *interface,
                        const struct wifi_environment *environment, const struct access_point_callbacks *callbacks,
                        void *context);
