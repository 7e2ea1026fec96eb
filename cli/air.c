#include "cli/air.h"

#include <bluetooth/bluetooth.h>
#include <bluetooth/hci.h>
#include <bluetooth/hci_lib.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "bluetooth/socket.h"
#include "cli/audit.h"
#include "cli/output.h"
#include "signal/advert.h"

#define SECONDS_DEFAULT 30
#define SECONDS_LIMIT 7200
/* The kernel's own scanning may switch ours off meanwhile. */
#define SCAN_AGAIN_US 5000000u
#define PACKET_LIMIT (HCI_MAX_EVENT_SIZE + 1)
#define FRAME_LIMIT 65536
#define GUARD_DEFAULT_S 2
#define GUARD_LIMIT_S 60

struct listening {
	struct audit *audit;
	unsigned adapter;
	int64_t rssi_least; /* dBm */
	uint64_t heard;
};

static uint64_t clock_of(clockid_t clock) {
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* --- Bluetooth --- */

static int open_adapter(unsigned adapter) {
	struct hci_filter filter;
	int file = bluetooth_socket(SOCK_RAW | SOCK_CLOEXEC, BTPROTO_HCI), buffer = 4 << 20;
	if (file < 0)
		return file;
	hci_filter_clear(&filter);
	hci_filter_set_ptype(HCI_EVENT_PKT, &filter);
	hci_filter_set_event(EVT_LE_META_EVENT, &filter);
	const struct sockaddr_hci address = { .hci_family = AF_BLUETOOTH,
		                              .hci_dev = (unsigned short)adapter,
		                              .hci_channel = HCI_CHANNEL_RAW };
	(void)setsockopt(file, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	if (setsockopt(file, SOL_HCI, HCI_FILTER, &filter, sizeof(filter)) < 0 ||
	    bind(file, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;
		close(file);
		return -error;
	}
	return file;
}

/* Core 5.4, volume 4, part E 7.8.10 and 7.8.11: actively, because somebody who wants to know asks, too; all the time; every
 * repeat. */
static int set_scan(int file, bool on) {
	const uint8_t enable[] = { HCI_COMMAND_PKT, 0x0c, 0x20, 2, on, 0 };
	const uint8_t parameters[] = { HCI_COMMAND_PKT, 0x0b, 0x20, 7, 1, 0x10, 0, 0x10, 0, 0, 0 };
	if (on && write(file, parameters, sizeof(parameters)) < 0)
		return -errno;
	return write(file, enable, sizeof(enable)) < 0 ? -errno : 0;
}

static void take_packet(struct listening *l, const uint8_t *packet, size_t length) {
	struct advert_reports reports;
	struct advert_report report;
	if (!advert_reports_start(&reports, packet, length))
		return;
	while (advert_reports_next(&reports, &report))
		if (report.rssi >= l->rssi_least) {
			l->heard++;
			audit_take_advert(l->audit, clock_of(CLOCK_REALTIME), &report);
		}
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
	(void)number;
	interrupted = 1;
}

static int listen_for(struct listening *l, uint64_t seconds) {
	int file = open_adapter(l->adapter);
	if (file < 0)
		return file;
	uint64_t end_us = clock_of(CLOCK_BOOTTIME) + seconds * 1000000, again_us = 0, now_us;
	int r = 0;
	while (r == 0 && !interrupted && (now_us = clock_of(CLOCK_BOOTTIME)) < end_us) {
		uint8_t packet[PACKET_LIMIT];
		struct pollfd poller = { .fd = file, .events = POLLIN };
		if (now_us >= again_us) {
			again_us = now_us + SCAN_AGAIN_US;
			r = set_scan(file, false);
			if (r == 0)
				r = set_scan(file, true);
		}
		uint64_t until_us = again_us < end_us ? again_us : end_us;
		if (poll(&poller, 1, (int)((until_us - now_us) / 1000 + 1)) <= 0)
			continue;
		ssize_t length = read(file, packet, sizeof(packet));
		if (length > 0)
			take_packet(l, packet, (size_t)length);
		else if (length == 0 || (errno != EINTR && errno != EAGAIN))
			r = length == 0 ? -ENODEV : -errno;
	}
	(void)set_scan(file, false);
	close(file);
	return r;
}

/* --- a capture of Wi-Fi: libpcap's file format, radiotap or bare frames --- */

enum { LINK_IEEE80211 = 105, LINK_RADIOTAP = 127 };

struct capture {
	FILE *file;
	bool swapped, nanoseconds;
	uint32_t link;
};

static uint32_t number_at(const struct capture *c, const uint8_t *at) {
	uint32_t little = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
	return c->swapped ? __builtin_bswap32(little) : little;
}

static int start_capture(struct capture *c) {
	uint8_t header[24];
	if (fread(header, sizeof(header), 1, c->file) != 1)
		return -EBADMSG;
	uint32_t magic = number_at(c, header);
	c->swapped = magic == 0xd4c3b2a1 || magic == 0x4d3cb2a1;
	magic = number_at(c, header);
	c->nanoseconds = magic == 0xa1b23c4d;
	c->link = number_at(c, header + 20) & 0xffff;
	return (magic == 0xa1b2c3d4 || c->nanoseconds) && (c->link == LINK_IEEE80211 || c->link == LINK_RADIOTAP) ? 0 : -EBADMSG;
}

static int take_capture(struct audit *audit, const char *path) {
	static uint8_t frame[FRAME_LIMIT];
	uint8_t header[16];
	struct capture c = { .file = fopen(path, "re") };
	if (!c.file)
		return -errno;
	int r = start_capture(&c);
	while (r == 0 && fread(header, sizeof(header), 1, c.file) == 1) {
		uint32_t length = number_at(&c, header + 8), fraction = number_at(&c, header + 4);
		size_t skip = 0;
		if (length > sizeof(frame)) {
			r = -EBADMSG;
			break;
		}
		if (fread(frame, 1, length, c.file) != length)
			break; /* still being written */
		if (c.link == LINK_RADIOTAP)
			skip = length >= 4 ? (size_t)frame[2] | (size_t)frame[3] << 8 : length;
		if (skip < length)
			audit_take_frame(audit, number_at(&c, header) * 1000000ull + (c.nanoseconds ? fraction / 1000 : fraction),
			                 frame + skip, length - skip);
	}
	fclose(c.file);
	return r;
}

/* --- what is said --- */

static const char *kind_of(const struct audit_address *a) {
	switch (a->kind) {
	case AUDIT_PUBLIC:
		return "public";
	case AUDIT_WIFI:
		return "wi-fi";
	case AUDIT_RANDOM:
		break;
	}
	/* Core 5.4, volume 6, part B 1.3.2: the two highest bits. */
	static const char *const kinds[] = { "private", "private-resolvable", "reserved", "static" };
	return kinds[a->address[0] >> 6];
}

static void address_text(const struct audit_address *a, char out[18]) {
	snprintf(out, 18, "%02X:%02X:%02X:%02X:%02X:%02X", a->address[0], a->address[1], a->address[2], a->address[3],
	         a->address[4], a->address[5]);
}

static void say_json(const struct audit *audit, uint64_t heard) {
	json_t *addresses = json_array(), *findings = json_array();
	char text[18];
	for (size_t i = 0; i < audit_address_count(audit); i++) {
		const struct audit_address *a = audit_address_at(audit, i);
		address_text(a, text);
		json_array_append_new(addresses,
		                      json_pack("{s:s, s:s, s:I, s:I, s:I, s:b, s:b, s:s, s:I}", "address", text, "kind",
		                                kind_of(a), "count", (json_int_t)a->count, "first_us", (json_int_t)a->first_us,
		                                "last_us", (json_int_t)a->last_us, "connectable", a->connectable, "answers_scans",
		                                a->answers_scans, "name", a->name, "contents", (json_int_t)a->contents));
	}
	for (size_t i = 0; i < audit_finding_count(audit); i++) {
		const struct audit_finding *finding = audit_finding_at(audit, i);
		json_array_append_new(findings, json_pack("{s:s, s:s}", "code", finding->code, "detail", finding->detail));
	}
	output_json(json_pack("{s:I, s:I, s:I, s:o, s:o}", "adverts", (json_int_t)heard, "beacons",
	                      (json_int_t)audit_beacons(audit), "probes", (json_int_t)audit_probes(audit), "addresses", addresses,
	                      "findings", findings));
}

static void say(const struct audit *audit, uint64_t heard) {
	char text[18];
	printf("%" PRIu64 " adverts, %" PRIu64 " beacons, %" PRIu64 " requests for networks\n", heard, audit_beacons(audit),
	       audit_probes(audit));
	for (size_t i = 0; i < audit_address_count(audit); i++) {
		const struct audit_address *a = audit_address_at(audit, i);
		address_text(a, text);
		printf("  %s  %-18s %6" PRIu64 " times, %zu contents%s%s%s%s\n", text, kind_of(a), a->count, a->contents,
		       a->connectable ? ", connectable" : "", a->answers_scans ? ", answers scans" : "",
		       *a->name ? ", name " : "", a->name);
	}
	for (size_t i = 0; i < audit_finding_count(audit); i++)
		printf("FOUND %s: %s\n", audit_finding_at(audit, i)->code, audit_finding_at(audit, i)->detail);
	if (audit_finding_count(audit) == 0)
		puts("Nothing links two epochs, and nothing names a device.");
}

static enum cli_exit listen_and_say(const struct cli_call *call, struct listening *l, uint64_t seconds, const char *wifi) {
	int r = listen_for(l, seconds);
	if (r < 0)
		return output_failure(r == -EPERM ? "not-permitted" : "adapter-gone", "hci%u: %s", l->adapter,
		                      r == -EPERM ? "this needs root" : strerror(-r));
	r = wifi ? take_capture(l->audit, wifi) : 0;
	if (r < 0)
		return output_failure("internal", "%s: %s", wifi,
		                      r == -EBADMSG ? "no capture of Wi-Fi in libpcap's format" : strerror(-r));
	audit_conclude(l->audit);
	if (call->json)
		say_json(l->audit, l->heard);
	else
		say(l->audit, l->heard);
	return audit_finding_count(l->audit) == 0 ? CLI_DONE : CLI_FAILED;
}

enum cli_exit cli_air_audit(const struct cli_call *call) {
	const char *adapter = cli_value(call, "adapter"), *near = cli_value(call, "rssi");
	struct listening l = { .rssi_least = INT8_MIN };
	uint64_t seconds, epoch_s, guard_s;
	char after, *end;
	enum cli_exit result = cli_number(call, "seconds", 1, SECONDS_LIMIT, SECONDS_DEFAULT, &seconds);
	if (result == CLI_DONE)
		result = cli_number(call, "epoch", 1, ADVERT_EPOCH_SECONDS, ADVERT_EPOCH_SECONDS, &epoch_s);
	if (result == CLI_DONE)
		result = cli_number(call, "guard", 0, GUARD_LIMIT_S, GUARD_DEFAULT_S, &guard_s);
	if (result != CLI_DONE)
		return result;
	if (sscanf(adapter ? adapter : "hci0", "hci%u%c", &l.adapter, &after) != 1 || l.adapter >= HCI_DEV_NONE) {
		output_error("--adapter is a name like hci1");
		return CLI_USAGE;
	}
	if (near) {
		l.rssi_least = strtol(near, &end, 10);
		if (end == near || *end || l.rssi_least < INT8_MIN || l.rssi_least > 20) {
			output_error("--rssi is a number of dBm, like -60");
			return CLI_USAGE;
		}
	}
	if (audit_new(&l.audit, epoch_s * 1000000, guard_s * 1000000) < 0)
		return output_reason(REASON_INTERNAL);
	const struct sigaction end_early = { .sa_handler = on_interrupt };
	sigaction(SIGINT, &end_early, NULL); /* what was heard so far is told */
	result = listen_and_say(call, &l, seconds, cli_value(call, "wifi"));
	audit_free(l.audit);
	return result;
}
