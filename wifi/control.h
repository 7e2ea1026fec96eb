/* One client for the control sockets of hostapd and wpa_supplicant. Never blocks: wpa_ctrl_request and wpa_ctrl_attach of
 * libwpa-client wait up to 10 s, so the library only opens the sockets, receives, and closes; sending and waiting happen in the
 * event loop. Two connections: one for commands, one attached for events, so that a reply is never mistaken for an event.
 *
 * The daemon may start later, be killed or be restarted at any moment: `closed` is called, its socket is tried again until it
 * answers, then `opened`. How soon its end is noticed depends on wifi_control_watch; its return is noticed at once. Replies carry
 * no number, so a reply that missed its deadline would be taken for the next command's: after a missed deadline the connection is
 * thrown away and opened anew. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <systemd/sd-event.h>

#include "wifi/environment.h"
#include "wifi/events.h"

struct wifi_control;

/* All are called from the event loop; each may free the control client. */
struct wifi_control_callbacks {
	/* Events flow and commands may be sent. */
	void (*opened)(void *context);
	/* The daemon is gone or does not answer. Commands that were waiting are dropped; their replies never come. */
	void (*closed)(void *context);
	void (*event)(void *context, const struct wifi_event *event);
};

/* context: that of wifi_control_send. text: the reply without its line end, not zero-terminated, valid during the call; it may
 * hold any bytes. */
typedef void (*wifi_control_reply)(void *context, const char *text, size_t length);

/* Starts trying to open `path` at once (from the event loop: no callback is made by this function). 0 or a
 * negative errno. */
int wifi_control_new(struct wifi_control **ret, sd_event *event, const char *path, const struct wifi_environment *environment,
                     const struct wifi_control_callbacks *callbacks, void *context);
void wifi_control_free(struct wifi_control *control);

/* Whether the daemon's radio is in use, so that its end must be noticed within a second. Not at first. Waking up each second for
 * an idle radio would be most of what a waiting camera does. */
void wifi_control_watch(struct wifi_control *control, bool closely);
bool wifi_control_is_open(const struct wifi_control *control);

/* Sends a command, or queues it when WIFI_AHEAD wait for their replies: a daemon takes them one after the other and answers in
 * that order. reply may be NULL: the answer is not wanted. The command is copied and wiped after sending. 0, also when the daemon
 * is found to take none: then `closed` follows, from the event loop. -ENOTCONN when not open, -EMSGSIZE, -ENOBUFS when
 * WIFI_QUEUE_LIMIT commands are kept. */
int wifi_control_send(struct wifi_control *control, const char *command, wifi_control_reply reply, void *context);
/* Forgets queued commands, and ignores the replies to those under way. */
void wifi_control_cancel(struct wifi_control *control);
/* Leaves a command in the daemon's queue and expects no reply. Only just before wifi_control_free: at most five of them. */
void wifi_control_farewell(struct wifi_control *control, const char *command);
/* Throws the connection away, as after a missed deadline, without calling `closed`; opens again on its own. */
void wifi_control_reset(struct wifi_control *control);

/* Whether a reply is exactly `expected` ("OK"). */
bool wifi_reply_is(const char *text, size_t length, const char *expected);
/* Finds "key=value" on a line of its own in a reply such as STATUS's. */
bool wifi_reply_has(const char *text, size_t length, const char *line);
