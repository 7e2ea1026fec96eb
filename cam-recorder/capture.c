#include "cam-recorder/capture.h"

#include <errno.h>
#include <gst/app/gstappsink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cam-recorder/mailbox.h"

#define AREA "capture"
#define QUEUE_LIVE 512 /* some ten seconds of frames: the loop is never away for so long */
#define QUEUE_BATCH 65536
#define BITS_PER_PIXEL_AND_FRAME 0.12 /* openh264 at this rate keeps faces recognizable */

struct capture {
	const struct capture_callbacks *callbacks;
	void *context;
	GstElement *pipeline;
	GstBus *bus;
	struct mailbox *mailbox;
};

static GstFlowReturn on_sample(GstAppSink *sink, gpointer context) {
	struct capture *c = context;
	GstSample *sample = gst_app_sink_pull_sample(sink);
	if (!sample)
		return GST_FLOW_EOS;
	const char *name = GST_OBJECT_NAME(sink);
	enum mail_kind kind = strcmp(name, "video") == 0 ? MAIL_VIDEO : strcmp(name, "audio") == 0 ? MAIL_AUDIO : MAIL_THUMBNAIL;
	struct mail mail = { .kind = kind, .buffer = gst_buffer_ref(gst_sample_get_buffer(sample)) };
	if (kind != MAIL_THUMBNAIL)
		mail.caps = gst_caps_ref(gst_sample_get_caps(sample));
	mailbox_post(c->mailbox, mail);
	gst_sample_unref(sample);
	return GST_FLOW_OK;
}

/* On GStreamer's threads. */
static GstBusSyncReply on_bus(GstBus *bus, GstMessage *message, gpointer context) {
	(void)bus;
	struct capture *c = context;
	if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
		GError *error;
		gst_message_parse_error(message, &error, NULL);
		log_line(LOG_LEVEL_ERROR, AREA, "%s: %s", GST_OBJECT_NAME(message->src), error->message);
		g_error_free(error);
		mailbox_post(c->mailbox, (struct mail){ .kind = MAIL_ERROR });
	} else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS) {
		mailbox_post(c->mailbox, (struct mail){ .kind = MAIL_END });
	}
	return GST_BUS_DROP;
}

static void on_mail(void *context, struct mail mail) {
	struct capture *c = context;
	switch (mail.kind) {
	case MAIL_VIDEO:
	case MAIL_AUDIO:
		c->callbacks->frame(c->context, mail.kind == MAIL_VIDEO, mail.buffer, mail.caps);
		break;
	case MAIL_THUMBNAIL:
		c->callbacks->thumbnail(c->context, mail.buffer);
		break;
	case MAIL_END:
	case MAIL_ERROR:
		c->callbacks->ended(c->context, mail.kind == MAIL_ERROR);
		break;
	case MAIL_BYTES:
		break;
	}
}

static bool is_test(const struct capture_config *config) {
	return config->source[0] == '\0' || strcmp(config->source, "test") == 0;
}

static GstElement *build(const struct capture_config *config) {
	char source[512], sound[256], text[2048];
	unsigned frames = config->seconds * config->framerate;
	unsigned bits = (unsigned)(config->width * config->height * config->framerate * BITS_PER_PIXEL_AND_FRAME);
	char video_end[32] = "", audio_end[32] = "";
	if (!config->live) {
		snprintf(video_end, sizeof(video_end), "num-buffers=%u", frames);
		snprintf(audio_end, sizeof(audio_end), "num-buffers=%u", config->seconds * 48000 / 1024);
	}
	if (is_test(config))
		snprintf(source, sizeof(source), "videotestsrc is-live=%s pattern=ball motion=wavy %s",
		         config->live ? "true" : "false", video_end);
	else
		snprintf(source, sizeof(source), "v4l2src device=\"%s\" ! videoconvert ! videoscale ! videorate", config->source);
	snprintf(sound, sizeof(sound), "audiotestsrc is-live=%s freq=440 volume=0.1 samplesperbuffer=1024 %s",
	         config->live ? "true" : "false", audio_end);
	/* A key frame each second: a recording can begin, and be sought, at each of them. */
	snprintf(text, sizeof(text),
	         "%s ! video/x-raw,width=%u,height=%u,framerate=%u/1 ! clockoverlay time-format=\"%%Y-%%m-%%d %%H:%%M:%%S\" "
	         "halignment=left valignment=top ! textoverlay name=serial halignment=right valignment=top ! tee name=picture "
	         "picture. ! queue ! videoconvert ! openh264enc bitrate=%u gop-size=%u complexity=low ! h264parse "
	         "config-interval=-1 ! "
	         "video/x-h264,stream-format=avc,alignment=au ! appsink name=video sync=false emit-signals=false "
	         "picture. ! queue max-size-buffers=2 %s ! videorate ! videoscale ! videoconvert ! "
	         "video/x-raw,width=160,height=90,framerate=1/1 ! jpegenc quality=55 ! appsink name=thumbnail sync=false "
	         "%s ! audio/x-raw,rate=48000,channels=1 ! queue ! voaacenc bitrate=48000 ! aacparse ! "
	         "audio/mpeg,stream-format=raw ! appsink name=audio sync=false",
	         source, config->width, config->height, config->framerate, bits < 64000 ? 64000 : bits, config->framerate,
	         config->live ? "leaky=downstream" : "", sound);
	GError *error = NULL;
	GstElement *pipeline = gst_parse_launch(text, &error);
	if (error) {
		log_line(LOG_LEVEL_ERROR, AREA, "the pipeline cannot be made: %s", error->message);
		g_error_free(error);
		gst_clear_object(&pipeline);
	}
	return pipeline;
}

int capture_new(struct capture **ret, sd_event *event, const struct capture_config *config,
                const struct capture_callbacks *callbacks, void *context) {
	struct capture *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct capture){ .callbacks = callbacks, .context = context };
	int result = mailbox_new(&c->mailbox, event, config->live ? QUEUE_LIVE : QUEUE_BATCH, on_mail, c);
	if (result == 0)
		c->pipeline = build(config);
	if (!c->pipeline) {
		capture_free(c);
		return result < 0 ? result : -ENODEV;
	}
	GstElement *serial = gst_bin_get_by_name(GST_BIN(c->pipeline), "serial");
	g_object_set(serial, "text", config->serial, NULL); /* not through the description: it is not ours to parse */
	gst_object_unref(serial);
	static const char *const sinks[] = { "video", "audio", "thumbnail" };
	for (size_t i = 0; i < G_N_ELEMENTS(sinks); i++) {
		GstElement *sink = gst_bin_get_by_name(GST_BIN(c->pipeline), sinks[i]);
		GstAppSinkCallbacks handlers = { .new_sample = on_sample };
		gst_app_sink_set_callbacks(GST_APP_SINK(sink), &handlers, c, NULL);
		gst_object_unref(sink);
	}
	c->bus = gst_element_get_bus(c->pipeline);
	gst_bus_set_sync_handler(c->bus, on_bus, c, NULL);
	if (gst_element_set_state(c->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE) {
		log_line(LOG_LEVEL_ERROR, AREA, "the pipeline does not start: is the video source there?");
		capture_free(c);
		return -EIO;
	}
	*ret = c;
	return 0;
}

void capture_free(struct capture *c) {
	if (!c)
		return;
	if (c->pipeline)
		gst_element_set_state(c->pipeline, GST_STATE_NULL); /* waits for its threads */
	if (c->bus) {
		gst_bus_set_sync_handler(c->bus, NULL, NULL, NULL);
		gst_object_unref(c->bus);
	}
	gst_clear_object(&c->pipeline);
	mailbox_free(c->mailbox);
	free(c);
}
