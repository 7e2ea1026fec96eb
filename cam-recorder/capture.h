/* The encoder, always running: camera (or test picture) to H.264, microphone (or test tone) to AAC, and a small JPEG each second.
 */
#pragma once

#include <gst/gst.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/* A thumbnail crosses Bluetooth: larger ones are left out, and the next is made coarser. */
#define CAPTURE_THUMBNAIL_LIMIT 4096

struct capture;

struct capture_config {
	const char *source; /* V4L2 device; "" or "test": moving test picture */
	const char *sound;  /* ALSA device; "" or "test": a tone */
	const char *serial; /* burnt into the picture, with the time */
	unsigned width, height, framerate;
	bool live;         /* false: test picture and tone as fast as they go, for `seconds`, then it ends */
	unsigned seconds;  /* not live: how long */
	uint64_t epoch_us; /* not live: UTC of the first picture, microseconds since 1970 */
};

struct capture_callbacks {
	/* An encoded frame; caps are those of its stream. Both are taken over. */
	void (*frame)(void *context, bool video, GstBuffer *buffer, GstCaps *caps);
	/* A JPEG of at most CAPTURE_THUMBNAIL_LIMIT bytes; taken over. */
	void (*thumbnail)(void *context, GstBuffer *buffer);
	/* It ended (not live: all is there), or failed: the source is gone. The owner frees it, inside or later. */
	void (*ended)(void *context, bool failed);
};

/* 0 or a negative errno after a log line. */
int capture_new(struct capture **ret, sd_event *event, const struct capture_config *config,
                const struct capture_callbacks *callbacks, void *context);
/* NULL is allowed. */
void capture_free(struct capture *capture);
