/* What this process denies itself: keys and footage pass through its memory and must not reach a disk. */
#pragma once

/* No core dumps, no ptrace by other processes of the user, all memory locked (where the limits allow it: logged when not). Call
 * it first. */
void harden_process(void);
