/* lab-air: Bluetooth LE adapters that hear each other (air.h). Commands on standard input, one a line:
 *
 *   plug          a further adapter; prints "hci2 plugged"
 *   unplug N      hciN is pulled out
 *   away N        hciN is out of range: nothing arrives, connections end by supervision timeout at both ends
 *   deaf N        hciN is heard, but answers no connection request, as at the edge of its range
 *   near N        hciN is back
 *   hear N        hciN answers again
 *   say N HEX     hciN hears an advert with this data (hexadecimal, whole AD structures) from a random address, once
 *   junk N RATE COUNT   hciN hears COUNT adverts, RATE a second, that look like Lanyard's Signal and are random
 *   mark N RATE COUNT   the same, from eight addresses in turn; behind the format's byte each carries the time it is
 *                 said at (CLOCK_BOOTTIME in us, 8 bytes) and its number (4 bytes), big-endian
 *   frame N COUNT HEX   hciN receives this L2CAP frame, COUNT times, as if the peer of its first connection had sent it
 *   garble N      one bit of the next packet from hciN that carries a channel's bytes is changed; prints "hciN garbled"
 *   sent N        prints "hciN has sent COUNT packets"
 *   heard N       prints "hciN has reported COUNT adverts and held back COUNT": what its host did not want
 *
 * Every controller knows Microsoft's HCI extension, under the command 0xfc1e; a host uses it when it is told so (lab_offload).
 * Adapter N has the public address 00:AA:01:00:00:NN, whichever number it is plugged as. Ends at the end of input or a signal. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
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

/* --- adverts of nobody ---------------------------------------------------------------------------------------------------- */

static void say_from(struct controller *controller, const struct address *from, const uint8_t *data, uint8_t length) {
	if (controller->scan.enabled && controller_wants(controller, from, data, length))
		controller_report(controller, ADVERT_SILENT, from, data, length);
}

static void say(struct controller *controller, const uint8_t *data, uint8_t length) {
	struct address from = { .type = 1 };

	if (getrandom(from.bytes, sizeof(from.bytes), 0) == (ssize_t)sizeof(from.bytes))
		say_from(controller, &from, data, length);
}

static int say_hex(struct controller *controller, const char *hex) {
	uint8_t data[ADVERT_DATA_SIZE];
	uint8_t length = 0;
	unsigned value;

	while (length < sizeof(data) && sscanf(hex + 2 * length, "%2x", &value) == 1)
		data[length++] = (uint8_t)value;
	if (length == 0 || hex[2 * length])
		return -EINVAL;
	say(controller, data, length);
	return 0;
}

/* Bluetooth Core Specification 5.4, volume 4, part E, 5.4.2: to the host, the first fragment of a frame. */
static int frame_hex(struct air *air, const struct controller *controller, unsigned count, const char *hex) {
	uint8_t packet[5 + ACL_DATA_SIZE] = { PACKET_ACL };
	size_t length = 0;
	unsigned value;

	while (length < ACL_DATA_SIZE && sscanf(hex + 2 * length, "%2x", &value) == 1)
		packet[5 + length++] = (uint8_t)value;
	if (length == 0 || hex[2 * length])
		return -EINVAL;
	for (size_t i = 0; i < CONNECTIONS; i++)
		for (size_t end = 0; end < 2; end++) {
			const struct connection_end *here = &air->connection[i].end[end];

			if (here->controller != controller)
				continue;
			put_le16(packet + 1, (uint16_t)(here->handle | 2 << 12));
			put_le16(packet + 3, (uint16_t)length);
			for (; count > 0; count--)
				controller_send(controller, packet, 5 + length);
			return 0;
		}
	return -ENOTCONN;
}

static struct {
	struct controller *controller;
	unsigned rate, left, said;
	uint64_t since_us;
	bool marked;
} junk;

static void say_mark(uint8_t data[28]) {
	const struct address from = { .type = 1, .bytes = { (uint8_t)(junk.said % 8), 'k', 'r', 'a', 'm', 0xc0 } };
	uint64_t time = htobe64(now_us());
	uint32_t number = htobe32(junk.said);

	memcpy(data + 5, &time, sizeof(time));
	memcpy(data + 5 + sizeof(time), &number, sizeof(number));
	say_from(junk.controller, &from, data, 28);
}

/* At most so many at a time: a processor that is too slow for the rate would otherwise be later each time, and the other
 * controllers would wait for longer than their kernels do. */
#define JUNK_AT_ONCE 100

static void run_junk(uint64_t now) {
	uint64_t due = (now - junk.since_us) * junk.rate / 1000000;

	if (due > junk.said + JUNK_AT_ONCE)
		due = junk.said + JUNK_AT_ONCE;
	for (; junk.left > 0 && junk.said < due; junk.said++, junk.left--) {
		/* Manufacturer data of company ff ff, format 1, tag and ciphertext. */
		uint8_t data[28] = { 27, 0xff, 0xff, 0xff, 0x01 };

		if (getrandom(data + 5, sizeof(data) - 5, 0) < 0)
			break;
		if (junk.marked)
			say_mark(data);
		else
			say(junk.controller, data, sizeof(data));
		if (junk.left == 1)
			printf("junk done after %llu ms\n", (unsigned long long)(now - junk.since_us) / 1000);
	}
}

static uint64_t junk_deadline(void) {
	return junk.left == 0 ? UINT64_MAX : junk.since_us + (junk.said + 1) * 1000000ull / junk.rate;
}

static void unplug(struct air *air, struct controller *controller) {
	close(controller->file);
	controller->file = -1;
	if (junk.controller == controller)
		junk.left = 0;
	air_unplugged(air, controller, now_us());
	printf("hci%u unplugged\n", controller->index);
}

/* 0, -EINVAL for a line that is no command, -ENODEV, or what plug() returns. */
static int run_line(struct air *air, const char *line) {
	char verb[8];
	unsigned index, rate, count;
	int at = 0;

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
		else if (!strcmp(verb, "deaf") || !strcmp(verb, "hear"))
			controller->deaf = verb[0] == 'd';
		else if (!strcmp(verb, "frame") && sscanf(line, "%*s %*u %u %n", &count, &at) == 1)
			return frame_hex(air, controller, count, line + at);
		else if (!strcmp(verb, "say") && strchr(line + 4, ' '))
			return say_hex(controller, strchr(line + 4, ' ') + 1);
		else if ((!strcmp(verb, "junk") || !strcmp(verb, "mark")) && sscanf(line, "%*s %*u %u %u", &rate, &count) == 2 &&
		         rate > 0) {
			junk.marked = verb[0] == 'm';
			junk.controller = controller;
			junk.rate = rate;
			junk.left = count;
			junk.said = 0;
			junk.since_us = now_us();
		} else if (!strcmp(verb, "sent")) {
			printf("hci%u has sent %lu packets\n", controller->index, controller->sent);
		} else if (!strcmp(verb, "heard")) {
			printf("hci%u has reported %lu adverts and held back %lu\n", controller->index, controller->reported,
			       controller->held_back);
		} else if (!strcmp(verb, "garble")) {
			controller->garble = true;
		} else
			return -EINVAL;
		return 0;
	}
	return -ENODEV;
}

static int read_commands(struct air *air) {
	static char buffer[1024];
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
		uint64_t now = now_us(), deadline = air_deadline(&air), next_junk = junk_deadline();
		if (next_junk < deadline)
			deadline = next_junk;
		int timeout = deadline == UINT64_MAX ? -1 : deadline <= now ? 0 : (int)((deadline - now + 999) / 1000);

		for (size_t i = 0; i < CONTROLLERS; i++)
			files[1 + i] = (struct pollfd){ .fd = air.controller[i].file, .events = POLLIN };
		if (poll(files, 1 + CONTROLLERS, timeout) < 0 && errno != EINTR)
			return 1;
		for (size_t i = 0; i < CONTROLLERS; i++)
			if (files[1 + i].revents && air.controller[i].file == files[1 + i].fd)
				read_kernel(&air, &air.controller[i]);
		air_run(&air, now_us());
		if (junk.left > 0)
			run_junk(now_us());
		if (files[0].revents && read_commands(&air) < 0)
			return 0;
	}
}
