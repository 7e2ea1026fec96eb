/* What a paired companion that means ill can do: any messages, in any order, with the recorder's and the radio's answers in
 * between. Input: steps of kind 1, length 2 (big-endian), bytes. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "cam-radio/handover.h"
#include "cam-radio/requests.h"
#include "fake_recorder.h"
#include "proto/codec.h"

enum step { STEP_MESSAGE, STEP_ANSWER, STEP_REFUSE, STEP_SESSION_ENDS, STEP_UP, STEP_OFF, STEP_DIAL_FAILS, STEP_EVENT, STEPS };

struct port {
	struct wifi_port port;
	bool on, station, dialling;
};

struct fuzz {
	sd_event *event;
	struct settings settings;
	struct counters counters;
	struct preferences preferences;
	struct services services;
	struct port port;
	struct handover *handover;
	struct requests *requests;
	bool breached;
};

static int port_start(struct wifi_port *port, const struct wifi_credentials *credentials) {
	struct port *p = (struct port *)port;
	if (p->on)
		return -EALREADY;
	assert(wifi_credentials_check(credentials) == 0);
	p->on = true;
	return 0;
}
static int port_join(struct wifi_port *port, const struct wifi_credentials *credentials) {
	int result = port_start(port, credentials);
	if (result == 0)
		((struct port *)port)->station = true;
	return result;
}
static void port_stop(struct wifi_port *port) {
	assert(((struct port *)port)->on);
}
static int port_dial(struct wifi_port *port, const uint8_t address[16], uint16_t tcp_port, uint64_t timeout_us) {
	struct port *p = (struct port *)port;
	(void)timeout_us;
	assert(p->on && !p->dialling && tcp_port > 0);
	p->dialling = address[0] == 0xfe;
	return p->dialling ? 0 : -EINVAL;
}
static void port_cancel_dial(struct wifi_port *port) {
	((struct port *)port)->dialling = false;
}
static const struct wifi_port_operations port_operations = {
	.start = port_start,
	.stop = port_stop,
	.join = port_join,
	.leave = port_stop,
	.dial = port_dial,
	.cancel_dial = port_cancel_dial,
};

/* Every message that we send is one that the companion's codec takes. */
static int on_send(void *context, const uint8_t *bytes, size_t length) {
	lanyard_Message message;
	(void)context;
	if (codec_decode(bytes, length, &message) < 0)
		abort();
	return 0;
}
static void on_breach(void *context, enum reason reason) {
	(void)reason;
	((struct fuzz *)context)->breached = true;
}
static void on_preferences(void *context) {
	(void)context;
}
static const struct requests_callbacks callbacks = { .send = on_send,
	                                             .breach = on_breach,
	                                             .preferences_changed = on_preferences };

static void on_handover_changed(void *context) {
	struct fuzz *f = context;
	lanyard_Event event = { .which_body = lanyard_Event_wifi_tag, .body.wifi = handover_state(f->handover) };
	(void)requests_send_event(f->requests, &event);
}
static const struct handover_callbacks handover_callbacks = { .changed = on_handover_changed };

static enum reason set_clock(uint64_t time_us) {
	assert(time_us > 1000000000000000);
	return REASON_OK;
}

/* Nothing is written to a disk. */
static int no_open(void *context, int folder, const char *name, int flags, mode_t mode) {
	(void)context, (void)folder, (void)name, (void)flags, (void)mode;
	return -ENOSPC;
}

static void port_says_off(struct fuzz *f) {
	bool station = f->port.station;
	if (!f->port.on)
		return;
	f->port.on = f->port.station = f->port.dialling = false;
	if (station)
		f->port.port.callbacks->station_off(f->port.port.context, REASON_OK);
	else
		f->port.port.callbacks->access_point_off(f->port.port.context, REASON_OK);
}

static void port_says_up(struct fuzz *f) {
	if (f->port.station)
		f->port.port.callbacks->station_joined(f->port.port.context);
	else if (f->port.on)
		f->port.port.callbacks->access_point_up(f->port.port.context);
}

static void take_step(struct fuzz *f, enum step step, const uint8_t *bytes, size_t length) {
	lanyard_Event event = { .which_body = lanyard_Event_status_tag };
	switch (step) {
	case STEP_MESSAGE:
		f->breached = false;
		requests_take(f->requests, bytes, length);
		if (f->breached)
			requests_session_ended(f->requests);
		break;
	case STEP_ANSWER:
		fake_recorder_answer(REASON_OK, bytes, length);
		break;
	case STEP_REFUSE:
		fake_recorder_answer(REASON_DISK_FULL, bytes, length);
		break;
	case STEP_SESSION_ENDS:
		requests_session_ended(f->requests);
		handover_session_ended(f->handover);
		break;
	case STEP_UP:
		port_says_up(f);
		break;
	case STEP_OFF:
		port_says_off(f);
		break;
	case STEP_DIAL_FAILS:
		if (f->port.dialling) {
			f->port.dialling = false;
			f->port.port.callbacks->dialled(f->port.port.context, -1, REASON_DIAL_FAILED);
		}
		break;
	case STEP_EVENT:
		requests_fill_status(&f->services, &event.body.status);
		(void)requests_send_event(f->requests, &event);
		break;
	case STEPS:
		break;
	}
}

static void build(struct fuzz *f, struct file_layer *layer) {
	*layer = *file_layer_system();
	layer->open = no_open;
	f->settings.may_set_clock = f->settings.may_start_recording = f->settings.may_stop_recording = true;
	f->settings.may_set_lights = f->settings.may_set_sounds = f->settings.may_set_video_height = true;
	f->port.port.operations = &port_operations;
	if (sd_event_new(&f->event) < 0)
		abort();
	const struct handover_config config = {
		.port = &f->port.port,
		.random = random_system(),
		.name = "FUZZ",
		.frequency_mhz = 2437,
		.idle_us = SECOND_US,
		.timing = &handover_timing_default,
		.counters = &f->counters,
	};
	if (handover_new(&f->handover, f->event, &config, &handover_callbacks, f) < 0)
		abort();
	f->services = (struct services){
		.event = f->event,
		.settings = &f->settings,
		.handover = f->handover,
		.counters = &f->counters,
		.preferences = &f->preferences,
		.layer = layer,
		.folder = -1,
		.set_clock = set_clock,
	};
	if (requests_new(&f->requests, &f->services, &callbacks, f) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	struct fuzz *f = calloc(1, sizeof(*f));
	struct file_layer layer;
	log_set_level(LOG_LEVEL_ERROR - 1);
	build(f, &layer);
	struct reader r = reader_over(bytes, length);
	while (reader_left(&r) > 0 && !r.failed) {
		enum step step = reader_u8(&r) % STEPS;
		size_t size = reader_u16(&r);
		if (size > reader_left(&r))
			size = reader_left(&r);
		const uint8_t *data = reader_take(&r, size);
		if (data)
			take_step(f, step, data, size);
	}
	requests_free(f->requests);
	handover_free(f->handover);
	sd_event_unref(f->event);
	fake_recorder_check_empty();
	free(f);
	return 0;
}
