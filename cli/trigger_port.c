#include "cli/trigger_port.h"

#include <errno.h>
#include <fcntl.h>
#include <gpiod.h>
#include <linux/input.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/bytes.h"

/* Of a line whose chip tells of no changes, as those on USB and many on I2C: a switch that bounces is settled by then. */
#define POLL_NS 50000000

struct trigger_port {
	struct trigger trigger;
	int file; /* of the device, of the line's events, which is the line's, or of the timer when the line is polled */
	struct gpiod_chip *chip;
	struct gpiod_line *line;
	bool polled, level; /* level: the last one that a polled line had */
	bool asked;         /* what there is now has been told; events follow */
};

/* --- input devices --- */

static int read_now(const struct trigger_port *p, bool *ret) {
	uint8_t bits[KEY_MAX / 8 + 1] = { 0 };
	int r = p->trigger.source == TRIGGER_KEY ? ioctl(p->file, EVIOCGKEY(sizeof(bits)), bits)
	                                         : ioctl(p->file, EVIOCGSW(sizeof(bits)), bits);
	if (r < 0)
		return -errno;
	*ret = bits[p->trigger.code / 8] >> p->trigger.code % 8 & 1;
	return 0;
}

static int open_input(struct trigger_port *p) {
	bool down = false;
	p->file = open(p->trigger.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	return p->file < 0 ? -errno : read_now(p, &down);
}

static int tell_now(struct trigger_port *p, void (*see)(void *, bool), void *context) {
	bool down = false;
	int r = read_now(p, &down);
	if (r == 0)
		see(context, down != p->trigger.active_low);
	return r;
}

static int read_input(struct trigger_port *p, void (*see)(void *, bool), void *context) {
	const uint16_t type = p->trigger.source == TRIGGER_KEY ? EV_KEY : EV_SW;
	struct input_event events[16];
	for (;;) {
		ssize_t length = read(p->file, events, sizeof(events));
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (length == 0)
			return -ENODEV;
		for (size_t i = 0; i < (size_t)length / sizeof(events[0]); i++) {
			const struct input_event *event = &events[i];
			if (event->type == EV_SYN && event->code == SYN_DROPPED) {
				int r = tell_now(p, see, context);
				if (r < 0)
					return r;
			} else if (event->type == type && event->code == p->trigger.code && event->value != 2) { /* 2: repeats */
				see(context, (event->value != 0) != p->trigger.active_low);
			}
		}
	}
}

/* --- lines --- */

static int poll_line(struct trigger_port *p, int flags) {
	const struct itimerspec every = { .it_value.tv_nsec = POLL_NS, .it_interval.tv_nsec = POLL_NS };
	if (gpiod_line_request_input_flags(p->line, "lanyard", flags) < 0)
		return -errno;
	p->file = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	p->polled = true;
	if (p->file < 0 || timerfd_settime(p->file, 0, &every, NULL) < 0)
		return -errno;
	return 0;
}

static int open_line(struct trigger_port *p) {
	p->chip = gpiod_chip_open_lookup(p->trigger.path);
	if (!p->chip)
		return -errno;
	p->line = gpiod_chip_get_line(p->chip, p->trigger.code);
	if (!p->line)
		return -errno;
	int flags = p->trigger.active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0;
	if (gpiod_line_request_both_edges_events_flags(p->line, "lanyard", flags) < 0)
		/* ENODEV is the kernel's word for a line without interrupt, too. */
		return errno == ENODEV || errno == ENXIO ? poll_line(p, flags) : -errno;
	p->file = gpiod_line_event_get_fd(p->line);
	return p->file < 0 ? -errno : 0;
}

/* The first time, too. */
static int read_polled(struct trigger_port *p, void (*see)(void *, bool), void *context) {
	uint64_t times;
	(void)!read(p->file, &times, sizeof(times)); /* it only has to be taken */
	int value = gpiod_line_get_value(p->line);
	if (value < 0)
		return -errno;
	if (p->asked && (value != 0) == p->level)
		return 0;
	p->asked = true;
	p->level = value != 0;
	see(context, p->level);
	return 0;
}

static int read_line(struct trigger_port *p, void (*see)(void *, bool), void *context) {
	struct gpiod_line_event event;
	for (;;) {
		const struct timespec none = { 0 };
		int r = gpiod_line_event_wait(p->line, &none);
		if (r == 0)
			return 0;
		if (r < 0 || gpiod_line_event_read(p->line, &event) < 0)
			return -errno;
		/* Of an active-low line the kernel tells logical edges. */
		see(context, event.event_type == GPIOD_LINE_EVENT_RISING_EDGE);
	}
}

static int tell_line(struct trigger_port *p, void (*see)(void *, bool), void *context) {
	int value = gpiod_line_get_value(p->line);
	if (value < 0)
		return -errno;
	see(context, value != 0);
	return 0;
}

/* --- both --- */

int trigger_port_open(struct trigger_port **ret, const struct trigger *trigger) {
	struct trigger_port *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct trigger_port){ .trigger = *trigger, .file = -1 };
	int r = trigger->source == TRIGGER_LINE ? open_line(p) : open_input(p);
	if (r < 0) {
		trigger_port_close(p);
		return r;
	}
	*ret = p;
	return 0;
}

void trigger_port_close(struct trigger_port *p) {
	if (!p)
		return;
	if (p->file >= 0 && (p->trigger.source != TRIGGER_LINE || p->polled))
		close(p->file);
	if (p->chip)
		gpiod_chip_close(p->chip); /* and its line's file */
	free(p);
}

int trigger_port_file(const struct trigger_port *p) {
	return p->file;
}

bool trigger_port_polled(const struct trigger_port *p) {
	return p->polled;
}

int trigger_port_read(struct trigger_port *p, void (*see)(void *context, bool active), void *context) {
	if (p->polled)
		return read_polled(p, see, context);
	bool line = p->trigger.source == TRIGGER_LINE;
	if (!p->asked) {
		int r = line ? tell_line(p, see, context) : tell_now(p, see, context);
		if (r < 0)
			return r;
		p->asked = true;
	}
	return line ? read_line(p, see, context) : read_input(p, see, context);
}
