/* The first bytes of a link, in clear, and the version rule. They are the prologue of the handshake, so that no bit of them can
 * be changed on the way. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define HELLO_SIZE 8
#define PROLOGUE_SIZE (7 + HELLO_SIZE) /* "lanyard" | hello */
#define VERSIONS_SIZE 6                /* minimum 1, maximum 1, capabilities 4: the responder's, inside message 2 */

enum hello_pattern { HELLO_PAIRING = 1, HELLO_SESSION = 2, HELLO_MEDIA = 3 };

struct hello {
	enum hello_pattern pattern;
	uint8_t version; /* of this handshake */
	uint8_t minimum, maximum;
	uint32_t capabilities; /* none are defined yet; unknown bits are ignored and authenticated */
};

void hello_write(const struct hello *hello, uint8_t out[HELLO_SIZE]);
/* True when it is one we can answer: known pattern, sane range, and the version is the best that both ends share. */
bool hello_read(const uint8_t bytes[HELLO_SIZE], struct hello *ret);
void hello_prologue(const uint8_t hello[HELLO_SIZE], uint8_t out[PROLOGUE_SIZE]);
/* Highest version in both ranges, 0 for none. */
uint8_t version_best(uint8_t minimum, uint8_t maximum, uint8_t other_minimum, uint8_t other_maximum);
void versions_write(struct writer *w);
/* Initiator's check of the responder's range: is `used` the best that both share? */
bool versions_read(struct reader *r, uint8_t used);
