/* From GStreamer's threads into the event loop: a bounded queue of buffers behind an eventfd. */
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

/* What a thread does that finds the box full: a camera does not wait, so the mail is dropped; a file in the making does. */
enum mailbox_mode { MAILBOX_DROPS, MAILBOX_WAITS };

/* `receive` is called in the loop, once for each mail, in order; it takes over buffer and caps. The mailbox may be freed inside.
 */
int mailbox_new(struct mailbox **ret, sd_event *event, size_t limit, enum mailbox_mode mode,
                void (*receive)(void *context, struct mail mail), void *context);
/* From now on nothing is taken, and no thread waits: before the pipeline is stopped. NULL is allowed. */
void mailbox_close(struct mailbox *mailbox);
/* No GStreamer thread may post any more: close it and stop the pipeline first. NULL is allowed. */
void mailbox_free(struct mailbox *mailbox);
/* From any thread; takes over buffer and caps. False (and dropped) when the box is full (the loop is stuck) or closed. The end
 * and errors always find room. */
bool mailbox_post(struct mailbox *mailbox, struct mail mail);
