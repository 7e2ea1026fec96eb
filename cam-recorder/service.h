/* The recorder as a daemon: its parts joined to the system bus. The bus may go and come back: recording goes on, and the
 * interface is offered again. */
#pragma once

#include <systemd/sd-event.h>

#include "cam-recorder/settings.h"
#include "footage/store.h"

struct service;

/* Settings and store outlive it; folder is the store's. 0 or a negative errno; a bus that is not there is no error. */
int service_new(struct service **ret, sd_event *event, struct store *store, int folder, const struct settings *settings);
/* NULL is allowed. */
void service_free(struct service *service);
/* Ends the recording in progress in order, then the loop. */
void service_end(struct service *service);
