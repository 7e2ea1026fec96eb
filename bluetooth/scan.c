#include "bluetooth/scan.h"

#include <assert.h>
#include <bluetooth/bluetooth.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <systemd/sd-event.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "bluetooth/address.h"
#include "bluetooth/advert.h"
#include "bluetooth/bluez.h"

/* Devices with our service data that are remembered at once, the least recently heard is forgotten first. Anybody may send such
 * adverts from any number of addresses, so the number is bounded; a forgotten one is asked for again when it is next heard. */
#define DEVICES 64
#define PATH_LIMIT 64
#define RSSI_UNKNOWN 127

/* Discovery is stopped and started again after half a second, then after twice as long each time, up to the largest. Two
 * reasons. Linux drops what the controller reports between "scan enable" and the moment that discovery counts as running; the
 * controller has then told of that device, and its duplicate filter keeps silent until the next round, 10.24 s later. And
 * controllers that filter by address alone would hide new content of a known address (a pairing window that opens) as long. */
#define ROUND_FIRST_US 500000
#define ROUND_LARGEST_US 4000000

enum scan_state {
	SCAN_OFF,       /* the adapter is not ready; scan_refresh goes on */
	SCAN_FILTERING, /* asked for the filter */
	SCAN_STARTING,  /* asked for discovery */
	SCAN_ACTIVE,
	SCAN_RENEWING, /* asked for an end of discovery, to start it again */
	SCAN_PAUSING,  /* refused or stopped; tried again after a pause */
};

struct device {
	char path[PATH_LIMIT]; /* "" for a free place */
	uint64_t heard;        /* ordinal of the last sighting */
	uint8_t address[BLUETOOTH_ADDRESS_SIZE];
	uint8_t address_type;
	int16_t rssi;
	uint8_t service_data[ADVERT_DATA_LIMIT];
	size_t service_data_length;
};

struct scan {
	enum scan_state state;
	struct adapter *adapter;
	const struct scan_callbacks *callbacks;
	void *context;

	sd_bus_slot *added_match, *removed_match, *device_match, *adapter_match;
	sd_bus_slot *call;
	sd_bus_slot *question; /* for a device that changed and is not in the table; one at a time */
	char question_path[PATH_LIMIT];
	sd_event_source *timer; /* end of a pause or of a round */
	uint64_t round_us;
	struct backoff backoff;
	bool told_failed; /* since it was last active */

	struct device devices[DEVICES];
	uint64_t heard;
};

static void enter_state(struct scan *s, enum scan_state state);

/* ----------------------------------------------------------------------------------------------------------- what was heard */

/* What one message said of a device. */
struct report {
	const char *address_text, *address_type_text;
	int16_t rssi;
	bool has_rssi;
	uint8_t service_data[ADVERT_DATA_LIMIT];
	size_t service_data_length;
	bool has_service_data; /* ours, of a length that can be ours */
};

/* a{sv} of UUID to bytes. */
static int read_service_data(sd_bus_message *message, void *target) {
	struct report *report = target;
	int r = sd_bus_message_enter_container(message, 'a', "{sv}");
	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
		const char *uuid, *type;
		r = sd_bus_message_read(message, "s", &uuid);
		if (r < 0)
			return r;
		r = sd_bus_message_peek_type(message, NULL, &type);
		if (r < 0)
			return r;
		if (strcasecmp(uuid, LANYARD_SERVICE_UUID) == 0 && strcmp(type, "ay") == 0) {
			const void *bytes = NULL;
			size_t length = 0;
			r = sd_bus_message_enter_container(message, 'v', "ay");
			if (r >= 0)
				r = sd_bus_message_read_array(message, 'y', &bytes, &length);
			if (r >= 0)
				r = sd_bus_message_exit_container(message);
			if (r >= 0 && length <= ADVERT_DATA_LIMIT) {
				if (length > 0)
					memcpy(report->service_data, bytes, length);
				report->service_data_length = length;
				report->has_service_data = true;
			}
		} else {
			r = sd_bus_message_skip(message, "v");
		}
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

/* The message stands inside the dictionary of Device1's properties. */
static int read_report(sd_bus_message *properties, struct report *report) {
	*report = (struct report){ .address_text = "", .address_type_text = "" };
	const struct bluez_property table[] = {
		{ .name = "Address", .type = "s", .target = &report->address_text },
		{ .name = "AddressType", .type = "s", .target = &report->address_type_text },
		{ .name = "RSSI", .type = "n", .target = &report->rssi, .seen = &report->has_rssi },
		{ .name = "ServiceData", .type = "a{sv}", .target = report, .read = read_service_data },
	};
	return bluez_read_properties(properties, table, ELEMENTS(table));
}

static bool is_ours(const struct scan *s, const char *path) {
	const char *adapter = adapter_path(s->adapter);
	size_t length = strlen(adapter);
	return length > 0 && strncmp(path, adapter, length) == 0 && path[length] == '/' && strlen(path) < PATH_LIMIT;
}

static struct device *find_device(struct scan *s, const char *path) {
	for (size_t n = 0; n < DEVICES; n++)
		if (strcmp(s->devices[n].path, path) == 0)
			return &s->devices[n];
	return NULL;
}

/* The device's place, or a free one, or that of the least recently heard. */
static struct device *place_for(struct scan *s, const char *path) {
	struct device *known = find_device(s, path), *oldest = &s->devices[0];
	if (known)
		return known;
	for (size_t n = 0; n < DEVICES; n++) {
		if (s->devices[n].path[0] == '\0')
			return &s->devices[n];
		if (s->devices[n].heard < oldest->heard)
			oldest = &s->devices[n];
	}
	return oldest;
}

/* Last thing a caller does: the scan may be gone afterwards. */
static void tell_heard(struct scan *s, struct device *device) {
	device->heard = ++s->heard;
	struct device copy = *device;
	struct sighting sighting = {
		.address_type = copy.address_type,
		.rssi = copy.rssi,
		.service_data = copy.service_data,
		.service_data_length = copy.service_data_length,
	};
	memcpy(sighting.address, copy.address, sizeof(sighting.address));
	s->callbacks->heard(s->context, &sighting);
}

static void take_report(struct device *device, const struct report *report) {
	if (report->has_rssi)
		device->rssi = report->rssi;
	if (report->has_service_data) {
		memcpy(device->service_data, report->service_data, report->service_data_length);
		device->service_data_length = report->service_data_length;
	}
}

/* A whole description: enters the device into the table when it has our service data. NULL when not. */
static struct device *learn_device(struct scan *s, const char *path, const struct report *report) {
	uint8_t address[BLUETOOTH_ADDRESS_SIZE];
	if (!report->has_service_data || bluetooth_address_parse(report->address_text, address) < 0)
		return NULL;
	struct device *device = place_for(s, path);
	*device = (struct device){
		.address_type = strcmp(report->address_type_text, "public") == 0 ? BDADDR_LE_PUBLIC : BDADDR_LE_RANDOM,
		.rssi = RSSI_UNKNOWN,
	};
	strcpy(device->path, path); /* shorter than PATH_LIMIT: is_ours */
	memcpy(device->address, address, sizeof(address));
	take_report(device, report);
	return device;
}

struct added {
	struct scan *scan;
	struct device *device;
};

static int visit_added(void *context, const char *path, const char *interface, sd_bus_message *properties) {
	struct added *added = context;
	struct report report;
	if (strcmp(interface, BLUEZ_DEVICE) != 0 || !is_ours(added->scan, path))
		return 0;
	int r = read_report(properties, &report);
	if (r >= 0)
		added->device = learn_device(added->scan, path, &report);
	return r;
}

static int on_added(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct added added = { .scan = context };
	if (bluez_walk_added(message, visit_added, &added) >= 0 && added.device && added.scan->state != SCAN_OFF)
		tell_heard(added.scan, added.device);
	return 0;
}

static int on_removed(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct scan *s = context;
	const char *path;
	/* One that stays in the table makes room for others, the longest unheard first. */
	struct device *device = bluez_removed(message, BLUEZ_DEVICE, &path) >= 0 && path ? find_device(s, path) : NULL;
	if (device)
		*device = (struct device){ 0 };
	return 0;
}

static int on_description(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct scan *s = context;
	s->question = sd_bus_slot_unref(s->question);
	struct report report;
	if (sd_bus_message_is_method_error(answer, NULL) || sd_bus_message_enter_container(answer, 'a', "{sv}") < 0 ||
	    read_report(answer, &report) < 0)
		return 0; /* it has vanished again */
	struct device *device = learn_device(s, s->question_path, &report);
	if (device && s->state != SCAN_OFF)
		tell_heard(s, device);
	return 0;
}

static int ask_for_description(struct scan *s, const char *path) {
	if (s->question)
		return 0;               /* it will be heard again */
	strcpy(s->question_path, path); /* shorter than PATH_LIMIT: is_ours */
	return bluez_call(adapter_bus(s->adapter), (struct bluez_method){ path, DBUS_PROPERTIES, "GetAll" },
	                  (struct bluez_answer){ &s->question, on_description, s }, "s", BLUEZ_DEVICE);
}

static int on_device_changed(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct scan *s = context;
	const char *path = sd_bus_message_get_path(message), *interface;
	struct report report;
	if (s->state == SCAN_OFF || !path || !is_ours(s, path) || sd_bus_message_read(message, "s", &interface) < 0 ||
	    sd_bus_message_enter_container(message, 'a', "{sv}") < 0 || read_report(message, &report) < 0)
		return 0;
	struct device *device = find_device(s, path);
	if (device && (report.has_service_data || report.has_rssi)) {
		take_report(device, &report);
		tell_heard(s, device);
	} else if (!device && report.has_service_data) {
		/* bluetoothd had the object already, for a connection or from before we came. */
		(void)ask_for_description(s, path);
	}
	return 0;
}

/* ------------------------------------------------------------------------------------------------------------------- states */

/* Last thing a caller does: the scan may be gone afterwards. */
static void fail(struct scan *s, enum reason reason, const char *why) {
	bool tell = !s->told_failed;
	s->told_failed = true;
	enter_state(s, SCAN_PAUSING);
	if (!tell)
		return;
	log_reason(LOG_LEVEL_WARNING, "bluetooth", reason, "scanning does not run (%s); tried again", why);
	if (s->callbacks->failed)
		s->callbacks->failed(s->context, reason);
}

static bool failed_call(struct scan *s, sd_bus_message *answer) {
	s->call = sd_bus_slot_unref(s->call);
	if (!sd_bus_message_is_method_error(answer, NULL))
		return false;
	fail(s, bluez_is_gone(answer) ? REASON_BLUETOOTH_GONE : REASON_SCAN_REFUSED, sd_bus_message_get_error(answer)->name);
	return true;
}

static int on_filter_set(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct scan *s = context;
	if (!failed_call(s, answer))
		enter_state(s, SCAN_STARTING);
	return 0;
}

static struct bluez_method method(const struct scan *s, const char *member) {
	return (struct bluez_method){ adapter_path(s->adapter), BLUEZ_ADAPTER, member };
}

/* No UUIDs: neither kernel nor bluetoothd looks for them in service data. Each repeat is wanted, it tells that the device is
 * still near. */
static int set_filter(struct scan *s) {
	return bluez_call(adapter_bus(s->adapter), method(s, "SetDiscoveryFilter"),
	                  (struct bluez_answer){ &s->call, on_filter_set, s }, "a{sv}", 2, "Transport", "s", "le",
	                  "DuplicateData", "b", 1);
}

static int on_started(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct scan *s = context;
	/* "Operation already in progress": a start whose answer was lost, or one that another client's overtook. bluetoothd
	 * counts us as scanning; a stop makes the next try a clean one. */
	if (!failed_call(s, answer))
		enter_state(s, SCAN_ACTIVE);
	return 0;
}

static int start_discovery(struct scan *s) {
	return bluez_call(adapter_bus(s->adapter), method(s, "StartDiscovery"), (struct bluez_answer){ &s->call, on_started, s },
	                  "");
}

static int on_stopped(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct scan *s = context;
	if (!failed_call(s, answer))
		enter_state(s, SCAN_STARTING);
	return 0;
}

/* `answered` may be NULL. */
static int stop_discovery(struct scan *s, sd_bus_message_handler_t answered) {
	return bluez_call(adapter_bus(s->adapter), method(s, "StopDiscovery"), (struct bluez_answer){ &s->call, answered, s },
	                  "");
}

static int on_timer(sd_event_source *source, uint64_t now_us, void *context) {
	(void)source;
	(void)now_us;
	struct scan *s = context;
	if (!adapter_is_ready(s->adapter))
		enter_state(s, SCAN_OFF);
	else
		enter_state(s, s->state == SCAN_ACTIVE ? SCAN_RENEWING : SCAN_FILTERING);
	return 0;
}

static void start_round(struct scan *s) {
	uint64_t us = s->round_us ? s->round_us : ROUND_FIRST_US;
	s->round_us = us * 2 < ROUND_LARGEST_US ? us * 2 : ROUND_LARGEST_US;
	loop_timer_start(s->timer, us);
}

/* What bluetoothd does for us in this state; it counts us as scanning from the call on. */
static bool is_discovering(const struct scan *s) {
	switch (s->state) {
	case SCAN_OFF:
	case SCAN_FILTERING:
	case SCAN_PAUSING:
		return false;
	case SCAN_STARTING:
	case SCAN_ACTIVE:
	case SCAN_RENEWING:
		return adapter_is_ready(s->adapter);
	}
	return false;
}

static void enter_state(struct scan *s, enum scan_state state) {
	bool discovering = is_discovering(s);
	s->call = sd_bus_slot_unref(s->call);
	loop_timer_stop(s->timer);
	s->state = state;
	int r = 0;
	switch (state) {
	case SCAN_OFF:
	case SCAN_PAUSING:
		s->question = sd_bus_slot_unref(s->question);
		s->round_us = 0;
		if (discovering)
			(void)stop_discovery(s, NULL);
		if (state == SCAN_PAUSING)
			loop_timer_start(s->timer, backoff_next(&s->backoff));
		break;
	case SCAN_FILTERING:
		r = set_filter(s);
		break;
	case SCAN_STARTING:
		r = start_discovery(s);
		break;
	case SCAN_ACTIVE:
		backoff_reset(&s->backoff);
		s->told_failed = false;
		start_round(s);
		break;
	case SCAN_RENEWING:
		r = stop_discovery(s, on_stopped);
		break;
	}
	if (r < 0) {
		log_line(LOG_LEVEL_ERROR, "bluetooth", "cannot scan: %s", strerror(-r));
		enter_state(s, SCAN_PAUSING);
	}
}

/* bluetoothd ended the discovery by itself, which it does when the adapter was switched off in between. */
static int on_adapter_changed(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct scan *s = context;
	const char *path = sd_bus_message_get_path(message), *interface;
	bool discovering = true;
	const struct bluez_property table[] = { { .name = "Discovering", .type = "b", .target = &discovering } };
	if (!path || strcmp(path, adapter_path(s->adapter)) != 0 || sd_bus_message_read(message, "s", &interface) < 0 ||
	    sd_bus_message_enter_container(message, 'a', "{sv}") < 0 ||
	    bluez_read_properties(message, table, ELEMENTS(table)) < 0)
		return 0;
	if (s->state == SCAN_ACTIVE && !discovering)
		fail(s, REASON_SCAN_REFUSED, "stopped");
	return 0;
}

/* --------------------------------------------------------------------------------------------------------------------- life */

static int watch_devices(struct scan *s) {
	const struct {
		sd_bus_slot **slot;
		const char *rule;
		sd_bus_message_handler_t handler;
	} matches[] = {
		{ &s->added_match,
		  "type='signal',sender='" BLUEZ "',interface='" DBUS_OBJECT_MANAGER "',member='InterfacesAdded'", on_added },
		{ &s->removed_match,
		  "type='signal',sender='" BLUEZ "',interface='" DBUS_OBJECT_MANAGER "',member='InterfacesRemoved'", on_removed },
		{ &s->device_match, BLUEZ_DEVICE_CHANGED_RULE, on_device_changed },
		{ &s->adapter_match,
		  "type='signal',sender='" BLUEZ "',interface='" DBUS_PROPERTIES
		  "',member='PropertiesChanged',arg0='" BLUEZ_ADAPTER "'",
		  on_adapter_changed },
	};
	for (size_t n = 0; n < ELEMENTS(matches); n++) {
		int r = sd_bus_add_match_async(adapter_bus(s->adapter), matches[n].slot, matches[n].rule, matches[n].handler,
		                               NULL, s);
		if (r < 0)
			return r;
	}
	return 0;
}

int scan_new(struct scan **ret, struct adapter *adapter, const struct scan_callbacks *callbacks, void *context) {
	assert(ret && adapter && callbacks && callbacks->heard);
	struct scan *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct scan){ .state = SCAN_OFF, .adapter = adapter, .callbacks = callbacks, .context = context };
	int r = loop_timer_new(sd_bus_get_event(adapter_bus(adapter)), &s->timer, BACKOFF_ACCURACY_US, on_timer, s);
	if (r >= 0)
		r = watch_devices(s);
	if (r < 0) {
		scan_free(s);
		return r;
	}
	scan_refresh(s);
	*ret = s;
	return 0;
}

void scan_free(struct scan *s) {
	if (!s)
		return;
	enter_state(s, SCAN_OFF);
	sd_bus_slot_unref(s->added_match);
	sd_bus_slot_unref(s->removed_match);
	sd_bus_slot_unref(s->device_match);
	sd_bus_slot_unref(s->adapter_match);
	sd_event_source_disable_unref(s->timer);
	free(s);
}

void scan_refresh(struct scan *s) {
	enter_state(s, SCAN_OFF);
	/* Objects of an earlier bluetoothd, or from before the adapter was switched off, say nothing about now. */
	memset(s->devices, 0, sizeof(s->devices));
	if (adapter_is_ready(s->adapter))
		enter_state(s, SCAN_FILTERING);
}
