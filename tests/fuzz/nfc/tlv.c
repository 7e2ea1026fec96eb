/* The data area of a tag: a message that is found lies inside it. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "nfc/tlv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	const uint8_t *message = NULL;
	size_t message_length = 0;
	if (tlv_find_message(bytes, length, &message, &message_length) != REASON_OK)
		return 0;
	assert(message_length > 0 && message >= bytes + 2 && message + message_length <= bytes + length);
	return 0;
}
