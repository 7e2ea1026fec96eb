/* calling-lab: how long after it is asked to a camera's recorder records; for ./run bench.
 *
 *   calling-lab RECORDER COUNT                       asks the recorder itself, over D-Bus
 *   calling-lab RECORDER COUNT AIR ADAPTER KEYS      says a Signal that the camera hears
 *   calling-lab RECORDER COUNT SOCKET JUNK KEYS      the same without radios, over the test link's air (docs/test-link.md), among
 *                                                    so many junk adverts a second
 *       RECORDER: its name on the system bus; it is buffering. AIR: where lab-air takes commands; ADAPTER: the number of the
 * camera's; KEYS: the agency's. SOCKET is told from AIR by being one.
 *
 * Calls COUNT times, each time once, and stops the recording that follows. Prints at the end
 * {"started":N,"p50_us":T,"slowest_us":T}: recordings, and the time from the call until the bus says that the recorder records. A
 * call without a recording within 3 s is not counted. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "signal/advert.h"
#include "signal/group_keys.h"

#define SENDER 77
#define SEQUENCES_FROM_S 1700000000
#define SECOND_US 1000000u
#define PATIENCE_US (3 * SECOND_US)
#define REST_US (3 * SECOND_US / 10) /* the disk has the end of the recording before */
#define COUNT_LIMIT 1000
#define RECORDER_PATH "/org/lanyard/Recorder1"
#define RECORDER_INTERFACE "org.lanyard.Recorder1"

struct calling {
	sd_bus *bus;
	const char *recorder;
	FILE *air; /* of the lab, or NULL */
	const char *adapter;
	int socket; /* of the test link, or -1; without both the recorder itself is asked */
	pid_t junk; /* who says it, or 0 */
	struct group_key keys[GROUP_KEYS_LIMIT];
	size_t key_count;
	bool records;           /* what the recorder says */
	unsigned stopped, seen; /* recordings that we have ended, and whose end the camera has said */
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
	const char *interface = "";
	int r = sd_bus_message_read(message, "s", &interface);
	const bool is_camera = strcmp(interface, "org.lanyard.Camera1") == 0;
	if (r >= 0)
		r = sd_bus_message_enter_container(message, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
		const char *name = "", *state = "";
		r = sd_bus_message_read(message, "s", &name);
		bool is_state = r >= 0 && strcmp(name, is_camera ? "Recorder" : "State") == 0;
		if (r >= 0)
			r = is_state ? sd_bus_message_read(message, "v", "s", &state) : sd_bus_message_skip(message, "v");
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
		if (r >= 0 && is_state && is_camera)
			c->seen += strcmp(state, "buffering") == 0;
		else if (r >= 0 && is_state)
			c->records = strcmp(state, "event") == 0;
	}
	if (r < 0)
		die("what the recorder says", r);
	return 0;
}

static bool records(const struct calling *c) {
	return c->records;
}

static bool rests(const struct calling *c) {
	return !c->records;
}

/* It hears of a recording's end on the bus, as we do, and refuses calls until then. */
static bool camera_is_ready(const struct calling *c) {
	return c->seen >= c->stopped;
}

/* Handles what the bus says until it is so, or for so long. */
static bool wait_for(struct calling *c, bool (*is_so)(const struct calling *), uint64_t patience_us) {
	uint64_t end_us = clock_us() + patience_us;
	for (;;) {
		int r = sd_bus_process(c->bus, NULL);
		if (is_so(c))
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

/* As a controller reports it: not connectable, from a random address, of the company for tests (Core 5.4, volume 4, part E,
 * 7.7.65.2). */
static void report(int file, uint32_t from, const uint8_t advert[ADVERT_SIZE]) {
	/* Event, its length, subevent, one report, its type and the address's, address; then the data. */
	enum { DATA = 3 + ADVERT_SIZE, LENGTH = 11 + 1 + DATA + 1 };
	static const uint8_t head[] = { 0x04, 0x3e, LENGTH, 0x02, 1,        0x03, 1,    0,    0,
		                        0,    0,    0,      0xc0, 1 + DATA, DATA, 0xff, 0xff, 0xff };
	uint8_t packet[sizeof(head) + ADVERT_SIZE + 1];
	memcpy(packet, head, sizeof(head));
	memcpy(packet + 7, &from, sizeof(from));
	memcpy(packet + sizeof(head), advert, ADVERT_SIZE);
	packet[sizeof(packet) - 1] = 0xc4; /* -60 dBm */
	if (send(file, packet, sizeof(packet), 0) < 0)
		die("the test link", -errno);
}

static void say_junk(int file, unsigned per_second) {
	uint8_t advert[ADVERT_SIZE] = { ADVERT_HEADER };
	const uint64_t began_us = clock_us();
	for (uint32_t said = 0;; said++) {
		const uint64_t due_us = began_us + said * (uint64_t)SECOND_US / per_second, now_us = clock_us();
		if (due_us > now_us)
			usleep((useconds_t)(due_us - now_us));
		memcpy(advert + 1, &said, sizeof(said));
		report(file, said, advert);
	}
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
	if (c->socket >= 0) {
		report(c->socket, 0, advert);
		return;
	}
	hex_encode(text, advert, sizeof(advert));
	if (fprintf(c->air, "say %s 1bffffff%s\n", c->adapter, text) < 0 || fflush(c->air) != 0)
		die("the air", -errno);
}

static void stop(struct calling *c) {
	int r = sd_bus_call_method(c->bus, c->recorder, RECORDER_PATH, RECORDER_INTERFACE, "Stop", NULL, NULL, "s", "bench");
	if (r < 0)
		die("the recorder does not stop", r);
	if (!wait_for(c, rests, 10 * PATIENCE_US))
		die("the recorder does not stop", -ETIMEDOUT);
	c->stopped++;
}

static void one(struct calling *c, uint32_t sequence) {
	if (wait_for(c, records, REST_US))
		stop(c); /* of the call before, too late */
	if (!wait_for(c, camera_is_ready, PATIENCE_US))
		die("the camera does not see the recording's end", -ETIMEDOUT);
	uint64_t called_us = clock_us();
	if (c->air || c->socket >= 0)
		say(c, sequence);
	else
		ask(c);
	if (!wait_for(c, records, PATIENCE_US))
		return;
	c->delays_us[c->started++] = clock_us() - called_us;
	stop(c);
}

static int by_size(const void *a, const void *b) {
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return (left > right) - (left < right);
}

static int open_socket(const char *path) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address.sun_path))
		die(path, -ENAMETOOLONG);
	strcpy(address.sun_path, path);
	int file = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (file < 0 || connect(file, (const struct sockaddr *)&address, sizeof(address)) < 0)
		die(path, -errno);
	return file;
}

static void start_junk(struct calling *c, unsigned per_second) {
	if (per_second == 0)
		return;
	const pid_t parent = getpid();
	c->junk = fork();
	if (c->junk < 0)
		die("junk", -errno);
	if (c->junk > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		say_junk(c->socket, per_second);
	_exit(0);
}

/* Where Signals are said, and under which keys. extra: the camera's adapter, or junk a second. */
static void take_air(struct calling *c, const char *air, const char *extra, const char *keys) {
	struct stat status;
	if (stat(air, &status) < 0)
		die(air, -errno);
	if (S_ISSOCK(status.st_mode)) {
		c->socket = open_socket(air);
		start_junk(c, (unsigned)strtoul(extra, NULL, 10));
	} else {
		c->air = fopen(air, "we");
		if (!c->air)
			die(air, -errno);
		c->adapter = extra;
	}
	char problem[KEY_FILE_PROBLEM_SIZE];
	int r = group_keys_read(keys, (uint32_t)time(NULL) / WEEK_SECONDS, c->keys, &c->key_count, problem);
	if (r < 0)
		die(problem, r);
}

/* The one of this recorder: org.lanyard.Recorder.NAME and org.lanyard.Camera.NAME belong together. */
static int watch_camera(struct calling *c) {
	static const char prefix[] = "org.lanyard.Recorder";
	char camera[128];
	if (strncmp(c->recorder, prefix, strlen(prefix)) != 0)
		return -EINVAL;
	snprintf(camera, sizeof(camera), "org.lanyard.Camera%s", c->recorder + strlen(prefix));
	return sd_bus_match_signal(c->bus, NULL, camera, "/org/lanyard/Camera1", "org.freedesktop.DBus.Properties",
	                           "PropertiesChanged", on_changed, c);
}

int main(int argc, char *argv[]) {
	static struct calling c = { .socket = -1 };
	size_t count = argc == 3 || argc == 6 ? strtoul(argv[2], NULL, 10) : 0;
	if (count == 0 || count > COUNT_LIMIT) {
		fputs("usage: calling-lab RECORDER COUNT [AIR ADAPTER KEYS | SOCKET JUNK KEYS]\n", stderr);
		return 2;
	}
	c.recorder = argv[1];
	if (argc == 6)
		take_air(&c, argv[3], argv[4], argv[5]);
	int r = sd_bus_open_system(&c.bus);
	if (r >= 0)
		r = sd_bus_match_signal(c.bus, NULL, c.recorder, RECORDER_PATH, "org.freedesktop.DBus.Properties",
		                        "PropertiesChanged", on_changed, &c);
	if (r >= 0)
		r = watch_camera(&c);
	if (r < 0)
		die("the bus", r);
	/* Above what an earlier run has said, which rests for more than a tenth of a second between two. */
	uint32_t sequence = (uint32_t)(time(NULL) - SEQUENCES_FROM_S) * 10;
	for (size_t i = 0; i < count; i++)
		one(&c, sequence + (uint32_t)i);
	qsort(c.delays_us, c.started, sizeof(*c.delays_us), by_size);
	printf("{\"started\":%zu,\"p50_us\":%" PRIu64 ",\"slowest_us\":%" PRIu64 "}\n", c.started,
	       c.started > 0 ? c.delays_us[c.started / 2] : 0, c.started > 0 ? c.delays_us[c.started - 1] : 0);
	wipe(c.keys, sizeof(c.keys));
	if (c.junk > 0)
		kill(c.junk, SIGKILL);
	sd_bus_flush_close_unref(c.bus);
	return !c.air || fclose(c.air) == 0 ? 0 : 1;
}
