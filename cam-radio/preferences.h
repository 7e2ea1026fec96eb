/* What the companion's user has chosen and the camera keeps across restarts (ConfigRequest of proto/camera.proto). */
#pragma once

#include <stdbool.h>

#include "base/file.h"

struct preferences {
	bool indicator_lights, sounds;
};

/* The file "preferences" in `folder`. Missing or damaged (then set aside and logged): everything on. */
void preferences_load(struct preferences *ret, const struct file_layer *layer, int folder);
/* Durable when it returns. 0 or a negative errno (-ENOSPC), and the old ones stay. */
int preferences_store(const struct preferences *preferences, const struct file_layer *layer, int folder);
