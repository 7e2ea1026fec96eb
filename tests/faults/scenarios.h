/* What every program here does with its scenarios. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct fault_scenario {
	const char *name;
	/* Begins with a fault that is still to come, and ends without one. Whether all that it tried went well. */
	bool (*run)(void);
};

/* Runs those that are named, or all, again and again; in each run one call fails: the first, the second, ... until a run has had
 * none left to fail. That one must go well, and no run may leave a descriptor open, or memory. The arguments of the program:
 * [--from N] [--every N] [SCENARIO...], --from: not those before; --every: only each N-th. Returns its exit status. */
int fault_scenarios(int count, char **arguments, const struct fault_scenario *scenarios, size_t scenario_count);
