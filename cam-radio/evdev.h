/* Input devices of the kernel, and what stands in for them in tests. */
#pragma once

#include <stdbool.h>

/* Lives longer than its users. */
struct input_port {
	/* Opens the device by its path or by the name it gives itself. A non-blocking descriptor from which struct input_event is
	 * read (ownership passes), or a negative errno; -ENOENT while there is none. */
	int (*open)(void *context, const char *device);
	/* Whether the key is down now. 0 and *ret_down, or a negative errno. */
	int (*key)(void *context, int file, unsigned key, bool *ret_down);
	void *context;
};

/* The kernel's evdev; events are stamped with CLOCK_BOOTTIME. */
const struct input_port *input_port_evdev(void);
/* [test] buttons: "device" is a named pipe that takes struct input_event; every key is up when it is opened. */
const struct input_port *input_port_pipe(void);
