/* One recording in progress: from frames through the muxer into a container, until it is finished in the store. */
#pragma once

#include <gst/gst.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "footage/store.h"

struct take;

/* Makes the recording. base_ns: pipeline time of its first frame; started_us: the same in UTC. 0 or a negative errno. `ended` is
 * called once from the loop; the owner frees the take, inside or later. */
int take_new(struct take **ret, sd_event *event, struct store *store, const char *reason, GstClockTime base_ns,
             uint64_t started_us, GstCaps *video, GstCaps *audio, void (*ended)(void *context, struct take *take), void *context);
void take_free(struct take *take);
void take_push(struct take *take, bool video, GstBuffer *buffer);
void take_finish(struct take *take);
const char *take_id(const struct take *take);
/* A write failed (disk full): the owner finishes it. */
bool take_has_failed(const struct take *take);
