/* hearing-lab: how many adverts somebody hears, and how late, who listens in one of three ways; for ./run bench.
 *
 *   hearing-lab ear|raw|bus ADAPTER COUNT
 *       ear: as a camera does, passive_scan.h and ear.h. raw: the same scan, every event of a raw HCI socket, no filter in the
 *       kernel. bus: discovery with every repeat, and bluetoothd's signals.
 *
 * Listens for the COUNT adverts of lab-air's command "mark", which carry the time they were said at and their number. Prints
 * "listening", and at the end, when the last one was heard or 3 s passed without one, {"heard":N,"p50_us":T,"p99_us":T}:
 * different ones heard and their delays. */
#include <bluetooth/bluetooth.h>
#include <bluetooth/hci.h>
#include <bluetooth/hci_lib.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "bluetooth/adapter.h"
#include "bluetooth/bluez.h"
#include "bluetooth/ear.h"
#include "bluetooth/ear_socket.h"
#include "bluetooth/passive_scan.h"
#include "bluetooth/socket.h"

enum { COMPANY = 0xffff, MARK_SIZE = 24, MARK_HEADER = 1, MARK_TIME = 1 /* and then the number */ };
#define COUNT_LIMIT 100000
#define IDLE_US 3000000
#define LOOK_US 100000
#define BATCH 64
#define BUFFER_BYTES (4 << 20) /* as a camera's */

enum way { WAY_EAR, WAY_RAW, WAY_BUS };

struct hearing {
	enum way way;
	const char *name;
	uint32_t count;
	sd_event *event;
	sd_bus *bus;
	struct adapter *adapter;
	struct passive_scan *scan;
	struct ear *ear;
	sd_bus_slot *call;
	bool listening;
	bool *is_heard; /* by number */
	uint64_t *delays_us;
	uint32_t heard;
	uint64_t last_us;
};

static uint64_t clock_us(void) {
	struct timespec time;
	clock_gettime(CLOCK_BOOTTIME, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static void die(const char *what, int error) {
	fprintf(stderr, "hearing-lab: %s: %s\n", what, strerror(-error));
	exit(1);
}

static void end(struct hearing *h) {
	(void)sd_event_exit(h->event, 0);
}

/* data: manufacturer data of the company, without its identifier. */
static void take_mark(struct hearing *h, const uint8_t *data) {
	uint64_t now_us = clock_us();
	struct reader mark = reader_over(data + MARK_TIME, MARK_SIZE - MARK_TIME);
	uint64_t said_us = reader_u64(&mark);
	uint32_t number = reader_u32(&mark);
	h->last_us = now_us;
	if (number >= h->count || h->is_heard[number])
		return;
	h->is_heard[number] = true;
	h->delays_us[h->heard++] = now_us - said_us;
	if (h->heard == h->count)
		end(h);
}

/* --- past bluetoothd --- */

static void on_heard(void *context, const struct advert_report *report, size_t format, const uint8_t *data) {
	(void)report, (void)format;
	take_mark(context, data);
}

static void on_ear_failed(void *context, int error) {
	(void)context;
	die("the ear", error);
}

static const struct ear_config config = { .format = { { COMPANY, MARK_HEADER, MARK_SIZE }, { COMPANY, MARK_HEADER, MARK_SIZE } },
	                                  .batch = BATCH };

static void listen_ear(struct hearing *h, unsigned adapter) {
	static const struct ear_callbacks handlers = { .heard = on_heard, .failed = on_ear_failed };
	int file = ear_socket_open(adapter, config.format, BUFFER_BYTES);
	int r = file < 0 ? file : ear_new(&h->ear, h->event, file, &config, &handlers, h);
	if (r < 0)
		die("the ear", r);
}

static int on_raw(sd_event_source *source, int file, uint32_t events, void *context) {
	(void)source, (void)events;
	struct hearing *h = context;
	uint8_t packet[HCI_MAX_EVENT_SIZE + 1];
	for (unsigned i = 0; i < BATCH; i++) {
		struct advert_reports reports;
		struct advert_report report;
		ssize_t length = recv(file, packet, sizeof(packet), MSG_DONTWAIT);
		if (length <= 0)
			return 0;
		if (!advert_reports_start(&reports, packet, (size_t)length))
			continue;
		while (advert_reports_next(&reports, &report)) {
			size_t size;
			const uint8_t *data = advert_manufacturer_data(report.data, report.length, COMPANY, &size);
			if (data && size == MARK_SIZE)
				take_mark(h, data);
		}
	}
	return 0;
}

static void listen_raw(struct hearing *h, unsigned adapter) {
	struct hci_filter filter;
	const struct sockaddr_hci address = { .hci_family = AF_BLUETOOTH,
		                              .hci_dev = (unsigned short)adapter,
		                              .hci_channel = HCI_CHANNEL_RAW };
	int file = bluetooth_socket(SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, BTPROTO_HCI);
	if (file < 0)
		die("a raw socket", file);
	hci_filter_clear(&filter);
	hci_filter_set_ptype(HCI_EVENT_PKT, &filter);
	hci_filter_all_events(&filter);
	if (setsockopt(file, SOL_HCI, HCI_FILTER, &filter, sizeof(filter)) < 0 ||
	    bind(file, (const struct sockaddr *)&address, sizeof(address)) < 0)
		die("the raw socket", -errno);
	int r = sd_event_add_io(h->event, NULL, file, EPOLLIN, on_raw, h);
	if (r < 0)
		die("the raw socket", r);
}

/* --- through bluetoothd --- */

/* a{qv} of company to bytes. */
static int read_manufacturer_data(sd_bus_message *message, void *target) {
	struct hearing *h = target;
	int r = sd_bus_message_enter_container(message, 'a', "{qv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "qv")) > 0) {
		uint16_t company;
		const void *bytes = NULL;
		size_t length = 0;
		r = sd_bus_message_read(message, "q", &company);
		if (r >= 0)
			r = sd_bus_message_enter_container(message, 'v', "ay");
		if (r >= 0)
			r = sd_bus_message_read_array(message, 'y', &bytes, &length);
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
		if (r >= 0 && company == COMPANY && length == MARK_SIZE)
			take_mark(h, bytes);
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

static void read_device(struct hearing *h, sd_bus_message *properties) {
	const struct bluez_property table[] = {
		{ .name = "ManufacturerData", .type = "a{qv}", .target = h, .read = read_manufacturer_data }
	};
	(void)bluez_read_properties(properties, table, ELEMENTS(table));
}

static int visit_added(void *context, const char *path, const char *interface, sd_bus_message *properties) {
	(void)path;
	if (strcmp(interface, BLUEZ_DEVICE) == 0)
		read_device(context, properties);
	return 0;
}

static int on_added(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	(void)bluez_walk_added(message, visit_added, context);
	return 0;
}

static int on_changed(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	if (sd_bus_message_skip(message, "s") >= 0 && sd_bus_message_enter_container(message, 'a', "{sv}") > 0)
		read_device(context, message);
	return 0;
}

static void say_listening(struct hearing *h) {
	h->listening = true;
	h->last_us = UINT64_MAX - IDLE_US; /* it waits for the first one as long as it takes */
	puts("listening");
}

static int on_discovering(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct hearing *h = context;
	h->call = sd_bus_slot_unref(h->call);
	if (sd_bus_message_is_method_error(answer, NULL))
		die("discovery", -sd_bus_message_get_errno(answer));
	say_listening(h);
	return 0;
}

static int on_filtered(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct hearing *h = context;
	h->call = sd_bus_slot_unref(h->call);
	int r = sd_bus_message_is_method_error(answer, NULL)
	                ? -sd_bus_message_get_errno(answer)
	                : bluez_call(h->bus, (struct bluez_method){ adapter_path(h->adapter), BLUEZ_ADAPTER, "StartDiscovery" },
	                             (struct bluez_answer){ &h->call, on_discovering, h }, "");
	if (r < 0)
		die("discovery", r);
	return 0;
}

static void listen_bus(struct hearing *h) {
	int r = sd_bus_add_match(h->bus, NULL, BLUEZ_DEVICE_CHANGED_RULE, on_changed, h);
	if (r >= 0)
		r = sd_bus_add_match(h->bus, NULL,
		                     "type='signal',sender='" BLUEZ "',interface='" DBUS_OBJECT_MANAGER
		                     "',member='InterfacesAdded'",
		                     on_added, h);
	if (r >= 0)
		r = bluez_call(h->bus, (struct bluez_method){ adapter_path(h->adapter), BLUEZ_ADAPTER, "SetDiscoveryFilter" },
		               (struct bluez_answer){ &h->call, on_filtered, h }, "a{sv}", 2, "Transport", "s", "le",
		               "DuplicateData", "b", 1);
	if (r < 0)
		die("bluetoothd", r);
}

/* --- life --- */

static void on_ready(void *context) {
	struct hearing *h = context;
	if (h->way == WAY_BUS) {
		listen_bus(h);
		return;
	}
	int r = adapter_number(h->adapter);
	if (r < 0)
		die("the adapter", r);
	if (h->way == WAY_EAR)
		listen_ear(h, (unsigned)r);
	else
		listen_raw(h, (unsigned)r);
	r = passive_scan_new(&h->scan, h->adapter, config.format, PASSIVE_SCAN_ACTIVATE_US);
	if (r < 0)
		die("listening", r);
	passive_scan_refresh(h->scan);
}

static void on_lost(void *context, enum reason reason) {
	(void)context;
	fprintf(stderr, "hearing-lab: no adapter (%s)\n", reason_code(reason));
}

static int on_look(sd_event_source *source, uint64_t now, void *context) {
	struct hearing *h = context;
	(void)now;
	if (!h->listening && h->scan && passive_scan_is_active(h->scan))
		say_listening(h);
	if (h->listening && clock_us() > h->last_us + IDLE_US)
		end(h);
	(void)sd_event_source_set_time_relative(source, LOOK_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int by_size(const void *a, const void *b) {
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return (left > right) - (left < right);
}

int main(int argc, char *argv[]) {
	static const struct adapter_callbacks callbacks = { .ready = on_ready, .lost = on_lost };
	static const char *const ways[] = { "ear", "raw", "bus" };
	struct hearing h = { .way = (enum way)ELEMENTS(ways) };
	for (unsigned i = 0; argc == 4 && i < ELEMENTS(ways); i++)
		if (strcmp(argv[1], ways[i]) == 0)
			h.way = (enum way)i;
	h.count = argc == 4 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
	if (h.way == (enum way)ELEMENTS(ways) || h.count == 0 || h.count > COUNT_LIMIT) {
		fputs("usage: hearing-lab ear|raw|bus ADAPTER COUNT\n", stderr);
		return 2;
	}
	setlinebuf(stdout);
	h.is_heard = calloc(h.count, sizeof(*h.is_heard));
	h.delays_us = calloc(h.count, sizeof(*h.delays_us));
	int r = h.is_heard && h.delays_us ? sd_event_new(&h.event) : -ENOMEM;
	if (r >= 0)
		r = sd_bus_open_system(&h.bus);
	if (r >= 0)
		r = sd_bus_attach_event(h.bus, h.event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = sd_event_add_time_relative(h.event, NULL, CLOCK_BOOTTIME, LOOK_US, 1000, on_look, &h);
	if (r >= 0)
		r = adapter_new(&h.adapter, h.bus, argv[2], &callbacks, &h);
	if (r >= 0)
		r = sd_event_loop(h.event);
	if (r < 0)
		die("start", r);
	qsort(h.delays_us, h.heard, sizeof(*h.delays_us), by_size);
	printf("{\"heard\":%" PRIu32 ",\"p50_us\":%" PRIu64 ",\"p99_us\":%" PRIu64 "}\n", h.heard,
	       h.heard > 0 ? h.delays_us[h.heard / 2] : 0, h.heard > 0 ? h.delays_us[(uint64_t)h.heard * 99 / 100] : 0);
	ear_free(h.ear);
	passive_scan_free(h.scan);
	adapter_free(h.adapter);
	sd_bus_flush_close_unref(h.bus);
	sd_event_unref(h.event);
	free(h.is_heard);
	free(h.delays_us);
	return 0;
}
