#include "base/loop.h"

#include <errno.h>
#include <signal.h>

int loop_handle_end(sd_event *event, sd_event_signal_handler_t handler, void *context) {
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	int r = sd_event_add_signal(event, NULL, SIGTERM, handler, context);
	return r < 0 ? r : sd_event_add_signal(event, NULL, SIGINT, handler, context);
}
