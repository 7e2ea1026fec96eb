/* What adapter, advert and scan share of talking to bluetoothd over D-Bus: names, asynchronous calls, walking through objects and
 * properties. Internal to this folder.
 *
 * bluetoothd is trusted more than the radio, but names and service data that it passes on were chosen by strangers: property
 * walkers skip what has an unexpected type instead of failing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/reason.h"

#define BLUEZ "org.bluez"
#define BLUEZ_ADAPTER "org.bluez.Adapter1"
#define BLUEZ_DEVICE "org.bluez.Device1"
#define BLUEZ_ADVERTISEMENT "org.bluez.LEAdvertisement1"
#define BLUEZ_ADVERTISING_MANAGER "org.bluez.LEAdvertisingManager1"
#define BLUEZ_ERROR_DOES_NOT_EXIST "org.bluez.Error.DoesNotExist"
#define BLUEZ_MONITOR "org.bluez.AdvertisementMonitor1"
#define BLUEZ_MONITOR_MANAGER "org.bluez.AdvertisementMonitorManager1"
#define BLUEZ_ERROR_NOT_PERMITTED "org.bluez.Error.NotPermitted"
#define DBUS_PROPERTIES "org.freedesktop.DBus.Properties"
#define DBUS_OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

/* Signals of changes of any device. */
#define BLUEZ_DEVICE_CHANGED_RULE \
	"type='signal',sender='" BLUEZ "',interface='" DBUS_PROPERTIES "',member='PropertiesChanged',arg0='" BLUEZ_DEVICE "'"

/* Path of a device under its adapter's, as bluetoothd makes it: "ADAPTER/dev_00_11_22_33_44_55". */
#define BLUEZ_DEVICE_PATH_SIZE 96
void bluez_device_path(const char *adapter, const uint8_t address[6], char ret[BLUEZ_DEVICE_PATH_SIZE]);

/* A call that bluetoothd has not answered after this has failed; its own timers are shorter. */
#define BLUEZ_CALL_US 15000000

/* Growing pauses between tries. */
struct backoff {
	uint64_t pause_us;
};
#define BACKOFF_FIRST_US 250000
#define BACKOFF_LARGEST_US 8000000
uint64_t backoff_next(struct backoff *backoff);
void backoff_reset(struct backoff *backoff);

/* A new try may be a little late. */
#define BACKOFF_ACCURACY_US 250000

struct bluez_method {
	const char *path, *interface, *member;
};
/* Who waits for the answer: *slot takes it while it is pending (it must be NULL before; unreferencing it cancels). Without
 * `answered` no answer is asked for. */
struct bluez_answer {
	sd_bus_slot **slot;
	sd_bus_message_handler_t answered;
	void *context;
};
#define BLUEZ_NO_ANSWER ((struct bluez_answer){ .slot = NULL })
/* A method call that never starts bluetoothd by D-Bus activation: whether it runs is the system's decision. types, and what
 * follows them: as for sd_bus_message_append; "" for none. 0 or a negative errno: nothing was sent. */
int bluez_call(sd_bus *bus, struct bluez_method method, struct bluez_answer answer, const char *types, ...);
int bluez_get_objects(sd_bus *bus, struct bluez_answer answer);
/* True when the answer is an error because nobody owns the name. */
bool bluez_is_gone(sd_bus_message *answer);

/* Called with the message inside the dictionary of the interface's properties, a{sv}; whatever is left unread is skipped. A
 * negative errno ends the walk, which returns it. */
typedef int (*bluez_interface_visitor)(void *context, const char *path, const char *interface, sd_bus_message *properties);
/* An answer of GetManagedObjects, a{oa{sa{sv}}}. 0 or a negative errno when it is malformed. */
int bluez_walk_objects(sd_bus_message *message, bluez_interface_visitor visit, void *context);
/* The signal InterfacesAdded, oa{sa{sv}}. */
int bluez_walk_added(sd_bus_message *message, bluez_interface_visitor visit, void *context);
/* The signal InterfacesRemoved, oas: *ret is its path when `interface` is among the removed, or NULL. 0 or a negative errno. */
int bluez_removed(sd_bus_message *message, const char *interface, const char **ret);

struct bluez_property {
	const char *name;
	/* D-Bus type of the value: "b", "s", "n", "u", or another signature with `read`. */
	const char *type;
	/* bool *, const char ** (valid as long as the message), int16_t *, uint32_t *; unused with `read`. */
	void *target;
	/* Reads a value of a container type; the message stands at it. Errors leave it unread. May be NULL. */
	int (*read)(sd_bus_message *message, void *target);
	bool *seen; /* set when the property was there with the right type; may be NULL */
};
/* Reads the entries of a dictionary a{sv} that the caller has entered; what is not in the table, or has another type, is skipped.
 * 0 or a negative errno. */
int bluez_read_properties(sd_bus_message *message, const struct bluez_property *table, size_t count);
