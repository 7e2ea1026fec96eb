/* What makes a vehicle or a dock box call: switches and lines, each with the kind of its call (lanyard signal watch). The file
 * that says so, and when a contact that bounces counts. Pure but for reading the file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signal/advert.h"

#define TRIGGERS_LIMIT 16
#define TRIGGER_PATH_SIZE 108
#define TRIGGER_DEBOUNCE_LIMIT_MS 5000
/* Mechanical contacts are quiet within a few milliseconds; a relay beside a siren takes longer. */
#define TRIGGER_DEBOUNCE_MS 50

enum trigger_source { TRIGGER_KEY, TRIGGER_SWITCH, TRIGGER_LINE };

struct trigger {
	enum trigger_source source;
	char path[TRIGGER_PATH_SIZE]; /* of the input device or the GPIO chip */
	unsigned code;                /* linux/input-event-codes.h, or the line's offset */
	bool active_low;
	uint64_t debounce_us;
	enum signal_kind kind;
};

struct trigger_settings {
	char adapter[24], keys[TRIGGER_PATH_SIZE], state[TRIGGER_PATH_SIZE];
	uint32_t sender;
	unsigned company, seconds;
	bool legacy;
	struct trigger trigger[TRIGGERS_LIMIT];
	size_t count;
};

/* 0; -EINVAL after a log line that says what is wrong; -ENOENT or another negative errno. */
int trigger_settings_read(struct trigger_settings *ret, const char *path);

/* A contact over time. Zeroed at first. */
struct trigger_contact {
	bool known, level, settled; /* level: as last seen; settled: as it counts */
	uint64_t since_us;          /* of level */
};

/* What is seen now, at now_us on a monotonic clock. The first level counts at once and calls nobody: a daemon that starts while a
 * light bar is on is no news. */
void trigger_contact_see(struct trigger_contact *contact, uint64_t now_us, bool active);
/* When to ask trigger_contact_due; UINT64_MAX: not before something else is seen. */
uint64_t trigger_contact_deadline_us(const struct trigger_contact *contact, uint64_t debounce_us);
/* True once each time that it has become active and stayed so for debounce_us. */
bool trigger_contact_due(struct trigger_contact *contact, uint64_t now_us, uint64_t debounce_us);
/* The source is gone; what it shows when it is back is a first level. */
void trigger_contact_forget(struct trigger_contact *contact);
