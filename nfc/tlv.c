#include "nfc/tlv.h"

#define TLV_NULL 0x00
#define TLV_NDEF 0x03
#define TLV_TERMINATOR 0xfe
#define LONG_LENGTH 0xff /* two more bytes tell it */

enum reason tlv_find_message(const uint8_t *area, size_t length, const uint8_t **ret, size_t *ret_length) {
	struct reader r = reader_over(area, length);
	while (reader_left(&r) > 0) {
		uint8_t type = reader_u8(&r);
		if (type == TLV_NULL)
			continue;
		if (type == TLV_TERMINATOR)
			break;
		size_t block = reader_u8(&r);
		if (block == LONG_LENGTH)
			block = reader_u16(&r);
		const uint8_t *value = reader_take(&r, block);
		if (r.failed)
			return REASON_TAG_MALFORMED;
		if (type != TLV_NDEF)
			continue;
		if (block == 0)
			break;
		*ret = value;
		*ret_length = block;
		return REASON_OK;
	}
	return REASON_TAG_EMPTY;
}

void tlv_write_message(struct writer *writer, const uint8_t *message, size_t length) {
	writer_u8(writer, TLV_NDEF);
	if (length < LONG_LENGTH) {
		writer_u8(writer, (uint8_t)length);
	} else {
		writer_u8(writer, LONG_LENGTH);
		writer_u16(writer, (uint16_t)length);
	}
	writer_copy(writer, message, length);
	writer_u8(writer, TLV_TERMINATOR);
}
