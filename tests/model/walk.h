/* How a table of tests/model is held against the code: every state that the table can reach, every event in it, and long random
 * walks. The code under test is included, not linked, so that its private state can be compared; what it calls is faked. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The same word does nothing in both languages. (cmocka has a use for it that nobody needs here.) */
#undef skip
#define skip (void)0

#define WALK_LIMIT 64

/* The model's state is whatever `walk_state` gives as a number below `states`; events are numbers below `events`. */
struct walker {
	unsigned states, events;
	void (*begin)(void);
	void (*end)(void);
	unsigned (*state)(void);
	/* False: the event cannot happen now, and nothing has changed. Otherwise both the model and the code have taken it, and
	 * were found equal. */
	bool (*step)(unsigned event);
};

struct walk_path {
	bool known;
	unsigned length, events[WALK_LIMIT];
};

/* A failing test tells how it got there. */
static unsigned walk_trace[4096], walk_length;

static inline void walk_note(unsigned event) {
	if (walk_length < sizeof(walk_trace) / sizeof(*walk_trace))
		walk_trace[walk_length++] = event;
}

static inline void walk_print(const char *const names[]) {
	fprintf(stderr, "after:");
	for (unsigned i = walk_length > 40 ? walk_length - 40 : 0; i < walk_length; i++)
		fprintf(stderr, " %s", names[walk_trace[i]]);
	fprintf(stderr, "\n");
}

static inline void walk_replay(const struct walker *walker, const struct walk_path *path) {
	walk_length = 0;
	walker->begin();
	for (unsigned i = 0; i < path->length; i++) {
		walk_note(path->events[i]);
		assert_true(walker->step(path->events[i]));
	}
}

/* Breadth first. Returns how many states there are, and in *ret_steps how many pairs of state and event. */
static inline unsigned walk_everywhere(const struct walker *walker, unsigned *ret_steps) {
	struct walk_path *paths = calloc(walker->states, sizeof(*paths));
	unsigned *queue = calloc(walker->states, sizeof(*queue)), head = 0, tail = 0, steps = 0;
	assert_true(paths != NULL && queue != NULL);
	walker->begin();
	queue[tail++] = walker->state();
	walker->end();
	paths[queue[0]].known = true;
	while (head < tail) {
		const struct walk_path *from = &paths[queue[head++]];
		for (unsigned event = 0; event < walker->events; event++) {
			walk_replay(walker, from);
			walk_note(event);
			if (walker->step(event)) {
				steps++;
				unsigned state = walker->state();
				assert_true(state < walker->states);
				if (!paths[state].known) {
					assert_true(from->length + 1 < WALK_LIMIT);
					paths[state] = *from;
					paths[state].known = true;
					paths[state].events[paths[state].length++] = event;
					queue[tail++] = state;
				}
			}
			walker->end();
		}
	}
	free(paths);
	free(queue);
	*ret_steps = steps;
	return tail;
}

/* A generator of its own: the same walks in every run. */
static inline unsigned walk_random(uint64_t *seed) {
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*seed >> 33);
}

static inline void walk_at_random(const struct walker *walker, unsigned walks, unsigned length) {
	uint64_t seed = 1;
	for (unsigned walk = 0; walk < walks; walk++) {
		walk_length = 0;
		walker->begin();
		for (unsigned taken = 0, tries = 0; taken < length && tries < length * 20; tries++) {
			unsigned event = walk_random(&seed) % walker->events;
			walk_note(event);
			if (walker->step(event))
				taken++;
			else
				walk_length--;
		}
		walker->end();
	}
}
