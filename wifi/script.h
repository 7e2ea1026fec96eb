/* A table of commands for a daemon, sent in their order. Some are sent ahead, before those before them have been answered: a
 * daemon takes its time between two, and somebody waits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "wifi/control.h"
#include "wifi/limits.h"

enum wifi_verdict {
	WIFI_VERDICT_GOOD,
	WIFI_VERDICT_REFUSED,
	WIFI_VERDICT_WAIT, /* of the last step: nothing follows until an event or a deadline ends the script */
};

struct wifi_step {
	const char *text; /* the command, or NULL when `write` makes it */
	/* Writes the command: its length, 0 when there is nothing to say in this case, or a negative errno. */
	int (*write)(void *context, char *out, size_t capacity);
	/* Judges the reply; NULL: it must be "OK". */
	enum wifi_verdict (*judge)(void *context, const char *text, size_t length);
	/* Written and sent only when every step before it was answered as expected. */
	bool in_turn;
};

/* Every reply is good: a daemon says FAIL to what is already so. */
enum wifi_verdict wifi_judge_anything(void *context, const char *text, size_t length);

struct wifi_script {
	struct wifi_control *control;
	/* Both from the event loop, or from wifi_script_run; each may free the owner of the script. */
	void (*finished)(void *context);
	void (*failed)(void *context, const char *step); /* step: for the log, never a secret */
	void *context;                                   /* of these and of the steps */

	const struct wifi_step *steps; /* NULL: nothing is under way */
	size_t count, next;            /* next: to be sent */
	size_t ahead[WIFI_AHEAD];      /* steps that were sent and not answered, the oldest first */
	size_t waiting;
};

/* Drops what is under way and starts. The control client must be open. */
void wifi_script_run(struct wifi_script *script, const struct wifi_step *steps, size_t count);
/* Drops what is under way without a callback; what was sent ahead is still carried out. Also when the control client has
 * closed. */
void wifi_script_stop(struct wifi_script *script);
bool wifi_script_is_running(const struct wifi_script *script);
/* Whether this command of the script was sent. */
bool wifi_script_has_sent(const struct wifi_script *script, const char *text);
/* Whether the reply to the last step is all that is missing. */
bool wifi_script_awaits_last(const struct wifi_script *script);
/* Leaves the whole script in the daemon's queue without waiting for replies: the owner is being freed. At most five steps. */
void wifi_script_leave(struct wifi_script *script, const struct wifi_step *steps, size_t count);
