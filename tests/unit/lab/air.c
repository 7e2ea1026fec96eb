/* lab/air's controllers and Microsoft's HCI extension: what a host that uses it is told of. Whole packets, as between kernel and
 * controller; expected answers are from "Microsoft-defined Bluetooth HCI extensions". */
#include "lab/air/air.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"

enum { LISTENER, ADVERTISER };
enum {
	RESET = 0x0c03,
	LE_SET_ADVERTISING_PARAMETERS = 0x2006,
	LE_SET_ADVERTISING_DATA = 0x2008,
	LE_SET_ADVERTISING = 0x200a,
	LE_SET_SCAN_PARAMETERS = 0x200b,
	LE_SET_SCAN = 0x200c,
	LE_ADD_TO_ACCEPT_LIST = 0x2011,
};
enum { STATUS_OK = 0x00, UNKNOWN_COMMAND = 0x01, MEMORY_EXCEEDED = 0x07, DISALLOWED = 0x0c, INVALID = 0x12 };

#define FEATURES 0x00
#define MONITOR 0x03
#define CANCEL 0x04
#define FILTER 0x05
#define FAR_OFF 0x81, 0x81, 60, 0 /* RSSI: as Linux says it when nobody has asked for any */

#define MANUFACTURER 0xff
#define FLAGS 0x02, 0x01, 0x06
#define OURS 0x05, MANUFACTURER, 0x34, 0x12, 0xa1, 0x77
#define OTHERS 0x05, MANUFACTURER, 0x78, 0x56, 0xb2, 0x77
#define NAME 0x04, 0x09, 'a', 'b', 'c'

struct fixture {
	struct air air;
	int host[2]; /* the other ends of the controllers' files */
	uint8_t event[PACKET_SIZE];
	size_t event_length;
};

uint64_t now_us(void) {
	return 1000000;
}

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	for (size_t i = 0; i < CONTROLLERS; i++)
		f->air.controller[i].file = -1;
	for (unsigned i = 0; i < ELEMENTS(f->host); i++) {
		int ends[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
		f->air.controller[i] = (struct controller){ .file = ends[0], .index = i, .public_address = { (uint8_t)i } };
		f->host[i] = ends[1];
	}
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	for (size_t i = 0; i < ELEMENTS(f->host); i++) {
		close(f->air.controller[i].file);
		close(f->host[i]);
	}
	free(f);
	return 0;
}

/* --- a host --- */

/* The next event, false when there is none. */
static bool next_event(struct fixture *f, unsigned index) {
	ssize_t length = recv(f->host[index], f->event, sizeof(f->event), MSG_DONTWAIT);
	f->event_length = length < 0 ? 0 : (size_t)length;
	return length >= 0;
}

/* Sends a command, behind whose end there is nothing to be read, and takes its Command Complete; returns its status. */
static uint8_t send_command(struct fixture *f, unsigned index, uint16_t opcode, const uint8_t *parameters, size_t length) {
	const uint8_t header[] = { PACKET_COMMAND, (uint8_t)opcode, (uint8_t)(opcode >> 8), (uint8_t)length };
	uint8_t *packet = malloc(sizeof(header) + length);
	assert_non_null(packet);
	memcpy(packet, header, sizeof(header));
	memcpy(packet + sizeof(header), parameters, length);
	controller_packet(&f->air, &f->air.controller[index], packet, sizeof(header) + length);
	free(packet);
	assert_true(next_event(f, index));
	assert_true(f->event_length >= 7 && f->event_length == 3u + f->event[2]);
	assert_memory_equal(f->event, ((uint8_t[]){ PACKET_EVENT, 0x0e, f->event[2], 1, header[1], header[2] }), 6);
	return f->event[6];
}

#define COMMAND(f, index, opcode, ...) \
	send_command(f, index, opcode, (uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }))
#define MICROSOFT(f, ...) COMMAND(f, LISTENER, MONITORS_OPCODE, __VA_ARGS__)

static void scan(struct fixture *f, bool active, bool accept_list_only) {
	assert_int_equal(COMMAND(f, LISTENER, LE_SET_SCAN_PARAMETERS, active, 0x60, 0, 0x60, 0, 0, accept_list_only), STATUS_OK);
	assert_int_equal(COMMAND(f, LISTENER, LE_SET_SCAN, 1, 0), STATUS_OK);
}

/* One advert of this data, and a scan response that says nothing. */
static void advertise(struct fixture *f, uint8_t type, const uint8_t *data, size_t length) {
	uint8_t parameters[32] = { (uint8_t)length };
	memcpy(parameters + 1, data, length);
	assert_int_equal(
	        COMMAND(f, ADVERTISER, LE_SET_ADVERTISING_PARAMETERS, 0xa0, 0, 0xa0, 0, type, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0),
	        STATUS_OK);
	assert_int_equal(send_command(f, ADVERTISER, LE_SET_ADVERTISING_DATA, parameters, sizeof(parameters)), STATUS_OK);
	assert_int_equal(COMMAND(f, ADVERTISER, LE_SET_ADVERTISING, 1), STATUS_OK);
	air_run(&f->air, now_us());
	assert_int_equal(COMMAND(f, ADVERTISER, LE_SET_ADVERTISING, 0), STATUS_OK);
}

/* Whether the host is told of an advert with this data. */
static bool hears(struct fixture *f, const uint8_t *data, size_t length) {
	advertise(f, ADVERT_SILENT, data, length);
	if (!next_event(f, LISTENER))
		return false;
	assert_memory_equal(f->event, ((uint8_t[]){ PACKET_EVENT, 0x3e, (uint8_t)(12 + length), 0x02, 1, ADVERT_SILENT }), 6);
	assert_int_equal(f->event[13], length);
	assert_memory_equal(f->event + 14, data, length);
	assert_false(next_event(f, LISTENER));
	return true;
}

#define HEARS(f, ...) hears(f, (uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }))
#define MONITOR_OURS MONITOR, FAR_OFF, 1, 1, 5, MANUFACTURER, 0, 0x34, 0x12, 0xa1
#define MONITOR_OTHERS MONITOR, FAR_OFF, 1, 1, 5, MANUFACTURER, 0, 0x78, 0x56, 0xb2

/* --- commands --- */

static void test_features(void **state) {
	struct fixture *f = *state;
	assert_int_equal(MICROSOFT(f, FEATURES), STATUS_OK);
	/* Status, subcommand, features, least significant byte first, no prefix of events. */
	assert_int_equal(f->event_length, 6 + 11);
	assert_memory_equal(f->event + 6, ((uint8_t[]){ 0, FEATURES, 0x08, 0, 0, 0, 0, 0, 0, 0, 0 }), 11);
}

static void test_handles(void **state) {
	struct fixture *f = *state;
	for (uint8_t handle = 0; handle < MONITORS; handle++) {
		assert_int_equal(MICROSOFT(f, MONITOR_OURS), STATUS_OK);
		assert_int_equal(f->event_length, 6 + 3);
		assert_memory_equal(f->event + 7, ((uint8_t[]){ MONITOR, handle }), 2);
	}
	assert_int_equal(MICROSOFT(f, MONITOR_OURS), MEMORY_EXCEEDED);
	assert_int_equal(MICROSOFT(f, CANCEL, 3), STATUS_OK);
	assert_int_equal(f->event_length, 6 + 2);
	assert_int_equal(f->event[7], CANCEL);
	assert_int_equal(MICROSOFT(f, CANCEL, 3), INVALID);
	assert_int_equal(MICROSOFT(f, CANCEL, MONITORS), INVALID);
	assert_int_equal(MICROSOFT(f, MONITOR_OURS), STATUS_OK);
	assert_int_equal(f->event[8], 3);
}

static void test_what_is_refused(void **state) {
	struct fixture *f = *state;
	assert_int_equal(MICROSOFT(f, 0x07), UNKNOWN_COMMAND);
	assert_int_equal(f->event[7], 0x07);
	assert_int_equal(MICROSOFT(f, CANCEL), INVALID);
	assert_int_equal(MICROSOFT(f, FILTER), INVALID);
	assert_int_equal(MICROSOFT(f, FILTER, 2), INVALID);
	assert_int_equal(MICROSOFT(f, MONITOR, FAR_OFF, 1), INVALID);
	assert_int_equal(MICROSOFT(f, MONITOR, FAR_OFF, 2, 1, 5, MANUFACTURER, 0, 1, 2, 3), INVALID); /* no pattern */
	assert_int_equal(MICROSOFT(f, MONITOR, FAR_OFF, 1, 0), INVALID);
	assert_int_equal(MICROSOFT(f, MONITOR, FAR_OFF, 1, 1), INVALID);
	assert_int_equal(MICROSOFT(f, MONITOR, FAR_OFF, 1, 1, 5, MANUFACTURER, 0, 1, 2), INVALID);       /* a byte is missing */
	assert_int_equal(MICROSOFT(f, MONITOR, FAR_OFF, 1, 1, 5, MANUFACTURER, 0, 1, 2, 3, 4), INVALID); /* one too many */
	assert_int_equal(MICROSOFT(f, MONITOR, FAR_OFF, 1, 2, 5, MANUFACTURER, 0, 1, 2, 3), INVALID);    /* the second is */
	assert_int_equal(MICROSOFT(f, MONITOR, FAR_OFF, 1, 1, 2, MANUFACTURER, 0), INVALID);             /* of nothing */
	assert_int_equal(MICROSOFT(f, MONITOR, FAR_OFF, 1, 1, 1, MANUFACTURER), INVALID);
	uint8_t longest[7 + 3 + 32] = { MONITOR, FAR_OFF, 1, 1, 2 + 32, MANUFACTURER, 0 };
	assert_int_equal(send_command(f, LISTENER, MONITORS_OPCODE, longest, sizeof(longest)), INVALID);
	longest[7]--;
	assert_int_equal(send_command(f, LISTENER, MONITORS_OPCODE, longest, sizeof(longest) - 1), STATUS_OK);
	assert_int_equal(f->event[8], 0); /* nothing is left of the others */
	uint8_t most[7 + 4 * (PATTERNS + 1)] = { MONITOR, FAR_OFF, 1, PATTERNS + 1 };
	for (size_t i = 0; i <= PATTERNS; i++)
		memcpy(most + 7 + 4 * i, ((uint8_t[]){ 3, MANUFACTURER, 0, 1 }), 4);
	assert_int_equal(send_command(f, LISTENER, MONITORS_OPCODE, most, sizeof(most)), MEMORY_EXCEEDED);
	most[6]--;
	assert_int_equal(send_command(f, LISTENER, MONITORS_OPCODE, most, sizeof(most) - 4), STATUS_OK);
}

static void test_filter_toggles(void **state) {
	struct fixture *f = *state;
	assert_int_equal(MICROSOFT(f, FILTER, 0), DISALLOWED); /* off by default */
	assert_int_equal(MICROSOFT(f, FILTER, 1), STATUS_OK);
	assert_int_equal(f->event[7], FILTER);
	assert_int_equal(MICROSOFT(f, FILTER, 1), DISALLOWED);
	assert_int_equal(MICROSOFT(f, FILTER, 0), STATUS_OK);
}

/* --- adverts --- */

static void test_patterns(void **state) {
	struct fixture *f = *state;
	static const struct {
		const char *what;
		bool matches;
		uint8_t length, data[31];
	} cases[] = {
		{ "ours", true, 6, { OURS } },
		{ "ours after flags", true, 9, { FLAGS, OURS } },
		{ "ours after others' of the same type", true, 12, { OTHERS, OURS } },
		{ "ours to the last byte", true, 5, { 4, MANUFACTURER, 0x34, 0x12, 0xa1 } },
		{ "a byte less", false, 4, { 3, MANUFACTURER, 0x34, 0x12 } },
		{ "the last byte is of what follows", false, 7, { 3, MANUFACTURER, 0x34, 0x12, 0xa1, 0x09, 'a' } },
		{ "others'", false, 6, { OTHERS } },
		{ "in service data", false, 6, { 5, 0x16, 0x34, 0x12, 0xa1, 0x77 } },
		{ "a byte further back", false, 7, { 6, MANUFACTURER, 0, 0x34, 0x12, 0xa1, 0x77 } },
		{ "cut off", false, 5, { 5, MANUFACTURER, 0x34, 0x12, 0xa1 } },
		{ "after an early end", false, 7, { 0, OURS } },
		{ "a part of a name", true, 5, { NAME } },
		{ "not where it was in the name", false, 4, { 3, 0x09, 'b', 'c' } },
		{ "nothing", false, 0, { 0 } },
	};
	scan(f, false, false);
	assert_int_equal(MICROSOFT(f, MONITOR, FAR_OFF, 1, 2, 5, MANUFACTURER, 0, 0x34, 0x12, 0xa1, 4, 0x09, 1, 'b', 'c'),
	                 STATUS_OK);
	assert_int_equal(MICROSOFT(f, FILTER, 1), STATUS_OK);
	for (size_t i = 0; i < ELEMENTS(cases); i++)
		if (hears(f, cases[i].data, cases[i].length) != cases[i].matches)
			fail_msg("%s", cases[i].what);
}

static void test_several_monitors(void **state) {
	struct fixture *f = *state;
	scan(f, false, false);
	assert_int_equal(MICROSOFT(f, FILTER, 1), STATUS_OK);
	assert_true(HEARS(f, OURS)); /* without a monitor there is nothing to filter by */
	assert_int_equal(MICROSOFT(f, MONITOR_OURS), STATUS_OK);
	assert_int_equal(MICROSOFT(f, MONITOR_OTHERS), STATUS_OK);
	assert_true(HEARS(f, OURS));
	assert_true(HEARS(f, OTHERS));
	assert_false(HEARS(f, NAME));
	assert_int_equal(MICROSOFT(f, CANCEL, 0), STATUS_OK);
	assert_false(HEARS(f, OURS));
	assert_true(HEARS(f, OTHERS));
	assert_int_equal(MICROSOFT(f, CANCEL, 1), STATUS_OK);
	assert_true(HEARS(f, NAME));
	assert_int_equal(f->air.controller[LISTENER].reported, 5);
	assert_int_equal(f->air.controller[LISTENER].held_back, 2);
}

static void test_filter_off(void **state) {
	struct fixture *f = *state;
	scan(f, false, false);
	assert_int_equal(MICROSOFT(f, MONITOR_OURS), STATUS_OK);
	assert_true(HEARS(f, NAME));
	assert_int_equal(MICROSOFT(f, FILTER, 1), STATUS_OK);
	assert_false(HEARS(f, NAME));
	assert_int_equal(MICROSOFT(f, FILTER, 0), STATUS_OK);
	assert_true(HEARS(f, NAME));
}

/* Linux scans with an accept list while monitors are the controller's: they let through what the list would not. */
static void test_accept_list(void **state) {
	struct fixture *f = *state;
	scan(f, false, true);
	assert_int_equal(MICROSOFT(f, MONITOR_OURS), STATUS_OK);
	assert_false(HEARS(f, OURS));
	assert_int_equal(MICROSOFT(f, FILTER, 1), STATUS_OK);
	assert_true(HEARS(f, OURS));
	assert_false(HEARS(f, OTHERS));
	assert_int_equal(COMMAND(f, LISTENER, LE_ADD_TO_ACCEPT_LIST, 0, ADVERTISER, 0, 0, 0, 0, 0), STATUS_OK);
	assert_true(HEARS(f, OTHERS));
	assert_int_equal(MICROSOFT(f, FILTER, 0), STATUS_OK);
	assert_true(HEARS(f, OTHERS));
}

static void test_scan_response(void **state) {
	struct fixture *f = *state;
	scan(f, true, false);
	assert_int_equal(MICROSOFT(f, MONITOR_OURS), STATUS_OK);
	assert_int_equal(MICROSOFT(f, FILTER, 1), STATUS_OK);
	static const uint8_t ours[] = { OURS }, others[] = { OTHERS };
	advertise(f, ADVERT_SCANNABLE, ours, sizeof(ours));
	assert_true(next_event(f, LISTENER) && f->event[5] == ADVERT_SCANNABLE);
	assert_true(next_event(f, LISTENER) && f->event[5] == ADVERT_SCAN_RESPONSE);
	advertise(f, ADVERT_SCANNABLE, others, sizeof(others));
	assert_false(next_event(f, LISTENER));
}

static void test_reset(void **state) {
	struct fixture *f = *state;
	assert_int_equal(MICROSOFT(f, MONITOR_OURS), STATUS_OK);
	assert_int_equal(MICROSOFT(f, FILTER, 1), STATUS_OK);
	assert_int_equal(send_command(f, LISTENER, RESET, (uint8_t[]){ 0 }, 0), STATUS_OK);
	scan(f, false, false);
	assert_true(HEARS(f, NAME));
	assert_int_equal(MICROSOFT(f, FILTER, 1), STATUS_OK);
	assert_int_equal(MICROSOFT(f, MONITOR_OURS), STATUS_OK);
	assert_int_equal(f->event[8], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_features),       TEST(test_handles),     TEST(test_what_is_refused),
		TEST(test_filter_toggles), TEST(test_patterns),    TEST(test_several_monitors),
		TEST(test_filter_off),     TEST(test_accept_list), TEST(test_scan_response),
		TEST(test_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
