/* What the camera's NFC tag says: an NDEF message with serial and model in clear, as they are printed on the camera's body, and
 * optionally the fingerprint of its static key, so that a phone which touched the camera pairs without a man in the middle. Pure.
 * Sources: NFC Forum NDEF 1.0, RTD Text 1.0, RTD URI 1.0; external type names after RTD 1.0, section 3.1. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

#define NFC_SERIAL_LIMIT 32
#define NFC_MODEL_LIMIT 32
#define NFC_FINGERPRINT_SIZE 16 /* as many as people are shown: nobody makes a second key with the same 128 bits */
#define NDEF_LIMIT 256          /* an identity never needs more */

struct nfc_identity {
	char serial[NFC_SERIAL_LIMIT + 1], model[NFC_MODEL_LIMIT + 1];
	bool has_fingerprint;
	uint8_t fingerprint[NFC_FINGERPRINT_SIZE]; /* the first bytes of SHA-256(the camera's static public key) */
};

/* Records: Text "MODEL SERIAL" for any phone, URI urn:lanyard:camera:SERIAL for programs, lanyard.org:key when there is a
 * fingerprint. A serial is letters, digits, "-", "_" and ".": it is part of a URI, of file names and of tables. A model is
 * printable ASCII and begins with a letter or a digit: a spreadsheet takes "=..." for a formula. 0; -EINVAL when serial or model
 * is not like that or too long; -ENOSPC. */
int ndef_encode(const struct nfc_identity *identity, uint8_t *out, size_t capacity, size_t *ret_length);
/* Takes the URI record's serial, the Text record's model and the key; *ret is what ndef_encode would accept, except that the
 * model may be empty. Records of other types are passed over. REASON_OK, REASON_NDEF_MALFORMED (the message, or one of our
 * records, or two of them that are to be there once), or REASON_TAG_FOREIGN (no camera's URI). */
enum reason ndef_decode(const uint8_t *bytes, size_t length, struct nfc_identity *ret);
/* "0123-4567-...", as cameras and companions show fingerprints, or the digits without dashes. 0 or -EINVAL. */
int nfc_fingerprint_parse(const char *text, uint8_t out[NFC_FINGERPRINT_SIZE]);
#define NFC_FINGERPRINT_TEXT 40
void nfc_fingerprint_format(const uint8_t fingerprint[NFC_FINGERPRINT_SIZE], char out[NFC_FINGERPRINT_TEXT]);
