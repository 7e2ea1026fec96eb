/* Encoded frames to fragmented MP4: initialization segment, then a fragment each second. One for each recording and each live
 * viewer. */
#pragma once

#include <gst/gst.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

struct muxer;

struct muxer_callbacks {
	/* The next bytes of the MP4, from the loop. */
	void (*bytes)(void *context, const void *bytes, size_t length);
	/* After muxer_finish, or on an error: nothing follows. The owner frees it, inside or later. */
	void (*ended)(void *context, bool failed);
};

/* base_ns: the pipeline time that becomes 0. Caps are those of the two streams; borrowed. */
int muxer_new(struct muxer **ret, sd_event *event, GstClockTime base_ns, GstCaps *video, GstCaps *audio,
              const struct muxer_callbacks *callbacks, void *context);
void muxer_free(struct muxer *muxer);
/* Frames before the base are dropped. The buffer is borrowed. */
void muxer_push(struct muxer *muxer, bool video, GstBuffer *buffer);
void muxer_finish(struct muxer *muxer);
