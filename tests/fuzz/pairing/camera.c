/* Our camera against a companion that is hostile (hostile.h). First byte: pairing, session or media. */
#include "tests/fuzz/pairing/hostile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct ends ends;
	hostile_run(&ends, &ends.camera, data, size);
	/* Only a pairing of which the person said yes changes anything. */
	must(!ends.camera.committed || ends.camera.accepted);
	return 0;
}
