#include "companion/daemon.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "companion/http/api.h"
#include "companion/listen_http.h"
#include "companion/parts.h"

#define TOKEN_NAME "token"

struct companion {
	const struct settings *settings;
	struct parts parts;
	char media_socket[sizeof(((struct settings *)NULL)->link_socket) + sizeof(".media")];
	struct access access;
	int runtime; /* folder of socket and token, -1 for none */
	struct api *api;
};

/* --- who tells whom what; parts that are built later than the one that speaks may still be missing --- */

static void on_changed(void *context) {
	struct companion *companion = context;
	if (companion->api)
		api_status_changed(companion->api);
}

static void on_paired(void *context, enum reason reason) {
	struct companion *companion = context;
	struct parts *parts = &companion->parts;
	parts->pairing_reason = reason;
	if (reason == REASON_OK) {
		finder_stop(parts->finder);
		recordings_clear(parts->recordings);
		session_restart(parts->session, pairer_peer(parts->pairer));
	}
	on_changed(companion);
}

static const struct pairer_callbacks pairer_handlers = { .changed = on_changed, .finished = on_paired };

static void on_session_live(void *context) {
	struct companion *companion = context;
	companion->parts.pairing_reason = REASON_OK; /* what went wrong before no longer matters */
}

static void on_session_lost(void *context, enum reason reason) {
	(void)reason;
	struct companion *companion = context;
	if (companion->parts.handover)
		handover_session_lost(companion->parts.handover);
}

static void on_session_event(void *context, const lanyard_Event *event) {
	struct companion *companion = context;
	if (event->which_body == lanyard_Event_wifi_tag)
		handover_wifi_event(companion->parts.handover, &event->body.wifi);
	else if (event->which_body == lanyard_Event_recording_tag && companion->api)
		api_recording_changed(companion->api, &event->body.recording.recording);
}

static const struct session_callbacks session_handlers = {
	.changed = on_changed,
	.live = on_session_live,
	.lost = on_session_lost,
	.event = on_session_event,
};

/* --- building --- */

static int companion_fail(const char *what, int result) {
	log_line(LOG_LEVEL_ERROR, "companiond", "%s: %s", what, strerror(-result));
	return result;
}

static int companion_build_parts(struct companion *companion, sd_event *event, const char *state) {
	const struct settings *settings = companion->settings;
	struct parts *parts = &companion->parts;
	const char *adapter = *settings->adapter ? settings->adapter : NULL;
	bool test_link = *settings->link_socket != '\0';

	int result = keyring_new(&parts->keyring, state, file_layer_system(), random_system());
	if (result < 0)
		return companion_fail("the state folder cannot be used", result);
	result = radio_new(&parts->radio, event, adapter, settings->link_socket, on_changed, companion);
	if (result >= 0)
		result = finder_new(&parts->finder, event, parts->radio, on_changed, companion);
	if (result >= 0)
		result = pairer_new(&parts->pairer, event, parts->radio, parts->keyring, settings->name, &pairer_handlers,
		                    companion);
	if (result >= 0) {
		struct session_config session = {
			.radio = parts->radio,
			.keyring = parts->keyring,
			.name = settings->name,
			.epoch_seconds = settings->epoch_seconds,
			.renew_after_us = settings->renew_seconds * SECOND_US,
		};
		result = session_new(&parts->session, event, &session, &session_handlers, companion);
	}
	if (result >= 0) {
		parts->recordings = recordings_new(parts->session);
		parts->media = media_new();
		result = parts->recordings && parts->media ? 0 : -ENOMEM;
	}
	if (result >= 0) {
		snprintf(companion->media_socket, sizeof(companion->media_socket), "%s.media", settings->link_socket);
		struct handover_config handover = {
			.session = parts->session,
			.keyring = parts->keyring,
			.media = parts->media,
			.name = settings->name,
			.supplicant_control = *settings->supplicant_control ? settings->supplicant_control : NULL,
			.interface = settings->interface,
			.test_socket = test_link ? companion->media_socket : NULL,
		};
		result = handover_new(&parts->handover, event, &handover, on_changed, companion);
	}
	return result < 0 ? companion_fail("starting", result) : 0;
}

/* The token is for whoever may read the folder: the same user who may open the socket. */
static int companion_write_token(struct companion *companion) {
	char text[TOKEN_TEXT_SIZE + 1];
	hex_encode(text, companion->access.token, TOKEN_SIZE);
	strcat(text, "\n");
	int result = file_replace(file_layer_system(), companion->runtime, TOKEN_NAME, text, strlen(text));
	wipe(text, sizeof(text));
	return result;
}

static int companion_listen_tcp(struct companion *companion, int family, const char *address) {
	int file = listen_http_loopback(family, companion->settings->port);
	int result = file < 0 ? file : api_listen(companion->api, file, false);
	if (result < 0)
		log_line(family == AF_INET ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "companiond", "listening on %s port %u: %s",
		         address, companion->settings->port, strerror(-result));
	return result;
}

static int companion_serve(struct companion *companion, sd_event *event) {
	const struct settings *settings = companion->settings;
	access_init(&companion->access, settings->port, random_system());
	struct api_config config = { .parts = &companion->parts, .access = &companion->access, .page = settings->page };
	int result = api_new(&companion->api, event, &config);
	if (result < 0)
		return companion_fail("starting the API", result);

	char path[sizeof(settings->socket)];
	snprintf(path, sizeof(path), "%s", settings->socket);
	const char *folder = dirname(path);
	companion->runtime = folder_open(folder);
	if (companion->runtime < 0)
		return companion_fail(folder, companion->runtime);
	int file = listen_http_unix(settings->socket);
	result = file < 0 ? file : api_listen(companion->api, file, true);
	if (result < 0)
		return companion_fail(settings->socket, result);
	if (settings->port == 0)
		return 0;
	result = companion_write_token(companion);
	if (result < 0)
		return companion_fail("the token cannot be written", result);
	result = companion_listen_tcp(companion, AF_INET, "127.0.0.1");
	if (result >= 0)
		(void)companion_listen_tcp(companion, AF_INET6, "::1"); /* a host without IPv6 still has the other one */
	return result;
}

int companion_new(struct companion **ret, sd_event *event, const struct settings *settings, const char *state) {
	struct companion *companion = calloc(1, sizeof(*companion));
	if (!companion)
		return companion_fail("starting", -ENOMEM);
	companion->settings = settings;
	companion->runtime = -1;
	int result = companion_build_parts(companion, event, state);
	if (result >= 0)
		result = companion_serve(companion, event);
	if (result < 0) {
		companion_free(companion);
		return result;
	}
	*ret = companion;
	return 0;
}

void companion_free(struct companion *companion) {
	if (!companion)
		return;
	struct api *api = companion->api;
	companion->api = NULL; /* nothing is told any more */
	api_free(api);
	if (companion->runtime >= 0) {
		unlinkat(companion->runtime, TOKEN_NAME, 0);
		unlink(companion->settings->socket);
		close(companion->runtime);
	}
	struct parts *parts = &companion->parts;
	handover_free(parts->handover);
	media_free(parts->media);
	recordings_free(parts->recordings);
	session_free(parts->session);
	pairer_free(parts->pairer);
	finder_free(parts->finder);
	radio_free(parts->radio);
	keyring_free(parts->keyring);
	wipe(companion, sizeof(*companion));
	free(companion);
}
