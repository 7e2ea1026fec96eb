/* Adverts of strangers before the rules: nothing without the right key starts anything, whatever its bytes; and the memory of
 * sequences from a damaged file. */
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "signal/activation.h"

#define NOW_S 1800000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct activation *activation;
	struct activation_policy policy = { .enabled = true, .kinds = UINT32_MAX, .key_count = 1 };
	struct activation_situation situation = {
		.now_s = NOW_S, .clock_trusted = true, .bluetooth_enabled = true, .buffering = true
	};
	if (crypto_start() < 0 || activation_new(&activation) < 0)
		return 0;
	policy.keys[0].week = NOW_S / WEEK_SECONDS;
	memset(policy.keys[0].key, 7, sizeof(policy.keys[0].key));
	activation_set_policy(activation, &policy);
	(void)!activation_load(activation, data, size);
	for (size_t at = 0; at + ADVERT_SIZE <= size; at += ADVERT_SIZE)
		if (activation_judge(activation, &situation, data + at, NULL) != ACTIVATION_FORGED)
			__builtin_trap();
	activation_free(activation);
	return 0;
}
