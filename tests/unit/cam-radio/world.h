/* A camera and its surroundings in one event loop: cam-radiod's daemon on the test link, a D-Bus daemon, a recorder, companions.
 * Nothing sleeps: the loop runs until a condition holds, or the test fails. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "bus.h"
#include "cam-radio/daemon.h"
#include "cam-radio/settings.h"
#include "fake_recorder.h"
#include "pairing/record.h"
#include "proto/codec.h"
#include "slate/log.h"
#include "unit.h"
#include "wire/wire.h"

struct world {
	sd_event *event;
	char folder[32], state[64];
	struct bus_daemon bus_daemon;
	sd_bus *camera_bus, *client;
	struct settings settings;
	struct daemon *daemon;
	struct fake_recorder recorder;
	int buttons; /* the pipe's writing end */
	sd_bus_slot *feedback_match, *changes_match;
	char feedback[512]; /* kinds, each followed by a blank */
	char changes[1024]; /* names of properties that changed, the same */
};

/* The companion's end of one link. */
struct companion {
	struct world *world;
	struct static_keys keys;
	struct pairing_record record; /* of the camera, once paired */
	bool paired;
	struct wire *wire;

	bool live, closed;
	enum reason reason;
	bool has_code;
	uint32_t code;
	bool refuse_commit;
	size_t messages;
	bool has_answer;
	lanyard_Response answer; /* the last one */
	size_t answers;
	size_t wifi_events, status_events, recording_events;
	lanyard_WifiState wifi;
	lanyard_StatusResponse status;
	lanyard_Recording recording;
	uint32_t last_id;
};

/* Runs the loop until the condition holds; fails the test after `seconds`. */
#define WAIT_FOR(world, seconds, condition) \
	do { \
		uint64_t end_us_ = world_now_us() + (uint64_t)(seconds)*1000000; \
		while (!(condition)) { \
			if (world_now_us() >= end_us_) \
				fail_msg("not within %u s: %s", (unsigned)(seconds), #condition); \
			assert_true(sd_event_run((world)->event, 100000) >= 0); \
		} \
	} while (false)

uint64_t world_now_us(void);
/* Runs the loop until nothing is pending at the moment. */
void world_settle(struct world *world);

/* The daemon is not started yet: change world->settings before world_start. The recorder runs. */
struct world *world_new(void);
void world_start(struct world *world);
void world_stop(struct world *world);
void world_free(struct world *world);

/* --- buttons --- */
void world_key(struct world *world, unsigned key, bool down, uint64_t ago_us);
/* Both held until the window is open. */
void world_open_window(struct world *world);
void world_click(struct world *world, unsigned key);

/* --- D-Bus --- */
/* A property of the camera as text: "closed", "true". Valid until the next call. */
const char *world_property(struct world *world, const char *name);
uint64_t world_counter(struct world *world, const char *name);
/* 0 or a negative errno; the error's name in *ret_error (may be NULL). */
int world_forget(struct world *world, char ret_error[128]);

/* The same for SlateHead; *ret_head when it returns 0. */
int world_slate_head(struct world *world, char ret_head[SLATE_HEAD_TEXT], char ret_error[128]);

/* --- companions --- */
/* A connection to the test link. */
int world_connect(struct world *world);
/* Has keys, is not paired. */
void companion_init(struct companion *companion, struct world *world);
void companion_free(struct companion *companion);
/* Makes camera and companion a pair by writing their records, before world_start. */
void companion_pair_on_disk(struct companion *companion);
void companion_open(struct companion *companion, enum channel_kind kind);
/* Opens a session and waits until it is live on both ends. */
void companion_session(struct companion *companion);
/* From an open window to both records being stored. */
void companion_pair(struct companion *companion);
/* Fills in id and operation (unless it has one) and sends it; returns the id. */
uint32_t companion_send(struct companion *companion, lanyard_Request *request);
/* The same, and waits for the answer. */
const lanyard_Response *companion_ask(struct companion *companion, lanyard_Request *request);
