/* The companion's HTTP API with a whole companion behind it (companion_scene.h): how it starts, what the page asks, video. Every
 * call that it makes fails once, in jansson, too. Whatever fails: no crash, no leak, nothing hangs, nobody gets in who may not;
 * what is answered is whole and has the headers that protect it, or is a refusal with a reason; and afterwards it answers as
 * ever.
 *
 *   faults-page [--from N] [--every N] [SCENARIO...] */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "companion/daemon.h"
#include "companion/http/api.h"
#include "companion/listen_http.h"
#include "crypto/crypto.h"
#include "tests/faults/companion_scene.h"
#include "tests/faults/inject.h"
#include "tests/faults/scenarios.h"
#include "tests/unit/cam-radio/fake_recorder.h"

/* --- what fails beside the rest --- */

WRAP(char *, strdup, (const char *text), (text), return NULL)
WRAP(int, dup, (int file), (file), FAILS_WITH(EMFILE))
WRAP(struct MHD_Response *, MHD_create_response_from_buffer, (size_t size, void *bytes, enum MHD_ResponseMemoryMode mode),
     (size, bytes, mode), return NULL)
WRAP(struct MHD_Response *, MHD_create_response_from_fd64, (uint64_t size, int file), (size, file), return NULL)
WRAP(struct MHD_Response *, MHD_create_response_from_callback,
     (uint64_t size, size_t block, MHD_ContentReaderCallback read, void *context, MHD_ContentReaderFreeCallback done),
     (size, block, read, context, done), return NULL)
WRAP(enum MHD_Result, MHD_add_response_header, (struct MHD_Response * response, const char *name, const char *value),
     (response, name, value), return MHD_NO)
WRAP(enum MHD_Result, MHD_queue_response, (struct MHD_Connection * connection, unsigned status, struct MHD_Response *response),
     (connection, status, response), return MHD_NO)

int __wrap_asprintf(char **ret, const char *format, ...) __attribute__((format(printf, 2, 3)));

int __wrap_asprintf(char **ret, const char *format, ...) {
	if (inject_fails("asprintf"))
		return -1;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(ret, format, arguments);
	va_end(arguments);
	return length;
}

void *__real_malloc(size_t size);

static void *json_memory(size_t size) {
	return inject_fails("jansson") ? NULL : __real_malloc(size);
}

/* --- the client --- */

#define ANSWER_LIMIT (512 * 1024)

struct answer {
	unsigned status; /* 0: the connection was closed without one */
	bool whole;
	const char *body;
	size_t length;
};

static char received[ANSWER_LIMIT + 1];
static size_t received_length;
static char socket_path[60];

static int client_open(int family) {
	int file;
	if (family == AF_UNIX) {
		struct sockaddr_un address = { .sun_family = AF_UNIX };
		strcpy(address.sun_path, socket_path);
		file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		MUST(file >= 0 && connect(file, (const struct sockaddr *)&address, sizeof(address)) == 0);
	} else {
		struct sockaddr_in address = {
			.sin_family = AF_INET,
			.sin_port = htons((uint16_t)scene.settings.port),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		};
		file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		MUST(file >= 0 && connect(file, (const struct sockaddr *)&address, sizeof(address)) == 0);
		MUST(fcntl(file, F_SETFL, O_NONBLOCK) == 0);
	}
	return file;
}

/* False when the other end has closed. */
static bool client_read(int file) {
	ssize_t length = recv(file, received + received_length, ANSWER_LIMIT - received_length, 0);
	if (length > 0)
		received_length += (size_t)length;
	MUST(received_length < ANSWER_LIMIT);
	received[received_length] = '\0';
	return length > 0 || (length < 0 && errno == EAGAIN);
}

static int client_send(int family, const char *method, const char *path, const char *headers, const char *body) {
	static char request[2000];
	unsigned fault = inject_pause();
	int file = client_open(family);
	int length = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: localhost:%u\r\n%s", method, path,
	                      scene.settings.port, headers);
	if (*body)
		length += snprintf(request + length, sizeof(request) - (size_t)length,
		                   "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
	length += snprintf(request + length, sizeof(request) - (size_t)length, "\r\n%s", body);
	MUST(send(file, request, (size_t)length, MSG_NOSIGNAL) == length);
	received_length = 0;
	received[0] = '\0';
	inject_resume(fault);
	return file;
}

/* Without one of these an answer may be kept by a browser, framed or read by another page, or taken for what it is not. */
static void check_headers(void) {
	static const char *const wanted[] = {
		"Cache-Control: no-store",
		"Content-Security-Policy: default-src 'none';",
		"Cross-Origin-Opener-Policy: same-origin",
		"Cross-Origin-Resource-Policy: same-origin",
		"Permissions-Policy: geolocation=(self),",
		"Referrer-Policy: no-referrer",
		"X-Content-Type-Options: nosniff",
		"X-Frame-Options: DENY",
	};
	for (size_t i = 0; i < ELEMENTS(wanted); i++) {
		const char *at = strstr(received, wanted[i]);
		MUST(at && at < strstr(received, "\r\n\r\n") && at[-1] == '\n');
	}
}

static bool has_type(void) {
	const char *at = strstr(received, "\r\nContent-Type: ");
	return at && at < strstr(received, "\r\n\r\n");
}

/* What was received, taken apart. */
static struct answer answer_read(void) {
	struct answer answer = { .whole = false };
	const char *end = strstr(received, "\r\n\r\n"), *length = strstr(received, "\r\nContent-Length: ");
	if (!end)
		return answer;
	MUST(sscanf(received, "HTTP/1.1 %u", &answer.status) == 1);
	check_headers();
	answer.body = end + 4;
	answer.length = received_length - (size_t)(answer.body - received);
	MUST(answer.length == 0 || has_type());
	answer.whole = answer.status == MHD_HTTP_NO_CONTENT ||
	               (length && length < end && strtoull(length + 18, NULL, 10) == answer.length);
	return answer;
}

static struct answer ask_as(int family, const char *method, const char *path, const char *headers, const char *body) {
	char all[300];
	snprintf(all, sizeof(all), "Connection: close\r\n%s", headers);
	int file = client_send(family, method, path, all, body);
	COMES(!client_read(file));
	close(file);
	return answer_read();
}

static struct answer ask(const char *method, const char *path, const char *headers, const char *body) {
	return ask_as(AF_UNIX, method, path, headers, body);
}

/* Nobody parses while something is to fail. NULL: it is none. */
static json_t *parse(const struct answer *answer) {
	unsigned fault = inject_pause();
	json_t *json = json_loadb(answer->body, answer->length, 0, NULL);
	inject_resume(fault);
	return json;
}

/* It came to `status`, whole. If not, it was closed, or refused for want of something. A refusal says why, unless there was no
 * memory for that. */
static bool is_well(const struct answer *answer, unsigned status) {
	MUST((answer->status == status && answer->whole) || injection.failed);
	if (answer->status == 0 || !answer->whole)
		return false;
	if (answer->status < 400) {
		MUST(answer->status == status);
		return true;
	}
	if (answer->length == 0) {
		MUST(answer->status == MHD_HTTP_INTERNAL_SERVER_ERROR);
		return false;
	}
	json_t *json = parse(answer);
	MUST(json_string_length(json_object_get(json, "reason")) > 0 && json_string_length(json_object_get(json, "message")) > 0);
	json_decref(json);
	return answer->status == status;
}

/* --- what the page asks --- */

static struct api *api;
static struct access access_list;
static char page_folder[50];

static void on_changed(void *context) {
	(void)context;
	if (api)
		api_status_changed(api);
}

static void on_recording_changed(void *context, const lanyard_Recording *changed) {
	(void)context;
	if (api)
		api_recording_changed(api, changed);
}

static const struct parts_callbacks told = { .changed = on_changed, .recording_changed = on_recording_changed };

static void stop_serving(void) {
	struct api *ending = api;
	api = NULL;
	api_free(ending);
	(void)unlink(socket_path);
}

static bool serve(void) {
	struct api_config config = { .parts = &scene.parts, .access = &access_list, .page = page_folder };
	access_init(&access_list, scene.settings.port, random_system());
	if (api_new(&api, scene.event, &config) < 0)
		return false;
	int file = listen_http_unix(socket_path);
	if (file < 0 || api_listen(api, file, true) < 0) {
		stop_serving();
		return false;
	}
	return true;
}

static const char page_text[] = "<!doctype html><title>page</title>";

static bool ask_page(void) {
	struct answer answer = ask("GET", "/", "", "");
	if (!is_well(&answer, MHD_HTTP_OK))
		return false;
	MUST(answer.length == sizeof(page_text) - 1 && memcmp(answer.body, page_text, answer.length) == 0);
	return true;
}

static bool ask_status(void) {
	struct answer answer = ask("GET", "/api/status", "", "");
	if (!is_well(&answer, MHD_HTTP_OK))
		return false;
	json_t *json = parse(&answer), *camera = json_object_get(json, "camera"), *wifi = json_object_get(json, "wifi");
	MUST(json_object_size(json) == 7 && json_object_size(camera) == 9 && json_object_size(wifi) == 3);
	MUST(json_object_size(json_object_get(wifi, "stages")) == 3);
	json_decref(json);
	return true;
}

static const char note[] = "Zo\xc3\xab";

/* After ask_tag. */
static bool ask_recordings(void) {
	struct answer answer = ask("GET", "/api/recordings?limit=100", "", "");
	if (!is_well(&answer, MHD_HTTP_OK))
		return false;
	json_t *json = parse(&answer), *list = json_object_get(json, "recordings");
	MUST(json_array_size(list) == FAKE_RECORDINGS && json_is_false(json_object_get(json, "more")));
	for (size_t i = 0; i < FAKE_RECORDINGS; i++)
		MUST(json_object_size(json_array_get(list, i)) == 9);
	const json_t *tag = json_object_get(json_array_get(list, 0), "tag");
	const char *kept = json_string_value(json_object_get(tag, "note"));
	MUST(kept && (strcmp(kept, note) == 0 || (!*kept && injection.failed)));
	json_decref(json);
	return true;
}

static bool ask_thumbnail(void) {
	char path[100];
	snprintf(path, sizeof(path), "/api/recordings/%s/thumbnail", first_recording);
	struct answer answer = ask("GET", path, "", "");
	if (!is_well(&answer, MHD_HTTP_OK))
		return false;
	MUST(answer.length == FAKE_THUMBNAIL_SIZE);
	return true;
}

static bool ask_tag(void) {
	char path[100], body[30];
	snprintf(path, sizeof(path), "/api/recordings/%s/tag", first_recording);
	snprintf(body, sizeof(body), "{\"note\": \"%s\"}", note);
	struct answer answer = ask("PUT", path, "", body);
	return is_well(&answer, MHD_HTTP_OK);
}

static bool ask_openapi(void) {
	struct answer answer = ask("GET", "/api/openapi.yaml", "", "");
	return is_well(&answer, MHD_HTTP_OK);
}

/* What is not asked for in the right way stays undone, also when there is no memory to say so. */
static bool ask_from_elsewhere(void) {
	struct answer answer = ask("POST", "/api/forget", "Origin: http://elsewhere.example\r\n", "");
	MUST(keyring_newest(scene.parts.keyring) != NULL);
	return is_well(&answer, MHD_HTTP_FORBIDDEN);
}

/* The status now, and a recording that changes. Or the end of the stream: whoever watches comes back then. */
static bool watch_events(void) {
	int file = client_send(AF_UNIX, "GET", "/api/events", "", "");
	bool is_open = true;
	COMES(!(is_open = client_read(file)) || strstr(received, "event: status\ndata: {"));
	if (is_open) {
		check_headers();
		MUST(has_type());
		lanyard_Recording changed = { .size = 1 };
		strcpy(changed.id, first_recording);
		api_recording_changed(api, &changed);
		COMES(!(is_open = client_read(file)) || strstr(received, "event: recording\ndata: {\"id\""));
	}
	close(file);
	MUST(is_open || injection.failed != NULL);
	return is_open;
}

static bool ask_all(void) {
	bool good = ask_page();
	good &= ask_status();
	good &= ask_thumbnail();
	good &= ask_tag();
	good &= ask_recordings();
	good &= ask_openapi();
	good &= ask_from_elsewhere();
	good &= watch_events();
	return good;
}

/* --- video --- */

/* range: as the header has it. The bytes are those of the recording from `first` on. */
static bool ask_media(const char *range, uint64_t first, size_t length) {
	char path[100], header[60];
	snprintf(path, sizeof(path), "/api/recordings/%s/media", first_recording);
	snprintf(header, sizeof(header), "Range: bytes=%s\r\n", range);
	struct answer answer = ask("GET", path, header, "");
	for (size_t i = 0; answer.status == MHD_HTTP_PARTIAL_CONTENT && i < answer.length; i++)
		MUST((uint8_t)answer.body[i] == fake_byte(0, first + i));
	if (!is_well(&answer, MHD_HTTP_PARTIAL_CONTENT))
		return false;
	MUST(answer.length == length);
	return true;
}

static bool watch_video(void) {
	const struct handover *handover = scene.parts.handover;
	struct answer answer = ask("POST", "/api/wifi", "", "");
	bool good = is_well(&answer, MHD_HTTP_ACCEPTED);
	/* Its answer may be what failed. */
	COMES(handover_state(handover) == HANDOVER_READY || handover_state(handover) == HANDOVER_OFF);
	if (handover_state(handover) == HANDOVER_READY) {
		good &= ask_media("1000-70999", 1000, 70000);
		good &= ask_media("-500", FAKE_RECORDING_SIZE(0) - 500, 500);
	} else {
		good = false;
	}
	answer = ask("DELETE", "/api/wifi", "", "");
	good &= is_well(&answer, MHD_HTTP_NO_CONTENT);
	handover_close(scene.parts.handover); /* as it does by itself when nobody watches */
	COMES(handover_state(handover) == HANDOVER_OFF);
	COMES(is_left());
	return good;
}

/* --- scenarios --- */

static void begin_page(void) {
	unsigned fault = inject_pause();
	scene_begin(0);
	scene.told = &told;
	snprintf(socket_path, sizeof(socket_path), "%s/http.socket", scene.folder);
	snprintf(page_folder, sizeof(page_folder), "%s.page", scene.folder);
	MUST(mkdir(page_folder, 0700) == 0);
	char path[70];
	snprintf(path, sizeof(path), "%s/index.html", page_folder);
	FILE *file = fopen(path, "w");
	MUST(file && fputs(page_text, file) >= 0 && fclose(file) == 0);
	inject_resume(fault);
}

static void end_page(void) {
	scene_end();
	remove_folder(page_folder);
}

/* Now that nothing fails, and nothing excuses what is not well. */
static void must_be_well(bool (*what)(void)) {
	const char *failed = injection.failed;
	injection.failed = NULL;
	MUST(what());
	injection.failed = failed;
}

static bool run_with_camera(bool (*scenario)(void)) {
	unsigned fault = inject_pause();
	begin_page();
	MUST(scene_build());
	MUST(scene_pair() == REASON_OK);
	COMES(is_live());
	inject_resume(fault);
	bool good = serve() && scenario();
	(void)inject_pause();
	MUST(api || serve());
	COMES(is_live());
	must_be_well(ask_all);
	must_be_well(watch_video);
	stop_serving();
	end_page();
	return good;
}

static bool run_requests(void) {
	return run_with_camera(ask_all);
}

static bool run_video(void) {
	return run_with_camera(watch_video);
}

/* A port that was free a moment ago. */
static unsigned free_port(void) {
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUST(file >= 0 && bind(file, (const struct sockaddr *)&address, sizeof(address)) == 0);
	MUST(getsockname(file, (struct sockaddr *)&address, &size) == 0);
	close(file);
	return ntohs(address.sin_port);
}

/* companiond from nothing to its first answers: through its socket, and refused over TCP, where nobody has shown the token. */
static bool start_and_ask(void) {
	struct companion *companion;
	if (companion_new(&companion, scene.event, &scene.settings, scene.folder) < 0)
		return false;
	struct answer answer = ask("GET", "/api/openapi.yaml", "", "");
	bool good = is_well(&answer, MHD_HTTP_OK);
	answer = ask_as(AF_INET, "GET", "/api/status", "", "");
	good &= is_well(&answer, MHD_HTTP_UNAUTHORIZED);
	companion_free(companion);
	return good;
}

static bool run_start(void) {
	unsigned fault = inject_pause();
	begin_page();
	scene.settings.port = free_port();
	strcpy(scene.settings.socket, socket_path);
	strcpy(scene.settings.page, page_folder);
	inject_resume(fault);
	bool good = start_and_ask();
	(void)inject_pause();
	MUST(access(socket_path, F_OK) < 0); /* nothing of it is left */
	must_be_well(start_and_ask);
	end_page();
	return good;
}

static const struct fault_scenario scenarios[] = {
	{ "page-start", run_start },
	{ "page-requests", run_requests },
	{ "page-video", run_video },
};

int main(int count, char **arguments) {
	if (crypto_start() < 0)
		return 1;
	json_set_alloc_funcs(json_memory, free);
	camera_start();
	int status = fault_scenarios(count, arguments, scenarios, ELEMENTS(scenarios));
	camera_stop();
	return status;
}
