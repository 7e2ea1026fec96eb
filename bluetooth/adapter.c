#include "bluetooth/adapter.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "bluetooth/address.h"
#include "bluetooth/bluez.h"

#define PATH_LIMIT 64
#define FLUSH_US 1000000

enum adapter_state {
	ADAPTER_NO_SERVICE, /* bluetoothd is not on the bus; waits for it */
	ADAPTER_SEARCHING,  /* asked bluetoothd for its objects */
	ADAPTER_ABSENT,     /* bluetoothd has no such adapter; waits for it */
	ADAPTER_POWERING,   /* asked for power */
	ADAPTER_PAUSING,    /* something failed; searches again after a pause */
	ADAPTER_READY,
	ADAPTER_OFF, /* as it is to be */
};

struct adapter {
	enum adapter_state state;
	sd_bus *bus;
	const struct adapter_callbacks *callbacks;
	void *context;

	bool keep_off;

	/* Wanted: by address, or by the last part of the object's path. */
	bool by_address;
	uint8_t wanted_address[BLUETOOTH_ADDRESS_SIZE];
	char wanted_name[BLUETOOTH_ADDRESS_TEXT];

	/* Found; path is "" when not. */
	char path[PATH_LIMIT];
	uint8_t address[BLUETOOTH_ADDRESS_SIZE];
	bool powered;

	sd_bus_slot *owner_match, *added_match, *removed_match, *changed_match;
	sd_bus_slot *call; /* the one pending answer */
	sd_event_source *pause;
	struct backoff backoff;
	unsigned generation;
	bool told_lost;      /* since it was last ready */
	bool logged_failure; /* same */
};

static void enter_state(struct adapter *a, enum adapter_state state);

/* ---------------------------------------------------------------------------------------------------------------- searching */

static bool is_wanted(const struct adapter *a, const char *path, const uint8_t address[BLUETOOTH_ADDRESS_SIZE]) {
	if (a->by_address)
		return memcmp(address, a->wanted_address, BLUETOOTH_ADDRESS_SIZE) == 0;
	const char *name = strrchr(path, '/');
	return name && strcmp(name + 1, a->wanted_name) == 0;
}

static int visit_interface(void *context, const char *path, const char *interface, sd_bus_message *properties) {
	struct adapter *a = context;
	if (strcmp(interface, BLUEZ_ADAPTER) != 0 || strlen(path) >= PATH_LIMIT)
		return 0;
	const char *text = "";
	bool powered = false;
	const struct bluez_property table[] = {
		{ .name = "Address", .type = "s", .target = &text },
		{ .name = "Powered", .type = "b", .target = &powered },
	};
	uint8_t address[BLUETOOTH_ADDRESS_SIZE];
	int r = bluez_read_properties(properties, table, ELEMENTS(table));
	if (r < 0)
		return r;
	if (bluetooth_address_parse(text, address) < 0 || !is_wanted(a, path, address))
		return 0;
	strcpy(a->path, path);
	memcpy(a->address, address, sizeof(address));
	a->powered = powered;
	return 0;
}

/* Nothing is under way. */
static bool is_settled(const struct adapter *a) {
	return a->state == ADAPTER_READY || a->state == ADAPTER_OFF;
}

/* What was heard of the adapter's power takes effect. */
static void take_powered(struct adapter *a) {
	bool right = a->powered != a->keep_off;
	if (a->state == ADAPTER_READY && !right)
		enter_state(a, ADAPTER_PAUSING);
	else if (a->state == ADAPTER_OFF && !right)
		enter_state(a, ADAPTER_POWERING);
	else if ((a->state == ADAPTER_POWERING || a->state == ADAPTER_PAUSING) && right)
		enter_state(a, a->keep_off ? ADAPTER_OFF : ADAPTER_READY);
}

static void enter_found(struct adapter *a) {
	enter_state(a, a->path[0] == '\0'          ? ADAPTER_ABSENT
	               : a->powered == a->keep_off ? ADAPTER_POWERING
	               : a->keep_off               ? ADAPTER_OFF
	                                           : ADAPTER_READY);
}

static int on_objects(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct adapter *a = context;
	a->call = sd_bus_slot_unref(a->call);
	if (bluez_is_gone(answer)) {
		enter_state(a, ADAPTER_NO_SERVICE);
		return 0;
	}
	a->path[0] = '\0';
	if (sd_bus_message_is_method_error(answer, NULL) || bluez_walk_objects(answer, visit_interface, a) < 0)
		enter_state(a, ADAPTER_PAUSING);
	else
		enter_found(a);
	return 0;
}

static int enter_searching(struct adapter *a) {
	return bluez_get_objects(a->bus, (struct bluez_answer){ &a->call, on_objects, a });
}

/* ------------------------------------------------------------------------------------------------------------------- pausing */

static void check(struct adapter *a);

static int on_pause_over(sd_event_source *source, uint64_t now_us, void *context) {
	(void)source;
	(void)now_us;
	struct adapter *a = context;
	if (is_settled(a))
		check(a);
	else
		enter_state(a, ADAPTER_SEARCHING);
	return 0;
}

static void start_pause(struct adapter *a) {
	loop_timer_start(a->pause, backoff_next(&a->backoff));
}

/* ---------------------------------------------------------------------------------------------------------------- checking */

static int on_checked(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct adapter *a = context;
	a->call = sd_bus_slot_unref(a->call);
	if (bluez_is_gone(answer)) {
		enter_state(a, ADAPTER_NO_SERVICE);
		return 0;
	}
	char path[PATH_LIMIT];
	strcpy(path, a->path); /* of the same size */
	a->path[0] = '\0';
	if (sd_bus_message_is_method_error(answer, NULL) || bluez_walk_objects(answer, visit_interface, a) < 0) {
		strcpy(a->path, path);
		start_pause(a);
		return 0;
	}
	backoff_reset(&a->backoff);
	if (strcmp(a->path, path) != 0)
		enter_found(a);
	else
		take_powered(a);
	return 0;
}

/* A change could not be read: is it still as it was? What was registered stays so meanwhile. */
static void check(struct adapter *a) {
	if (is_settled(a) && !a->call && bluez_get_objects(a->bus, (struct bluez_answer){ &a->call, on_checked, a }) < 0)
		start_pause(a);
}

/* ----------------------------------------------------------------------------------------------------------------- powering */

static int on_power_answer(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct adapter *a = context;
	a->call = sd_bus_slot_unref(a->call);
	if (sd_bus_message_is_method_error(answer, NULL)) {
		if (!a->logged_failure)
			log_reason(LOG_LEVEL_WARNING, "bluetooth", REASON_ADAPTER_GONE,
			           "adapter %s cannot be switched %s (%s); tried again", a->path, a->keep_off ? "off" : "on",
			           sd_bus_message_get_error(answer)->name);
		a->logged_failure = true;
		enter_state(a, ADAPTER_PAUSING);
	} else if (a->powered != a->keep_off) {
		enter_state(a, a->keep_off ? ADAPTER_OFF : ADAPTER_READY);
	} else {
		/* The change of the property is still to come; if it does not, the search after this pause tells. */
		start_pause(a);
	}
	return 0;
}

static int enter_powering(struct adapter *a) {
	return bluez_call(a->bus, (struct bluez_method){ a->path, DBUS_PROPERTIES, "Set" },
	                  (struct bluez_answer){ &a->call, on_power_answer, a }, "ssv", BLUEZ_ADAPTER, "Powered", "b",
	                  !a->keep_off);
}

/* -------------------------------------------------------------------------------------------------------------------- states */

/* Last thing a caller does: the adapter may be gone afterwards. */
static void tell_lost(struct adapter *a, enum reason reason) {
	if (a->told_lost || a->keep_off)
		return;
	a->told_lost = true;
	log_reason(LOG_LEVEL_WARNING, "bluetooth", reason, "adapter %s is not usable", a->wanted_name);
	a->callbacks->lost(a->context, reason);
}

static void tell_ready(struct adapter *a) {
	char address[BLUETOOTH_ADDRESS_TEXT];
	bluetooth_address_format(a->address, address);
	log_line(LOG_LEVEL_INFO, "bluetooth", "adapter %s (%s) is ready", a->path, address);
	backoff_reset(&a->backoff);
	a->told_lost = a->logged_failure = false;
	a->generation++;
	a->callbacks->ready(a->context);
}

static void enter_state(struct adapter *a, enum adapter_state state) {
	a->call = sd_bus_slot_unref(a->call);
	loop_timer_stop(a->pause);
	a->state = state;
	int r = 0;
	switch (state) {
	case ADAPTER_NO_SERVICE:
		tell_lost(a, REASON_BLUETOOTH_GONE);
		return;
	case ADAPTER_ABSENT:
		tell_lost(a, REASON_ADAPTER_GONE);
		return;
	case ADAPTER_READY:
		tell_ready(a);
		return;
	case ADAPTER_OFF:
		log_line(LOG_LEVEL_INFO, "bluetooth", "adapter %s is off", a->path);
		backoff_reset(&a->backoff);
		a->logged_failure = false;
		return;
	case ADAPTER_SEARCHING:
		r = enter_searching(a);
		break;
	case ADAPTER_POWERING:
		r = enter_powering(a);
		break;
	case ADAPTER_PAUSING:
		start_pause(a);
		tell_lost(a, REASON_ADAPTER_GONE);
		return;
	}
	if (r < 0) {
		/* No memory, or the bus itself is going down, which ends the daemon. */
		log_line(LOG_LEVEL_ERROR, "bluetooth", "cannot talk to the bus: %s", strerror(-r));
		enter_state(a, ADAPTER_PAUSING);
	}
}

/* -------------------------------------------------------------------------------------------------------------------- signals */

static int on_owner_changed(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct adapter *a = context;
	const char *name, *old, *new;
	int r = sd_bus_message_read(message, "sss", &name, &old, &new);
	if (r >= 0 && new[0] == '\0') {
		enter_state(a, ADAPTER_NO_SERVICE);
		return 0;
	}
	a->path[0] = '\0';
	enter_state(a, ADAPTER_SEARCHING);
	return 0;
}

static int on_added(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct adapter *a = context;
	if (a->state != ADAPTER_ABSENT && a->state != ADAPTER_NO_SERVICE)
		return 0;
	if (bluez_walk_added(message, visit_interface, a) < 0)
		enter_state(a, ADAPTER_SEARCHING); /* it may be ours */
	else if (a->path[0] != '\0')
		enter_found(a);
	return 0;
}

static int on_removed(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct adapter *a = context;
	const char *path;
	if (bluez_removed(message, BLUEZ_ADAPTER, &path) < 0) {
		check(a);
	} else if (path && strcmp(path, a->path) == 0) {
		a->path[0] = '\0';
		enter_state(a, ADAPTER_ABSENT);
	}
	return 0;
}

static int on_changed(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct adapter *a = context;
	const char *path = sd_bus_message_get_path(message), *interface;
	if (!path || a->path[0] == '\0' || strcmp(path, a->path) != 0)
		return 0;
	bool seen = false;
	const struct bluez_property table[] = { { .name = "Powered", .type = "b", .target = &a->powered, .seen = &seen } };
	if (sd_bus_message_read(message, "s", &interface) < 0 || sd_bus_message_enter_container(message, 'a', "{sv}") < 0 ||
	    bluez_read_properties(message, table, ELEMENTS(table)) < 0)
		check(a);
	else if (seen)
		take_powered(a);
	return 0;
}

/* -------------------------------------------------------------------------------------------------------------------- life */

static int watch_bluetoothd(struct adapter *a) {
	const struct {
		sd_bus_slot **slot;
		const char *rule;
		sd_bus_message_handler_t handler;
	} matches[] = {
		{ &a->owner_match,
		  "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0="
		  "'" BLUEZ "'",
		  on_owner_changed },
		{ &a->added_match,
		  "type='signal',sender='" BLUEZ "',interface='" DBUS_OBJECT_MANAGER "',member='InterfacesAdded'", on_added },
		{ &a->removed_match,
		  "type='signal',sender='" BLUEZ "',interface='" DBUS_OBJECT_MANAGER "',member='InterfacesRemoved'", on_removed },
		{ &a->changed_match,
		  "type='signal',sender='" BLUEZ "',interface='" DBUS_PROPERTIES
		  "',member='PropertiesChanged',arg0='" BLUEZ_ADAPTER "'",
		  on_changed },
	};
	for (size_t n = 0; n < ELEMENTS(matches); n++) {
		int r = sd_bus_add_match_async(a->bus, matches[n].slot, matches[n].rule, matches[n].handler, NULL, a);
		if (r < 0)
			return r;
	}
	return 0;
}

static int set_wanted(struct adapter *a, const char *name) {
	size_t length = strlen(name);
	if (length >= sizeof(a->wanted_name))
		return -EINVAL;
	memcpy(a->wanted_name, name, length + 1);
	a->by_address = bluetooth_address_parse(name, a->wanted_address) == 0;
	if (a->by_address)
		return 0;
	if (length < 4 || strncmp(name, "hci", 3) != 0 || strspn(name + 3, "0123456789") != length - 3)
		return -EINVAL;
	return 0;
}

/* callbacks: NULL to keep it off. */
static int make(struct adapter **ret, sd_bus *bus, const char *name, const struct adapter_callbacks *callbacks, void *context) {
	struct adapter *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	*a = (struct adapter){ .bus = sd_bus_ref(bus),
		               .callbacks = callbacks,
		               .context = context,
		               .keep_off = !callbacks,
		               .state = ADAPTER_SEARCHING };
	int r = set_wanted(a, name);
	if (r >= 0)
		r = loop_timer_new(sd_bus_get_event(a->bus), &a->pause, BACKOFF_ACCURACY_US, on_pause_over, a);
	if (r >= 0)
		r = watch_bluetoothd(a);
	if (r >= 0)
		r = enter_searching(a);
	if (r < 0) {
		adapter_free(a);
		return r;
	}
	*ret = a;
	return 0;
}

int adapter_new(struct adapter **ret, sd_bus *bus, const char *name, const struct adapter_callbacks *callbacks, void *context) {
	assert(ret && bus && sd_bus_get_event(bus) && name && callbacks && callbacks->ready && callbacks->lost);
	return make(ret, bus, name, callbacks, context);
}

int adapter_new_off(struct adapter **ret, sd_bus *bus, const char *name) {
	assert(ret && bus && sd_bus_get_event(bus) && name);
	return make(ret, bus, name, NULL, NULL);
}

void adapter_free(struct adapter *a) {
	if (!a)
		return;
	sd_bus_slot_unref(a->owner_match);
	sd_bus_slot_unref(a->added_match);
	sd_bus_slot_unref(a->removed_match);
	sd_bus_slot_unref(a->changed_match);
	sd_bus_slot_unref(a->call);
	sd_event_source_disable_unref(a->pause);
	sd_bus_unref(a->bus);
	free(a);
}

bool adapter_is_ready(const struct adapter *a) {
	return a->state == ADAPTER_READY;
}

const uint8_t *adapter_address(const struct adapter *a) {
	return a->address;
}

const char *adapter_path(const struct adapter *a) {
	return a->path;
}

int adapter_number(const struct adapter *a) {
	unsigned number;
	return sscanf(a->path, "/org/bluez/hci%u", &number) == 1 && number <= UINT16_MAX ? (int)number : -ENODEV;
}

sd_bus *adapter_bus(const struct adapter *a) {
	return a->bus;
}

unsigned adapter_generation(const struct adapter *a) {
	return a->generation;
}

void adapter_disconnect(struct adapter *a, const uint8_t peer[6]) {
	if (a->state != ADAPTER_READY)
		return;
	char path[BLUEZ_DEVICE_PATH_SIZE];
	bluez_device_path(a->path, peer, path);
	(void)bluez_call(a->bus, (struct bluez_method){ path, BLUEZ_DEVICE, "Disconnect" }, BLUEZ_NO_ANSWER, "");
}

void adapter_flush(struct adapter *a) {
	sd_bus_message *call = NULL;
	if (sd_bus_message_new_method_call(a->bus, &call, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
	                                   "GetId") >= 0)
		(void)sd_bus_call(a->bus, call, FLUSH_US, NULL,
		                  NULL); /* answered in order, so what was said before has been read */
	sd_bus_message_unref(call);
}
