/* The message of a tag that anybody may have written. What is taken for a camera's must be sayable by a camera. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "nfc/ndef.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	struct nfc_identity identity, again;
	uint8_t message[NDEF_LIMIT];
	size_t message_length;
	if (ndef_decode(bytes, length, &identity) != REASON_OK)
		return 0;
	if (identity.model[0] == '\0')
		strcpy(identity.model, "M");
	assert(ndef_encode(&identity, message, sizeof(message), &message_length) == 0);
	assert(ndef_decode(message, message_length, &again) == REASON_OK);
	assert(strcmp(identity.serial, again.serial) == 0 && strcmp(identity.model, again.model) == 0);
	return 0;
}
