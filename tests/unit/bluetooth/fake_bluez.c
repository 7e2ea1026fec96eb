#include "tests/unit/bluetooth/fake_bluez.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "bluetooth/bluez.h"

uint64_t fake_now_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Connections to the bus that this process has: the fake's own and its clients'. */
static sd_bus *connections[8];

static sd_bus **free_connection(void) {
	size_t n = 0;
	while (connections[n])
		assert_true(++n < ELEMENTS(connections));
	return &connections[n];
}

/* The bus has passed on everything that was said before: it answers each connection in order, and twice because what one was told
 * may have been said by another. */
static void catch_up(void) {
	for (size_t n = 0; n < 2 * ELEMENTS(connections); n++) {
		sd_bus *bus = connections[n % ELEMENTS(connections)];
		if (bus && sd_bus_is_open(bus) > 0)
			(void)sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
			                         "GetId", NULL, NULL, NULL);
	}
}

void fake_settle(sd_event *event, uint64_t quiet_us) {
	bool more = true;
	while (more) {
		catch_up();
		for (more = false; sd_event_run(event, quiet_us) > 0; more = true)
			;
	}
}

static int answer_failure(struct fake_failure *failure, sd_bus_message *call) {
	if (failure->times == 0)
		return 0;
	failure->times--;
	sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(failure->name, "made to fail");
	return sd_bus_reply_method_error(call, &error) < 0 ? -EIO : 1;
}

/* ------------------------------------------------------------------------------------------------------------- advertisements */

static struct fake_advert *find_advert(struct fake_bluez *f, const char *owner, const char *path) {
	for (size_t n = 0; n < FAKE_ADVERTS; n++)
		if (f->adverts[n].used && strcmp(f->adverts[n].owner, owner) == 0 && strcmp(f->adverts[n].path, path) == 0)
			return &f->adverts[n];
	return NULL;
}

size_t fake_adverts(const struct fake_bluez *f) {
	size_t count = 0;
	for (size_t n = 0; n < FAKE_ADVERTS; n++)
		count += f->adverts[n].used ? 1 : 0;
	return count;
}

struct fake_advert *fake_advert(struct fake_bluez *f) {
	assert_int_equal(fake_adverts(f), 1);
	for (size_t n = 0; n < FAKE_ADVERTS; n++)
		if (f->adverts[n].used)
			return &f->adverts[n];
	return NULL;
}

static int read_advert_data(sd_bus_message *message, void *target) {
	struct fake_advert *advert = target;
	const char *uuid;
	const void *bytes;
	int r = sd_bus_message_enter_container(message, 'a', "{sv}");
	if (r < 0)
		return r;
	r = sd_bus_message_enter_container(message, 'e', "sv");
	if (r <= 0) /* there is none */
		return r < 0 ? r : sd_bus_message_exit_container(message);
	assert_true(sd_bus_message_read(message, "s", &uuid) > 0);
	assert_string_equal(uuid, "0000fd7a-0000-1000-8000-00805f9b34fb");
	assert_true(sd_bus_message_enter_container(message, 'v', "ay") > 0);
	assert_true(sd_bus_message_read_array(message, 'y', &bytes, &advert->service_data_length) >= 0);
	assert_true(advert->service_data_length <= sizeof(advert->service_data));
	memcpy(advert->service_data, bytes, advert->service_data_length);
	for (unsigned depth = 0; depth < 3; depth++)
		assert_true(sd_bus_message_exit_container(message) >= 0);
	return 0;
}

static int read_manufacturer_data(sd_bus_message *message, void *target) {
	struct fake_advert *advert = target;
	const void *bytes;
	int r = sd_bus_message_enter_container(message, 'a', "{qv}");
	if (r < 0)
		return r;
	r = sd_bus_message_enter_container(message, 'e', "qv");
	if (r <= 0)
		return r < 0 ? r : sd_bus_message_exit_container(message);
	assert_true(sd_bus_message_read(message, "q", &advert->company) > 0);
	assert_true(sd_bus_message_enter_container(message, 'v', "ay") > 0);
	assert_true(sd_bus_message_read_array(message, 'y', &bytes, &advert->manufacturer_data_length) >= 0);
	assert_true(advert->manufacturer_data_length <= sizeof(advert->manufacturer_data));
	memcpy(advert->manufacturer_data, bytes, advert->manufacturer_data_length);
	for (unsigned depth = 0; depth < 3; depth++)
		assert_true(sd_bus_message_exit_container(message) >= 0);
	return 0;
}

struct registration {
	struct fake_bluez *fake;
	sd_bus_message *call;
	struct fake_advert *advert;
};

static int on_advert_properties(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct registration *registration = context;
	struct fake_bluez *f = registration->fake;
	struct fake_advert *advert = registration->advert;
	sd_bus_message *call = registration->call;
	free(registration);
	if (sd_bus_message_is_method_error(answer, NULL)) {
		advert->used = false; /* unregistered again while it was read, or it cannot be read */
		assert_true(sd_bus_reply_method_errorf(call, "org.bluez.Error.Failed", "Failed to parse advertisement.") >= 0);
		sd_bus_message_unref(call);
		return 0;
	}
	const char *type = "";
	const struct bluez_property table[] = {
		{ .name = "Type", .type = "s", .target = &type },
		{ .name = "ServiceData", .type = "a{sv}", .target = advert, .read = read_advert_data },
		{ .name = "ManufacturerData", .type = "a{qv}", .target = advert, .read = read_manufacturer_data },
	};
	assert_true(sd_bus_message_enter_container(answer, 'a', "{sv}") > 0);
	while (sd_bus_message_skip(answer, "{sv}") > 0)
		advert->properties++;
	assert_true(sd_bus_message_rewind(answer, true) >= 0);
	assert_true(sd_bus_message_enter_container(answer, 'a', "{sv}") > 0);
	assert_int_equal(bluez_read_properties(answer, table, ELEMENTS(table)), 0);
	snprintf(advert->type, sizeof(advert->type), "%s", type);
	if (f->hold_registration) {
		f->held = call;
		return 0;
	}
	assert_true(sd_bus_reply_method_return(call, NULL) >= 0);
	sd_bus_message_unref(call);
	return 0;
}

void fake_answer(struct fake_bluez *f) {
	assert_non_null(f->held);
	f->hold_registration = f->hold_unregistration = false;
	assert_true(sd_bus_reply_method_return(f->held, NULL) >= 0);
	f->held = sd_bus_message_unref(f->held);
}

static int on_register(sd_bus_message *call, void *context, sd_bus_error *error) {
	(void)error;
	struct fake_adapter *adapter = context;
	struct fake_bluez *f = adapter->fake;
	f->registrations++;
	int r = answer_failure(&f->fail_register, call);
	if (r != 0)
		return r;
	const char *path;
	assert_true(sd_bus_message_read(call, "o", &path) > 0);
	assert_null(find_advert(f, sd_bus_message_get_sender(call), path));
	for (size_t n = 0; n < FAKE_ADVERTS; n++) {
		struct fake_advert *advert = &f->adverts[n];
		if (advert->used)
			continue;
		*advert = (struct fake_advert){ .used = true };
		snprintf(advert->owner, sizeof(advert->owner), "%s", sd_bus_message_get_sender(call));
		snprintf(advert->path, sizeof(advert->path), "%s", path);
		if (fake_adverts(f) > f->most_adverts)
			f->most_adverts = fake_adverts(f);
		struct registration *registration = calloc(1, sizeof(*registration));
		assert_non_null(registration);
		*registration = (struct registration){ .fake = f, .call = sd_bus_message_ref(call), .advert = advert };
		/* As bluetoothd does: first reads the properties from the client, then answers. */
		assert_true(sd_bus_call_method_async(f->bus, NULL, advert->owner, advert->path, DBUS_PROPERTIES, "GetAll",
		                                     on_advert_properties, registration, "s", BLUEZ_ADVERTISEMENT) >= 0);
		return 1;
	}
	sd_bus_error refused = SD_BUS_ERROR_MAKE_CONST("org.bluez.Error.NotPermitted", "Maximum advertisements reached");
	return sd_bus_reply_method_error(call, &refused);
}

static int on_unregister(sd_bus_message *call, void *context, sd_bus_error *error) {
	(void)error;
	struct fake_adapter *adapter = context;
	const char *path;
	assert_true(sd_bus_message_read(call, "o", &path) > 0);
	struct fake_advert *advert = find_advert(adapter->fake, sd_bus_message_get_sender(call), path);
	adapter->fake->unregistrations++;
	if (!advert) {
		sd_bus_error missing = SD_BUS_ERROR_MAKE_CONST("org.bluez.Error.DoesNotExist", "Does Not Exist");
		return sd_bus_reply_method_error(call, &missing);
	}
	advert->used = false;
	if (adapter->fake->hold_unregistration) {
		adapter->fake->held = sd_bus_message_ref(call);
		return 1;
	}
	return sd_bus_reply_method_return(call, NULL);
}

static int on_advert_changed(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct fake_bluez *f = context;
	struct fake_advert *advert = find_advert(f, sd_bus_message_get_sender(message), sd_bus_message_get_path(message));
	if (advert)
		advert->changes++;
	return 0;
}

void fake_release(struct fake_bluez *f, struct fake_advert *advert) {
	sd_bus_message *call;
	assert_true(sd_bus_message_new_method_call(f->bus, &call, advert->owner, advert->path, BLUEZ_ADVERTISEMENT, "Release") >=
	            0);
	assert_true(sd_bus_message_set_expect_reply(call, false) >= 0);
	assert_true(sd_bus_send(f->bus, call, NULL) >= 0);
	sd_bus_message_unref(call);
	advert->used = false;
}

static const sd_bus_vtable manager_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("RegisterAdvertisement", "oa{sv}", NULL, on_register, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("UnregisterAdvertisement", "o", NULL, on_unregister, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

/* -------------------------------------------------------------------------------------------------------------------- monitors
 */

static int get_features(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                        void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property;
	struct fake_bluez *f = ((struct fake_adapter *)context)->fake;
	if (f->fail_features.times > 0) {
		f->fail_features.times--;
		return sd_bus_error_set(error, f->fail_features.name, "made to fail");
	}
	return sd_bus_message_append_strv(reply, f->features);
}

static int read_patterns(sd_bus_message *message, void *target) {
	struct fake_monitor *monitor = target;
	assert_true(sd_bus_message_enter_container(message, 'a', "(yyay)") >= 0);
	while (sd_bus_message_enter_container(message, 'r', "yyay") > 0) {
		assert_true(monitor->pattern_count < FAKE_PATTERNS);
		struct fake_pattern *pattern = &monitor->patterns[monitor->pattern_count++];
		const void *content;
		assert_true(sd_bus_message_read(message, "yy", &pattern->position, &pattern->type) > 0);
		assert_true(sd_bus_message_read_array(message, 'y', &content, &pattern->length) >= 0);
		assert_true(pattern->length <= sizeof(pattern->content));
		memcpy(pattern->content, content, pattern->length);
		assert_true(sd_bus_message_exit_container(message) >= 0);
	}
	return sd_bus_message_exit_container(message);
}

static int visit_monitor(void *context, const char *path, const char *interface, sd_bus_message *properties) {
	struct fake_monitor *monitor = context;
	if (strcmp(interface, BLUEZ_MONITOR) != 0)
		return 0;
	const char *type = "";
	const struct bluez_property table[] = {
		{ .name = "Type", .type = "s", .target = &type },
		{ .name = "Patterns", .type = "a(yyay)", .target = monitor, .read = read_patterns },
	};
	assert_string_equal(monitor->path, "");
	assert_int_equal(bluez_read_properties(properties, table, ELEMENTS(table)), 0);
	snprintf(monitor->path, sizeof(monitor->path), "%s", path);
	snprintf(monitor->type, sizeof(monitor->type), "%s", type);
	return 0;
}

struct monitor_registration {
	struct fake_bluez *fake;
	sd_bus_message *call;
};

static int on_monitor_objects(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct monitor_registration *registration = context;
	struct fake_bluez *f = registration->fake;
	sd_bus_message *call = registration->call;
	free(registration);
	if (!f->monitor.registered) { /* unregistered again while it was read */
		sd_bus_message_unref(call);
		return 0;
	}
	assert_false(sd_bus_message_is_method_error(answer, NULL));
	assert_int_equal(bluez_walk_objects(answer, visit_monitor, &f->monitor), 0);
	if (f->hold_registration) {
		f->held = call;
		return 0;
	}
	assert_true(sd_bus_reply_method_return(call, NULL) >= 0);
	sd_bus_message_unref(call);
	return 0;
}

static int on_register_monitor(sd_bus_message *call, void *context, sd_bus_error *error) {
	(void)error;
	struct fake_bluez *f = ((struct fake_adapter *)context)->fake;
	f->monitor_registrations++;
	int r = answer_failure(&f->fail_monitor, call);
	if (r != 0)
		return r;
	if (f->monitor.registered) {
		sd_bus_error exists = SD_BUS_ERROR_MAKE_CONST("org.bluez.Error.AlreadyExists", "Already Exists");
		return sd_bus_reply_method_error(call, &exists);
	}
	const char *root;
	assert_true(sd_bus_message_read(call, "o", &root) > 0);
	f->monitor = (struct fake_monitor){ .registered = true };
	snprintf(f->monitor.owner, sizeof(f->monitor.owner), "%s", sd_bus_message_get_sender(call));
	snprintf(f->monitor.root, sizeof(f->monitor.root), "%s", root);
	struct monitor_registration *registration = calloc(1, sizeof(*registration));
	assert_non_null(registration);
	*registration = (struct monitor_registration){ .fake = f, .call = sd_bus_message_ref(call) };
	/* As bluetoothd does: first reads the client's objects, then answers. */
	assert_true(sd_bus_call_method_async(f->bus, NULL, f->monitor.owner, root, DBUS_OBJECT_MANAGER, "GetManagedObjects",
	                                     on_monitor_objects, registration, NULL) >= 0);
	return 1;
}

static int on_unregister_monitor(sd_bus_message *call, void *context, sd_bus_error *error) {
	(void)error;
	struct fake_bluez *f = ((struct fake_adapter *)context)->fake;
	const char *root;
	assert_true(sd_bus_message_read(call, "o", &root) > 0);
	if (!f->monitor.registered || strcmp(root, f->monitor.root) != 0) {
		sd_bus_error missing = SD_BUS_ERROR_MAKE_CONST("org.bluez.Error.DoesNotExist", "Does Not Exist");
		return sd_bus_reply_method_error(call, &missing);
	}
	f->monitor_unregistrations++;
	f->monitor = (struct fake_monitor){ 0 };
	return sd_bus_reply_method_return(call, NULL);
}

static const sd_bus_vtable monitors_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("RegisterMonitor", "o", NULL, on_register_monitor, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("UnregisterMonitor", "o", NULL, on_unregister_monitor, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("SupportedFeatures", "as", get_features, 0, 0),
	SD_BUS_VTABLE_END,
};

static int on_monitor_answer(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct fake_bluez *f = context;
	assert_false(sd_bus_message_is_method_error(answer, NULL));
	f->monitor_answers++;
	return 0;
}

void fake_call_monitor(struct fake_bluez *f, const char *member) {
	unsigned answers = f->monitor_answers;
	assert_true(sd_bus_call_method_async(f->bus, NULL, f->monitor.owner, f->monitor.path, BLUEZ_MONITOR, member,
	                                     on_monitor_answer, f, NULL) >= 0);
	run_until(f->event, f->monitor_answers > answers);
}

/* -------------------------------------------------------------------------------------------------------------------- adapters
 */

static int get_powered(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                       void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return sd_bus_message_append(reply, "b", (int)((struct fake_adapter *)context)->powered);
}

static int get_discovering(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                           void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return sd_bus_message_append(reply, "b", (int)((struct fake_adapter *)context)->discovering);
}

static int get_adapter_address(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                               void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	struct fake_adapter *adapter = context;
	adapter->descriptions++;
	return sd_bus_message_append(reply, "s", adapter->address);
}

static int set_powered(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *value,
                       void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property;
	struct fake_adapter *adapter = context;
	adapter->power_calls++;
	if (adapter->fake->fail_power.times > 0) {
		adapter->fake->fail_power.times--;
		return sd_bus_error_set(error, adapter->fake->fail_power.name, "made to fail");
	}
	int powered;
	int r = sd_bus_message_read(value, "b", &powered);
	if (r < 0)
		return r;
	fake_set_powered(adapter, powered != 0);
	return 1;
}

void fake_set_powered(struct fake_adapter *adapter, bool powered) {
	adapter->powered = powered;
	if (!powered)
		adapter->discovering = false;
	assert_true(sd_bus_emit_properties_changed(adapter->fake->bus, adapter->path, BLUEZ_ADAPTER, "Powered", NULL) >= 0);
}

void fake_set_discovering(struct fake_adapter *adapter, bool discovering) {
	adapter->discovering = discovering;
	assert_true(sd_bus_emit_properties_changed(adapter->fake->bus, adapter->path, BLUEZ_ADAPTER, "Discovering", NULL) >= 0);
}

static int on_filter(sd_bus_message *call, void *context, sd_bus_error *error) {
	(void)error;
	struct fake_adapter *adapter = context;
	adapter->filters++;
	const char *transport = "";
	const struct bluez_property table[] = {
		{ .name = "Transport", .type = "s", .target = &transport },
		{ .name = "DuplicateData", .type = "b", .target = &adapter->filter_wants_duplicates },
	};
	assert_true(sd_bus_message_enter_container(call, 'a', "{sv}") > 0);
	assert_int_equal(bluez_read_properties(call, table, ELEMENTS(table)), 0);
	adapter->filter_is_le = strcmp(transport, "le") == 0;
	return sd_bus_reply_method_return(call, NULL);
}

static int on_start_discovery(sd_bus_message *call, void *context, sd_bus_error *error) {
	(void)error;
	struct fake_adapter *adapter = context;
	adapter->starts++;
	int r = answer_failure(&adapter->fake->fail_start, call);
	if (r != 0)
		return r;
	if (adapter->discovering) {
		sd_bus_error busy = SD_BUS_ERROR_MAKE_CONST("org.bluez.Error.InProgress", "Operation already in progress");
		return sd_bus_reply_method_error(call, &busy);
	}
	adapter->filter_before_start = adapter->filters > 0;
	fake_set_discovering(adapter, true);
	return sd_bus_reply_method_return(call, NULL);
}

static int on_stop_discovery(sd_bus_message *call, void *context, sd_bus_error *error) {
	(void)error;
	struct fake_adapter *adapter = context;
	adapter->stops++;
	if (!adapter->discovering) {
		sd_bus_error none = SD_BUS_ERROR_MAKE_CONST("org.bluez.Error.Failed", "No discovery started");
		return sd_bus_reply_method_error(call, &none);
	}
	fake_set_discovering(adapter, false);
	return sd_bus_reply_method_return(call, NULL);
}

static const sd_bus_vtable adapter_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("SetDiscoveryFilter", "a{sv}", NULL, on_filter, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("StartDiscovery", NULL, NULL, on_start_discovery, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("StopDiscovery", NULL, NULL, on_stop_discovery, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("Address", "s", get_adapter_address, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_WRITABLE_PROPERTY("Powered", "b", get_powered, set_powered, 0,
	                         SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Discovering", "b", get_discovering, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_VTABLE_END,
};

static void export_adapter(struct fake_adapter *adapter) {
	struct fake_bluez *f = adapter->fake;
	assert_true(sd_bus_add_object_vtable(f->bus, &adapter->slot, adapter->path, BLUEZ_ADAPTER, adapter_vtable, adapter) >= 0);
	assert_true(sd_bus_add_object_vtable(f->bus, &adapter->manager_slot, adapter->path, BLUEZ_ADVERTISING_MANAGER,
	                                     manager_vtable, adapter) >= 0);
	if (!f->without_monitors)
		assert_true(sd_bus_add_object_vtable(f->bus, &adapter->monitors_slot, adapter->path, BLUEZ_MONITOR_MANAGER,
		                                     monitors_vtable, adapter) >= 0);
	assert_true(sd_bus_emit_interfaces_added(f->bus, adapter->path, BLUEZ_ADAPTER, BLUEZ_ADVERTISING_MANAGER, NULL) >= 0);
}

struct fake_adapter *fake_plug(struct fake_bluez *f, const char *name, const char *address, bool powered) {
	for (size_t n = 0; n < FAKE_ADAPTERS; n++) {
		struct fake_adapter *adapter = &f->adapters[n];
		if (adapter->path[0] != '\0')
			continue;
		*adapter = (struct fake_adapter){ .fake = f, .powered = powered };
		snprintf(adapter->path, sizeof(adapter->path), "/org/bluez/%s", name);
		snprintf(adapter->address, sizeof(adapter->address), "%s", address);
		if (f->bus)
			export_adapter(adapter);
		return adapter;
	}
	fail_msg("too many adapters");
	return NULL;
}

void fake_unplug(struct fake_adapter *adapter) {
	if (adapter->fake->bus)
		assert_true(sd_bus_emit_interfaces_removed(adapter->fake->bus, adapter->path, BLUEZ_ADAPTER,
		                                           BLUEZ_ADVERTISING_MANAGER, NULL) >= 0);
	sd_bus_slot_unref(adapter->slot);
	sd_bus_slot_unref(adapter->manager_slot);
	sd_bus_slot_unref(adapter->monitors_slot);
	*adapter = (struct fake_adapter){ 0 };
}

/* --------------------------------------------------------------------------------------------------------------------- devices
 */

static int get_device_property(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                               void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)error;
	struct fake_device *device = context;
	if (strcmp(property, "Address") == 0) {
		device->fake->descriptions++;
		return sd_bus_message_append(reply, "s", device->address);
	}
	if (strcmp(property, "AddressType") == 0)
		return sd_bus_message_append(reply, "s", device->address_type);
	if (strcmp(property, "Connected") == 0)
		return sd_bus_message_append(reply, "b", (int)device->connected);
	if (strcmp(property, "RSSI") == 0)
		return sd_bus_message_append(reply, "n", device->rssi);
	assert_string_equal(property, "ServiceData");
	int r = sd_bus_message_open_container(reply, 'a', "{sv}");
	/* Another service's data before ours: walkers must not stop at the first. */
	if (r >= 0)
		r = sd_bus_message_append(reply, "{sv}", "0000180a-0000-1000-8000-00805f9b34fb", "s", "not bytes");
	if (r >= 0 && device->service_uuid && strcmp(device->service_data_type, "ay") != 0) {
		r = sd_bus_message_append(reply, "{sv}", device->service_uuid, "s", "not bytes either");
	} else if (r >= 0 && device->service_uuid) {
		r = sd_bus_message_open_container(reply, 'e', "sv");
		if (r >= 0)
			r = sd_bus_message_append(reply, "s", device->service_uuid);
		if (r >= 0)
			r = sd_bus_message_open_container(reply, 'v', "ay");
		if (r >= 0)
			r = sd_bus_message_append_array(reply, 'y', device->service_data, device->service_data_length);
		for (unsigned depth = 0; depth < 2 && r >= 0; depth++)
			r = sd_bus_message_close_container(reply);
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int on_disconnect(sd_bus_message *call, void *context, sd_bus_error *error) {
	(void)error;
	struct fake_device *device = context;
	device->disconnects++;
	return sd_bus_reply_method_return(call, NULL);
}

static const sd_bus_vtable device_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Disconnect", NULL, NULL, on_disconnect, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("Address", "s", get_device_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("AddressType", "s", get_device_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Connected", "b", get_device_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("RSSI", "n", get_device_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("ServiceData", "a{sv}", get_device_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_VTABLE_END,
};

struct fake_device *fake_hear(struct fake_adapter *adapter, const char *address, const char *address_type, int16_t rssi,
                              const char *service_uuid, const void *data, size_t length) {
	struct fake_bluez *f = adapter->fake;
	for (size_t n = 0; n < FAKE_DEVICES; n++) {
		struct fake_device *device = &f->devices[n];
		if (device->slot)
			continue;
		*device = (struct fake_device){ .fake = f,
			                        .address_type = address_type,
			                        .rssi = rssi,
			                        .service_uuid = service_uuid,
			                        .service_data_length = length,
			                        .service_data_type = "ay" };
		assert_true(length <= sizeof(device->service_data));
		if (length > 0)
			memcpy(device->service_data, data, length);
		snprintf(device->address, sizeof(device->address), "%s", address);
		snprintf(device->path, sizeof(device->path), "%s/dev_%s", adapter->path, address);
		for (char *at = device->path; *at; at++)
			if (*at == ':')
				*at = '_';
		assert_true(sd_bus_add_object_vtable(f->bus, &device->slot, device->path, BLUEZ_DEVICE, device_vtable, device) >=
		            0);
		assert_true(sd_bus_emit_interfaces_added(f->bus, device->path, BLUEZ_DEVICE, NULL) >= 0);
		return device;
	}
	fail_msg("too many devices");
	return NULL;
}

void fake_change(struct fake_device *device, const char *property, ...) {
	char *names[4] = { (char *)(uintptr_t)property };
	va_list arguments;
	va_start(arguments, property);
	for (size_t n = 1; n < ELEMENTS(names) && names[n - 1]; n++)
		names[n] = va_arg(arguments, char *);
	va_end(arguments);
	assert_true(sd_bus_emit_properties_changed_strv(device->fake->bus, device->path, BLUEZ_DEVICE, names) >= 0);
}

void fake_forget(struct fake_device *device) {
	if (device->fake->bus)
		assert_true(sd_bus_emit_interfaces_removed(device->fake->bus, device->path, BLUEZ_DEVICE, NULL) >= 0);
	device->slot = sd_bus_slot_unref(device->slot);
}

/* ------------------------------------------------------------------------------------------------------------------------ life
 */

static void start_daemon(struct fake_bluez *f) {
	int out[2];
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid_t parent = getpid();
	f->daemon = fork();
	assert_true(f->daemon >= 0);
	if (f->daemon == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		dup2(out[1], STDOUT_FILENO);
		dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO); /* it complains of limits that it cannot raise */
		execlp("dbus-daemon", "dbus-daemon", "--config-file=" SOURCE_DIR "/tests/unit/bluetooth/bus.conf", "--nofork",
		       "--print-address", NULL);
		_exit(127);
	}
	close(out[1]);
	FILE *address = fdopen(out[0], "r");
	assert_non_null(address);
	assert_non_null(fgets(f->bus_address, sizeof(f->bus_address), address));
	f->bus_address[strcspn(f->bus_address, "\n")] = '\0';
	fclose(address);
}

sd_bus *fake_client(struct fake_bluez *f) {
	sd_bus *bus;
	assert_int_equal(sd_bus_new(&bus), 0);
	assert_true(sd_bus_set_address(bus, f->bus_address) >= 0);
	assert_true(sd_bus_set_bus_client(bus, true) >= 0);
	assert_true(sd_bus_start(bus) >= 0);
	assert_true(sd_bus_attach_event(bus, f->event, SD_EVENT_PRIORITY_NORMAL) >= 0);
	*free_connection() = sd_bus_ref(bus);
	return bus;
}

struct fake_bluez *fake_new(sd_event *event) {
	struct fake_bluez *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->event = event;
	start_daemon(f);
	return f;
}

void fake_start(struct fake_bluez *f) {
	assert_null(f->bus);
	f->bus = fake_client(f);
	assert_true(sd_bus_add_object_manager(f->bus, &f->objects_slot, "/") >= 0);
	assert_true(sd_bus_match_signal_async(f->bus, &f->changes_slot, NULL, NULL, DBUS_PROPERTIES, "PropertiesChanged",
	                                      on_advert_changed, NULL, f) >= 0);
	assert_true(sd_bus_request_name(f->bus, BLUEZ, 0) >= 0);
	for (size_t n = 0; n < FAKE_ADAPTERS; n++)
		if (f->adapters[n].path[0] != '\0')
			export_adapter(&f->adapters[n]);
}

void fake_kill(struct fake_bluez *f) {
	for (size_t n = 0; n < FAKE_ADAPTERS; n++) {
		struct fake_adapter *adapter = &f->adapters[n];
		adapter->slot = sd_bus_slot_unref(adapter->slot);
		adapter->manager_slot = sd_bus_slot_unref(adapter->manager_slot);
		adapter->monitors_slot = sd_bus_slot_unref(adapter->monitors_slot);
		adapter->discovering = false;
	}
	for (size_t n = 0; n < FAKE_DEVICES; n++)
		f->devices[n].slot = sd_bus_slot_unref(f->devices[n].slot);
	memset(f->adverts, 0, sizeof(f->adverts));
	f->monitor = (struct fake_monitor){ 0 };
	f->held = sd_bus_message_unref(f->held);
	f->objects_slot = sd_bus_slot_unref(f->objects_slot);
	f->changes_slot = sd_bus_slot_unref(f->changes_slot);
	if (f->bus)
		sd_bus_close(f->bus);
	f->bus = sd_bus_unref(f->bus);
}

void fake_free(struct fake_bluez *f) {
	fake_kill(f);
	for (size_t n = 0; n < ELEMENTS(connections); n++)
		connections[n] = sd_bus_unref(connections[n]);
	kill(f->daemon, SIGTERM);
	assert_int_equal(waitpid(f->daemon, NULL, 0), f->daemon);
	free(f);
}
