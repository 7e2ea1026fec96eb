#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "fake_daemon.h"
#include "wifi/access_point_on.h"

/* What hostapd is told when it appears, and after each use. */
#define STOP_COMMANDS 5
#define PREPARE_COMMANDS 9
#define START_COMMANDS 9

/* The send() with this number fails; 0: none. */
static struct send_refusal {
	unsigned at, count;
	int error;
} send_refused;

ssize_t __real_send(int descriptor, const void *bytes, size_t length, int flags);
ssize_t __wrap_send(int descriptor, const void *bytes, size_t length, int flags);
ssize_t __wrap_send(int descriptor, const void *bytes, size_t length, int flags) {
	if (send_refused.at == 0 || ++send_refused.count != send_refused.at)
		return __real_send(descriptor, bytes, length, flags);
	errno = send_refused.error;
	return -1;
}

struct fixture {
	sd_event *event;
	struct fake_daemon fake;
	struct fake_port port;
	struct interface_port port_operations;
	struct wifi_environment environment;
	struct access_point *ap;
	struct wifi_credentials credentials;
	char psk_hex[2 * PSK_SIZE + 1];
	unsigned ups, offs, joins, leaves;
	enum reason reason;
	bool free_in_callback, restart_in_off;
};

static void on_up(void *context) {
	struct fixture *f = context;
	f->ups++;
	if (f->free_in_callback) {
		access_point_free(f->ap);
		f->ap = NULL;
	}
}

static void on_joined(void *context, const uint8_t mac[MAC_SIZE]) {
	struct fixture *f = context;
	assert_int_equal(mac[5], 9);
	f->joins++;
}

static void on_left(void *context, const uint8_t mac[MAC_SIZE]) {
	(void)mac;
	((struct fixture *)context)->leaves++;
}

static void on_off(void *context, enum reason reason) {
	struct fixture *f = context;
	f->offs++;
	f->reason = reason;
	assert_int_equal(access_point_state(f->ap), ACCESS_POINT_OFF);
	if (f->free_in_callback) {
		access_point_free(f->ap);
		f->ap = NULL;
	} else if (f->restart_in_off) {
		f->restart_in_off = false;
		assert_int_equal(access_point_start(f->ap, &f->credentials), 0);
	}
}

static void fixture_start(struct fixture *f) {
	static const struct access_point_callbacks callbacks = { on_up, on_joined, on_left, on_off };
	*f = (struct fixture){ .reason = REASON_INTERNAL };
	assert_true(sd_event_new(&f->event) >= 0);
	fake_start(&f->fake, FAKE_HOSTAPD, f->event);
	f->port = (struct fake_port){ .up = true, .event = f->event };
	f->port_operations = fake_port_operations(&f->port);
	f->environment = (struct wifi_environment){ &fake_timing, random_system(), &f->port_operations, f->fake.folder };
	wifi_credentials_make(&f->credentials, random_system(), false, 2437);
	hex_encode(f->psk_hex, f->credentials.psk, PSK_SIZE);
	assert_int_equal(access_point_new_on(&f->ap, f->event, f->fake.path, "wlan0", &f->environment, &callbacks, f), 0);
}

static void fixture_stop(struct fixture *f) {
	access_point_free(f->ap);
	if (f->fake.source) /* alive: it is told that nobody listens any longer */
		RUN_UNTIL(f, f->fake.monitor_length == 0);
	fake_stop(&f->fake);
	sd_event_unref(f->event);
}

static bool overwritten(const struct fixture *f) {
	return strcmp(f->fake.psk, f->psk_hex) != 0;
}

/* hostapd appears with its interface up; it is tidied and the interface goes down, before anything is asked for. */
static void wait_tidy(struct fixture *f) {
	RUN_UNTIL(f, !f->port.up && f->fake.psk[0]);
	assert_false(f->fake.enabled);
}

/* The whole of it was said, and the last answer was heard. */
static void wait_prepared(struct fixture *f) {
	RUN_UNTIL(f, f->fake.commands == STOP_COMMANDS + PREPARE_COMMANDS);
	while (sd_event_run(f->event, 20000) > 0)
		;
}

static void test_up_and_down(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f);
	wait_tidy(&f);
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	assert_int_equal(access_point_start(f.ap, &f.credentials), -EALREADY);
	assert_int_equal(access_point_state(f.ap), ACCESS_POINT_STARTING);
	f.port.up = true; /* hostapd does it */
	RUN_UNTIL(&f, f.ups == 1);
	assert_true(f.fake.enabled);
	assert_string_equal(f.fake.psk, f.psk_hex);
	assert_string_equal(f.fake.channel, "6");
	assert_int_equal(strlen(f.fake.bssid), 17);

	fake_say(&f.fake, "<3>AP-STA-CONNECTED 02:00:00:00:00:09");
	RUN_UNTIL(&f, f.joins == 1);
	fake_say(&f.fake, "<3>AP-STA-DISCONNECTED 02:00:00:00:00:09");
	RUN_UNTIL(&f, f.leaves == 1);

	access_point_stop(f.ap);
	assert_int_equal(access_point_state(f.ap), ACCESS_POINT_STOPPING);
	access_point_stop(f.ap);
	RUN_UNTIL(&f, f.offs > 0);
	assert_int_equal(f.reason, REASON_OK);
	assert_false(f.fake.enabled);
	assert_false(f.port.up);
	assert_true(overwritten(&f));
	access_point_stop(f.ap); /* off already: nothing more is heard */
	assert_int_equal(f.offs, 1);
	fixture_stop(&f);
}

/* One station is joined at a time; strangers before it do not take its place. */
static void test_one_station(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f);
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	RUN_UNTIL(&f, f.ups == 1);
	assert_string_equal(f.fake.stations, "16");
	fake_say(&f.fake, "<3>AP-STA-POSSIBLE-PSK-MISMATCH 02:00:00:00:00:08");
	fake_say(&f.fake, "<3>AP-STA-DISCONNECTED 02:00:00:00:00:08"); /* never joined, so it does not leave */
	fake_say(&f.fake, "<3>AP-STA-CONNECTED 02:00:00:00:00:09");
	RUN_UNTIL(&f, strcmp(f.fake.stations, "1") == 0);
	assert_int_equal(f.joins, 1);
	fake_say(&f.fake, "<3>AP-STA-CONNECTED 02:00:00:00:00:0a");
	RUN_UNTIL(&f, strcmp(f.fake.last, "DEAUTHENTICATE 02:00:00:00:00:0a") == 0);
	fake_say(&f.fake, "<3>AP-STA-DISCONNECTED 02:00:00:00:00:0a");
	fake_say(&f.fake, "<3>AP-STA-CONNECTED 02:00:00:00:00:09"); /* rekeyed: the same station */
	fake_say(&f.fake, "<3>AP-STA-DISCONNECTED 02:00:00:00:00:09");
	RUN_UNTIL(&f, f.leaves > 0);
	assert_int_equal(f.joins, 1);
	assert_int_equal(f.leaves, 1);
	RUN_UNTIL(&f, strcmp(f.fake.stations, "16") == 0);
	fake_say(&f.fake, "<3>AP-STA-CONNECTED 02:00:00:00:00:09");
	RUN_UNTIL(&f, f.joins == 2);
	/* A new use begins without a station. */
	access_point_stop(f.ap);
	RUN_UNTIL(&f, f.offs == 1);
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	RUN_UNTIL(&f, f.ups == 2);
	fake_say(&f.fake, "<3>AP-STA-CONNECTED 02:00:00:00:00:09");
	RUN_UNTIL(&f, f.joins == 3);
	fixture_stop(&f);
}

/* Any byte in an SSID arrives as it is. */
static void test_ssid_bytes(void **state) {
	(void)state;
	static const struct {
		const char *bytes;
		size_t length;
	} ssids[] = {
		{ "\"; rm -rf / #\\", 14 },
		{ "\0", 1 },
		{ "a\nSET wpa 0", 11 },
		{ "\xff\xfe\0 x", 5 },
		{ "01234567890123456789012345678901", 32 },
	};
	for (size_t i = 0; i < ELEMENTS(ssids); i++) {
		struct fixture f;
		char expected[2 * SSID_LIMIT + 1];
		fixture_start(&f);
		memcpy(f.credentials.ssid, ssids[i].bytes, ssids[i].length);
		f.credentials.ssid_length = ssids[i].length;
		hex_encode(expected, ssids[i].bytes, ssids[i].length);
		assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
		RUN_UNTIL(&f, f.ups == 1);
		assert_string_equal(f.fake.ssid, expected);
		fixture_stop(&f);
	}
}

/* A passphrase reaches hostapd as the key made from it, so nothing in it can be mistaken for syntax. */
static void test_passphrase(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f);
	struct wifi_credentials c = { .ssid = "IEEE", .ssid_length = 4, .passphrase = "password", .frequency_mhz = 5180 };
	assert_int_equal(access_point_start(f.ap, &c), 0);
	RUN_UNTIL(&f, f.ups == 1);
	assert_string_equal(f.fake.psk, "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e");
	assert_string_equal(f.fake.channel, "36");
	assert_string_equal(f.fake.bssid, "");
	fixture_stop(&f);
}

static void test_bad_credentials(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f);
	f.credentials.ssid_length = 33;
	assert_int_equal(access_point_start(f.ap, &f.credentials), -EINVAL);
	assert_int_equal(access_point_state(f.ap), ACCESS_POINT_OFF);
	fixture_stop(&f);
}

/* The reasons that a fault during a start may end in. */
static bool reason_fits(enum fake_fault fault, enum reason reason) {
	switch (fault) {
	case FAULT_FAIL:
	case FAULT_GARBAGE:
		return reason == REASON_AP_REFUSED;
	case FAULT_LOST: /* the next answer is taken for it, or none comes */
		return reason == REASON_AP_REFUSED || reason == REASON_WIFI_GONE;
	case FAULT_SILENT:
	case FAULT_LATE:
	case FAULT_EMPTY:
	case FAULT_VANISH:
		return reason == REASON_WIFI_GONE;
	case FAULT_NONE:
	case FAULT_COUNT:
		return false;
	}
	return false;
}

/* A start meets the fault at its command `at`, `told` commands after hostapd appeared. Either it succeeds all the same (some
 * answers do not matter), or `off` comes once with the right reason, the radio is off at that moment, and the secret is gone as
 * soon as hostapd answers again. */
static bool start_with_fault(enum fake_fault fault, unsigned told, unsigned at, unsigned *failed) {
	struct fixture f;
	fixture_start(&f);
	if (told == STOP_COMMANDS + PREPARE_COMMANDS)
		wait_prepared(&f);
	else
		RUN_UNTIL(&f, f.fake.commands == told);
	f.fake.fault = fault;
	f.fake.fault_at = f.fake.commands + at;
	f.port.up = true;
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	RUN_UNTIL(&f, f.ups + f.offs > 0);
	bool met = f.fake.fault_met;
	if (f.offs > 0) {
		++*failed;
		if (!reason_fits(fault, f.reason))
			fail_msg("fault %d at command %u: %s", fault, at, reason_code(f.reason));
		assert_int_equal(f.ups, 0);
		assert_int_equal(f.offs, 1);
		assert_false(f.port.up);
		if (fault == FAULT_FAIL) /* a network that lacks a setting was never there */
			assert_int_equal(f.fake.enables, 0);
		if (fault == FAULT_VANISH)
			fake_restart(&f.fake);
		f.fake.fault_at = 0;
		RUN_UNTIL(&f, f.fake.psk[0] && overwritten(&f) && !f.fake.enabled && !f.port.up);
		/* And it works again. */
		assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
		RUN_UNTIL(&f, f.ups == 1 || f.offs > 1);
		assert_int_equal(f.ups, 1);
	}
	fixture_stop(&f);
	return met;
}

/* Each command of a start meets each fault: of one in which everything is still to be said, and of one that was prepared. */
static void test_every_fault_while_starting(void **state) {
	(void)state;
	static const struct {
		unsigned told, failing; /* settings that have to be accepted, with each fault but the harmless ones */
	} rows[] = { { 0, 7 * 19 }, { STOP_COMMANDS + PREPARE_COMMANDS, 7 * 6 } };
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		unsigned failed = 0;
		for (enum fake_fault fault = FAULT_FAIL; fault < FAULT_COUNT; fault++) {
			unsigned at = 1;
			while (start_with_fault(fault, rows[i].told, at, &failed))
				assert_true(++at < 40);
		}
		assert_true(failed > rows[i].failing);
	}
}

/* Hidden unless it is to be seen, and hidden again the next time. */
static void test_hidden(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f);
	for (unsigned use = 1; use <= 3; use++) {
		f.credentials.hidden = use != 2;
		assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
		RUN_UNTIL(&f, f.ups == use);
		assert_string_equal(f.fake.hidden, use == 2 ? "0" : "1");
		access_point_stop(f.ap);
		RUN_UNTIL(&f, f.offs == use);
	}
	fixture_stop(&f);
}

/* What is the same for every network is said ahead, after each use again: a start has little left to say. */
static void test_prepared(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f);
	for (unsigned use = 1; use <= 2; use++) {
		wait_prepared(&f);
		f.fake.commands = 0;
		assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
		RUN_UNTIL(&f, f.ups == use);
		assert_true(f.fake.commands <= START_COMMANDS); /* the last asks what the event may have said before */
		assert_string_equal(f.fake.psk, f.psk_hex);
		assert_string_equal(f.fake.stations, "16");
		fake_say(&f.fake, "<3>AP-STA-CONNECTED 02:00:00:00:00:09");
		RUN_UNTIL(&f, strcmp(f.fake.stations, "1") == 0);
		f.fake.commands = 0;
		access_point_stop(f.ap);
		RUN_UNTIL(&f, f.offs == use);
	}
	/* Another hostapd on the same path knows nothing of it. */
	wait_prepared(&f);
	fake_kill(&f.fake);
	f.fake.commands = 0;
	fake_restart(&f.fake);
	wait_prepared(&f);
	fixture_stop(&f);
}

/* The same while stopping: `off` comes once, whatever happens, and the interface is down then. */
static void test_every_fault_while_stopping(void **state) {
	(void)state;
	for (enum fake_fault fault = FAULT_FAIL; fault < FAULT_COUNT; fault++) {
		for (unsigned at = 1; at <= STOP_COMMANDS; at++) {
			struct fixture f;
			fixture_start(&f);
			assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
			RUN_UNTIL(&f, f.ups == 1);
			f.fake.fault = fault;
			f.fake.fault_at = f.fake.commands + at;
			f.port.up = true;
			access_point_stop(f.ap);
			RUN_UNTIL(&f, f.offs > 0);
			assert_true(f.fake.fault_met);
			assert_int_equal(f.offs, 1);
			assert_false(f.port.up);
			if (f.reason == REASON_OK) { /* only where the answer does not matter: then all is done */
				assert_false(f.fake.enabled);
				assert_true(overwritten(&f));
			}
			if (fault == FAULT_VANISH)
				fake_restart(&f.fake);
			f.fake.fault_at = 0;
			/* As soon as hostapd answers again, the rest is done. */
			RUN_UNTIL(&f, f.fake.psk[0] && overwritten(&f) && !f.fake.enabled && !f.port.up);
			fixture_stop(&f);
		}
	}
}

static void test_killed_while_up(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f);
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	f.port.up = true;
	RUN_UNTIL(&f, f.ups == 1);
	f.port.up = true;
	fake_kill(&f.fake);
	RUN_UNTIL(&f, f.offs == 1);
	assert_int_equal(f.reason, REASON_WIFI_GONE);
	assert_false(f.port.up);
	f.port.up = true; /* the new hostapd brings it up */
	fake_restart(&f.fake);
	RUN_UNTIL(&f, !f.port.up && f.fake.psk[0]);
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	RUN_UNTIL(&f, f.ups == 2);
	assert_int_equal(f.offs, 1);
	fixture_stop(&f);
}

/* An idle radio wakes nobody up; a hostapd that was restarted meanwhile is noticed all the same, because its interface is up. */
static void test_idle(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f);
	wait_tidy(&f);
	unsigned before = f.fake.pings;
	RUN_FOR(&f, 10 * fake_timing.ping);
	assert_true(f.fake.pings <= before + 1); /* one may have been on its way */
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	RUN_UNTIL(&f, f.ups == 1);
	before = f.fake.pings;
	RUN_UNTIL(&f, f.fake.pings >= before + 3);
	access_point_stop(f.ap);
	RUN_UNTIL(&f, f.offs == 1);

	fake_kill(&f.fake);
	f.port.up = true; /* the new hostapd brings it up */
	fake_restart(&f.fake);
	RUN_UNTIL(&f, !f.port.up && f.fake.psk[0]);
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	RUN_UNTIL(&f, f.ups == 2);
	fixture_stop(&f);
}

static void test_went_down_on_its_own(void **state) {
	(void)state;
	static const char *const lines[] = { "<3>AP-DISABLED ", "<3>INTERFACE-DISABLED ", "<3>CTRL-EVENT-TERMINATING " };
	for (size_t i = 0; i < ELEMENTS(lines); i++) {
		struct fixture f;
		fixture_start(&f);
		assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
		RUN_UNTIL(&f, f.ups == 1);
		f.port.up = true;
		fake_say(&f.fake, lines[i]);
		RUN_UNTIL(&f, f.offs == 1);
		assert_int_equal(f.reason, REASON_AP_FAILED);
		assert_false(f.port.up);
		assert_true(overwritten(&f));
		fixture_stop(&f);
	}
}

/* A hostapd that is just starting says AP-ENABLED for itself: not before ours is sent. */
static void test_foreign_enabled(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f);
	wait_tidy(&f);
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	fake_say(&f.fake, "<3>AP-ENABLED ");
	RUN_UNTIL(&f, f.ups == 1);
	assert_true(f.fake.enabled);
	assert_string_equal(f.fake.psk, f.psk_hex);
	fixture_stop(&f);
}

static void test_never_enables(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f);
	f.fake.never_enables = true;
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	RUN_UNTIL(&f, f.offs == 1);
	assert_int_equal(f.reason, REASON_AP_TIMEOUT);
	assert_true(overwritten(&f));
	assert_false(f.port.up);
	fixture_stop(&f);
}

static void test_absent(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f);
	fake_kill(&f.fake);
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	RUN_UNTIL(&f, f.offs == 1);
	assert_int_equal(f.reason, REASON_WIFI_GONE);
	/* Appears in time. */
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	fake_restart(&f.fake);
	RUN_UNTIL(&f, f.ups == 1);
	fixture_stop(&f);
}

static void test_stop_while_absent(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f);
	fake_kill(&f.fake);
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	access_point_stop(f.ap);
	assert_int_equal(f.offs, 0); /* outcomes come from the event loop */
	RUN_UNTIL(&f, f.offs == 1);
	assert_int_equal(f.reason, REASON_OK);
	fixture_stop(&f);
}

/* A stop at any moment of a start leaves nothing behind. */
static void test_stop_at_every_command(void **state) {
	(void)state;
	for (unsigned at = 0;; at++) {
		struct fixture f;
		fixture_start(&f);
		unsigned from = f.fake.commands;
		assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
		RUN_UNTIL(&f, f.fake.commands >= from + at || f.ups == 1);
		bool up = f.ups == 1;
		f.port.up = true;
		access_point_stop(f.ap);
		RUN_UNTIL(&f, f.offs == 1);
		if (f.reason != REASON_OK)
			fail_msg("stopped at command %u: %s", at, reason_code(f.reason));
		assert_false(f.fake.enabled);
		assert_false(f.port.up);
		assert_true(overwritten(&f));
		fixture_stop(&f);
		if (up)
			break;
		assert_true(at < 40);
	}
}

/* Freed while up: hostapd still gets the whole stop. */
static void test_free_while_up(void **state) {
	(void)state;
	for (int in_callback = 0; in_callback < 2; in_callback++) {
		struct fixture f;
		fixture_start(&f);
		f.free_in_callback = in_callback;
		assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
		RUN_UNTIL(&f, f.ups == 1);
		access_point_free(f.ap);
		f.ap = NULL;
		assert_false(f.port.up);
		RUN_UNTIL(&f, !f.fake.enabled && overwritten(&f));
		assert_int_equal(f.offs, 0);
		fixture_stop(&f);
	}
}

/* Freed while commands are ahead of their answers: what was sent is followed by the whole stop. */
static void test_free_at_every_command(void **state) {
	(void)state;
	for (unsigned at = 0;; at++) {
		struct fixture f;
		fixture_start(&f);
		wait_prepared(&f);
		assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
		unsigned from = f.fake.commands;
		RUN_UNTIL(&f, f.fake.commands >= from + at || f.ups == 1);
		bool up = f.ups == 1;
		access_point_free(f.ap);
		f.ap = NULL;
		RUN_UNTIL(&f, f.fake.monitor_length == 0 && !f.fake.enabled && overwritten(&f));
		fixture_stop(&f);
		if (up)
			break;
		assert_true(at < 40);
	}
}

/* Whenever the kernel refuses to send: an access point is up or off, for hostapd's sake, and what comes next works. */
static void test_every_send_refused(void **state) {
	(void)state;
	static const int errors[] = { EAGAIN, ENOBUFS, ECONNREFUSED };
	for (size_t i = 0; i < ELEMENTS(errors); i++) {
		for (unsigned at = 1;; at++) {
			struct fixture f;
			fixture_start(&f);
			send_refused = (struct send_refusal){ .at = at, .error = errors[i] };
			RUN_UNTIL(&f, strcmp(f.fake.last, "SET max_num_sta 16") == 0); /* the last that is prepared */
			assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
			RUN_UNTIL(&f, f.ups + f.offs > 0);
			bool met = send_refused.count >= at;
			send_refused = (struct send_refusal){ .at = 0 };
			if (f.offs > 0) {
				assert_int_equal(f.reason, REASON_WIFI_GONE);
				assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
				RUN_UNTIL(&f, f.ups == 1 || f.offs > 1);
			}
			assert_int_equal(f.ups, 1);
			access_point_stop(f.ap);
			RUN_UNTIL(&f, !f.fake.enabled && overwritten(&f) && !f.port.up);
			fixture_stop(&f);
			if (!met)
				break;
			assert_true(at < 60);
		}
	}
}

static void test_free_in_off(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f);
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	RUN_UNTIL(&f, f.ups == 1);
	f.free_in_callback = true;
	fake_kill(&f.fake);
	RUN_UNTIL(&f, f.offs == 1);
	assert_null(f.ap);
	fixture_stop(&f);
}

static void test_restart_in_off(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f);
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	RUN_UNTIL(&f, f.ups == 1);
	f.restart_in_off = true;
	access_point_stop(f.ap);
	RUN_UNTIL(&f, f.ups == 2);
	assert_true(f.fake.enabled);
	fixture_stop(&f);
}

/* We may not change the interface (no CAP_NET_ADMIN): hostapd does it, and everything else still works. */
static void test_without_privilege(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f);
	f.port.forbidden = true;
	assert_int_equal(access_point_start(f.ap, &f.credentials), 0);
	RUN_UNTIL(&f, f.ups == 1);
	access_point_stop(f.ap);
	RUN_UNTIL(&f, f.offs == 1);
	assert_int_equal(f.reason, REASON_OK);
	assert_true(overwritten(&f));
	fixture_stop(&f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up_and_down),
		cmocka_unit_test(test_one_station),
		cmocka_unit_test(test_ssid_bytes),
		cmocka_unit_test(test_passphrase),
		cmocka_unit_test(test_bad_credentials),
		cmocka_unit_test(test_every_fault_while_starting),
		cmocka_unit_test(test_every_fault_while_stopping),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_prepared),
		cmocka_unit_test(test_killed_while_up),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_went_down_on_its_own),
		cmocka_unit_test(test_foreign_enabled),
		cmocka_unit_test(test_never_enables),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_stop_while_absent),
		cmocka_unit_test(test_stop_at_every_command),
		cmocka_unit_test(test_free_while_up),
		cmocka_unit_test(test_free_at_every_command),
		cmocka_unit_test(test_every_send_refused),
		cmocka_unit_test(test_free_in_off),
		cmocka_unit_test(test_restart_in_off),
		cmocka_unit_test(test_without_privilege),
	};
	log_set_level(LOG_LEVEL_ERROR - 1); /* the faults are wanted */
	return cmocka_run_group_tests_name("wifi-access-point", tests, NULL, NULL);
}
