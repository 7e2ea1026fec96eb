/* A whole companion without its page, against a whole camera in another process (camera.c) and a wpa_supplicant of the unit
 * tests: what takes the place of both radios, its life, and pairing as its page does it. Linked with --wrap of radio_bluez_new,
 * listener_new_tcp, listener_port, wifi_environment_system and session_new. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "companion/parts.h"
#include "tests/faults/must_come.h"
#include "tests/unit/wifi/fake_daemon.h"

struct companion_scene {
	sd_event *event, *others; /* of the companion; of wpa_supplicant */
	char folder[40];          /* the companion's state */
	struct settings settings;
	struct parts parts;
	bool built;
	const struct parts_callbacks *told; /* what the parts tell; NULL: nobody listens */
	struct fake_daemon supplicant;
	struct fake_port port;
	struct interface_port port_operations;
	struct wifi_environment environment;
	uint64_t renew_after_us; /* 0: as always */
};
extern struct companion_scene scene;

/* Longer than any deadline: what does not come by then never comes. */
#define PATIENCE_US (90 * SECOND_US)
#define COMES(condition) MUST_COME(scene.event, PATIENCE_US, condition)

/* Once in a program, before anything fails. */
void camera_start(void);
void camera_stop(void);
/* Its answer to a command (camera.c), valid until the next. */
const char *tell_camera(const char *command);
/* The first of fake_recorder.c. */
extern const char first_recording[];

/* A companion that has never run, and a camera without one. */
void scene_begin(uint64_t renew_after_us);
/* Its parts. False when they cannot be built, which leaves nothing. */
bool scene_build(void);
void scene_restart(void);
void scene_end(void);
void remove_folder(const char *path);

/* As its page does it. REASON_OK, or what a person is told. */
enum reason scene_pair(void);
bool is_live(void);
/* Neither wpa_supplicant nor the interface knows of a network. */
bool is_left(void);
