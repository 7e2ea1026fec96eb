/* The companion's radio under bluetoothd, on a D-Bus daemon with the bluetoothd of the unit tests: is it usable, what is heard,
 * dial; bluetoothd, the adapter and the bus itself go and come back. Every call of ours, and every answer, fails once. Whatever
 * fails: no crash, no leak, each dial ends, and the radio hears and dials again by itself.
 *
 *   faults-radio [--from N] [--every N] [SCENARIO...] */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "companion/radio.h"
#include "pairing/limits.h"
#include "tests/faults/bus_calls.h"
#include "tests/faults/inject.h"
#include "tests/faults/must_come.h"
#include "tests/faults/scenarios.h"
#include "tests/unit/bluetooth/fake_bluez.h"

/* Nothing here waits for the outside world, and our own pauses are short (bus_calls.c). */
#define COMES(condition) MUST_COME(scene.event, 5 * SECOND_US, condition)

static struct {
	sd_event *event;
	struct fake_bluez *fake;
	struct fake_adapter *adapter;
	struct fake_device *camera;
	sd_bus *bus; /* ours; NULL: closed */
	struct radio *radio;
	struct radio_listener listener;
	unsigned heard;
	uint64_t said_us; /* by the camera, when last */
	bool dialled;
	enum reason reason;
} scene;

/* --- the system's bus, and L2CAP (linked with --wrap) --- */

int __wrap_sd_bus_open_system_with_description(sd_bus **ret, const char *description);
int __wrap_sd_bus_open_system_with_description(sd_bus **ret, const char *description) {
	(void)description;
	if (inject_fails("sd_bus_open_system_with_description"))
		return -ECONNREFUSED;
	MUST(sd_bus_new(&scene.bus) >= 0);
	MUST(sd_bus_set_address(scene.bus, scene.fake->bus_address) >= 0);
	MUST(sd_bus_set_bus_client(scene.bus, true) >= 0);
	MUST(sd_bus_start(scene.bus) >= 0);
	bus_calls_ours(scene.bus);
	*ret = scene.bus;
	return 0;
}

sd_bus *__real_sd_bus_close_unref(sd_bus *bus);
sd_bus *__wrap_sd_bus_close_unref(sd_bus *bus);
sd_bus *__wrap_sd_bus_close_unref(sd_bus *bus) {
	if (bus == scene.bus) {
		scene.bus = NULL;
		bus_calls_ours(NULL);
	}
	return __real_sd_bus_close_unref(bus);
}

struct link_dial {
	sd_event_source *defer;
	void (*done)(void *context, int file, size_t send_mtu, enum reason reason);
	void *context;
};

static int on_connected(sd_event_source *source, void *context) {
	(void)source;
	const struct link_dial *dial = context;
	int file = open("/dev/null", O_RDWR | O_CLOEXEC);
	MUST(file >= 0);
	dial->done(dial->context, file, LANYARD_RECEIVE_MTU, REASON_OK);
	return 0;
}

int __wrap_link_dial(struct link_dial **ret, sd_event *event, const uint8_t adapter_address[6], const struct link_peer *peer,
                     uint64_t timeout_us, void (*done)(void *context, int file, size_t send_mtu, enum reason reason),
                     void *context);
int __wrap_link_dial(struct link_dial **ret, sd_event *event, const uint8_t adapter_address[6], const struct link_peer *peer,
                     uint64_t timeout_us, void (*done)(void *context, int file, size_t send_mtu, enum reason reason),
                     void *context) {
	(void)adapter_address, (void)timeout_us;
	MUST(peer->address[0] == 1);
	if (inject_fails("link_dial"))
		return -EMFILE;
	unsigned fault = inject_pause();
	struct link_dial *dial = calloc(1, sizeof(*dial));
	MUST(dial != NULL);
	*dial = (struct link_dial){ .done = done, .context = context };
	MUST(sd_event_add_defer(event, &dial->defer, on_connected, dial) >= 0);
	inject_resume(fault);
	*ret = dial;
	return 0;
}

void __wrap_link_dial_free(struct link_dial *dial);
void __wrap_link_dial_free(struct link_dial *dial) {
	if (dial)
		sd_event_source_disable_unref(dial->defer);
	free(dial);
}

/* --- bluetoothd --- */

static bool is_usable(void) {
	return radio_state(scene.radio) == REASON_OK;
}

static void plug(void) {
	scene.adapter = fake_plug(scene.fake, "hci0", "00:AA:01:00:00:00", true);
}

/* A camera is near. */
static void bring_camera(void) {
	scene.camera =
	        fake_hear(scene.adapter, "06:05:04:03:02:01", "public", -50, "0000fd7a-0000-1000-8000-00805f9b34fb", "hi", 2);
}

static void start_bluetoothd(void) {
	scene.fake->without_monitors = true;
	fake_start(scene.fake);
	bus_calls_answers_of(scene.fake->bus);
	bring_camera();
}

static void replug(void) {
	fake_forget(scene.camera);
	fake_unplug(scene.adapter);
	COMES(!is_usable());
	plug();
	bring_camera();
}

/* --- the radio --- */

static void on_changed(void *context) {
	(void)context;
}

static void on_heard(void *context, const struct sighting *sighting, bool test_link) {
	(void)context;
	MUST(!test_link && sighting->service_data_length == 2);
	scene.heard++;
}

static void on_dialled(void *context, int file, size_t packet_limit, enum reason reason) {
	(void)context;
	MUST(!scene.dialled && (file >= 0) == (reason == REASON_OK));
	MUST(file < 0 || packet_limit == LANYARD_RECEIVE_MTU);
	scene.dialled = true;
	scene.reason = reason;
	if (file >= 0)
		close(file);
}

static bool open_radio(void) {
	if (radio_new(&scene.radio, scene.event, "hci0", NULL, on_changed, NULL) < 0)
		return false;
	scene.listener = (struct radio_listener){ .heard = on_heard };
	radio_listen(scene.radio, &scene.listener);
	return true;
}

/* It says so every now and then, as a camera does. */
static bool is_heard(void) {
	if (scene.adapter->discovering && must_come_now_us() >= scene.said_us + MUST_COME_LOOK_US) {
		fake_change(scene.camera, "ServiceData", "RSSI", NULL);
		scene.said_us = must_come_now_us();
	}
	return scene.heard > 0;
}

static void hears(void) {
	COMES(is_usable());
	scene.heard = 0;
	COMES(is_heard());
}

/* Whether it was reached. It is heard again in any case. */
static bool dials(void) {
	static const struct link_peer camera = { .address = { 1, 2, 3, 4, 5, 6 } };
	struct radio_dial *dial;
	scene.dialled = false;
	if (radio_dial(&dial, scene.radio, &camera, on_dialled, NULL) < 0)
		return false;
	COMES(scene.dialled);
	radio_dial_free(dial);
	return scene.reason == REASON_OK;
}

static bool use_radio(void) {
	hears();
	bool good = dials();
	hears();
	fake_kill(scene.fake);
	COMES(!is_usable());
	start_bluetoothd();
	hears();
	replug();
	hears();
	shutdown(sd_bus_get_fd(scene.bus), SHUT_RDWR);
	COMES(!is_usable());
	hears();
	return good;
}

static bool radio_scenario(void) {
	unsigned fault = inject_pause();
	MUST(sd_event_new(&scene.event) >= 0);
	scene.fake = fake_new(scene.event);
	plug();
	start_bluetoothd();

	inject_resume(fault);
	bool good = open_radio() && use_radio();

	(void)inject_pause();
	MUST(scene.radio || open_radio());
	MUST(use_radio());
	radio_unlisten(scene.radio, &scene.listener);
	radio_free(scene.radio);
	scene.radio = NULL;
	fake_free(scene.fake);
	sd_event_unref(scene.event);
	return good;
}

static const struct fault_scenario scenarios[] = { { "companion-radio", radio_scenario } };

int main(int count, char **arguments) {
	return fault_scenarios(count, arguments, scenarios, ELEMENTS(scenarios));
}
