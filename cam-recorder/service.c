#include "cam-recorder/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/log.h"
#include "base/loop.h"
#include "cam-recorder/object.h"
#include "cam-recorder/picture.h"
#include "cam-recorder/ranges.h"
#include "cam-recorder/recorder.h"

#define AREA "cam-recorder"
#define RETRY_US 1000000
#define RETRY_ACCURACY_US 100000
#define MIB (1024ull * 1024)

struct service {
	sd_event *event;
	const struct settings *settings;
	struct recorder *recorder;
	struct ranges *ranges;
	struct object_parts parts;
	sd_bus *bus;           /* NULL: not connected */
	struct object *object; /* the interface on that bus */
	sd_event_source *retry;
	bool told; /* that there is no bus */
	bool ending;
};

static void on_state_changed(void *context) {
	struct service *s = context;
	if (s->object)
		object_state_changed(s->object);
}

static void on_recording_changed(void *context, const char *id) {
	struct service *s = context;
	if (s->object)
		object_recording_changed(s->object, id);
}

static const struct recorder_callbacks handlers = {
	.state_changed = on_state_changed,
	.recording_changed = on_recording_changed,
};

/* --------------------------------------------------------------------------------------------------------------------- bus */

static void disconnect(struct service *s) {
	object_free(s->object);
	s->object = NULL;
	s->bus = sd_bus_flush_close_unref(s->bus);
}

static void try_later(struct service *s) {
	loop_timer_start(s->retry, RETRY_US);
}

/* The connection itself goes from the timer: not inside of a callback of its own. */
static int on_disconnected(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)message;
	(void)error;
	struct service *s = context;
	log_line(LOG_LEVEL_WARNING, AREA, "the system bus is gone; recording goes on, and the bus is tried again");
	s->told = true;
	try_later(s);
	return 0;
}

static int connect_bus(struct service *s) {
	int result = sd_bus_open_system(&s->bus);
	if (result >= 0)
		result = sd_bus_attach_event(s->bus, s->event, SD_EVENT_PRIORITY_NORMAL);
	if (result >= 0)
		result = sd_bus_match_signal(s->bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
		                             "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, s);
	if (result >= 0)
		result = object_new(&s->object, s->bus, &s->parts);
	return result;
}

static void connect_or_retry(struct service *s) {
	int result = connect_bus(s);
	if (result < 0) {
		if (!s->told)
			log_line(LOG_LEVEL_WARNING, AREA,
			         "the service cannot be offered on the system bus: %s; it is tried again", strerror(-result));
		s->told = true;
		disconnect(s);
		try_later(s);
		return;
	}
	if (s->told)
		log_line(LOG_LEVEL_NOTICE, AREA, "the service is offered on the system bus again");
	s->told = false;
}

static int on_retry(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source;
	(void)time_us;
	struct service *s = context;
	disconnect(s);
	connect_or_retry(s);
	return 0;
}

/* ------------------------------------------------------------------------------------------------------------------- public */

int service_new(struct service **ret, sd_event *event, struct store *store, int folder, const struct settings *settings) {
	struct service *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct service){ .event = event, .settings = settings };
	struct recorder_config config = { .capture = settings_capture(settings),
		                          .pre_event_s = settings->pre_event_s,
		                          .folder = folder,
		                          .reserve = settings->reserve_mib * MIB };
	picture_load(folder, &config.capture.width, &config.capture.height);
	int result = ranges_new(&s->ranges, event, store);
	if (result >= 0)
		result = recorder_new(&s->recorder, event, store, &config, &handlers, s);
	if (result >= 0)
		result = loop_timer_new(event, &s->retry, RETRY_ACCURACY_US, on_retry, s);
	if (result < 0) {
		service_free(s);
		return result;
	}
	s->parts = (struct object_parts){ .instance = settings->instance,
		                          .serial = settings->serial,
		                          .folder = folder,
		                          .store = store,
		                          .recorder = s->recorder,
		                          .ranges = s->ranges };
	connect_or_retry(s);
	*ret = s;
	return 0;
}

void service_free(struct service *s) {
	if (!s)
		return;
	sd_event_source_disable_unref(s->retry);
	disconnect(s);
	recorder_free(s->recorder);
	ranges_free(s->ranges);
	free(s);
}

static void on_shut(void *context) {
	struct service *s = context;
	sd_event_exit(s->event, EXIT_SUCCESS);
}

void service_end(struct service *s) {
	if (!s->ending)
		recorder_shut_down(s->recorder, on_shut);
	s->ending = true;
}
