/* Recordings of the test picture, one after another, as fast as the machine makes them: for the lab, demonstrations and tests. */
#pragma once

#include <systemd/sd-event.h>

#include "cam-recorder/settings.h"
#include "footage/store.h"

struct batch;

/* Makes settings->make recordings and prints a line about each; then the loop exits, with EXIT_SUCCESS when all are whole.
 * Settings and store outlive it; folder is the store's. 0 or a negative errno. */
int batch_new(struct batch **ret, sd_event *event, struct store *store, int folder, const struct settings *settings);
/* NULL is allowed. */
void batch_free(struct batch *batch);
/* Ends early: the recording in progress ends as it is. */
void batch_end(struct batch *batch);
