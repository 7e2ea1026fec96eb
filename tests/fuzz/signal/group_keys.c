/* The file of group keys. */
#include "signal/group_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct group_key keys[GROUP_KEYS_LIMIT];
	size_t count = 0;
	unsigned line = 0;
	if (group_keys_parse((const char *)data, size, 2970, keys, &count, &line) < 0) {
		if (line == 0)
			__builtin_trap(); /* the log must name it */
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		if (count > GROUP_KEYS_LIMIT || keys[i].week < 2969 || keys[i].week > 2974)
			__builtin_trap();
	return 0;
}
