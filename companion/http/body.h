/* The JSON bodies of the API, one pure function for each. Every one accepts exactly the members that docs/http/openapi.yaml
 * names; anything else is BODY_INVALID, so that a typing error in a script is not silently ignored. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"
#include "companion/http/access.h"
#include "nfc/ndef.h"
#include "proto/footage.pb.h"

/* The largest body is a tag whose every byte is escaped: 352 * 6, and its names. */
#define BODY_LIMIT 4096
/* Nothing in the API nests; the parser's recursion must not be the sender's choice. */
#define BODY_DEPTH 4
#define CODE_DIGITS 6
#define CAMERA_ID_SIZE 16 /* hexadecimal digits of the id in its advert, new for each pairing window */

/* Each: REASON_OK, BODY_INVALID, or REQUEST_INVALID when a value is out of range; the output is untouched unless REASON_OK. */

enum reason body_parse_login(const char *bytes, size_t length, char ret_token[TOKEN_TEXT_SIZE]);
/* Six digits. */
enum reason body_parse_confirm(const char *bytes, size_t length, uint32_t *ret_code);
/* ret_fingerprint: in groups with dashes, or "" when none is given (or null). */
enum reason body_parse_pair(const char *bytes, size_t length, char ret_camera[CAMERA_ID_SIZE + 1],
                            char ret_fingerprint[NFC_FINGERPRINT_TEXT]);
enum reason body_parse_record(const char *bytes, size_t length, bool *ret_start);
enum reason body_parse_tag(const char *bytes, size_t length, lanyard_Tag *ret_tag);
