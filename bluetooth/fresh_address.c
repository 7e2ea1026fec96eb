#include "bluetooth/fresh_address.h"

#include <assert.h>
#include <bluetooth/bluetooth.h>
#include <bluetooth/hci.h>
#include <bluetooth/hci_lib.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "bluetooth/address.h"
#include "bluetooth/socket.h"

#define SET_RANDOM_ADDRESS 0x2005 /* HCI LE Set Random Address */
#define COMMAND_DISALLOWED 0x0c
/* The kernel withdraws adverts and scans within tens of milliseconds; an emulated processor takes longer. */
#define RETRY_US 30000
#define TRIES 100

struct fresh_address {
	int file;
	sd_event_source *io, *retry;
	const struct random_source *random;
	unsigned tries;
	void (*done)(void *context, int result);
	void *context;
};

static void finish(struct fresh_address *f, int result) {
	f->io = sd_event_source_disable_unref(f->io);
	f->retry = sd_event_source_disable_unref(f->retry);
	f->done(f->context, result); /* it may be gone now */
}

static int ask(struct fresh_address *f) {
	uint8_t command[4 + BLUETOOTH_ADDRESS_SIZE] = { HCI_COMMAND_PKT, SET_RANDOM_ADDRESS & 0xff, SET_RANDOM_ADDRESS >> 8,
		                                        BLUETOOTH_ADDRESS_SIZE };
	f->random->fill(f->random->context, command + 4, BLUETOOTH_ADDRESS_SIZE);
	command[9] = (command[9] & 0x3f) | 0x40;              /* resolvable private (Core 5.4, volume 6, part B 1.3.2.2) */
	command[7] = (command[7] & 0xfe) | !(command[8] & 1); /* neither all zeros nor all ones */
	return write(f->file, command, sizeof(command)) < 0 ? -errno : 0;
}

static int on_retry(sd_event_source *source, uint64_t now_us, void *context) {
	(void)source, (void)now_us;
	struct fresh_address *f = context;
	f->retry = sd_event_source_disable_unref(f->retry);
	int r = ask(f);
	if (r < 0)
		finish(f, r);
	return 0;
}

static int on_readable(sd_event_source *source, int file, uint32_t events, void *context) {
	(void)source;
	struct fresh_address *f = context;
	uint8_t packet[HCI_MAX_EVENT_SIZE + 1];
	ssize_t length = recv(file, packet, sizeof(packet), MSG_DONTWAIT);
	if (length <= 0) {
		if (length < 0 && (errno == EAGAIN || errno == EINTR) && !(events & (EPOLLERR | EPOLLHUP)))
			return 0;
		finish(f, length < 0 ? -errno : -ENODEV);
		return 0;
	}
	struct reader r = reader_over(packet, (size_t)length);
	reader_take(&r, 4); /* packet type, event, length, commands the controller takes */
	uint8_t low = reader_u8(&r), high = reader_u8(&r), status = reader_u8(&r);
	/* The kernel's own command of this kind may be answered too: not while nothing is advertised. */
	if (r.failed || packet[1] != EVT_CMD_COMPLETE || (low | high << 8) != SET_RANDOM_ADDRESS || f->retry)
		return 0;
	if (status == 0) {
		finish(f, 0);
	} else if (status != COMMAND_DISALLOWED || ++f->tries == TRIES) {
		finish(f, status == COMMAND_DISALLOWED ? -EBUSY : -EIO);
	} else {
		int result = sd_event_add_time_relative(sd_event_source_get_event(f->io), &f->retry, CLOCK_BOOTTIME, RETRY_US,
		                                        1000, on_retry, f);
		if (result < 0)
			finish(f, result);
	}
	return 0;
}

static int prepare(int file, unsigned adapter) {
	struct hci_filter filter;
	hci_filter_clear(&filter);
	hci_filter_set_ptype(HCI_EVENT_PKT, &filter);
	hci_filter_set_event(EVT_CMD_COMPLETE, &filter);
	if (setsockopt(file, SOL_HCI, HCI_FILTER, &filter, sizeof(filter)) < 0)
		return -errno;
	const struct sockaddr_hci address = { .hci_family = AF_BLUETOOTH,
		                              .hci_dev = (unsigned short)adapter,
		                              .hci_channel = HCI_CHANNEL_RAW };
	return bind(file, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

int fresh_address_new(struct fresh_address **ret, sd_event *event, unsigned adapter, const struct random_source *random,
                      void (*done)(void *context, int result), void *context) {
	assert(ret && event && random && done);
	struct fresh_address *f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	*f = (struct fresh_address){ .random = random, .done = done, .context = context };
	f->file = bluetooth_socket(SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, BTPROTO_HCI);
	int r = f->file < 0 ? f->file : prepare(f->file, adapter);
	if (r >= 0)
		r = sd_event_add_io(event, &f->io, f->file, EPOLLIN, on_readable, f);
	if (r >= 0)
		r = ask(f);
	if (r < 0) {
		fresh_address_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

void fresh_address_free(struct fresh_address *f) {
	if (!f)
		return;
	sd_event_source_disable_unref(f->io);
	sd_event_source_disable_unref(f->retry);
	if (f->file >= 0)
		close(f->file);
	free(f);
}
