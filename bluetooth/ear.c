#include "bluetooth/ear.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Packet type, event, length, and what a length can say (Core 5.4, volume 4, part E, 5.4.4). */
#define PACKET_LIMIT (3 + UINT8_MAX)

struct ear {
	int file;
	sd_event_source *source;
	struct ear_config config;
	const struct ear_callbacks *callbacks;
	void *context;
	bool calling, freed; /* freed inside a callback: what is on the stack ends it */
};

/* The company's identifier alone says little: the one for tests is anybody's. With the header it is meant to be ours. */
static void look_for(struct ear *ear, const struct advert_report *report, size_t which) {
	const struct ear_format *format = &ear->config.format[which];
	size_t length;
	const uint8_t *data = advert_manufacturer_data(report->data, report->length, format->company, &length);
	if (!data || length == 0 || data[0] != format->header)
		return;
	if (length == format->length)
		ear->callbacks->heard(ear->context, report, which, data);
	else if (ear->callbacks->malformed)
		ear->callbacks->malformed(ear->context, report, which, length);
}

/* Returns false when the ear was freed meanwhile. */
static bool take(struct ear *ear, const uint8_t *packet, size_t length) {
	struct advert_reports reports;
	struct advert_report report;
	if (!advert_reports_start(&reports, packet, length))
		return true;
	ear->calling = true;
	while (!ear->freed && advert_reports_next(&reports, &report))
		for (size_t i = 0; !ear->freed && i < EAR_FORMATS; i++)
			look_for(ear, &report, i);
	ear->calling = false;
	if (!ear->freed)
		return true;
	free(ear);
	return false;
}

static void fail(struct ear *ear, int error) {
	ear->source = sd_event_source_disable_unref(ear->source);
	ear->callbacks->failed(ear->context, error);
}

static int on_readable(sd_event_source *source, int file, uint32_t events, void *context) {
	(void)source;
	struct ear *ear = context;
	for (size_t i = 0; i < ear->config.batch; i++) {
		uint8_t packet[PACKET_LIMIT];
		ssize_t length = recv(file, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
		if (length < 0) {
			if (errno == EAGAIN && !(events & (EPOLLERR | EPOLLHUP)))
				return 0;
			if (errno == EINTR)
				continue;
			fail(ear, errno == EAGAIN ? -ENODEV : -errno);
			return 0;
		}
		if (length == 0) { /* the adapter was removed */
			fail(ear, -ENODEV);
			return 0;
		}
		if ((size_t)length <= sizeof(packet) && !take(ear, packet, (size_t)length))
			return 0;
	}
	return 0;
}

int ear_new(struct ear **ret, sd_event *event, int file, const struct ear_config *config, const struct ear_callbacks *callbacks,
            void *context) {
	assert(ret && event && file >= 0 && config && config->batch > 0 && callbacks);
	struct ear *ear = calloc(1, sizeof(*ear));
	if (!ear) {
		close(file);
		return -ENOMEM;
	}
	*ear = (struct ear){ .file = file, .config = *config, .callbacks = callbacks, .context = context };
	int r = sd_event_add_io(event, &ear->source, file, EPOLLIN, on_readable, ear);
	if (r < 0) {
		ear_free(ear);
		return r;
	}
	*ret = ear;
	return 0;
}

void ear_free(struct ear *ear) {
	if (!ear)
		return;
	sd_event_source_disable_unref(ear->source);
	close(ear->file);
	ear->freed = true;
	if (!ear->calling)
		free(ear);
}
