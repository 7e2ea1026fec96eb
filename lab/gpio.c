/* lab-gpio: a USB adapter with lines, as the kernel's own driver sees it: the stand-in for the wires of a light bar. It answers
 * what that driver asks for its lines and says yes to everything else.
 *
 *   lab-gpio mcp2221|cp2112
 *       mcp2221: four lines without interrupts (hid-mcp2221). cp2112: eight lines with them (hid-cp2112, which looks itself
 *       every 40 ms).
 *
 * Commands on standard input: "line N 0|1" sets the level at line N, "done ..." says that it was. The first line of output is
 * "ready" when the driver has opened it. End of input, or its end by a signal, unplugs the adapter.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <linux/uhid.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINES_LIMIT = 8, REPORT_SIZE = 64 };

/* One input and one output report of 64 bytes, of the vendor's own usage page; the drivers do not look. */
static const uint8_t report_descriptor[] = {
	0x06, 0x00, 0xff, 0x09, 0x01, 0xa1, 0x01,                    /* usage page, usage, collection */
	0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, REPORT_SIZE, /* bytes */
	0x09, 0x02, 0x81, 0x02, 0x09, 0x03, 0x91, 0x02,              /* input, output */
	0xc0,
};

static bool level[LINES_LIMIT];

static int send_event(int file, const struct uhid_event *event) {
	return write(file, event, sizeof(*event)) == sizeof(*event) ? 0 : -errno;
}

/* MCP2221 data sheet (DS20005565), 3.1.12: the command, and where in its answer the first pin's value is, with its direction
 * behind it. Linux reads the value there only since 6.5, and where the direction is before: both hold the level. */
enum { MCP2221_GET_GPIO_VALUES = 0x51, MCP2221_FIRST_PIN = 2, MCP2221_LINES = 4 };

static int serve_mcp2221(int file, const struct uhid_event *request) {
	struct uhid_event event = { .type = UHID_INPUT2, .u.input2.size = REPORT_SIZE };
	uint8_t *report = event.u.input2.data;

	if (request->type != UHID_OUTPUT)
		return 0;
	memcpy(report, request->u.output.data, REPORT_SIZE);
	report[1] = 0; /* done */
	for (int n = 0; report[0] == MCP2221_GET_GPIO_VALUES && n < MCP2221_LINES; n++)
		report[MCP2221_FIRST_PIN + 2 * n] = report[MCP2221_FIRST_PIN + 2 * n + 1] = level[n];
	return send_event(file, &event);
}

/* Silicon Labs AN495, 4 and 5.2: feature reports with their sizes. */
enum {
	CP2112_GPIO_CONFIGURATION = 0x02,
	CP2112_GET_GPIO = 0x03,
	CP2112_VERSION = 0x05,
	CP2112_SMBUS_CONFIGURATION = 0x06,
	CP2112_LOCK = 0x20,
	CP2112_LINES = 8,
};

static uint16_t cp2112_size(uint8_t report) {
	switch (report) {
	case CP2112_GPIO_CONFIGURATION:
		return 5;
	case CP2112_GET_GPIO:
	case CP2112_LOCK:
		return 2;
	case CP2112_VERSION:
		return 3;
	case CP2112_SMBUS_CONFIGURATION:
		return 14;
	default:
		return 0;
	}
}

static int serve_cp2112(int file, const struct uhid_event *request) {
	struct uhid_event event = { 0 };

	if (request->type == UHID_SET_REPORT) {
		event.type = UHID_SET_REPORT_REPLY;
		event.u.set_report_reply.id = request->u.set_report.id;
		return send_event(file, &event);
	}
	if (request->type != UHID_GET_REPORT)
		return 0;
	event.type = UHID_GET_REPORT_REPLY;
	event.u.get_report_reply.id = request->u.get_report.id;
	event.u.get_report_reply.size = cp2112_size(request->u.get_report.rnum);
	event.u.get_report_reply.err = event.u.get_report_reply.size > 0 ? 0 : EIO;
	event.u.get_report_reply.data[0] = request->u.get_report.rnum;
	for (int n = 0; request->u.get_report.rnum == CP2112_GET_GPIO && n < CP2112_LINES; n++)
		event.u.get_report_reply.data[1] |= (uint8_t)(level[n] << n);
	return send_event(file, &event);
}

static const struct adapter {
	const char *name;
	uint32_t vendor, product;
	unsigned lines;
	int (*serve)(int file, const struct uhid_event *request);
} adapters[] = {
	{ "mcp2221", 0x04d8, 0x00dd, MCP2221_LINES, serve_mcp2221 },
	{ "cp2112", 0x10c4, 0xea90, CP2112_LINES, serve_cp2112 },
};

static int plug(int file, const struct adapter *adapter) {
	struct uhid_event event = { .type = UHID_CREATE2,
		                    .u.create2 = { .bus = BUS_USB, .vendor = adapter->vendor, .product = adapter->product } };

	snprintf((char *)event.u.create2.name, sizeof(event.u.create2.name), "Lanyard lab %s", adapter->name);
	event.u.create2.rd_size = sizeof(report_descriptor);
	memcpy(event.u.create2.rd_data, report_descriptor, sizeof(report_descriptor));
	return send_event(file, &event);
}

static int serve(int file, const struct adapter *adapter) {
	struct uhid_event event;

	if (read(file, &event, sizeof(event)) < 0)
		return -errno;
	if (event.type == UHID_OPEN)
		printf("ready\n");
	return adapter->serve(file, &event);
}

static int run_command(const char *line, const struct adapter *adapter) {
	unsigned n, value;

	if (sscanf(line, "line %u %u", &n, &value) != 2 || n >= adapter->lines || value > 1)
		return -EINVAL;
	level[n] = value;
	printf("done %s", line);
	return 0;
}

int main(int argc, char *argv[]) {
	struct pollfd pollers[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = -1, .events = POLLIN } };
	const struct adapter *adapter = NULL;
	char line[128];
	int r = 0;

	for (size_t i = 0; argc == 2 && i < sizeof(adapters) / sizeof(adapters[0]); i++)
		if (!strcmp(argv[1], adapters[i].name))
			adapter = &adapters[i];
	if (!adapter) {
		fprintf(stderr, "usage: lab-gpio mcp2221|cp2112\n");
		return 2;
	}
	setlinebuf(stdout);
	setbuf(stdin, NULL); /* poll() must see what is not read yet */
	pollers[1].fd = open("/dev/uhid", O_RDWR | O_CLOEXEC);
	if (pollers[1].fd < 0 || plug(pollers[1].fd, adapter) < 0)
		r = -errno;
	while (r == 0 && poll(pollers, 2, -1) > 0) {
		if (pollers[1].revents)
			r = serve(pollers[1].fd, adapter);
		if (r == 0 && pollers[0].revents) {
			if (!fgets(line, sizeof(line), stdin))
				return 0;
			r = run_command(line, adapter);
		}
	}
	fprintf(stderr, "lab-gpio: %s\n", strerror(-r));
	return 1;
}
