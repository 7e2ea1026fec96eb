/* What a daemon that holds keys does before it reads the first one. */
#pragma once

/* No core dumps, no ptrace by others of the same user, memory locked so that keys never reach swap, no death by SIGPIPE.
 * memory_needed: bytes of address space the process may use; memory is left unlocked (with a warning) when RLIMIT_MEMLOCK is
 * below it, because a locked process at its limit cannot allocate any more. What fails is logged and does not stop the daemon. */
void harden_process(unsigned long memory_needed);
/* For a daemon that does much of its work with little memory and some with much: buffers of 64 KiB and more go back to the system
 * when they are freed, and what was in them does. Otherwise the heap keeps room for the largest that there ever was (mallopt(3),
 * M_MMAP_THRESHOLD). */
void harden_buffers(void);
