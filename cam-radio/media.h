/* The media channel's requests (proto/wifi.proto): recordings and live preview from the recorder's pipes, interleaved, never
 * faster than the companion reads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "cam-radio/recorder.h"

struct media;

#define MEDIA_REQUESTS 16 /* open at once, proto/wifi.proto */

/* The media object must not be freed inside. */
struct media_callbacks {
	/* One message of the channel; it is taken whole when media_room said so. */
	void (*send)(void *context, const uint8_t *bytes, size_t length);
	/* Bytes of messages that can be sent now. */
	size_t (*room)(void *context);
};

/* 0 or a negative errno. recorder and callbacks outlive it. */
int media_new(struct media **ret, sd_event *event, struct recorder *recorder, const struct media_callbacks *callbacks,
              void *context);
/* Closes all pipes; calls nothing. NULL is allowed. */
void media_free(struct media *media);
/* One message from the companion. 0, or -EBADMSG: the channel is to be closed. */
int media_take(struct media *media, const uint8_t *bytes, size_t length);
/* There is room again. */
void media_writable(struct media *media);
