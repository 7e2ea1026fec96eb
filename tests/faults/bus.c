/* D-Bus, at our end: the recorder's client, the camera's object, and what is asked of bluetoothd, on a real bus with peers of the
 * test's own. Every call of sd-bus, every allocation and event source of ours, and every answer of a peer fails once: the first,
 * the second, ... until a run has had none left to fail. Whatever fails: no crash, no leak, every call is answered or was
 * refused; and afterwards, without faults and by itself, all is as if nothing had happened.
 *
 *   faults-bus [--from N] [--every N] [SCENARIO...] */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "bluetooth/adapter.h"
#include "bluetooth/advert.h"
#include "bluetooth/passive_scan.h"
#include "bluetooth/peers.h"
#include "bluetooth/scan.h"
#include "cam-radio/camera_bus.h"
#include "cam-radio/recorder.h"
#include "tests/faults/bus_calls.h"
#include "tests/faults/inject.h"
#include "tests/faults/scenarios.h"
#include "tests/unit/bluetooth/fake_bluez.h"
#include "tests/unit/cam-radio/fake_recorder.h"

/* Nothing here waits for the outside world. */
#define PATIENCE_US (5 * SECOND_US)
/* What is said once, and may be lost. */
#define SOON_US (SECOND_US / 10)

static bool wait_until(sd_event *event, uint64_t patience_us, bool (*holds)(void *context), void *context) {
	uint64_t end_us = fake_now_us() + patience_us;
	bool held;
	while (!(held = holds(context)) && fake_now_us() < end_us)
		MUST(sd_event_run(event, SOON_US / 4) >= 0);
	return held;
}

/* --- the recorder's client --- */

struct recorder_scene {
	sd_event *event;
	struct bus_daemon daemon;
	struct fake_recorder fake;
	sd_bus *bus;
	struct recorder *recorder;
	lanyard_RecorderState awaited;
	bool answered;
	enum reason reason;
	char told[40]; /* by recording_changed */
};

static void on_recorder_changed(void *context) {
	(void)context;
}

static void on_recording_changed(void *context, const char *id) {
	struct recorder_scene *s = context;
	snprintf(s->told, sizeof(s->told), "%s", id);
}

static const struct recorder_callbacks recorder_handlers = { .changed = on_recorder_changed,
	                                                     .recording_changed = on_recording_changed };

static bool has_state(void *context) {
	const struct recorder_scene *s = context;
	return recorder_state(s->recorder) == s->awaited;
}

static bool is_answered(void *context) {
	return ((const struct recorder_scene *)context)->answered;
}

static void on_recorder_answer(void *context, enum reason reason, const struct recorder_answer *answer) {
	struct recorder_scene *s = context;
	MUST(!s->answered);
	s->answered = true;
	s->reason = reason;
	MUST(reason == REASON_OK || answer->pipe < 0);
	if (answer->pipe >= 0)
		close(answer->pipe);
}

/* The N-th of all that can be asked of a recorder; false: there are no more. */
static bool ask(struct recorder_scene *s, unsigned number, struct recorder_call **call, int *ret_result) {
	static const struct recorder_location here = { .latitude_e7 = 1, .longitude_e7 = 2, .accuracy_m = 3, .time_us = 4 };
	static const uint8_t operation[16] = { 7 };
	static const lanyard_Tag tag = { .category = "c", .case_number = "n", .note = "t", .has_position = true };
	struct recorder *r = s->recorder;
	const char *id = s->fake.recording[0].id;
	switch (number) {
	case 0:
		*ret_result = recorder_start(r, call, "manual", "test", &here, on_recorder_answer, s);
		return true;
	case 1:
		*ret_result = recorder_stop(r, call, "manual", on_recorder_answer, s);
		return true;
	case 2:
		*ret_result = recorder_list(r, call, "", 4, on_recorder_answer, s);
		return true;
	case 3:
		*ret_result = recorder_get(r, call, id, on_recorder_answer, s);
		return true;
	case 4:
		*ret_result = recorder_thumbnail(r, call, id, on_recorder_answer, s);
		return true;
	case 5:
		*ret_result = recorder_set_tag(r, call, id, operation, &tag, on_recorder_answer, s);
		return true;
	case 6:
		*ret_result = recorder_add_location(r, call, id, &here, on_recorder_answer, s);
		return true;
	case 7:
		*ret_result = recorder_set_video_height(r, call, 480, on_recorder_answer, s);
		return true;
	case 8:
		*ret_result = recorder_open_range(r, call, id, 0, 100, on_recorder_answer, s);
		return true;
	case 9:
		*ret_result = recorder_open_preview(r, call, on_recorder_answer, s);
		return true;
	default:
		return false;
	}
}

/* Whether all went well. */
static bool ask_all(struct recorder_scene *s) {
	bool good = true;
	struct recorder_call *call;
	int result;
	for (unsigned number = 0; s->answered = false, call = NULL, ask(s, number, &call, &result); number++) {
		if (result == 0)
			MUST(wait_until(s->event, PATIENCE_US, is_answered, s)); /* or its caller would wait for ever */
		good &= result == 0 && s->reason == REASON_OK;
	}
	return good;
}

static bool reaches(struct recorder_scene *s, lanyard_RecorderState state) {
	s->awaited = state;
	return wait_until(s->event, PATIENCE_US, has_state, s);
}

static bool is_told(void *context) {
	return *((const struct recorder_scene *)context)->told;
}

/* What a recorder does by itself, and its end: whatever fails, its state is known again without anybody's help. Whether a change
 * of a recording was told, too, which is said once. */
static bool follow(struct recorder_scene *s, uint64_t patience_us) {
	MUST(reaches(s, lanyard_RecorderState_RECORDER_BUFFERING));
	fake_recorder_set_state(&s->fake, "event");
	MUST(reaches(s, lanyard_RecorderState_RECORDER_EVENT));
	MUST(strcmp(recorder_current_id(s->recorder), s->fake.recording[0].id) == 0);
	s->told[0] = '\0';
	fake_recorder_signal_recording(&s->fake, 0);
	bool told = wait_until(s->event, patience_us, is_told, s);
	fake_recorder_die(&s->fake);
	MUST(reaches(s, lanyard_RecorderState_RECORDER_UNKNOWN));
	s->fake.state = "buffering";
	fake_recorder_run(&s->fake);
	bus_calls_answers_of(s->fake.bus);
	MUST(reaches(s, lanyard_RecorderState_RECORDER_BUFFERING));
	return told;
}

static bool recorder_scenario(void) {
	struct recorder_scene s = { .recorder = NULL };
	unsigned number = injection.fail_at;
	injection.fail_at = 0;
	MUST(sd_event_new(&s.event) >= 0);
	bus_daemon_start(&s.daemon);
	fake_recorder_init(&s.fake, s.event, &s.daemon);
	fake_recorder_run(&s.fake);
	bus_calls_answers_of(s.fake.bus);
	s.bus = bus_daemon_connect(&s.daemon, s.event);
	bus_calls_ours(s.bus);

	injection.fail_at = number;
	bool good = recorder_new(&s.recorder, s.bus, NULL, &recorder_handlers, &s) == 0 && follow(&s, SOON_US) && ask_all(&s);

	injection.fail_at = 0;
	if (!s.recorder)
		MUST(recorder_new(&s.recorder, s.bus, NULL, &recorder_handlers, &s) == 0);
	/* As the calls have left it. */
	MUST(reaches(&s, strcmp(s.fake.state, "event") == 0 ? lanyard_RecorderState_RECORDER_EVENT
	                                                    : lanyard_RecorderState_RECORDER_BUFFERING));
	fake_recorder_set_state(&s.fake, "buffering");
	MUST(follow(&s, PATIENCE_US));
	MUST(ask_all(&s));
	recorder_free(s.recorder);
	bus_calls_ours(NULL);
	sd_bus_flush_close_unref(s.bus);
	fake_recorder_die(&s.fake);
	bus_daemon_stop(&s.daemon);
	sd_event_unref(s.event);
	return good;
}

/* --- the camera's object --- */

struct camera_scene {
	sd_event *event;
	struct bus_daemon daemon;
	sd_bus *bus, *client;
	struct camera_bus *camera;
	unsigned forgotten, muted, signals;
	bool answered, good;
};

static enum reason on_forget(void *context) {
	((struct camera_scene *)context)->forgotten++;
	return REASON_OK;
}

static enum reason on_slate_head(void *context, char ret[SLATE_HEAD_TEXT]) {
	(void)context;
	strcpy(ret, "a head");
	return REASON_OK;
}

static enum reason on_mute(void *context, uint32_t minutes, const char *who) {
	MUST(minutes == 5 && strcmp(who, "me") == 0);
	((struct camera_scene *)context)->muted++;
	return REASON_OK;
}

static const struct camera_bus_callbacks camera_handlers = { .forget = on_forget, .slate_head = on_slate_head, .mute = on_mute };

static int on_client_answer(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct camera_scene *s = context;
	MUST(!s->answered);
	s->answered = true;
	s->good = sd_bus_message_is_method_error(answer, NULL) <= 0;
	return 0;
}

static int on_camera_signal(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)message, (void)error;
	((struct camera_scene *)context)->signals++;
	return 0;
}

static bool client_is_answered(void *context) {
	return ((const struct camera_scene *)context)->answered;
}

static bool has_all_signals(void *context) {
	return ((const struct camera_scene *)context)->signals >= 3;
}

/* A caller is answered, with what it asked for or with an error. Whether with what it asked for. */
static bool ask_camera(struct camera_scene *s, const char *interface, const char *member, const char *types, ...) {
	sd_bus_message *call;
	va_list values;
	MUST(sd_bus_message_new_method_call(s->client, &call, "org.lanyard.Camera.test", "/org/lanyard/Camera1", interface,
	                                    member) >= 0);
	va_start(values, types);
	MUST(sd_bus_message_appendv(call, types, values) >= 0);
	va_end(values);
	s->answered = false;
	MUST(sd_bus_call_async(s->client, NULL, call, on_client_answer, s, PATIENCE_US) >= 0);
	sd_bus_message_unref(call);
	MUST(wait_until(s->event, PATIENCE_US, client_is_answered, s));
	return s->good;
}

static bool use_camera(struct camera_scene *s, uint64_t patience_us) {
	static const char interface[] = "org.lanyard.Camera1";
	bool good = ask_camera(s, "org.freedesktop.DBus.Properties", "GetAll", "s", interface);
	unsigned muted = s->muted, forgotten = s->forgotten;
	bool mute = ask_camera(s, interface, "MuteSignals", "us", 5, "me");
	bool forget = ask_camera(s, interface, "Forget", "");
	/* "Done" is true. */
	MUST(!mute || s->muted == muted + 1);
	MUST(!forget || s->forgotten == forgotten + 1);
	good &= mute & forget & ask_camera(s, interface, "SlateHead", "");
	s->signals = 0;
	camera_bus_changed(s->camera, "Wifi");
	camera_bus_feedback(s->camera, FEEDBACK_PAIRED, "");
	camera_bus_security(s->camera, SECURITY_SIGNAL_FORGED, "");
	return wait_until(s->event, patience_us, has_all_signals, s) && good;
}

static bool open_camera(struct camera_scene *s, const struct status *status) {
	if (!s->camera && camera_bus_new(&s->camera, s->bus, status, &camera_handlers, s) < 0)
		return false;
	return camera_bus_publish(s->camera, "test") == 0;
}

static bool camera_scenario(void) {
	const struct status status = { .serial = "CAM-1",
		                       .model = "m",
		                       .pairing = "closed",
		                       .wifi = "off",
		                       .bluetooth = "ready",
		                       .recorder = "buffering",
		                       .signal = "off" };
	struct camera_scene s = { .camera = NULL };
	unsigned number = injection.fail_at;
	injection.fail_at = 0;
	MUST(sd_event_new(&s.event) >= 0);
	bus_daemon_start(&s.daemon);
	s.client = bus_daemon_connect(&s.daemon, s.event);
	MUST(sd_bus_match_signal(s.client, NULL, NULL, "/org/lanyard/Camera1", NULL, NULL, on_camera_signal, &s) >= 0);
	s.bus = bus_daemon_connect(&s.daemon, s.event);
	bus_calls_ours(s.bus);

	injection.fail_at = number;
	bool good = open_camera(&s, &status) && use_camera(&s, SOON_US);

	injection.fail_at = 0;
	MUST((good || open_camera(&s, &status) || s.camera) && use_camera(&s, PATIENCE_US));
	camera_bus_free(s.camera);
	bus_calls_ours(NULL);
	sd_bus_flush_close_unref(s.bus);
	sd_bus_flush_close_unref(s.client);
	bus_daemon_stop(&s.daemon);
	sd_event_unref(s.event);
	return good;
}

/* --- what is asked of bluetoothd --- */

struct bluetooth_scene {
	sd_event *event;
	struct fake_bluez *fake;
	struct fake_adapter *fake_adapter;
	struct fake_device *device;
	sd_bus *bus;
	struct adapter *adapter;
	struct advert *advert;
	struct scan *scan;
	struct passive_scan *passive;
	struct peers *peers;
	const struct advert_content *shown;
	unsigned heard;
};

#define ADAPTER_PATH "/org/bluez/hci0"

static const struct advert_content contents[] = {
	{ .connectable = true, .service_data = { 1, 2, 3 }, .service_data_length = 3 },
	{ .company = 0xffff, .manufacturer_data = { 4, 5, 6, 7 }, .manufacturer_data_length = 4 },
};

/* As the header of each asks its owner for. */
static void on_ready(void *context) {
	struct bluetooth_scene *s = context;
	if (s->advert)
		advert_refresh(s->advert);
	if (s->scan)
		scan_refresh(s->scan);
	if (s->passive)
		passive_scan_refresh(s->passive);
}

static void on_lost(void *context, enum reason reason) {
	(void)context;
	MUST(reason != REASON_OK);
}

static const struct adapter_callbacks adapter_handlers = { .ready = on_ready, .lost = on_lost };

static void on_heard(void *context, const struct sighting *sighting) {
	struct bluetooth_scene *s = context;
	MUST(sighting->service_data_length == 2 && memcmp(sighting->service_data, "hi", 2) == 0);
	s->heard++;
}

static const struct ear_format formats[EAR_FORMATS] = { { 0xffff, 1, 24 }, { 0xfffe, 2, 8 } };

static const struct scan_callbacks scan_handlers = { .heard = on_heard };

/* bluetoothd takes a monitor up, and switches it on. */
static int on_register_monitor(sd_bus_message *call, void *context, sd_bus_error *error) {
	(void)error;
	struct bluetooth_scene *s = context;
	MUST(sd_bus_reply_method_return(call, NULL) >= 0);
	MUST(sd_bus_call_method_async(s->fake->bus, NULL, sd_bus_message_get_sender(call), "/org/lanyard/monitors/none",
	                              "org.bluez.AdvertisementMonitor1", "Activate", NULL, NULL, NULL) >= 0);
	return 1;
}

static int on_unregister_monitor(sd_bus_message *call, void *context, sd_bus_error *error) {
	(void)context, (void)error;
	return sd_bus_reply_method_return(call, NULL);
}

static int get_features(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                        void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)context, (void)error;
	return sd_bus_message_append(reply, "as", 1, "controller-patterns");
}

static const sd_bus_vtable monitors_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("SupportedFeatures", "as", get_features, 0, 0),
	SD_BUS_METHOD("RegisterMonitor", "o", NULL, on_register_monitor, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("UnregisterMonitor", "o", NULL, on_unregister_monitor, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static void start_bluetoothd(struct bluetooth_scene *s) {
	s->fake->without_monitors = true; /* there are ours */
	fake_start(s->fake);
	bus_calls_answers_of(s->fake->bus);
	MUST(sd_bus_add_object_vtable(s->fake->bus, NULL, ADAPTER_PATH, "org.bluez.AdvertisementMonitorManager1", monitors_vtable,
	                              s) >= 0);
}

static void plug(struct bluetooth_scene *s) {
	memset(s->fake->adverts, 0, sizeof(s->fake->adverts)); /* they went with the one before */
	s->fake_adapter = fake_plug(s->fake, "hci0", "00:AA:01:00:00:00", true);
}

static bool open_radio(struct bluetooth_scene *s) {
	return (s->adapter || adapter_new(&s->adapter, s->bus, "hci0", &adapter_handlers, s) == 0) &&
	       (s->peers || peers_new(&s->peers, s->adapter, SECOND_US) == 0) &&
	       (s->advert || advert_new(&s->advert, s->adapter, &contents[0]) == 0) &&
	       (s->scan || scan_new(&s->scan, s->adapter, &scan_handlers, s) == 0) &&
	       (s->passive || passive_scan_new(&s->passive, s->adapter, formats, PASSIVE_SCAN_ACTIVATE_US) == 0);
}

static bool is_on_air(void *context) {
	const struct bluetooth_scene *s = context;
	if (!adapter_is_ready(s->adapter) || !advert_is_active(s->advert) || !passive_scan_is_active(s->passive) ||
	    fake_adverts(s->fake) != 1)
		return false;
	const struct fake_advert *advert = fake_advert(s->fake);
	return advert->service_data_length == s->shown->service_data_length &&
	       advert->manufacturer_data_length == s->shown->manufacturer_data_length;
}

static bool has_heard(void *context) {
	struct bluetooth_scene *s = context;
	if (s->heard == 0 && s->fake_adapter->discovering)
		fake_change(s->device, "ServiceData", "RSSI", NULL);
	return s->heard > 0;
}

static bool hears(struct bluetooth_scene *s) {
	s->heard = 0;
	return wait_until(s->event, PATIENCE_US, has_heard, s);
}

static bool shows(struct bluetooth_scene *s, const struct advert_content *content) {
	s->shown = content;
	return wait_until(s->event, PATIENCE_US, is_on_air, s);
}

static bool is_powered(void *context) {
	return ((const struct bluetooth_scene *)context)->fake_adapter->powered;
}

static bool is_lost(void *context) {
	return !adapter_is_ready(((const struct bluetooth_scene *)context)->adapter);
}

/* On the air, another content, a companion that comes and goes, the adapter switched off by somebody, unplugged, bluetoothd
 * killed. Whatever fails, all of it comes in the end, without anybody's help. */
static void use_radio(struct bluetooth_scene *s) {
	static const struct link_peer peer = { .address = { 1, 2, 3, 4, 5, 6 } };
	MUST(advert_set(s->advert, &contents[0]) == 0);
	MUST(shows(s, &contents[0]));
	s->device =
	        fake_hear(s->fake_adapter, "06:05:04:03:02:01", "public", -50, "0000fd7a-0000-1000-8000-00805f9b34fb", "hi", 2);
	MUST(hears(s));
	MUST(advert_set(s->advert, &contents[1]) == 0);
	MUST(shows(s, &contents[1]));
	if (peers_opened(s->peers, &peer)) {
		s->device->connected = true;
		fake_change(s->device, "Connected", NULL);
		peers_closed(s->peers, &peer, true);
		s->device->connected = false;
		fake_change(s->device, "Connected", NULL);
	}
	if (fake_adverts(s->fake) == 1)
		fake_release(s->fake, fake_advert(s->fake));
	fake_set_powered(s->fake_adapter, false);
	MUST(wait_until(s->event, PATIENCE_US, is_powered, s));
	memset(s->fake->adverts, 0, sizeof(s->fake->adverts)); /* nothing was on the air while it was off */
	MUST(shows(s, &contents[1]));
	fake_unplug(s->fake_adapter);
	MUST(wait_until(s->event, PATIENCE_US, is_lost, s));
	plug(s);
	MUST(shows(s, &contents[1]));
	fake_kill(s->fake);
	MUST(wait_until(s->event, PATIENCE_US, is_lost, s));
	start_bluetoothd(s);
	MUST(shows(s, &contents[1]));
}

static bool bluetooth_scenario(void) {
	struct bluetooth_scene s = { .adapter = NULL };
	unsigned number = injection.fail_at;
	injection.fail_at = 0;
	MUST(sd_event_new(&s.event) >= 0);
	s.fake = fake_new(s.event);
	plug(&s);
	start_bluetoothd(&s);
	s.bus = fake_client(s.fake);
	bus_calls_ours(s.bus);

	injection.fail_at = number;
	bool good = open_radio(&s);
	if (good)
		use_radio(&s);

	injection.fail_at = 0;
	MUST(open_radio(&s));
	use_radio(&s);
	passive_scan_free(s.passive);
	scan_free(s.scan);
	advert_free(s.advert);
	peers_free(s.peers);
	adapter_free(s.adapter);
	bus_calls_ours(NULL);
	sd_bus_flush_close_unref(s.bus);
	fake_free(s.fake);
	sd_event_unref(s.event);
	return good;
}

/* --- all of them --- */

static const struct fault_scenario scenarios[] = {
	{ "recorder", recorder_scenario },
	{ "camera", camera_scenario },
	{ "bluetooth", bluetooth_scenario },
};

int main(int count, char **arguments) {
	return fault_scenarios(count, arguments, scenarios, ELEMENTS(scenarios));
}
