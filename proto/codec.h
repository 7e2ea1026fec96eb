/* Encoding and decoding of the schema's outer messages. Decoding accepts whole messages with one known member and an id that is
 * not zero, and steps over fields that a later version has added. What a field may hold (ids, UTF-8, ranges, enum values that we
 * do not know) is checked by whoever uses it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/lanyard.pb.h"
#include "proto/wifi.pb.h"

/* Largest encoded outer message; it fits one record of a Bluetooth link (pairing/limits.h). */
#define CODEC_MESSAGE_LIMIT 4096

/* 0 and *ret_length, or -EMSGSIZE when it does not fit `capacity`. */
int codec_encode(const lanyard_Message *message, uint8_t *out, size_t capacity, size_t *ret_length);
/* 0, or -EBADMSG when the bytes are not a Message with exactly one member (and, in an event, one body). A request's body may be
 * one that only a later version knows: then which_body is 0. *ret_message is wiped on failure. */
int codec_decode(const uint8_t *bytes, size_t length, lanyard_Message *ret_message);
/* The same for the media channel, whose messages all have an id. */
int codec_encode_media(const lanyard_MediaMessage *message, uint8_t *out, size_t capacity, size_t *ret_length);
int codec_decode_media(const uint8_t *bytes, size_t length, lanyard_MediaMessage *ret_message);

/* A data frame of the media channel: a zero byte (which begins no MediaMessage), the request's id (4 bytes, big-endian), then
 * bytes of the MP4, at least one, in order from the request's offset. */
#define MEDIA_DATA_HEADER_SIZE 5
/* Largest payload of one data frame: header and payload fit one record of the media channel (RECORD_LIMIT_MEDIA less its tag). */
#define MEDIA_DATA_LIMIT (65535 - 16 - MEDIA_DATA_HEADER_SIZE)

void codec_media_data_header(uint8_t out[MEDIA_DATA_HEADER_SIZE], uint32_t id);
/* True when a message of the media channel is a data frame rather than a MediaMessage. */
bool codec_media_is_data(const uint8_t *bytes, size_t length);
/* The outputs point into `bytes`. 0, or -EBADMSG when it is no data frame, its id is zero, or it carries nothing. */
int codec_media_data(const uint8_t *bytes, size_t length, uint32_t *ret_id, const uint8_t **ret_data, size_t *ret_data_length);
