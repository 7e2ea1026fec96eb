#include "tests/faults/scene.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

/* Nothing here waits for the outside world: a step in which nothing has happened for so many turns has lost something, and its
 * deadline (5 s or more) would end it. Turns, because a machine that is busy with others does not make it lost. */
#define TURN_US (30 * MILLISECOND_US)
#define IDLE_TURNS 10

#define RUN_UNTIL(scene, condition) \
	do { \
		for (unsigned idle_ = 0; !(condition) && idle_ < IDLE_TURNS;) { \
			int result_ = sd_event_run((scene)->event, TURN_US); \
			MUST(result_ >= 0); \
			idle_ = result_ > 0 ? 0 : idle_ + 1; \
		} \
	} while (false)

/* --- the camera's links --- */

static enum reason on_pairing_begin(void *context, struct link *link) {
	(void)context, (void)link;
	return REASON_OK;
}

static void on_pairing_code(void *context, struct link *link, uint32_t code) {
	struct scene *scene = context;
	(void)code;
	scene->asking = link;
}

static void on_paired(void *context, struct link *link) {
	struct scene *scene = context;
	(void)link;
	scene->camera_live = true;
}

static void on_pairing_ended(void *context, struct link *link, enum reason reason) {
	struct scene *scene = context;
	(void)link, (void)reason;
	scene->asking = NULL;
	scene->camera_ended = true;
}

static void on_session_began(void *context, bool renewed) {
	struct scene *scene = context;
	(void)renewed;
	scene->camera_live = true;
}

static void on_session_message(void *context, const uint8_t *bytes, size_t length) {
	struct scene *scene = context;
	MUST(scene->camera_live); /* no command before LIVE */
	(void)links_send(scene->links, bytes, length);
}

static void on_session_ended(void *context, enum reason reason) {
	struct scene *scene = context;
	(void)reason;
	scene->camera_live = false;
}

static void on_link_closed(void *context, const struct link_peer *peer, bool unwanted) {
	struct scene *scene = context;
	(void)peer, (void)unwanted;
	scene->camera_ended = true;
}

static const struct links_callbacks links_handlers = {
	.pairing_begin = on_pairing_begin,
	.pairing_code = on_pairing_code,
	.paired = on_paired,
	.pairing_ended = on_pairing_ended,
	.session_began = on_session_began,
	.session_message = on_session_message,
	.session_ended = on_session_ended,
	.closed = on_link_closed,
};

/* --- the companion's end --- */

static void on_code(void *context, uint32_t code) {
	struct scene *scene = context;
	(void)code;
	scene->coded = true;
}

static int on_commit(void *context, const struct pairing_record *record) {
	struct scene *scene = context;
	scene->companion->candidate = *record;
	scene->companion->has_candidate = true;
	return 0;
}

static void on_live(void *context) {
	struct scene *scene = context;
	scene->live = true;
}

static void on_message(void *context, const uint8_t *bytes, size_t length) {
	struct scene *scene = context;
	MUST(length == 5 && memcmp(bytes, "hello", 5) == 0);
	scene->answered = true;
}

static void on_closed(void *context, enum reason reason) {
	struct scene *scene = context;
	scene->closed = true;
	scene->reason = reason;
}

static const struct wire_callbacks wire_handlers = {
	.code = on_code,
	.commit = on_commit,
	.live = on_live,
	.message = on_message,
	.closed = on_closed,
};

static enum reason open_wire(struct scene *scene, struct scene_companion *companion, enum channel_kind kind,
                             const struct pairing_record *record) {
	int pair[2];
	scene_hang_up(scene);
	scene->companion = companion;
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	const struct wire_config config = { .kind = kind, .keys = &companion->keys, .pairing = record, .name = "Companion" };
	if (wire_new(&scene->wire, scene->event, pair[0], &config, &wire_handlers, scene) < 0) {
		close(pair[1]);
		return REASON_INTERNAL;
	}
	links_accept(scene->links, pair[1], 0, NULL);
	return REASON_OK;
}

/* A step that comes to nothing must have a reason; one that just hangs has its deadline, which nobody here waits for. */
static enum reason how_it_ended(const struct scene *scene) {
	MUST(!scene->closed || scene->reason != REASON_OK);
	return scene->closed ? scene->reason : REASON_TIMEOUT;
}

enum reason scene_pair(struct scene *scene, struct scene_companion *companion) {
	if (open_wire(scene, companion, CHANNEL_PAIRING, NULL) != REASON_OK)
		return REASON_INTERNAL;
	RUN_UNTIL(scene, scene->closed || (scene->coded && scene->asking));
	if (scene->closed || !scene->coded || !scene->asking)
		return how_it_ended(scene);
	MUST(!scene->live && !scene->camera_live);
	wire_confirm(scene->wire, true);
	if (scene->asking)
		link_confirm(scene->asking, true);
	RUN_UNTIL(scene, scene->closed || scene->live);
	if (!scene->live)
		return how_it_ended(scene);
	/* "Paired" is true. */
	const struct pairing_record *stored = keyring_companion(scene->keyring);
	MUST(stored && memcmp(stored->secret, companion->candidate.secret, KEY_SIZE) == 0);
	companion->record = companion->candidate;
	companion->has_record = true;
	companion->has_candidate = false;
	return REASON_OK;
}

static enum reason session_with(struct scene *scene, struct scene_companion *companion, const struct pairing_record *record) {
	if (open_wire(scene, companion, CHANNEL_SESSION, record) != REASON_OK)
		return REASON_INTERNAL;
	RUN_UNTIL(scene, scene->closed || (scene->live && scene->camera_live));
	if (scene->closed || !scene->live || !scene->camera_live)
		return how_it_ended(scene);
	if (wire_send(scene->wire, "hello", 5) < 0)
		return REASON_LINK_CLOSED;
	RUN_UNTIL(scene, scene->closed || scene->answered);
	return scene->answered ? REASON_OK : how_it_ended(scene);
}

enum reason scene_session(struct scene *scene, struct scene_companion *companion) {
	enum reason reason = REASON_NOT_PAIRED;
	if (companion->has_candidate) {
		const struct pairing_record candidate = companion->candidate;
		reason = session_with(scene, companion, &candidate);
		if (reason == REASON_OK) {
			companion->record = candidate;
			companion->has_record = true;
			companion->has_candidate = false;
			scene_hang_up(scene);
		}
	}
	if (companion->has_record)
		reason = session_with(scene, companion, &companion->record);
	return reason;
}

void scene_hang_up(struct scene *scene) {
	if (scene->wire) {
		wire_free(scene->wire);
		scene->wire = NULL;
		if (scene->links) /* the camera notices */
			while (sd_event_run(scene->event, 0) > 0)
				;
	}
	scene->live = scene->closed = scene->coded = scene->camera_ended = scene->answered = false;
	if (!scene->links || !links_has_session(scene->links))
		scene->camera_live = false;
	scene->asking = NULL;
	scene->reason = REASON_OK;
}

/* --- the handover --- */

static int port_call(struct scene *scene) {
	return ++scene->port_calls == scene->port_fails ? -EIO : 0;
}

static struct scene *scene_of(struct wifi_port *port) {
	return (struct scene *)((char *)port - offsetof(struct scene, port));
}

static int port_start(struct wifi_port *port, const struct wifi_credentials *credentials) {
	struct scene *scene = scene_of(port);
	MUST(wifi_credentials_check(credentials) == 0 && !scene->radio_on);
	int result = port_call(scene);
	scene->radio_on = result == 0;
	return result;
}

static void port_stop(struct wifi_port *port) {
	MUST(scene_of(port)->radio_on);
}

static int port_join(struct wifi_port *port, const struct wifi_credentials *credentials) {
	(void)port, (void)credentials;
	return -ENODEV;
}

static int port_dial(struct wifi_port *port, const uint8_t address[16], uint16_t tcp_port, uint64_t timeout_us) {
	struct scene *scene = scene_of(port);
	(void)address, (void)tcp_port, (void)timeout_us;
	int result = port_call(scene);
	scene->dialling = result == 0;
	return result;
}

static void port_cancel_dial(struct wifi_port *port) {
	scene_of(port)->dialling = false;
}

static const struct wifi_port_operations port_operations = {
	.start = port_start,
	.stop = port_stop,
	.join = port_join,
	.leave = port_stop,
	.dial = port_dial,
	.cancel_dial = port_cancel_dial,
};

static void on_start_answer(void *context, enum reason reason, const lanyard_AccessPointUp *up) {
	struct scene *scene = context;
	MUST(!scene->start_answered && (up != NULL) == (reason == REASON_OK));
	scene->start_answered = true;
	scene->start_reason = reason;
	if (up)
		memcpy(scene->media_psk, up->media_psk.bytes, sizeof(scene->media_psk));
}

static void on_joined_answer(void *context, enum reason reason, const lanyard_AccessPointUp *up) {
	struct scene *scene = context;
	(void)up;
	MUST(!scene->joined_answered);
	scene->joined_answered = true;
	scene->joined_reason = reason;
}

static void on_stop_answer(void *context, enum reason reason, const lanyard_AccessPointUp *up) {
	struct scene *scene = context;
	(void)reason, (void)up;
	scene->stop_answered = true;
}

static void on_handover_changed(void *context) {
	(void)context;
}

static const struct handover_callbacks handover_handlers = { .changed = on_handover_changed };

static void on_media_live(void *context) {
	struct scene *scene = context;
	scene->media_live = true;
}

static void on_media_closed(void *context, enum reason reason) {
	struct scene *scene = context;
	(void)reason;
	scene->media_closed = true;
}

static const struct wire_callbacks media_handlers = { .live = on_media_live, .closed = on_media_closed };

static enum reason hand_over(struct scene *scene, struct scene_companion *companion) {
	static const uint8_t address[16] = { 0xfe, 0x80 };
	handover_start_access_point(scene->handover, false, on_start_answer, scene);
	if (!scene->start_answered)
		scene->port.callbacks->access_point_up(scene->port.context);
	MUST(scene->start_answered);
	if (scene->start_reason != REASON_OK)
		return scene->start_reason;
	handover_joined(scene->handover, address, 4711, on_joined_answer, scene);
	if (!scene->joined_answered) {
		int pair[2];
		MUST(scene->dialling);
		MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
		const struct wire_config config = {
			.kind = CHANNEL_MEDIA,
			.keys = &companion->keys,
			.pairing = &companion->record,
			.media_psk = scene->media_psk,
			.name = "Companion",
		};
		if (wire_new(&scene->media, scene->event, pair[0], &config, &media_handlers, scene) < 0)
			scene->media_closed = true;
		scene->dialling = false;
		scene->port.callbacks->dialled(scene->port.context, pair[1], REASON_OK);
	}
	MUST(scene->joined_answered);
	if (scene->joined_reason != REASON_OK)
		return scene->joined_reason;
	RUN_UNTIL(scene, scene->media_closed || handover_state(scene->handover).mode == lanyard_WifiMode_WIFI_MEDIA_READY ||
	                         handover_state(scene->handover).mode == lanyard_WifiMode_WIFI_OFF);
	return handover_state(scene->handover).mode == lanyard_WifiMode_WIFI_MEDIA_READY ? REASON_OK : REASON_HANDSHAKE_FAILED;
}

enum reason scene_handover(struct scene *scene, struct scene_companion *companion) {
	scene->start_answered = scene->joined_answered = scene->stop_answered = scene->media_live = scene->media_closed = false;
	enum reason reason = hand_over(scene, companion);
	handover_stop(scene->handover, on_stop_answer, scene);
	MUST(scene->radio_on || handover_state(scene->handover).mode == lanyard_WifiMode_WIFI_OFF);
	if (scene->radio_on) {
		scene->radio_on = false;
		scene->port.callbacks->access_point_off(scene->port.context, REASON_OK);
	}
	MUST(scene->stop_answered);
	MUST(handover_state(scene->handover).mode == lanyard_WifiMode_WIFI_OFF && !scene->radio_on && !scene->dialling);
	wire_free(scene->media);
	scene->media = NULL;
	wipe(scene->media_psk, sizeof(scene->media_psk));
	return reason;
}

/* --- life --- */

static void empty_folder(const char *path) {
	DIR *entries = opendir(path);
	if (!entries)
		return;
	for (const struct dirent *entry; (entry = readdir(entries));)
		(void)unlinkat(dirfd(entries), entry->d_name, 0);
	closedir(entries);
}

void scene_folder(struct scene *scene, const char *name) {
	(void)snprintf(scene->folder, sizeof(scene->folder), "/tmp/lanyard-%.10s-XXXXXX", name);
	MUST(mkdtemp(scene->folder) != NULL);
}

void scene_folder_remove(const struct scene *scene) {
	empty_folder(scene->folder);
	(void)rmdir(scene->folder);
}

int scene_open(struct scene *scene) {
	static const struct handover_timing *const timing = &handover_timing_default;
	int result = sd_event_new(&scene->event);
	if (result >= 0)
		result = keyring_open(&scene->keyring, scene->folder, file_layer_system(), random_system());
	if (result >= 0) {
		const struct links_config config = { .keyring = scene->keyring, .name = "CAM-1", .counters = &scene->counters };
		result = links_new(&scene->links, scene->event, &config, &links_handlers, scene);
	}
	if (result >= 0) {
		scene->port.operations = &port_operations;
		const struct handover_config config = {
			.port = &scene->port,
			.random = random_system(),
			.keyring = scene->keyring,
			.name = "CAM-1",
			.frequency_mhz = 2437,
			.idle_us = 60 * SECOND_US,
			.timing = timing,
			.counters = &scene->counters,
		};
		result = handover_new(&scene->handover, scene->event, &config, &handover_handlers, scene);
	}
	return result < 0 ? result : 0;
}

void scene_close(struct scene *scene) {
	wire_free(scene->media);
	wire_free(scene->wire);
	handover_free(scene->handover);
	links_free(scene->links);
	keyring_free(scene->keyring);
	sd_event_unref(scene->event);
	struct scene closed = { .event = NULL };
	memcpy(closed.folder, scene->folder, sizeof(closed.folder));
	*scene = closed;
}

void scene_companion_make(struct scene_companion *companion) {
	*companion = (struct scene_companion){ .has_record = false };
	static_keys_make(&companion->keys, random_system());
}
