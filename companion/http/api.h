/* The API's paths: checks who asks, finds the route, does the work or hands it to the parts (docs/http/openapi.yaml). */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "companion/http/access.h"
#include "companion/parts.h"

struct api;

struct api_config {
	struct parts *parts;
	struct access *access;
	const char *page; /* folder of the page's files */
};

/* All in `config` outlive the API. 0 or a negative errno. */
int api_new(struct api **ret, sd_event *event, const struct api_config *config);
/* Ends all requests. NULL is allowed. */
void api_free(struct api *api);
/* Serves on this listening socket; takes ownership of it, also on failure. 0 or a negative errno. */
int api_listen(struct api *api, int listening, bool local);

/* To be called by whoever owns the parts: something in the status changed; a recording changed. */
void api_status_changed(struct api *api);
void api_recording_changed(struct api *api, const lanyard_Recording *recording);
