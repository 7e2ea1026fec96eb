#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "fake_daemon.h"
#include "wifi/station_on.h"

/* What wpa_supplicant is told when it appears, and after each use; and before a join. */
#define LEAVE_COMMANDS 5
#define PREPARE_COMMANDS 7

struct fixture {
	sd_event *event;
	struct fake_daemon fake;
	struct fake_port port;
	struct interface_port port_operations;
	struct wifi_environment environment;
	struct station *station;
	struct wifi_credentials credentials;
	char psk_hex[2 * PSK_SIZE + 1];
	unsigned joins, offs;
	enum reason reason;
	bool free_in_callback, prepare_in_off, rejoin_in_off;
};

static void on_joined(void *context, unsigned index, const uint8_t address[16]) {
	struct fixture *f = context;
	assert_int_equal(index, 7);
	assert_int_equal(address[0], 0xfe);
	assert_int_equal(address[15], 1);
	assert_string_equal(f->fake.last, "STATUS"); /* its answer says that the port is open, too */
	f->joins++;
	if (f->free_in_callback) {
		station_free(f->station);
		f->station = NULL;
	}
}

static void on_off(void *context, enum reason reason) {
	struct fixture *f = context;
	f->offs++;
	f->reason = reason;
	if (f->free_in_callback) {
		station_free(f->station);
		f->station = NULL;
	} else if (f->rejoin_in_off) {
		f->rejoin_in_off = false;
		if (f->prepare_in_off)
			assert_int_equal(station_prepare(f->station), 0);
		assert_int_equal(station_join(f->station, &f->credentials), 0);
	}
}

static void fixture_start(struct fixture *f, bool random_mac) {
	static const struct station_callbacks callbacks = { on_joined, on_off };
	*f = (struct fixture){ .reason = REASON_INTERNAL };
	assert_true(sd_event_new(&f->event) >= 0);
	fake_start(&f->fake, FAKE_SUPPLICANT, f->event);
	f->port = (struct fake_port){ .up = true, .addresses = true, .event = f->event };
	f->port_operations = fake_port_operations(&f->port);
	f->environment = (struct wifi_environment){ &fake_timing, random_system(), &f->port_operations, f->fake.folder };
	wifi_credentials_make(&f->credentials, random_system(), false, 2437);
	hex_encode(f->psk_hex, f->credentials.psk, PSK_SIZE);
	assert_int_equal(station_supplicant_new_on(&f->station, f->event, f->fake.path, "wlan0", random_mac, &f->environment,
	                                           &callbacks, f),
	                 0);
}

static void fixture_stop(struct fixture *f) {
	station_free(f->station);
	fake_stop(&f->fake);
	sd_event_unref(f->event);
}

/* Nothing of the network is left: not in wpa_supplicant, not on the interface. */
static bool clean(const struct fixture *f) {
	return !f->fake.enabled && !f->fake.psk[0] && !f->fake.ssid[0] && !f->port.up;
}

static void test_join_and_leave(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f, true);
	RUN_UNTIL(&f, clean(&f)); /* wpa_supplicant's interface is up when it appears */
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	assert_int_equal(station_join(f.station, &f.credentials), -EALREADY);
	RUN_UNTIL(&f, f.joins == 1);
	assert_string_equal(f.fake.psk, f.psk_hex);
	assert_true(f.port.up);
	assert_int_equal(f.port.address_changes, 1);
	unsigned flushes = f.fake.pmksa_flushes;
	station_leave(f.station);
	station_leave(f.station);
	RUN_UNTIL(&f, f.offs == 1);
	assert_int_equal(f.reason, REASON_OK);
	assert_true(clean(&f));
	assert_int_equal(f.fake.pmksa_flushes, flushes + 1);
	station_leave(f.station); /* off already: nothing more is heard */
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	RUN_UNTIL(&f, f.joins == 2);
	assert_int_equal(f.port.address_changes, 2);
	assert_int_equal(f.offs, 1);
	fixture_stop(&f);
}

static void test_own_address(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f, false);
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	RUN_UNTIL(&f, f.joins == 1);
	assert_int_equal(f.port.address_changes, 0);
	fixture_stop(&f);
}

/* Which network of that name: the one with this BSSID, or any on this channel. */
static void test_which(void **state) {
	(void)state;
	for (int known = 0; known < 2; known++) {
		struct fixture f;
		fixture_start(&f, true);
		f.credentials.has_bssid = known;
		assert_int_equal(station_join(f.station, &f.credentials), 0);
		RUN_UNTIL(&f, f.joins == 1);
		assert_int_equal(strlen(f.fake.bssid), known ? 17 : 0);
		assert_string_equal(f.fake.frequencies, known ? "" : "2437");
		fixture_stop(&f);
	}
}

/* The name of a network is said aloud only when it is not found without. */
static void test_hidden(void **state) {
	(void)state;
	for (int hidden = 0; hidden < 2; hidden++) {
		struct fixture f;
		fixture_start(&f, true);
		f.credentials.hidden = hidden;
		assert_int_equal(station_join(f.station, &f.credentials), 0);
		RUN_UNTIL(&f, f.joins == 1);
		assert_string_equal(f.fake.hidden, hidden ? "1" : "");
		fixture_stop(&f);
	}
}

static void test_secrets_as_hex(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f, true);
	struct wifi_credentials c = { .ssid = "\"\n\0\xff", .ssid_length = 4, .passphrase = "\"quoted\" and \\ slashed" };
	uint8_t psk[PSK_SIZE];
	char expected[2 * PSK_SIZE + 1];
	assert_int_equal(wifi_credentials_psk(&c, psk), 0);
	hex_encode(expected, psk, PSK_SIZE);
	assert_int_equal(station_join(f.station, &c), 0);
	RUN_UNTIL(&f, f.joins == 1);
	assert_string_equal(f.fake.ssid, "220a00ff");
	assert_string_equal(f.fake.psk, expected);
	fixture_stop(&f);
}

static void test_bad_credentials(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f, true);
	f.credentials.frequency_mhz = 1;
	assert_int_equal(station_join(f.station, &f.credentials), -EINVAL);
	fixture_stop(&f);
}

/* A join may begin before the access point beacons, and the first association may fail. */
static void test_keeps_trying(void **state) {
	(void)state;
	static const enum fake_air airs[] = { AIR_APPEARS_LATE, AIR_REJECTS_ONCE, AIR_WRONG_KEY_ONCE };
	for (size_t i = 0; i < ELEMENTS(airs); i++) {
		struct fixture f;
		fixture_start(&f, true);
		f.fake.air = airs[i];
		assert_int_equal(station_join(f.station, &f.credentials), 0);
		RUN_UNTIL(&f, f.joins + f.offs > 0);
		assert_int_equal(f.joins, 1);
		fixture_stop(&f);
	}
}

static void test_wrong_key(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f, true);
	f.fake.air = AIR_WRONG_KEY;
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	RUN_UNTIL(&f, f.offs == 1);
	assert_int_equal(f.reason, REASON_JOIN_REFUSED);
	assert_int_equal(f.fake.selects, WIFI_KEY_REFUSALS);
	assert_true(clean(&f));
	/* The next join, with the right key, is not held against it. */
	f.fake.air = AIR_WRONG_KEY_ONCE;
	f.fake.selects = 0;
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	RUN_UNTIL(&f, f.joins + f.offs > 1);
	assert_int_equal(f.joins, 1);
	fixture_stop(&f);
}

static void test_timeout(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f, true);
	f.fake.air = AIR_NOTHING;
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	RUN_UNTIL(&f, f.offs == 1);
	assert_int_equal(f.reason, REASON_JOIN_TIMEOUT);
	assert_true(clean(&f));
	fixture_stop(&f);
}

static void test_no_address(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f, true);
	f.port.addresses = false;
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	RUN_UNTIL(&f, f.offs == 1);
	assert_int_equal(f.reason, REASON_JOIN_TIMEOUT);
	assert_int_equal(f.joins, 0);
	assert_true(clean(&f));
	fixture_stop(&f);
}

/* It is gone between the event and the answer, whose own event is still under way. */
static void test_lost_at_once(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f, true);
	f.fake.loses_again = true;
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	RUN_UNTIL(&f, f.offs == 1);
	assert_int_equal(f.reason, REASON_JOIN_LOST);
	assert_int_equal(f.joins, 0);
	assert_true(clean(&f));
	fixture_stop(&f);
}

static const struct {
	const char *line;
	enum reason reason;
} losses[] = {
	{ "<3>CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:00:01 reason=3", REASON_JOIN_LOST },
	{ "<2>CTRL-EVENT-TERMINATING ", REASON_WIFI_GONE },
};

static void test_lost(void **state) {
	(void)state;
	for (size_t i = 0; i < ELEMENTS(losses); i++) {
		struct fixture f;
		fixture_start(&f, true);
		assert_int_equal(station_join(f.station, &f.credentials), 0);
		RUN_UNTIL(&f, f.joins == 1);
		fake_say(&f.fake, losses[i].line);
		RUN_UNTIL(&f, f.offs == 1);
		assert_int_equal(f.reason, losses[i].reason);
		assert_true(clean(&f));
		fixture_stop(&f);
	}
}

/* Connected, and lost before wpa_supplicant has answered how it is. */
static void test_lost_before_the_answer(void **state) {
	(void)state;
	for (size_t i = 0; i < ELEMENTS(losses); i++) {
		struct fixture f;
		fixture_start(&f, true);
		f.fake.said_for_status = losses[i].line;
		assert_int_equal(station_join(f.station, &f.credentials), 0);
		RUN_UNTIL(&f, f.offs == 1);
		assert_int_equal(f.reason, losses[i].reason);
		assert_int_equal(f.joins, 0);
		RUN_UNTIL(&f, clean(&f));
		fixture_stop(&f);
	}
}

static void test_killed_while_joined(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f, true);
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	RUN_UNTIL(&f, f.joins == 1);
	fake_kill(&f.fake);
	RUN_UNTIL(&f, f.offs == 1);
	assert_int_equal(f.reason, REASON_WIFI_GONE);
	assert_false(f.port.up);
	f.port.up = true; /* the new one brings it up */
	fake_restart(&f.fake);
	RUN_UNTIL(&f, !f.port.up);
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	RUN_UNTIL(&f, f.joins == 2);
	assert_int_equal(f.offs, 1);
	fixture_stop(&f);
}

static void test_absent(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f, true);
	fake_kill(&f.fake);
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	RUN_UNTIL(&f, f.offs == 1);
	assert_int_equal(f.reason, REASON_WIFI_GONE);
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	station_leave(f.station);
	assert_int_equal(f.offs, 1); /* outcomes come from the event loop */
	RUN_UNTIL(&f, f.offs == 2);
	assert_int_equal(f.reason, REASON_OK);
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	fake_restart(&f.fake);
	RUN_UNTIL(&f, f.joins == 1);
	fixture_stop(&f);
}

/* connected: it had been, before the fault. */
static bool reason_fits(enum fake_fault fault, bool connected, enum reason reason) {
	switch (fault) {
	case FAULT_FAIL:
	case FAULT_GARBAGE:
		return reason == (connected ? REASON_JOIN_LOST : REASON_JOIN_REFUSED);
	case FAULT_LOST: /* the next answer is taken for it, or none comes */
		return reason == (connected ? REASON_JOIN_LOST : REASON_JOIN_REFUSED) || reason == REASON_WIFI_GONE;
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

/* A join meets the fault at its command `at`: joined all the same, or `off` once with the right reason, interface down, and
 * wpa_supplicant clean as soon as it answers again. */
static bool join_with_fault(enum fake_fault fault, bool prepare, unsigned at, unsigned *failed) {
	struct fixture f;
	fixture_start(&f, true);
	RUN_UNTIL(&f, f.fake.commands == LEAVE_COMMANDS && !f.port.up); /* tidied */
	f.fake.fault = fault;
	f.fake.fault_at = f.fake.commands + at;
	if (prepare) {
		assert_int_equal(station_prepare(f.station), 0);
		RUN_UNTIL(&f, f.fake.commands == LEAVE_COMMANDS + PREPARE_COMMANDS || f.fake.fault_met);
	}
	if (station_join(f.station, &f.credentials) == -EALREADY) /* it is leaving for that */
		RUN_UNTIL(&f, f.offs > 0);
	RUN_UNTIL(&f, f.joins + f.offs > 0);
	bool met = f.fake.fault_met;
	if (f.offs > 0) {
		++*failed;
		if (!reason_fits(fault, f.fake.selects > 0, f.reason))
			fail_msg("fault %d at command %u: %s", fault, at, reason_code(f.reason));
		assert_int_equal(f.joins, 0);
		assert_int_equal(f.offs, 1);
		assert_false(f.port.up);
		if (fault == FAULT_VANISH)
			fake_restart(&f.fake);
		f.fake.fault_at = 0;
		RUN_UNTIL(&f, clean(&f));
		assert_int_equal(station_join(f.station, &f.credentials), 0);
		RUN_UNTIL(&f, f.joins == 1 || f.offs > 1);
		assert_int_equal(f.joins, 1);
	}
	fixture_stop(&f);
	return met;
}

static void test_every_fault_while_joining(void **state) {
	(void)state;
	for (int prepare = 0; prepare < 2; prepare++) {
		unsigned failed = 0;
		for (enum fake_fault fault = FAULT_FAIL; fault < FAULT_COUNT; fault++) {
			unsigned at = 1;
			while (join_with_fault(fault, prepare, at, &failed))
				assert_true(++at < 40);
		}
		assert_true(failed > 7 * 11);
	}
}

/* Interface and supplicant get ready, and nothing is sent until there is something to join. */
static void test_prepare(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f, true);
	RUN_UNTIL(&f, f.fake.commands == LEAVE_COMMANDS && !f.port.up);
	assert_int_equal(station_prepare(f.station), 0);
	assert_int_equal(station_prepare(f.station), -EALREADY);
	RUN_UNTIL(&f, f.fake.commands == LEAVE_COMMANDS + PREPARE_COMMANDS);
	assert_true(f.port.up);
	assert_int_equal(f.port.address_changes, 1);
	fake_say(&f.fake, "<3>CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:00:01 completed [id=0 id_str=]");
	fake_say(&f.fake, "<3>CTRL-EVENT-NETWORK-NOT-FOUND ");
	RUN_FOR(&f, 2 * fake_timing.rescan);
	assert_int_equal(f.fake.commands, LEAVE_COMMANDS + PREPARE_COMMANDS);
	assert_int_equal(f.joins + f.offs, 0);
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	assert_int_equal(station_join(f.station, &f.credentials), -EALREADY);
	RUN_UNTIL(&f, f.joins == 1);
	assert_string_equal(f.fake.psk, f.psk_hex);
	assert_int_equal(f.port.address_changes, 1);
	station_leave(f.station);
	RUN_UNTIL(&f, f.offs == 1);
	/* At once: the join waits for the rest. Also from within `off`, as a second try does. */
	assert_int_equal(station_prepare(f.station), 0);
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	RUN_UNTIL(&f, f.joins == 2);
	f.prepare_in_off = f.rejoin_in_off = true;
	station_leave(f.station);
	RUN_UNTIL(&f, f.joins == 3);
	fixture_stop(&f);
}

/* Nothing follows: it is left as a network is, at whatever moment. */
static void test_prepare_and_leave(void **state) {
	(void)state;
	for (unsigned at = 0; at <= PREPARE_COMMANDS; at++) {
		struct fixture f;
		fixture_start(&f, true);
		RUN_UNTIL(&f, f.fake.commands == LEAVE_COMMANDS && !f.port.up);
		assert_int_equal(station_prepare(f.station), 0);
		RUN_UNTIL(&f, f.fake.commands >= LEAVE_COMMANDS + at);
		station_leave(f.station);
		assert_int_equal(station_prepare(f.station), -EALREADY);
		RUN_UNTIL(&f, f.offs == 1);
		assert_int_equal(f.reason, REASON_OK);
		assert_true(clean(&f));
		fixture_stop(&f);
	}
}

/* A supplicant that is not there, or dies meanwhile, is nothing yet: its successor is told anew. */
static void test_prepare_without_supplicant(void **state) {
	(void)state;
	for (int dies = 0; dies < 2; dies++) {
		struct fixture f;
		fixture_start(&f, true);
		if (!dies)
			fake_kill(&f.fake);
		assert_int_equal(station_prepare(f.station), 0);
		if (dies) {
			RUN_UNTIL(&f, f.fake.commands == PREPARE_COMMANDS);
			fake_kill(&f.fake);
		}
		RUN_FOR(&f, 2 * fake_timing.open);
		assert_int_equal(f.offs, 0);
		fake_restart(&f.fake);
		f.fake.commands = 0;
		RUN_UNTIL(&f, f.fake.commands == PREPARE_COMMANDS);
		assert_int_equal(station_join(f.station, &f.credentials), 0);
		RUN_UNTIL(&f, f.joins == 1);
		/* A join waits for it as long as one that nothing prepared. */
		station_leave(f.station);
		RUN_UNTIL(&f, f.offs == 1);
		fake_kill(&f.fake);
		assert_int_equal(station_prepare(f.station), 0);
		assert_int_equal(station_join(f.station, &f.credentials), 0);
		RUN_UNTIL(&f, f.offs == 2);
		assert_int_equal(f.reason, REASON_WIFI_GONE);
		assert_false(f.port.up);
		fixture_stop(&f);
	}
}

/* The interface cannot be brought up, or went down again before there was a network to join. */
static void test_prepare_without_interface(void **state) {
	(void)state;
	for (int later = 0; later < 2; later++) {
		struct fixture f;
		fixture_start(&f, true);
		RUN_UNTIL(&f, f.fake.commands == LEAVE_COMMANDS && !f.port.up);
		f.port.forbidden = !later;
		assert_int_equal(station_prepare(f.station), 0);
		if (later) {
			RUN_UNTIL(&f, f.fake.commands == LEAVE_COMMANDS + PREPARE_COMMANDS);
			f.port.up = false;
			f.port.forbidden = true;
			assert_int_equal(station_join(f.station, &f.credentials), 0);
		}
		RUN_UNTIL(&f, f.offs == 1);
		assert_int_equal(f.reason, REASON_JOIN_REFUSED);
		assert_int_equal(f.joins, 0);
		fixture_stop(&f);
	}
}

static void test_every_fault_while_leaving(void **state) {
	(void)state;
	for (enum fake_fault fault = FAULT_FAIL; fault < FAULT_COUNT; fault++) {
		for (unsigned at = 1; at <= LEAVE_COMMANDS; at++) {
			struct fixture f;
			fixture_start(&f, true);
			assert_int_equal(station_join(f.station, &f.credentials), 0);
			RUN_UNTIL(&f, f.joins == 1);
			f.fake.fault = fault;
			f.fake.fault_at = f.fake.commands + at;
			station_leave(f.station);
			RUN_UNTIL(&f, f.offs > 0);
			assert_true(f.fake.fault_met);
			assert_false(f.port.up);
			if (f.reason == REASON_OK)
				assert_true(clean(&f));
			if (fault == FAULT_VANISH)
				fake_restart(&f.fake);
			f.fake.fault_at = 0;
			RUN_UNTIL(&f, clean(&f));
			assert_int_equal(f.offs, 1);
			fixture_stop(&f);
		}
	}
}

static void test_leave_at_every_command(void **state) {
	(void)state;
	for (unsigned at = 0;; at++) {
		struct fixture f;
		fixture_start(&f, true);
		assert_int_equal(station_join(f.station, &f.credentials), 0);
		RUN_UNTIL(&f, f.fake.commands >= at || f.joins == 1);
		bool joined = f.joins == 1;
		station_leave(f.station);
		RUN_UNTIL(&f, f.offs == 1);
		if (f.reason != REASON_OK)
			fail_msg("left at command %u: %s", at, reason_code(f.reason));
		assert_true(clean(&f));
		fixture_stop(&f);
		if (joined)
			break;
		assert_true(at < 40);
	}
}

static void test_free_while_joined(void **state) {
	(void)state;
	for (int in_callback = 0; in_callback < 2; in_callback++) {
		struct fixture f;
		fixture_start(&f, true);
		f.free_in_callback = in_callback;
		assert_int_equal(station_join(f.station, &f.credentials), 0);
		RUN_UNTIL(&f, f.joins == 1);
		station_free(f.station);
		f.station = NULL;
		assert_false(f.port.up);
		RUN_UNTIL(&f, clean(&f));
		assert_int_equal(f.offs, 0);
		fixture_stop(&f);
	}
}

static void test_free_in_off(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f, true);
	f.fake.air = AIR_WRONG_KEY;
	f.free_in_callback = true;
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	RUN_UNTIL(&f, f.offs == 1);
	assert_null(f.station);
	fixture_stop(&f);
}

static void test_rejoin_in_off(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f, true);
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	RUN_UNTIL(&f, f.joins == 1);
	f.rejoin_in_off = true;
	station_leave(f.station);
	RUN_UNTIL(&f, f.joins == 2);
	fixture_stop(&f);
}

/* We may not change the interface, but it is up: the random address is left to wpa_supplicant. */
static void test_without_privilege(void **state) {
	(void)state;
	struct fixture f;
	fixture_start(&f, true);
	f.port.forbidden = true;
	assert_int_equal(station_join(f.station, &f.credentials), 0);
	RUN_UNTIL(&f, f.joins == 1);
	assert_true(f.fake.mac_random);
	station_leave(f.station);
	RUN_UNTIL(&f, f.offs == 1);
	assert_int_equal(f.reason, REASON_OK);
	fixture_stop(&f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join_and_leave),
		cmocka_unit_test(test_own_address),
		cmocka_unit_test(test_which),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_secrets_as_hex),
		cmocka_unit_test(test_bad_credentials),
		cmocka_unit_test(test_keeps_trying),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_no_address),
		cmocka_unit_test(test_lost_at_once),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_lost_before_the_answer),
		cmocka_unit_test(test_killed_while_joined),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_every_fault_while_joining),
		cmocka_unit_test(test_prepare),
		cmocka_unit_test(test_prepare_and_leave),
		cmocka_unit_test(test_prepare_without_supplicant),
		cmocka_unit_test(test_prepare_without_interface),
		cmocka_unit_test(test_every_fault_while_leaving),
		cmocka_unit_test(test_leave_at_every_command),
		cmocka_unit_test(test_free_while_joined),
		cmocka_unit_test(test_free_in_off),
		cmocka_unit_test(test_rejoin_in_off),
		cmocka_unit_test(test_without_privilege),
	};
	log_set_level(LOG_LEVEL_ERROR - 1); /* the faults are wanted */
	return cmocka_run_group_tests_name("wifi-station", tests, NULL, NULL);
}
