/* Pairing, sessions and strangers, from the buttons to the stored record: the daemon's real parts on the test link. */
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "world.h"

static int setup(void **state) {
	*state = world_new();
	return 0;
}

static int teardown(void **state) {
	world_free(*state);
	return 0;
}

/* --- strangers' bare sockets --- */

/* Bytes that the camera has sent, -1 when it has closed. */
static ssize_t peek(int file) {
	uint8_t bytes[256];
	ssize_t length = recv(file, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_PEEK);
	return length == 0 ? -1 : length < 0 ? 0 : length;
}

static bool is_closed_silently(int file) {
	return peek(file) == -1;
}

/* The first record of a session or pairing, as the channel makes it. */
struct first_record {
	uint8_t bytes[512];
	size_t length;
};

static void keep_record(void *context, const uint8_t *bytes, size_t length) {
	struct first_record *first = context;
	assert_true(length <= sizeof(first->bytes));
	memcpy(first->bytes, bytes, length);
	first->length = length;
}

static void ignore_closed(void *context, enum reason reason) {
	(void)context, (void)reason;
}

static struct first_record make_first_record(const struct companion *c, enum channel_kind kind) {
	static const struct channel_callbacks callbacks = { .send = keep_record, .closed = ignore_closed };
	struct first_record first = { .length = 0 };
	const struct channel_config config = {
		.random = random_system(),
		.keys = &c->keys,
		.pairing = &c->record,
		.name = "Companion",
		.record_limit = RECORD_LIMIT_BLUETOOTH,
		.callbacks = &callbacks,
		.context = &first,
	};
	struct channel *channel;
	assert_int_equal(channel_new_companion(&channel, &config, kind, world_now_us()), 0);
	channel_free(channel);
	return first;
}

/* --- pairing --- */

static void test_pairs_and_comes_back(void **state) {
	struct world *w = *state;
	struct companion c;
	companion_init(&c, w);
	world_start(w);
	assert_string_equal(world_property(w, "Pairing"), "closed");
	assert_string_equal(world_property(w, "Companion"), "");

	world_open_window(w);
	assert_string_equal(world_property(w, "Pairing"), "open");
	companion_open(&c, CHANNEL_PAIRING);
	WAIT_FOR(w, 5, c.has_code && strcmp(world_property(w, "Pairing"), "confirming") == 0);
	char code[8];
	snprintf(code, sizeof(code), "%06u", (unsigned)c.code);
	assert_string_equal(world_property(w, "PairingCode"), code);
	assert_false(c.paired); /* nothing is stored before the person has answered */
	assert_string_equal(world_property(w, "Companion"), "");

	world_click(w, KEY_RECORD);
	WAIT_FOR(w, 5, c.live);
	assert_true(c.paired);
	assert_string_equal(wire_peer_name(c.wire), "CAM-1");
	WAIT_FOR(w, 5, strcmp(world_property(w, "Pairing"), "paired") == 0);
	assert_string_equal(world_property(w, "PairingCode"), "");
	assert_string_equal(world_property(w, "Companion"), "Companion");
	char fingerprint[40];
	static_keys_fingerprint(c.keys.public, fingerprint);
	assert_string_equal(world_property(w, "CompanionFingerprint"), fingerprint);
	static_keys_fingerprint(c.record.peer_key, fingerprint);
	assert_string_equal(world_property(w, "Fingerprint"), fingerprint);
	assert_non_null(strstr(w->feedback, "holding window-open code paired "));

	companion_session(&c);
	assert_string_equal(world_property(w, "Session"), "true");
	assert_int_equal(world_counter(w, "pairings"), 1);
	assert_non_null(strstr(w->changes, "Session "));

	/* After a restart the same companion gets in again, with nothing asked. */
	companion_free(&c);
	world_stop(w);
	world_start(w);
	assert_string_equal(world_property(w, "Companion"), "Companion");
	companion_session(&c);
	companion_free(&c);
	WAIT_FOR(w, 5, strcmp(world_property(w, "Session"), "false") == 0);
}

/* Invariant 1: without the window nothing happens, and nothing is answered. */
static void test_no_window_no_pairing(void **state) {
	struct world *w = *state;
	struct companion c;
	companion_init(&c, w);
	world_start(w);
	companion_open(&c, CHANNEL_PAIRING);
	WAIT_FOR(w, 5, c.closed);
	assert_false(c.has_code);
	assert_int_equal(c.reason, REASON_LINK_CLOSED);
	struct first_record first = make_first_record(&c, CHANNEL_PAIRING);
	int file = world_connect(w);
	assert_int_equal(write(file, first.bytes, first.length), first.length);
	WAIT_FOR(w, 5, is_closed_silently(file));
	close(file);
	/* One button alone, or a single press of both that is too short, opens nothing. */
	world_key(w, KEY_RECORD, true, 0);
	world_key(w, KEY_MENU, true, 0);
	world_settle(w);
	world_key(w, KEY_RECORD, false, 0);
	world_key(w, KEY_MENU, false, 0);
	WAIT_FOR(w, 5, strstr(w->feedback, "failed "));
	assert_null(strstr(w->feedback, "window-open"));
	assert_string_equal(world_property(w, "Pairing"), "closed");
	companion_free(&c);
}

static void test_rejected(void **state) {
	struct world *w = *state;
	struct companion old, c;
	companion_init(&old, w);
	companion_pair_on_disk(&old);
	companion_init(&c, w);
	world_start(w);
	companion_session(&old);
	world_open_window(w);
	companion_open(&c, CHANNEL_PAIRING);
	WAIT_FOR(w, 5, c.has_code && strcmp(world_property(w, "Pairing"), "confirming") == 0);
	world_click(w, KEY_MENU);
	WAIT_FOR(w, 5, c.closed);
	assert_false(c.paired);
	assert_string_equal(world_property(w, "Pairing"), "open");
	assert_int_equal(world_counter(w, "pairing-failures"), 1);
	/* The old companion did not notice. */
	assert_true(old.live);
	companion_ask(&old, &(lanyard_Request){ .which_body = lanyard_Request_status_tag });
	companion_free(&c);
	companion_free(&old);
}

/* Invariants 2 and 3: the old companion stays until the new one is stored, and is gone from then on. */
static void test_replaces_old(void **state) {
	struct world *w = *state;
	struct companion old, c;
	companion_init(&old, w);
	companion_pair_on_disk(&old);
	companion_init(&c, w);
	world_start(w);
	companion_session(&old);
	world_open_window(w);
	companion_open(&c, CHANNEL_PAIRING);
	WAIT_FOR(w, 5, c.has_code && strcmp(world_property(w, "Pairing"), "confirming") == 0);
	assert_true(old.live);
	companion_ask(&old, &(lanyard_Request){ .which_body = lanyard_Request_status_tag });
	world_click(w, KEY_RECORD);
	WAIT_FOR(w, 5, c.live);
	WAIT_FOR(w, 5, old.closed);
	assert_string_equal(world_property(w, "Session"), "false");
	/* With its old record it is a stranger: no answer. */
	companion_open(&old, CHANNEL_SESSION);
	WAIT_FOR(w, 5, old.closed);
	assert_false(old.live);
	assert_int_equal(old.reason, REASON_LINK_CLOSED);
	companion_session(&c);
	companion_free(&c);
	companion_free(&old);
}

/* A second initiator neither blocks the first nor gets anything. */
static void test_second_initiator(void **state) {
	struct world *w = *state;
	struct companion first, second;
	companion_init(&first, w);
	companion_init(&second, w);
	world_start(w);
	world_open_window(w);
	companion_open(&first, CHANNEL_PAIRING);
	WAIT_FOR(w, 5, first.has_code);
	for (unsigned try = 0; try < 5; try++) {
		companion_open(&second, CHANNEL_PAIRING);
		WAIT_FOR(w, 5, second.closed);
		assert_false(second.has_code);
	}
	/* Nor do silent strangers push the pairing out, however many. */
	int strangers[6];
	for (size_t i = 0; i < ELEMENTS(strangers); i++)
		strangers[i] = world_connect(w);
	world_settle(w);
	WAIT_FOR(w, 5, strcmp(world_property(w, "Pairing"), "confirming") == 0);
	world_click(w, KEY_RECORD);
	WAIT_FOR(w, 5, first.live);
	assert_true(first.paired);
	for (size_t i = 0; i < ELEMENTS(strangers); i++)
		close(strangers[i]);
	companion_free(&first);
	companion_free(&second);
}

/* Invariant 3: a companion that walks away in the middle costs a try, not the pairing. */
static void test_abandoned(void **state) {
	struct world *w = *state;
	struct companion old, c;
	companion_init(&old, w);
	companion_pair_on_disk(&old);
	companion_init(&c, w);
	world_start(w);
	world_open_window(w);
	for (unsigned try = 0; try < PAIRING_TRIES; try++) {
		assert_string_equal(world_property(w, "Pairing"), "open");
		companion_open(&c, CHANNEL_PAIRING);
		WAIT_FOR(w, 5, c.has_code && strcmp(world_property(w, "Pairing"), "confirming") == 0);
		companion_free(&c);
		WAIT_FOR(w, 5, strcmp(world_property(w, "Pairing"), "confirming") != 0);
	}
	assert_string_equal(world_property(w, "Pairing"), "closed");
	companion_open(&c, CHANNEL_PAIRING);
	WAIT_FOR(w, 5, c.closed);
	companion_session(&old);
	assert_int_equal(world_counter(w, "pairing-failures"), PAIRING_TRIES);
	companion_free(&c);
	companion_free(&old);
}

/* The record cannot be stored: nobody is told "paired", and the old one works. */
static void test_store_fails(void **state) {
	struct world *w = *state;
	struct companion old, c;
	companion_init(&old, w);
	companion_pair_on_disk(&old);
	companion_init(&c, w);
	world_start(w);
	/* A folder where the temporary file would be: even root cannot open that for writing. */
	char path[128];
	snprintf(path, sizeof(path), "mkdir %s/companion.new", w->state);
	assert_int_equal(system(path), 0);
	world_open_window(w);
	companion_open(&c, CHANNEL_PAIRING);
	WAIT_FOR(w, 5, c.has_code && strcmp(world_property(w, "Pairing"), "confirming") == 0);
	world_click(w, KEY_RECORD);
	WAIT_FOR(w, 5, c.closed);
	assert_false(c.live); /* it may keep what it has provisionally, but was not told that it is paired */
	assert_string_equal(world_property(w, "Pairing"), "open");
	assert_int_equal(world_counter(w, "pairings"), 0);
	companion_session(&old);
	companion_free(&c);
	companion_free(&old);
}

/* --- strangers --- */

/* They say nothing: each is gone after 5 s, and the paired companion gets in meanwhile, again and again. */
static void test_silent_strangers(void **state) {
	struct world *w = *state;
	struct companion c;
	companion_init(&c, w);
	companion_pair_on_disk(&c);
	world_start(w);
	int strangers[UNAUTHENTICATED_LINKS];
	uint64_t began_us = world_now_us();
	for (size_t i = 0; i < ELEMENTS(strangers); i++)
		strangers[i] = world_connect(w);
	world_settle(w);
	/* The companion takes the oldest stranger's place, and the session costs nobody else theirs. */
	companion_session(&c);
	assert_true(is_closed_silently(strangers[0]));
	assert_int_equal(peek(strangers[1]), 0);
	companion_session(&c);
	assert_int_equal(peek(strangers[1]), 0);
	for (size_t i = 1; i < ELEMENTS(strangers); i++)
		WAIT_FOR(w, 8, is_closed_silently(strangers[i]));
	uint64_t took_us = world_now_us() - began_us;
	assert_true(took_us >= HANDSHAKE_US - 100 * MILLISECOND_US && took_us < HANDSHAKE_US + 2 * SECOND_US);
	assert_true(c.live);
	assert_int_equal(world_counter(w, "strangers"), UNAUTHENTICATED_LINKS);
	for (size_t i = 0; i < ELEMENTS(strangers); i++)
		close(strangers[i]);
	companion_free(&c);
}

/* Wrong bytes of every kind get no answer; the live session does not notice. */
static void test_wrong_bytes(void **state) {
	struct world *w = *state;
	struct companion c;
	companion_init(&c, w);
	companion_pair_on_disk(&c);
	world_start(w);
	companion_session(&c);
	struct first_record good = make_first_record(&c, CHANNEL_SESSION);
	static const struct {
		const char *bytes;
		size_t length;
		bool stalls; /* the rest of a record is waited for */
	} garbage[] = {
		{ "\0\0", 2, false },                                     /* a record of no length */
		{ "\xff\xff", 2, false },                                 /* longer than the link allows */
		{ "\0\x01x", 3, false },                                  /* shorter than a hello */
		{ "GET / HTTP/1.1\r\n\r\n", 18, false },                  /* length 18245 */
		{ "\x02\x03\x0c\x00\x00\x00\x04\x00\x01\x00", 10, true }, /* an ATT exchange: length 515 */
	};
	int files[ELEMENTS(garbage)];
	for (size_t i = 0; i < ELEMENTS(garbage); i++) {
		files[i] = world_connect(w);
		assert_int_equal(write(files[i], garbage[i].bytes, garbage[i].length), garbage[i].length);
		if (!garbage[i].stalls)
			WAIT_FOR(w, 2, is_closed_silently(files[i]));
	}
	/* Each byte of a good first message, flipped. The first one makes a longer record, whose end is waited for. */
	int longer = -1;
	for (size_t i = 0; i < good.length; i++) {
		struct first_record bad = good;
		bad.bytes[i] ^= 0x01;
		int file = world_connect(w);
		assert_int_equal(write(file, bad.bytes, bad.length), bad.length);
		if (i == 0) {
			longer = file;
			continue;
		}
		if (i == 1) /* the length: one byte more is waited for, or one is left over */
			assert_int_equal(write(file, "x", 1), 1);
		WAIT_FOR(w, 2, is_closed_silently(file));
		close(file);
	}
	assert_int_equal(peek(longer), 0);
	WAIT_FOR(w, 8, is_closed_silently(longer));
	close(longer);
	for (size_t i = 0; i < ELEMENTS(garbage); i++) {
		WAIT_FOR(w, 8, is_closed_silently(files[i]));
		close(files[i]);
	}
	assert_true(c.live);
	companion_ask(&c, &(lanyard_Request){ .which_body = lanyard_Request_status_tag });
	assert_true(world_counter(w, "handshake-failures") > 0);
	companion_free(&c);
}

/* Invariants 4 and 5: a recorded first message is answered, but does nothing. */
static void test_replay(void **state) {
	struct world *w = *state;
	struct companion c;
	companion_init(&c, w);
	companion_pair_on_disk(&c);
	world_start(w);
	struct first_record first = make_first_record(&c, CHANNEL_SESSION);
	for (unsigned round = 0; round < 2; round++) {
		if (round == 1)
			companion_session(&c);
		int file = world_connect(w);
		assert_int_equal(write(file, first.bytes, first.length), first.length);
		WAIT_FOR(w, 5, peek(file) > 0); /* message 2 */
		assert_string_equal(world_property(w, "Session"), round == 1 ? "true" : "false");
		/* Whatever follows cannot be authentic. */
		assert_int_equal(write(file, "\0\x20xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 34), 34);
		uint64_t sessions = world_counter(w, "sessions");
		WAIT_FOR(w, 5, world_counter(w, "decrypt-failures") == round + 1);
		assert_int_equal(world_counter(w, "sessions"), sessions);
		close(file);
	}
	assert_true(c.live);
	companion_ask(&c, &(lanyard_Request){ .which_body = lanyard_Request_status_tag });
	companion_free(&c);
}

/* However many strangers come in the middle of the companion's handshake, they do not push it out. */
static void test_handshake_is_not_evicted(void **state) {
	struct world *w = *state;
	struct companion c;
	companion_init(&c, w);
	companion_pair_on_disk(&c);
	world_start(w);
	struct first_record first = make_first_record(&c, CHANNEL_SESSION);
	int handshake = world_connect(w), strangers[6];
	assert_int_equal(write(handshake, first.bytes, first.length), first.length);
	WAIT_FOR(w, 5, peek(handshake) > 0);
	ssize_t answered = peek(handshake);
	for (size_t i = 0; i < ELEMENTS(strangers); i++) {
		strangers[i] = world_connect(w);
		world_settle(w);
	}
	assert_int_equal(peek(handshake), answered); /* still open */
	for (size_t i = 0; i < 4; i++)
		assert_true(is_closed_silently(strangers[i]));
	/* Nor do replays of it keep the companion out. */
	for (size_t i = 0; i < ELEMENTS(strangers); i++)
		(void)!send(strangers[i], first.bytes, first.length, MSG_NOSIGNAL); /* most are closed already */
	companion_session(&c);
	close(handshake);
	for (size_t i = 0; i < ELEMENTS(strangers); i++)
		close(strangers[i]);
	companion_free(&c);
}

/* --- sessions --- */

static void test_new_session_replaces_old(void **state) {
	struct world *w = *state;
	struct companion first, second;
	companion_init(&first, w);
	companion_pair_on_disk(&first);
	second = first;
	world_start(w);
	companion_session(&first);
	w->changes[0] = '\0';
	companion_session(&second);
	WAIT_FOR(w, 5, first.closed);
	companion_ask(&second, &(lanyard_Request){ .which_body = lanyard_Request_status_tag });
	assert_int_equal(world_counter(w, "sessions"), 1);
	assert_int_equal(world_counter(w, "sessions-renewed"), 1);
	assert_null(strstr(w->changes, "Session ")); /* it never was without one */
	companion_free(&first);
	companion_free(&second);
}

/* The two halves of a renewal arrive in the wrong order: first the end of the old session, then the first message of the new. */
static void test_renewal_in_wrong_order(void **state) {
	struct world *w = *state;
	struct companion first, second;
	companion_init(&first, w);
	companion_pair_on_disk(&first);
	second = first;
	world_start(w);
	companion_session(&first);
	w->changes[0] = '\0';
	struct first_record message = make_first_record(&first, CHANNEL_SESSION);
	int file = world_connect(w);
	assert_int_equal(write(file, message.bytes, message.length), message.length);
	WAIT_FOR(w, 5, peek(file) > 0);
	companion_free(&first);
	world_settle(w);
	assert_string_equal(world_property(w, "Session"), "true");
	/* What happens in between is told over the new one. */
	fake_recorder_set_state(&w->recorder, "event");
	fake_recorder_signal_recording(&w->recorder, 1);
	WAIT_FOR(w, 5, strcmp(world_property(w, "Recorder"), "event") == 0);
	world_settle(w);
	companion_session(&second);
	WAIT_FOR(w, 5, second.status_events == 1 && second.recording_events == 1);
	assert_null(strstr(w->changes, "Session "));
	assert_int_equal(world_counter(w, "sessions-renewed"), 1);
	close(file);
	companion_free(&second);
	WAIT_FOR(w, 5, strcmp(world_property(w, "Session"), "false") == 0);

	/* When no successor comes of it, the session is over after all, within the time of a handshake. */
	companion_session(&first);
	file = world_connect(w);
	assert_int_equal(write(file, message.bytes, message.length), message.length);
	WAIT_FOR(w, 5, peek(file) > 0);
	companion_free(&first);
	world_settle(w);
	assert_string_equal(world_property(w, "Session"), "true");
	/* Not even when one replay follows the other. */
	WAIT_FOR(w, 3, world_counter(w, "links") >= 4);
	int another = -1;
	uint64_t until_us = world_now_us() + HANDSHAKE_US + SECOND_US;
	while (strcmp(world_property(w, "Session"), "true") == 0) {
		assert_true(world_now_us() < until_us);
		if (another >= 0)
			close(another);
		another = world_connect(w);
		assert_int_equal(write(another, message.bytes, message.length), message.length);
		WAIT_FOR(w, 5, peek(another) != 0);
		sd_event_run(w->event, 200000);
	}
	close(another);
	close(file);
}

static void test_malformed_message_ends_session(void **state) {
	struct world *w = *state;
	struct companion c;
	companion_init(&c, w);
	companion_pair_on_disk(&c);
	world_start(w);
	companion_session(&c);
	assert_int_equal(wire_send(c.wire, "\xff\xff\xff", 3), 0);
	WAIT_FOR(w, 5, c.closed);
	assert_int_equal(world_counter(w, "messages-malformed"), 1);
	/* An event is the camera's to send. */
	companion_session(&c);
	lanyard_Message event = { .which_kind = lanyard_Message_event_tag, .kind.event.which_body = lanyard_Event_wifi_tag };
	uint8_t bytes[64];
	size_t length;
	assert_int_equal(codec_encode(&event, bytes, sizeof(bytes), &length), 0);
	assert_int_equal(wire_send(c.wire, bytes, length), 0);
	WAIT_FOR(w, 5, c.closed);
	companion_session(&c);
	companion_free(&c);
}

/* --- D-Bus --- */

static void test_forget(void **state) {
	struct world *w = *state;
	struct companion c;
	companion_init(&c, w);
	companion_pair_on_disk(&c);
	world_start(w);
	companion_session(&c);
	if (geteuid() != 0) {
		char error[128];
		assert_true(world_forget(w, error) < 0);
		assert_string_equal(error, SD_BUS_ERROR_ACCESS_DENIED);
		assert_true(c.live);
		companion_free(&c);
		return;
	}
	assert_int_equal(world_forget(w, NULL), 0);
	WAIT_FOR(w, 5, c.closed);
	assert_string_equal(world_property(w, "Companion"), "");
	assert_string_equal(world_property(w, "CompanionFingerprint"), "");
	companion_open(&c, CHANNEL_SESSION);
	WAIT_FOR(w, 5, c.closed);
	world_stop(w);
	world_start(w);
	assert_string_equal(world_property(w, "Companion"), "");
	companion_free(&c);
}

static void test_buttons_on_bus(void **state) {
	struct world *w = *state;
	world_start(w);
	assert_string_equal(world_property(w, "Buttons"), "event=0 function=0 event-known=1 function-known=1 ");
	world_key(w, KEY_RECORD, true, 0);
	WAIT_FOR(w, 5, strstr(world_property(w, "Buttons"), "event=1 "));
	world_key(w, KEY_RECORD, false, 0);
	WAIT_FOR(w, 5, strstr(world_property(w, "Buttons"), "event=0 "));
	assert_non_null(strstr(w->changes, "Buttons "));
	assert_string_equal(world_property(w, "Serial"), "CAM-1");
	assert_string_equal(world_property(w, "Model"), "Test camera");
	assert_string_equal(world_property(w, "Wifi"), "off");
	assert_string_equal(world_property(w, "Bluetooth"), "ready");
	assert_string_equal(world_property(w, "Recorder"), "buffering");
	assert_string_equal(world_property(w, "IndicatorLights"), "true");
}

/* A lamp is a folder of text files, as sysfs has it. */
static void test_lamp(void **state) {
	struct world *w = *state;
	char command[320], text[32] = "";
	snprintf(w->settings.led, sizeof(w->settings.led), "%s/led", w->folder);
	snprintf(command, sizeof(command), "mkdir %s/led && cd %s/led && touch trigger delay_on delay_off", w->folder, w->folder);
	assert_int_equal(system(command), 0);
	world_start(w);
	static const char *const expected[] = { "none", "timer" };
	for (unsigned round = 0; round < 2; round++) {
		if (round == 1)
			world_open_window(w);
		char path[192];
		snprintf(path, sizeof(path), "%s/trigger", w->settings.led);
		int file = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t length = read(file, text, sizeof(text) - 1);
		assert_true(length >= 0);
		text[length] = '\0';
		close(file);
		assert_string_equal(text, expected[round]);
	}
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pairs_and_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_window_no_pairing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rejected, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replaces_old, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second_initiator, setup, teardown),
		cmocka_unit_test_setup_teardown(test_abandoned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_store_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent_strangers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_handshake_is_not_evicted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_session_replaces_old, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renewal_in_wrong_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_malformed_message_ends_session, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buttons_on_bus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lamp, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
