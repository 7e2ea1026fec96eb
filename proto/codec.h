/* Encoding and decoding of the schema's outer messages. Decoding accepts only what docs/protocol.md allows: one member, known
 * enum values, no trailing bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/lanyard.pb.h"
#include "proto/wifi.pb.h"

/* Largest encoded outer message; it fits one record of a Bluetooth link (pairing/limits.h). */
#define CODEC_MESSAGE_LIMIT 4096

/* 0 and *ret_length, or -EMSGSIZE when it does not fit `capacity`. */
int codec_encode(const lanyard_Message *message, uint8_t *out, size_t capacity, size_t *ret_length);
/* 0, or -EBADMSG when the bytes are not a Message with exactly one member (and one body). *ret_message is wiped on failure. */
int codec_decode(const uint8_t *bytes, size_t length, lanyard_Message *ret_message);
/* The same for the media channel. */
int codec_encode_media(const lanyard_MediaMessage *message, uint8_t *out, size_t capacity, size_t *ret_length);
int codec_decode_media(const uint8_t *bytes, size_t length, lanyard_MediaMessage *ret_message);
