#include "tests/faults/scenarios.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "tests/faults/inject.h"

#include <sanitizer/lsan_interface.h>

static void run_scenario(const struct fault_scenario *scenario, unsigned number, unsigned every) {
	unsigned good = 0, runs = 0;
	injection.scene = scenario->name;
	for (bool more = true; more; number += every) {
		unsigned files = inject_open_files();
		injection.failed = NULL;
		injection.calls = 0;
		injection.fail_at = number;
		bool well = scenario->run();
		good += well;
		runs++;
		more = injection.failed != NULL;
		injection.failed_at = number;
		injection.fail_at = 0;
		MUST(more || well); /* without a fault it succeeds */
		MUST(inject_open_files() == files);
	}
	MUST(runs > 1); /* there was something to fail */
	if (__lsan_do_recoverable_leak_check() != 0)
		must_broken(__FILE__, __LINE__, "no leak");
	printf("%s: %u faults, each alone: %u got past it, %u said why not\n", scenario->name, runs - 1, good - 1, runs - good);
}

int fault_scenarios(int count, char **arguments, const struct fault_scenario *scenarios, size_t scenario_count) {
	unsigned every = 1, from = 1;
	log_set_level((enum log_level)0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	int first = 1;
	for (; first + 1 < count && strncmp(arguments[first], "--", 2) == 0; first += 2)
		*(strcmp(arguments[first], "--every") == 0 ? &every : &from) = (unsigned)strtoul(arguments[first + 1], NULL, 10);
	if (every == 0 || from == 0)
		return 2;
	for (size_t i = 0; i < scenario_count; i++) {
		bool wanted = first >= count;
		for (int argument = first; argument < count; argument++)
			wanted |= strcmp(arguments[argument], scenarios[i].name) == 0;
		if (wanted)
			run_scenario(&scenarios[i], from, every);
	}
	return 0;
}
