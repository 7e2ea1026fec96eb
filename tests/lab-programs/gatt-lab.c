/* gatt-lab: what a link over GATT takes, as bluetoothd offers it: the floor beside which ./run bench puts a reconnect.
 *
 *   gatt-lab server ADAPTER DATA
 *       advertises the hexadecimal DATA, and notifies of whatever is written to the one characteristic of its one service. Prints
 *       "advertising"; SIGTERM ends it.
 *   gatt-lab central ADAPTER DATA CYCLES
 *       hears the advert with DATA, connects, waits until the services are resolved, takes up the characteristic (AcquireNotify,
 *       AcquireWrite), writes 64 bytes and has them back, disconnects; until that went well CYCLES times. Prints
 *       "resolved ms=T answered ms=T" for each, both counted from Connect. Status 0, or 1 when as many went wrong. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "bluetooth/adapter.h"
#include "bluetooth/advert.h"
#include "bluetooth/bluez.h"
#include "bluetooth/scan.h"

#define GATT_MANAGER "org.bluez.GattManager1"
#define GATT_SERVICE "org.bluez.GattService1"
#define GATT_CHARACTERISTIC "org.bluez.GattCharacteristic1"
#define SERVICE_UUID "6c616e79-6172-6420-6265-6e6368000001"
#define CHARACTERISTIC_UUID "6c616e79-6172-6420-6265-6e6368000002"
#define APPLICATION_PATH "/org/lanyard/gatt"
#define SERVICE_PATH APPLICATION_PATH "/service"
#define CHARACTERISTIC_PATH SERVICE_PATH "/characteristic"

#define BYTES 64 /* as many as a first request takes and its answer */
#define BYTES_LIMIT 512
#define STEP_US 20000000
#define LOOK_US 50000 /* how soon a condition is seen that no event of the loop tells of */

struct gatt {
	sd_event *event;
	sd_bus *bus;
	struct adapter *adapter;
	struct advert_content content;

	/* server */
	struct advert *advert;
	bool registered;
	uint8_t value[BYTES_LIMIT];
	size_t value_length;

	/* central */
	struct scan *scan;
	bool heard, connected, resolved, refused;
	char device[BLUEZ_DEVICE_PATH_SIZE];
	char characteristic[BLUEZ_DEVICE_PATH_SIZE + 64];
	int notify, write; /* -1, or the characteristic's pipes */
	sd_bus_slot *connecting, *acquiring_notify, *acquiring_write;
};

static uint64_t clock_us(void) {
	struct timespec time;
	clock_gettime(CLOCK_BOOTTIME, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static void must(const char *what, int result) {
	if (result >= 0)
		return;
	fprintf(stderr, "gatt-lab: %s: %s\n", what, strerror(-result));
	exit(1);
}

/* Runs the loop until the condition holds; false when it does not within STEP_US, or is refused meanwhile. */
static bool until(struct gatt *g, bool (*holds)(const struct gatt *g)) {
	uint64_t end_us = clock_us() + STEP_US;
	while (!holds(g)) {
		if (g->refused || clock_us() > end_us)
			return false;
		must("the loop", sd_event_run(g->event, LOOK_US));
	}
	return true;
}

/* --- adapter ------------------------------------------------------------------------------------------------------------- */

static void on_ready(void *context) {
	(void)context;
}

static void on_lost(void *context, enum reason reason) {
	(void)context;
	fprintf(stderr, "gatt-lab: no adapter (%s)\n", reason_code(reason));
}

static bool has_adapter(const struct gatt *g) {
	return adapter_is_ready(g->adapter);
}

/* --- server -------------------------------------------------------------------------------------------------------------- */

static int on_write(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct gatt *g = context;
	const void *bytes;
	size_t length;
	int r = sd_bus_message_read_array(message, 'y', &bytes, &length);
	if (r < 0 || length > BYTES_LIMIT)
		return r < 0 ? r : -EMSGSIZE;
	memcpy(g->value, bytes, length);
	g->value_length = length;
	r = sd_bus_reply_method_return(message, NULL);
	/* bluetoothd notifies whoever asked for it when the value is said to have changed. */
	return r < 0 ? r : sd_bus_emit_properties_changed(g->bus, CHARACTERISTIC_PATH, GATT_CHARACTERISTIC, "Value", NULL);
}

static int on_notify(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)context, (void)error;
	return sd_bus_reply_method_return(message, NULL);
}

static int get_uuid(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)property, (void)context, (void)error;
	return sd_bus_message_append(reply, "s", strcmp(interface, GATT_SERVICE) == 0 ? SERVICE_UUID : CHARACTERISTIC_UUID);
}

static int get_primary(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                       void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)context, (void)error;
	return sd_bus_message_append(reply, "b", true);
}

static int get_service(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                       void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)context, (void)error;
	return sd_bus_message_append(reply, "o", SERVICE_PATH);
}

static int get_flags(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                     void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)context, (void)error;
	return sd_bus_message_append(reply, "as", 2, "write-without-response", "notify");
}

static int get_value(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                     void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	const struct gatt *g = context;
	return sd_bus_message_append_array(reply, 'y', g->value, g->value_length);
}

static const sd_bus_vtable service_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("UUID", "s", get_uuid, 0, 0),
	SD_BUS_PROPERTY("Primary", "b", get_primary, 0, 0),
	SD_BUS_VTABLE_END,
};

static const sd_bus_vtable characteristic_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("UUID", "s", get_uuid, 0, 0),
	SD_BUS_PROPERTY("Service", "o", get_service, 0, 0),
	SD_BUS_PROPERTY("Flags", "as", get_flags, 0, 0),
	SD_BUS_PROPERTY("Value", "ay", get_value, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_METHOD("WriteValue", "aya{sv}", NULL, on_write, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("StartNotify", NULL, NULL, on_notify, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("StopNotify", NULL, NULL, on_notify, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static int on_registered(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct gatt *g = context;
	must("bluetoothd takes the service", -sd_bus_message_get_errno(answer));
	g->registered = true;
	return 0;
}

static bool is_registered(const struct gatt *g) {
	return g->registered;
}

static bool is_advertising(const struct gatt *g) {
	return advert_is_active(g->advert);
}

static int run_server(struct gatt *g) {
	must("the objects", sd_bus_add_object_manager(g->bus, NULL, APPLICATION_PATH));
	must("the service", sd_bus_add_object_vtable(g->bus, NULL, SERVICE_PATH, GATT_SERVICE, service_vtable, g));
	must("the characteristic",
	     sd_bus_add_object_vtable(g->bus, NULL, CHARACTERISTIC_PATH, GATT_CHARACTERISTIC, characteristic_vtable, g));
	must("the application", sd_bus_call_method_async(g->bus, NULL, BLUEZ, adapter_path(g->adapter), GATT_MANAGER,
	                                                 "RegisterApplication", on_registered, g, "oa{sv}", APPLICATION_PATH, 0));
	if (!until(g, is_registered))
		return 1;
	must("the advert", advert_new(&g->advert, g->adapter, &g->content));
	if (!until(g, is_advertising))
		return 1;
	puts("advertising");
	fflush(stdout);
	must("the loop", sd_event_loop(g->event));
	advert_free(g->advert);
	return 0;
}

/* --- central ------------------------------------------------------------------------------------------------------------- */

static void on_heard(void *context, const struct sighting *sighting) {
	struct gatt *g = context;
	if (sighting->service_data_length != g->content.service_data_length ||
	    memcmp(sighting->service_data, g->content.service_data, g->content.service_data_length) != 0)
		return;
	bluez_device_path(adapter_path(g->adapter), sighting->address, g->device);
	g->heard = true;
}

static bool has_heard(const struct gatt *g) {
	return g->heard;
}

static int on_device_changed(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct gatt *g = context;
	const char *interface;
	const struct bluez_property table[] = {
		{ .name = "Connected", .type = "b", .target = &g->connected },
		{ .name = "ServicesResolved", .type = "b", .target = &g->resolved },
	};
	if (strcmp(sd_bus_message_get_path(message), g->device) != 0)
		return 0;
	must("a device", sd_bus_message_read(message, "s", &interface));
	must("a device", sd_bus_message_enter_container(message, 'a', "{sv}"));
	must("a device", bluez_read_properties(message, table, ELEMENTS(table)));
	return 0;
}

static int visit_added(void *context, const char *path, const char *interface, sd_bus_message *properties) {
	struct gatt *g = context;
	const char *uuid = "";
	const struct bluez_property table[] = { { .name = "UUID", .type = "s", .target = &uuid } };
	if (strcmp(interface, GATT_CHARACTERISTIC) != 0 || strncmp(path, g->device, strlen(g->device)) != 0)
		return 0;
	int r = bluez_read_properties(properties, table, ELEMENTS(table));
	if (r >= 0 && strcmp(uuid, CHARACTERISTIC_UUID) == 0)
		snprintf(g->characteristic, sizeof(g->characteristic), "%s", path);
	return r;
}

static int on_added(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	must("what was added", bluez_walk_added(message, visit_added, context));
	return 0;
}

static int on_connect_answer(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct gatt *g = context;
	g->connecting = sd_bus_slot_unref(g->connecting);
	g->refused = sd_bus_message_is_method_error(answer, NULL);
	if (g->refused)
		printf("failed: %s\n", sd_bus_message_get_error(answer)->message);
	return 0;
}

static bool is_resolved(const struct gatt *g) {
	return g->resolved && g->characteristic[0] != '\0';
}

static void take_pipe(struct gatt *g, sd_bus_message *answer, int *ret_file) {
	int file;
	uint16_t mtu;
	g->refused = sd_bus_message_is_method_error(answer, NULL) || sd_bus_message_read(answer, "hq", &file, &mtu) < 0;
	if (!g->refused)
		must("a pipe", *ret_file = dup(file)); /* the message keeps its own */
}

static int on_notify_acquired(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct gatt *g = context;
	g->acquiring_notify = sd_bus_slot_unref(g->acquiring_notify);
	take_pipe(g, answer, &g->notify);
	return 0;
}

static int on_write_acquired(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct gatt *g = context;
	g->acquiring_write = sd_bus_slot_unref(g->acquiring_write);
	take_pipe(g, answer, &g->write);
	return 0;
}

static bool has_pipes(const struct gatt *g) {
	return g->notify >= 0 && g->write >= 0;
}

static void acquire(struct gatt *g, const char *method, sd_bus_slot **slot, sd_bus_message_handler_t answered) {
	must(method, sd_bus_call_method_async(g->bus, slot, BLUEZ, g->characteristic, GATT_CHARACTERISTIC, method, answered, g,
	                                      "a{sv}", 0));
}

static bool echo(struct gatt *g) {
	uint8_t sent[BYTES], back[BYTES_LIMIT];
	static uint8_t fill;
	memset(sent, ++fill, sizeof(sent));
	struct pollfd waited = { .fd = g->notify, .events = POLLIN };
	return write(g->write, sent, sizeof(sent)) == (ssize_t)sizeof(sent) && poll(&waited, 1, STEP_US / 1000) == 1 &&
	       read(g->notify, back, sizeof(back)) == (ssize_t)sizeof(sent) && memcmp(sent, back, sizeof(sent)) == 0;
}

static bool hear(struct gatt *g) {
	static const struct scan_callbacks callbacks = { .heard = on_heard };
	g->heard = false;
	must("the scan", scan_new(&g->scan, g->adapter, &callbacks, g));
	bool heard = until(g, has_heard);
	scan_free(g->scan);
	g->scan = NULL;
	return heard;
}

/* From Connect to the first answer, as fast as bluetoothd allows: what does not need each other is asked for at once. */
static bool connect_and_echo(struct gatt *g) {
	uint64_t began_us = clock_us();
	must("Connect", sd_bus_call_method_async(g->bus, &g->connecting, BLUEZ, g->device, BLUEZ_DEVICE, "Connect",
	                                         on_connect_answer, g, NULL));
	if (!until(g, is_resolved))
		return false;
	uint64_t resolved_us = clock_us();
	acquire(g, "AcquireNotify", &g->acquiring_notify, on_notify_acquired);
	acquire(g, "AcquireWrite", &g->acquiring_write, on_write_acquired);
	if (!until(g, has_pipes) || !echo(g))
		return false;
	printf("resolved ms=%.1f answered ms=%.1f\n", (double)(resolved_us - began_us) / 1000,
	       (double)(clock_us() - began_us) / 1000);
	return true;
}

static bool is_disconnected(const struct gatt *g) {
	return !g->connected && !g->resolved;
}

static void disconnect(struct gatt *g) {
	g->connecting = sd_bus_slot_unref(g->connecting);
	g->acquiring_notify = sd_bus_slot_unref(g->acquiring_notify);
	g->acquiring_write = sd_bus_slot_unref(g->acquiring_write);
	if (g->notify >= 0)
		close(g->notify);
	if (g->write >= 0)
		close(g->write);
	g->notify = g->write = -1;
	g->refused = false;
	must("Disconnect",
	     sd_bus_call_method_async(g->bus, NULL, BLUEZ, g->device, BLUEZ_DEVICE, "Disconnect", NULL, NULL, NULL));
	if (!until(g, is_disconnected))
		must("the end of a connection", -ETIMEDOUT);
}

static int run_central(struct gatt *g, unsigned long cycles) {
	must("devices", sd_bus_add_match(g->bus, NULL, BLUEZ_DEVICE_CHANGED_RULE, on_device_changed, g));
	must("what is added",
	     sd_bus_add_match(g->bus, NULL,
	                      "type='signal',sender='" BLUEZ "',interface='" DBUS_OBJECT_MANAGER "',member='InterfacesAdded'",
	                      on_added, g));
	unsigned long done = 0, failed = 0;
	while (done < cycles && failed < cycles) {
		if (!hear(g))
			must("the advert", -ETIMEDOUT);
		if (connect_and_echo(g))
			done++;
		else
			printf("failed: %lu\n", ++failed);
		fflush(stdout);
		disconnect(g);
	}
	return done == cycles ? 0 : 1;
}

/* --- both ---------------------------------------------------------------------------------------------------------------- */

static int usage(void) {
	fputs("usage: gatt-lab server ADAPTER DATA | gatt-lab central ADAPTER DATA CYCLES\n", stderr);
	return 2;
}

int main(int count, char **words) {
	static const struct adapter_callbacks callbacks = { .ready = on_ready, .lost = on_lost };
	static struct gatt g = { .content = { .connectable = true }, .notify = -1, .write = -1 };
	bool server = count == 4 && strcmp(words[1], "server") == 0;
	if (!server && !(count == 5 && strcmp(words[1], "central") == 0))
		return usage();
	g.content.service_data_length = strlen(words[3]) / 2;
	if (g.content.service_data_length > ADVERT_DATA_LIMIT ||
	    hex_decode(g.content.service_data, g.content.service_data_length, words[3]) < 0)
		return usage();
	log_set_level(LOG_LEVEL_WARNING);
	must("the loop", sd_event_default(&g.event));
	must("signals", loop_handle_end(g.event, NULL, NULL));
	must("the bus", sd_bus_open_system(&g.bus));
	must("the bus", sd_bus_attach_event(g.bus, g.event, SD_EVENT_PRIORITY_NORMAL));
	must("the adapter", adapter_new(&g.adapter, g.bus, words[2], &callbacks, &g));
	int status = 1;
	if (until(&g, has_adapter))
		status = server ? run_server(&g) : run_central(&g, strtoul(words[4], NULL, 10));
	adapter_free(g.adapter);
	sd_bus_flush_close_unref(g.bus);
	sd_event_unref(g.event);
	return status;
}
