/* From GStreamer's threads into the event loop: a bounded queue of buffers behind an eventfd. GStreamer's thread never waits. */
#pragma once

#include <gst/gst.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

enum mail_kind { MAIL_VIDEO, MAIL_AUDIO, MAIL_THUMBNAIL, MAIL_BYTES, MAIL_END, MAIL_ERROR };

struct mail {
	enum mail_kind kind;
	GstBuffer *buffer; /* NULL for MAIL_END and MAIL_ERROR */
	GstCaps *caps;     /* MAIL_VIDEO and MAIL_AUDIO */
};

struct mailbox;

/* `receive` is called in the loop, once for each mail, in order; it takes over buffer and caps. The mailbox may be freed inside.
 */
int mailbox_new(struct mailbox **ret, sd_event *event, size_t limit, void (*receive)(void *context, struct mail mail),
                void *context);
/* No GStreamer thread may post any more: stop the pipeline first. NULL is allowed. */
void mailbox_free(struct mailbox *mailbox);
/* From any thread; takes over buffer and caps. False (and dropped) when the box is full: the loop is stuck. */
bool mailbox_post(struct mailbox *mailbox, struct mail mail);
