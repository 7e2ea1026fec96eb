/* lab-stranger: somebody near with a Bluetooth adapter and no keys. Listens for adverts and opens L2CAP channels, past
 * bluetoothd.
 *
 *   lab-stranger hear ADAPTER SECONDS [COUNT]
 *       prints "ADDRESS public|random connectable|silent HEX" for each advert, flushed; ends after SECONDS, or after COUNT
 *       adverts that carry Lanyard's service data (then status 0, else 1)
 *   lab-stranger open ADAPTER ADDRESS public|random SECONDS [HEX]
 *       opens a channel, sends HEX, prints what comes back and how it ends: "open after MS ms", "received HEX",
 *       "closed after MS ms". Status 0 when the other side closed it within SECONDS, 3 when it could not be opened, 4 when
 *       it was still open at the end. With SECONDS of 0 it holds until it is told to stop.
 *   lab-stranger pose ADAPTER [HEX]
 *       advertises Lanyard's service data HEX, connectable, accepts any number of channels and sends back whatever arrives;
 *       prints "posing", then "ADDRESS opened" and "ADDRESS closed". */
#include <bluetooth/bluetooth.h>
#include <bluetooth/hci.h>
#include <bluetooth/hci_lib.h>
#include <bluetooth/l2cap.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bluetooth/advert.h"
#include "bluetooth/channel_link.h"

/* The kernel's management interface (doc/mgmt-api.txt of BlueZ). */
enum { MGMT_READ_INFO = 0x0004, MGMT_ADD_ADVERTISING = 0x003e };
enum { MGMT_COMMAND_COMPLETE = 0x0001, MGMT_COMMAND_STATUS = 0x0002 };
enum { MGMT_HEADER = 6, MGMT_DATA_LIMIT = 64 };
enum { ADVERT_DIRECTED = 1 }; /* event types: 0 connectable, 1 connectable and directed, then scannable, silent, scan response */

static uint16_t get_le16(const uint8_t *bytes) {
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static int64_t now_ms(void) {
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int open_management(void) {
	struct sockaddr_hci address = { .hci_family = AF_BLUETOOTH, .hci_dev = HCI_DEV_NONE, .hci_channel = HCI_CHANNEL_CONTROL };
	int file = socket(AF_BLUETOOTH, SOCK_RAW | SOCK_CLOEXEC, BTPROTO_HCI);

	if (file < 0)
		return -errno;
	if (bind(file, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		close(file);
		return -error;
	}
	return file;
}

static int send_command(int file, uint16_t opcode, uint16_t adapter, const uint8_t *data, uint16_t length) {
	uint8_t packet[MGMT_HEADER + MGMT_DATA_LIMIT] = {
		(uint8_t)opcode,         (uint8_t)(opcode >> 8), (uint8_t)adapter,
		(uint8_t)(adapter >> 8), (uint8_t)length,        (uint8_t)(length >> 8)
	};

	if (length > 0)
		memcpy(packet + MGMT_HEADER, data, length);
	return write(file, packet, MGMT_HEADER + (size_t)length) < 0 ? -errno : 0;
}

static void print_hex(const uint8_t *bytes, size_t length) {
	for (size_t i = 0; i < length; i++)
		printf("%02x", bytes[i]);
}

/* Whether advertising data holds service data of Lanyard's 16-bit UUID (Core Specification Supplement, part A 1.11). */
static bool is_lanyard(const uint8_t *data, size_t length) {
	uint16_t uuid = (uint16_t)(strtoul(LANYARD_SERVICE_UUID, NULL, 16));

	while (length >= 2 && data[0] >= 1 && data[0] < length) {
		if (data[1] == 0x16 && data[0] >= 3 && get_le16(data + 2) == uuid)
			return true;
		length -= data[0] + 1u;
		data += data[0] + 1;
	}
	return false;
}

/* One report: event type 1, address type 1, address 6, length 1, advertising data, RSSI 1. Returns its size, 0 at the end. */
static size_t print_report(const uint8_t *report, size_t available, bool *ret_lanyard) {
	size_t length;

	if (available < 10 || available < 10u + report[8])
		return 0;
	length = report[8];
	printf("%02X:%02X:%02X:%02X:%02X:%02X %s %s ", report[7], report[6], report[5], report[4], report[3], report[2],
	       report[1] & 1 ? "random" : "public", report[0] <= ADVERT_DIRECTED ? "connectable" : "silent");
	print_hex(report + 9, length);
	putchar('\n');
	*ret_lanyard = is_lanyard(report + 9, length);
	return 10 + length;
}

/* Of an HCI event: how many of its adverts are Lanyard's. */
static int print_event(const uint8_t *event, size_t length) {
	int heard = 0;
	size_t at = 5; /* packet type, event, length, subevent, number of reports */

	if (length < 5 || event[0] != HCI_EVENT_PKT || event[1] != EVT_LE_META_EVENT || event[3] != EVT_LE_ADVERTISING_REPORT)
		return 0;
	for (int i = 0; i < event[4]; i++) {
		bool lanyard = false;
		size_t n = print_report(event + at, length - at, &lanyard);

		if (n == 0)
			break;
		at += n;
		heard += lanyard;
	}
	return heard;
}

static int set_scan(int file, bool enable) {
	const uint8_t parameters[] = { HCI_COMMAND_PKT, 0x0b, 0x20, 7, 0, 0x10, 0, 0x10, 0, 0, 0 }; /* passive, 10 of 10 ms */
	const uint8_t scan[] = { HCI_COMMAND_PKT, 0x0c, 0x20, 2, enable, 0 };                       /* every repeat */

	if (enable && write(file, parameters, sizeof(parameters)) < 0)
		return -errno;
	return write(file, scan, sizeof(scan)) < 0 ? -errno : 0;
}

/* Straight at the controller, because discovery by the kernel filters repeats, and drops what comes in its first milliseconds.
 * btvirt reports whatever is on the air when a scan begins and rarely again: so it begins anew each second. */
static int hear(uint16_t adapter, int seconds, int count) {
	struct sockaddr_hci address = { .hci_family = AF_BLUETOOTH, .hci_dev = adapter, .hci_channel = HCI_CHANNEL_RAW };
	struct hci_filter filter;
	int64_t end = now_ms() + seconds * 1000, anew = 0;
	int file = socket(AF_BLUETOOTH, SOCK_RAW | SOCK_CLOEXEC, BTPROTO_HCI), r = 0, heard = 0;

	hci_filter_clear(&filter);
	hci_filter_set_ptype(HCI_EVENT_PKT, &filter);
	hci_filter_set_event(EVT_LE_META_EVENT, &filter);
	if (file < 0 || setsockopt(file, SOL_HCI, HCI_FILTER, &filter, sizeof(filter)) < 0 ||
	    bind(file, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	while (r == 0 && now_ms() < end && (count == 0 || heard < count)) {
		struct pollfd poller = { .fd = file, .events = POLLIN };
		uint8_t event[HCI_MAX_EVENT_SIZE + 1];
		ssize_t n;

		if (now_ms() >= anew) {
			anew = now_ms() + 1000;
			r = set_scan(file, false);
			if (r == 0)
				r = set_scan(file, true);
		}
		if (poll(&poller, 1, (int)(anew - now_ms() > 0 ? anew - now_ms() : 0)) <= 0)
			continue;
		n = read(file, event, sizeof(event));
		if (n > 0)
			heard += print_event(event, (size_t)n);
	}
	set_scan(file, false);
	close(file);
	return r < 0 ? r : count == 0 || heard >= count ? 0 : 1;
}

/* Sends a command, waits for its end and copies up to `capacity` bytes of the answer. 0, -EIO when the kernel refuses. */
static int command_and_answer(uint16_t opcode, uint16_t adapter, const uint8_t *data, uint16_t length, uint8_t *answer,
                              size_t capacity) {
	int file = open_management(), r;

	if (file < 0)
		return file;
	r = send_command(file, opcode, adapter, data, length);
	while (r == 0) {
		struct pollfd poller = { .fd = file, .events = POLLIN };
		uint8_t packet[1024];
		ssize_t n;

		if (poll(&poller, 1, 5000) <= 0) {
			r = -ETIMEDOUT;
			break;
		}
		n = read(file, packet, sizeof(packet));
		if (n < MGMT_HEADER + 3 || get_le16(packet + MGMT_HEADER) != opcode || get_le16(packet) > MGMT_COMMAND_STATUS)
			continue;
		if (packet[MGMT_HEADER + 2] != 0 || (size_t)n < MGMT_HEADER + 3 + capacity)
			r = -EIO;
		else if (capacity > 0)
			memcpy(answer, packet + MGMT_HEADER + 3, capacity);
		break;
	}
	close(file);
	return r;
}

/* Public address of an adapter, for binding a socket to it. */
static int adapter_bdaddr(uint16_t adapter, bdaddr_t *ret) {
	return command_and_answer(MGMT_READ_INFO, adapter, NULL, 0, (uint8_t *)ret, sizeof(*ret));
}

/* A connected channel or a negative errno. */
static int open_channel(const bdaddr_t *local, const bdaddr_t *peer, uint8_t peer_type, int timeout_ms) {
	struct sockaddr_l2 from = { .l2_family = AF_BLUETOOTH, .l2_bdaddr = *local, .l2_bdaddr_type = BDADDR_LE_PUBLIC };
	struct sockaddr_l2 to = {
		.l2_family = AF_BLUETOOTH, .l2_psm = htobs(LANYARD_PSM), .l2_bdaddr = *peer, .l2_bdaddr_type = peer_type
	};
	struct pollfd poller = { .fd = socket(AF_BLUETOOTH, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, BTPROTO_L2CAP),
		                 .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error = 0;

	if (poller.fd < 0)
		return -errno;
	if (bind(poller.fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    (connect(poller.fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS))
		error = errno;
	else if (poll(&poller, 1, timeout_ms) <= 0)
		error = ETIMEDOUT;
	else if (getsockopt(poller.fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		error = errno;
	if (!error)
		return poller.fd;
	close(poller.fd);
	return -error;
}

static size_t from_hex(const char *text, uint8_t *bytes, size_t capacity) {
	size_t n = 0;
	unsigned value;

	while (n < capacity && sscanf(text + 2 * n, "%2x", &value) == 1)
		bytes[n++] = (uint8_t)value;
	return n;
}

static int open_and_watch(uint16_t adapter, const char *address, uint8_t type, int seconds, const char *hex) {
	static uint8_t bytes[65536];
	bdaddr_t local, peer;
	int64_t start = now_ms(), end = seconds ? start + seconds * 1000 : INT64_MAX;
	int file, r = adapter_bdaddr(adapter, &local);

	if (r < 0)
		return r;
	if (sscanf(address, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &peer.b[5], &peer.b[4], &peer.b[3], &peer.b[2], &peer.b[1],
	           &peer.b[0]) != 6)
		return -EINVAL;
	file = open_channel(&local, &peer, type, seconds ? seconds * 1000 : 10000);
	if (file < 0) {
		printf("refused: %s\n", strerror(-file));
		return 3;
	}
	printf("open after %lld ms\n", (long long)(now_ms() - start));
	start = now_ms();
	if (hex) {
		size_t length = from_hex(hex, bytes, sizeof(bytes));

		if (write(file, bytes, length) < 0)
			fprintf(stderr, "lab-stranger: write: %s\n", strerror(errno));
	}
	for (;;) {
		struct pollfd poller = { .fd = file, .events = POLLIN };
		ssize_t n;

		r = poll(&poller, 1, seconds ? (int)(end > now_ms() ? end - now_ms() : 0) : -1);
		if (r <= 0)
			break;
		n = read(file, bytes, sizeof(bytes));
		if (n <= 0) {
			if (n < 0 && errno == EAGAIN)
				continue;
			printf("closed after %lld ms\n", (long long)(now_ms() - start));
			close(file);
			return 0;
		}
		printf("received ");
		print_hex(bytes, (size_t)n);
		putchar('\n');
	}
	printf("still open\n");
	close(file);
	return 4;
}

/* Flags and service data in one connectable advertising instance. */
static int advertise(uint16_t adapter, const char *hex) {
	uint8_t command[MGMT_DATA_LIMIT] = { [0] = 1, [1] = 0x01 }; /* instance 1, connectable; no duration, no timeout */
	uint8_t *data = command + 11;
	size_t length = hex ? from_hex(hex, data + 4, 20) : 0;
	uint16_t uuid = (uint16_t)strtoul(LANYARD_SERVICE_UUID, NULL, 16);

	data[0] = (uint8_t)(length + 3);
	data[1] = 0x16;
	data[2] = (uint8_t)uuid;
	data[3] = (uint8_t)(uuid >> 8);
	command[9] = (uint8_t)(length + 4); /* length of the advertising data; that of the scan response follows */
	return command_and_answer(MGMT_ADD_ADVERTISING, adapter, command, (uint16_t)(11 + length + 4), NULL, 0);
}

static void serve_channel(struct pollfd *poller, const struct sockaddr_l2 *peer) {
	static uint8_t bytes[65536];
	ssize_t n = read(poller->fd, bytes, sizeof(bytes));

	if (n > 0 && write(poller->fd, bytes, (size_t)n) == n)
		return;
	printf("%02X:%02X:%02X:%02X:%02X:%02X closed\n", peer->l2_bdaddr.b[5], peer->l2_bdaddr.b[4], peer->l2_bdaddr.b[3],
	       peer->l2_bdaddr.b[2], peer->l2_bdaddr.b[1], peer->l2_bdaddr.b[0]);
	close(poller->fd);
	poller->fd = -1;
}

static int pose(uint16_t adapter, const char *hex) {
	enum { CHANNELS = 16 };
	struct pollfd pollers[1 + CHANNELS];
	struct sockaddr_l2 peers[1 + CHANNELS],
	        local = { .l2_family = AF_BLUETOOTH, .l2_psm = htobs(LANYARD_PSM), .l2_bdaddr_type = BDADDR_LE_PUBLIC };
	int r = adapter_bdaddr(adapter, &local.l2_bdaddr);

	for (size_t i = 0; i <= CHANNELS; i++)
		pollers[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	if (r < 0)
		return r;
	pollers[0].fd = socket(AF_BLUETOOTH, SOCK_SEQPACKET | SOCK_CLOEXEC, BTPROTO_L2CAP);
	if (pollers[0].fd < 0 || bind(pollers[0].fd, (struct sockaddr *)&local, sizeof(local)) < 0 ||
	    listen(pollers[0].fd, CHANNELS) < 0)
		return -errno;
	r = advertise(adapter, hex);
	if (r < 0)
		return r;
	printf("posing\n");
	for (;;) {
		if (poll(pollers, 1 + CHANNELS, -1) < 0)
			return -errno;
		for (size_t i = 1; i <= CHANNELS; i++) {
			if (pollers[i].fd >= 0 && pollers[i].revents)
				serve_channel(&pollers[i], &peers[i]);
			if (pollers[i].fd >= 0 || !pollers[0].revents)
				continue;
			pollers[0].revents = 0;
			pollers[i].fd = accept4(pollers[0].fd, (struct sockaddr *)&peers[i], &(socklen_t){ sizeof(peers[i]) },
			                        SOCK_CLOEXEC);
			if (pollers[i].fd >= 0)
				printf("%02X:%02X:%02X:%02X:%02X:%02X opened\n", peers[i].l2_bdaddr.b[5], peers[i].l2_bdaddr.b[4],
				       peers[i].l2_bdaddr.b[3], peers[i].l2_bdaddr.b[2], peers[i].l2_bdaddr.b[1],
				       peers[i].l2_bdaddr.b[0]);
		}
		advertise(adapter, hex); /* a connection ends a legacy advertisement */
	}
}

int main(int argc, char **argv) {
	unsigned adapter;
	int r;

	setlinebuf(stdout);
	if (argc < 3 || sscanf(argv[2], "hci%u", &adapter) != 1 || adapter >= HCI_DEV_NONE)
		goto usage;
	if (!strcmp(argv[1], "hear") && (argc == 4 || argc == 5))
		r = hear((uint16_t)adapter, atoi(argv[3]), argc == 5 ? atoi(argv[4]) : 0);
	else if (!strcmp(argv[1], "open") && (argc == 6 || argc == 7))
		r = open_and_watch((uint16_t)adapter, argv[3], strcmp(argv[4], "random") ? BDADDR_LE_PUBLIC : BDADDR_LE_RANDOM,
		                   atoi(argv[5]), argc == 7 ? argv[6] : NULL);
	else if (!strcmp(argv[1], "pose") && argc <= 4)
		r = pose((uint16_t)adapter, argc == 4 ? argv[3] : NULL);
	else
		goto usage;
	if (r < 0)
		fprintf(stderr, "lab-stranger: %s\n", strerror(-r));
	return r < 0 ? 1 : r;
usage:
	fprintf(stderr, "usage: lab-stranger hear ADAPTER SECONDS [COUNT] | open ADAPTER ADDRESS public|random SECONDS [HEX] | "
	                "pose ADAPTER [HEX]\n");
	return 2;
}
