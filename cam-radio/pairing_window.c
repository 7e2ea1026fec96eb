#include "cam-radio/pairing_window.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "pairing/limits.h"

/* Long enough for a person to look. */
#define SHOW_PAIRED_US (5 * SECOND_US)

struct pairing_window {
	enum pairing_window_state state;
	void *pairing; /* in progress, NULL for none */
	unsigned tries;
	uint64_t deadline_us; /* the window's end; in WINDOW_PAIRED: until when it is shown */
	char code[8];
	const struct pairing_window_callbacks *callbacks;
	void *context;
};

static void enter_state(struct pairing_window *w, enum pairing_window_state state) {
	w->state = state;
	if (state != WINDOW_CONFIRMING)
		w->code[0] = '\0';
	if (state == WINDOW_CLOSED)
		w->deadline_us = UINT64_MAX;
	w->callbacks->changed(w->context);
}

static void feedback(const struct pairing_window *w, enum feedback_kind kind, const char *text) {
	w->callbacks->feedback(w->context, kind, text);
}

/* Forgets the pairing first, so that its end, which is told from inside the callback, finds nothing to do here. */
static void drop_pairing(struct pairing_window *w, enum reason reason) {
	void *pairing = w->pairing;
	w->pairing = NULL;
	if (pairing)
		w->callbacks->abort(w->context, pairing, reason);
}

static void close_window(struct pairing_window *w, enum reason reason) {
	log_reason(LOG_LEVEL_NOTICE, "pairing", reason, "window closed");
	enter_state(w, WINDOW_CLOSED);
	drop_pairing(w, reason);
	feedback(w, FEEDBACK_WINDOW_CLOSED, reason_sentence(reason));
}

int pairing_window_new(struct pairing_window **ret, const struct pairing_window_callbacks *callbacks, void *context) {
	struct pairing_window *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct pairing_window){ .deadline_us = UINT64_MAX, .callbacks = callbacks, .context = context };
	*ret = w;
	return 0;
}

void pairing_window_free(struct pairing_window *w) {
	free(w);
}

void pairing_window_open(struct pairing_window *w, uint64_t now_us) {
	log_line(LOG_LEVEL_NOTICE, "pairing", "window open for %llu s", PAIRING_WINDOW_US / SECOND_US);
	drop_pairing(w, REASON_PAIRING_EXPIRED);
	w->tries = 0;
	w->deadline_us = now_us + PAIRING_WINDOW_US;
	enter_state(w, WINDOW_OPEN);
	feedback(w, FEEDBACK_WINDOW_OPEN, "Ready to pair for 60 seconds.");
}

enum reason pairing_window_begin(struct pairing_window *w, void *pairing) {
	switch (w->state) {
	case WINDOW_CLOSED:
	case WINDOW_PAIRED:
		return REASON_PAIRING_CLOSED;
	case WINDOW_HANDSHAKE:
	case WINDOW_CONFIRMING:
	case WINDOW_STORING:
		return REASON_PAIRING_BUSY;
	case WINDOW_OPEN:
		break;
	}
	w->tries++;
	w->pairing = pairing;
	log_line(LOG_LEVEL_INFO, "pairing", "try %u of %u", w->tries, (unsigned)PAIRING_TRIES);
	enter_state(w, WINDOW_HANDSHAKE);
	return REASON_OK;
}

void pairing_window_code(struct pairing_window *w, const void *pairing, uint32_t code) {
	if (w->state != WINDOW_HANDSHAKE || w->pairing != pairing)
		return;
	snprintf(w->code, sizeof(w->code), "%06" PRIu32, code % 1000000);
	enter_state(w, WINDOW_CONFIRMING);
	char text[96];
	snprintf(text, sizeof(text), "Code %.3s %.3s: press Event if the companion shows the same, Function if not.", w->code,
	         w->code + 3);
	feedback(w, FEEDBACK_CODE, text);
}

bool pairing_window_click(struct pairing_window *w, bool event) {
	if (w->state != WINDOW_CONFIRMING)
		return false;
	void *pairing = w->pairing;
	log_line(LOG_LEVEL_NOTICE, "pairing", "code %s with the button", event ? "confirmed" : "rejected");
	enter_state(w, WINDOW_STORING); /* a second click does nothing */
	w->callbacks->answer(w->context, pairing, event);
	return true;
}

void pairing_window_paired(struct pairing_window *w, const void *pairing, uint64_t now_us) {
	if (!pairing || w->pairing != pairing)
		return;
	w->pairing = NULL;
	w->deadline_us = now_us + SHOW_PAIRED_US;
	enter_state(w, WINDOW_PAIRED);
	feedback(w, FEEDBACK_PAIRED, "Paired.");
}

void pairing_window_ended(struct pairing_window *w, const void *pairing, enum reason reason) {
	if (!pairing || w->pairing != pairing)
		return;
	w->pairing = NULL;
	log_reason(LOG_LEVEL_WARNING, "pairing", reason, "pairing failed");
	feedback(w, FEEDBACK_FAILED, reason_sentence(reason));
	if (w->tries >= PAIRING_TRIES)
		close_window(w, REASON_PAIRING_TRIES);
	else
		enter_state(w, WINDOW_OPEN);
}

void pairing_window_tick(struct pairing_window *w, uint64_t now_us) {
	if (now_us < w->deadline_us)
		return;
	switch (w->state) {
	case WINDOW_CLOSED:
		break;
	case WINDOW_OPEN:
	case WINDOW_HANDSHAKE:
	case WINDOW_CONFIRMING:
	case WINDOW_STORING:
		close_window(w, REASON_PAIRING_EXPIRED);
		break;
	case WINDOW_PAIRED:
		enter_state(w, WINDOW_CLOSED);
		break;
	}
}

uint64_t pairing_window_deadline_us(const struct pairing_window *w) {
	return w->deadline_us;
}

enum pairing_window_state pairing_window_state(const struct pairing_window *w) {
	return w->state;
}

const char *pairing_window_shown_code(const struct pairing_window *w) {
	return w->code;
}

const char *pairing_window_name(const struct pairing_window *w) {
	switch (w->state) {
	case WINDOW_CLOSED:
		return "closed";
	case WINDOW_OPEN:
	case WINDOW_HANDSHAKE:
	case WINDOW_STORING:
		return "open";
	case WINDOW_CONFIRMING:
		return "confirming";
	case WINDOW_PAIRED:
		return "paired";
	}
	return "closed";
}

bool pairing_window_is_inviting(const struct pairing_window *w) {
	switch (w->state) {
	case WINDOW_OPEN:
	case WINDOW_HANDSHAKE:
	case WINDOW_CONFIRMING:
	case WINDOW_STORING:
		return true;
	case WINDOW_CLOSED:
	case WINDOW_PAIRED:
		break;
	}
	return false;
}
