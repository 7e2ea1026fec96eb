#include "companion/pairer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "companion/finder.h"
#include "wire/wire.h"

/* After a session or a pairing with the same camera its radio connection takes some seconds to end, and a new channel on it is
 * refused or closed at once meanwhile. Whoever has just chosen the camera should not have to choose it again for that. */
#define DIAL_AGAIN_US (SECOND_US / 2)
#define DIAL_AGAIN_ACCURACY_US 50000
#define DIAL_AGAIN_UNTIL_US (6 * SECOND_US)
/* A camera whose window is open advertises every 150 ms at least: it connects well within this unless something is in the way.
 * Soon enough for the first attempt, of three seconds, to succeed when the kernel has ended the other connection, two later. */
#define DIAL_ALONE_US (SECOND_US / 2)
#define DIAL_ALONE_ACCURACY_US 20000

struct pairer {
	enum pairer_state state;
	sd_event *event;
	struct radio *radio;
	struct keyring *keyring;
	const char *name;
	struct link_peer peer;
	struct radio_dial *dial;
	sd_event_source *again; /* the next dial, after one that failed */
	sd_event_source *alone; /* then `waits` */
	uint64_t until_us;      /* then no more of them */
	struct wire *wire;
	char camera[CAMERA_ID_SIZE + 1];
	char fingerprint[FINGERPRINT_SIZE]; /* "": any */
	uint32_t code;
	const struct pairer_callbacks *callbacks;
	void *context;
};

static void pairer_enter(struct pairer *pairer, enum pairer_state state) {
	pairer->state = state;
	pairer->callbacks->changed(pairer->context);
}

static void pairer_drop(struct pairer *pairer) {
	radio_dial_free(pairer->dial);
	pairer->dial = NULL;
	loop_timer_stop(pairer->again);
	loop_timer_stop(pairer->alone);
	wire_free(pairer->wire);
	pairer->wire = NULL;
	pairer->code = 0;
}

static void pairer_finish(struct pairer *pairer, enum reason reason) {
	pairer_drop(pairer);
	pairer->state = PAIRER_IDLE;
	if (reason == REASON_OK)
		log_line(LOG_LEVEL_NOTICE, "pairing", "paired with %s", keyring_newest(pairer->keyring)->peer_name);
	else
		log_reason(LOG_LEVEL_WARNING, "pairing", reason, "pairing failed");
	pairer->callbacks->finished(pairer->context, reason);
}

static void on_code(void *context, uint32_t code) {
	struct pairer *pairer = context;
	pairer->code = code;
	if (!*pairer->fingerprint) {
		pairer_enter(pairer, PAIRER_COMPARE);
		return;
	}
	log_line(LOG_LEVEL_NOTICE, "pairing", "the camera has the key that was told: confirmed here");
	pairer_enter(pairer, PAIRER_CONFIRMED);
	wire_confirm(pairer->wire, true);
}

static int on_commit(void *context, const struct pairing_record *record) {
	struct pairer *pairer = context;
	int result = keyring_add(pairer->keyring, record);
	if (result < 0) {
		log_reason(LOG_LEVEL_ERROR, "pairing", REASON_STORE_FAILED, "the new pairing could not be stored: %s",
		           strerror(-result));
		return result;
	}
	pairer_enter(pairer, PAIRER_STORING);
	return 0;
}

static void on_live(void *context) {
	struct pairer *pairer = context;
	pairer_finish(pairer, REASON_OK);
}

static bool pairer_dial_later(struct pairer *pairer);

static void on_closed(void *context, enum reason reason) {
	struct pairer *pairer = context;
	if (reason == REASON_LINK_CLOSED && !wire_has_received(pairer->wire) && pairer_dial_later(pairer)) {
		wire_free(pairer->wire);
		pairer->wire = NULL;
		loop_timer_start(pairer->alone, DIAL_AGAIN_US + DIAL_ALONE_US);
		pairer_enter(pairer, PAIRER_DIALLING);
		return;
	}
	/* A link that closes without a word before both have committed is a failure, whatever it calls itself. */
	pairer_finish(pairer, reason == REASON_OK ? REASON_LINK_CLOSED : reason);
}

static const struct wire_callbacks wire_handlers = {
	.code = on_code,
	.commit = on_commit,
	.live = on_live,
	.closed = on_closed,
};

static void on_dialled(void *context, int file, size_t packet_limit, enum reason reason);

static int pairer_dial(struct pairer *pairer) {
	return radio_dial(&pairer->dial, pairer->radio, &pairer->peer, on_dialled, pairer);
}

static int on_again(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source;
	(void)time_us;
	struct pairer *pairer = context;
	if (pairer_dial(pairer) < 0)
		pairer_finish(pairer, REASON_CONNECT_FAILED);
	return 0;
}

static int on_alone(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source;
	(void)time_us;
	struct pairer *pairer = context;
	if (pairer->state == PAIRER_DIALLING)
		pairer->callbacks->waits(pairer->context);
	return 0;
}

/* False when it is not to be tried again. */
static bool pairer_dial_later(struct pairer *pairer) {
	if (loop_now_us(pairer->event) + DIAL_AGAIN_US >= pairer->until_us)
		return false;
	loop_timer_start(pairer->again, DIAL_AGAIN_US);
	return true;
}

static void on_dialled(void *context, int file, size_t packet_limit, enum reason reason) {
	struct pairer *pairer = context;
	radio_dial_free(pairer->dial);
	pairer->dial = NULL;
	if (file < 0) {
		if (!pairer_dial_later(pairer))
			pairer_finish(pairer, reason);
		return;
	}
	struct wire_config config = {
		.kind = CHANNEL_PAIRING,
		.keys = keyring_keys(pairer->keyring),
		.peer_fingerprint = *pairer->fingerprint ? pairer->fingerprint : NULL,
		.name = pairer->name,
		.packet_limit = packet_limit,
	};
	int result = wire_new(&pairer->wire, pairer->event, file, &config, &wire_handlers, pairer);
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "pairing", "the link could not be set up: %s", strerror(-result));
		pairer_finish(pairer, REASON_INTERNAL);
		return;
	}
	pairer_enter(pairer, PAIRER_HANDSHAKE);
}

int pairer_new(struct pairer **ret, sd_event *event, struct radio *radio, struct keyring *keyring, const char *name,
               const struct pairer_callbacks *callbacks, void *context) {
	struct pairer *pairer = calloc(1, sizeof(*pairer));
	if (!pairer)
		return -ENOMEM;
	*pairer = (struct pairer){
		.event = event,
		.radio = radio,
		.keyring = keyring,
		.name = name,
		.callbacks = callbacks,
		.context = context,
	};
	int result = loop_timer_new(event, &pairer->again, DIAL_AGAIN_ACCURACY_US, on_again, pairer);
	if (result >= 0)
		result = loop_timer_new(event, &pairer->alone, DIAL_ALONE_ACCURACY_US, on_alone, pairer);
	if (result < 0) {
		pairer_free(pairer);
		return result;
	}
	*ret = pairer;
	return 0;
}

void pairer_free(struct pairer *pairer) {
	if (!pairer)
		return;
	pairer_drop(pairer);
	sd_event_source_disable_unref(pairer->again);
	sd_event_source_disable_unref(pairer->alone);
	free(pairer);
}

int pairer_start(struct pairer *pairer, const char *camera, const struct link_peer *peer, const char *fingerprint) {
	if (pairer->state != PAIRER_IDLE)
		return -EBUSY;
	pairer->until_us = loop_now_us(pairer->event) + DIAL_AGAIN_UNTIL_US;
	pairer->peer = *peer;
	int result = pairer_dial(pairer);
	if (result < 0)
		return result;
	loop_timer_start(pairer->alone, DIAL_ALONE_US);
	snprintf(pairer->camera, sizeof(pairer->camera), "%s", camera);
	snprintf(pairer->fingerprint, sizeof(pairer->fingerprint), "%s", fingerprint ? fingerprint : "");
	pairer_enter(pairer, PAIRER_DIALLING);
	return 0;
}

void pairer_cancel(struct pairer *pairer) {
	if (pairer->state == PAIRER_IDLE)
		return;
	pairer_drop(pairer);
	pairer_enter(pairer, PAIRER_IDLE);
}

enum reason pairer_confirm(struct pairer *pairer, uint32_t code) {
	if (pairer->state != PAIRER_COMPARE)
		return REASON_NO_CODE;
	bool equal = code == pairer->code;
	log_line(LOG_LEVEL_NOTICE, "pairing", "code %s here", equal ? "confirmed" : "rejected");
	if (equal)
		pairer_enter(pairer, PAIRER_CONFIRMED); /* before: the camera's answer may be here already */
	wire_confirm(pairer->wire, equal);
	return equal ? REASON_OK : REASON_CODE_REJECTED;
}

enum pairer_state pairer_state(const struct pairer *pairer) {
	return pairer->state;
}

uint32_t pairer_code(const struct pairer *pairer) {
	return pairer->code;
}

const struct link_peer *pairer_peer(const struct pairer *pairer) {
	return &pairer->peer;
}

const char *pairer_camera(const struct pairer *pairer) {
	return pairer->camera;
}
