/* What a daemon that holds keys does before it reads the first one. */
#pragma once

/* No core dumps, no ptrace by others of the same user, memory locked so that keys never reach swap, no death by SIGPIPE.
 * memory_needed: bytes of address space the process may use; memory is left unlocked (with a warning) when RLIMIT_MEMLOCK is
 * below it, because a locked process at its limit cannot allocate any more. What fails is logged and does not stop the daemon. */
void harden_process(unsigned long memory_needed);
