/* What the camera does about Signal adverts, with a recorder of the test's own: starts, refusals, what is counted and logged, the
 * memory of sequences across restarts, and a clock that is a guess. */
#include "cam-radio/signal_listener.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus.h"
#include "cam-radio/recorder.h"
#include "crypto/crypto.h"
#include "fake_recorder.h"
#include "signal/activation.h"
#include "unit.h"
#include "world.h"

#define NOW_S 1800000000u

static const uint8_t somebody[6] = { 6, 5, 4, 3, 2, 1 };
static uint64_t now_s;
static bool trusted;

static uint64_t fake_clock(bool *ret_trusted) {
	*ret_trusted = trusted;
	return now_s;
}

struct fixture {
	sd_event *event;
	char folder[32], keys[64];
	int state;
	uint8_t key[ADVERT_KEY_SIZE];
	struct bus_daemon daemon;
	struct fake_recorder fake;
	sd_bus *bus;
	struct recorder *recorder;
	struct settings settings;
	struct counters counters;
	struct signal_listener *listener;
	unsigned events[SECURITY_SIGNAL_REPLAYED + 1];
	unsigned keys_changes;
};

static void on_changed(void *context) {
	(void)context;
}

static void on_recording_changed(void *context, const char *id) {
	(void)context, (void)id;
}

static const struct recorder_callbacks recorder_handlers = { .changed = on_changed, .recording_changed = on_recording_changed };

static void write_keys_of(struct fixture *f, uint64_t week, mode_t mode) {
	char digits[2 * ADVERT_KEY_SIZE + 1];
	FILE *file = fopen(f->keys, "w");
	assert_non_null(file);
	hex_encode(digits, f->key, sizeof(f->key));
	fprintf(file, "# keys of a test\n%" PRIu64 " %s\n", week, digits);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(f->keys, mode), 0);
}

static void write_keys(struct fixture *f, mode_t mode) {
	write_keys_of(f, NOW_S / WEEK_SECONDS, mode);
}

static void on_security(void *context, enum security_event event, const char *text) {
	struct fixture *f = context;
	assert_non_null(strstr(text, ", from "));
	f->events[event]++;
}

static void on_keys_changed(void *context) {
	struct fixture *f = context;
	f->keys_changes++;
}

static int open_listener(struct fixture *f) {
	const struct signal_listener_config config = { .settings = &f->settings,
		                                       .recorder = f->recorder,
		                                       .counters = &f->counters,
		                                       .layer = file_layer_system(),
		                                       .folder = f->state,
		                                       .clock = fake_clock,
		                                       .keys_retry_us = 10000,
		                                       .keys_changed = on_keys_changed,
		                                       .security = on_security,
		                                       .context = f };
	return signal_listener_new(&f->listener, f->event, &config);
}

static void wait_state(struct fixture *f, const char *state) {
	fake_recorder_set_state(&f->fake, state);
	WAIT_FOR(f, 5, strcmp(recorder_state_name(f->recorder), state) == 0);
}

static int set_up(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	assert_int_equal(crypto_start(), 0);
	now_s = NOW_S;
	trusted = true;
	memset(f->key, 7, sizeof(f->key));
	strcpy(f->folder, "/tmp/lanyard-signals.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->keys, sizeof(f->keys), "%s/keys", f->folder);
	write_keys(f, 0600);
	f->state = folder_open(f->folder);
	assert_true(f->state >= 0);
	assert_true(sd_event_new(&f->event) >= 0);
	bus_daemon_start(&f->daemon);
	fake_recorder_init(&f->fake, f->event, &f->daemon);
	fake_recorder_run(&f->fake);
	f->bus = bus_daemon_connect(&f->daemon, f->event);
	assert_int_equal(recorder_new(&f->recorder, f->bus, NULL, &recorder_handlers, f), 0);
	f->settings = (struct settings){ .signal_enabled = true, .signal_kinds = UINT32_MAX };
	strcpy(f->settings.signal_keys, f->keys);
	assert_int_equal(open_listener(f), 0);
	wait_state(f, "buffering");
	*state = f;
	return 0;
}

static int tear_down(void **state) {
	struct fixture *f = *state;
	char command[64];
	signal_listener_free(f->listener);
	recorder_free(f->recorder);
	sd_bus_flush_close_unref(f->bus);
	fake_recorder_die(&f->fake);
	bus_daemon_stop(&f->daemon);
	sd_event_unref(f->event);
	close(f->state);
	snprintf(command, sizeof(command), "rm -rf %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void hear(struct fixture *f, uint32_t sender, uint32_t sequence, uint64_t time_s, enum signal_kind kind) {
	struct advert_keys keys;
	uint8_t bytes[ADVERT_SIZE];
	const struct advert_call call = { ADVERT_SIGNAL, { .signal = { sender, sequence, (uint32_t)time_s, kind } } };
	advert_keys_derive(&keys, f->key, time_s / ADVERT_EPOCH_SECONDS);
	advert_encode(&keys, &call, bytes);
	signal_listener_hear(f->listener, somebody, -60, bytes);
}

/* Until the recorder has answered whatever it was asked. */
static void settle(struct fixture *f) {
	for (unsigned i = 0; i < 30; i++)
		assert_true(sd_event_run(f->event, 5000) >= 0);
}

static uint64_t count(const struct fixture *f, enum counter counter) {
	return f->counters.value[counter];
}

static void test_starts(void **state) {
	struct fixture *f = *state;
	assert_true(signal_listener_wants(f->listener));
	hear(f, 7, 1, NOW_S, SIGNAL_HOLSTER);
	hear(f, 8, 1, NOW_S, SIGNAL_SIREN); /* while the recorder has not answered yet */
	assert_int_equal(count(f, COUNTER_SIGNALS_REFUSED), 1);
	WAIT_FOR(f, 5, f->fake.starts == 1);
	assert_string_equal(f->fake.last_reason, "signal:holster");
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 1);
	wait_state(f, "event");
	assert_true(signal_listener_wants(f->listener)); /* not to be deaf when it ends */
	hear(f, 7, 2, NOW_S, SIGNAL_HOLSTER);            /* starts nothing twice, nor later */
	assert_int_equal(count(f, COUNTER_SIGNALS_REFUSED), 2);
	wait_state(f, "buffering");
	hear(f, 7, 2, NOW_S, SIGNAL_HOLSTER);
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 1);
	wait_state(f, "off");
	assert_false(signal_listener_wants(f->listener));
	hear(f, 7, 3, NOW_S, SIGNAL_HOLSTER);
	assert_int_equal(count(f, COUNTER_SIGNALS_REFUSED), 3);
	assert_int_equal(f->fake.starts, 1);
}

static void test_refuses(void **state) {
	struct fixture *f = *state;
	uint8_t junk[ADVERT_SIZE] = { ADVERT_HEADER, 1, 2, 3 };
	for (unsigned i = 0; i < 1000; i++) {
		junk[9] = (uint8_t)i;
		signal_listener_hear(f->listener, somebody, -60, junk);
	}
	assert_int_equal(count(f, COUNTER_SIGNALS_FORGED), 1000);
	f->settings.signal_kinds = 1u << SIGNAL_SIREN;
	f->settings.signal_muted[f->settings.signal_muted_count++] = 9;
	signal_listener_free(f->listener);
	assert_int_equal(open_listener(f), 0);
	hear(f, 7, 1, NOW_S, SIGNAL_HOLSTER); /* a kind that is off */
	hear(f, 9, 1, NOW_S, SIGNAL_SIREN);   /* muted */
	assert_int_equal(count(f, COUNTER_SIGNALS_REFUSED), 2);
	hear(f, 8, 1, NOW_S - 61, SIGNAL_SIREN);
	hear(f, 8, 2, NOW_S + 61, SIGNAL_SIREN);
	assert_int_equal(count(f, COUNTER_SIGNALS_STALE), 2);
	assert_int_equal(f->fake.starts, 0);
	hear(f, 8, 3, NOW_S + 59, SIGNAL_SIREN);
	WAIT_FOR(f, 5, f->fake.starts == 1);
}

/* How many lines of the log say that, of what `noise` makes. */
static unsigned lines_of(struct fixture *f, void (*noise)(struct fixture *f), const char *what) {
	char line[256];
	unsigned lines = 0;
	FILE *log = tmpfile();
	int errors = dup(STDERR_FILENO);
	assert_non_null(log);
	assert_true(errors >= 0 && dup2(fileno(log), STDERR_FILENO) >= 0);
	noise(f);
	assert_true(dup2(errors, STDERR_FILENO) >= 0);
	close(errors);
	rewind(log);
	while (fgets(line, sizeof(line), log) != NULL)
		lines += strstr(line, what) != NULL;
	fclose(log);
	return lines;
}

static void forge(struct fixture *f, unsigned addresses) {
	const uint8_t junk[ADVERT_SIZE] = { ADVERT_HEADER, 1, 2, 3 };
	for (unsigned i = 0; i < 1000; i++) {
		uint8_t address[6] = { (uint8_t)(i % addresses), (uint8_t)(i % addresses / 256) };
		signal_listener_hear(f->listener, address, -60, junk);
	}
}

static void forge_as_two(struct fixture *f) {
	forge(f, 2);
}

static void forge_as_many(struct fixture *f) {
	forge(f, 1000);
}

/* Junk fills no log: a line for each source, and no more than 32 of all within a minute. */
static void test_tells_little(void **state) {
	struct fixture *f = *state;
	assert_int_equal(lines_of(f, forge_as_two, "signal: forged"), 2);
	assert_int_equal(lines_of(f, forge_as_many, "signal: forged"), 30);
	assert_int_equal(count(f, COUNTER_SIGNALS_FORGED), 2000);
	assert_int_equal(f->events[SECURITY_SIGNAL_FORGED], 32);
	assert_int_equal(f->events[SECURITY_SIGNAL_REPLAYED], 0);
}

static void malform(struct fixture *f) {
	for (unsigned i = 0; i < 1000; i++) {
		uint8_t address[6] = { (uint8_t)(i % 100) };
		signal_listener_hear_malformed(f->listener, address, ADVERT_HEADER, i);
	}
}

static void malform_once(struct fixture *f) {
	signal_listener_hear_malformed(f->listener, somebody, ADVERT_HEADER, ADVERT_SIZE - 1);
}

/* What is no call is counted and told as little as a forged one, and nobody is warned of it. */
static void test_malformed(void **state) {
	struct fixture *f = *state;
	const uint8_t of_no_kind[LEGACY_SIZE] = { LEGACY_HEADER, SIGNAL_KIND_LAST + 1 };
	assert_int_equal(lines_of(f, malform_once, "signal: malformed: header 0x01, 23 bytes, from 01:02:03:04:05:06\n"), 1);
	assert_int_equal(lines_of(f, malform_once, "signal: malformed"), 0); /* once a minute */
	assert_int_equal(lines_of(f, malform, "signal: malformed"), 31);
	signal_listener_hear_legacy(f->listener, somebody, of_no_kind);
	assert_int_equal(count(f, COUNTER_SIGNALS_MALFORMED), 1003);
	assert_int_equal(count(f, COUNTER_SIGNALS_UNSIGNED), 0);
	assert_int_equal(count(f, COUNTER_SIGNALS_FORGED), 0);
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 0);
	for (enum security_event event = 0; event < ELEMENTS(f->events); event++)
		assert_int_equal(f->events[event], 0);
}

/* The sequence is on the disk when a call has been dealt with: a restart in the same moment does not make it new again. */
static void test_remembers(void **state) {
	struct fixture *f = *state;
	hear(f, 7, 5, NOW_S, SIGNAL_HOLSTER);
	signal_listener_free(f->listener);
	assert_int_equal(open_listener(f), 0);
	hear(f, 7, 5, NOW_S, SIGNAL_HOLSTER); /* the sender still says it */
	assert_int_equal(count(f, COUNTER_SIGNALS_REPLAYED), 0);
	hear(f, 7, 4, NOW_S, SIGNAL_HOLSTER);
	now_s += 11;
	hear(f, 7, 5, NOW_S, SIGNAL_HOLSTER);
	assert_int_equal(count(f, COUNTER_SIGNALS_REPLAYED), 2);
	assert_int_equal(f->events[SECURITY_SIGNAL_REPLAYED], 1); /* once a minute of one source */
	assert_int_equal(f->events[SECURITY_SIGNAL_FORGED], 0);
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 1);
	wait_state(f, "buffering");
	hear(f, 7, 6, NOW_S, SIGNAL_HOLSTER);
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 2);
}

static void hear_legacy(struct fixture *f, enum signal_kind kind, uint32_t activator) {
	uint8_t bytes[LEGACY_SIZE];
	legacy_encode(&(struct legacy_call){ kind, activator }, bytes);
	signal_listener_hear_legacy(f->listener, somebody, bytes);
}

/* Told not to answer for a while, also after a restart: it ends with its time, and when the clock was set back. */
static void test_muted(void **state) {
	struct fixture *f = *state;
	struct mute mute;
	assert_int_equal(mute_make(&mute, NOW_S, 10, "range officer"), 0);
	assert_int_equal(signal_listener_mute(f->listener, &mute), 0);
	hear(f, 7, 1, NOW_S, SIGNAL_HOLSTER);
	signal_listener_free(f->listener);
	assert_int_equal(open_listener(f), 0);
	assert_string_equal(signal_listener_muted(f->listener)->who, "range officer");
	hear(f, 7, 2, NOW_S, SIGNAL_HOLSTER);
	settle(f);
	assert_int_equal(count(f, COUNTER_SIGNALS_REFUSED), 2);
	assert_int_equal(f->fake.starts, 0);
	now_s += 600;
	hear(f, 7, 3, now_s, SIGNAL_HOLSTER);
	WAIT_FOR(f, 5, f->fake.starts == 1);
	wait_state(f, "event");
	signal_listener_recording_ended(f->listener);
	wait_state(f, "buffering");
	now_s = NOW_S - 1;
	hear(f, 8, 1, now_s, SIGNAL_HOLSTER);
	WAIT_FOR(f, 5, f->fake.starts == 2);
}

/* Calls that anybody can send are counted, and nothing else, unless policy asks for them. */
static void test_unsigned_by_default(void **state) {
	struct fixture *f = *state;
	for (unsigned i = 0; i < 100; i++)
		hear_legacy(f, SIGNAL_HOLSTER, i);
	settle(f);
	assert_int_equal(count(f, COUNTER_SIGNALS_UNSIGNED), 100);
	assert_int_equal(count(f, COUNTER_SIGNALS_UNVERIFIED), 0);
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 0);
	assert_int_equal(f->fake.starts, 0);
	hear(f, 7, 1, NOW_S, SIGNAL_HOLSTER);
	WAIT_FOR(f, 5, f->fake.starts == 1);
	assert_string_equal(f->fake.last_reason, "signal:holster");
}

/* Where policy does, the recording says that nobody knows who called, in the longest case, too. */
static void test_legacy(void **state) {
	struct fixture *f = *state;
	f->settings.signal_legacy = true;
	signal_listener_free(f->listener);
	assert_int_equal(open_listener(f), 0);
	hear_legacy(f, SIGNAL_ENERGY_WEAPON, 4242);
	WAIT_FOR(f, 5, f->fake.starts == 1);
	assert_string_equal(f->fake.last_reason, "signal:energy-weapon:unverified");
	assert_string_equal(f->fake.last_source, "unverified (signal.auth = legacy): activator 4242, from 01:02:03:04:05:06");
	assert_int_equal(count(f, COUNTER_SIGNALS_UNVERIFIED), 1);
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 1);
	settle(f);
	wait_state(f, "event");
	hear_legacy(f, SIGNAL_HOLSTER, 1); /* recording already */
	wait_state(f, "buffering");
	hear_legacy(f, SIGNAL_HOLSTER, 4242); /* the same source within the minute */
	settle(f);
	assert_int_equal(count(f, COUNTER_SIGNALS_UNSIGNED), 2);
	assert_int_equal(f->fake.starts, 1);
	hear(f, 4242, 1, NOW_S, SIGNAL_HOLSTER); /* an authentic call is under none of these limits */
	WAIT_FOR(f, 5, f->fake.starts == 2);
	assert_string_equal(f->fake.last_reason, "signal:holster");
}

/* An agency with old activators only has no keys. */
static void test_legacy_without_keys(void **state) {
	struct fixture *f = *state;
	signal_listener_free(f->listener);
	f->listener = NULL;
	f->settings.signal_legacy = true;
	f->settings.signal_keys[0] = '\0';
	assert_int_equal(open_listener(f), 0);
	hear(f, 7, 1, NOW_S, SIGNAL_HOLSTER);
	assert_int_equal(count(f, COUNTER_SIGNALS_FORGED), 1);
	hear_legacy(f, SIGNAL_HOLSTER, 7);
	WAIT_FOR(f, 5, f->fake.starts == 1);
}

static void test_damaged_memory(void **state) {
	struct fixture *f = *state;
	hear(f, 7, 5, NOW_S, SIGNAL_HOLSTER);
	signal_listener_free(f->listener);
	int file = openat(f->state, "signals", O_WRONLY | O_CLOEXEC);
	assert_true(file >= 0);
	assert_int_equal(pwrite(file, "x", 1, 13), 1);
	close(file);
	assert_int_equal(open_listener(f), 0); /* hears on; what was damaged is kept aside */
	assert_int_equal(faccessat(f->state, "signals.damaged-1", F_OK, 0), 0);
	hear(f, 7, 6, NOW_S, SIGNAL_HOLSTER);
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 2);
}

static void reopen(struct fixture *f) {
	signal_listener_free(f->listener);
	assert_int_equal(open_listener(f), 0);
}

static void expect_keys(struct fixture *f, const char *problem) {
	if (strstr(signal_listener_keys_problem(f->listener), problem) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", problem, signal_listener_keys_problem(f->listener));
	assert_true(signal_listener_lacks_keys(f->listener));
	assert_false(signal_listener_wants(f->listener));
}

static void write_damage(struct fixture *f) {
	FILE *file = fopen(f->keys, "w");
	assert_non_null(file);
	fputs("# keys of a test\n3000 1234\n", file);
	assert_int_equal(fclose(file), 0);
}

/* A file that cannot be used costs what needs it and nothing else, and is used as soon as it can be. */
static void test_keys(void **state) {
	struct fixture *f = *state;
	struct advert_keys keys;
	char line[KEY_FILE_PROBLEM_SIZE];
	assert_false(signal_listener_lacks_keys(f->listener));
	write_keys(f, 0644);
	snprintf(line, sizeof(line), "<3>signal: %s may be read by everybody: chmod 640 or less, and make new keys. Until then ",
	         f->keys);
	assert_int_equal(lines_of(f, reopen, line), 1);
	expect_keys(f, "may be read by everybody");
	assert_false(signal_listener_keys(f->listener, NOW_S / ADVERT_EPOCH_SECONDS, &keys));
	hear(f, 7, 1, NOW_S, SIGNAL_HOLSTER);
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 0);
	assert_int_equal(count(f, COUNTER_SIGNALS_FORGED), 0); /* which nobody could tell */
	assert_int_equal(lines_of(f, settle, "signal: "), 0);  /* looked at again and again, and told once */
	now_s += ADVERT_EPOCH_SECONDS;
	assert_int_equal(lines_of(f, settle, line), 1); /* an epoch */
	write_keys(f, 0640);
	snprintf(line, sizeof(line), "<5>signal: %s is good: its keys are used from now on\n", f->keys);
	assert_int_equal(f->keys_changes, 0);
	assert_int_equal(lines_of(f, settle, line), 1);
	assert_int_equal(f->keys_changes, 1);
	assert_false(signal_listener_lacks_keys(f->listener));
	assert_string_equal(signal_listener_keys_problem(f->listener), "");
	assert_true(signal_listener_wants(f->listener));
	hear(f, 7, 1, now_s, SIGNAL_HOLSTER); /* which still goes on */
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 1);
}

static void test_keys_of_every_kind(void **state) {
	struct fixture *f = *state;
	write_damage(f);
	reopen(f);
	expect_keys(f, "/keys:2: expected a week's number and 64 hexadecimal digits");
	assert_int_equal(unlink(f->keys), 0);
	reopen(f);
	expect_keys(f, "/keys is missing: copy the agency's keys there");
	assert_int_equal(mkdir(f->keys, 0700), 0);
	reopen(f);
	expect_keys(f, "/keys is no file");
	assert_int_equal(rmdir(f->keys), 0);
	write_keys_of(f, NOW_S / WEEK_SECONDS - 2, 0600);
	reopen(f);
	expect_keys(f, "/keys has no key for this week: copy the agency's new ones there, or set the clock");
	now_s -= 2 * WEEK_SECONDS; /* the clock was wrong: the file is as it was */
	WAIT_FOR(f, 5, !signal_listener_lacks_keys(f->listener));
	now_s = NOW_S;
	reopen(f);
	f->settings.signal_enabled = false; /* then nobody needs them */
	reopen(f);
	assert_false(signal_listener_lacks_keys(f->listener));
	assert_string_equal(signal_listener_keys_problem(f->listener), "");
	f->settings.slate_enabled = true;
	reopen(f);
	assert_true(signal_listener_lacks_keys(f->listener));
}

/* Calls that nobody signs need no keys; of the others nobody can tell whether they are forged. */
static void test_legacy_lacks_keys(void **state) {
	struct fixture *f = *state;
	f->settings.signal_legacy = true;
	write_damage(f);
	reopen(f);
	assert_true(signal_listener_lacks_keys(f->listener));
	assert_true(signal_listener_wants(f->listener));
	hear(f, 7, 1, NOW_S, SIGNAL_HOLSTER);
	assert_int_equal(count(f, COUNTER_SIGNALS_FORGED), 0);
	assert_int_equal(f->events[SECURITY_SIGNAL_FORGED], 0);
	hear_legacy(f, SIGNAL_HOLSTER, 7);
	WAIT_FOR(f, 5, f->fake.starts == 1);
}

/* What has been read is used on when the file is not good any more; that is told, too. */
static void test_keys_go_bad(void **state) {
	struct fixture *f = *state;
	write_damage(f);
	now_s += ADVERT_EPOCH_SECONDS;
	hear(f, 7, 1, now_s, SIGNAL_HOLSTER);
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 1);
	assert_false(signal_listener_lacks_keys(f->listener));
	assert_non_null(strstr(signal_listener_keys_problem(f->listener), "/keys:2: "));
	WAIT_FOR(f, 5, f->keys_changes == 1);
	write_keys(f, 0600);
	WAIT_FOR(f, 5, f->keys_changes == 2);
	assert_string_equal(signal_listener_keys_problem(f->listener), "");
}

/* A camera that is never switched off, and one whose clock was years behind when it was. */
static void test_new_weeks(void **state) {
	struct fixture *f = *state;
	const uint64_t later_s = NOW_S + 60 * WEEK_SECONDS;
	struct advert_keys keys;
	assert_int_equal(unlink(f->keys), 0); /* as when it is being replaced: what has been read holds */
	now_s += ADVERT_EPOCH_SECONDS;
	hear(f, 7, 1, now_s, SIGNAL_HOLSTER);
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 1);
	settle(f);
	wait_state(f, "buffering");
	memset(f->key, 8, sizeof(f->key));
	write_keys_of(f, later_s / WEEK_SECONDS, 0600);
	now_s = later_s;
	hear(f, 7, 2, later_s, SIGNAL_HOLSTER);
	assert_int_equal(count(f, COUNTER_SIGNALS_FORGED), 0);
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 2);
	now_s += WEEK_SECONDS;
	write_keys_of(f, now_s / WEEK_SECONDS, 0600);
	assert_true(signal_listener_keys(f->listener, now_s / ADVERT_EPOCH_SECONDS, &keys));
	wipe(&keys, sizeof(keys));
}

/* Days off: all epochs of the weeks we hold keys for are tried, the call counts, and the next one is found at once. A flood of
 * junk makes the listener hurry, and costs a true call no more than its next repeats. */
static void test_clock_is_a_guess(void **state) {
	struct fixture *f = *state;
	uint64_t days = 2 * 24 * 3600, start = NOW_S / WEEK_SECONDS * (uint64_t)WEEK_SECONDS + 3600;
	uint8_t junk[ADVERT_SIZE] = { ADVERT_HEADER };
	trusted = false;
	now_s = start;
	f->fake.error = "org.lanyard.Error.Busy"; /* it stays where it is */
	hear(f, 7, 1, start + days, SIGNAL_HOLSTER);
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 1);
	settle(f);
	for (unsigned i = 0; i < 200; i++) {
		junk[1] = (uint8_t)i;
		signal_listener_hear(f->listener, somebody, -60, junk);
	}
	hear(f, 7, 2, start + days + 5, SIGNAL_HOLSTER); /* near what the last one taught */
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 2);
	settle(f);
	hear(f, 8, 1, start + 2 * days, SIGNAL_HOLSTER); /* far, in a hurry: not now */
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 2);
	uint64_t from_us = world_now_us();
	while (count(f, COUNTER_SIGNALS_STARTED) < 3 && world_now_us() < from_us + 5000000) {
		assert_true(sd_event_run(f->event, 100000) >= 0);
		hear(f, 8, 1, start + 2 * days, SIGNAL_HOLSTER);
	}
	assert_int_equal(count(f, COUNTER_SIGNALS_STARTED), 3);
}

/* The recorder is gone, or refuses: nothing is stuck, and the next call is asked again. */
static void test_recorder_trouble(void **state) {
	struct fixture *f = *state;
	f->fake.error = "org.lanyard.Error.DiskFull";
	hear(f, 7, 1, NOW_S, SIGNAL_HOLSTER);
	settle(f);
	f->fake.error = NULL;
	hear(f, 7, 2, NOW_S, SIGNAL_HOLSTER);
	WAIT_FOR(f, 5, f->fake.starts >= 1);
	fake_recorder_die(&f->fake);
	WAIT_FOR(f, 5, strcmp(recorder_state_name(f->recorder), "unknown") == 0);
	assert_false(signal_listener_wants(f->listener));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_starts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refuses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tells_little, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_malformed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_muted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_remembers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unsigned_by_default, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_legacy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_legacy_without_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keys_of_every_kind, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_legacy_lacks_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keys_go_bad, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_new_weeks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clock_is_a_guess, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_recorder_trouble, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
