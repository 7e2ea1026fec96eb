#include "bluetooth/advert.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "bluetooth/bluez.h"

/* Milliseconds. Fast enough that a scanner which listens all the time hears it within a fraction of a second; not below 100,
 * which older controllers refuse for what is not connectable. bluetoothd honours it when its experimental interfaces are on;
 * without them main.conf's MinAdvertisementInterval says the same. */
#define INTERVAL_LEAST_MS 100
#define INTERVAL_MOST_MS 150

#define PATH_SIZE 48

/* Linux (6.1, controllers with one legacy advertising set) stops advertising when a central connects. When it goes, the kernel
 * turns to the set that it came in by; if that one has been withdrawn in between, it advertises non-connectable, and its rotation
 * of sets stands still. So, at both ends of a connection, bluetoothd is made to write the set again; at the end once more after
 * the kernel's rotation timer (1 s with our main.conf, 2 s without), while which the kernel ignores it. */
#define HEAL_US 2500000

/* How long the end of a program may wait for bluetoothd to take up what is to be withdrawn at once. */
#define EXIT_US 2000000

enum advert_state {
	ADVERT_OFF,         /* the adapter is not ready; advert_refresh goes on */
	ADVERT_REGISTERING, /* asked bluetoothd */
	ADVERT_ACTIVE,
	ADVERT_WITHDRAWING, /* asked bluetoothd to forget it, to register it again */
	ADVERT_PAUSING,     /* refused; tried again after a pause */
};

struct advert {
	enum advert_state state;
	struct adapter *adapter;
	struct advert_content content;
	bool outdated;       /* the registration under way is not for this content */
	bool left;           /* bluetoothd could not be asked to forget `path` */
	unsigned generation; /* of the adapter, when it was registered */

	char path[PATH_SIZE];
	sd_bus_slot *object, *call, *connection_match;
	sd_event_source *pause, *heal, *exit;
	struct backoff backoff;
	bool logged_failure; /* since it was last active */

	bool orphan; /* freed while bluetoothd took it up; lives until that is done */
	char orphan_adapter[PATH_SIZE];
};

static void enter_state(struct advert *a, enum advert_state state);

/* --------------------------------------------------------------------------------------------------------- what bluetoothd reads
 */

static int get_type(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	const struct advert *a = context;
	return sd_bus_message_append(reply, "s", a->content.connectable ? "peripheral" : "broadcast");
}

static int get_service_data(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                            void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	const struct advert *a = context;
	int r = sd_bus_message_open_container(reply, 'a', "{sv}");
	if (a->content.service_data_length == 0)
		return r < 0 ? r : sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'e', "sv");
	if (r >= 0)
		r = sd_bus_message_append(reply, "s", LANYARD_SERVICE_UUID);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'v', "ay");
	if (r >= 0)
		r = sd_bus_message_append_array(reply, 'y', a->content.service_data, a->content.service_data_length);
	for (unsigned depth = 0; depth < 3 && r >= 0; depth++)
		r = sd_bus_message_close_container(reply);
	return r;
}

static int get_manufacturer_data(sd_bus *bus, const char *path, const char *interface, const char *property,
                                 sd_bus_message *reply, void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	const struct advert *a = context;
	int r = sd_bus_message_open_container(reply, 'a', "{qv}");
	if (a->content.manufacturer_data_length == 0)
		return r < 0 ? r : sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'e', "qv");
	if (r >= 0)
		r = sd_bus_message_append(reply, "q", a->content.company);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'v', "ay");
	if (r >= 0)
		r = sd_bus_message_append_array(reply, 'y', a->content.manufacturer_data, a->content.manufacturer_data_length);
	for (unsigned depth = 0; depth < 3 && r >= 0; depth++)
		r = sd_bus_message_close_container(reply);
	return r;
}

static int get_interval(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                        void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)context, (void)error;
	return sd_bus_message_append(reply, "u", strcmp(property, "MinInterval") == 0 ? INTERVAL_LEAST_MS : INTERVAL_MOST_MS);
}

/* bluetoothd has dropped the advertisement: the adapter was switched off, or bluetoothd ends. */
static int on_release(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct advert *a = context;
	if (!a->orphan) {
		a->state = ADVERT_OFF; /* nothing is left to unregister */
		enter_state(a, ADVERT_PAUSING);
	}
	return sd_bus_reply_method_return(message, NULL);
}

static const sd_bus_vtable advertisement_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Release", NULL, NULL, on_release, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("Type", "s", get_type, 0, 0),
	SD_BUS_PROPERTY("ServiceData", "a{sv}", get_service_data, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("ManufacturerData", "a{qv}", get_manufacturer_data, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("MinInterval", "u", get_interval, 0, 0),
	SD_BUS_PROPERTY("MaxInterval", "u", get_interval, 0, 0),
	SD_BUS_VTABLE_END,
};

/* -------------------------------------------------------------------------------------------------------------------- states */

/* Each registration has a path of its own: bluetoothd may still be reading the old object when the new one is registered. */
static unsigned next_path;

static int add_object(struct advert *a) {
	snprintf(a->path, sizeof(a->path), "/org/lanyard/advertisement/%u", next_path++);
	return sd_bus_add_object_vtable(adapter_bus(a->adapter), &a->object, a->path, BLUEZ_ADVERTISEMENT, advertisement_vtable,
	                                a);
}

/* What bluetoothd keeps for us: nothing when it has been restarted since. */
static bool is_registered(const struct advert *a) {
	bool said = (a->state == ADVERT_ACTIVE || a->state == ADVERT_REGISTERING) && a->object;
	return (said || a->left) && adapter_is_ready(a->adapter) && adapter_generation(a->adapter) == a->generation;
}

/* Never while bluetoothd (5.66) is taking it up: it would free the same memory twice, and end. */
static bool is_taken_up(const struct advert *a) {
	return a->state == ADVERT_REGISTERING && a->call;
}

/* `answered` may be NULL. */
static int unregister_from(sd_bus *bus, const char *adapter, struct advert *a, sd_bus_message_handler_t answered) {
	return bluez_call(bus, (struct bluez_method){ adapter, BLUEZ_ADVERTISING_MANAGER, "UnregisterAdvertisement" },
	                  (struct bluez_answer){ &a->call, answered, a }, "o", a->path);
}

static int unregister(struct advert *a, sd_bus_message_handler_t answered) {
	return unregister_from(adapter_bus(a->adapter), adapter_path(a->adapter), a, answered);
}

static int on_registered(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct advert *a = context;
	if (a->orphan) {
		if (!sd_bus_message_is_method_error(answer, NULL))
			(void)unregister_from(sd_bus_message_get_bus(answer), a->orphan_adapter, a, NULL);
		return 0; /* the bus lets go of the call, and that of the orphan */
	}
	a->call = sd_bus_slot_unref(a->call);
	if (!sd_bus_message_is_method_error(answer, NULL)) {
		enter_state(a, ADVERT_ACTIVE);
		return 0;
	}
	const char *name = sd_bus_message_get_error(answer)->name;
	/* bluetoothd (5.66) never frees the place of a program that died while it was taken up. */
	const char *hint = strcmp(name, BLUEZ_ERROR_NOT_PERMITTED) == 0
	                           ? ": all of its places are taken, by programs that died, too; restarting bluetoothd frees them"
	                           : "";
	if (!a->logged_failure && !bluez_is_gone(answer))
		log_reason(LOG_LEVEL_WARNING, "bluetooth", REASON_ADVERTISING_REFUSED,
		           "bluetoothd refuses the advertisement (%s)%s; tried again", name, hint);
	a->logged_failure = true;
	enter_state(a, ADVERT_PAUSING);
	return 0;
}

static int enter_registering(struct advert *a) {
	a->outdated = a->left = false;
	a->generation = adapter_generation(a->adapter);
	int r = add_object(a);
	if (r < 0)
		return r;
	const struct bluez_method method = { adapter_path(a->adapter), BLUEZ_ADVERTISING_MANAGER, "RegisterAdvertisement" };
	return bluez_call(adapter_bus(a->adapter), method, (struct bluez_answer){ &a->call, on_registered, a }, "oa{sv}", a->path,
	                  0);
}

static int on_pause_over(sd_event_source *source, uint64_t now_us, void *context) {
	(void)source;
	(void)now_us;
	struct advert *a = context;
	enter_state(a, !adapter_is_ready(a->adapter) ? ADVERT_OFF : is_registered(a) ? ADVERT_WITHDRAWING : ADVERT_REGISTERING);
	return 0;
}

static int on_withdrawn(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct advert *a = context;
	a->call = sd_bus_slot_unref(a->call);
	a->left = sd_bus_message_is_method_error(answer, NULL) &&
	          !sd_bus_message_is_method_error(answer, BLUEZ_ERROR_DOES_NOT_EXIST);
	enter_state(a, a->left ? ADVERT_PAUSING : ADVERT_REGISTERING);
	return 0;
}

static void enter_state(struct advert *a, enum advert_state state) {
	bool registered = is_registered(a);
	a->call = sd_bus_slot_unref(a->call);
	loop_timer_stop(a->pause);
	if (state != ADVERT_ACTIVE)
		a->object = sd_bus_slot_unref(a->object);
	a->state = state;
	int r = 0;
	switch (state) {
	case ADVERT_OFF:
		if (registered)
			(void)unregister(a, NULL);
		break;
	case ADVERT_REGISTERING:
		r = enter_registering(a);
		break;
	case ADVERT_ACTIVE:
		backoff_reset(&a->backoff);
		a->logged_failure = false;
		if (a->outdated)
			enter_state(a, ADVERT_WITHDRAWING);
		break;
	case ADVERT_WITHDRAWING:
		/* Answered before the new one is registered, so that bluetoothd gives it the same instance number: see HEAL_US.
		 * Not a change of the registered one: that would show the new content with the old address for a moment. */
		r = unregister(a, on_withdrawn);
		a->left = r < 0;
		break;
	case ADVERT_PAUSING:
		/* The old one, with the old address, must not stay on the air beside the new. */
		a->left = registered && unregister(a, NULL) < 0;
		loop_timer_start(a->pause, backoff_next(&a->backoff));
		break;
	}
	if (r < 0) {
		log_line(LOG_LEVEL_ERROR, "bluetooth", "cannot advertise: %s", strerror(-r));
		enter_state(a, ADVERT_PAUSING);
	}
}

/* --------------------------------------------------------------------------------------------------------------- connections */

/* bluetoothd writes a set again when one of its properties is said to have changed. */
static void write_again(struct advert *a) {
	if (a->state == ADVERT_ACTIVE)
		(void)sd_bus_emit_properties_changed(adapter_bus(a->adapter), a->path, BLUEZ_ADVERTISEMENT, "ServiceData", NULL);
}

static int on_heal(sd_event_source *source, uint64_t now_us, void *context) {
	(void)source;
	(void)now_us;
	write_again(context);
	return 0;
}

static int on_device_changed(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct advert *a = context;
	const char *path = sd_bus_message_get_path(message), *adapter = adapter_path(a->adapter), *interface;
	bool connected = false, seen = false;
	const struct bluez_property table[] = { { .name = "Connected", .type = "b", .target = &connected, .seen = &seen } };
	if (!path || adapter[0] == '\0' || strncmp(path, adapter, strlen(adapter)) != 0 || path[strlen(adapter)] != '/')
		return 0;
	/* A change that cannot be read may be a connection's end: writing the set again does no harm. */
	if (sd_bus_message_read(message, "s", &interface) < 0 || sd_bus_message_enter_container(message, 'a', "{sv}") < 0 ||
	    bluez_read_properties(message, table, ELEMENTS(table)) < 0) {
		connected = false;
		seen = true;
	}
	if (!seen)
		return 0;
	write_again(a);
	if (connected)
		return 0;
	loop_timer_start(a->heal, HEAL_US);
	return 0;
}

/* ---------------------------------------------------------------------------------------------------------------------- life */

static uint64_t clock_us(void) {
	struct timespec time;
	clock_gettime(CLOCK_BOOTTIME, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* The bus closes itself when the loop ends, and bluetoothd (5.66) watches for the end of a program only once its advertisement is
 * up: the place of one that it is still taking up would stay taken until bluetoothd is started anew. */
static int on_loop_exit(sd_event_source *source, void *context) {
	(void)source;
	struct advert *a = context;
	sd_bus *bus = adapter_bus(a->adapter);
	uint64_t now_us = clock_us(), end_us = now_us + EXIT_US;
	int r = 0;
	for (; is_taken_up(a) && r >= 0 && now_us < end_us; now_us = clock_us()) {
		r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, end_us - now_us);
	}
	if (!is_taken_up(a))
		enter_state(a, ADVERT_OFF);
	return 0;
}

static int withdraw_at_exit(struct advert *a) {
	int r = sd_event_add_exit(sd_bus_get_event(adapter_bus(a->adapter)), &a->exit, on_loop_exit, a);
	return r < 0 ? r : sd_event_source_set_priority(a->exit, SD_EVENT_PRIORITY_IMPORTANT); /* before the bus */
}

static bool fits(const struct advert_content *content) {
	return content->service_data_length <= ADVERT_DATA_LIMIT &&
	       content->manufacturer_data_length <= ADVERT_MANUFACTURER_LIMIT;
}

int advert_new(struct advert **ret, struct adapter *adapter, const struct advert_content *content) {
	assert(ret && adapter && content);
	if (!fits(content))
		return -EMSGSIZE;
	struct advert *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	*a = (struct advert){ .state = ADVERT_OFF, .adapter = adapter, .content = *content };
	int r = loop_timer_new(sd_bus_get_event(adapter_bus(adapter)), &a->pause, BACKOFF_ACCURACY_US, on_pause_over, a);
	if (r >= 0)
		r = loop_timer_new(sd_bus_get_event(adapter_bus(adapter)), &a->heal, BACKOFF_ACCURACY_US, on_heal, a);
	if (r >= 0)
		r = withdraw_at_exit(a);
	if (r >= 0)
		r = sd_bus_add_match_async(adapter_bus(adapter), &a->connection_match, BLUEZ_DEVICE_CHANGED_RULE,
		                           on_device_changed, NULL, a);
	if (r < 0) {
		advert_free(a);
		return r;
	}
	advert_refresh(a);
	*ret = a;
	return 0;
}

static void orphan_free(void *context) {
	struct advert *a = context;
	sd_bus_slot_unref(a->object);
	free(a);
}

/* The call under way owns it from now on. */
static void leave_orphan(struct advert *a) {
	sd_bus_slot *call = a->call;
	a->orphan = true;
	snprintf(a->orphan_adapter, sizeof(a->orphan_adapter), "%s", adapter_path(a->adapter));
	a->adapter = NULL;
	a->call = NULL;
	sd_bus_slot_set_destroy_callback(call, orphan_free);
	sd_bus_slot_set_floating(call, true);
	sd_bus_slot_unref(call);
}

void advert_free(struct advert *a) {
	if (!a)
		return;
	if (!is_taken_up(a))
		enter_state(a, ADVERT_OFF);
	a->connection_match = sd_bus_slot_unref(a->connection_match);
	a->pause = sd_event_source_disable_unref(a->pause);
	a->heal = sd_event_source_disable_unref(a->heal);
	a->exit = sd_event_source_disable_unref(a->exit);
	if (is_taken_up(a))
		leave_orphan(a);
	else
		free(a);
}

int advert_set(struct advert *a, const struct advert_content *content) {
	if (!fits(content))
		return -EMSGSIZE;
	a->content = *content;
	switch (a->state) {
	case ADVERT_OFF:
	case ADVERT_WITHDRAWING:
	case ADVERT_PAUSING:
		break;
	case ADVERT_REGISTERING:
		a->outdated = true; /* bluetoothd may have read either content */
		break;
	case ADVERT_ACTIVE:
		enter_state(a, ADVERT_WITHDRAWING);
		break;
	}
	return 0;
}

void advert_refresh(struct advert *a) {
	if (!adapter_is_ready(a->adapter))
		enter_state(a, ADVERT_OFF);
	else if (is_registered(a))
		write_again(a);
	else if (a->state != ADVERT_WITHDRAWING || adapter_generation(a->adapter) != a->generation)
		enter_state(a, ADVERT_REGISTERING);
}

bool advert_is_active(const struct advert *a) {
	return a->state == ADVERT_ACTIVE && is_registered(a);
}
