/* What happened since the daemon started: property Counters of org.lanyard.Camera1. */
#pragma once

#include <stdint.h>

#define COUNTERS(X) \
	X(LINKS, "links") \
	X(STRANGERS, "strangers") /* links that ended without having been authenticated */ \
	X(SESSIONS, "sessions") \
	X(SESSIONS_RENEWED, "sessions-renewed") \
	X(PAIRINGS, "pairings") \
	X(PAIRING_FAILURES, "pairing-failures") \
	X(HANDSHAKE_FAILURES, "handshake-failures") \
	X(DECRYPT_FAILURES, "decrypt-failures") \
	X(MESSAGES_MALFORMED, "messages-malformed") \
	X(REQUESTS, "requests") \
	X(OPERATIONS_REPEATED, "operations-repeated") \
	X(HANDOVERS, "handovers") \
	X(HANDOVER_FAILURES, "handover-failures") /* ended by neither side's wish */ \
	X(MEDIA_BYTES, "media-bytes")             /* of recordings and preview, sent */ \
	X(SIGNALS_STARTED, "signals-started") \
	X(SIGNALS_FORGED, "signals-forged")     /* no key opens it: junk, another agency's, or a forgery */ \
	X(SIGNALS_REPLAYED, "signals-replayed") /* repeats of a call that was heard before */ \
	X(SIGNALS_STALE, "signals-stale") \
	X(SIGNALS_MALFORMED, "signals-malformed")   /* begin like a call, and are none */ \
	X(SIGNALS_REFUSED, "signals-refused")       /* authentic, but policy or state says no */ \
	X(SIGNALS_UNVERIFIED, "signals-unverified") /* of those started: by a call that anybody can send */ \
	X(SIGNALS_UNSIGNED, "signals-unsigned")     /* such calls that started nothing */

enum counter {
#define COUNTER_ENUM(name, text) COUNTER_##name,
	COUNTERS(COUNTER_ENUM)
#undef COUNTER_ENUM
	        COUNTER_COUNT
};

struct counters {
	uint64_t value[COUNTER_COUNT];
};

/* As on D-Bus. */
const char *counter_name(enum counter counter);
