/* bluetooth/peers against a small bluetoothd. */
#include <bluetooth/bluetooth.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bluetooth/address.h"
#include "bluetooth/peers.h"
#include "tests/unit/bluetooth/fake_bluez.h"

#define LINGER_US 600000
#define LONG_LINGER_US \
	4000000 /* for tests in which something must happen before: a loaded machine has answered a D-Bus signal by then */

struct fixture {
	sd_event *event;
	struct fake_bluez *fake;
	struct fake_adapter *fake_adapter;
	sd_bus *bus;
	struct adapter *adapter;
	struct peers *peers;
	unsigned ready, lost;
};

static void on_ready(void *context) {
	struct fixture *f = context;
	f->ready++;
}

static void on_lost(void *context, enum reason reason) {
	(void)reason;
	struct fixture *f = context;
	f->lost++;
}

static void make_peers(struct fixture *f, uint64_t linger_us) {
	peers_free(f->peers);
	assert_int_equal(peers_new(&f->peers, f->adapter, linger_us), 0);
	fake_settle(f->event, 0); /* the bus knows which signals it wants */
}

static int setup(void **state) {
	static const struct adapter_callbacks callbacks = { .ready = on_ready, .lost = on_lost };
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	assert_true(sd_event_new(&f->event) >= 0);
	f->fake = fake_new(f->event);
	f->fake_adapter = fake_plug(f->fake, "hci0", "00:AA:01:00:00:00", true);
	fake_start(f->fake);
	f->bus = fake_client(f->fake);
	assert_int_equal(adapter_new(&f->adapter, f->bus, "hci0", &callbacks, f), 0);
	run_until(f->event, f->ready == 1);
	make_peers(f, LINGER_US);
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	peers_free(f->peers);
	adapter_free(f->adapter);
	sd_bus_flush_close_unref(f->bus);
	fake_free(f->fake);
	sd_event_unref(f->event);
	free(f);
	return 0;
}

static struct fake_device *connect_peer(struct fixture *f, unsigned number, struct link_peer *ret) {
	char text[18];
	snprintf(text, sizeof(text), "4F:50:AD:D4:7D:%02X", number);
	*ret = (struct link_peer){ .address_type = BDADDR_LE_RANDOM };
	assert_int_equal(bluetooth_address_parse(text, ret->address), 0);
	return fake_hear(f->fake_adapter, text, "random", 127, NULL, NULL, 0);
}

static void test_ended_after_lingering(void **state) {
	struct fixture *f = *state;
	struct link_peer peer;
	struct fake_device *device = connect_peer(f, 1, &peer);
	assert_true(peers_opened(f->peers, &peer));
	fake_settle(f->event, 2 * LINGER_US);
	assert_int_equal(device->disconnects, 0);
	uint64_t since_us = fake_now_us();
	peers_closed(f->peers, &peer, false);
	run_until(f->event, device->disconnects == 1);
	assert_true(fake_now_us() - since_us >= LINGER_US);
	fake_settle(f->event, 2 * LINGER_US);
	assert_int_equal(device->disconnects, 1);
}

static void test_not_ended_when_it_comes_back(void **state) {
	struct fixture *f = *state;
	struct link_peer peer, other;
	struct fake_device *device = connect_peer(f, 1, &peer);
	struct fake_device *other_device = connect_peer(f, 2, &other);
	assert_true(peers_opened(f->peers, &peer));
	assert_true(peers_opened(f->peers, &other));
	peers_closed(f->peers, &peer, false);
	assert_true(peers_opened(f->peers, &peer));
	assert_true(peers_opened(f->peers, &peer));
	peers_closed(f->peers, &peer, false); /* one of two */
	fake_settle(f->event, 2 * LINGER_US);
	assert_int_equal(device->disconnects, 0);
	peers_closed(f->peers, &peer, false);
	run_until(f->event, device->disconnects == 1);
	assert_int_equal(other_device->disconnects, 0);
}

static void test_unwanted_is_ended_at_once(void **state) {
	struct fixture *f = *state;
	struct link_peer peer;
	struct fake_device *device = connect_peer(f, 1, &peer);
	make_peers(f, LONG_LINGER_US);
	assert_true(peers_opened(f->peers, &peer));
	assert_true(peers_opened(f->peers, &peer));
	peers_closed(f->peers, &peer, true); /* its other channel may be a good one */
	fake_settle(f->event, LINGER_US / 2);
	assert_int_equal(device->disconnects, 0);
	uint64_t since_us = fake_now_us();
	peers_closed(f->peers, &peer, true);
	run_until(f->event, device->disconnects == 1);
	assert_true(fake_now_us() - since_us < LONG_LINGER_US);
}

static void test_no_new_channel_on_a_connection_that_ends(void **state) {
	struct fixture *f = *state;
	struct link_peer peer, other;
	struct fake_device *device = connect_peer(f, 1, &peer), *other_device = connect_peer(f, 2, &other);
	device->connected = other_device->connected = true;
	assert_true(peers_opened(f->peers, &peer));
	peers_closed(f->peers, &peer, true);
	assert_false(peers_opened(f->peers, &peer));
	run_until(f->event, device->disconnects == 1);
	assert_false(peers_opened(f->peers, &peer));
	/* Somebody else's end is not its. */
	other_device->connected = false;
	fake_change(other_device, "Connected", NULL);
	fake_change(device, "RSSI", NULL);
	fake_change(device, "Connected", NULL); /* still true */
	fake_settle(f->event, LINGER_US);
	assert_false(peers_opened(f->peers, &peer));
	device->connected = false;
	fake_change(device, "Connected", NULL);
	run_until(f->event, peers_opened(f->peers, &peer));
	peers_closed(f->peers, &peer, false);
	run_until(f->event, device->disconnects == 2);
}

static void test_end_that_nobody_tells_of(void **state) {
	struct fixture *f = *state;
	struct link_peer peer;
	connect_peer(f, 1, &peer);
	assert_true(peers_opened(f->peers, &peer));
	peers_closed(f->peers, &peer, true);
	uint64_t since_us = fake_now_us();
	run_until(f->event, peers_opened(f->peers, &peer));
	assert_true(fake_now_us() - since_us > 2000000);
}

static void test_all_ended_when_freed(void **state) {
	struct fixture *f = *state;
	struct link_peer open, lingering, ended;
	struct fake_device *device[3] = { connect_peer(f, 1, &open), connect_peer(f, 2, &lingering), connect_peer(f, 3, &ended) };
	assert_true(peers_opened(f->peers, &open));
	assert_true(peers_opened(f->peers, &lingering));
	assert_true(peers_opened(f->peers, &ended));
	peers_closed(f->peers, &lingering, false);
	peers_closed(f->peers, &ended, true);
	peers_free(f->peers);
	f->peers = NULL;
	fake_settle(f->event, 2 * LINGER_US);
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(device[n]->disconnects, 1);
}

static void test_ended_by_the_peer(void **state) {
	struct fixture *f = *state;
	struct link_peer peer;
	struct fake_device *device = connect_peer(f, 1, &peer);
	make_peers(f, LONG_LINGER_US);
	assert_true(peers_opened(f->peers, &peer));
	peers_closed(f->peers, &peer, false);
	device->connected = false;
	fake_change(device, "Connected", NULL);
	fake_settle(f->event, LONG_LINGER_US + LINGER_US);
	assert_int_equal(device->disconnects, 0); /* it would hit a connection that was made since */
}

static void test_more_than_fit(void **state) {
	struct fixture *f = *state;
	struct link_peer peer[40];
	struct fake_device *device[40];
	for (unsigned n = 0; n < 40; n++) {
		device[n] = connect_peer(f, n, &peer[n]);
		assert_true(peers_opened(f->peers, &peer[n]));
	}
	for (unsigned n = 0; n < 40; n++)
		peers_closed(f->peers, &peer[n], false);
	for (unsigned n = 0; n < 40; n++)
		run_until(f->event, device[n]->disconnects == 1);
}

static void test_nothing_to_ask_while_gone(void **state) {
	struct fixture *f = *state;
	struct link_peer peer;
	connect_peer(f, 1, &peer);
	assert_true(peers_opened(f->peers, &peer));
	fake_kill(f->fake);
	run_until(f->event, f->lost == 1);
	peers_closed(f->peers, &peer, true);
	peers_closed(f->peers, &peer, true); /* one too many */
	fake_settle(f->event, 2 * LINGER_US);
	peers_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_ended_after_lingering),     TEST(test_not_ended_when_it_comes_back),
		TEST(test_unwanted_is_ended_at_once), TEST(test_no_new_channel_on_a_connection_that_ends),
		TEST(test_end_that_nobody_tells_of),  TEST(test_all_ended_when_freed),
		TEST(test_ended_by_the_peer),         TEST(test_more_than_fit),
		TEST(test_nothing_to_ask_while_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
