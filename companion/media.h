/* Readers of recordings over the media channel. Pure: messages come in, messages go out. Each reader has a bounded buffer and
 * asks the camera for slices that fit it, so that a reader that stops reading stops only itself, and memory stays bounded. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

/* One buffer is four slices: two on their way, two being handed on. */
#define MEDIA_SLICE (256u * 1024)
#define MEDIA_BUFFER (4 * MEDIA_SLICE)
/* The camera takes 16 requests at once (proto/wifi.proto) and each reader has at most two. */
#define MEDIA_READERS 8
#define MEDIA_SLICES_IN_FLIGHT 2

struct media;
struct media_read;

/* NULL when out of memory. */
struct media *media_new(void);
/* All readers must be gone. NULL is allowed. */
void media_free(struct media *media);

/* The channel is up: `send` takes one message for it. */
void media_open(struct media *media, void (*send)(void *context, const uint8_t *bytes, size_t length), void *context);
/* The channel is gone: every reader ends with this reason. */
void media_close(struct media *media, enum reason reason);
bool media_is_open(const struct media *media);
/* A message of the channel. 0, or -EBADMSG when the camera breaks the protocol: the owner ends the channel. */
int media_take_message(struct media *media, const uint8_t *bytes, size_t length);
/* Readers now, for the idle rule of the handover. */
size_t media_readers(const struct media *media);

/* A reader of `length` bytes (0: to the end) from `offset` of a recording; recording "" is the live preview, which starts where
 * it starts. `progress` is called, never from inside media_read_new or media_read_take, whenever there is something new: total
 * known, bytes to take, or ended. The reader may be freed inside. 0; -ENOTCONN without a channel; -EMFILE above MEDIA_READERS;
 * -EINVAL for an id that is too long; -ENOMEM. */
int media_read_new(struct media_read **ret, struct media *media, const char *recording, uint64_t offset, uint64_t length,
                   void (*progress)(void *context), void *context);
/* Cancels what is under way and wipes the buffer. NULL is allowed. */
void media_read_free(struct media_read *read);
/* True once the camera has answered; *ret_total: bytes of the whole recording, 0 for live preview. */
bool media_read_total(const struct media_read *read, uint64_t *ret_total);
/* Copies at most `capacity` bytes. 0: nothing yet, or ended. */
size_t media_read_take(struct media_read *read, uint8_t *out, size_t capacity);
/* True when no more bytes will come: REASON_OK after the last one, or why not. Bytes that arrived before can still be taken. */
bool media_read_ended(const struct media_read *read, enum reason *ret_reason);
