#include "nfc/card_commands.h"

#include <string.h>

#include "base/bytes.h"

#define SW_DONE 0x9000
#define COMMAND_LIMIT (5 + 255)
#define PIECE_LIMIT 250 /* short APDUs, with room for a reader's own limits */

/* Exactly `want` bytes of answer and the status word, or it is refused. */
static enum reason exchange(const struct card_port *port, const uint8_t *command, size_t length, uint8_t *out, size_t want,
                            enum reason refused) {
	uint8_t response[CARD_RESPONSE_LIMIT];
	size_t response_length = 0;
	if (port->transmit(port->context, command, length, response, &response_length) < 0)
		return REASON_TAG_GONE;
	if (response_length != want + 2 || (response[want] << 8 | response[want + 1]) != SW_DONE)
		return refused;
	if (want > 0)
		memcpy(out, response, want);
	return REASON_OK;
}

enum reason card_get_uid(const struct card_port *port, uint8_t out[CARD_UID_LIMIT], size_t *ret_length) {
	static const uint8_t command[] = { 0xff, 0xca, 0x00, 0x00, 0x00 };
	uint8_t response[CARD_RESPONSE_LIMIT];
	size_t length = 0;
	if (port->transmit(port->context, command, sizeof(command), response, &length) < 0)
		return REASON_TAG_GONE;
	*ret_length = 0;
	if (length > 2 && length - 2 <= CARD_UID_LIMIT && (response[length - 2] << 8 | response[length - 1]) == SW_DONE) {
		*ret_length = length - 2;
		memcpy(out, response, *ret_length);
	}
	return REASON_OK;
}

enum reason card_read_pages(const struct card_port *port, uint8_t page, uint8_t out[4 * NTAG_PAGE_SIZE]) {
	const uint8_t command[] = { 0xff, 0xb0, 0x00, page, 4 * NTAG_PAGE_SIZE };
	return exchange(port, command, sizeof(command), out, 4 * NTAG_PAGE_SIZE, REASON_TAG_UNREADABLE);
}

enum reason card_write_page(const struct card_port *port, uint8_t page, const uint8_t bytes[NTAG_PAGE_SIZE]) {
	const uint8_t command[] = { 0xff, 0xd6, 0x00, page, NTAG_PAGE_SIZE, bytes[0], bytes[1], bytes[2], bytes[3] };
	return exchange(port, command, sizeof(command), NULL, 0, REASON_TAG_LOCKED);
}

enum reason card_select_application(const struct card_port *port) {
	static const uint8_t command[] = { 0x00, 0xa4, 0x04, 0x00, 0x07, 0xd2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01, 0x00 };
	return exchange(port, command, sizeof(command), NULL, 0, REASON_TAG_UNREADABLE);
}

enum reason card_select_file(const struct card_port *port, uint16_t file) {
	const uint8_t command[] = { 0x00, 0xa4, 0x00, 0x0c, 0x02, (uint8_t)(file >> 8), (uint8_t)file };
	return exchange(port, command, sizeof(command), NULL, 0, REASON_TAG_UNREADABLE);
}

static size_t piece_of(size_t left, size_t limit) {
	size_t most = limit < PIECE_LIMIT ? limit : PIECE_LIMIT;
	return left < most ? left : most;
}

enum reason card_read_binary(const struct card_port *port, size_t offset, uint8_t *out, size_t length, size_t limit) {
	enum reason reason = REASON_OK;
	for (size_t done = 0; done < length && reason == REASON_OK;) {
		size_t at = offset + done, piece = piece_of(length - done, limit);
		const uint8_t command[] = { 0x00, 0xb0, (uint8_t)(at >> 8), (uint8_t)at, (uint8_t)piece };
		reason = exchange(port, command, sizeof(command), out + done, piece, REASON_TAG_UNREADABLE);
		done += piece;
	}
	return reason;
}

enum reason card_update_binary(const struct card_port *port, size_t offset, const uint8_t *bytes, size_t length, size_t limit) {
	enum reason reason = REASON_OK;
	for (size_t done = 0; done < length && reason == REASON_OK;) {
		size_t at = offset + done, piece = piece_of(length - done, limit);
		uint8_t command[COMMAND_LIMIT] = { 0x00, 0xd6, (uint8_t)(at >> 8), (uint8_t)at, (uint8_t)piece };
		memcpy(command + 5, bytes + done, piece);
		reason = exchange(port, command, 5 + piece, NULL, 0, REASON_TAG_LOCKED);
		done += piece;
	}
	return reason;
}
