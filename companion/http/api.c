#include "companion/http/api.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "companion/http/body.h"
#include "companion/http/events.h"
#include "companion/http/media_answer.h"
#include "companion/http/openapi.h"
#include "companion/http/page.h"
#include "companion/http/present.h"
#include "companion/http/server.h"

#define LISTENERS 3 /* Unix socket, 127.0.0.1, ::1 */
#define LIST_DEFAULT 20
/* A tag is durable on the camera before it is answered; flash may take its time. */
#define ANSWER_TIMEOUT_US (10 * SECOND_US)

/* A request that waits for the camera. */
struct pending {
	struct pending *next, **link; /* in api->closing, for DELETE /api/wifi, and POST while it is being taken down */
	bool opens;                   /* the latter */
	struct api *api;
	struct http_request *request;
	uint32_t session_request;
	struct recordings_job *job;
};

struct api {
	sd_event *event;
	struct api_config config;
	struct page *page;
	struct events *events;
	struct http_server *server[LISTENERS];
	size_t servers;
	struct pending *closing; /* wait for the Wi-Fi to be off */
};

/* --- requests that wait --- */

static void pending_free(struct pending *pending) {
	if (pending->link) {
		*pending->link = pending->next;
		if (pending->next)
			pending->next->link = pending->link;
	}
	free(pending);
}

/* The client went away first. */
static void on_pending_gone(void *context) {
	struct pending *pending = context;
	session_cancel(pending->api->config.parts->session, pending->session_request);
	recordings_job_cancel(pending->job);
	pending_free(pending);
}

/* NULL after answering that memory is short. */
static struct pending *pending_new(struct api *api, struct http_request *request) {
	struct pending *pending = calloc(1, sizeof(*pending));
	if (!pending) {
		http_reply_reason(request, REASON_INTERNAL);
		return NULL;
	}
	pending->api = api;
	pending->request = request;
	http_request_on_gone(request, on_pending_gone, pending);
	return pending;
}

static void pending_reply_reason(struct pending *pending, enum reason reason) {
	if (reason == REASON_OK)
		http_reply_empty(pending->request, MHD_HTTP_NO_CONTENT);
	else
		http_reply_reason(pending->request, reason);
	pending_free(pending);
}

static void pending_reply_json(struct pending *pending, json_t *json) {
	http_reply_json(pending->request, MHD_HTTP_OK, json);
	pending_free(pending);
}

static enum reason reason_of_error(struct api *api, int error) {
	if (error == -ENOTCONN)
		return keyring_newest(api->config.parts->keyring) ? REASON_NOT_CONNECTED : REASON_NOT_PAIRED;
	return error == -EAGAIN ? REASON_BUSY : REASON_INTERNAL;
}

/* --- routes; `id` is the recording's for paths that have one, else NULL --- */

static void handle_login(struct api *api, struct http_request *request, const char *id) {
	(void)id;
	size_t length;
	const char *body = http_request_body(request, &length);
	char token[TOKEN_TEXT_SIZE], cookie[TOKEN_TEXT_SIZE];
	enum reason reason = body_parse_login(body, length, token);
	if (reason != REASON_OK) {
		http_reply_reason(request, reason);
		return;
	}
	if (!access_login(api->config.access, token, cookie)) {
		log_reason(LOG_LEVEL_WARNING, "http", REASON_LOGIN_REQUIRED, "a login with a wrong token");
		http_reply_reason_with_status(request, MHD_HTTP_FORBIDDEN, REASON_LOGIN_REQUIRED);
	} else {
		char header[128];
		snprintf(header, sizeof(header), ACCESS_COOKIE_NAME "=%s; HttpOnly; SameSite=Strict; Path=/", cookie);
		http_request_add_header(request, MHD_HTTP_HEADER_SET_COOKIE, header);
		http_reply_empty(request, MHD_HTTP_NO_CONTENT);
		wipe(header, sizeof(header));
	}
	wipe(token, sizeof(token));
	wipe(cookie, sizeof(cookie));
}

static void handle_status(struct api *api, struct http_request *request, const char *id) {
	(void)id;
	http_reply_json(request, MHD_HTTP_OK, present_status(api->config.parts, loop_now_us(api->event)));
}

static void handle_events(struct api *api, struct http_request *request, const char *id) {
	(void)id;
	events_attach(api->events, request);
}

static void handle_openapi(struct api *api, struct http_request *request, const char *id) {
	(void)api;
	(void)id;
	http_reply_bytes(request, MHD_HTTP_OK, "application/yaml", openapi_yaml, openapi_yaml_size);
}

static void handle_scan(struct api *api, struct http_request *request, const char *id) {
	(void)id;
	enum reason bluetooth = radio_state(api->config.parts->radio);
	if (bluetooth != REASON_OK) {
		http_reply_reason(request, bluetooth);
		return;
	}
	api->config.parts->pairing_reason = REASON_OK;
	finder_start(api->config.parts->finder);
	http_reply_empty(request, MHD_HTTP_ACCEPTED);
}

static void handle_scan_stop(struct api *api, struct http_request *request, const char *id) {
	(void)id;
	finder_stop(api->config.parts->finder);
	http_reply_empty(request, MHD_HTTP_NO_CONTENT);
}

static void handle_pair(struct api *api, struct http_request *request, const char *id) {
	(void)id;
	struct parts *parts = api->config.parts;
	size_t length;
	const char *body = http_request_body(request, &length);
	char camera_id[CAMERA_ID_SIZE + 1], fingerprint[NFC_FINGERPRINT_TEXT];
	enum reason reason = body_parse_pair(body, length, camera_id, fingerprint);
	if (reason != REASON_OK) {
		http_reply_reason(request, reason);
		return;
	}
	const struct found_camera *camera = finder_find(parts->finder, camera_id);
	if (!camera) {
		http_reply_reason(request, REASON_CAMERA_NOT_FOUND);
		return;
	}
	int result = pairer_start(parts->pairer, camera->id, &camera->peer, *fingerprint ? fingerprint : NULL);
	if (result == -EBUSY)
		http_reply_reason(request, REASON_PAIRING_BUSY);
	else if (result == -ENETDOWN)
		http_reply_reason(request,
		                  radio_state(parts->radio) == REASON_OK ? REASON_ADAPTER_GONE : radio_state(parts->radio));
	else if (result < 0)
		http_reply_reason(request, REASON_INTERNAL);
	else
		http_reply_empty(request, MHD_HTTP_ACCEPTED);
	if (result >= 0)
		parts->pairing_reason = REASON_OK;
	else if (result != -EBUSY && result != -ENETDOWN)
		log_line(LOG_LEVEL_ERROR, "http", "pairing cannot begin: %s", strerror(-result));
}

static void handle_pair_confirm(struct api *api, struct http_request *request, const char *id) {
	(void)id;
	size_t length;
	const char *body = http_request_body(request, &length);
	uint32_t code;
	enum reason reason = body_parse_confirm(body, length, &code);
	if (reason == REASON_OK)
		reason = pairer_confirm(api->config.parts->pairer, code);
	if (reason == REASON_OK)
		http_reply_empty(request, MHD_HTTP_NO_CONTENT);
	else
		http_reply_reason(request, reason);
}

static void handle_pair_stop(struct api *api, struct http_request *request, const char *id) {
	(void)id;
	pairer_cancel(api->config.parts->pairer);
	http_reply_empty(request, MHD_HTTP_NO_CONTENT);
}

static void handle_forget(struct api *api, struct http_request *request, const char *id) {
	(void)id;
	struct parts *parts = api->config.parts;
	int result = keyring_forget(parts->keyring);
	if (result < 0) {
		log_reason(LOG_LEVEL_ERROR, "http", REASON_STORE_FAILED, "the camera could not be forgotten: %s",
		           strerror(-result));
		http_reply_reason_with_status(request, MHD_HTTP_INTERNAL_SERVER_ERROR, REASON_INTERNAL);
		return;
	}
	pairer_cancel(parts->pairer);
	parts->pairing_reason = REASON_OK;
	session_restart(parts->session, NULL);
	recordings_clear(parts->recordings);
	http_reply_empty(request, MHD_HTTP_NO_CONTENT);
}

static void on_listed(void *context, enum reason reason, const lanyard_Recording *list, size_t count, bool more) {
	struct pending *pending = context;
	pending->job = NULL;
	if (reason != REASON_OK)
		pending_reply_reason(pending, reason);
	else
		pending_reply_json(pending, present_recordings(list, count, more));
}

/* A whole number from 1 to the limit. */
static bool parse_limit(const char *text, unsigned *ret) {
	if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 3)
		return false;
	unsigned long value = strtoul(text, NULL, 10);
	if (value < 1 || value > RECORDINGS_PAGE_LIMIT)
		return false;
	*ret = (unsigned)value;
	return true;
}

static void handle_recordings(struct api *api, struct http_request *request, const char *id) {
	(void)id;
	const char *before = http_request_query(request, "before"), *limit_text = http_request_query(request, "limit");
	unsigned limit = LIST_DEFAULT;
	if ((before && !recording_id_is_valid(before)) || (limit_text && !parse_limit(limit_text, &limit))) {
		http_reply_reason(request, REASON_REQUEST_INVALID);
		return;
	}
	struct pending *pending = pending_new(api, request);
	if (!pending)
		return;
	int result =
	        recordings_list(&pending->job, api->config.parts->recordings, before ? before : "", limit, on_listed, pending);
	if (result < 0)
		pending_reply_reason(pending, reason_of_error(api, result));
}

static void on_thumbnail(void *context, enum reason reason, const uint8_t *jpeg, size_t length) {
	struct pending *pending = context;
	pending->job = NULL;
	if (reason != REASON_OK) {
		pending_reply_reason(pending, reason);
		return;
	}
	http_reply_bytes(pending->request, MHD_HTTP_OK, "image/jpeg", jpeg, length);
	pending_free(pending);
}

static void handle_thumbnail(struct api *api, struct http_request *request, const char *id) {
	struct pending *pending = pending_new(api, request);
	if (!pending)
		return;
	struct recordings_job *job = NULL;
	int result = recordings_thumbnail(&job, api->config.parts->recordings, id, on_thumbnail, pending);
	if (result < 0)
		pending_reply_reason(pending, reason_of_error(api, result));
	else if (job) /* else it is answered, and `pending` is gone */
		pending->job = job;
}

static void handle_media(struct api *api, struct http_request *request, const char *id) {
	media_answer(request, api->config.parts->media, id);
}

static void handle_live(struct api *api, struct http_request *request, const char *id) {
	(void)id;
	media_answer(request, api->config.parts->media, "");
}

static void on_tag_answer(void *context, enum reason reason, const lanyard_Response *response) {
	struct pending *pending = context;
	pending->session_request = 0;
	if (reason != REASON_OK)
		pending_reply_reason(pending, reason);
	else
		pending_reply_json(pending, present_receipt(&response->body.tag));
}

static void on_plain_answer(void *context, enum reason reason, const lanyard_Response *response) {
	(void)response;
	struct pending *pending = context;
	pending->session_request = 0;
	pending_reply_reason(pending, reason);
}

static void ask_camera(struct api *api, struct http_request *request, lanyard_Request *question, requests_answer answer) {
	struct pending *pending = pending_new(api, request);
	if (!pending)
		return;
	int result = session_request(api->config.parts->session, question, REQUESTS_REPEAT, ANSWER_TIMEOUT_US, answer, pending,
	                             &pending->session_request);
	if (result < 0)
		pending_reply_reason(pending, reason_of_error(api, result));
}

static void handle_tag(struct api *api, struct http_request *request, const char *id) {
	lanyard_Request question = { .which_body = lanyard_Request_tag_tag };
	question.body.tag.has_tag = true;
	strcpy(question.body.tag.id, id); /* a valid id has exactly the length that fits */
	size_t length;
	const char *body = http_request_body(request, &length);
	enum reason reason = body_parse_tag(body, length, &question.body.tag.tag);
	if (reason != REASON_OK)
		http_reply_reason(request, reason);
	else
		ask_camera(api, request, &question, on_tag_answer);
}

static void handle_record(struct api *api, struct http_request *request, const char *id) {
	(void)id;
	lanyard_Request question = { .which_body = lanyard_Request_record_tag };
	size_t length;
	const char *body = http_request_body(request, &length);
	enum reason reason = body_parse_record(body, length, &question.body.record.start);
	if (reason != REASON_OK)
		http_reply_reason(request, reason);
	else
		ask_camera(api, request, &question, on_plain_answer);
}

static void on_slate_head(void *context, enum reason reason, const lanyard_Response *response) {
	struct pending *pending = context;
	json_t *json = NULL;
	pending->session_request = 0;
	if (reason == REASON_OK)
		reason = present_slate_head(&response->body.slate_head, &json);
	if (reason != REASON_OK)
		pending_reply_reason(pending, reason);
	else
		pending_reply_json(pending, json);
}

static void handle_slate_head(struct api *api, struct http_request *request, const char *id) {
	(void)id;
	lanyard_Request question = { .which_body = lanyard_Request_slate_head_tag };
	ask_camera(api, request, &question, on_slate_head);
}

static void open_wifi(struct api *api, struct http_request *request) {
	int result = handover_open(api->config.parts->handover);
	if (result == -ENODEV)
		http_reply_reason(request, REASON_WIFI_GONE);
	else if (result < 0 && result != -EALREADY)
		http_reply_reason(request, reason_of_error(api, result));
	else
		http_reply_empty(request, MHD_HTTP_ACCEPTED);
}

static void wait_for_off(struct api *api, struct http_request *request, bool opens) {
	struct pending *pending = pending_new(api, request);
	if (!pending)
		return;
	pending->opens = opens;
	pending->next = api->closing;
	pending->link = &api->closing;
	if (pending->next)
		pending->next->link = &pending->next;
	api->closing = pending;
}

static void handle_wifi(struct api *api, struct http_request *request, const char *id) {
	(void)id;
	if (handover_state(api->config.parts->handover) == HANDOVER_CLOSING)
		wait_for_off(api, request, true);
	else
		open_wifi(api, request);
}

static void handle_wifi_stop(struct api *api, struct http_request *request, const char *id) {
	(void)id;
	struct handover *handover = api->config.parts->handover;
	handover_close(handover);
	if (handover_state(handover) == HANDOVER_OFF)
		http_reply_empty(request, MHD_HTTP_NO_CONTENT);
	else
		wait_for_off(api, request, false);
}

static const struct route {
	const char *method, *path; /* "*" stands for a recording's id */
	void (*handle)(struct api *api, struct http_request *request, const char *id);
	bool body; /* expects JSON */
} routes[] = {
	{ "POST", "/api/login", handle_login, true },
	{ "GET", "/api/openapi.yaml", handle_openapi, false },
	{ "GET", "/api/status", handle_status, false },
	{ "GET", "/api/events", handle_events, false },
	{ "POST", "/api/scan", handle_scan, false },
	{ "DELETE", "/api/scan", handle_scan_stop, false },
	{ "POST", "/api/pair", handle_pair, true },
	{ "DELETE", "/api/pair", handle_pair_stop, false },
	{ "POST", "/api/pair/confirm", handle_pair_confirm, true },
	{ "POST", "/api/forget", handle_forget, false },
	{ "GET", "/api/recordings", handle_recordings, false },
	{ "GET", "/api/recordings/*/thumbnail", handle_thumbnail, false },
	{ "GET", "/api/recordings/*/media", handle_media, false },
	{ "PUT", "/api/recordings/*/tag", handle_tag, true },
	{ "GET", "/api/live", handle_live, false },
	{ "POST", "/api/record", handle_record, true },
	{ "GET", "/api/slate/head", handle_slate_head, false },
	{ "POST", "/api/wifi", handle_wifi, false },
	{ "DELETE", "/api/wifi", handle_wifi_stop, false },
};

/* True when the path fits the pattern; then `id` holds what "*" stands for, or "". */
static bool path_matches(const char *pattern, const char *path, char id[RECORDING_ID_SIZE + 1]) {
	*id = '\0';
	const char *star = strchr(pattern, '*');
	if (!star)
		return strcmp(pattern, path) == 0;
	size_t before = (size_t)(star - pattern);
	if (strncmp(pattern, path, before) != 0 || strlen(path) != strlen(pattern) - 1 + RECORDING_ID_SIZE)
		return false;
	memcpy(id, path + before, RECORDING_ID_SIZE);
	id[RECORDING_ID_SIZE] = '\0';
	return recording_id_is_valid(id) && strcmp(star + 1, path + before + RECORDING_ID_SIZE) == 0;
}

static bool is_api_path(const char *path) {
	return strcmp(path, "/api") == 0 || strncmp(path, "/api/", 5) == 0;
}

static bool is_reading(const char *method) {
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/* Before the body is read: who asks? */
static void on_check(void *context, struct http_request *request) {
	struct api *api = context;
	const char *path = http_request_path(request);
	struct access_request headers = {
		.local = http_request_is_local(request),
		.api = is_api_path(path),
		.login = strcmp(path, "/api/login") == 0,
		.changes = !is_reading(http_request_method(request)),
		.host = http_request_header(request, MHD_HTTP_HEADER_HOST),
		.origin = http_request_header(request, "Origin"),
		.fetch_site = http_request_header(request, "Sec-Fetch-Site"),
		.fetch_mode = http_request_header(request, "Sec-Fetch-Mode"),
		.authorization = http_request_header(request, MHD_HTTP_HEADER_AUTHORIZATION),
		.cookie = http_request_header(request, MHD_HTTP_HEADER_COOKIE),
	};
	enum reason reason = access_check(api->config.access, &headers);
	if (reason != REASON_OK)
		http_reply_reason(request, reason);
}

/* A form or a text, which a foreign page may send without asking, is not JSON. */
static bool is_json(const struct http_request *request) {
	static const char type[] = "application/json";
	const char *given = http_request_header(request, MHD_HTTP_HEADER_CONTENT_TYPE);
	if (!given || strncasecmp(given, type, sizeof(type) - 1) != 0)
		return false;
	char end = given[sizeof(type) - 1];
	return end == '\0' || end == ';' || end == ' ';
}

static void on_handle(void *context, struct http_request *request) {
	struct api *api = context;
	const char *path = http_request_path(request), *method = http_request_method(request);
	if (!is_api_path(path)) {
		if (is_reading(method))
			page_answer(api->page, request, path);
		else
			http_reply_reason(request, REASON_METHOD_UNKNOWN);
		return;
	}
	bool path_known = false;
	for (size_t i = 0; i < ELEMENTS(routes); i++) {
		char id[RECORDING_ID_SIZE + 1];
		if (!path_matches(routes[i].path, path, id))
			continue;
		path_known = true;
		if (strcmp(routes[i].method, method) != 0)
			continue;
		if (routes[i].body && !is_json(request))
			http_reply_reason_with_status(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, REASON_BODY_INVALID);
		else
			routes[i].handle(api, request, id);
		return;
	}
	http_reply_reason(request, path_known ? REASON_METHOD_UNKNOWN : REASON_PATH_UNKNOWN);
}

static const struct http_server_callbacks server_callbacks = { .check = on_check, .handle = on_handle };

/* --- life --- */

static json_t *make_status(void *context) {
	struct api *api = context;
	return present_status(api->config.parts, loop_now_us(api->event));
}

int api_new(struct api **ret, sd_event *event, const struct api_config *config) {
	struct api *api = calloc(1, sizeof(*api));
	if (!api)
		return -ENOMEM;
	*api = (struct api){ .event = event, .config = *config };
	api->page = page_new(config->page);
	int result = api->page ? events_new(&api->events, event, make_status, api) : -ENOMEM;
	if (result < 0) {
		api_free(api);
		return result;
	}
	*ret = api;
	return 0;
}

void api_free(struct api *api) {
	if (!api)
		return;
	while (api->servers > 0)
		http_server_free(api->server[--api->servers]);
	events_free(api->events);
	page_free(api->page);
	free(api);
}

int api_listen(struct api *api, int listening, bool local) {
	if (api->servers == LISTENERS)
		return -EMFILE;
	int result = http_server_new(&api->server[api->servers], api->event, listening, local, &server_callbacks, api);
	if (result == 0)
		api->servers++;
	return result;
}

void api_status_changed(struct api *api) {
	events_status_changed(api->events);
	if (handover_state(api->config.parts->handover) != HANDOVER_OFF)
		return;
	struct pending *waiting = api->closing;
	api->closing = NULL;
	while (waiting) {
		struct pending *pending = waiting;
		waiting = pending->next;
		pending->link = NULL; /* the list is ours alone now */
		if (pending->opens) {
			open_wifi(api, pending->request);
			pending_free(pending);
		} else {
			pending_reply_reason(pending, REASON_OK);
		}
	}
}

void api_recording_changed(struct api *api, const lanyard_Recording *recording) {
	events_send_recording(api->events, present_recording(recording));
}
