/* A private bus, a recorder on it, and calls of org.lanyard.Recorder1 as a camera daemon makes them. Whatever must happen is
 * waited for, PATIENCE_MS at most: a loaded machine is slow. */
#pragma once

#include "tests/unit/footage/temporary.h"

#include <systemd/sd-bus.h>

#include "crypto/crypto.h"

#define RECORDER_NAME "org.lanyard.Recorder.test"
#define RECORDER_PATH "/org/lanyard/Recorder1"
#define RECORDER_INTERFACE "org.lanyard.Recorder1"
#define PATIENCE_MS 40000

struct daemon {
	struct temporary folder;
	char state[80], config[80], log[80], bus_address[256];
	pid_t bus_daemon, recorder;
	unsigned disk_kib; /* the state folder is a disk of this size; 0: it is not. The files are gone with the recorder */
	sd_bus *bus;
};

void daemon_setup(struct daemon *d);
void daemon_teardown(struct daemon *d);

void daemon_start_bus(struct daemon *d);
/* Kills it without notice. */
void daemon_kill_bus(struct daemon *d);
/* Starts the recorder (after the end of one that still runs) and waits until it is BUFFERING. extra: more lines of its
 * configuration. False: no disk of its own can be had here. */
bool daemon_start(struct daemon *d, const char *extra);
/* Starts it and waits until it is on the bus: there may be no picture yet. */
void daemon_start_early(struct daemon *d, const char *extra);
/* The recorder has logged that. */
bool daemon_has_logged(struct daemon *d, const char *text);
/* Path of a file in the state folder, as the recorder sees it, on a disk of its own too; valid until the next call. */
const char *daemon_path(struct daemon *d, const char *name);
/* Ends it with that signal; after SIGTERM it must have ended well. */
void daemon_end(struct daemon *d, int number);
/* Runs a program to its end; its status. */
int daemon_run(char *const arguments[]);

/* Waits until `condition` (evaluated again and again) holds. */
#define WAIT_FOR(condition) \
	do { \
		uint64_t end_of_patience = daemon_now_ms() + PATIENCE_MS; \
		while (!(condition)) { \
			if (daemon_now_ms() > end_of_patience) \
				fail_msg("still not: %s", #condition); \
			daemon_pause(); \
		} \
	} while (0)
uint64_t daemon_now_ms(void);
void daemon_pause(void);

/* Properties; "" or 0 when there is no answer. */
bool daemon_state_is(struct daemon *d, const char *state);
uint32_t daemon_height(struct daemon *d);

struct details {
	char state[16], category[64], reason[64];
	uint64_t size, started_us;
	uint32_t duration_ms, thumbnail_size, revision;
	uint8_t sha256[SHA256_SIZE];
	size_t sha256_length;
};

/* False: there is no such recording. */
bool daemon_get(struct daemon *d, const char *id, struct details *ret);
/* How long it is, in milliseconds; it is there. */
uint32_t daemon_duration(struct daemon *d, const char *id);
uint64_t daemon_size(struct daemon *d, const char *id);
bool daemon_is(struct daemon *d, const char *id, const char *state);
/* "" or the name of the error, after "org.lanyard.Error.". */
const char *daemon_call_start(struct daemon *d, const char *reason, char id[33]);
/* Does not wait for the answer, which comes on a connection of its own. */
struct pending;
struct pending *daemon_begin_start(struct daemon *d, const char *reason);
/* Waits for it, and forgets it. As daemon_call_start. */
const char *daemon_end_start(struct pending *pending, char id[33]);
const char *daemon_call_stop(struct daemon *d);
/* Details: Note s, LatitudeE7 i. */
const char *daemon_call_add_details(struct daemon *d, const char *id, const char *note, int32_t latitude_e7);
const char *daemon_call_set_tag(struct daemon *d, const char *id, uint8_t operation_byte, const char *category,
                                uint32_t *ret_revision);
const char *daemon_call_open_range(struct daemon *d, const char *id, uint64_t offset, uint64_t length, int *ret_pipe,
                                   uint64_t *ret_total);
const char *daemon_call_open_preview(struct daemon *d, int *ret_pipe);
const char *daemon_call_set_height(struct daemon *d, uint32_t height);
/* Reads a range to its end. */
size_t daemon_read_range(struct daemon *d, const char *id, uint64_t offset, uint64_t length, uint8_t *out, size_t capacity);
