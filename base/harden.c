#include "base/harden.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

#define BUFFER_SIZE 65536

void harden_buffers(void) {
	mallopt(M_MMAP_THRESHOLD, BUFFER_SIZE);
}

void harden_process(unsigned long memory_needed) {
	signal(SIGPIPE, SIG_IGN);
	/* The sanitizers trace the process and reserve terabytes. */
	if (SANITIZED)
		return;
	const struct rlimit none = { 0, 0 };
	if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		log_line(LOG_LEVEL_WARNING, "memory", "core dumps cannot be switched off: %s", strerror(errno));
	struct rlimit locked;
	bool enough = geteuid() == 0 || (getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur >= memory_needed);
	/* ONFAULT: pages that are never touched cost nothing. */
	if (!enough || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		log_line(LOG_LEVEL_WARNING, "memory",
		         "memory cannot be locked (LimitMEMLOCK below %lu MiB?): keys may reach swap",
		         memory_needed / (1024 * 1024));
}
