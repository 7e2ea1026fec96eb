/* One live viewer: frames through a muxer of its own into a pipe. A reader that does not keep up is let go: it never holds the
 * recorder. */
#pragma once

#include <gst/gst.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

struct preview;

/* Takes over the pipe's write end, also on failure. `ended` is called once from the loop; the owner frees it, inside or later. */
int preview_new(struct preview **ret, sd_event *event, int pipe, GstClockTime base_ns, GstCaps *video, GstCaps *audio,
                void (*ended)(void *context, struct preview *preview), void *context);
void preview_free(struct preview *preview);
void preview_push(struct preview *preview, bool video, GstBuffer *buffer);
