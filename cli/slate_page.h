/* The timeline of `lanyard slate resolve --html`: one page that needs nothing else, no script, nothing from the network. */
#pragma once

#include <stdio.h>

#include "slate/resolve.h"

/* 0 or a negative errno. */
int slate_page_write(FILE *out, const struct resolve *resolve);
