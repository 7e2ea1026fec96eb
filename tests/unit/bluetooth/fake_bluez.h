/* A small bluetoothd for tests, on a D-Bus daemon of the test's own: what adapter, advert, scan, passive_scan and peers use of
 * it, and ways to fail. It runs in the test's event loop, so nothing is a race and nothing sleeps. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#define FAKE_ADAPTERS 2
#define FAKE_DEVICES 256 /* at most: tests count them in one byte of the address */
#define FAKE_ADVERTS 8
#define FAKE_PATTERNS 4

/* Makes a call fail: the next `times` calls are answered with the error `name`. */
struct fake_failure {
	unsigned times;
	const char *name;
};

struct fake_device {
	struct fake_bluez *fake;
	sd_bus_slot *slot;
	char path[64], address[18];
	const char *address_type;
	int16_t rssi;
	bool connected;
	const char *service_uuid; /* NULL: no service data */
	uint8_t service_data[64];
	size_t service_data_length;
	const char *service_data_type; /* "ay", or something else that a hostile or broken bluetoothd would send */
	unsigned disconnects;
};

struct fake_adapter {
	struct fake_bluez *fake;
	sd_bus_slot *slot, *manager_slot, *monitors_slot;
	char path[32], address[18];
	bool powered, discovering;
	unsigned filters, starts, stops, power_calls, descriptions;
	bool filter_is_le, filter_wants_duplicates, filter_before_start;
};

struct fake_advert {
	char owner[64], path[64], type[16];
	uint8_t service_data[64];
	size_t service_data_length;
	uint16_t company;
	uint8_t manufacturer_data[64];
	size_t manufacturer_data_length;
	size_t properties; /* how many it shows in all */
	bool used;
	unsigned changes; /* PropertiesChanged since it was registered */
};

/* What a client has registered to have adverts monitored, with one monitor in it. */
struct fake_monitor {
	bool registered;
	char owner[64], root[64], path[64], type[16]; /* path is "" until it has been read */
	struct fake_pattern {
		uint8_t position, type, content[16];
		size_t length;
	} patterns[FAKE_PATTERNS];
	size_t pattern_count;
};

struct fake_bluez {
	sd_event *event;
	char bus_address[128];
	int daemon;
	sd_bus *bus; /* NULL while bluetoothd is "not running" */
	sd_bus_slot *objects_slot, *changes_slot;
	struct fake_adapter adapters[FAKE_ADAPTERS];
	struct fake_device devices[FAKE_DEVICES];
	struct fake_advert adverts[FAKE_ADVERTS];
	unsigned registrations, unregistrations, descriptions;
	size_t most_adverts; /* registered at once */

	bool without_monitors; /* runs without --experimental; before it starts */
	char *features[4];     /* of the monitor manager, NULL at the end */
	struct fake_monitor monitor;
	unsigned monitor_registrations, monitor_unregistrations, monitor_answers; /* the last: to our calls */

	struct fake_failure fail_power, fail_register, fail_start, fail_features, fail_monitor;
	bool hold_registration, hold_unregistration; /* keep the answer back until fake_answer */
	sd_bus_message *held;
};

/* A D-Bus daemon; bluetoothd not yet running. */
struct fake_bluez *fake_new(sd_event *event);
void fake_free(struct fake_bluez *fake);
/* A client's connection to that daemon, attached to the event loop. */
sd_bus *fake_client(struct fake_bluez *fake);
/* bluetoothd starts, with the adapters that are plugged in; and dies as by SIGKILL, forgetting adverts, discoveries and devices.
 */
void fake_start(struct fake_bluez *fake);
void fake_kill(struct fake_bluez *fake);

struct fake_adapter *fake_plug(struct fake_bluez *fake, const char *name, const char *address, bool powered);
void fake_unplug(struct fake_adapter *adapter);
void fake_set_powered(struct fake_adapter *adapter, bool powered);
void fake_set_discovering(struct fake_adapter *adapter, bool discovering);

struct fake_device *fake_hear(struct fake_adapter *adapter, const char *address, const char *address_type, int16_t rssi,
                              const char *service_uuid, const void *data, size_t length);
/* Tells of new values; NULL ends the list of property names. */
void fake_change(struct fake_device *device, const char *property, ...) __attribute__((sentinel));
void fake_forget(struct fake_device *device);

/* The registered adverts. */
size_t fake_adverts(const struct fake_bluez *fake);
/* The only one; fails the test when there is not exactly one. */
struct fake_advert *fake_advert(struct fake_bluez *fake);
void fake_release(struct fake_bluez *fake, struct fake_advert *advert);
void fake_answer(struct fake_bluez *fake);

/* Calls Activate or Release of the monitor, and waits for the answer. */
void fake_call_monitor(struct fake_bluez *fake, const char *member);

/* Runs the loop until the condition is true; fails the test after ten seconds. */
#define run_until(event, condition) \
	do { \
		uint64_t started_us = fake_now_us(); \
		while (!(condition)) { \
			assert_true(sd_event_run(event, 100000) >= 0); \
			assert_true(fake_now_us() - started_us < 10000000); \
		} \
	} while (false)
/* Runs the loop until the bus has passed on everything and nothing has happened for this long. */
void fake_settle(sd_event *event, uint64_t quiet_us);
uint64_t fake_now_us(void);
