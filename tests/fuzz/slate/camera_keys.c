/* The file of camera keys. */
#include <string.h>

#include "slate/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct camera_key keys[CAMERA_KEYS_LIMIT];
	size_t count = 0;
	unsigned line = 0;
	if (camera_keys_parse((const char *)data, size, keys, &count, &line) < 0) {
		if (line == 0)
			__builtin_trap(); /* people are told which */
		return 0;
	}
	if (count > CAMERA_KEYS_LIMIT)
		__builtin_trap();
	for (size_t i = 0; i < count; i++)
		if (*keys[i].serial == '\0' || strlen(keys[i].serial) > SLATE_SERIAL_LIMIT)
			__builtin_trap();
	return 0;
}
