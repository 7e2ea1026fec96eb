#include "wifi/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <wpa_ctrl.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"

#define AREA "wifi"

struct command {
	char text[WIFI_COMMAND_LIMIT];
	size_t length;
	wifi_control_reply reply; /* NULL: nobody wants the answer any longer */
	void *context;
};

enum control_state {
	CONTROL_CLOSED,    /* waiting for the next try */
	CONTROL_ATTACHING, /* sockets open, ATTACH sent */
	CONTROL_OPEN,
};

struct wifi_control {
	sd_event *event;
	char *path;
	const struct wifi_environment *environment;
	struct wifi_control_callbacks callbacks;
	void *context;

	enum control_state state;
	bool missing_logged; /* a daemon that is not there is logged once, not at every try */
	struct wpa_ctrl *commands, *events;
	sd_event_source *commands_source, *events_source;
	sd_event_source *timer; /* CLOSED: next try; ATTACHING: deadline of ATTACH; OPEN: next ping, or deadline of its answer */
	bool ping_sent;
	bool broken;             /* OPEN: a command could not be sent; the timer says so from the event loop */
	sd_event_source *folder; /* of the socket, watched for a new one; NULL while there is none */
	bool closely;

	struct command queue[WIFI_QUEUE_LIMIT]; /* the first `sent` are under way */
	size_t queued, sent;
	sd_event_source *deadline; /* of queue[0], while it is under way */

	/* A callback may free the control client while one of our functions is still running above it. */
	unsigned references;
};

static int control_timer_fired(sd_event_source *source, uint64_t now, void *userdata);
static int control_deadline_fired(sd_event_source *source, uint64_t now, void *userdata);
static int control_commands_readable(sd_event_source *source, int descriptor, uint32_t events, void *userdata);
static int control_events_readable(sd_event_source *source, int descriptor, uint32_t events, void *userdata);

static void control_unref(struct wifi_control *control) {
	if (--control->references > 0)
		return;
	sd_event_unref(control->event);
	free(control->path);
	free(control);
}

/* The client's own folder, in a buffer of the caller. */
static const char *client_folder(const struct wifi_environment *environment, char *buffer, size_t capacity) {
	if (environment->client_folder)
		return environment->client_folder;
	const char *runtime = secure_getenv("RUNTIME_DIRECTORY");
	size_t length = runtime ? strcspn(runtime, ":") : 0;
	if (length == 0 || length >= capacity || runtime[0] != '/')
		return NULL; /* libwpa-client's default: /tmp */
	memcpy(buffer, runtime, length);
	buffer[length] = '\0';
	return buffer;
}

static int open_socket(struct wifi_control *control, struct wpa_ctrl **ret, sd_event_source **ret_source,
                       sd_event_io_handler_t readable) {
	char folder[108];
	errno = 0;
	struct wpa_ctrl *ctrl = wpa_ctrl_open2(control->path, client_folder(control->environment, folder, sizeof(folder)));
	if (!ctrl)
		return errno > 0 ? -errno : -ENOTCONN;
	int descriptor = wpa_ctrl_get_fd(ctrl);
	int r = fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0; /* the library leaves it inheritable */
	if (r == 0)
		r = sd_event_add_io(control->event, ret_source, descriptor, EPOLLIN, readable, control);
	if (r >= 0) /* before timers: an answer that has arrived counts, even when this process was held up past the deadline */
		r = sd_event_source_set_priority(*ret_source, SD_EVENT_PRIORITY_IMPORTANT);
	if (r < 0) {
		*ret_source = sd_event_source_disable_unref(*ret_source);
		wpa_ctrl_close(ctrl);
		return r;
	}
	*ret = ctrl;
	return 0;
}

static void close_socket(struct wpa_ctrl **ctrl, sd_event_source **source) {
	*source = sd_event_source_disable_unref(*source);
	if (*ctrl)
		wpa_ctrl_close(*ctrl);
	*ctrl = NULL;
}

static int send_text(struct wpa_ctrl *ctrl, const char *text, size_t length) {
	return send(wpa_ctrl_get_fd(ctrl), text, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Without a watch on the folder, a daemon that was restarted would be noticed at a ping only, and until then have its interface
 * up. */
static void control_set_ping(struct wifi_control *control) {
	const struct wifi_timing *timing = control->environment->timing;
	if (!control->broken)
		loop_timer_start(control->timer, control->closely || !control->folder ? timing->ping : timing->idle_ping);
}

static int control_folder_changed(sd_event_source *source, const struct inotify_event *event, void *userdata) {
	(void)source;
	struct wifi_control *control = userdata;
	if (event->mask & IN_IGNORED) { /* hostapd removes the folder, too */
		control->folder = sd_event_source_disable_unref(control->folder);
	} else {
		const char *name = strrchr(control->path, '/');
		if (event->len == 0 || strcmp(event->name, name ? name + 1 : control->path) != 0)
			return 0;
	}
	/* Closed: it is tried. Open: a ping shows whether the daemon is the one that we know. */
	if (control->state == CONTROL_CLOSED || (control->state == CONTROL_OPEN && !control->ping_sent))
		loop_timer_start(control->timer, 0);
	return 0;
}

/* Not being able to is no error: pings do what it would do. */
static void control_watch_folder(struct wifi_control *control) {
	char folder[108];
	const char *end = strrchr(control->path, '/');
	size_t length = end ? (size_t)(end - control->path) : 0;
	if (control->folder || length == 0 || length >= sizeof(folder))
		return;
	memcpy(folder, control->path, length);
	folder[length] = '\0';
	(void)sd_event_add_inotify(control->event, &control->folder, folder, IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR,
	                           control_folder_changed, control);
}

static void control_drop_commands(struct wifi_control *control) {
	loop_timer_stop(control->deadline);
	wipe(control->queue, sizeof(control->queue));
	control->queued = control->sent = 0;
}

static void control_close_sockets(struct wifi_control *control) {
	/* Without it a living daemon would go on sending to us until ten events have failed. */
	if (control->state == CONTROL_OPEN)
		(void)send_text(control->events, "DETACH", 6);
	control_drop_commands(control);
	close_socket(&control->commands, &control->commands_source);
	close_socket(&control->events, &control->events_source);
	control->ping_sent = control->broken = false;
}

/* The one place where the state changes. */
static void control_enter(struct wifi_control *control, enum control_state state) {
	switch (state) {
	case CONTROL_CLOSED:
		control_close_sockets(control);
		loop_timer_start(control->timer, control->environment->timing->reopen);
		break;
	case CONTROL_ATTACHING:
		loop_timer_start(control->timer, control->environment->timing->command);
		break;
	case CONTROL_OPEN:
		control->missing_logged = false;
		control_set_ping(control);
		break;
	}
	control->state = state;
}

static void control_fail(struct wifi_control *control, const char *why) {
	bool was_open = control->state == CONTROL_OPEN;
	if (was_open)
		log_reason(LOG_LEVEL_WARNING, AREA, REASON_WIFI_GONE, "%s: %s", control->path, why);
	control_enter(control, CONTROL_CLOSED);
	if (was_open && control->callbacks.closed)
		control->callbacks.closed(control->context);
}

static void control_try_open(struct wifi_control *control) {
	control_watch_folder(control); /* before the socket is looked for: one that appears in between is seen */
	int r = open_socket(control, &control->commands, &control->commands_source, control_commands_readable);
	if (r == 0)
		r = open_socket(control, &control->events, &control->events_source, control_events_readable);
	if (r == 0)
		r = send_text(control->events, "ATTACH", 6);
	if (r == 0) {
		control_enter(control, CONTROL_ATTACHING);
		return;
	}
	if (!control->missing_logged)
		log_reason(LOG_LEVEL_NOTICE, AREA, REASON_WIFI_GONE, "%s: %s; trying again", control->path, strerror(-r));
	control->missing_logged = true;
	control_enter(control, CONTROL_CLOSED);
}

static int control_timer_fired(sd_event_source *source, uint64_t now, void *userdata) {
	(void)source;
	(void)now;
	struct wifi_control *control = userdata;
	control->references++;
	switch (control->state) {
	case CONTROL_CLOSED:
		control_try_open(control);
		break;
	case CONTROL_ATTACHING:
		if (!control->missing_logged)
			log_reason(LOG_LEVEL_NOTICE, AREA, REASON_WIFI_GONE, "%s: no answer; trying again", control->path);
		control->missing_logged = true;
		control_enter(control, CONTROL_CLOSED);
		break;
	case CONTROL_OPEN:
		if (control->broken) {
			control_fail(control, "it takes no commands");
		} else if (control->ping_sent) {
			control_fail(control, "no answer to a ping");
		} else if (send_text(control->events, "PING", 4) < 0) {
			control_fail(control, "the daemon is gone");
		} else {
			control->ping_sent = true;
			loop_timer_start(control->timer, control->environment->timing->command);
		}
		break;
	}
	control_unref(control);
	return 0;
}

/* Reads one datagram: its length without the line end, 0 for none, or a negative errno when the daemon is gone. */
static ssize_t receive(struct wpa_ctrl *ctrl, char *text, size_t capacity) {
	size_t length = capacity;
	errno = 0;
	if (wpa_ctrl_recv(ctrl, text, &length) < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : (errno > 0 ? -errno : -EIO);
	if (length > 0 && text[length - 1] == '\n')
		length--;
	return (ssize_t)length;
}

static int control_events_readable(sd_event_source *source, int descriptor, uint32_t events, void *userdata) {
	(void)source;
	(void)descriptor;
	(void)events;
	struct wifi_control *control = userdata;
	char text[WIFI_REPLY_LIMIT];
	ssize_t length = receive(control->events, text, sizeof(text));
	control->references++;
	if (length < 0) {
		control_fail(control, strerror((int)-length));
	} else if (length > 0 && text[0] == '<') {
		struct wifi_event event = wifi_event_parse(text, (size_t)length);
		if (control->state == CONTROL_OPEN && event.kind != WIFI_EVENT_OTHER && control->callbacks.event)
			control->callbacks.event(control->context, &event);
	} else if (control->state == CONTROL_ATTACHING) {
		if (wifi_reply_is(text, (size_t)length, "OK")) {
			control_enter(control, CONTROL_OPEN);
			if (control->callbacks.opened)
				control->callbacks.opened(control->context);
		} else {
			control_enter(control, CONTROL_CLOSED);
		}
	} else if (control->ping_sent && wifi_reply_is(text, (size_t)length, "PONG")) {
		control->ping_sent = false;
		control_set_ping(control);
	}
	control_unref(control);
	return 0;
}

/* Sends what may go. A text is wiped at once: it may hold a key. */
static int control_send_queued(struct wifi_control *control) {
	while (control->sent < control->queued && control->sent < WIFI_AHEAD) {
		struct command *command = &control->queue[control->sent];
		int r = send_text(control->commands, command->text, command->length);
		if (r == -EAGAIN && control->sent > 0)
			break; /* its socket is full: when it has taken one */
		wipe(command->text, sizeof(command->text));
		if (r < 0)
			return r;
		if (control->sent++ == 0)
			loop_timer_start(control->deadline, control->environment->timing->command);
	}
	return 0;
}

static int control_deadline_fired(sd_event_source *source, uint64_t now, void *userdata) {
	(void)source;
	(void)now;
	struct wifi_control *control = userdata;
	control->references++;
	control_fail(control, "no answer to a command");
	control_unref(control);
	return 0;
}

static int control_commands_readable(sd_event_source *source, int descriptor, uint32_t events, void *userdata) {
	(void)source;
	(void)descriptor;
	(void)events;
	struct wifi_control *control = userdata;
	char text[WIFI_REPLY_LIMIT];
	ssize_t length = receive(control->commands, text, sizeof(text));
	control->references++;
	if (length < 0) {
		control_fail(control, strerror((int)-length));
	} else if (length > 0 && control->sent > 0) {
		wifi_control_reply reply = control->queue[0].reply;
		void *context = control->queue[0].context;
		control->sent--;
		control->queued--;
		memmove(&control->queue[0], &control->queue[1], control->queued * sizeof(control->queue[0]));
		wipe(&control->queue[control->queued], sizeof(control->queue[0]));
		if (control->sent > 0)
			loop_timer_start(control->deadline, control->environment->timing->command);
		else
			loop_timer_stop(control->deadline);
		if (control_send_queued(control) < 0)
			control_fail(control, "the daemon is gone");
		else if (reply)
			reply(context, text, (size_t)length);
	}
	wipe(text, sizeof(text)); /* GET_CONFIG and the like answer with keys */
	control_unref(control);
	return 0;
}

int wifi_control_send(struct wifi_control *control, const char *text, wifi_control_reply reply, void *context) {
	size_t length = strlen(text);
	if (control->state != CONTROL_OPEN)
		return -ENOTCONN;
	if (length == 0 || length > WIFI_COMMAND_LIMIT)
		return -EMSGSIZE;
	if (control->broken)
		return 0;
	if (control->queued == WIFI_QUEUE_LIMIT)
		return -ENOBUFS;
	struct command *command = &control->queue[control->queued++];
	memcpy(command->text, text, length);
	command->length = length;
	command->reply = reply;
	command->context = context;
	if (control_send_queued(control) == 0)
		return 0;
	control_drop_commands(control);
	control->broken = true;
	loop_timer_start(control->timer, 0);
	return 0;
}

void wifi_control_cancel(struct wifi_control *control) {
	for (size_t i = control->sent; i < control->queued; i++)
		wipe(&control->queue[i], sizeof(control->queue[i]));
	control->queued = control->sent;
	for (size_t i = 0; i < control->sent; i++)
		control->queue[i].reply = NULL;
}

void wifi_control_farewell(struct wifi_control *control, const char *text) {
	if (control->state == CONTROL_OPEN)
		(void)send_text(control->commands, text, strlen(text));
}

void wifi_control_reset(struct wifi_control *control) {
	if (control->state != CONTROL_CLOSED)
		control_enter(control, CONTROL_CLOSED);
}

void wifi_control_watch(struct wifi_control *control, bool closely) {
	if (control->closely == closely)
		return;
	control->closely = closely;
	if (control->state == CONTROL_OPEN && !control->ping_sent)
		control_set_ping(control);
}

bool wifi_control_is_open(const struct wifi_control *control) {
	return control->state == CONTROL_OPEN;
}

int wifi_control_new(struct wifi_control **ret, sd_event *event, const char *path, const struct wifi_environment *environment,
                     const struct wifi_control_callbacks *callbacks, void *context) {
	struct wifi_control *control = calloc(1, sizeof(*control));
	if (!control)
		return -ENOMEM;
	*control = (struct wifi_control){
		.event = sd_event_ref(event),
		.path = strdup(path),
		.environment = environment,
		.callbacks = *callbacks,
		.context = context,
		.state = CONTROL_CLOSED,
		.references = 1,
	};
	int r = control->path ? 0 : -ENOMEM;
	if (r == 0)
		r = loop_timer_new(event, &control->timer, WIFI_TIMER_ACCURACY, control_timer_fired, control);
	if (r >= 0)
		r = loop_timer_new(event, &control->deadline, WIFI_TIMER_ACCURACY, control_deadline_fired, control);
	if (r < 0) {
		wifi_control_free(control);
		return r;
	}
	loop_timer_start(control->timer, 0);
	*ret = control;
	return 0;
}

void wifi_control_free(struct wifi_control *control) {
	if (!control)
		return;
	control_close_sockets(control);
	control->timer = sd_event_source_disable_unref(control->timer);
	control->deadline = sd_event_source_disable_unref(control->deadline);
	control->folder = sd_event_source_disable_unref(control->folder);
	control->state = CONTROL_CLOSED;
	control->callbacks = (struct wifi_control_callbacks){ 0 };
	control_unref(control);
}

bool wifi_reply_is(const char *text, size_t length, const char *expected) {
	return length == strlen(expected) && memcmp(text, expected, length) == 0;
}

bool wifi_reply_has(const char *text, size_t length, const char *line) {
	const char *end = text + length;
	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		if (!stop)
			stop = end;
		if (wifi_reply_is(text, (size_t)(stop - text), line))
			return true;
		text = stop < end ? stop + 1 : end;
	}
	return false;
}
