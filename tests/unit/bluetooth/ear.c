/* bluetooth/ear, and the kernel's filter before it (bluetooth/ear_socket), on a pair of Unix sockets: the kernel runs the same
 * program there, and the other end is the controller. */
#include "bluetooth/ear.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "bluetooth/ear_socket.h"

#define HEARD_LIMIT 16

enum { SHORT, LONG };

/* Companies whose bytes differ: the air has them the other way round. */
static const struct ear_format formats[EAR_FORMATS] = { [SHORT] = { 0x1234, 0xa1, 3 }, [LONG] = { 0x5678, 0xb2, 5 } };

#define SHORT_DATA 0x06, 0xff, 0x34, 0x12, 0xa1, 1, 2
#define LONG_DATA 0x08, 0xff, 0x78, 0x56, 0xb2, 3, 4, 5, 6
#define FLAGS 0x02, 0x01, 0x06
#define NAME 0x04, 0x09, 'a', 'b', 'c'

struct data {
	uint8_t bytes[24];
	size_t length;
};

#define DATA(...) \
	{ { __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }) }

static const struct data short_data = DATA(SHORT_DATA), long_data = DATA(LONG_DATA), others = DATA(NAME);

struct fixture {
	sd_event *event;
	int controller, host; /* the ear's, as long as there is one */
	struct ear *ear;
	struct {
		size_t format;
		int8_t rssi;
		uint8_t data[8];
	} heard[HEARD_LIMIT];
	size_t count;
	struct {
		size_t format, length;
	} malformed[HEARD_LIMIT];
	size_t malformed_count;
	unsigned failures;
	int error;
	bool free_when_heard, free_when_malformed, free_when_failed;
};

/* --- packets as controllers make them --- */

struct packet {
	uint8_t bytes[258];
	size_t length;
};

static void append(struct packet *p, const void *bytes, size_t length) {
	assert_true(p->length + length <= sizeof(p->bytes));
	memcpy(p->bytes + p->length, bytes, length);
	p->length += length;
	p->bytes[2] = (uint8_t)(p->length - 3);
}

static struct packet event_of(uint8_t event, uint8_t subevent) {
	struct packet p = { .length = 0 };
	append(&p, (uint8_t[]){ 0x04, event, 0, subevent, 0 }, 5);
	return p;
}

static void add_legacy(struct packet *p, const struct data *data, int8_t rssi) {
	append(p, (uint8_t[]){ 0x03, 0x01, 1, 2, 3, 4, 5, 6, (uint8_t)data->length }, 9);
	append(p, data->bytes, data->length);
	append(p, &rssi, 1);
	p->bytes[4]++;
}

static void add_extended(struct packet *p, const struct data *data, int8_t rssi) {
	append(p, (uint8_t[]){ 0x10, 0, 0x01, 1, 2, 3, 4, 5, 6, 1, 0, 0xff, 0x7f, (uint8_t)rssi }, 14);
	append(p, (uint8_t[9]){ 0 }, 9);
	append(p, (uint8_t[]){ (uint8_t)data->length }, 1);
	append(p, data->bytes, data->length);
	p->bytes[4]++;
}

static struct packet legacy(const struct data *data) {
	struct packet p = event_of(0x3e, 0x02);
	add_legacy(&p, data, -60);
	return p;
}

static struct packet extended(const struct data *data) {
	struct packet p = event_of(0x3e, 0x0d);
	add_extended(&p, data, -70);
	return p;
}

/* --- life --- */

static void pair(struct fixture *f, int type) {
	int files[2];
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, files), 0);
	f->controller = files[0];
	f->host = files[1];
	assert_int_equal(ear_socket_filter(f->host, formats), 0);
}

static void free_ear(struct fixture *f) {
	ear_free(f->ear);
	f->ear = NULL;
}

static void on_heard(void *context, const struct advert_report *report, size_t format, const uint8_t *data) {
	struct fixture *f = context;
	assert_true(f->count < HEARD_LIMIT);
	f->heard[f->count].format = format;
	f->heard[f->count].rssi = report->rssi;
	memcpy(f->heard[f->count].data, data, formats[format].length);
	assert_memory_equal(report->address, ((uint8_t[]){ 1, 2, 3, 4, 5, 6 }), 6);
	f->count++;
	if (f->free_when_heard)
		free_ear(f);
}

static void on_malformed(void *context, const struct advert_report *report, size_t format, size_t length) {
	struct fixture *f = context;
	assert_true(f->malformed_count < HEARD_LIMIT);
	f->malformed[f->malformed_count].format = format;
	f->malformed[f->malformed_count].length = length;
	assert_memory_equal(report->address, ((uint8_t[]){ 1, 2, 3, 4, 5, 6 }), 6);
	f->malformed_count++;
	if (f->free_when_malformed)
		free_ear(f);
}

static void on_failed(void *context, int error) {
	struct fixture *f = context;
	f->failures++;
	f->error = error;
	if (f->free_when_failed)
		free_ear(f);
}

static void listen_for(struct fixture *f, const struct ear_format format[EAR_FORMATS], int type, size_t batch) {
	static const struct ear_callbacks handlers = { .heard = on_heard, .malformed = on_malformed, .failed = on_failed };
	struct ear_config config = { .batch = batch };
	memcpy(config.format, format, sizeof(config.format));
	pair(f, type);
	assert_int_equal(ear_new(&f->ear, f->event, f->host, &config, &handlers, f), 0);
}

static void listen_with(struct fixture *f, int type, size_t batch) {
	listen_for(f, formats, type, batch);
}

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	assert_true(sd_event_new(&f->event) >= 0);
	f->controller = -1;
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	ear_free(f->ear);
	if (f->controller >= 0)
		close(f->controller);
	sd_event_unref(f->event);
	free(f);
	return 0;
}

static void report(struct fixture *f, const struct packet *packet) {
	assert_int_equal(send(f->controller, packet->bytes, packet->length, 0), packet->length);
}

/* Until nothing is to be done, which has an end. */
static void settle(struct fixture *f) {
	int r;
	for (unsigned turns = 0; (r = sd_event_run(f->event, 0)) > 0; turns++)
		assert_true(turns < 1000);
	assert_int_equal(r, 0);
}

/* --- the kernel's filter --- */

static bool passes(struct fixture *f, const struct packet *packet) {
	struct packet got;
	report(f, packet);
	ssize_t length = recv(f->host, got.bytes, sizeof(got.bytes), 0);
	if (length < 0) {
		assert_int_equal(errno, EAGAIN);
		return false;
	}
	assert_int_equal(length, packet->length); /* whole */
	assert_memory_equal(got.bytes, packet->bytes, packet->length);
	return true;
}

static void test_filter(void **state) {
	struct fixture *f = *state;
	static const struct {
		const char *what;
		struct data data;
		bool passes;
	} cases[] = {
		{ "ours", DATA(SHORT_DATA), true },
		{ "ours of the other format", DATA(LONG_DATA), true },
		{ "ours after flags", DATA(FLAGS, SHORT_DATA), true },
		{ "ours of the other format after flags", DATA(FLAGS, LONG_DATA), true },
		{ "our company with another content", DATA(0x04, 0xff, 0x34, 0x12, 9), true },
		{ "a company with our bytes the wrong way round", DATA(0x06, 0xff, 0x12, 0x34, 0xa1, 1, 2), false },
		{ "a company of one of our bytes", DATA(0x06, 0xff, 0x34, 0x56, 0xa1, 1, 2), false },
		{ "another company after flags", DATA(FLAGS, 0x06, 0xff, 0x12, 0x34, 0xa1, 1, 2), false },
		{ "service data that looks like us", DATA(0x06, 0x16, 0x34, 0x12, 0xa1, 1, 2), false },
		{ "service data after flags", DATA(FLAGS, 0x06, 0x16, 0x34, 0x12, 0xa1, 1, 2), false },
		{ "ours after a name", DATA(NAME, SHORT_DATA), false },
		{ "a name", DATA(NAME), false },
		{ "flags alone", DATA(FLAGS), false },
		{ "nothing", { { 0 }, 0 }, false },
	};
	pair(f, SOCK_SEQPACKET);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct packet packet = legacy(&cases[i].data);
		if (passes(f, &packet) != cases[i].passes)
			fail_msg("%s", cases[i].what);
	}
	close(f->host);
}

static void test_filter_packets(void **state) {
	struct fixture *f = *state;
	pair(f, SOCK_SEQPACKET);
	/* Where its data are is the parser's to find out. */
	struct packet packet = extended(&others);
	assert_true(passes(f, &packet));
	packet = legacy(&others);
	add_legacy(&packet, &others, -60);
	assert_true(passes(f, &packet));
	/* Neither reports adverts, whatever their bytes. */
	packet = event_of(0x3e, 0x01);
	add_legacy(&packet, &short_data, -60);
	assert_false(passes(f, &packet));
	packet = event_of(0x0e, 0x02);
	add_legacy(&packet, &short_data, -60);
	assert_false(passes(f, &packet));
	/* Cut before it is known to be ours. */
	packet = legacy(&short_data);
	for (packet.length = 1; packet.length < 18; packet.length++)
		assert_false(passes(f, &packet));
	assert_true(passes(f, &packet));
	close(f->host);
}

/* --- what is handed on --- */

static void test_heard(void **state) {
	struct fixture *f = *state;
	static const struct data after_flags = DATA(FLAGS, LONG_DATA), after_name = DATA(NAME, LONG_DATA);
	listen_with(f, SOCK_SEQPACKET, 16);
	struct packet packets[] = { legacy(&short_data), legacy(&after_flags), extended(&after_name), legacy(&others) };
	for (size_t i = 0; i < ELEMENTS(packets); i++)
		report(f, &packets[i]);
	settle(f);
	assert_int_equal(f->count, 3);
	assert_int_equal(f->heard[0].format, SHORT);
	assert_int_equal(f->heard[0].rssi, -60);
	assert_memory_equal(f->heard[0].data, ((uint8_t[]){ 0xa1, 1, 2 }), 3);
	assert_int_equal(f->heard[1].format, LONG);
	assert_memory_equal(f->heard[1].data, ((uint8_t[]){ 0xb2, 3, 4, 5, 6 }), 5);
	assert_int_equal(f->heard[2].format, LONG);
	assert_int_equal(f->heard[2].rssi, -70);
}

/* Another header is not ours, nor is one format's content under the other's company: neither heard nor malformed. */
static void test_not_heard(void **state) {
	struct fixture *f = *state;
	static const struct data not_ours[] = {
		DATA(0x06, 0xff, 0x34, 0x12, 0xa2, 1, 2),       /* another header */
		DATA(0x03, 0xff, 0x34, 0x12),                   /* not even a header */
		DATA(0x06, 0xff, 0x78, 0x56, 0xa1, 1, 2),       /* under the other's company */
		DATA(0x08, 0xff, 0x34, 0x12, 0xb2, 3, 4, 5, 6), /* the same */
		DATA(0x08, 0xff, 0x34, 0x12, 0xa1, 1, 2),       /* more than there is */
		DATA(0x00, SHORT_DATA),                         /* after the early end */
		DATA(0x02, 0xff, 0x34, 0x12),                   /* half a company */
	};
	listen_with(f, SOCK_SEQPACKET, 64);
	for (size_t i = 0; i < ELEMENTS(not_ours); i++) {
		struct packet as_legacy = legacy(&not_ours[i]), as_extended = extended(&not_ours[i]);
		report(f, &as_legacy);
		report(f, &as_extended);
	}
	/* What follows where a header is missing is none, either: the next byte is the RSSI. */
	static const struct data company_alone = DATA(0x03, 0xff, 0x34, 0x12);
	struct packet packet = event_of(0x3e, 0x02);
	add_legacy(&packet, &company_alone, (int8_t)0xa1);
	report(f, &packet);
	settle(f);
	assert_int_equal(f->count, 0);
	assert_int_equal(f->malformed_count, 0);
	assert_int_equal(f->failures, 0);
}

/* A company and a header of ours, and not the length that goes with them: each of its own format, and of no other. */
static void test_malformed(void **state) {
	struct fixture *f = *state;
	static const struct {
		struct data data;
		size_t format, length;
	} cases[] = {
		{ DATA(0x04, 0xff, 0x34, 0x12, 0xa1), SHORT, 1 },
		{ DATA(0x05, 0xff, 0x34, 0x12, 0xa1, 1), SHORT, 2 },
		{ DATA(FLAGS, 0x07, 0xff, 0x34, 0x12, 0xa1, 1, 2, 3), SHORT, 4 },
		{ DATA(0x08, 0xff, 0x34, 0x12, 0xa1, 3, 4, 5, 6), SHORT, 5 }, /* the other's length */
		{ DATA(0x06, 0xff, 0x78, 0x56, 0xb2, 1, 2), LONG, 3 },
		{ DATA(0x09, 0xff, 0x78, 0x56, 0xb2, 3, 4, 5, 6, 7), LONG, 6 },
	};
	listen_with(f, SOCK_SEQPACKET, 64);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct packet as_legacy = legacy(&cases[i].data), as_extended = extended(&cases[i].data);
		report(f, &as_legacy);
		report(f, &as_extended);
	}
	settle(f);
	assert_int_equal(f->count, 0);
	assert_int_equal(f->malformed_count, 2 * ELEMENTS(cases));
	for (size_t i = 0; i < f->malformed_count; i++) {
		assert_int_equal(f->malformed[i].format, cases[i / 2].format);
		assert_int_equal(f->malformed[i].length, cases[i / 2].length);
	}
}

/* Two formats of one company, as a camera has them where nothing else is said: the header tells which. */
static void test_one_company(void **state) {
	struct fixture *f = *state;
	static const struct data shared[] = { DATA(0x06, 0xff, 0x34, 0x12, 0xa1, 1, 2),
		                              DATA(0x08, 0xff, 0x34, 0x12, 0xb2, 3, 4, 5, 6),
		                              DATA(0x06, 0xff, 0x34, 0x12, 0xb2, 1, 2) };
	struct ear_format same[EAR_FORMATS] = { formats[SHORT], formats[LONG] };
	same[LONG].company = same[SHORT].company;
	listen_for(f, same, SOCK_SEQPACKET, 16);
	for (size_t i = 0; i < ELEMENTS(shared); i++) {
		struct packet packet = legacy(&shared[i]);
		report(f, &packet);
	}
	settle(f);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->heard[0].format, SHORT);
	assert_int_equal(f->heard[1].format, LONG);
	assert_int_equal(f->malformed_count, 1);
	assert_int_equal(f->malformed[0].format, LONG);
}

static void test_several_in_one_event(void **state) {
	struct fixture *f = *state;
	static const struct data both = DATA(SHORT_DATA, LONG_DATA);
	listen_with(f, SOCK_SEQPACKET, 16);
	struct packet packet = legacy(&others);
	add_legacy(&packet, &short_data, -61);
	add_legacy(&packet, &both, -62);
	report(f, &packet);
	packet = extended(&others);
	add_extended(&packet, &long_data, -63);
	report(f, &packet);
	settle(f);
	assert_int_equal(f->count, 4);
	static const struct {
		size_t format;
		int8_t rssi;
	} wanted[] = { { SHORT, -61 }, { SHORT, -62 }, { LONG, -62 }, { LONG, -63 } };
	for (size_t i = 0; i < ELEMENTS(wanted); i++) {
		assert_int_equal(f->heard[i].format, wanted[i].format);
		assert_int_equal(f->heard[i].rssi, wanted[i].rssi);
	}
}

/* What a controller does not finish is nothing, and what follows is heard. */
static void test_cut_short(void **state) {
	struct fixture *f = *state;
	const struct packet whole[] = { legacy(&short_data), extended(&long_data) };
	listen_with(f, SOCK_SEQPACKET, 64);
	for (size_t i = 0; i < ELEMENTS(whole); i++)
		for (size_t length = 1; length < whole[i].length; length++) {
			struct packet cut = whole[i];
			cut.length = length;
			report(f, &cut); /* its own length says more */
			if (length > 3) {
				cut.bytes[2] = (uint8_t)(length - 3);
				report(f, &cut); /* it does not, but its parts do */
			}
			settle(f);
		}
	assert_int_equal(f->count, 0);
	report(f, &whole[0]);
	settle(f);
	assert_int_equal(f->count, 1);
}

static void test_batch(void **state) {
	struct fixture *f = *state;
	const struct packet packet = legacy(&short_data);
	listen_with(f, SOCK_SEQPACKET, 2);
	for (size_t i = 0; i < 5; i++)
		report(f, &packet);
	for (size_t turn = 1; turn <= 3; turn++) {
		assert_true(sd_event_run(f->event, 0) > 0);
		assert_int_equal(f->count, turn < 3 ? 2 * turn : 5);
	}
}

/* --- the end --- */

/* Freed while more is at hand: in the same advert, in the same event, in the socket. */
static void test_freed_inside(void **state) {
	struct fixture *f = *state;
	static const struct data both = DATA(SHORT_DATA, LONG_DATA);
	f->free_when_heard = true;
	listen_with(f, SOCK_SEQPACKET, 16);
	struct packet packet = legacy(&both);
	add_legacy(&packet, &short_data, -60);
	report(f, &packet);
	report(f, &packet);
	settle(f);
	assert_int_equal(f->count, 1);
	assert_null(f->ear);
	assert_int_equal(send(f->controller, packet.bytes, packet.length, MSG_NOSIGNAL), -1); /* it has closed its end */
}

static void test_freed_inside_malformed(void **state) {
	struct fixture *f = *state;
	static const struct data both = DATA(0x04, 0xff, 0x34, 0x12, 0xa1, LONG_DATA);
	f->free_when_malformed = true;
	listen_with(f, SOCK_SEQPACKET, 16);
	struct packet packet = legacy(&both);
	report(f, &packet);
	settle(f);
	assert_int_equal(f->malformed_count, 1);
	assert_int_equal(f->count, 0);
	assert_null(f->ear);
}

static void check_gone(struct fixture *f, int error) {
	settle(f); /* which ends: nothing follows */
	assert_int_equal(f->failures, 1);
	assert_int_equal(f->error, error);
}

static void test_adapter_removed(void **state) {
	struct fixture *f = *state;
	const struct packet packet = legacy(&short_data);
	listen_with(f, SOCK_SEQPACKET, 16);
	report(f, &packet);
	close(f->controller);
	f->controller = -1;
	check_gone(f, -ENODEV);
	assert_int_equal(f->count, 1); /* what had come before is heard */
}

/* Hung up, and a read says neither so nor anything else. */
static void test_hang_up(void **state) {
	struct fixture *f = *state;
	f->free_when_failed = true;
	listen_with(f, SOCK_DGRAM, 16);
	assert_int_equal(shutdown(f->host, SHUT_RDWR), 0);
	check_gone(f, -ENODEV);
	assert_null(f->ear);
}

static void test_socket_fails(void **state) {
	struct fixture *f = *state;
	listen_with(f, SOCK_SEQPACKET, 16);
	assert_int_equal(send(f->host, "", 1, 0), 1);
	close(f->controller); /* with something unread: the other end is reset */
	f->controller = -1;
	check_gone(f, -ECONNRESET);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_filter),
		TEST(test_filter_packets),
		TEST(test_heard),
		TEST(test_not_heard),
		TEST(test_malformed),
		TEST(test_one_company),
		TEST(test_several_in_one_event),
		TEST(test_cut_short),
		TEST(test_batch),
		TEST(test_freed_inside),
		TEST(test_freed_inside_malformed),
		TEST(test_adapter_removed),
		TEST(test_hang_up),
		TEST(test_socket_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
