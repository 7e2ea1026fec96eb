/* Reading, writing and trying a tag on a reader, in the reader's commands: PC/SC part 3 pseudo-APDUs for the pages of an NTAG,
 * ISO/IEC 7816-4 for a Type 4 tag. Pure: commands go out and answers come in through struct card_port. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nfc/lock.h"
#include "nfc/tag.h"

#define CARD_ATR_LIMIT 33
#define CARD_RESPONSE_LIMIT 258 /* 256 bytes and the status word */
#define CARD_UID_LIMIT 10

struct card_port {
	/* One command and its answer, status word included. 0, or a negative errno when there is no answer: the tag is gone. */
	int (*transmit)(void *context, const uint8_t *command, size_t length, uint8_t response[CARD_RESPONSE_LIMIT],
	                size_t *ret_length);
	/* Field off and on again: what was written to an NTAG's configuration is in effect after it. 0 or a negative errno. */
	int (*reset)(void *context);
	void *context;
	/* Answer to reset: an NTAG's is made up by the reader (PC/SC part 3, section 3.1.3.2.3), a Type 4 tag's holds its own. */
	uint8_t atr[CARD_ATR_LIMIT];
	size_t atr_length;
};

struct card_content {
	struct tag_image image;
	uint8_t uid[CARD_UID_LIMIT];
	size_t uid_length; /* 0: the reader does not tell */
};

/* The whole tag. REASON_OK, REASON_TAG_GONE, REASON_TAG_UNKNOWN, REASON_TAG_UNREADABLE, REASON_TAG_MALFORMED; REASON_TAG_FOREIGN:
 * a Type 4 message that is longer than any of a camera. */
enum reason card_read(const struct card_port *port, struct card_content *ret);

/* Writes and locks. The wanted image and the tag are of one kind, or it is REASON_TAG_UNKNOWN. What was cut short by taking the
 * tag away is finished by writing the same again. *ret: what is on the tag afterwards; *ret_changed: false when all of it was
 * there already. REASON_OK, card_read's, REASON_TAG_LOCKED (nothing was changed), REASON_TAG_TOO_SMALL, REASON_TAG_DIFFERS,
 * REASON_TAG_WRITABLE (a Type 4 tag with the content, which does not let itself be locked this way). */
enum reason card_write(const struct card_port *port, const struct tag_image *wanted, struct card_content *ret, bool *ret_changed);

/* Tries to write what is there already, and corrects the findings by what happens: what a Type 4 tag does not tell, and an NTAG
 * that takes writes in spite of its lock bits (no NXP chip does). REASON_OK or REASON_TAG_GONE. */
enum reason card_try(const struct card_port *port, const struct card_content *content, struct tag_finding *findings,
                     size_t count);
