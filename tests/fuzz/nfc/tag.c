/* A tag that anybody may hold to a reader: first byte the kind, then its image; and the bare message. */
#include <stddef.h>
#include <stdint.h>

#include "nfc/tag.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	struct nfc_identity identity;
	if (length < 1)
		return 0;
	enum tag_kind kind = (enum tag_kind)(bytes[0] % TAG_KINDS);
	tag_image_read(kind, bytes + 1, length - 1, &identity);
	tag_image_writable(kind, bytes + 1, length - 1);
	ndef_decode(bytes + 1, length - 1, &identity);
	return 0;
}
