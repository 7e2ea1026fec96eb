/* calling-lab: how long after it is asked to a camera's recorder records; for ./run bench.
 *
 *   calling-lab RECORDER COUNT                       asks the recorder itself, over D-Bus
 *   calling-lab RECORDER COUNT AIR ADAPTER KEYS      says a Signal that the camera hears
 *       RECORDER: its name on the system bus; it is buffering. AIR: where lab-air takes commands; ADAPTER: the number of the
 * camera's; KEYS: the agency's.
 *
 * Calls COUNT times, each time once, and stops the recording that follows. Prints at the end
 * {"started":N,"p50_us":T,"slowest_us":T}: recordings, and the time from the call until the bus says that the recorder records. A
 * call without a recording within 3 s is not counted. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "signal/advert.h"
#include "signal/group_keys.h"

#define SENDER 77
#define SECOND_US 1000000u
#define PATIENCE_US (3 * SECOND_US)
#define REST_US SECOND_US /* in which a recording of the call before would begin, too late */
#define COUNT_LIMIT 1000
#define RECORDER_PATH "/org/lanyard/Recorder1"
#define RECORDER_INTERFACE "org.lanyard.Recorder1"

struct calling {
	sd_bus *bus;
	const char *recorder;
	FILE *air; /* NULL: the recorder itself is asked */
	const char *adapter;
	struct group_key keys[GROUP_KEYS_LIMIT];
	size_t key_count;
	bool recording;
	uint64_t delays_us[COUNT_LIMIT];
	size_t started;
};

static uint64_t clock_us(void) {
	struct timespec time;
	clock_gettime(CLOCK_BOOTTIME, &time);
	return (uint64_t)time.tv_sec * SECOND_US + (uint64_t)time.tv_nsec / 1000;
}

static void die(const char *what, int error) {
	fprintf(stderr, "calling-lab: %s: %s\n", what, strerror(-error));
	exit(1);
}

static int on_changed(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct calling *c = context;
	int r = sd_bus_message_skip(message, "s");
	if (r >= 0)
		r = sd_bus_message_enter_container(message, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
		const char *name = "", *state = "";
		r = sd_bus_message_read(message, "s", &name);
		bool is_state = r >= 0 && strcmp(name, "State") == 0;
		if (r >= 0)
			r = is_state ? sd_bus_message_read(message, "v", "s", &state) : sd_bus_message_skip(message, "v");
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
		if (r >= 0 && is_state)
			c->recording = strcmp(state, "event") == 0;
	}
	if (r < 0)
		die("what the recorder says", r);
	return 0;
}

/* Handles what the bus says until it says that state, or for so long. */
static bool wait_for(struct calling *c, bool recording, uint64_t patience_us) {
	uint64_t end_us = clock_us() + patience_us;
	for (;;) {
		int r = sd_bus_process(c->bus, NULL);
		if (c->recording == recording)
			return true;
		uint64_t now_us = clock_us();
		if (r < 0)
			die("the bus", r);
		if (now_us >= end_us)
			return false;
		if (r == 0)
			r = sd_bus_wait(c->bus, end_us - now_us);
		if (r < 0 && r != -EINTR)
			die("the bus", r);
	}
}

static void ask(struct calling *c) {
	int r = sd_bus_call_method_async(c->bus, NULL, c->recorder, RECORDER_PATH, RECORDER_INTERFACE, "Start", NULL, NULL,
	                                 "sa{sv}", "bench", 0);
	if (r < 0)
		die("the recorder cannot be asked", r);
}

static void say(struct calling *c, uint32_t sequence) {
	uint32_t time_s = (uint32_t)time(NULL);
	const struct advert_call call = {
		.type = ADVERT_SIGNAL,
		.signal = { .sender = SENDER, .sequence = sequence, .time_s = time_s, .kind = SIGNAL_HOLSTER },
	};
	const struct group_key *key = NULL;
	for (size_t i = 0; i < c->key_count; i++)
		if (c->keys[i].week == time_s / WEEK_SECONDS)
			key = &c->keys[i];
	if (!key)
		die("a key for this week", -ENOKEY);
	struct advert_keys keys;
	uint8_t advert[ADVERT_SIZE];
	char text[2 * ADVERT_SIZE + 1];
	advert_keys_derive(&keys, key->key, time_s / ADVERT_EPOCH_SECONDS);
	advert_encode(&keys, &call, advert);
	hex_encode(text, advert, sizeof(advert));
	if (fprintf(c->air, "say %s 1bffffff%s\n", c->adapter, text) < 0 || fflush(c->air) != 0)
		die("the air", -errno);
}

static void stop(struct calling *c) {
	int r = sd_bus_call_method(c->bus, c->recorder, RECORDER_PATH, RECORDER_INTERFACE, "Stop", NULL, NULL, "s", "bench");
	if (r < 0)
		die("the recorder does not stop", r);
	if (!wait_for(c, false, 10 * PATIENCE_US))
		die("the recorder does not stop", -ETIMEDOUT);
}

static void one(struct calling *c, uint32_t sequence) {
	if (wait_for(c, true, REST_US))
		stop(c); /* of the call before, too late */
	uint64_t called_us = clock_us();
	if (c->air)
		say(c, sequence);
	else
		ask(c);
	if (!wait_for(c, true, PATIENCE_US))
		return;
	c->delays_us[c->started++] = clock_us() - called_us;
	stop(c);
}

static int by_size(const void *a, const void *b) {
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return (left > right) - (left < right);
}

/* Where Signals are said, and under which keys. */
static void take_air(struct calling *c, const char *air, const char *adapter, const char *keys) {
	c->air = fopen(air, "we");
	if (!c->air)
		die(air, -errno);
	c->adapter = adapter;
	char problem[KEY_FILE_PROBLEM_SIZE];
	int r = group_keys_read(keys, (uint32_t)time(NULL) / WEEK_SECONDS, c->keys, &c->key_count, problem);
	if (r < 0)
		die(problem, r);
}

int main(int argc, char *argv[]) {
	static struct calling c;
	size_t count = argc == 3 || argc == 6 ? strtoul(argv[2], NULL, 10) : 0;
	if (count == 0 || count > COUNT_LIMIT) {
		fputs("usage: calling-lab RECORDER COUNT [AIR ADAPTER KEYS]\n", stderr);
		return 2;
	}
	c.recorder = argv[1];
	if (argc == 6)
		take_air(&c, argv[3], argv[4], argv[5]);
	int r = sd_bus_open_system(&c.bus);
	if (r >= 0)
		r = sd_bus_match_signal(c.bus, NULL, c.recorder, RECORDER_PATH, "org.freedesktop.DBus.Properties",
		                        "PropertiesChanged", on_changed, &c);
	if (r < 0)
		die("the bus", r);
	uint32_t sequence = (uint32_t)time(NULL); /* above what an earlier run has said */
	for (size_t i = 0; i < count; i++)
		one(&c, sequence + (uint32_t)i);
	qsort(c.delays_us, c.started, sizeof(*c.delays_us), by_size);
	printf("{\"started\":%zu,\"p50_us\":%" PRIu64 ",\"slowest_us\":%" PRIu64 "}\n", c.started,
	       c.started > 0 ? c.delays_us[c.started / 2] : 0, c.started > 0 ? c.delays_us[c.started - 1] : 0);
	wipe(c.keys, sizeof(c.keys));
	sd_bus_flush_close_unref(c.bus);
	return !c.air || fclose(c.air) == 0 ? 0 : 1;
}
