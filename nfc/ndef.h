/* What the camera's NFC tag says: an NDEF message with serial and model in clear, as they are printed on the camera's body, and
 * optionally the fingerprint of its static key, so that a phone which touched the camera pairs without a man in the middle. Pure.
 * Sources: NFC Forum NDEF 1.0, RTD Text 1.0, RTD URI 1.0; external type names after RTD 1.0, section 3.1. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NFC_SERIAL_LIMIT 32
#define NFC_MODEL_LIMIT 32
#define NFC_FINGERPRINT_SIZE 32
#define NDEF_LIMIT 256 /* an identity never needs more */

struct nfc_identity {
	char serial[NFC_SERIAL_LIMIT + 1], model[NFC_MODEL_LIMIT + 1];
	bool has_fingerprint;
	uint8_t fingerprint[NFC_FINGERPRINT_SIZE]; /* SHA-256 of the camera's static public key */
};

/* Records: Text "MODEL SERIAL" for any phone, URI urn:lanyard:camera:SERIAL for programs, lanyard.org:key when there is a
 * fingerprint. 0; -EINVAL when serial or model is empty, too long or not printable ASCII, or the serial has a space; -ENOSPC. */
int ndef_encode(const struct nfc_identity *identity, uint8_t *out, size_t capacity, size_t *ret_length);
/* Takes the URI record's serial, the Text record's model and the key. Records of other types are passed over. 0, -EBADMSG when
 * the message is malformed or has no camera URI. */
int ndef_decode(const uint8_t *bytes, size_t length, struct nfc_identity *ret);
