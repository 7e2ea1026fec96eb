#include "companion/harden.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

/* Eight readers of a recording, the connections' buffers, the program and its libraries. */
#define MEMORY_NEEDED (128ul * 1024 * 1024)

void harden_process(void) {
	signal(SIGPIPE, SIG_IGN);
#if defined(__SANITIZE_ADDRESS__)
	return; /* the sanitizer traces itself and reserves terabytes */
#endif
	const struct rlimit none = { 0, 0 };
	if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		log_line(LOG_LEVEL_WARNING, "memory", "core dumps cannot be switched off: %s", strerror(errno));
	struct rlimit locked;
	bool enough = geteuid() == 0 || (getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur >= MEMORY_NEEDED);
	if (!enough || mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		log_line(LOG_LEVEL_WARNING, "memory",
		         "memory cannot be locked (LimitMEMLOCK below %lu MiB?): video that passes through may reach swap",
		         MEMORY_NEEDED / (1024 * 1024));
}
