#include "tests/unit/cam-recorder/daemon.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define ERROR_PREFIX "org.lanyard.Error."
#define NO_DISK_STATUS 99

/* ----------------------------------------------------------------------------------------------------------------- processes */

uint64_t daemon_now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void daemon_pause(void) {
	poll(NULL, 0, 20);
}

/* A disk that only the child sees. */
static bool mount_disk(const char *path, unsigned kib) {
	char options[64];
	snprintf(options, sizeof(options), "size=%uk,mode=0700", kib);
	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return false;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("tmpfs", path, "tmpfs", 0, options) == 0;
}

static pid_t start(char *const arguments[], int *ret_output, const char *log, const char *disk, unsigned disk_kib) {
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing outlives a test that dies */
		if (ret_output)
			dup2(ends[1], STDOUT_FILENO);
		int file = log ? open(log, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
		if (file >= 0)
			dup2(file, STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		if (disk_kib > 0 && !mount_disk(disk, disk_kib))
			_exit(NO_DISK_STATUS);
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

int daemon_run(char *const arguments[]) {
	int status;
	pid_t child = start(arguments, NULL, NULL, NULL, 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void daemon_start_bus(struct daemon *d) {
	char given[256] = "", wanted[300];
	int output;
	snprintf(wanted, sizeof(wanted), "--address=%s", d->bus_address);
	char *const arguments[] = { "dbus-daemon", "--session", "--nofork", "--print-address=1", wanted, NULL };
	d->bus_daemon = start(arguments, &output, "/dev/null", NULL, 0);
	ssize_t got = read(output, given, sizeof(given) - 1);
	assert_true(got > 0); /* it listens */
	close(output);
	assert_true(sd_bus_open_system(&d->bus) >= 0);
}

void daemon_kill_bus(struct daemon *d) {
	kill(d->bus_daemon, SIGKILL);
	waitpid(d->bus_daemon, NULL, 0);
	d->bus_daemon = 0;
	d->bus = sd_bus_close_unref(d->bus);
	unlink(d->bus_address + strlen("unix:path="));
}

void daemon_setup(struct daemon *d) {
	*d = (struct daemon){ .bus = NULL };
	temporary_start(&d->folder);
	snprintf(d->state, sizeof(d->state), "%s/state", d->folder.path);
	snprintf(d->config, sizeof(d->config), "%s/config", d->folder.path);
	snprintf(d->log, sizeof(d->log), "%s/log", d->folder.path);
	snprintf(d->bus_address, sizeof(d->bus_address), "unix:path=%s/bus", d->folder.path);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", d->bus_address, 1);
	daemon_start_bus(d);
}

static void kill_recorder(struct daemon *d) {
	if (d->recorder <= 0)
		return;
	kill(d->recorder, SIGKILL);
	waitpid(d->recorder, NULL, 0);
	d->recorder = 0;
}

/* For whoever looks for why a test has failed. */
static void print_log(const struct daemon *d) {
	char line[512];
	FILE *file = fopen(d->log, "r");
	while (file && fgets(line, sizeof(line), file))
		fprintf(stderr, "%s", line);
	if (file)
		fclose(file);
}

void daemon_teardown(struct daemon *d) {
	kill_recorder(d);
	sd_bus_flush_close_unref(d->bus);
	kill(d->bus_daemon, SIGTERM);
	waitpid(d->bus_daemon, NULL, 0);
	print_log(d);
	struct temporary state = { .folder = folder_open(d->state) };
	snprintf(state.path, sizeof(state.path), "%.63s", d->state);
	temporary_end(&state);
	temporary_end(&d->folder);
}

static bool has_ended(struct daemon *d, int *ret_status) {
	if (waitpid(d->recorder, ret_status, WNOHANG) != d->recorder)
		return false;
	d->recorder = 0;
	return true;
}

static void launch(struct daemon *d, const char *extra) {
	kill_recorder(d);
	FILE *file = fopen(d->config, "w");
	assert_non_null(file);
	fprintf(file, "[camera]\nserial = TEST-1\n[video]\nwidth = 160\nheight = 96\nframerate = 10\npre_event_s = 1\n%s", extra);
	fclose(file);
	close(folder_open(d->state));
	char *const arguments[] = { RECORDER, "--config", d->config, "--state", d->state, "--instance", "test", NULL };
	d->recorder = start(arguments, NULL, d->log, d->state, d->disk_kib);
}

bool daemon_start(struct daemon *d, const char *extra) {
	int status = 0;
	launch(d, extra);
	WAIT_FOR(has_ended(d, &status) || daemon_state_is(d, "buffering"));
	if (d->recorder == 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == NO_DISK_STATUS))
		fail_msg("the recorder ended with status %x", (unsigned)status);
	return d->recorder > 0;
}

void daemon_start_early(struct daemon *d, const char *extra) {
	int status = 0;
	launch(d, extra);
	WAIT_FOR(has_ended(d, &status) || daemon_height(d) > 0);
	assert_true(d->recorder > 0);
}

void daemon_end(struct daemon *d, int number) {
	int status;
	kill(d->recorder, number);
	assert_int_equal(waitpid(d->recorder, &status, 0), d->recorder);
	d->recorder = 0;
	if (number == SIGTERM)
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

bool daemon_has_logged(struct daemon *d, const char *text) {
	char line[512];
	bool found = false;
	FILE *file = fopen(d->log, "r");
	assert_non_null(file);
	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, text);
	fclose(file);
	return found;
}

const char *daemon_path(struct daemon *d, const char *name) {
	static char path[256];
	if (d->recorder > 0)
		snprintf(path, sizeof(path), "/proc/%d/root%s/%s", (int)d->recorder, d->state, name);
	else
		snprintf(path, sizeof(path), "%s/%s", d->state, name);
	return path;
}

/* --------------------------------------------------------------------------------------------------------------------- calls */

bool daemon_state_is(struct daemon *d, const char *state) {
	char *text = NULL;
	bool same =
	        sd_bus_get_property_string(d->bus, RECORDER_NAME, RECORDER_PATH, RECORDER_INTERFACE, "State", NULL, &text) >= 0 &&
	        strcmp(text, state) == 0;
	free(text);
	return same;
}

uint32_t daemon_height(struct daemon *d) {
	uint32_t height = 0;
	sd_bus_get_property_trivial(d->bus, RECORDER_NAME, RECORDER_PATH, RECORDER_INTERFACE, "VideoHeight", NULL, 'u', &height);
	return height;
}

static void read_member(sd_bus_message *m, struct details *d) {
	const char *key, *text;
	const void *bytes;
	assert_true(sd_bus_message_read(m, "s", &key) >= 0);
	if (strcmp(key, "Size") == 0) {
		assert_true(sd_bus_message_read(m, "v", "t", &d->size) >= 0);
	} else if (strcmp(key, "StartedUs") == 0) {
		assert_true(sd_bus_message_read(m, "v", "t", &d->started_us) >= 0);
	} else if (strcmp(key, "DurationMs") == 0) {
		assert_true(sd_bus_message_read(m, "v", "u", &d->duration_ms) >= 0);
	} else if (strcmp(key, "ThumbnailSize") == 0) {
		assert_true(sd_bus_message_read(m, "v", "u", &d->thumbnail_size) >= 0);
	} else if (strcmp(key, "TagRevision") == 0) {
		assert_true(sd_bus_message_read(m, "v", "u", &d->revision) >= 0);
	} else if (strcmp(key, "State") == 0) {
		assert_true(sd_bus_message_read(m, "v", "s", &text) >= 0);
		snprintf(d->state, sizeof(d->state), "%s", text);
	} else if (strcmp(key, "Reason") == 0) {
		assert_true(sd_bus_message_read(m, "v", "s", &text) >= 0);
		snprintf(d->reason, sizeof(d->reason), "%s", text);
	} else if (strcmp(key, "Category") == 0) {
		assert_true(sd_bus_message_read(m, "v", "s", &text) >= 0);
		snprintf(d->category, sizeof(d->category), "%s", text);
	} else if (strcmp(key, "Sha256") == 0) {
		assert_true(sd_bus_message_enter_container(m, 'v', "ay") >= 0);
		assert_true(sd_bus_message_read_array(m, 'y', &bytes, &d->sha256_length) >= 0);
		assert_true(d->sha256_length == 0 || d->sha256_length == SHA256_SIZE);
		if (d->sha256_length > 0)
			memcpy(d->sha256, bytes, SHA256_SIZE);
		assert_true(sd_bus_message_exit_container(m) >= 0);
	} else {
		assert_true(sd_bus_message_skip(m, "v") >= 0);
	}
}

bool daemon_get(struct daemon *d, const char *id, struct details *ret) {
	sd_bus_message *reply = NULL;
	memset(ret, 0, sizeof(*ret));
	if (sd_bus_call_method(d->bus, RECORDER_NAME, RECORDER_PATH, RECORDER_INTERFACE, "Get", NULL, &reply, "s", id) < 0)
		return false;
	assert_true(sd_bus_message_enter_container(reply, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
		read_member(reply, ret);
		sd_bus_message_exit_container(reply);
	}
	sd_bus_message_unref(reply);
	return true;
}

uint32_t daemon_duration(struct daemon *d, const char *id) {
	struct details details;
	assert_true(daemon_get(d, id, &details));
	return details.duration_ms;
}

uint64_t daemon_size(struct daemon *d, const char *id) {
	struct details details;
	assert_true(daemon_get(d, id, &details));
	return details.size;
}

bool daemon_is(struct daemon *d, const char *id, const char *state) {
	struct details details;
	return daemon_get(d, id, &details) && strcmp(details.state, state) == 0;
}

/* "" for no error; lives until the next call. */
static const char *error_name(const sd_bus_error *error) {
	static char name[128];
	const char *given = !error ? "" : error->name ? error->name : "?";
	bool ours = strncmp(given, ERROR_PREFIX, strlen(ERROR_PREFIX)) == 0;
	snprintf(name, sizeof(name), "%s", ours ? given + strlen(ERROR_PREFIX) : given);
	return name;
}

static const char *call(struct daemon *d, sd_bus_message *message, sd_bus_message **ret_reply) {
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int result = sd_bus_call(d->bus, message, PATIENCE_MS * 1000ull, &error, &reply);
	sd_bus_message_unref(message);
	const char *name = error_name(result < 0 ? &error : NULL);
	sd_bus_error_free(&error);
	*ret_reply = reply;
	return name;
}

static sd_bus_message *new_call_on(sd_bus *bus, const char *member) {
	sd_bus_message *message = NULL;
	assert_true(sd_bus_message_new_method_call(bus, &message, RECORDER_NAME, RECORDER_PATH, RECORDER_INTERFACE, member) >= 0);
	return message;
}

static sd_bus_message *new_call(struct daemon *d, const char *member) {
	return new_call_on(d->bus, member);
}

struct pending {
	sd_bus *bus;
	bool answered;
	char error[128], id[33];
};

static int on_answer(sd_bus_message *reply, void *context, sd_bus_error *unused) {
	(void)unused;
	struct pending *pending = context;
	const char *text = "";
	snprintf(pending->error, sizeof(pending->error), "%s", error_name(sd_bus_message_get_error(reply)));
	if (pending->error[0] == '\0')
		assert_true(sd_bus_message_read(reply, "s", &text) >= 0);
	snprintf(pending->id, sizeof(pending->id), "%s", text);
	pending->answered = true;
	return 0;
}

struct pending *daemon_begin_start(struct daemon *d, const char *reason) {
	(void)d;
	struct pending *pending = calloc(1, sizeof(*pending));
	assert_non_null(pending);
	assert_true(sd_bus_open_system(&pending->bus) >= 0);
	sd_bus_message *message = new_call_on(pending->bus, "Start");
	assert_true(sd_bus_message_append(message, "sa{sv}", reason, 1, "Who", "s", "early") >= 0);
	assert_true(sd_bus_call_async(pending->bus, NULL, message, on_answer, pending, PATIENCE_MS * 1000ull) >= 0);
	assert_true(sd_bus_flush(pending->bus) >= 0);
	sd_bus_message_unref(message);
	return pending;
}

const char *daemon_end_start(struct pending *pending, char id[33]) {
	static char error[128];
	while (!pending->answered) {
		int result = sd_bus_process(pending->bus, NULL);
		assert_true(result >= 0);
		if (result == 0)
			assert_true(sd_bus_wait(pending->bus, PATIENCE_MS * 1000ull) >= 0);
	}
	snprintf(error, sizeof(error), "%s", pending->error);
	memcpy(id, pending->id, sizeof(pending->id));
	sd_bus_flush_close_unref(pending->bus);
	free(pending);
	return error;
}

const char *daemon_call_start(struct daemon *d, const char *reason, char id[33]) {
	sd_bus_message *message = new_call(d, "Start"), *reply;
	const char *text;
	assert_true(sd_bus_message_append(message, "sa{sv}", reason, 2, "Who", "s", "test", "Level", "i", -3) >= 0);
	const char *error = call(d, message, &reply);
	if (*error == '\0') {
		assert_true(sd_bus_message_read(reply, "s", &text) >= 0);
		snprintf(id, 33, "%s", text);
	}
	sd_bus_message_unref(reply);
	return error;
}

const char *daemon_call_stop(struct daemon *d) {
	sd_bus_message *message = new_call(d, "Stop"), *reply;
	assert_true(sd_bus_message_append(message, "s", "manual") >= 0);
	const char *error = call(d, message, &reply);
	sd_bus_message_unref(reply);
	return error;
}

const char *daemon_call_add_details(struct daemon *d, const char *id, const char *note, int32_t latitude_e7) {
	sd_bus_message *message = new_call(d, "AddDetails"), *reply;
	assert_true(sd_bus_message_append(message, "sa{sv}", id, 2, "Note", "s", note, "LatitudeE7", "i", latitude_e7) >= 0);
	const char *error = call(d, message, &reply);
	sd_bus_message_unref(reply);
	return error;
}

const char *daemon_call_set_tag(struct daemon *d, const char *id, uint8_t operation_byte, const char *category,
                                uint32_t *ret_revision) {
	sd_bus_message *message = new_call(d, "SetTag"), *reply;
	uint8_t operation[16] = { operation_byte };
	uint64_t time_us;
	assert_true(sd_bus_message_append(message, "s", id) >= 0);
	assert_true(sd_bus_message_append_array(message, 'y', operation, sizeof(operation)) >= 0);
	assert_true(sd_bus_message_append(message, "a{sv}", 1, "Category", "s", category) >= 0);
	const char *error = call(d, message, &reply);
	if (*error == '\0')
		assert_true(sd_bus_message_read(reply, "ut", ret_revision, &time_us) >= 0);
	sd_bus_message_unref(reply);
	return error;
}

static int take_pipe(sd_bus_message *reply, uint64_t *ret_total) {
	int file;
	assert_true(sd_bus_message_read(reply, "h", &file) >= 0);
	if (ret_total)
		assert_true(sd_bus_message_read(reply, "t", ret_total) >= 0);
	return fcntl(file, F_DUPFD_CLOEXEC, 3);
}

const char *daemon_call_open_range(struct daemon *d, const char *id, uint64_t offset, uint64_t length, int *ret_pipe,
                                   uint64_t *ret_total) {
	sd_bus_message *message = new_call(d, "OpenRange"), *reply;
	assert_true(sd_bus_message_append(message, "stt", id, offset, length) >= 0);
	const char *error = call(d, message, &reply);
	if (*error == '\0')
		*ret_pipe = take_pipe(reply, ret_total);
	sd_bus_message_unref(reply);
	return error;
}

const char *daemon_call_open_preview(struct daemon *d, int *ret_pipe) {
	sd_bus_message *reply;
	const char *error = call(d, new_call(d, "OpenPreview"), &reply);
	if (*error == '\0')
		*ret_pipe = take_pipe(reply, NULL);
	sd_bus_message_unref(reply);
	return error;
}

const char *daemon_call_set_height(struct daemon *d, uint32_t height) {
	sd_bus_message *message = NULL, *reply;
	assert_true(sd_bus_message_new_method_call(d->bus, &message, RECORDER_NAME, RECORDER_PATH,
	                                           "org.freedesktop.DBus.Properties", "Set") >= 0);
	assert_true(sd_bus_message_append(message, "ssv", RECORDER_INTERFACE, "VideoHeight", "u", height) >= 0);
	const char *error = call(d, message, &reply);
	sd_bus_message_unref(reply);
	return error;
}

size_t daemon_read_range(struct daemon *d, const char *id, uint64_t offset, uint64_t length, uint8_t *out, size_t capacity) {
	int file;
	uint64_t total;
	size_t read_bytes = 0;
	assert_string_equal(daemon_call_open_range(d, id, offset, length, &file, &total), "");
	for (ssize_t got; (got = read(file, out + read_bytes, capacity - read_bytes)) != 0; read_bytes += (size_t)got)
		assert_true(got > 0);
	close(file);
	return read_bytes;
}
