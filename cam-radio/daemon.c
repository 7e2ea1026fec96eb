#include "cam-radio/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "cam-radio/advertiser.h"
#include "cam-radio/buttons.h"
#include "cam-radio/camera_bus.h"
#include "cam-radio/deadline.h"
#include "cam-radio/display.h"
#include "cam-radio/events.h"
#include "cam-radio/handover.h"
#include "cam-radio/keyring.h"
#include "cam-radio/links.h"
#include "cam-radio/pairing_window.h"
#include "cam-radio/radio.h"
#include "cam-radio/recorder.h"
#include "cam-radio/requests.h"
#include "cam-radio/services.h"
#include "cam-radio/signal_caller.h"
#include "cam-radio/signal_listener.h"
#include "cam-radio/slate.h"
#include "cam-radio/status.h"
#include "cam-radio/wall_clock.h"

/* Somebody may be waiting for the file he has just mended; and a call that is heard after this has not ended yet. */
#define KEYS_RETRY_US (5 * SECOND_US)

struct daemon {
	sd_event *event;
	const struct settings *settings;
	struct status status;
	struct services services;
	char media_socket[sizeof(((struct settings *)NULL)->link_socket) + sizeof(".media")];

	struct keyring *keyring;
	struct camera_bus *camera;
	struct recorder *recorder;
	struct wifi_port *wifi_port;
	struct handover *handover;
	struct requests *requests;
	struct events *events;
	struct pairing_window *window;
	struct deadline *window_deadline;
	struct links *links;
	struct radio *radio;
	struct advertiser *advertiser;
	struct buttons *buttons;
	struct signal_listener *signals;
	struct signal_caller caller;
	lanyard_RecorderState last_state; /* of the recorder, when the caller looked last */
	struct slate *slate;

	struct display display;
};

/* Why nothing may be sent, or REASON_OK. */
static enum reason radios_policy(const struct daemon *d) {
	if (!d->settings->bluetooth_enabled)
		return REASON_RADIO_OFF;
	return d->settings->silent ? REASON_RADIO_SILENT : REASON_OK;
}

/* --- what is shown, heard and said --- */

/* A recording that begins before our eyes calls the neighbours, unless a call has begun it. */
static void update_caller(struct daemon *d) {
	lanyard_RecorderState state = recorder_state(d->recorder), last = d->last_state;
	if (state == last)
		return;
	d->last_state = state;
	if (state != lanyard_RecorderState_RECORDER_EVENT) {
		signal_caller_end(&d->caller);
		signal_listener_recording_ended(d->signals);
	} else if (last == lanyard_RecorderState_RECORDER_BUFFERING && d->settings->signal_call &&
	           !signal_listener_has_started(d->signals)) {
		int result = signal_caller_begin(&d->caller, loop_now_us(d->event));
		if (result < 0)
			log_line(LOG_LEVEL_ERROR, "signal", "the neighbours are not called: %s", strerror(-result));
	}
}

/* Brings everything that people and companions see into line with the state of the parts. */
static void show(struct daemon *d) {
	display_update(&d->display);
	update_caller(d);
	slate_set_recording(d->slate, recorder_state(d->recorder) == lanyard_RecorderState_RECORDER_EVENT
	                                      ? recorder_current_id(d->recorder)
	                                      : "");
	const bool has_keys = !signal_listener_lacks_keys(d->signals);
	radio_listen(d->radio, signal_listener_wants(d->signals) || (has_keys && slate_is_on(d->slate)));
	const struct advertiser_wishes nothing = { .inviting = false }, wishes = {
		.inviting = pairing_window_is_inviting(d->window),
		.expected = d->status.session ? NULL : keyring_companion(d->keyring),
		.beacon = (has_keys && slate_can_say(d->slate)) || signal_caller_is_calling(&d->caller, loop_now_us(d->event)),
	};
	advertiser_update(d->advertiser, radios_policy(d) == REASON_OK ? &wishes : &nothing);
}

static void feedback(struct daemon *d, enum feedback_kind kind, const char *text) {
	camera_bus_feedback(d->camera, kind, text);
}

/* --- buttons --- */

static void on_gate(void *context, enum button_gate_result result) {
	struct daemon *d = context;
	d->display.holding = result == BUTTON_GATE_HOLDING;
	switch (result) {
	case BUTTON_GATE_NOTHING:
		break;
	case BUTTON_GATE_HOLDING:
		feedback(d, FEEDBACK_HOLDING, "Keep both buttons pressed.");
		break;
	case BUTTON_GATE_OPEN:
		if (radios_policy(d) != REASON_OK) {
			feedback(d, FEEDBACK_FAILED, reason_sentence(radios_policy(d)));
			break;
		}
		pairing_window_open(d->window, loop_now_us(d->event));
		break;
	case BUTTON_GATE_FAILED:
		feedback(d, FEEDBACK_FAILED, "Press both buttons together and hold them for 2 seconds.");
		break;
	case BUTTON_GATE_EVENT_CLICK:
		pairing_window_click(d->window, true);
		break;
	case BUTTON_GATE_FUNCTION_CLICK:
		pairing_window_click(d->window, false);
		break;
	}
	show(d);
}

static void on_buttons_changed(void *context) {
	struct daemon *d = context;
	display_buttons(&d->display, d->buttons);
}

static const struct buttons_callbacks button_handlers = { .gate = on_gate, .changed = on_buttons_changed };

/* --- pairing window --- */

static void on_window_changed(void *context) {
	struct daemon *d = context;
	deadline_set(d->window_deadline, pairing_window_deadline_us(d->window));
	show(d);
}

static void on_window_answer(void *context, void *pairing, bool accepted) {
	(void)context;
	link_confirm(pairing, accepted);
}

static void on_window_abort(void *context, void *pairing, enum reason reason) {
	(void)context;
	link_close(pairing, reason);
}

static void on_window_feedback(void *context, enum feedback_kind kind, const char *text) {
	feedback(context, kind, text);
}

static const struct pairing_window_callbacks window_handlers = {
	.changed = on_window_changed,
	.answer = on_window_answer,
	.abort = on_window_abort,
	.feedback = on_window_feedback,
};

static void on_window_deadline(void *context, uint64_t now_us) {
	struct daemon *d = context;
	pairing_window_tick(d->window, now_us);
	deadline_set(d->window_deadline, pairing_window_deadline_us(d->window));
}

/* --- links --- */

static enum reason on_pairing_begin(void *context, struct link *link) {
	struct daemon *d = context;
	return pairing_window_begin(d->window, link);
}

static void on_pairing_code(void *context, struct link *link, uint32_t code) {
	struct daemon *d = context;
	pairing_window_code(d->window, link, code);
}

static void on_paired(void *context, struct link *link) {
	struct daemon *d = context;
	pairing_window_paired(d->window, link, loop_now_us(d->event));
	show(d);
}

static void on_pairing_ended(void *context, struct link *link, enum reason reason) {
	struct daemon *d = context;
	pairing_window_ended(d->window, link, reason);
}

static void show_session(struct daemon *d, bool session) {
	display_session(&d->display, session);
	show(d);
}

static void on_session_began(void *context, bool renewed) {
	struct daemon *d = context;
	requests_session_ended(d->requests); /* the one that was renewed */
	show_session(d, true);
	events_session_began(d->events, renewed);
	if (!renewed)
		feedback(d, FEEDBACK_SESSION, "Connected.");
}

static void on_session_message(void *context, const uint8_t *bytes, size_t length) {
	struct daemon *d = context;
	requests_take(d->requests, bytes, length);
}

static void on_session_ended(void *context, enum reason reason) {
	struct daemon *d = context;
	(void)reason; /* logged with the link */
	requests_session_ended(d->requests);
	handover_session_ended(d->handover);
	show_session(d, false);
}

static void on_link_closed(void *context, const struct link_peer *peer, bool unwanted) {
	struct daemon *d = context;
	radio_closed(d->radio, peer, unwanted);
}

static const struct links_callbacks link_handlers = {
	.pairing_begin = on_pairing_begin,
	.pairing_code = on_pairing_code,
	.paired = on_paired,
	.pairing_ended = on_pairing_ended,
	.session_began = on_session_began,
	.session_message = on_session_message,
	.session_ended = on_session_ended,
	.closed = on_link_closed,
};

/* --- radio --- */

static void on_accepted(void *context, int file, size_t packet_limit, const struct link_peer *peer) {
	struct daemon *d = context;
	links_accept(d->links, file, packet_limit, peer);
}

static void on_radio_state(void *context, enum reason reason) {
	struct daemon *d = context;
	if (reason == REASON_OK)
		reason = radios_policy(d); /* usable, as far as it is to be used */
	display_bluetooth(&d->display, reason);
}

static void on_heard(void *context, const uint8_t address[6], int8_t rssi, const uint8_t *bytes) {
	struct daemon *d = context;
	signal_listener_hear(d->signals, address, rssi, bytes);
}

static void on_heard_legacy(void *context, const uint8_t address[6], const uint8_t *bytes) {
	struct daemon *d = context;
	signal_listener_hear_legacy(d->signals, address, bytes);
}

static void on_malformed(void *context, const uint8_t address[6], uint8_t header, size_t length) {
	struct daemon *d = context;
	signal_listener_hear_malformed(d->signals, address, header, length);
}

static void on_slate(void *context, const struct slate_call *call, int8_t rssi) {
	struct daemon *d = context;
	slate_hear(d->slate, call, rssi);
}

/* A new payload lets whoever hears it tell how far the clocks are apart (slate/resolve.h). */
#define SLATE_RENEW_S 60

/* While it calls, a camera says no Slate: its neighbours hear one as well as the other a little later. */
static unsigned on_say(void *context, uint64_t now_s, uint8_t out[ADVERT_SIZE]) {
	struct daemon *d = context;
	struct advert_call call = { .type = ADVERT_SIGNAL };
	struct advert_keys keys;
	unsigned for_s = SIGNAL_CALL_RENEW_S;
	if (!signal_listener_keys(d->signals, now_s / ADVERT_EPOCH_SECONDS, &keys))
		return 0;
	if (!signal_caller_say(&d->caller, loop_now_us(d->event), now_s, &call.signal)) {
		call.type = ADVERT_SLATE;
		for_s = slate_say(d->slate, now_s, &call.slate) ? SLATE_RENEW_S : 0;
	}
	if (for_s > 0)
		advert_encode(&keys, &call, out);
	wipe(&keys, sizeof(keys));
	return for_s;
}

static const struct radio_callbacks radio_handlers = {
	.accepted = on_accepted,
	.heard = on_heard,
	.heard_legacy = on_heard_legacy,
	.malformed = on_malformed,
	.state = on_radio_state,
};

/* --- requests, recorder, Wi-Fi, D-Bus --- */

static int on_send(void *context, const uint8_t *bytes, size_t length) {
	struct daemon *d = context;
	return links_send(d->links, bytes, length);
}

static void on_breach(void *context, enum reason reason) {
	struct daemon *d = context;
	links_end_session(d->links, reason);
}

static void on_preferences_changed(void *context) {
	struct daemon *d = context;
	display_preferences(&d->display);
	show(d);
}

static const struct requests_callbacks request_handlers = {
	.send = on_send,
	.breach = on_breach,
	.preferences_changed = on_preferences_changed,
};

static void on_recorder_changed(void *context) {
	struct daemon *d = context;
	show(d);
	if (d->status.session)
		events_status_changed(d->events);
}

static void on_recording_changed(void *context, const char *id) {
	struct daemon *d = context;
	if (d->status.session)
		events_recording_changed(d->events, id);
}

static const struct recorder_callbacks recorder_handlers = {
	.changed = on_recorder_changed,
	.recording_changed = on_recording_changed,
};

static void on_handover_changed(void *context) {
	struct daemon *d = context;
	lanyard_WifiState state = handover_state(d->handover);
	if (d->status.session)
		events_wifi_changed(d->events);
	bool was_off = strcmp(d->status.wifi, "off") == 0, is_off = state.mode == lanyard_WifiMode_WIFI_OFF;
	show(d);
	if (was_off != is_off)
		feedback(d, is_off ? FEEDBACK_WIFI_OFF : FEEDBACK_WIFI_ON,
		         is_off ? reason_sentence(reason_from_number(state.reason)) : "Wi-Fi is on.");
}

static const struct handover_callbacks handover_handlers = { .changed = on_handover_changed };

static enum reason on_forget(void *context) {
	struct daemon *d = context;
	int result = keyring_forget(d->keyring);
	if (result < 0) {
		log_reason(LOG_LEVEL_ERROR, "pairing", REASON_STORE_FAILED, "the companion is not forgotten: %s",
		           strerror(-result));
		return REASON_STORE_FAILED;
	}
	log_line(LOG_LEVEL_NOTICE, "pairing", "companion forgotten");
	links_close_all(d->links, REASON_NOT_PAIRED);
	show(d);
	return REASON_OK;
}

static enum reason on_slate_head(void *context, char ret[SLATE_HEAD_TEXT]) {
	struct daemon *d = context;
	struct slate_head head;
	int result = slate_head(d->slate, &head);
	if (result == 0)
		slate_head_print(&head, ret);
	return result == 0 ? REASON_OK : result == -ENOENT ? REASON_NOT_FOUND : REASON_STORE_FAILED;
}

static enum reason on_mute(void *context, uint32_t minutes, const char *who) {
	struct daemon *d = context;
	struct mute mute;
	bool trusted;
	if (mute_make(&mute, wall_clock_s(&trusted), minutes, who) < 0)
		return REASON_REQUEST_INVALID;
	int result = signal_listener_mute(d->signals, &mute);
	if (result < 0) {
		log_reason(LOG_LEVEL_ERROR, "signal", REASON_STORE_FAILED, "not muted: %s", strerror(-result));
		return REASON_STORE_FAILED;
	}
	log_line(LOG_LEVEL_NOTICE, "signal", "%s by \"%s\", for %u minutes", minutes > 0 ? "muted" : "muted no more,", who,
	         minutes);
	display_mute(&d->display, signal_listener_muted(d->signals));
	return REASON_OK;
}

static const struct camera_bus_callbacks camera_handlers = { .forget = on_forget, .slate_head = on_slate_head, .mute = on_mute };

/* --- building --- */

static int build_store(struct daemon *d, const char *state) {
	int result = keyring_open(&d->keyring, state, file_layer_system(), random_system());
	if (result < 0)
		return result;
	preferences_load(&d->status.preferences, file_layer_system(), keyring_folder(d->keyring));
	static_keys_fingerprint(keyring_keys(d->keyring)->public, d->status.fingerprint);
	return 0;
}

static int build_wifi(struct daemon *d) {
	const struct settings *s = d->settings;
	const struct wifi_radios radios = { s->hostapd_control, s->ap_interface, s->supplicant_control, s->station_interface };
	snprintf(d->media_socket, sizeof(d->media_socket), "%s.media", s->link_socket);
	int result = *s->link_socket ? wifi_port_socket_new(&d->wifi_port, d->event, d->media_socket)
	                             : wifi_port_radios_new(&d->wifi_port, d->event, &radios);
	if (result < 0)
		return result;
	const struct handover_config config = {
		.port = d->wifi_port,
		.random = random_system(),
		.keyring = d->keyring,
		.name = s->serial,
		.recorder = d->recorder,
		.frequency_mhz = s->ap_frequency,
		.idle_us = s->idle_s * SECOND_US,
		.timing = &handover_timing_default,
		.counters = &d->status.counters,
	};
	return handover_new(&d->handover, d->event, &config, &handover_handlers, d);
}

static int build_requests(struct daemon *d) {
	d->services = (struct services){
		.event = d->event,
		.settings = d->settings,
		.recorder = d->recorder,
		.handover = d->handover,
		.slate = d->slate,
		.counters = &d->status.counters,
		.preferences = &d->status.preferences,
		.layer = file_layer_system(),
		.folder = keyring_folder(d->keyring),
		.set_clock = wall_clock_set,
	};
	int result = requests_new(&d->requests, &d->services, &request_handlers, d);
	return result < 0 ? result : events_new(&d->events, &d->services, d->requests);
}

static int build_links(struct daemon *d) {
	const struct links_config config = {
		.keyring = d->keyring,
		.name = d->settings->serial,
		.counters = &d->status.counters,
	};
	int result = pairing_window_new(&d->window, &window_handlers, d);
	if (result >= 0)
		result = deadline_new(&d->window_deadline, d->event, on_window_deadline, d);
	return result < 0 ? result : links_new(&d->links, d->event, &config, &link_handlers, d);
}

static int build_radio(struct daemon *d, sd_bus *bus) {
	const struct settings *s = d->settings;
	const struct radio_bluetooth_config config = {
		.adapter = s->adapter,
		.company = (uint16_t)s->signal_company,
		.legacy_company = (uint16_t)s->signal_legacy_company,
		.silent = s->silent,
		.random = random_system(),
	};
	int result = *s->link_socket        ? radio_socket_new(&d->radio, d->event, s->link_socket, &config, &radio_handlers, d)
	             : s->bluetooth_enabled ? radio_bluetooth_new(&d->radio, bus, &config, &radio_handlers, d)
	                                    : radio_off_new(&d->radio, bus, s->adapter, &radio_handlers, d);
	if (result < 0)
		return result;
	const struct advertiser_config advertiser = {
		.radio = d->radio,
		.random = random_system(),
		.epoch_s = s->epoch_s,
		.company = (uint16_t)s->signal_company,
		.say = on_say,
		.context = d,
	};
	return advertiser_new(&d->advertiser, d->event, &advertiser);
}

static void on_keys_changed(void *context) {
	struct daemon *d = context;
	display_signal_keys(&d->display, signal_listener_keys_problem(d->signals));
	show(d);
}

static void on_slate_key_changed(void *context) {
	struct daemon *d = context;
	display_slate_key(&d->display, slate_key_problem(d->slate));
	show(d);
}

static void on_security(void *context, enum security_event event, const char *text) {
	const struct daemon *d = context;
	camera_bus_security(d->camera, event, text);
}

static int build_signals(struct daemon *d) {
	const struct signal_listener_config config = {
		.settings = d->settings,
		.recorder = d->recorder,
		.counters = &d->status.counters,
		.layer = file_layer_system(),
		.folder = keyring_folder(d->keyring),
		.clock = wall_clock_s,
		.keys_retry_us = KEYS_RETRY_US,
		.keys_changed = on_keys_changed,
		.slate = on_slate,
		.security = on_security,
		.context = d,
	};
	signal_caller_init(&d->caller, d->settings->signal_sender, file_layer_system(), keyring_folder(d->keyring));
	int result = signal_listener_new(&d->signals, d->event, &config);
	if (result < 0)
		return result;
	d->status.mute = *signal_listener_muted(d->signals);
	strcpy(d->status.signal_keys_problem, signal_listener_keys_problem(d->signals));
	return 0;
}

static int build_slate(struct daemon *d) {
	const struct slate_config config = {
		.settings = d->settings,
		.layer = file_layer_system(),
		.random = random_system(),
		.folder = keyring_folder(d->keyring),
		.static_secret = keyring_keys(d->keyring)->secret,
		.clock = wall_clock_s,
		.key_retry_us = KEYS_RETRY_US,
		.key_changed = on_slate_key_changed,
		.context = d,
	};
	int result = slate_new(&d->slate, d->event, &config);
	if (result >= 0)
		strcpy(d->status.slate_key_problem, slate_key_problem(d->slate));
	return result;
}

static int build_buttons(struct daemon *d) {
	const struct settings *s = d->settings;
	bool test = *s->test_buttons != '\0';
	const struct buttons_config config = {
		.button[BUTTON_EVENT] = { .device = test ? s->test_buttons : s->event_device, .key = s->event_key },
		.button[BUTTON_FUNCTION] = { .device = test ? s->test_buttons : s->function_device, .key = s->function_key },
		.port = test ? input_port_pipe() : input_port_evdev(),
	};
	return buttons_new(&d->buttons, d->event, &config, &button_handlers, d);
}

static int build(struct daemon *d, sd_bus *bus, const char *state, const char *instance) {
	int result = build_store(d, state);
	if (result >= 0)
		result = camera_bus_new(&d->camera, bus, &d->status, &camera_handlers, d);
	/* Some parts have something to show while they are built. */
	d->display = (struct display){ .settings = d->settings, .bus = d->camera, .status = &d->status, .keyring = d->keyring };
	if (result >= 0)
		result = recorder_new(&d->recorder, bus, instance, &recorder_handlers, d);
	if (result >= 0)
		result = build_wifi(d);
	if (result >= 0)
		result = build_slate(d);
	if (result >= 0)
		result = build_requests(d);
	if (result >= 0)
		result = build_signals(d);
	if (result >= 0)
		result = build_links(d);
	if (result >= 0)
		result = build_radio(d, bus);
	if (result >= 0)
		result = build_buttons(d);
	if (result < 0)
		return result;
	d->display.recorder = d->recorder;
	d->display.handover = d->handover;
	d->display.window = d->window;
	display_begin(&d->display);
	show(d);
	on_buttons_changed(d);
	return camera_bus_publish(d->camera, instance);
}

int daemon_new(struct daemon **ret, sd_event *event, sd_bus *bus, const struct settings *settings, const char *state,
               const char *instance) {
	struct daemon *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->event = event;
	d->settings = settings;
	d->status = (struct status){
		.serial = settings->serial,
		.model = settings->model,
		.pairing = "closed",
		.wifi = "off",
		.bluetooth = reason_code(REASON_BLUETOOTH_GONE),
		.recorder = "unknown",
		.signal = !settings->signal_enabled ? "off"
		          : settings->signal_legacy ? "legacy"
		                                    : "keys",
	};
	int result = build(d, bus, state, instance);
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "cam-radiod", "cannot start: %s", strerror(-result));
		daemon_free(d);
		return result;
	}
	*ret = d;
	return 0;
}

/* In reverse, except that what could call back into a part goes before that part. */
void daemon_free(struct daemon *d) {
	if (!d)
		return;
	buttons_free(d->buttons);
	links_free(d->links);
	advertiser_free(d->advertiser);
	radio_free(d->radio);
	deadline_free(d->window_deadline);
	pairing_window_free(d->window);
	events_free(d->events);
	requests_free(d->requests);
	signal_listener_free(d->signals);
	slate_free(d->slate);
	handover_free(d->handover);
	wifi_port_free(d->wifi_port);
	recorder_free(d->recorder);
	camera_bus_free(d->camera);
	keyring_free(d->keyring);
	free(d);
}
