/* The handover's states on a fake port: every stage that can fail, every order of events, with short times of the test's own. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cam-radio/handover.h"
#include "cam-radio/keyring.h"
#include "crypto/crypto.h"
#include "unit.h"
#include "wire/wire.h"
#include "world.h"

enum call { CALL_START, CALL_STOP, CALL_JOIN, CALL_LEAVE, CALL_DIAL, CALL_CANCEL_DIAL, CALLS };

struct fake_port {
	struct wifi_port port;
	unsigned calls[CALLS];
	int result[CALLS]; /* of the next such call */
	bool on, station, dialling;
	struct wifi_credentials credentials;
	uint8_t address[16];
	uint16_t tcp_port;
};

struct answer {
	bool done;
	enum reason reason;
	lanyard_AccessPointUp up;
};

struct fixture {
	sd_event *event;
	char folder[32];
	struct keyring *keyring;
	struct static_keys companion_keys;
	struct pairing_record record;
	struct counters counters;
	struct fake_port port;
	struct handover_timing timing;
	struct handover *handover;
	lanyard_WifiState told[32];
	size_t changes;
	struct answer start, joined, stop;

	struct wire *companion;
	bool companion_live, companion_closed;
};

/* --- the fake port --- */

static int port_call(struct fake_port *p, enum call call) {
	p->calls[call]++;
	int result = p->result[call];
	p->result[call] = 0;
	return result;
}

static int port_start(struct wifi_port *port, const struct wifi_credentials *credentials) {
	struct fake_port *p = (struct fake_port *)port;
	int result = port_call(p, CALL_START);
	assert_false(p->on);
	assert_int_equal(wifi_credentials_check(credentials), 0);
	p->credentials = *credentials;
	p->on = result == 0;
	return result;
}

static void port_stop(struct wifi_port *port) {
	struct fake_port *p = (struct fake_port *)port;
	port_call(p, CALL_STOP);
	assert_true(p->on && !p->station);
}

static int port_join(struct wifi_port *port, const struct wifi_credentials *credentials) {
	struct fake_port *p = (struct fake_port *)port;
	int result = port_call(p, CALL_JOIN);
	p->credentials = *credentials;
	p->on = p->station = result == 0;
	return result;
}

static void port_leave(struct wifi_port *port) {
	struct fake_port *p = (struct fake_port *)port;
	port_call(p, CALL_LEAVE);
	assert_true(p->on && p->station);
}

static int port_dial(struct wifi_port *port, const uint8_t address[16], uint16_t tcp_port, uint64_t timeout_us) {
	struct fake_port *p = (struct fake_port *)port;
	assert_true(timeout_us > 0);
	memcpy(p->address, address, 16);
	p->tcp_port = tcp_port;
	int result = port_call(p, CALL_DIAL);
	p->dialling = result == 0;
	return result;
}

static void port_cancel_dial(struct wifi_port *port) {
	struct fake_port *p = (struct fake_port *)port;
	port_call(p, CALL_CANCEL_DIAL);
	p->dialling = false;
}

static void port_free(struct wifi_port *port) {
	(void)port;
}

static const struct wifi_port_operations operations = {
	.start = port_start,
	.stop = port_stop,
	.join = port_join,
	.leave = port_leave,
	.dial = port_dial,
	.cancel_dial = port_cancel_dial,
	.free = port_free,
};

static void say_up(struct fixture *f) {
	f->port.port.callbacks->access_point_up(f->port.port.context);
}

static void say_off(struct fixture *f, enum reason reason) {
	bool station = f->port.station;
	f->port.on = f->port.station = false;
	if (station)
		f->port.port.callbacks->station_off(f->port.port.context, reason);
	else
		f->port.port.callbacks->access_point_off(f->port.port.context, reason);
}

static void say_dialled(struct fixture *f, int file, enum reason reason) {
	assert_true(f->port.dialling);
	f->port.dialling = false;
	f->port.port.callbacks->dialled(f->port.port.context, file, reason);
}

/* --- the companion's end of the media channel --- */

static void on_companion_live(void *context) {
	struct fixture *f = context;
	f->companion_live = true;
}

static void on_companion_closed(void *context, enum reason reason) {
	struct fixture *f = context;
	(void)reason;
	f->companion_closed = true;
}

static const struct wire_callbacks companion_handlers = { .live = on_companion_live, .closed = on_companion_closed };

/* The descriptor that the camera's dial got. */
static int reach_companion(struct fixture *f, const uint8_t media_psk[KEY_SIZE]) {
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	const struct wire_config config = {
		.kind = CHANNEL_MEDIA,
		.keys = &f->companion_keys,
		.pairing = &f->record,
		.media_psk = media_psk,
		.name = "Companion",
	};
	assert_int_equal(wire_new(&f->companion, f->event, pair[0], &config, &companion_handlers, f), 0);
	return pair[1];
}

/* --- fixture --- */

static void on_changed(void *context) {
	struct fixture *f = context;
	assert_true(f->changes < ELEMENTS(f->told));
	f->told[f->changes++] = handover_state(f->handover);
}

static const struct handover_callbacks handlers = { .changed = on_changed };

static void on_answer(void *context, enum reason reason, const lanyard_AccessPointUp *up) {
	struct answer *answer = context;
	assert_false(answer->done); /* once */
	answer->done = true;
	answer->reason = reason;
	if (up)
		answer->up = *up;
}

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	strcpy(f->folder, "/tmp/camera-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	assert_true(sd_event_new(&f->event) >= 0);
	assert_int_equal(keyring_open(&f->keyring, f->folder, file_layer_system(), random_system()), 0);
	static_keys_make(&f->companion_keys, random_system());
	struct pairing_record record = { .peer_name = "Companion" };
	memcpy(record.peer_key, f->companion_keys.public, KEY_SIZE);
	random_system()->fill(random_system()->context, record.secret, KEY_SIZE);
	assert_int_equal(keyring_pair(f->keyring, &record), 0);
	f->record = (struct pairing_record){ .peer_name = "CAM-1" };
	memcpy(f->record.peer_key, keyring_keys(f->keyring)->public, KEY_SIZE);
	memcpy(f->record.secret, record.secret, KEY_SIZE);

	f->port.port.operations = &operations;
	f->timing = (struct handover_timing){
		.start = 300 * MILLISECOND_US,
		.join = 300 * MILLISECOND_US,
		.stop = 300 * MILLISECOND_US,
		.peer = 300 * MILLISECOND_US,
		.dial = 300 * MILLISECOND_US,
	};
	const struct handover_config config = {
		.port = &f->port.port,
		.random = random_system(),
		.keyring = f->keyring,
		.name = "CAM-1",
		.frequency_mhz = 2437,
		.idle_us = 300 * MILLISECOND_US,
		.timing = &f->timing,
		.counters = &f->counters,
	};
	assert_int_equal(handover_new(&f->handover, f->event, &config, &handlers, f), 0);
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	handover_free(f->handover);
	wire_free(f->companion);
	keyring_free(f->keyring);
	sd_event_unref(f->event);
	char command[64];
	snprintf(command, sizeof(command), "rm -rf %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static lanyard_WifiMode mode(const struct fixture *f) {
	return handover_state(f->handover).mode;
}

static enum reason off_reason(const struct fixture *f) {
	lanyard_WifiState wifi = handover_state(f->handover);
	assert_int_equal(wifi.mode, lanyard_WifiMode_WIFI_OFF);
	return reason_from_number(wifi.reason);
}

static const uint8_t somewhere[16] = { 0xfe, 0x80, 1 };

/* --- stages in order --- */

static void to_up(struct fixture *f) {
	f->start = (struct answer){ 0 };
	handover_start_access_point(f->handover, false, on_answer, &f->start);
	assert_int_equal(mode(f), lanyard_WifiMode_WIFI_STARTING);
	assert_false(f->start.done);
	say_up(f);
	assert_true(f->start.done);
	assert_int_equal(f->start.reason, REASON_OK);
	assert_int_equal(mode(f), lanyard_WifiMode_WIFI_ACCESS_POINT);
}

static void to_dialling(struct fixture *f) {
	to_up(f);
	f->joined = (struct answer){ 0 };
	handover_joined(f->handover, somewhere, 4711, on_answer, &f->joined);
	assert_int_equal(f->port.tcp_port, 4711);
	assert_memory_equal(f->port.address, somewhere, 16);
	assert_false(f->joined.done);
}

static void to_authenticating(struct fixture *f) {
	to_dialling(f);
	say_dialled(f, reach_companion(f, f->start.up.media_psk.bytes), REASON_OK);
	assert_true(f->joined.done);
	assert_int_equal(f->joined.reason, REASON_OK);
}

static void to_ready(struct fixture *f) {
	to_authenticating(f);
	WAIT_FOR(f, 5, mode(f) == lanyard_WifiMode_WIFI_MEDIA_READY);
	assert_true(f->companion_live);
}

static void test_access_point(void **state) {
	struct fixture *f = *state;
	to_ready(f);
	const lanyard_AccessPointUp *up = &f->start.up;
	assert_int_equal(up->ssid.size, f->port.credentials.ssid_length);
	assert_memory_equal(up->ssid.bytes, f->port.credentials.ssid, up->ssid.size);
	assert_int_equal(up->psk.size, PSK_SIZE);
	assert_memory_equal(up->psk.bytes, f->port.credentials.psk, PSK_SIZE);
	assert_string_equal(up->passphrase, "");
	assert_int_equal(up->bssid.size, MAC_SIZE);
	assert_memory_equal(up->bssid.bytes, f->port.credentials.bssid, MAC_SIZE);
	assert_int_equal(up->frequency_mhz, 2437);
	assert_int_equal(f->counters.value[COUNTER_HANDOVERS], 1);

	handover_stop(f->handover, on_answer, &f->stop);
	assert_false(f->stop.done); /* only once the radio is off */
	assert_int_equal(f->port.calls[CALL_STOP], 1);
	WAIT_FOR(f, 5, f->companion_closed);
	say_off(f, REASON_OK);
	assert_true(f->stop.done);
	assert_int_equal(f->stop.reason, REASON_OK);
	assert_int_equal(off_reason(f), REASON_OK);
	assert_int_equal(f->counters.value[COUNTER_HANDOVER_FAILURES], 0);

	/* The modes that were told, in order. */
	static const lanyard_WifiMode expected[] = {
		lanyard_WifiMode_WIFI_STARTING,     lanyard_WifiMode_WIFI_ACCESS_POINT, lanyard_WifiMode_WIFI_MEDIA_READY,
		lanyard_WifiMode_WIFI_ACCESS_POINT, lanyard_WifiMode_WIFI_OFF,
	};
	assert_int_equal(f->changes, ELEMENTS(expected));
	for (size_t i = 0; i < ELEMENTS(expected); i++)
		assert_int_equal(f->told[i].mode, expected[i]);

	/* Nothing of one use is used again. */
	struct answer first = f->start;
	to_up(f);
	assert_memory_not_equal(first.up.ssid.bytes, f->start.up.ssid.bytes, 16);
	assert_memory_not_equal(first.up.psk.bytes, f->start.up.psk.bytes, PSK_SIZE);
	assert_memory_not_equal(first.up.media_psk.bytes, f->start.up.media_psk.bytes, KEY_SIZE);
	assert_memory_not_equal(first.up.bssid.bytes, f->start.up.bssid.bytes, MAC_SIZE);
}

static void test_passphrase(void **state) {
	struct fixture *f = *state;
	handover_start_access_point(f->handover, true, on_answer, &f->start);
	say_up(f);
	assert_int_equal(f->start.up.psk.size, 0);
	assert_string_equal(f->start.up.passphrase, f->port.credentials.passphrase);
	assert_true(strlen(f->start.up.passphrase) >= 20);
}

/* --- what goes wrong, stage by stage: reason, radio off, and ready for the next --- */

static void expect_rolled_back(struct fixture *f, enum reason reason, bool takes_down) {
	if (takes_down) {
		assert_int_equal(f->port.calls[CALL_STOP], 1);
		assert_int_not_equal(mode(f), lanyard_WifiMode_WIFI_OFF);
		say_off(f, REASON_OK);
	}
	assert_int_equal(off_reason(f), reason);
	assert_false(f->port.dialling);
	assert_int_equal(f->counters.value[COUNTER_HANDOVER_FAILURES], 1);
	to_up(f); /* the next one works */
}

static void test_start_refused_at_once(void **state) {
	struct fixture *f = *state;
	f->port.result[CALL_START] = -ENODEV;
	handover_start_access_point(f->handover, false, on_answer, &f->start);
	assert_int_equal(f->start.reason, REASON_WIFI_GONE);
	expect_rolled_back(f, REASON_WIFI_GONE, false);
}

static void test_start_fails(void **state) {
	struct fixture *f = *state;
	handover_start_access_point(f->handover, false, on_answer, &f->start);
	say_off(f, REASON_AP_REFUSED);
	assert_int_equal(f->start.reason, REASON_AP_REFUSED);
	expect_rolled_back(f, REASON_AP_REFUSED, false);
}

static void test_start_forgotten(void **state) {
	struct fixture *f = *state;
	handover_start_access_point(f->handover, false, on_answer, &f->start);
	WAIT_FOR(f, 2, f->start.done);
	assert_int_equal(f->start.reason, REASON_AP_TIMEOUT);
	expect_rolled_back(f, REASON_AP_TIMEOUT, true);
}

static void test_companion_never_joins(void **state) {
	struct fixture *f = *state;
	to_up(f);
	WAIT_FOR(f, 2, f->port.calls[CALL_STOP] == 1);
	expect_rolled_back(f, REASON_PEER_ABSENT, true);
}

static void test_access_point_dies(void **state) {
	struct fixture *f = *state;
	to_ready(f);
	say_off(f, REASON_WIFI_GONE);
	assert_int_equal(f->port.calls[CALL_STOP], 0);
	WAIT_FOR(f, 2, f->companion_closed);
	expect_rolled_back(f, REASON_WIFI_GONE, false);
}

static void test_dial_refused_at_once(void **state) {
	struct fixture *f = *state;
	to_up(f);
	f->port.result[CALL_DIAL] = -EINVAL;
	handover_joined(f->handover, somewhere, 80, on_answer, &f->joined);
	assert_int_equal(f->joined.reason, REASON_REQUEST_INVALID);
	expect_rolled_back(f, REASON_REQUEST_INVALID, true);
}

static void test_dial_fails(void **state) {
	struct fixture *f = *state;
	to_dialling(f);
	say_dialled(f, -1, REASON_TIMEOUT);
	assert_int_equal(f->joined.reason, REASON_DIAL_FAILED);
	expect_rolled_back(f, REASON_DIAL_FAILED, true);
}

static void test_dial_forgotten(void **state) {
	struct fixture *f = *state;
	to_dialling(f);
	WAIT_FOR(f, 4, f->joined.done);
	assert_int_equal(f->joined.reason, REASON_DIAL_FAILED);
	expect_rolled_back(f, REASON_DIAL_FAILED, true);
}

/* Somebody else answers the dial: without the one-time key he cannot speak. */
static void test_wrong_media_key(void **state) {
	struct fixture *f = *state;
	to_dialling(f);
	uint8_t other[KEY_SIZE] = { 1 };
	say_dialled(f, reach_companion(f, other), REASON_OK);
	WAIT_FOR(f, 5, f->port.calls[CALL_STOP] == 1);
	assert_false(f->companion_live);
	expect_rolled_back(f, REASON_HANDSHAKE_FAILED, true);
}

/* He answers and says nothing. */
static void test_silent_peer(void **state) {
	struct fixture *f = *state;
	to_dialling(f);
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	say_dialled(f, pair[1], REASON_OK);
	WAIT_FOR(f, 8, f->port.calls[CALL_STOP] == 1);
	close(pair[0]);
	expect_rolled_back(f, REASON_TIMEOUT, true);
}

static void test_media_closed(void **state) {
	struct fixture *f = *state;
	to_ready(f);
	wire_free(f->companion);
	f->companion = NULL;
	WAIT_FOR(f, 2, f->port.calls[CALL_STOP] == 1);
	say_off(f, REASON_OK);
	assert_int_equal(off_reason(f), REASON_MEDIA_CLOSED);
	assert_int_equal(f->counters.value[COUNTER_HANDOVER_FAILURES], 0); /* the companion was done */
	to_up(f);
}

static void test_media_breach(void **state) {
	struct fixture *f = *state;
	to_ready(f);
	assert_int_equal(wire_send(f->companion, "\xff\xff", 2), 0);
	WAIT_FOR(f, 2, f->port.calls[CALL_STOP] == 1);
	expect_rolled_back(f, REASON_MESSAGE_MALFORMED, true);
}

static void test_idle(void **state) {
	struct fixture *f = *state;
	to_ready(f);
	uint64_t began_us = world_now_us();
	WAIT_FOR(f, 2, f->port.calls[CALL_STOP] == 1);
	assert_true(world_now_us() - began_us >= 250 * MILLISECOND_US);
	say_off(f, REASON_OK);
	assert_int_equal(off_reason(f), REASON_WIFI_IDLE);
	assert_int_equal(f->counters.value[COUNTER_HANDOVER_FAILURES], 0); /* that is no failure */
}

/* hostapd never confirms that it is off: the camera goes on, and says so. */
static void test_stop_forgotten(void **state) {
	struct fixture *f = *state;
	to_up(f);
	handover_stop(f->handover, on_answer, &f->stop);
	WAIT_FOR(f, 2, f->stop.done);
	assert_int_equal(mode(f), lanyard_WifiMode_WIFI_OFF);
	/* The late `off` does no harm, also when something else is under way. */
	say_off(f, REASON_OK);
	assert_int_equal(mode(f), lanyard_WifiMode_WIFI_OFF);
	to_up(f);
}

/* --- the session goes --- */

static void test_session_ends(void **state) {
	struct fixture *f = *state;
	for (unsigned stage = 0; stage < 5; stage++) {
		switch (stage) {
		case 0:
			break;
		case 1:
			handover_start_access_point(f->handover, false, on_answer, &f->start);
			break;
		case 2:
			to_up(f);
			break;
		case 3:
			to_dialling(f);
			break;
		case 4:
			to_ready(f);
			break;
		}
		handover_session_ended(f->handover);
		if (stage == 0) {
			assert_int_equal(f->port.calls[CALL_STOP], 0);
			continue;
		}
		assert_int_equal(f->port.calls[CALL_STOP], stage);
		say_off(f, REASON_OK);
		assert_int_equal(off_reason(f), REASON_SESSION_LOST);
		f->start = f->joined = (struct answer){ 0 };
	}
}

/* --- one on top of the other --- */

static void test_started_anew(void **state) {
	struct fixture *f = *state;
	struct answer second = { 0 }, third = { 0 };
	to_ready(f);
	handover_start_access_point(f->handover, false, on_answer, &second);
	assert_int_equal(f->port.calls[CALL_STOP], 1);
	handover_start_access_point(f->handover, true, on_answer, &third); /* takes the second's place */
	assert_int_equal(second.reason, REASON_CANCELLED);
	assert_int_equal(f->port.calls[CALL_START], 1);
	say_off(f, REASON_OK);
	assert_int_equal(f->port.calls[CALL_START], 2);
	assert_int_equal(mode(f), lanyard_WifiMode_WIFI_STARTING);
	say_up(f);
	assert_int_equal(third.reason, REASON_OK);
	assert_true(strlen(third.up.passphrase) > 0);
}

static void test_start_then_stop(void **state) {
	struct fixture *f = *state;
	struct answer second = { 0 };
	to_up(f);
	handover_start_access_point(f->handover, false, on_answer, &second);
	handover_stop(f->handover, on_answer, &f->stop);
	assert_int_equal(second.reason, REASON_CANCELLED); /* the last word counts */
	struct answer other = { 0 };
	handover_stop(f->handover, on_answer, &other);
	assert_int_equal(other.reason, REASON_BUSY);
	/* Stop, start, stop: what was asked for in between does not begin either. */
	struct answer between = { 0 };
	handover_start_access_point(f->handover, false, on_answer, &between);
	other = (struct answer){ 0 };
	handover_stop(f->handover, on_answer, &other);
	assert_int_equal(other.reason, REASON_BUSY);
	assert_int_equal(between.reason, REASON_CANCELLED);
	say_off(f, REASON_OK);
	assert_int_equal(f->stop.reason, REASON_OK);
	assert_int_equal(mode(f), lanyard_WifiMode_WIFI_OFF);
	assert_int_equal(f->port.calls[CALL_START], 1);
	/* Off already: answered at once. */
	f->stop = (struct answer){ 0 };
	handover_stop(f->handover, on_answer, &f->stop);
	assert_int_equal(f->stop.reason, REASON_OK);
}

static void test_stop_while_starting(void **state) {
	struct fixture *f = *state;
	handover_start_access_point(f->handover, false, on_answer, &f->start);
	handover_stop(f->handover, on_answer, &f->stop);
	assert_int_equal(f->start.reason, REASON_CANCELLED);
	say_up(f); /* it came up all the same, a moment before it heard of the stop */
	assert_false(f->stop.done);
	say_off(f, REASON_OK);
	assert_int_equal(f->stop.reason, REASON_OK);
}

static void test_joined_out_of_turn(void **state) {
	struct fixture *f = *state;
	handover_joined(f->handover, somewhere, 80, on_answer, &f->joined);
	assert_int_equal(f->joined.reason, REASON_WIFI_OFF);
	to_dialling(f);
	struct answer again = { 0 };
	handover_joined(f->handover, somewhere, 81, on_answer, &again);
	assert_int_equal(again.reason, REASON_BUSY);
	assert_int_equal(f->port.tcp_port, 4711);
}

/* Whoever asked does not wait any more. */
static void test_cancelled(void **state) {
	struct fixture *f = *state;
	handover_start_access_point(f->handover, false, on_answer, &f->start);
	handover_cancel(f->handover, &f->start);
	assert_int_equal(f->port.calls[CALL_STOP], 1); /* nobody would know its key */
	say_off(f, REASON_OK);
	assert_false(f->start.done);
	assert_int_equal(off_reason(f), REASON_CANCELLED);

	to_dialling(f);
	handover_cancel(f->handover, &f->joined);
	say_dialled(f, reach_companion(f, f->start.up.media_psk.bytes), REASON_OK);
	WAIT_FOR(f, 5, mode(f) == lanyard_WifiMode_WIFI_MEDIA_READY); /* it goes on */
	assert_false(f->joined.done);
	handover_stop(f->handover, on_answer, &f->stop);
	handover_cancel(f->handover, &f->stop);
	handover_start_access_point(f->handover, false, on_answer, &f->joined);
	handover_cancel(f->handover, &f->joined); /* never began */
	say_off(f, REASON_OK);
	assert_false(f->stop.done || f->joined.done);
	assert_int_equal(mode(f), lanyard_WifiMode_WIFI_OFF);
}

/* --- station --- */

static struct handover_station some_station(void) {
	struct handover_station station = {
		.credentials = { .ssid = "car", .ssid_length = 3, .passphrase = "12345678" },
		.port = 9,
		.media_psk = { 7 },
	};
	memcpy(station.address, somewhere, 16);
	return station;
}

static void test_station(void **state) {
	struct fixture *f = *state;
	struct handover_station station = some_station();
	handover_start_station(f->handover, &station, on_answer, &f->start);
	assert_int_equal(mode(f), lanyard_WifiMode_WIFI_STARTING);
	assert_int_equal(f->port.credentials.ssid_length, 3);
	f->port.port.callbacks->station_joined(f->port.port.context);
	assert_int_equal(mode(f), lanyard_WifiMode_WIFI_STATION);
	assert_int_equal(f->port.tcp_port, 9);
	assert_false(f->start.done);
	say_dialled(f, reach_companion(f, station.media_psk), REASON_OK);
	assert_int_equal(f->start.reason, REASON_OK);
	WAIT_FOR(f, 5, mode(f) == lanyard_WifiMode_WIFI_MEDIA_READY);
	handover_stop(f->handover, on_answer, &f->stop);
	assert_int_equal(f->port.calls[CALL_LEAVE], 1);
	assert_int_equal(mode(f), lanyard_WifiMode_WIFI_STATION);
	say_off(f, REASON_OK);
	assert_int_equal(f->stop.reason, REASON_OK);
}

static void test_station_fails(void **state) {
	struct fixture *f = *state;
	struct handover_station station = some_station();
	f->port.result[CALL_JOIN] = -ENODEV;
	handover_start_station(f->handover, &station, on_answer, &f->start);
	assert_int_equal(f->start.reason, REASON_WIFI_GONE);
	f->start = (struct answer){ 0 };
	handover_start_station(f->handover, &station, on_answer, &f->start);
	say_off(f, REASON_JOIN_REFUSED);
	assert_int_equal(f->start.reason, REASON_JOIN_REFUSED);
	assert_int_equal(off_reason(f), REASON_JOIN_REFUSED);
	f->start = (struct answer){ 0 };
	handover_start_station(f->handover, &station, on_answer, &f->start);
	WAIT_FOR(f, 2, f->start.done);
	assert_int_equal(f->start.reason, REASON_JOIN_TIMEOUT);
	assert_int_equal(f->port.calls[CALL_LEAVE], 1);
	say_off(f, REASON_OK);
	/* From station to access point. */
	f->start = (struct answer){ 0 };
	to_up(f);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_access_point, setup, teardown),
		cmocka_unit_test_setup_teardown(test_passphrase, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_refused_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_companion_never_joins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_access_point_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dial_refused_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dial_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dial_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_media_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent_peer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_media_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_media_breach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_session_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_started_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_then_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_while_starting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_joined_out_of_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_station, setup, teardown),
		cmocka_unit_test_setup_teardown(test_station_fails, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
