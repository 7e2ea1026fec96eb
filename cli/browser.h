/* Opens an address that is a secret in the browser of whoever runs the command. */
#pragma once

#include <stdbool.h>

/* Whether this is somebody's desktop: a display and a runtime folder, and not root, whose browser it would not be. */
bool browser_is_there(void);

/* A command line is readable for every user of the machine, so the browser is given the name of a file, mode 0600 in the user's
 * own runtime folder, that sends it on to the address. The file is replaced by the next call and goes when the user logs out. 0
 * as soon as the desktop's opener (xdg-open) has been started; -ENOENT when there is none; or another negative errno. */
int browser_open(const char *address);
