/* A file of keys (base/key_file.h) that the daemon uses and may not have yet: an installer who forgets it, or a damaged one, must
 * not cost the officer the camera. It is looked at again and again until it is good; what is wrong with it goes into the log,
 * once and then once in each epoch, and is kept for people who ask. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/key_file.h"

struct key_watch;

struct key_watch_config {
	const char *component, *path; /* for the log */
	/* Reads the file and uses what is in it. problem: for people; "" when all is well. Returns the epoch in which it did. */
	uint64_t (*read)(void *context, char problem[KEY_FILE_PROBLEM_SIZE]);
	/* What the daemon does as long as the file is not good, for the log. */
	const char *(*meanwhile)(void *context);
	/* From the loop and from nothing else: key_watch_problem says something else than when it was made, or last time. */
	void (*changed)(void *context);
	void *context;
	uint64_t retry_us;
};

/* Reads the file for the first time: a bad one is no failure. Everything in the configuration outlives it. 0 or a negative errno.
 */
int key_watch_new(struct key_watch **ret, sd_event *event, const struct key_watch_config *config);
/* NULL is allowed. */
void key_watch_free(struct key_watch *watch);
/* Reads the file again, now. */
void key_watch_read(struct key_watch *watch);
/* What is wrong with it; "" when nothing is, and for NULL. Valid until the loop goes on. */
const char *key_watch_problem(const struct key_watch *watch);
