#include "tests/faults/inject.h"

#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-event.h>

#include <sanitizer/common_interface_defs.h>

struct injection injection = { .scene = "-" };

bool inject_fails(const char *what) {
	if (injection.fail_at == 0 || ++injection.calls != injection.fail_at)
		return false;
	injection.failed = what;
	injection.failed_at = injection.fail_at;
	if (getenv("FAULTS_STACK"))
		__sanitizer_print_stack_trace();
	return true;
}

unsigned inject_pause(void) {
	unsigned fail_at = injection.fail_at;
	injection.fail_at = 0;
	return fail_at;
}

void inject_resume(unsigned fail_at) {
	injection.fail_at = fail_at;
}

void must_broken(const char *file, int line, const char *what) {
	fprintf(stderr, "faults: %s, fault %u (%s): %s:%d: broken: %s\n", injection.scene, injection.failed_at,
	        injection.failed ? injection.failed : "none yet", file, line, what);
	abort();
}

unsigned inject_open_files(void) {
	unsigned count = 0;
	DIR *entries = opendir("/proc/self/fd");
	MUST(entries != NULL);
	while (readdir(entries))
		count++;
	closedir(entries);
	return count;
}

WRAP(void *, malloc, (size_t size), (size), return NULL)
WRAP(void *, calloc, (size_t count, size_t size), (count, size), return NULL)
WRAP(void *, realloc, (void *old, size_t size), (old, size), return NULL)
WRAP(int, sd_event_add_time,
     (sd_event * event, sd_event_source **ret, clockid_t clock, uint64_t usec, uint64_t accuracy,
      sd_event_time_handler_t callback, void *context),
     (event, ret, clock, usec, accuracy, callback, context), return -ENOMEM)
WRAP(int, sd_event_add_defer, (sd_event * event, sd_event_source **ret, sd_event_handler_t callback, void *context),
     (event, ret, callback, context), return -ENOMEM)
