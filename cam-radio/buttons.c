#include "cam-radio/buttons.h"

#include <errno.h>
#include <linux/input.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "cam-radio/deadline.h"

/* A device that was unplugged comes back when somebody plugs it in: a second is soon enough, and costs nothing while both are
 * there. A timer rather than inotify, because the path may be a link into a folder that does not exist yet. */
#define RETRY_US SECOND_US
#define EVENTS_PER_READ 32
/* An event that claims to be older has a clock of its own. */
#define EVENT_AGE_LIMIT_US SECOND_US

struct device {
	struct buttons *buttons;
	const char *name;
	bool carries[BUTTON_COUNT];
	int file; /* -1: missing */
	sd_event_source *io;
	bool dropped; /* the kernel's queue overflowed: what follows up to the next report is worthless */
	bool logged_missing;
};

struct buttons {
	sd_event *event;
	struct buttons_config config;
	struct device device[BUTTON_COUNT];
	size_t devices;
	struct button_gate gate;
	struct deadline *tick, *retry;
	const struct buttons_callbacks *callbacks;
	void *context;
	bool started; /* buttons_new has returned */
};

static void arm(struct buttons *b) {
	deadline_set(b->tick, button_gate_deadline_us(&b->gate));
}

static void tell(struct buttons *b, enum button_gate_result result) {
	if (b->started && result != BUTTON_GATE_NOTHING)
		b->callbacks->gate(b->context, result);
}

static void tell_changed(struct buttons *b) {
	if (b->started)
		b->callbacks->changed(b->context);
}

static void device_close(struct device *d) {
	d->io = sd_event_source_disable_unref(d->io);
	if (d->file >= 0)
		close(d->file);
	d->file = -1;
}

static void device_lost(struct device *d, int error) {
	struct buttons *b = d->buttons;
	device_close(d);
	if (!d->logged_missing)
		log_line(LOG_LEVEL_WARNING, "buttons", "input device %s is missing: %s", d->name, strerror(-error));
	d->logged_missing = true;
	deadline_set(b->retry, loop_now_us(b->event) + RETRY_US);
	for (enum button button = 0; button < BUTTON_COUNT; button++)
		if (d->carries[button])
			tell(b, button_gate_lost(&b->gate, button));
}

/* The state of all its keys, as the device reports it now. 0 or a negative errno. */
static int device_take_state(struct device *d, uint64_t now_us) {
	struct buttons *b = d->buttons;
	for (enum button button = 0; button < BUTTON_COUNT; button++) {
		bool down;
		if (!d->carries[button])
			continue;
		int result = b->config.port->key(b->config.port->context, d->file, b->config.button[button].key, &down);
		if (result < 0)
			return result;
		tell(b, button_gate_input(&b->gate, button, down, now_us));
	}
	return 0;
}

static uint64_t event_time_us(const struct input_event *event, uint64_t now_us) {
	uint64_t time_us = (uint64_t)event->input_event_sec * SECOND_US + (uint64_t)event->input_event_usec;
	return time_us > now_us || now_us - time_us > EVENT_AGE_LIMIT_US ? now_us : time_us;
}

/* 0 or a negative errno. */
static int device_take_event(struct device *d, const struct input_event *event, uint64_t now_us) {
	struct buttons *b = d->buttons;
	if (event->type == EV_SYN && event->code == SYN_DROPPED) {
		d->dropped = true;
	} else if (event->type == EV_SYN && event->code == SYN_REPORT && d->dropped) {
		d->dropped = false;
		return device_take_state(d, now_us);
	} else if (event->type == EV_KEY && !d->dropped && (event->value == 0 || event->value == 1)) { /* 2 is auto-repeat */
		for (enum button button = 0; button < BUTTON_COUNT; button++)
			if (d->carries[button] && event->code == b->config.button[button].key)
				tell(b, button_gate_input(&b->gate, button, event->value == 1, event_time_us(event, now_us)));
	}
	return 0;
}

static int on_input(sd_event_source *source, int file, uint32_t revents, void *context) {
	(void)source;
	(void)revents;
	struct device *d = context;
	struct buttons *b = d->buttons;
	struct input_event events[EVENTS_PER_READ];
	uint64_t now_us = loop_now_us(b->event);
	ssize_t length = read(file, events, sizeof(events));
	int result = length < 0 ? -errno : length == 0 || (size_t)length % sizeof(events[0]) != 0 ? -ENODEV : 0;
	if (result == -EAGAIN || result == -EINTR)
		return 0;
	for (size_t i = 0; result == 0 && i < (size_t)length / sizeof(events[0]); i++)
		result = device_take_event(d, &events[i], now_us);
	if (result < 0)
		device_lost(d, result);
	arm(b);
	tell_changed(b);
	return 0;
}

/* 0 or a negative errno. */
static int device_open(struct device *d) {
	struct buttons *b = d->buttons;
	int file = b->config.port->open(b->config.port->context, d->name);
	if (file < 0)
		return file;
	d->file = file;
	d->dropped = false;
	int result = sd_event_add_io(b->event, &d->io, file, EPOLLIN, on_input, d);
	if (result >= 0)
		result = device_take_state(d, loop_now_us(b->event));
	return result < 0 ? result : 0;
}

static void open_missing(struct buttons *b) {
	for (size_t i = 0; i < b->devices; i++) {
		struct device *d = &b->device[i];
		if (d->file >= 0)
			continue;
		int result = device_open(d);
		if (result < 0) {
			device_lost(d, result);
		} else {
			if (d->logged_missing)
				log_line(LOG_LEVEL_NOTICE, "buttons", "input device %s is back", d->name);
			d->logged_missing = false;
			tell_changed(b);
		}
	}
	arm(b);
}

static void on_retry(void *context, uint64_t now_us) {
	(void)now_us;
	open_missing(context);
}

static void on_tick(void *context, uint64_t now_us) {
	struct buttons *b = context;
	tell(b, button_gate_tick(&b->gate, now_us));
	arm(b);
	tell_changed(b);
}

static void add_device(struct buttons *b, enum button button) {
	const char *name = b->config.button[button].device;
	size_t i = 0;
	while (i < b->devices && strcmp(b->device[i].name, name) != 0)
		i++;
	if (i == b->devices)
		b->device[b->devices++] = (struct device){ .buttons = b, .name = name, .file = -1 };
	b->device[i].carries[button] = true;
}

int buttons_new(struct buttons **ret, sd_event *event, const struct buttons_config *config,
                const struct buttons_callbacks *callbacks, void *context) {
	struct buttons *b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	*b = (struct buttons){ .event = event, .config = *config, .callbacks = callbacks, .context = context };
	button_gate_init(&b->gate);
	for (enum button button = 0; button < BUTTON_COUNT; button++)
		add_device(b, button);
	int result = deadline_new(&b->tick, event, on_tick, b);
	if (result >= 0)
		result = deadline_new(&b->retry, event, on_retry, b);
	if (result < 0) {
		buttons_free(b);
		return result;
	}
	open_missing(b);
	b->started = true;
	*ret = b;
	return 0;
}

void buttons_free(struct buttons *b) {
	if (!b)
		return;
	for (size_t i = 0; i < b->devices; i++)
		device_close(&b->device[i]);
	deadline_free(b->tick);
	deadline_free(b->retry);
	free(b);
}

bool buttons_is_down(const struct buttons *b, enum button button) {
	return b->gate.button[button].known && b->gate.button[button].down;
}

bool buttons_is_known(const struct buttons *b, enum button button) {
	return b->gate.button[button].known;
}
