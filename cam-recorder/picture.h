/* Sizes of the picture that a user may choose, and the one that was chosen last. */
#pragma once

#include <stdbool.h>

/* 480, 720 or 1080 lines of a 16:9 picture. False: not one of them. */
bool picture_width(unsigned height, unsigned *ret_width);
/* What was stored, if anything; else both are left as they are. */
void picture_load(int folder, unsigned *width, unsigned *height);
/* 0 or a negative errno. */
int picture_store(int folder, unsigned height);
