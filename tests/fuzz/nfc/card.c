/* A tag or reader that answers whatever it likes. Input: a byte for the kind of answer to reset, then answers, each a length byte
 * and so many bytes; when they are used up, the tag is gone. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "nfc/card.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static int answer(void *context, const uint8_t *command, size_t length, uint8_t response[CARD_RESPONSE_LIMIT],
                  size_t *ret_length) {
	struct reader *answers = context;
	(void)command;
	(void)length;
	size_t size = reader_u8(answers);
	const uint8_t *bytes = reader_take(answers, size);
	if (answers->failed)
		return -ENODEV;
	if (size > 0)
		memcpy(response, bytes, size);
	response[size] = 0x90; /* the status word that most answers need, so that the fuzzer need not find it each time */
	response[size + 1] = 0x00;
	*ret_length = size + 2;
	return 0;
}

static int reset(void *context) {
	(void)context;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	static const uint8_t type2[] = { 0x3b, 0x8f, 0x80, 0x01, 0x80, 0x4f, 0x0c, 0xa0, 0x00, 0x00,
		                         0x03, 0x06, 0x03, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x68 };
	static const struct nfc_identity ours = { .serial = "S1", .model = "M" };
	struct reader answers = reader_over(bytes, length);
	struct card_port port = { .transmit = answer, .reset = reset, .context = &answers };
	struct card_content content;
	struct tag_image wanted;
	struct tag_finding findings[TAG_FINDINGS_LIMIT];
	bool changed;
	uint8_t kind = reader_u8(&answers);
	if (kind & 1) {
		memcpy(port.atr, type2, sizeof(type2));
		port.atr_length = sizeof(type2);
	}
	if (tag_image_make((enum tag_kind)(kind >> 1 & 3), &ours, NULL, &wanted) < 0)
		return 0;
	if (kind & 8) {
		card_write(&port, &wanted, &content, &changed);
	} else if (card_read(&port, &content) == REASON_OK) {
		size_t count = tag_findings(&content.image, findings);
		card_try(&port, &content, findings, count);
	}
	return 0;
}
