/* Slate in the daemon: what is logged while it records and at no other time, the signed head on D-Bus and over a session, a disk
 * that refuses; and what policy forbids the radios. */
#include "cam-radio/slate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "crypto/crypto.h"
#include "signal/activation.h"

#include "slate/book.h"
#include "slate/keys.h"
#include "world.h"

static void write_text(const struct world *w, const char *name, const char *text, mode_t mode, char path[SETTINGS_PATH_SIZE]) {
	snprintf(path, SETTINGS_PATH_SIZE, "%s/%s", w->folder, name);
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(file >= 0);
	assert_int_equal(write(file, text, strlen(text)), strlen(text));
	close(file);
}

static void use_slate(struct world *w) {
	char text[160];
	snprintf(text, sizeof(text), "%u 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
	         (unsigned)((uint64_t)time(NULL) / WEEK_SECONDS));
	write_text(w, "group.keys", text, 0600, w->settings.signal_keys);
	write_text(w, "camera.key", "CAM-1 ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\n", 0600,
	           w->settings.slate_key);
	w->settings.slate_enabled = true;
}

static int set_up(void **state) {
	*state = world_new();
	return 0;
}

static int tear_down(void **state) {
	world_free(*state);
	return 0;
}

static size_t read_log(const struct world *w, struct slate_entry *out, size_t capacity, struct slate_reader *reader) {
	static uint8_t bytes[65536];
	size_t length = 0, count = 0;
	int folder = folder_open(w->state);
	assert_int_equal(file_read(folder, SLATE_BOOK_NAME, bytes, sizeof(bytes), &length), 0);
	close(folder);
	assert_int_equal(slate_reader_start(reader, bytes, length), 0);
	while (count < capacity && slate_reader_next(reader, &out[count]))
		count++;
	assert_true(slate_reader_is_whole(reader));
	return count;
}

static void record(struct world *w, bool on) {
	fake_recorder_set_state(&w->recorder, on ? "event" : "buffering");
	WAIT_FOR(w, 5, strcmp(world_property(w, "Recorder"), on ? "event" : "buffering") == 0);
}

static void test_head(void **state) {
	struct world *w = *state;
	static struct slate_entry entries[64];
	struct slate_reader reader;
	struct slate_head head;
	struct companion c;
	char text[SLATE_HEAD_TEXT], error[128];
	use_slate(w);
	companion_init(&c, w);
	companion_pair_on_disk(&c);
	world_start(w);
	record(w, true);
	record(w, false);
	assert_int_equal(world_slate_head(w, text, error), 0);
	assert_int_equal(slate_head_parse(text, &head), 0);
	assert_true(slate_head_is_signed(&head));
	assert_int_equal(read_log(w, entries, 64, &reader), 2);
	assert_int_equal(entries[0].kind, SLATE_RECORDING_BEGAN);
	assert_int_equal(entries[1].kind, SLATE_RECORDING_ENDED);
	assert_memory_equal(entries[0].recording_id, entries[1].recording_id, SLATE_ID_SIZE);
	assert_string_equal(reader.header.serial, "CAM-1");
	assert_int_equal(head.entries, 2);
	assert_memory_equal(head.chain, reader.chain, SHA256_SIZE);
	/* The same over the session. */
	companion_session(&c);
	lanyard_Request request = { .which_body = lanyard_Request_slate_head_tag };
	const lanyard_Response *response = companion_ask(&c, &request);
	assert_int_equal(response->reason, REASON_OK);
	assert_int_equal(response->which_body, lanyard_Response_slate_head_tag);
	const lanyard_SlateHeadResponse *body = &response->body.slate_head;
	assert_int_equal(body->entries, 2);
	assert_int_equal(body->signature.size, ED25519_SIGNATURE_SIZE);
	struct slate_head other = { .entries = body->entries, .time_us = body->time_us };
	memcpy(other.log_id, body->log_id.bytes, sizeof(other.log_id));
	memcpy(other.chain, body->chain.bytes, sizeof(other.chain));
	memcpy(other.public_key, body->public_key.bytes, sizeof(other.public_key));
	memcpy(other.signature, body->signature.bytes, sizeof(other.signature));
	assert_true(slate_head_is_signed(&other));
	assert_memory_equal(other.log_id, head.log_id, sizeof(head.log_id));
	assert_memory_equal(other.public_key, head.public_key, sizeof(head.public_key));
	companion_free(&c);
}

static void test_off(void **state) {
	struct world *w = *state;
	char text[SLATE_HEAD_TEXT], error[128];
	world_start(w);
	record(w, true);
	assert_true(world_slate_head(w, text, error) < 0);
	assert_string_equal(error, "org.lanyard.Error.NotFound");
	int folder = folder_open(w->state);
	assert_int_equal(faccessat(folder, SLATE_BOOK_NAME, F_OK, 0), -1);
	close(folder);
}

/* --- the module alone: what is heard --- */

static int refuse_writes;

static ssize_t maybe_write(void *context, int file, const void *bytes, size_t length) {
	(void)context;
	return refuse_writes ? -ENOSPC : file_layer_system()->write(NULL, file, bytes, length);
}

static uint64_t fake_clock(bool *ret_trusted) {
	*ret_trusted = true;
	return (uint64_t)time(NULL);
}

static struct slate_call call_of(uint8_t key_seed) {
	struct slate_call call;
	uint8_t key[ADVERT_KEY_SIZE];
	memset(key, key_seed, sizeof(key));
	slate_make(&call, key, (uint64_t)time(NULL) / ADVERT_EPOCH_SECONDS, 7, 0);
	return call;
}

static void hear_for(struct world *w, struct slate *slate, const struct slate_call *call, uint64_t us) {
	uint64_t end_us = world_now_us() + us;
	do {
		slate_hear(slate, call, -60);
		assert_true(sd_event_run(w->event, 50000) >= 0);
	} while (world_now_us() < end_us);
	slate_hear(slate, call, -50);
}

static void test_hears(void **state) {
	struct world *w = *state;
	static struct slate_entry entries[64];
	static const uint8_t secret[X25519_SIZE] = { 1 };
	struct slate_reader reader;
	struct slate_head head;
	struct slate *slate;
	struct file_layer layer = *file_layer_system();
	layer.write = maybe_write;
	refuse_writes = 0;
	use_slate(w);
	const struct slate_config config = {
		.settings = &w->settings,
		.layer = &layer,
		.random = random_system(),
		.folder = folder_open(w->state),
		.static_secret = secret,
		.clock = fake_clock,
	};
	assert_int_equal(slate_new(&slate, w->event, &config), 0);
	struct slate_call near = call_of(1), moment = call_of(2), own, idle = call_of(3);
	hear_for(w, slate, &idle, 1100000); /* nothing is recorded */
	assert_false(slate_is_on(slate));
	assert_false(slate_say(slate, (uint64_t)time(NULL), &own));
	slate_set_recording(slate, "00112233445566778899aabbccddeeff");
	assert_true(slate_is_on(slate));
	assert_true(slate_say(slate, 900 * 2000000ull + 421, &own));
	assert_int_equal(own.epoch, 2000000);
	assert_int_equal(own.counter, 421);
	slate_hear(slate, &moment, -40);
	slate_hear(slate, &own, -40);
	hear_for(w, slate, &near, 1200000);
	slate_hear(slate, &own, -40); /* somebody repeats what we have said */
	refuse_writes = 1;
	slate_set_recording(slate, "");
	assert_true(slate_head(slate, &head) < 0);
	refuse_writes = 0;
	assert_int_equal(slate_head(slate, &head), 0);
	assert_int_equal(read_log(w, entries, 64, &reader), 3); /* what the disk refused came later */
	assert_int_equal(entries[0].kind, SLATE_RECORDING_BEGAN);
	assert_int_equal(entries[1].kind, SLATE_RECORDING_ENDED);
	assert_true(entries[1].clock_trusted && entries[1].time_us - entries[0].time_us >= 1200000);
	assert_int_equal(entries[2].kind, SLATE_SIGHTING);
	assert_memory_equal(entries[2].sighting.call.identity, near.identity, SLATE_IDENTITY_SIZE);
	assert_int_equal(entries[2].sighting.rssi, -50);
	assert_true(entries[2].sighting.count >= 10);
	assert_true(entries[2].sighting.last_us - entries[2].sighting.first_us >= 1000000);
	assert_int_equal(head.entries, 3);
	slate_free(slate);
	/* The log goes on; what is heard, or was refused, is written within seconds, by itself, and when the daemon ends. */
	assert_int_equal(slate_new(&slate, w->event, &config), 0);
	refuse_writes = 1;
	slate_set_recording(slate, "ffeeddccbbaa99887766554433221100");
	assert_int_equal(read_log(w, entries, 64, &reader), 3);
	refuse_writes = 0;
	hear_for(w, slate, &near, 1100000);
	WAIT_FOR(w, 10, read_log(w, entries, 64, &reader) == 5);
	assert_int_equal(entries[3].kind, SLATE_RECORDING_BEGAN);
	assert_memory_equal(entries[4].sighting.call.identity, near.identity, SLATE_IDENTITY_SIZE);
	hear_for(w, slate, &idle, 1100000);
	slate_free(slate);
	assert_int_equal(read_log(w, entries, 64, &reader), 6);
	assert_memory_equal(entries[5].sighting.call.identity, idle.identity, SLATE_IDENTITY_SIZE);
	close(config.folder);
}

static unsigned key_changes;

static void on_key_changed(void *context) {
	(void)context;
	key_changes++;
}

/* A camera whose own key cannot be used notes others all the same, and says who it is as soon as the file is good. */
static void test_key(void **state) {
	struct world *w = *state;
	struct slate *slate = NULL;
	struct slate_call own;
	struct slate_head head;
	static const uint8_t secret[X25519_SIZE] = { 1 };
	use_slate(w);
	key_changes = 0;
	const struct slate_config config = {
		.settings = &w->settings,
		.layer = file_layer_system(),
		.random = random_system(),
		.folder = folder_open(w->state),
		.static_secret = secret,
		.clock = fake_clock,
		.key_retry_us = 10000,
		.key_changed = on_key_changed,
	};
	strcpy(w->settings.serial, "CAM-2");
	assert_int_equal(slate_new(&slate, w->event, &config), 0);
	assert_non_null(strstr(slate_key_problem(slate), "/camera.key has no key for CAM-2: "));
	slate_free(slate);
	strcpy(w->settings.serial, "CAM-1");
	assert_int_equal(chmod(w->settings.slate_key, 0644), 0);
	assert_int_equal(slate_new(&slate, w->event, &config), 0);
	assert_non_null(strstr(slate_key_problem(slate), "/camera.key may be read by everybody: "));
	slate_set_recording(slate, "00112233445566778899aabbccddeeff");
	assert_true(slate_is_on(slate));
	assert_false(slate_can_say(slate));
	assert_false(slate_say(slate, (uint64_t)time(NULL), &own));
	const struct slate_call near = call_of(1);
	hear_for(w, slate, &near, 1100000);
	assert_int_equal(slate_head(slate, &head), 0);
	assert_int_equal(head.entries, 2);
	assert_int_equal(key_changes, 0);
	assert_int_equal(chmod(w->settings.slate_key, 0600), 0);
	WAIT_FOR(w, 5, key_changes == 1);
	assert_string_equal(slate_key_problem(slate), "");
	assert_true(slate_can_say(slate));
	assert_true(slate_say(slate, (uint64_t)time(NULL), &own));
	slate_free(slate);
	close(config.folder);
}

/* Files of keys that cannot be used keep nothing from starting, pairing included; people are told. */
static void test_key_files(void **state) {
	struct world *w = *state;
	struct companion c;
	use_slate(w);
	w->settings.signal_enabled = true;
	assert_int_equal(chmod(w->settings.signal_keys, 0644), 0);
	assert_int_equal(unlink(w->settings.slate_key), 0);
	world_start(w);
	assert_non_null(strstr(world_property(w, "SignalKeysProblem"), "group.keys may be read by everybody"));
	assert_non_null(strstr(world_property(w, "SlateKeyProblem"), "camera.key is missing: "));
	companion_init(&c, w);
	world_open_window(w);
	companion_pair(&c);
	companion_session(&c);
	record(w, true);
	record(w, false);
	w->changes[0] = '\0';
	use_slate(w);
	assert_int_equal(chmod(w->settings.signal_keys, 0600), 0);
	WAIT_FOR(w, 10, strstr(w->changes, "SignalKeysProblem ") && strstr(w->changes, "SlateKeyProblem "));
	assert_string_equal(world_property(w, "SignalKeysProblem"), "");
	assert_string_equal(world_property(w, "SlateKeyProblem"), "");
	companion_free(&c);
}

/* --- calling the neighbours --- */

static bool has_called(const struct world *w) {
	int folder = folder_open(w->state);
	bool has = faccessat(folder, "call-sequence", F_OK, 0) == 0;
	close(folder);
	return has;
}

static void test_calls(void **state) {
	struct world *w = *state;
	use_slate(w);
	w->settings.signal_call = true;
	w->settings.signal_sender = 9;
	fake_recorder_set_state(&w->recorder, "event");
	world_start(w); /* into a recording that goes on: it is too late for a call */
	WAIT_FOR(w, 5, strcmp(world_property(w, "Recorder"), "event") == 0);
	assert_false(has_called(w));
	record(w, false);
	assert_false(has_called(w));
	record(w, true);
	assert_true(has_called(w));
}

static void test_calls_nobody(void **state) {
	struct world *w = *state;
	use_slate(w);
	world_start(w);
	record(w, true);
	assert_false(has_called(w));
}

/* --- policy --- */

/* The test link is no radio: a session lives on it all the same, and must not bring up Wi-Fi; the buttons open no window. */
static void forbidden(struct world *w, enum reason reason, const char *bluetooth) {
	struct companion c;
	companion_init(&c, w);
	companion_pair_on_disk(&c);
	world_start(w);
	WAIT_FOR(w, 5, strcmp(world_property(w, "Bluetooth"), bluetooth) == 0);
	world_key(w, w->settings.event_key, true, 0);
	world_key(w, w->settings.function_key, true, 0);
	WAIT_FOR(w, 5, strstr(w->feedback, "failed") != NULL);
	assert_string_equal(world_property(w, "Pairing"), "closed");
	world_key(w, w->settings.event_key, false, 0);
	world_key(w, w->settings.function_key, false, 0);
	companion_session(&c);
	lanyard_Request start = { .which_body = lanyard_Request_access_point_start_tag };
	assert_int_equal(companion_ask(&c, &start)->reason, reason);
	assert_string_equal(world_property(w, "Wifi"), "off");
	lanyard_Request station = { .which_body = lanyard_Request_station_start_tag };
	assert_int_equal(companion_ask(&c, &station)->reason, reason);
	companion_free(&c);
}

static void test_silent(void **state) {
	struct world *w = *state;
	w->settings.silent = true;
	forbidden(w, REASON_RADIO_SILENT, "radio-silent");
}

static void test_radio_off(void **state) {
	struct world *w = *state;
	w->settings.bluetooth_enabled = false;
	forbidden(w, REASON_RADIO_OFF, "radio-off");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_head, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hears, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_key_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_calls, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_calls_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_silent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_radio_off, set_up, tear_down),
	};
	return crypto_start() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
