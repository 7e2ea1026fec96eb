/* The single commands behind card.h. Each: REASON_OK; REASON_TAG_GONE when no answer came; for reading REASON_TAG_UNREADABLE, for
 * writing REASON_TAG_LOCKED when the tag or the reader refuses. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "nfc/card.h"

/* Pseudo-APDUs that readers understand (PC/SC part 3, section 3.2.2). */
/* *ret_length is 0 when the reader does not tell: no failure. */
enum reason card_get_uid(const struct card_port *port, uint8_t out[CARD_UID_LIMIT], size_t *ret_length);
enum reason card_read_pages(const struct card_port *port, uint8_t page, uint8_t out[4 * NTAG_PAGE_SIZE]);
enum reason card_write_page(const struct card_port *port, uint8_t page, const uint8_t bytes[NTAG_PAGE_SIZE]);

/* ISO/IEC 7816-4, as NFC Forum Type 4 Tag 2.0, section 5.4 narrows it. */
enum reason card_select_application(const struct card_port *port);
enum reason card_select_file(const struct card_port *port, uint16_t file);
/* `length` bytes from `offset` on, at most `limit` at once. */
enum reason card_read_binary(const struct card_port *port, size_t offset, uint8_t *out, size_t length, size_t limit);
enum reason card_update_binary(const struct card_port *port, size_t offset, const uint8_t *bytes, size_t length, size_t limit);
