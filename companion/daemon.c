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
	struct access access;
	int runtime; /* folder of socket and token, -1 for none */
	struct api *api;
};

/* --- what changes is told to whoever watches the page --- */

static void on_changed(void *context) {
	struct companion *companion = context;
	if (companion->api)
		api_status_changed(companion->api);
}

static void on_recording_changed(void *context, const lanyard_Recording *recording) {
	struct companion *companion = context;
	if (companion->api)
		api_recording_changed(companion->api, recording);
}

static const struct parts_callbacks parts_handlers = { .changed = on_changed, .recording_changed = on_recording_changed };

/* --- building --- */

static int companion_fail(const char *what, int result) {
	log_line(LOG_LEVEL_ERROR, "companiond", "%s: %s", what, strerror(-result));
	return result;
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
	int result = parts_build(&companion->parts, event, settings, state, &parts_handlers, companion);
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
	parts_free(&companion->parts);
	wipe(companion, sizeof(*companion));
	free(companion);
}
