/* lab-gpio: a USB adapter with four lines, Microchip's MCP2221, as the kernel's own driver (hid-mcp2221) sees it: the stand-in
 * for the wires of a light bar. It answers what that driver asks for its lines and says yes to everything else.
 *
 *   lab-gpio        commands on standard input: "line N 0|1" sets the level at line N, "done ..." says that it was
 *
 * The first line of output is "ready" when the driver has opened it. End of input, or its end by a signal, unplugs the adapter.
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

enum { LINES = 4, REPORT_SIZE = 64 };
/* MCP2221 data sheet (DS20005565), 3.1.12: the command, and where in its answer the first pin's value is, with its direction
 * behind it. Linux reads the value there only since 6.5, and where the direction is before: both hold the level. */
enum { GET_GPIO_VALUES = 0x51, FIRST_PIN = 2 };

/* One input and one output report of 64 bytes, of the vendor's own usage page. */
static const uint8_t report_descriptor[] = {
	0x06, 0x00, 0xff, 0x09, 0x01, 0xa1, 0x01,                    /* usage page, usage, collection */
	0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, REPORT_SIZE, /* bytes */
	0x09, 0x02, 0x81, 0x02, 0x09, 0x03, 0x91, 0x02,              /* input, output */
	0xc0,
};

static bool level[LINES];

static int send_event(int file, const struct uhid_event *event) {
	return write(file, event, sizeof(*event)) == sizeof(*event) ? 0 : -errno;
}

static int plug(int file) {
	struct uhid_event event = {
		.type = UHID_CREATE2,
		.u.create2 = { .bus = BUS_USB, .vendor = 0x04d8, .product = 0x00dd, .name = "Lanyard lab MCP2221" }
	};

	event.u.create2.rd_size = sizeof(report_descriptor);
	memcpy(event.u.create2.rd_data, report_descriptor, sizeof(report_descriptor));
	return send_event(file, &event);
}

static int answer(int file, const uint8_t *request) {
	struct uhid_event event = { .type = UHID_INPUT2, .u.input2.size = REPORT_SIZE };
	uint8_t *report = event.u.input2.data;

	memcpy(report, request, REPORT_SIZE);
	report[1] = 0; /* done */
	for (int n = 0; request[0] == GET_GPIO_VALUES && n < LINES; n++)
		report[FIRST_PIN + 2 * n] = report[FIRST_PIN + 2 * n + 1] = level[n];
	return send_event(file, &event);
}

static int serve(int file) {
	struct uhid_event event;

	if (read(file, &event, sizeof(event)) < 0)
		return -errno;
	if (event.type == UHID_OPEN)
		printf("ready\n");
	return event.type == UHID_OUTPUT ? answer(file, event.u.output.data) : 0;
}

static int run_command(const char *line) {
	unsigned n, value;

	if (sscanf(line, "line %u %u", &n, &value) != 2 || n >= LINES || value > 1)
		return -EINVAL;
	level[n] = value;
	printf("done %s", line);
	return 0;
}

int main(void) {
	struct pollfd pollers[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = -1, .events = POLLIN } };
	char line[128];
	int r = 0;

	setlinebuf(stdout);
	setbuf(stdin, NULL); /* poll() must see what is not read yet */
	pollers[1].fd = open("/dev/uhid", O_RDWR | O_CLOEXEC);
	if (pollers[1].fd < 0 || plug(pollers[1].fd) < 0)
		r = -errno;
	while (r == 0 && poll(pollers, 2, -1) > 0) {
		if (pollers[1].revents)
			r = serve(pollers[1].fd);
		if (r == 0 && pollers[0].revents) {
			if (!fgets(line, sizeof(line), stdin))
				return 0;
			r = run_command(line);
		}
	}
	fprintf(stderr, "lab-gpio: %s\n", strerror(-r));
	return 1;
}
