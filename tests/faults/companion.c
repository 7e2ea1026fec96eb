/* companiond's parts, all of them but its page, against a whole camera in another process (camera.c) and a wpa_supplicant of the
 * unit tests: pairing, sessions that are lost and renewed, requests, Wi-Fi, video. Every call that they make fails once. Whatever
 * fails: no crash, no leak, every request is answered or refused with a reason, no network is left joined; and afterwards,
 * without faults and by itself, the companion has its camera again, before and after a restart.
 *
 *   faults-companion [--from N] [--every N] [SCENARIO...] */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/bytes.h"
#include "companion/parts.h"
#include "companion/radio_backend.h"
#include "crypto/crypto.h"
#include "link/listen.h"
#include "tests/faults/inject.h"
#include "tests/faults/must_come.h"
#include "tests/faults/scenarios.h"
#include "tests/unit/cam-radio/fake_recorder.h"
#include "tests/unit/wifi/fake_daemon.h"

/* Longer than any deadline: what does not come by then never comes. */
#define PATIENCE_US (90 * SECOND_US)

struct scene {
	sd_event *event, *others; /* of the companion; of wpa_supplicant */
	char folder[40];          /* the companion's state */
	struct settings settings;
	struct parts parts;
	bool built;
	struct fake_daemon supplicant;
	struct fake_port port;
	struct interface_port port_operations;
	struct wifi_environment environment;
	uint64_t renew_after_us; /* 0: as always */
};

static struct scene scene;

#define COMES(condition) MUST_COME(scene.event, PATIENCE_US, condition)

/* --- the camera --- */

static struct {
	FILE *commands, *answers;
	char link[100], media[110];
} camera;

static void camera_read(char *line, size_t capacity) {
	MUST(fgets(line, (int)capacity, camera.answers) != NULL);
	line[strcspn(line, "\n")] = '\0';
}

static void camera_start(void) {
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

/* Its answer to a command (tests/faults/camera.c), valid until the next. */
static const char *tell_camera(const char *command) {
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

static const struct parts_callbacks parts_handlers = { .changed = on_changed, .recording_changed = on_recording_changed };

static bool build(void) {
	scene.built = parts_build(&scene.parts, scene.event, &scene.settings, scene.folder, &parts_handlers, NULL) == 0;
	return scene.built;
}

static void restart(void) {
	parts_free(&scene.parts);
	MUST(build());
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

/* A companion that has never run, and a camera without one. */
static void begin(uint64_t renew_after_us) {
	scene = (struct scene){
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

static void remove_folder(const char *path) {
	DIR *entries = opendir(path);
	MUST(entries != NULL);
	for (const struct dirent *entry; (entry = readdir(entries));)
		(void)unlinkat(dirfd(entries), entry->d_name, 0);
	closedir(entries);
	MUST(rmdir(path) == 0);
}

static void end(void) {
	parts_free(&scene.parts);
	fake_stop(&scene.supplicant);
	sd_event_unref(scene.others);
	sd_event_unref(scene.event);
	remove_folder(scene.folder);
}

/* --- pairing --- */

/* As its page does it. REASON_OK, or what a person is told. */
static enum reason pair(void) {
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

static bool pairing_scenario(void) {
	if (pair() != REASON_OK)
		return false;
	return pair() == REASON_OK; /* anew, with the same camera */
}

/* --- sessions and requests --- */

static bool is_live(void) {
	return session_state(scene.parts.session) == SESSION_LIVE;
}

struct question {
	bool answered;
	enum reason reason;
};

static void on_answered(struct question *question, enum reason reason) {
	MUST(!question->answered);
	*question = (struct question){ .answered = true, .reason = reason };
}

static void on_answer(void *context, enum reason reason, const lanyard_Response *response) {
	MUST((response != NULL) == (reason == REASON_OK));
	on_answered(context, reason);
}

static void on_listed(void *context, enum reason reason, const lanyard_Recording *list, size_t count, bool more) {
	(void)list;
	MUST(reason != REASON_OK || (count == FAKE_RECORDINGS && !more));
	on_answered(context, reason);
}

static void on_thumbnail(void *context, enum reason reason, const uint8_t *jpeg, size_t length) {
	MUST(reason == REASON_OK ? length == FAKE_THUMBNAIL_SIZE : jpeg == NULL);
	on_answered(context, reason);
}

/* result: of asking. Whether it was answered well; refused, or not done, are the other ways. */
static bool is_answered_well(int result, const struct question *question) {
	if (result < 0)
		return false;
	COMES(question->answered);
	return question->reason == REASON_OK;
}

static const char recording[] = "0000000000000000000000000000abc0"; /* the first of fake_recorder.c */

static int ask_for_tag(struct question *question) {
	lanyard_Request request = { .which_body = lanyard_Request_tag_tag, .body.tag.has_tag = true };
	strcpy(request.body.tag.id, recording);
	strcpy(request.body.tag.tag.note, "a note");
	return session_request(scene.parts.session, &request, REQUESTS_REPEAT, 10 * SECOND_US, on_answer, question, NULL);
}

static bool ask_all(void) {
	struct recordings_job *job;
	struct question list = { .answered = false }, thumbnail = list, tag = list;
	int result = recordings_list(&job, scene.parts.recordings, "", RECORDINGS_PAGE_LIMIT, on_listed, &list);
	bool good = is_answered_well(result, &list);
	result = recordings_thumbnail(&job, scene.parts.recordings, recording, on_thumbnail, &thumbnail);
	good &= is_answered_well(result, &thumbnail);
	result = ask_for_tag(&tag);
	return is_answered_well(result, &tag) && good;
}

/* What was asked is answered, also when the link is lost over it. */
static bool lose_the_link(void) {
	struct question tag = { .answered = false };
	int result = ask_for_tag(&tag);
	(void)tell_camera("hang-up");
	return is_answered_well(result, &tag);
}

static bool session_scenario(void) {
	COMES(is_live());
	bool good = ask_all();
	good &= lose_the_link();
	COMES(is_live());
	return ask_all() && good;
}

#define RENEW_US (SECOND_US / 10)

static unsigned long renewed(void) {
	return strtoul(tell_camera("renewed"), NULL, 10);
}

/* One that fails is tried again in ten seconds only, which nobody here waits for: the session is as good as before. */
static bool renewal_scenario(void) {
	unsigned long before = renewed();
	COMES(is_live());
	uint64_t until_us = must_come_now_us() + 3 * RENEW_US;
	COMES(renewed() > before || (injection.failed && must_come_now_us() >= until_us));
	return ask_all();
}

/* --- Wi-Fi --- */

static void on_progress(void *context) {
	*(bool *)context = true;
}

/* To the end, from a place that makes it two slices. */
static bool read_recording(void) {
	static uint8_t bytes[65536];
	struct media_read *read;
	bool progress = true;
	uint64_t at = 1000;
	enum reason reason = REASON_OK;
	if (media_read_new(&read, scene.parts.media, recording, at, 0, on_progress, &progress) < 0)
		return false;
	for (size_t length = 0; length > 0 || !media_read_ended(read, &reason);) {
		COMES(progress || length > 0);
		progress = false;
		length = media_read_take(read, bytes, sizeof(bytes));
		for (size_t i = 0; i < length; i++, at++)
			MUST(bytes[i] == fake_byte(0, at));
	}
	uint64_t total = 0;
	bool whole = reason == REASON_OK && media_read_total(read, &total) && at == total;
	MUST(whole || reason != REASON_OK); /* or the reader would take it for the end */
	media_read_free(read);
	return whole;
}

/* Neither wpa_supplicant nor the interface knows of the network any more. */
static bool is_left(void) {
	return !scene.supplicant.enabled && !*scene.supplicant.psk && !*scene.supplicant.ssid && !scene.port.up;
}

static bool watch(void) {
	struct handover *handover = scene.parts.handover;
	if (handover_open(handover) < 0)
		return false;
	COMES(handover_state(handover) == HANDOVER_READY || handover_state(handover) == HANDOVER_OFF);
	MUST(handover_state(handover) == HANDOVER_READY || handover_reason(handover) != REASON_OK);
	bool good = handover_state(handover) == HANDOVER_READY && read_recording();
	handover_close(handover);
	COMES(handover_state(handover) == HANDOVER_OFF);
	COMES(is_left());
	return good;
}

static bool handover_scenario(void) {
	COMES(is_live());
	return watch();
}

/* --- whatever has failed, all is well --- */

static void check_all(bool wifi) {
	COMES(is_live());
	MUST(ask_all());
	MUST(!wifi || watch());
}

static void check(bool wifi) {
	if (!scene.built)
		MUST(build());
	MUST(pairer_state(scene.parts.pairer) == PAIRER_IDLE);
	MUST(handover_state(scene.parts.handover) == HANDOVER_OFF);
	/* Unless the camera has none, both ends know each other by themselves. */
	if (strcmp(tell_camera("companion"), "no") == 0)
		MUST(pair() == REASON_OK);
	check_all(wifi);
	MUST(!wifi || strcmp(tell_camera("wifi"), "off") == 0);
	restart();
	check_all(wifi);
}

/* paired: both ends are, before anything fails. */
static bool run(bool (*scenario)(void), bool paired, bool wifi, uint64_t renew_after_us) {
	unsigned fault = inject_pause();
	begin(renew_after_us);
	if (paired) {
		MUST(build());
		MUST(pair() == REASON_OK);
		parts_free(&scene.parts);
	}
	inject_resume(fault);
	bool good = build() && scenario();
	(void)inject_pause();
	check(wifi);
	end();
	return good;
}

static bool run_pairing(void) {
	return run(pairing_scenario, false, false, 0);
}

static bool run_session(void) {
	return run(session_scenario, true, false, 0);
}

static bool run_renewal(void) {
	return run(renewal_scenario, true, false, RENEW_US);
}

static bool run_handover(void) {
	return run(handover_scenario, true, true, 0);
}

static const struct fault_scenario scenarios[] = {
	{ "companion-pairing", run_pairing },
	{ "companion-session", run_session },
	{ "companion-renewal", run_renewal },
	{ "companion-handover", run_handover },
};

int main(int count, char **arguments) {
	if (crypto_start() < 0)
		return 1;
	camera_start();
	int status = fault_scenarios(count, arguments, scenarios, ELEMENTS(scenarios));
	fclose(camera.commands);
	fclose(camera.answers);
	return status;
}
