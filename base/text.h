/* Text that somebody else chose: fit for a log line, a D-Bus string, JSON and a terminal? */
#pragma once

#include <stdbool.h>

/* UTF-8 (RFC 3629: shortest form, no surrogates, at most U+10FFFF). */
bool text_is_utf8(const char *text);
/* UTF-8 without control characters (C0, DEL, C1). `lines` allows line breaks and tabs. */
bool text_is_plain(const char *text, bool lines);
