#include "cam-radio/lamp.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"

/* Documentation/leds/leds-class.rst: the files delay_on and delay_off are there while the trigger is "timer". */
struct pattern {
	const char *trigger;
	unsigned on_ms, off_ms; /* of the trigger "timer" */
};

static const struct pattern patterns[] = {
	[LAMP_OFF] = { .trigger = "none" },
	[LAMP_ON] = { .trigger = "default-on" },
	[LAMP_SLOW] = { .trigger = "timer", .on_ms = 500, .off_ms = 500 },
	[LAMP_FAST] = { .trigger = "timer", .on_ms = 80, .off_ms = 80 },
	[LAMP_QUESTION] = { .trigger = "timer", .on_ms = 100, .off_ms = 900 },
};

static int write_text(int folder, const char *name, const char *text) {
	int file = openat(folder, name, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (file < 0)
		return -errno;
	ssize_t written = write(file, text, strlen(text));
	int result = written < 0 ? -errno : (size_t)written != strlen(text) ? -EIO : 0;
	close(file);
	return result;
}

static int write_number(int folder, const char *name, unsigned number) {
	char text[16];
	snprintf(text, sizeof(text), "%u", number);
	return write_text(folder, name, text);
}

static int apply(int folder, const struct pattern *pattern) {
	int result = write_text(folder, "trigger", pattern->trigger);
	if (result == 0 && pattern->on_ms > 0)
		result = write_number(folder, "delay_on", pattern->on_ms);
	if (result == 0 && pattern->off_ms > 0)
		result = write_number(folder, "delay_off", pattern->off_ms);
	return result;
}

void lamp_set(const char *folder, enum lamp_pattern pattern) {
	assert((size_t)pattern < ELEMENTS(patterns));
	if (!*folder)
		return;
	int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = descriptor < 0 ? -errno : apply(descriptor, &patterns[pattern]);
	if (descriptor >= 0)
		close(descriptor);
	if (result < 0)
		log_line(LOG_LEVEL_WARNING, "feedback", "the lamp %s cannot be set: %s", folder, strerror(-result));
}
