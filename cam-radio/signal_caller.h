/* A camera that starts calls its neighbours ([signal] call): for half a minute it says a Signal of kind "camera". Only a
 * recording that a person began calls; one that a call began does not, so that no call goes round. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"
#include "signal/advert.h"

#define SIGNAL_CALL_US 30000000u
#define SIGNAL_CALL_RENEW_S 3

struct signal_caller {
	uint32_t sender;
	const struct file_layer *layer;
	int folder;
	uint64_t until_us;     /* monotonic; 0: nothing to say */
	uint32_t next, stored; /* sequences up to the stored one are taken already */
};

/* sender: this camera's number among the agency's senders. Reads what the last run has left. layer outlives it. */
void signal_caller_init(struct signal_caller *caller, uint32_t sender, const struct file_layer *layer, int folder);
/* A recording began. Sequences are stored before they are said; when they cannot be, nothing is. 0 or a negative errno. */
int signal_caller_begin(struct signal_caller *caller, uint64_t now_us);
/* The recording is over, or policy says so. */
void signal_caller_end(struct signal_caller *caller);
bool signal_caller_is_calling(const struct signal_caller *caller, uint64_t now_us);
/* The next call, with a sequence of its own; false when there is nothing to say (any more). time_s: since 1970-01-01 UTC. */
bool signal_caller_say(struct signal_caller *caller, uint64_t now_us, uint64_t time_s, struct signal_call *ret);
