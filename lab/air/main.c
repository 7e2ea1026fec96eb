/* lab-air: Bluetooth LE adapters that hear each other (air.h). Commands on standard input, one a line:
 *
 *   plug          a further adapter; prints "hci2 plugged"
 *   unplug N      hciN is pulled out
 *   away N        hciN is out of range: nothing arrives, connections end by supervision timeout at both ends
 *   near N        hciN is back
 *
 * Adapter N has the public address 00:AA:01:00:00:NN, whichever number it is plugged as. Ends at the end of input or a signal. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lab/air/air.h"

uint64_t now_us(void) {
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static int plug(struct air *air) {
	const uint8_t create[2] = { PACKET_VENDOR, 0 };
	uint8_t reply[4];
	struct controller *controller = NULL;
	int file;

	for (size_t i = 0; i < CONTROLLERS && !controller; i++)
		if (air->controller[i].file < 0)
			controller = &air->controller[i];
	if (!controller)
		return -ENOSPC;
	file = open("/dev/vhci", O_RDWR | O_CLOEXEC);
	if (file < 0)
		return -errno;
	if (write(file, create, sizeof(create)) != sizeof(create) || read(file, reply, sizeof(reply)) != sizeof(reply) ||
	    reply[0] != PACKET_VENDOR) {
		close(file);
		return -EIO;
	}
	*controller = (struct controller){ .file = file, .index = get_le16(reply + 2) };
	memcpy(controller->public_address, (uint8_t[]){ (uint8_t)controller->index, 0, 0, 0x01, 0xaa, 0 }, 6);
	printf("hci%u plugged\n", controller->index);
	return 0;
}

static void unplug(struct air *air, struct controller *controller) {
	close(controller->file);
	controller->file = -1;
	air_unplugged(air, controller, now_us());
	printf("hci%u unplugged\n", controller->index);
}

/* 0, -EINVAL for a line that is no command, -ENODEV, or what plug() returns. */
static int run_line(struct air *air, const char *line) {
	char verb[8];
	unsigned index;

	if (!strcmp(line, "plug"))
		return plug(air);
	if (sscanf(line, "%7s %u", verb, &index) != 2)
		return -EINVAL;
	for (size_t i = 0; i < CONTROLLERS; i++) {
		struct controller *controller = &air->controller[i];

		if (controller->file < 0 || controller->index != index)
			continue;
		if (!strcmp(verb, "unplug"))
			unplug(air, controller);
		else if (!strcmp(verb, "away") || !strcmp(verb, "near"))
			air_away(air, controller, verb[0] == 'a', now_us());
		else
			return -EINVAL;
		return 0;
	}
	return -ENODEV;
}

static int read_commands(struct air *air) {
	static char buffer[256];
	static size_t filled;
	char *end;
	ssize_t n = read(STDIN_FILENO, buffer + filled, sizeof(buffer) - 1 - filled);

	if (n <= 0)
		return -EPIPE;
	filled += (size_t)n;
	buffer[filled] = 0;
	while ((end = strchr(buffer, '\n'))) {
		int r;

		*end = 0;
		r = run_line(air, buffer);
		if (r < 0)
			printf("%s: %s\n", buffer, strerror(-r));
		filled -= (size_t)(end + 1 - buffer);
		memmove(buffer, end + 1, filled + 1);
	}
	return 0;
}

static void read_kernel(struct air *air, struct controller *controller) {
	uint8_t packet[4096];
	ssize_t n = read(controller->file, packet, sizeof(packet));

	if (n > 0)
		controller_packet(air, controller, packet, (size_t)n);
}

int main(void) {
	static struct air air;

	for (size_t i = 0; i < CONTROLLERS; i++)
		air.controller[i].file = -1;
	setlinebuf(stdout);
	for (;;) {
		struct pollfd files[1 + CONTROLLERS] = { { .fd = STDIN_FILENO, .events = POLLIN } };
		uint64_t now = now_us(), deadline = air_deadline(&air);
		int timeout = deadline == UINT64_MAX ? -1 : deadline <= now ? 0 : (int)((deadline - now + 999) / 1000);

		for (size_t i = 0; i < CONTROLLERS; i++)
			files[1 + i] = (struct pollfd){ .fd = air.controller[i].file, .events = POLLIN };
		if (poll(files, 1 + CONTROLLERS, timeout) < 0 && errno != EINTR)
			return 1;
		for (size_t i = 0; i < CONTROLLERS; i++)
			if (files[1 + i].revents && air.controller[i].file == files[1 + i].fd)
				read_kernel(&air, &air.controller[i]);
		air_run(&air, now_us());
		if (files[0].revents && read_commands(&air) < 0)
			return 0;
	}
}
