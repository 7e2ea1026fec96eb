/* What looks like an attack: the signal SecurityEvent of org.lanyard.Camera1, for whoever watches over a fleet. */
#pragma once

enum security_event {
	SECURITY_SIGNAL_FORGED,   /* the look of a call, and no key of ours made it */
	SECURITY_SIGNAL_REPLAYED, /* a true call, said again by somebody later than its sender would */
};

/* As on D-Bus: "signal-forged". */
const char *security_event_name(enum security_event event);
