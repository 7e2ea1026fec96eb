#include "cam-recorder/muxer.h"

#include <errno.h>
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <stdlib.h>

#include "base/log.h"
#include "cam-recorder/mailbox.h"

#define AREA "muxer"
#define QUEUE 16384

struct muxer {
	const struct muxer_callbacks *callbacks;
	void *context;
	GstClockTime base;
	GstElement *pipeline;
	GstAppSrc *sources[2]; /* audio, video */
	GstBus *bus;
	struct mailbox *mailbox;
};

static GstFlowReturn on_sample(GstAppSink *sink, gpointer context) {
	struct muxer *m = context;
	GstSample *sample = gst_app_sink_pull_sample(sink);
	if (!sample)
		return GST_FLOW_EOS;
	bool taken = mailbox_post(m->mailbox,
	                          (struct mail){ .kind = MAIL_BYTES, .buffer = gst_buffer_ref(gst_sample_get_buffer(sample)) });
	gst_sample_unref(sample);
	return taken ? GST_FLOW_OK : GST_FLOW_ERROR; /* a hole in an MP4 is worse than its end */
}

static GstBusSyncReply on_bus(GstBus *bus, GstMessage *message, gpointer context) {
	(void)bus;
	struct muxer *m = context;
	if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
		GError *error;
		gst_message_parse_error(message, &error, NULL);
		log_line(LOG_LEVEL_ERROR, AREA, "%s: %s", GST_OBJECT_NAME(message->src), error->message);
		g_error_free(error);
		mailbox_post(m->mailbox, (struct mail){ .kind = MAIL_ERROR });
	} else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS) {
		mailbox_post(m->mailbox, (struct mail){ .kind = MAIL_END });
	}
	return GST_BUS_DROP;
}

static void on_mail(void *context, struct mail mail) {
	struct muxer *m = context;
	if (mail.kind == MAIL_END || mail.kind == MAIL_ERROR) {
		m->callbacks->ended(m->context, mail.kind == MAIL_ERROR);
		return;
	}
	GstMapInfo map;
	if (gst_buffer_map(mail.buffer, &map, GST_MAP_READ)) {
		GstBuffer *held = mail.buffer; /* the callback may free the muxer */
		m->callbacks->bytes(m->context, map.data, map.size);
		gst_buffer_unmap(held, &map);
	}
	gst_clear_buffer(&mail.buffer);
	gst_clear_caps(&mail.caps);
}

int muxer_new(struct muxer **ret, sd_event *event, GstClockTime base_ns, GstCaps *video, GstCaps *audio,
              const struct muxer_callbacks *callbacks, void *context) {
	struct muxer *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	*m = (struct muxer){ .callbacks = callbacks, .context = context, .base = base_ns };
	int result = mailbox_new(&m->mailbox, event, QUEUE, MAILBOX_DROPS, on_mail, m);
	GError *error = NULL;
	if (result == 0)
		m->pipeline = gst_parse_launch(
		        "appsrc name=video format=time ! queue ! mux.video_0 appsrc name=audio format=time ! queue ! mux.audio_0 "
		        "mp4mux name=mux fragment-duration=1000 streamable=true ! appsink name=bytes sync=false",
		        &error);
	if (error) {
		log_line(LOG_LEVEL_ERROR, AREA, "the pipeline cannot be made: %s", error->message);
		g_error_free(error);
	}
	if (!m->pipeline) {
		muxer_free(m);
		return result < 0 ? result : -ENODEV;
	}
	for (int i = 0; i < 2; i++) {
		m->sources[i] = GST_APP_SRC(gst_bin_get_by_name(GST_BIN(m->pipeline), i == 1 ? "video" : "audio"));
		gst_app_src_set_caps(m->sources[i], i == 1 ? video : audio);
		gst_app_src_set_max_bytes(m->sources[i], 0); /* our own thread must never wait in it */
	}
	GstElement *sink = gst_bin_get_by_name(GST_BIN(m->pipeline), "bytes");
	GstAppSinkCallbacks handlers = { .new_sample = on_sample };
	gst_app_sink_set_callbacks(GST_APP_SINK(sink), &handlers, m, NULL);
	gst_object_unref(sink);
	m->bus = gst_element_get_bus(m->pipeline);
	gst_bus_set_sync_handler(m->bus, on_bus, m, NULL);
	gst_element_set_state(m->pipeline, GST_STATE_PLAYING);
	*ret = m;
	return 0;
}

void muxer_free(struct muxer *m) {
	if (!m)
		return;
	mailbox_close(m->mailbox);
	if (m->pipeline)
		gst_element_set_state(m->pipeline, GST_STATE_NULL);
	if (m->bus) {
		gst_bus_set_sync_handler(m->bus, NULL, NULL, NULL);
		gst_object_unref(m->bus);
	}
	for (int i = 0; i < 2; i++)
		gst_clear_object(&m->sources[i]);
	gst_clear_object(&m->pipeline);
	mailbox_free(m->mailbox);
	free(m);
}

void muxer_push(struct muxer *m, bool video, GstBuffer *buffer) {
	GstClockTime pts = GST_BUFFER_PTS(buffer);
	if (!GST_CLOCK_TIME_IS_VALID(pts) || pts < m->base)
		return;
	GstBuffer *copy = gst_buffer_copy(buffer); /* shares the memory */
	GST_BUFFER_PTS(copy) = pts - m->base;
	if (GST_BUFFER_DTS_IS_VALID(copy))
		GST_BUFFER_DTS(copy) = GST_BUFFER_DTS(copy) > m->base ? GST_BUFFER_DTS(copy) - m->base : 0;
	gst_app_src_push_buffer(m->sources[video], copy);
}

void muxer_finish(struct muxer *m) {
	for (int i = 0; i < 2; i++)
		gst_app_src_end_of_stream(m->sources[i]);
}
