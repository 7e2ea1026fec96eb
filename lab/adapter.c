/* lab-adapter: one virtual Bluetooth LE adapter. Carries HCI packets between the kernel (/dev/vhci) and a controller that btvirt
 * emulates behind its server socket, and puts right what btvirt gets wrong on the way.
 *
 *   lab-adapter [SOCKET]        prints "hci3" when the adapter is there; ends when either side does. Ending it unplugs the
 * adapter.
 *
 * What it puts right: btvirt 5.66 tells a peripheral the *central's* connection handle in LE (Enhanced) Connection Complete and
 * LE Advertising Set Terminated, while it uses the peripheral's own handle everywhere else. Two centrals of one peripheral both
 * have 42, and the kernel refuses the second ("failed to register connection device"). The peripheral's own handle is the first
 * free one from 42 on, as in btvirt itself. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/tmp/bt-server-le"

/* Bluetooth Core Specification 5.4, volume 4, part A 2 (packet types) and part E 5.4, 7.7 (formats). */
enum { PACKET_COMMAND = 1, PACKET_ACL = 2, PACKET_SCO = 3, PACKET_EVENT = 4, PACKET_ISO = 5, PACKET_VENDOR = 0xff };
enum { EVENT_DISCONNECTION_COMPLETE = 0x05, EVENT_LE_META = 0x3e };
enum { LE_CONNECTION_COMPLETE = 0x01, LE_ENHANCED_CONNECTION_COMPLETE = 0x0a, LE_ADVERTISING_SET_TERMINATED = 0x12 };
enum { ROLE_PERIPHERAL = 1 };

#define FIRST_HANDLE 42
#define HANDLES 32
#define PACKET_LIMIT 4096

struct handles {
	bool used[HANDLES];
	uint16_t newest; /* of a peripheral's connection: an Advertising Set Terminated event belongs to it */
};

static uint16_t get_le16(const uint8_t *bytes) {
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static void put_le16(uint8_t *bytes, uint16_t value) {
	bytes[0] = (uint8_t)value;
	bytes[1] = (uint8_t)(value >> 8);
}

static void mark(struct handles *handles, uint16_t handle, bool used) {
	if (handle >= FIRST_HANDLE && handle < FIRST_HANDLE + HANDLES)
		handles->used[handle - FIRST_HANDLE] = used;
}

static uint16_t first_free(const struct handles *handles) {
	uint16_t i = 0;

	while (i < HANDLES && handles->used[i])
		i++;
	return (uint16_t)(FIRST_HANDLE + i);
}

static void correct_le_event(struct handles *handles, uint8_t *event, size_t length) {
	switch (event[0]) {
	case LE_CONNECTION_COMPLETE:
	case LE_ENHANCED_CONNECTION_COMPLETE: /* subevent 1, status 1, handle 2, role 1, ... */
		if (length < 5 || event[1] != 0)
			return;
		if (event[4] == ROLE_PERIPHERAL) {
			handles->newest = first_free(handles);
			put_le16(event + 2, handles->newest);
		}
		mark(handles, get_le16(event + 2), true);
		return;
	case LE_ADVERTISING_SET_TERMINATED: /* subevent 1, status 1, advertising handle 1, connection handle 2, ... */
		if (length >= 5 && event[1] == 0 && handles->newest)
			put_le16(event + 3, handles->newest);
		return;
	}
}

/* Of a packet from the controller, whole and with its packet type in front. */
static void correct_packet(struct handles *handles, uint8_t *packet, size_t length) {
	if (length < 4 || packet[0] != PACKET_EVENT)
		return;
	if (packet[1] == EVENT_LE_META)
		correct_le_event(handles, packet + 3, length - 3);
	else if (packet[1] == EVENT_DISCONNECTION_COMPLETE && length >= 6 && packet[3] == 0)
		mark(handles, get_le16(packet + 4), false);
}

/* Length of the packet that begins at `bytes`, 0 when more bytes are needed, -EPROTO for a type that does not exist. */
static ssize_t packet_length(const uint8_t *bytes, size_t available) {
	if (available < 1)
		return 0;
	switch (bytes[0]) {
	case PACKET_COMMAND:
	case PACKET_SCO:
		return available < 4 ? 0 : 4 + bytes[3];
	case PACKET_EVENT:
		return available < 3 ? 0 : 3 + bytes[2];
	case PACKET_ACL:
		return available < 5 ? 0 : 5 + get_le16(bytes + 3);
	case PACKET_ISO:
		return available < 5 ? 0 : 5 + (get_le16(bytes + 3) & 0x3fff);
	}
	return -EPROTO;
}

static int write_all(int file, const uint8_t *bytes, size_t length) {
	while (length > 0) {
		ssize_t n = write(file, bytes, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		length -= (size_t)n;
	}
	return 0;
}

static int from_kernel(int kernel, int controller) {
	uint8_t packet[PACKET_LIMIT];
	ssize_t n = read(kernel, packet, sizeof(packet));

	if (n <= 0)
		return n < 0 && errno == EINTR ? 0 : -EPIPE;
	if (packet[0] == PACKET_VENDOR)
		return 0;
	return write_all(controller, packet, (size_t)n);
}

static int from_controller(int controller, int kernel, struct handles *handles) {
	static uint8_t buffer[2 * PACKET_LIMIT];
	static size_t filled;
	size_t taken = 0;
	ssize_t n = read(controller, buffer + filled, sizeof(buffer) - filled);

	if (n <= 0)
		return n < 0 && errno == EINTR ? 0 : -EPIPE;
	filled += (size_t)n;
	for (;;) {
		ssize_t length = packet_length(buffer + taken, filled - taken);

		if (length < 0 || length > PACKET_LIMIT)
			return -EPROTO;
		if (length == 0 || (size_t)length > filled - taken)
			break;
		correct_packet(handles, buffer + taken, (size_t)length);
		/* One write is one packet for /dev/vhci. */
		if (write(kernel, buffer + taken, (size_t)length) < 0)
			return -errno;
		taken += (size_t)length;
	}
	memmove(buffer, buffer + taken, filled - taken);
	filled -= taken;
	return 0;
}

static int open_controller(const char *path) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int file;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (file < 0)
		return -errno;
	if (connect(file, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		close(file);
		return -error;
	}
	return file;
}

/* btvirt loads ciphers when its first client comes, which can take longer than the kernel is willing to wait for an answer: so
 * the first command is ours. */
static int wake_controller(int controller) {
	const uint8_t reset[] = { PACKET_COMMAND, 0x03, 0x0c, 0 };
	uint8_t answer[7]; /* Command Complete: type, event, length, packets, opcode 2, status */
	struct pollfd poller = { .fd = controller, .events = POLLIN };
	size_t filled = 0;
	int r = write_all(controller, reset, sizeof(reset));

	while (r == 0 && filled < sizeof(answer)) {
		ssize_t n;

		if (poll(&poller, 1, 30000) <= 0)
			return -ETIMEDOUT;
		n = read(controller, answer + filled, sizeof(answer) - filled);
		if (n <= 0)
			return -EPIPE;
		filled += (size_t)n;
	}
	return r;
}

/* Creates the adapter. The kernel answers with its index. */
static int open_kernel(void) {
	const uint8_t create[2] = { PACKET_VENDOR, 0 };
	uint8_t answer[4];
	int file = open("/dev/vhci", O_RDWR | O_CLOEXEC);

	if (file < 0)
		return -errno;
	if (write(file, create, sizeof(create)) != sizeof(create) || read(file, answer, sizeof(answer)) != sizeof(answer) ||
	    answer[0] != PACKET_VENDOR) {
		close(file);
		return -EIO;
	}
	printf("hci%u\n", get_le16(answer + 2));
	fflush(stdout);
	return file;
}

int main(int argc, char **argv) {
	const char *path = argc > 1 ? argv[1] : DEFAULT_SOCKET;
	struct handles handles = { 0 };
	int kernel, controller, r = 0;

	controller = open_controller(path);
	r = controller < 0 ? controller : wake_controller(controller);
	if (r < 0) {
		fprintf(stderr, "lab-adapter: %s: %s\n", path, strerror(-r));
		return 1;
	}
	kernel = open_kernel();
	if (kernel < 0) {
		fprintf(stderr, "lab-adapter: /dev/vhci: %s\n", strerror(-kernel));
		return 1;
	}
	while (r == 0) {
		struct pollfd files[] = { { .fd = kernel, .events = POLLIN }, { .fd = controller, .events = POLLIN } };

		if (poll(files, 2, -1) < 0)
			continue;
		if (files[1].revents)
			r = from_controller(controller, kernel, &handles);
		if (r == 0 && files[0].revents)
			r = from_kernel(kernel, controller);
	}
	fprintf(stderr, "lab-adapter: %s\n", strerror(-r));
	return 1;
}
