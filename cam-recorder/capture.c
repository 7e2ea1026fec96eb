#include "cam-recorder/capture.h"

#include <errno.h>
#include <gst/app/gstappsink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cam-recorder/mailbox.h"

#define AREA "capture"
#define QUEUE 512                     /* some eight seconds of frames: the loop is never away for so long */
#define BITS_PER_PIXEL_AND_FRAME 0.12 /* openh264 at this rate keeps faces recognizable */
#define BITS_LEAST 64000
#define JPEG_QUALITY 60
#define JPEG_QUALITY_STEP 10
#define JPEG_QUALITY_LEAST 10
#define TEST_PICTURE "videotestsrc pattern=ball motion=wavy background-color=0xff1d3449 foreground-color=0xfff2b84b"
#define TEXT_STYLE "font-desc=\"Monospace 20\" shaded-background=true"
#define TIME_FORMAT "%Y-%m-%d %H:%M:%S %z"

struct capture {
	const struct capture_callbacks *callbacks;
	void *context;
	GstElement *pipeline;
	GstBus *bus;
	struct mailbox *mailbox;
	bool dropping; /* the loop was away too long: nothing more until the next key frame */
	int jpeg_quality;
};

/* A picture whose predecessor is missing would be shown broken until the next key frame: it is left out too. */
static void post_frame(struct capture *c, struct mail mail) {
	bool video = mail.kind == MAIL_VIDEO;
	if (video && c->dropping && GST_BUFFER_FLAG_IS_SET(mail.buffer, GST_BUFFER_FLAG_DELTA_UNIT)) {
		gst_clear_buffer(&mail.buffer);
		gst_clear_caps(&mail.caps);
		return;
	}
	bool taken = mailbox_post(c->mailbox, mail);
	if (video && !taken && !c->dropping)
		log_line(LOG_LEVEL_WARNING, AREA, "frames are lost: the recorder does not keep up");
	if (video)
		c->dropping = !taken;
}

static GstFlowReturn on_sample(GstAppSink *sink, gpointer context) {
	struct capture *c = context;
	GstSample *sample = gst_app_sink_pull_sample(sink);
	if (!sample)
		return GST_FLOW_EOS;
	const char *name = GST_OBJECT_NAME(sink);
	enum mail_kind kind = strcmp(name, "video") == 0 ? MAIL_VIDEO : strcmp(name, "audio") == 0 ? MAIL_AUDIO : MAIL_THUMBNAIL;
	struct mail mail = { .kind = kind, .buffer = gst_buffer_ref(gst_sample_get_buffer(sample)) };
	if (kind == MAIL_THUMBNAIL) {
		mailbox_post(c->mailbox, mail);
	} else {
		mail.caps = gst_caps_ref(gst_sample_get_caps(sample));
		post_frame(c, mail);
	}
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

static void take_thumbnail(struct capture *c, GstBuffer *jpeg) {
	if (gst_buffer_get_size(jpeg) <= CAPTURE_THUMBNAIL_LIMIT) {
		c->callbacks->thumbnail(c->context, jpeg);
		return;
	}
	gst_buffer_unref(jpeg);
	if (c->jpeg_quality <= JPEG_QUALITY_LEAST)
		return;
	c->jpeg_quality -= JPEG_QUALITY_STEP;
	GstElement *encoder = gst_bin_get_by_name(GST_BIN(c->pipeline), "jpeg");
	g_object_set(encoder, "quality", c->jpeg_quality, NULL);
	gst_object_unref(encoder);
}

static void on_mail(void *context, struct mail mail) {
	struct capture *c = context;
	switch (mail.kind) {
	case MAIL_VIDEO:
	case MAIL_AUDIO:
		c->callbacks->frame(c->context, mail.kind == MAIL_VIDEO, mail.buffer, mail.caps);
		break;
	case MAIL_THUMBNAIL:
		take_thumbnail(c, mail.buffer);
		break;
	case MAIL_END:
	case MAIL_ERROR:
		c->callbacks->ended(c->context, mail.kind == MAIL_ERROR);
		break;
	case MAIL_BYTES:
		break;
	}
}

static bool is_test(const char *source) {
	return source[0] == '\0' || strcmp(source, "test") == 0;
}

static void describe_picture(const struct capture_config *config, char *out, size_t capacity) {
	if (!config->live)
		snprintf(out, capacity, TEST_PICTURE " num-buffers=%u", config->seconds * config->framerate);
	else if (is_test(config->source))
		snprintf(out, capacity, TEST_PICTURE " is-live=true");
	else
		snprintf(out, capacity, "v4l2src device=\"%s\" ! videoconvert ! videoscale ! videorate", config->source);
}

static void describe_sound(const struct capture_config *config, char *out, size_t capacity) {
	const char *tone = "audiotestsrc freq=440 volume=0.1 samplesperbuffer=1024";
	if (!config->live)
		snprintf(out, capacity, "%s num-buffers=%u", tone, config->seconds * 48000 / 1024);
	else if (is_test(config->sound))
		snprintf(out, capacity, "%s is-live=true", tone);
	else
		snprintf(out, capacity, "alsasrc device=\"%s\" ! audioconvert ! audioresample", config->sound);
}

static GstElement *build(const struct capture_config *config) {
	char picture[512], sound[512], text[3072];
	unsigned bits = (unsigned)(config->width * config->height * config->framerate * BITS_PER_PIXEL_AND_FRAME);
	/* Live, a picture that the encoder has no time for is left out before it is encoded; a file has all the time. */
	const char *leaky = config->live ? "leaky=downstream" : "";
	describe_picture(config, picture, sizeof(picture));
	describe_sound(config, sound, sizeof(sound));
	/* A key frame each second: a recording can begin, and be sought, at each of them. */
	snprintf(text, sizeof(text),
	         "%s ! video/x-raw,width=%u,height=%u,framerate=%u/1,pixel-aspect-ratio=1/1 ! "
	         "%s name=clock halignment=left valignment=top " TEXT_STYLE " ! "
	         "textoverlay name=serial halignment=right valignment=bottom " TEXT_STYLE " ! "
	         "tee name=picture "
	         "picture. ! queue max-size-buffers=8 %s ! videoconvert ! "
	         "openh264enc bitrate=%u gop-size=%u complexity=low ! h264parse config-interval=-1 ! "
	         "video/x-h264,stream-format=avc,alignment=au ! appsink name=video sync=false "
	         "picture. ! queue max-size-buffers=2 %s ! videorate drop-only=true ! videoscale ! videoconvert ! "
	         "video/x-raw,width=160,height=90,framerate=1/1,pixel-aspect-ratio=1/1 ! jpegenc name=jpeg quality=%d ! "
	         "appsink name=thumbnail sync=false "
	         "%s ! audio/x-raw,rate=48000,channels=1 ! queue %s ! voaacenc bitrate=48000 ! aacparse ! "
	         "audio/mpeg,stream-format=raw ! appsink name=audio sync=false",
	         picture, config->width, config->height, config->framerate, config->live ? "clockoverlay" : "timeoverlay", leaky,
	         bits < BITS_LEAST ? BITS_LEAST : bits, config->framerate, leaky, JPEG_QUALITY, sound, leaky);
	GError *error = NULL;
	GstElement *pipeline = gst_parse_launch(text, &error);
	if (error) {
		log_line(LOG_LEVEL_ERROR, AREA, "the pipeline cannot be made: %s", error->message);
		g_error_free(error);
		gst_clear_object(&pipeline);
	}
	return pipeline;
}

/* The time that is burnt in: the clock's, or, when pictures are made faster than they are shown, what each picture's would be. */
static void set_clock(GstElement *clock, const struct capture_config *config) {
	if (config->live) {
		g_object_set(clock, "time-format", TIME_FORMAT, NULL);
		return;
	}
	GDateTime *epoch = g_date_time_new_from_unix_local((gint64)(config->epoch_us / 1000000));
	g_object_set(clock, "show-times-as-dates", TRUE, "datetime-format", TIME_FORMAT, "datetime-epoch", epoch, NULL);
	g_date_time_unref(epoch);
}

/* Not through the description: the texts are not ours to parse. */
static void set_texts(GstElement *pipeline, const struct capture_config *config) {
	GstElement *serial = gst_bin_get_by_name(GST_BIN(pipeline), "serial");
	GstElement *clock = gst_bin_get_by_name(GST_BIN(pipeline), "clock");
	g_object_set(serial, "text", config->serial, NULL);
	set_clock(clock, config);
	gst_object_unref(serial);
	gst_object_unref(clock);
}

int capture_new(struct capture **ret, sd_event *event, const struct capture_config *config,
                const struct capture_callbacks *callbacks, void *context) {
	struct capture *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct capture){ .callbacks = callbacks, .context = context, .jpeg_quality = JPEG_QUALITY };
	int result = mailbox_new(&c->mailbox, event, QUEUE, config->live ? MAILBOX_DROPS : MAILBOX_WAITS, on_mail, c);
	if (result == 0)
		c->pipeline = build(config);
	if (!c->pipeline) {
		capture_free(c);
		return result < 0 ? result : -ENODEV;
	}
	set_texts(c->pipeline, config);
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
	mailbox_close(c->mailbox);
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
