/* Cameras near that are in pairing mode. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "companion/http/body.h"
#include "companion/radio.h"
#include "pairing/limits.h"

/* As long as a camera's pairing window: whoever presses the buttons and then looks here sees it. */
#define FINDER_SCAN_US PAIRING_WINDOW_US
/* A camera that was not heard for this long is gone, or its window has closed. */
#define FINDER_FORGET_US (12 * SECOND_US)
/* More than that in pairing mode at one place is a flood; the ones heard first stay. */
#define FINDER_CAMERAS 16

struct finder;

struct found_camera {
	char id[CAMERA_ID_SIZE + 1];
	char name[COMPANION_NAME_LIMIT + 1];
	int16_t rssi; /* dBm, 127 when unknown */
	uint64_t heard_us;
	struct link_peer peer;
};

/* `changed`: the list or finder_is_scanning changed. The radio outlives the finder. 0 or a negative errno. */
int finder_new(struct finder **ret, sd_event *event, struct radio *radio, void (*changed)(void *context), void *context);
void finder_free(struct finder *finder);
/* Looks for FINDER_SCAN_US from now on, and forgets what it has not heard in the last two seconds. */
void finder_start(struct finder *finder);
void finder_stop(struct finder *finder);
bool finder_is_scanning(const struct finder *finder);
size_t finder_count(const struct finder *finder);
const struct found_camera *finder_camera(const struct finder *finder, size_t index);
/* NULL when it is not (any longer) near. */
const struct found_camera *finder_find(const struct finder *finder, const char *id);
