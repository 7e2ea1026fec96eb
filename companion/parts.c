#include "companion/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"

/* --- who tells whom what --- */

static void on_changed(void *context) {
	struct parts *parts = context;
	if (parts->complete)
		parts->callbacks->changed(parts->context);
}

/* A pairing that failed, or was given up, at its last word may be stored at the camera: it is looked for. */
static void look_for_candidate(struct parts *parts) {
	if (pairer_state(parts->pairer) == PAIRER_IDLE && session_state(parts->session) == SESSION_UNPAIRED &&
	    keyring_newest(parts->keyring))
		session_restart(parts->session, NULL);
}

static void on_pairer_changed(void *context) {
	struct parts *parts = context;
	look_for_candidate(parts);
	on_changed(parts);
}

static void on_pairer_waits(void *context) {
	struct parts *parts = context;
	if (session_state(parts->session) != SESSION_LIVE)
		return;
	log_line(LOG_LEVEL_INFO, "session", "ends for the pairing, whose camera does not connect beside it");
	session_restart(parts->session, NULL);
}

static void on_paired(void *context, enum reason reason) {
	struct parts *parts = context;
	parts->pairing_reason = reason;
	if (reason == REASON_OK) {
		finder_stop(parts->finder);
		recordings_clear(parts->recordings);
		session_restart(parts->session, pairer_peer(parts->pairer));
	} else {
		look_for_candidate(parts);
	}
	on_changed(parts);
}

static const struct pairer_callbacks pairer_handlers = {
	.changed = on_pairer_changed,
	.waits = on_pairer_waits,
	.finished = on_paired,
};

static void on_session_live(void *context) {
	struct parts *parts = context;
	parts->pairing_reason = REASON_OK; /* what went wrong before no longer matters */
}

static void on_session_lost(void *context, enum reason reason) {
	(void)reason;
	struct parts *parts = context;
	handover_session_lost(parts->handover);
}

static void on_session_event(void *context, const lanyard_Event *event) {
	struct parts *parts = context;
	if (event->which_body == lanyard_Event_wifi_tag)
		handover_wifi_event(parts->handover, &event->body.wifi);
	else if (event->which_body == lanyard_Event_recording_tag)
		parts->callbacks->recording_changed(parts->context, &event->body.recording.recording);
}

static const struct session_callbacks session_handlers = {
	.changed = on_changed,
	.live = on_session_live,
	.lost = on_session_lost,
	.event = on_session_event,
};

/* --- building --- */

static int build_session(struct parts *parts, sd_event *event, const struct settings *settings) {
	const struct session_config config = {
		.radio = parts->radio,
		.keyring = parts->keyring,
		.name = settings->name,
		.epoch_seconds = settings->epoch_seconds,
		.renew_after_us = settings->renew_seconds * SECOND_US,
	};
	return session_new(&parts->session, event, &config, &session_handlers, parts);
}

static int build_handover(struct parts *parts, sd_event *event, const struct settings *settings) {
	bool test_link = *settings->link_socket != '\0';
	snprintf(parts->media_socket, sizeof(parts->media_socket), "%s.media", settings->link_socket);
	const struct handover_config config = {
		.session = parts->session,
		.keyring = parts->keyring,
		.media = parts->media,
		.name = settings->name,
		.supplicant_control = *settings->supplicant_control ? settings->supplicant_control : NULL,
		.interface = settings->interface,
		.test_socket = test_link ? parts->media_socket : NULL,
	};
	return handover_new(&parts->handover, event, &config, on_changed, parts);
}

static int build_all(struct parts *parts, sd_event *event, const struct settings *settings) {
	const char *adapter = *settings->adapter ? settings->adapter : NULL;
	int result = radio_new(&parts->radio, event, adapter, settings->link_socket, on_changed, parts);
	if (result >= 0)
		result = finder_new(&parts->finder, event, parts->radio, on_changed, parts);
	if (result >= 0)
		result = pairer_new(&parts->pairer, event, parts->radio, parts->keyring, settings->name, &pairer_handlers, parts);
	if (result >= 0)
		result = build_session(parts, event, settings);
	if (result >= 0) {
		parts->recordings = recordings_new(parts->session);
		parts->media = media_new();
		result = parts->recordings && parts->media ? build_handover(parts, event, settings) : -ENOMEM;
	}
	return result;
}

int parts_build(struct parts *parts, sd_event *event, const struct settings *settings, const char *state,
                const struct parts_callbacks *callbacks, void *context) {
	*parts = (struct parts){ .callbacks = callbacks, .context = context };
	const char *what = "the state folder cannot be used";
	int result = keyring_new(&parts->keyring, state, file_layer_system(), random_system());
	if (result >= 0) {
		what = "starting";
		result = build_all(parts, event, settings);
	}
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "companiond", "%s: %s", what, strerror(-result));
		parts_free(parts);
		return result;
	}
	parts->complete = true;
	return 0;
}

void parts_free(struct parts *parts) {
	parts->complete = false;
	handover_free(parts->handover);
	media_free(parts->media);
	recordings_free(parts->recordings);
	session_free(parts->session);
	pairer_free(parts->pairer);
	finder_free(parts->finder);
	radio_free(parts->radio);
	keyring_free(parts->keyring);
	wipe(parts, sizeof(*parts));
}
