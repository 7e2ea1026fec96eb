/* A recorder for tests: org.lanyard.Recorder1 with made-up recordings, and faults on demand. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "bus.h"

#define FAKE_RECORDINGS 9
#define FAKE_RECORDING_SIZE(recording) (300000u + 1000u * (recording))
#define FAKE_THUMBNAIL_SIZE 7000
#define FAKE_WRITERS 20

struct fake_recording {
	char id[33], category[64], case_number[64], note[300];
	uint64_t size;
	uint32_t revision;
	bool has_position;
	int32_t latitude, longitude;
};

struct fake_writer {
	struct fake_recorder *recorder;
	sd_event_source *io;
	int file; /* -1: unused */
	unsigned recording;
	uint64_t at, end;
	bool live;
};

struct fake_recorder {
	sd_event *event;
	const struct bus_daemon *daemon;
	sd_bus *bus; /* NULL: it does not run */
	sd_bus_slot *object;
	struct fake_recording recording[FAKE_RECORDINGS];
	const char *state;
	uint64_t free_bytes;
	uint32_t video_height; /* 0: no such property */
	struct fake_writer writer[FAKE_WRITERS];

	/* Faults. */
	const char *error;    /* every method answers with this error name */
	bool silent;          /* methods are never answered */
	bool malformed;       /* lists hold what no recorder may send */
	uint64_t damaged_at;  /* pipes end there; UINT64_MAX: never */
	sd_bus_message *held; /* with `hold`: SetTag and Start are done, but answered only by fake_recorder_release */
	bool hold;

	/* What it was asked. */
	unsigned starts, stops, tags, locations;
	char last_reason[64], last_source[128];
	int32_t last_latitude;
	bool start_had_location;
	uint8_t last_operation[16];
};

void fake_recorder_init(struct fake_recorder *recorder, sd_event *event, const struct bus_daemon *daemon);
/* Takes the name on the bus / leaves it. */
void fake_recorder_run(struct fake_recorder *recorder);
void fake_recorder_die(struct fake_recorder *recorder);
void fake_recorder_release(struct fake_recorder *recorder);
/* Changes the state, with its signal. */
void fake_recorder_set_state(struct fake_recorder *recorder, const char *state);
void fake_recorder_signal_recording(struct fake_recorder *recorder, unsigned recording);
/* The byte of a recording (or of the live view: FAKE_RECORDINGS) at this place. */
static inline uint8_t fake_byte(unsigned recording, uint64_t at) {
	return (uint8_t)(at * 7 + at / 251 + recording * 31);
}
uint8_t fake_thumbnail_byte(unsigned recording, size_t at);
