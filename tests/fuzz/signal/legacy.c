/* Calls that nobody signs: a number of seconds, an address and a call at a time. Nothing starts without policy; with it no more
 * starts than the limits allow. */
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "signal/activation.h"

#define ROW (1 + 6 + LEGACY_SIZE)

static size_t starts(bool legacy, const uint8_t *data, size_t size) {
	struct activation *activation;
	const struct activation_policy policy = { .enabled = true, .legacy = legacy, .kinds = UINT32_MAX };
	const struct activation_situation situation = { .bluetooth_enabled = true, .buffering = true };
	uint64_t now_us = 1000000, first_us = now_us;
	size_t started = 0;
	if (activation_new(&activation) < 0)
		return 0;
	activation_set_policy(activation, &policy);
	for (; size >= ROW; data += ROW, size -= ROW) {
		struct legacy_call call;
		uint8_t again[LEGACY_SIZE];
		now_us += data[0] * 1000000ull;
		enum activation_verdict verdict =
		        activation_judge_legacy(activation, &situation, now_us, data + 1, data + 7, LEGACY_SIZE, &call);
		if (verdict == ACTIVATION_MALFORMED)
			continue;
		legacy_encode(&call, again);
		if (memcmp(again, data + 7, LEGACY_SIZE) != 0)
			__builtin_trap();
		started += verdict == ACTIVATION_START_UNVERIFIED;
	}
	activation_free(activation);
	if (started > ((now_us - first_us) / LEGACY_WINDOW_US + 1) * LEGACY_WINDOW_STARTS)
		__builtin_trap();
	return started;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (crypto_start() < 0)
		return 0;
	if (starts(false, data, size) > 0)
		__builtin_trap();
	/* Any length, too. */
	struct legacy_call call;
	if (legacy_decode(data, size, &call) !=
	    (size == LEGACY_SIZE && data[0] == LEGACY_HEADER && data[1] >= SIGNAL_MANUAL && data[1] <= SIGNAL_KIND_LAST))
		__builtin_trap();
	(void)starts(true, data, size);
	return 0;
}
