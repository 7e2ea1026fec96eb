/* Our companion against a camera that is hostile (hostile.h). First byte: pairing, session or media. */
#include "tests/fuzz/pairing/hostile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct ends ends;
	hostile_run(&ends, &ends.companion, data, size);
	return 0;
}
