/* What the recorder was told: command line and configuration file. */
#pragma once

#include <limits.h>

#include "cam-recorder/capture.h"

struct settings {
	char config[PATH_MAX], state[PATH_MAX], instance[128], source[256], sound[256], serial[33];
	unsigned width, height, framerate, pre_event_s, reserve_mib;
	unsigned make, seconds; /* make: how many recordings a batch makes; 0: a daemon */
};

/* 0; 1: it was a question (--help), and is answered; -EINVAL after a message. */
int settings_read(struct settings *ret, int argument_count, char **arguments);
/* The texts are the settings'. */
struct capture_config settings_capture(const struct settings *settings);
