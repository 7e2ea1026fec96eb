/* The recorder as a daemon, with its real pipeline, on a private bus: what a camera daemon and a power cut see of it. */
#include "tests/unit/footage/temporary.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <time.h>

#include "base/bytes.h"
#include "crypto/crypto.h"

#define NAME "org.lanyard.Recorder.test"
#define PATH "/org/lanyard/Recorder1"
#define INTERFACE "org.lanyard.Recorder1"
#define PATIENCE_MS 30000 /* for anything that must happen; a loaded machine is slow */

static struct temporary folder;
static pid_t bus_daemon, recorder;
static sd_bus *bus;
static char state_folder[64], config[64];

static pid_t start(char *const arguments[], int *ret_output) {
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (ret_output)
			dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execvp(arguments[0], arguments);
		_exit(127);
	}
	close(ends[1]);
	if (ret_output)
		*ret_output = ends[0];
	else
		close(ends[0]);
	return child;
}

static uint64_t now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void state_text(char out[32]) {
	char *text = NULL;
	out[0] = '\0';
	if (sd_bus_get_property_string(bus, NAME, PATH, INTERFACE, "State", NULL, &text) >= 0)
		snprintf(out, 32, "%s", text);
	free(text);
}

static void wait_for_state(const char *wanted) {
	char state[32] = "";
	for (uint64_t end = now_ms() + PATIENCE_MS; now_ms() < end; poll(NULL, 0, 20)) {
		state_text(state);
		if (strcmp(state, wanted) == 0)
			return;
	}
	fail_msg("state is \"%s\", not \"%s\"", state, wanted);
}

static void start_recorder(void) {
	char *const arguments[] = { RECORDER, "--config", config, "--state", state_folder, "--instance", "test", NULL };
	recorder = start(arguments, NULL);
	wait_for_state("buffering");
}

static void end_recorder(int number) {
	int status;
	kill(recorder, number);
	assert_int_equal(waitpid(recorder, &status, 0), recorder);
	if (number == SIGTERM)
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	recorder = 0;
}

static int setup(void **state) {
	(void)state;
	char address[256] = "";
	int output;
	temporary_start(&folder);
	char *const arguments[] = { "dbus-daemon", "--session", "--nofork", "--print-address=1", NULL };
	bus_daemon = start(arguments, &output);
	ssize_t got = read(output, address, sizeof(address) - 1);
	assert_true(got > 0);
	address[strcspn(address, "\n")] = '\0';
	close(output);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
	assert_true(sd_bus_open_system(&bus) >= 0);
	snprintf(state_folder, sizeof(state_folder), "%.40s/state", folder.path);
	snprintf(config, sizeof(config), "%.40s/config", folder.path);
	FILE *file = fopen(config, "w");
	fputs("[camera]\nserial = TEST-1\n[video]\nwidth = 160\nheight = 96\nframerate = 10\npre_event_s = 1\n", file);
	fclose(file);
	return 0;
}

static int teardown(void **state) {
	(void)state;
	if (recorder > 0)
		end_recorder(SIGKILL);
	sd_bus_flush_close_unref(bus);
	kill(bus_daemon, SIGTERM);
	waitpid(bus_daemon, NULL, 0);
	struct temporary inner = { .folder = folder_open(state_folder) };
	snprintf(inner.path, sizeof(inner.path), "%s", state_folder);
	temporary_end(&inner);
	temporary_end(&folder);
	return 0;
}

struct details {
	char state[16], category[64];
	uint64_t size;
	uint32_t duration_ms, thumbnail_size, revision;
	uint8_t sha256[SHA256_SIZE];
	size_t sha256_length;
};

static void get(const char *id, struct details *ret) {
	sd_bus_message *reply = NULL;
	memset(ret, 0, sizeof(*ret));
	assert_true(sd_bus_call_method(bus, NAME, PATH, INTERFACE, "Get", NULL, &reply, "s", id) >= 0);
	assert_true(sd_bus_message_enter_container(reply, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
		const char *key, *text, *contents;
		assert_true(sd_bus_message_read(reply, "s", &key) >= 0);
		assert_true(sd_bus_message_peek_type(reply, NULL, &contents) >= 0);
		if (strcmp(key, "Size") == 0) {
			sd_bus_message_read(reply, "v", "t", &ret->size);
		} else if (strcmp(key, "DurationMs") == 0) {
			sd_bus_message_read(reply, "v", "u", &ret->duration_ms);
		} else if (strcmp(key, "ThumbnailSize") == 0) {
			sd_bus_message_read(reply, "v", "u", &ret->thumbnail_size);
		} else if (strcmp(key, "TagRevision") == 0) {
			sd_bus_message_read(reply, "v", "u", &ret->revision);
		} else if (strcmp(key, "State") == 0) {
			sd_bus_message_read(reply, "v", "s", &text);
			snprintf(ret->state, sizeof(ret->state), "%s", text);
		} else if (strcmp(key, "Category") == 0) {
			sd_bus_message_read(reply, "v", "s", &text);
			snprintf(ret->category, sizeof(ret->category), "%s", text);
		} else if (strcmp(key, "Sha256") == 0) {
			const void *bytes;
			sd_bus_message_enter_container(reply, 'v', "ay");
			sd_bus_message_read_array(reply, 'y', &bytes, &ret->sha256_length);
			memcpy(ret->sha256, bytes, ret->sha256_length);
			sd_bus_message_exit_container(reply);
		} else {
			sd_bus_message_skip(reply, "v");
		}
		sd_bus_message_exit_container(reply);
	}
	sd_bus_message_unref(reply);
}

static void wait_while_active(const char *id, struct details *ret) {
	for (uint64_t end = now_ms() + PATIENCE_MS; now_ms() < end; poll(NULL, 0, 20)) {
		get(id, ret);
		if (strcmp(ret->state, "active") != 0)
			return;
	}
	fail_msg("recording %s does not end", id);
}

static void wait_for_duration(const char *id, uint32_t least_ms) {
	struct details details;
	for (uint64_t end = now_ms() + PATIENCE_MS; now_ms() < end; poll(NULL, 0, 20)) {
		get(id, &details);
		if (details.duration_ms >= least_ms && details.size > 0)
			return;
	}
	fail_msg("recording %s does not grow", id);
}

static void start_recording(char id[33]) {
	sd_bus_message *reply = NULL;
	const char *text;
	assert_true(sd_bus_call_method(bus, NAME, PATH, INTERFACE, "Start", NULL, &reply, "sa{sv}", "manual", 0) >= 0);
	assert_true(sd_bus_message_read(reply, "s", &text) >= 0);
	snprintf(id, 33, "%s", text);
	sd_bus_message_unref(reply);
}

static size_t open_range(const char *id, uint64_t offset, uint64_t length, uint8_t *out, size_t capacity, uint64_t *ret_total) {
	sd_bus_message *reply = NULL;
	int file;
	size_t total = 0;
	assert_true(sd_bus_call_method(bus, NAME, PATH, INTERFACE, "OpenRange", NULL, &reply, "stt", id, offset, length) >= 0);
	assert_true(sd_bus_message_read(reply, "ht", &file, ret_total) >= 0);
	for (ssize_t got; (got = read(file, out + total, capacity - total)) > 0;)
		total += (size_t)got;
	sd_bus_message_unref(reply);
	return total;
}

static void test_recording(void **state) {
	(void)state;
	static uint8_t whole[4 * 1024 * 1024], part[65536];
	char id[33], again[33];
	struct details details;
	uint64_t total;
	start_recorder();
	start_recording(id);
	wait_for_state("event");
	start_recording(again);
	assert_string_equal(id, again); /* already in EVENT */
	wait_for_duration(id, 2500);
	assert_true(sd_bus_call_method(bus, NAME, PATH, INTERFACE, "Stop", NULL, NULL, "s", "manual") >= 0);
	wait_for_state("buffering");
	wait_while_active(id, &details);
	assert_string_equal(details.state, "complete");
	assert_int_equal(details.sha256_length, SHA256_SIZE);
	assert_true(details.thumbnail_size > 100 && details.thumbnail_size <= 4096);

	uint8_t hash[SHA256_SIZE];
	size_t length = open_range(id, 0, 0, whole, sizeof(whole), &total);
	assert_int_equal(length, details.size);
	assert_int_equal(total, details.size);
	sha256(whole, length, hash);
	assert_memory_equal(hash, details.sha256, SHA256_SIZE);
	assert_memory_equal(whole + 4, "ftyp", 4);
	assert_int_equal(open_range(id, 1000, 777, part, sizeof(part), &total), 777);
	assert_memory_equal(part, whole + 1000, 777);
	assert_int_equal(open_range(id, details.size - 5, 777, part, sizeof(part), &total), 5);

	sd_bus_error error = SD_BUS_ERROR_NULL;
	assert_true(sd_bus_call_method(bus, NAME, PATH, INTERFACE, "OpenRange", &error, NULL, "stt", id, details.size + 1,
	                               (uint64_t)0) < 0);
	assert_string_equal(error.name, "org.lanyard.Error.RequestInvalid");
	sd_bus_error_free(&error);
	assert_true(sd_bus_call_method(bus, NAME, PATH, INTERFACE, "Get", &error, NULL, "s", "../storage.key") < 0);
	assert_string_equal(error.name, "org.lanyard.Error.NotFound");
	sd_bus_error_free(&error);
	end_recorder(SIGTERM);
}

static int set_tag(const char *id, uint8_t operation_byte, const char *category, uint32_t *ret_revision) {
	sd_bus_message *call = NULL, *reply = NULL;
	uint8_t operation[16] = { operation_byte };
	uint64_t time_us;
	assert_true(sd_bus_message_new_method_call(bus, &call, NAME, PATH, INTERFACE, "SetTag") >= 0);
	assert_true(sd_bus_message_append(call, "s", id) >= 0);
	assert_true(sd_bus_message_append_array(call, 'y', operation, sizeof(operation)) >= 0);
	assert_true(sd_bus_message_append(call, "a{sv}", 1, "Category", "s", category) >= 0);
	int result = sd_bus_call(bus, call, 0, NULL, &reply);
	if (result >= 0)
		assert_true(sd_bus_message_read(reply, "ut", ret_revision, &time_us) >= 0);
	sd_bus_message_unref(call);
	sd_bus_message_unref(reply);
	return result;
}

/* Power is cut in the middle of a recording: after a restart it is there, cut short, readable, and can be tagged. */
static void test_killed(void **state) {
	(void)state;
	static uint8_t whole[4 * 1024 * 1024];
	char id[33];
	struct details details;
	uint32_t revision;
	uint64_t total;
	start_recorder();
	start_recording(id);
	wait_for_duration(id, 1500);
	end_recorder(SIGKILL);
	start_recorder();
	get(id, &details);
	assert_string_equal(details.state, "cut-short");
	assert_int_equal(open_range(id, 0, 0, whole, sizeof(whole), &total), details.size);
	assert_true(set_tag(id, 1, "first", &revision) >= 0);
	assert_int_equal(revision, 1);
	assert_true(set_tag(id, 1, "first", &revision) >= 0);
	assert_int_equal(revision, 1);
	assert_true(set_tag(id, 2, "a category that is much longer than the forty-eight bytes allowed", &revision) < 0);
	end_recorder(SIGKILL);
	start_recorder();
	get(id, &details);
	assert_string_equal(details.category, "first");
	end_recorder(SIGTERM);
}

/* SIGTERM in the middle of a recording ends it whole. */
static void test_ended_by_signal(void **state) {
	(void)state;
	char id[33];
	struct details details;
	start_recorder();
	start_recording(id);
	wait_for_duration(id, 1000);
	end_recorder(SIGTERM);
	start_recorder();
	get(id, &details);
	assert_string_equal(details.state, "complete");
	end_recorder(SIGTERM);
}

/* A live viewer gets an initialization segment and then fragments; one that does not read holds nothing up. */
static void test_preview(void **state) {
	(void)state;
	sd_bus_message *reply = NULL, *idle = NULL;
	uint8_t bytes[8192];
	int file, idle_file;
	size_t total = 0;
	bool fragment = false;
	start_recorder();
	assert_true(sd_bus_call_method(bus, NAME, PATH, INTERFACE, "OpenPreview", NULL, &idle, NULL) >= 0);
	assert_true(sd_bus_message_read(idle, "h", &idle_file) >= 0);
	assert_true(sd_bus_call_method(bus, NAME, PATH, INTERFACE, "OpenPreview", NULL, &reply, NULL) >= 0);
	assert_true(sd_bus_message_read(reply, "h", &file) >= 0);
	while (!fragment) {
		ssize_t got = read(file, bytes + total, sizeof(bytes) - total);
		assert_true(got > 0);
		total += (size_t)got;
		for (size_t i = 0; i + 4 <= total && !fragment; i++)
			fragment = memcmp(bytes + i, "moof", 4) == 0;
		assert_true(fragment || total < sizeof(bytes));
	}
	assert_memory_equal(bytes + 4, "ftyp", 4);
	sd_bus_message_unref(reply);
	sd_bus_message_unref(idle);
	end_recorder(SIGTERM);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recording),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_ended_by_signal),
		cmocka_unit_test(test_preview),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
