/* The TLV blocks in a Type 2 tag's data area (NFC Forum Type 2 Tag 1.1, section 2.3). Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/reason.h"

/* Finds the first NDEF message. Lock and memory control blocks are stepped over: on an NTAG21x nothing inside the data area is
 * reserved. REASON_OK and the message inside `area`; REASON_TAG_EMPTY: no such block, or an empty one; REASON_TAG_MALFORMED: a
 * block is longer than what is left. */
enum reason tlv_find_message(const uint8_t *area, size_t length, const uint8_t **ret, size_t *ret_length);
/* Writes the message as a block, and the terminator. What is too long fails the writer. */
void tlv_write_message(struct writer *writer, const uint8_t *message, size_t length);
