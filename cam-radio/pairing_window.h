/* The pairing window: opened by both buttons for PAIRING_WINDOW_US, PAIRING_TRIES pairings at most, one at a time; the Event
 * button confirms a code and the Function button rejects it (docs/protocol.md, "Pairing"; threats.md, invariants 1 and 3). Pure:
 * time comes in, callbacks and deadlines go out. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "cam-radio/feedback.h"

struct pairing_window;

enum pairing_window_state {
	WINDOW_CLOSED,
	WINDOW_OPEN,       /* waits for a companion */
	WINDOW_HANDSHAKE,  /* one pairing is under way */
	WINDOW_CONFIRMING, /* its code is shown */
	WINDOW_STORING,    /* confirmed; the two ends do the rest */
	WINDOW_PAIRED,     /* shown for a moment */
};

/* `pairing` is what pairing_window_begin was given. The window must not be freed inside. */
struct pairing_window_callbacks {
	void (*changed)(void *context); /* state, or code */
	/* The person has answered. Ends in pairing_window_ended or pairing_window_paired, inside or later. */
	void (*answer)(void *context, void *pairing, bool accepted);
	/* The window no longer allows this pairing: end it now. It is already forgotten here. */
	void (*abort)(void *context, void *pairing, enum reason reason);
	void (*feedback)(void *context, enum feedback_kind kind, const char *text);
};

/* 0 or -ENOMEM. The callbacks outlive it. */
int pairing_window_new(struct pairing_window **ret, const struct pairing_window_callbacks *callbacks, void *context);
/* NULL is allowed. Calls nothing. */
void pairing_window_free(struct pairing_window *window);

/* Both buttons were held. Also begins anew: a pairing under way ends with REASON_PAIRING_EXPIRED, tries and time start again. */
void pairing_window_open(struct pairing_window *window, uint64_t now_us);
/* A companion asks to pair. REASON_OK, and `pairing` is the one; or REASON_PAIRING_CLOSED, PAIRING_BUSY. */
enum reason pairing_window_begin(struct pairing_window *window, void *pairing);
/* The six digits of this pairing. */
void pairing_window_code(struct pairing_window *window, const void *pairing, uint32_t code);
/* Event (true) or Function (false) was clicked. True when a code was waiting for it. */
bool pairing_window_click(struct pairing_window *window, bool event);
/* The new record is durable. */
void pairing_window_paired(struct pairing_window *window, const void *pairing, uint64_t now_us);
/* It failed; a pairing that is not (any longer) the one in progress is ignored. */
void pairing_window_ended(struct pairing_window *window, const void *pairing, enum reason reason);
void pairing_window_tick(struct pairing_window *window, uint64_t now_us);
/* Absolute time of the next tick, UINT64_MAX for none. */
uint64_t pairing_window_deadline_us(const struct pairing_window *window);

enum pairing_window_state pairing_window_state(const struct pairing_window *window);
/* Six digits while WINDOW_CONFIRMING, "" otherwise. */
const char *pairing_window_shown_code(const struct pairing_window *window);
/* As on D-Bus: "closed", "open", "confirming", "paired". */
const char *pairing_window_name(const struct pairing_window *window);
/* True while a companion may begin a pairing: what the advert says. */
bool pairing_window_is_inviting(const struct pairing_window *window);
