/* One lamp of the camera: a folder under /sys/class/leds, whose kernel triggers do the blinking. */
#pragma once

enum lamp_pattern {
	LAMP_OFF,
	LAMP_ON,       /* the radio is in use, or a pairing has just succeeded */
	LAMP_SLOW,     /* waits for a companion */
	LAMP_FAST,     /* both buttons are held */
	LAMP_QUESTION, /* a code is shown and waits for an answer */
};

/* folder: "" does nothing. A lamp that cannot be driven is logged once for each change and hinders nobody. */
void lamp_set(const char *folder, enum lamp_pattern pattern);
