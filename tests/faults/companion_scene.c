#include "tests/faults/companion_scene.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/random.h"
#include "companion/radio_backend.h"
#include "link/listen.h"
#include "tests/faults/inject.h"

struct companion_scene scene;
const char first_recording[] = "0000000000000000000000000000abc0";

/* --- the camera --- */

static struct {
	FILE *commands, *answers;
	char link[100], media[110];
} camera;

static void camera_read(char *line, size_t capacity) {
	MUST(fgets(line, (int)capacity, camera.answers) != NULL);
	line[strcspn(line, "\n")] = '\0';
}

void camera_start(void) {
	int in[2], out[2];
	MUST(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	pid_t process = fork();
	MUST(process >= 0);
	if (process == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execl(CAMERA_PROGRAM, CAMERA_PROGRAM, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	camera.commands = fdopen(in[1], "w");
	camera.answers = fdopen(out[0], "r");
	MUST(camera.commands && camera.answers);
	camera_read(camera.link, sizeof(camera.link));
	snprintf(camera.media, sizeof(camera.media), "%s.media", camera.link);
}

void camera_stop(void) {
	fclose(camera.commands);
	fclose(camera.answers);
}

const char *tell_camera(const char *command) {
	static char answer[100];
	unsigned fault = inject_pause();
	MUST(fprintf(camera.commands, "%s\n", command) > 0 && fflush(camera.commands) == 0);
	camera_read(answer, sizeof(answer));
	inject_resume(fault);
	return answer;
}

/* --- what takes the place of both radios: docs/test-link.md (linked with --wrap) --- */

int __wrap_radio_bluez_new(struct radio_backend **ret, sd_event *event, const char *adapter, const struct radio_events *events,
                           void *context);
int __wrap_radio_bluez_new(struct radio_backend **ret, sd_event *event, const char *adapter, const struct radio_events *events,
                           void *context) {
	(void)adapter;
	return radio_socket_new(ret, event, camera.link, events, context);
}

int __wrap_listener_new_tcp(struct listener **ret, sd_event *event, const struct tcp_endpoint *at,
                            const struct listener_callbacks *callbacks, void *context);
int __wrap_listener_new_tcp(struct listener **ret, sd_event *event, const struct tcp_endpoint *at,
                            const struct listener_callbacks *callbacks, void *context) {
	MUST(memcmp(at->address, &in6addr_loopback, sizeof(at->address)) == 0);
	return listener_new_unix(ret, event, camera.media, callbacks, context);
}

uint16_t __wrap_listener_port(const struct listener *listener);
uint16_t __wrap_listener_port(const struct listener *listener) {
	(void)listener;
	return 1;
}

const struct wifi_environment *__wrap_wifi_environment_system(void);
const struct wifi_environment *__wrap_wifi_environment_system(void) {
	return &scene.environment;
}

struct interface_watch {
	sd_event_source *defer;
	interface_address callback;
	void *context;
};

static int on_address(sd_event_source *source, void *context) {
	(void)source;
	struct interface_watch *watch = context;
	watch->callback(watch->context, 1, in6addr_loopback.s6_addr);
	return 0;
}

static void interface_unwatch(void *context, struct interface_watch *watch) {
	(void)context;
	if (watch)
		sd_event_source_disable_unref(watch->defer);
	free(watch);
}

static int interface_watch(void *context, struct interface_watch **ret, sd_event *event, const char *name,
                           interface_address callback, void *callback_context) {
	(void)name;
	struct interface_watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return -ENOMEM;
	*watch = (struct interface_watch){ .callback = callback, .context = callback_context };
	int result = sd_event_add_defer(event, &watch->defer, on_address, watch);
	if (result < 0)
		interface_unwatch(context, watch);
	else
		*ret = watch;
	return result < 0 ? result : 0;
}

int __real_session_new(struct session **ret, sd_event *event, const struct session_config *config,
                       const struct session_callbacks *callbacks, void *context);
int __wrap_session_new(struct session **ret, sd_event *event, const struct session_config *config,
                       const struct session_callbacks *callbacks, void *context);
int __wrap_session_new(struct session **ret, sd_event *event, const struct session_config *config,
                       const struct session_callbacks *callbacks, void *context) {
	struct session_config soon = *config; /* the setting has whole seconds */
	soon.renew_after_us = scene.renew_after_us;
	return __real_session_new(ret, event, &soon, callbacks, context);
}

/* --- life --- */

static void on_changed(void *context) {
	(void)context;
}

static void on_recording_changed(void *context, const lanyard_Recording *recording) {
	(void)context, (void)recording;
}

static const struct parts_callbacks deaf = { .changed = on_changed, .recording_changed = on_recording_changed };

bool scene_build(void) {
	scene.built =
	        parts_build(&scene.parts, scene.event, &scene.settings, scene.folder, scene.told ? scene.told : &deaf, NULL) == 0;
	return scene.built;
}

void scene_restart(void) {
	parts_free(&scene.parts);
	MUST(scene_build());
}

/* Nothing of wpa_supplicant's fails. */
static int on_others(sd_event_source *source, int file, uint32_t events, void *context) {
	(void)source, (void)file, (void)events, (void)context;
	unsigned fault = inject_pause();
	while (sd_event_run(scene.others, 0) > 0)
		;
	inject_resume(fault);
	return 0;
}

static void begin_wifi(void) {
	sd_event_source *turn;
	MUST(sd_event_new(&scene.others) >= 0);
	MUST(sd_event_add_io(scene.event, &turn, sd_event_get_fd(scene.others), EPOLLIN, on_others, NULL) >= 0);
	MUST(sd_event_source_set_priority(turn, 2 * SD_EVENT_PRIORITY_IMPORTANT) >= 0);
	MUST(sd_event_source_set_floating(turn, true) >= 0);
	sd_event_source_unref(turn);
	fake_start(&scene.supplicant, FAKE_SUPPLICANT, scene.others);
	scene.port = (struct fake_port){ .up = true, .event = scene.event };
	scene.port_operations = fake_port_operations(&scene.port);
	scene.port_operations.watch = interface_watch;
	scene.port_operations.unwatch = interface_unwatch;
	scene.environment = (struct wifi_environment){
		.timing = &fake_timing,
		.random = random_system(),
		.port = &scene.port_operations,
		.client_folder = scene.supplicant.folder,
	};
}

void scene_begin(uint64_t renew_after_us) {
	scene = (struct companion_scene){
		.folder = "/tmp/lanyard-companion-XXXXXX",
		.settings = { .name = "Companion", .adapter = "hci0", .interface = "wlan0", .epoch_seconds = EPOCH_SECONDS },
		.renew_after_us = renew_after_us,
	};
	MUST(mkdtemp(scene.folder) != NULL);
	MUST(sd_event_new(&scene.event) >= 0);
	begin_wifi();
	strcpy(scene.settings.supplicant_control, scene.supplicant.path);
	(void)tell_camera("forget");
}

void remove_folder(const char *path) {
	DIR *entries = opendir(path);
	MUST(entries != NULL);
	for (const struct dirent *entry; (entry = readdir(entries));)
		(void)unlinkat(dirfd(entries), entry->d_name, 0);
	closedir(entries);
	MUST(rmdir(path) == 0);
}

void scene_end(void) {
	parts_free(&scene.parts);
	fake_stop(&scene.supplicant);
	sd_event_unref(scene.others);
	sd_event_unref(scene.event);
	remove_folder(scene.folder);
}

/* --- pairing --- */

enum reason scene_pair(void) {
	struct parts *parts = &scene.parts;
	(void)tell_camera("pair");
	finder_start(parts->finder);
	COMES(finder_count(parts->finder) > 0);
	const struct found_camera *found = finder_camera(parts->finder, 0);
	parts->pairing_reason = REASON_OK;
	int result = pairer_start(parts->pairer, found->id, &found->peer, NULL);
	if (result == 0) {
		COMES(pairer_state(parts->pairer) == PAIRER_IDLE || pairer_state(parts->pairer) == PAIRER_COMPARE);
		(void)pairer_confirm(parts->pairer, pairer_code(parts->pairer));
		COMES(pairer_state(parts->pairer) == PAIRER_IDLE);
	}
	finder_stop(parts->finder);
	return result < 0 ? REASON_INTERNAL : parts->pairing_reason;
}

bool is_live(void) {
	return session_state(scene.parts.session) == SESSION_LIVE;
}

bool is_left(void) {
	return !scene.supplicant.enabled && !*scene.supplicant.psk && !*scene.supplicant.ssid && !scene.port.up;
}
