#include "bluetooth/advert.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "bluetooth/bluez.h"

/* Milliseconds. Fast enough that a scanner which listens all the time hears it within a fraction of a second; not below 100,
 * which older controllers refuse for what is not connectable. bluetoothd honours it when its experimental interfaces are on;
 * without them main.conf's MinAdvertisementInterval says the same. */
#define INTERVAL_LEAST_MS 100
#define INTERVAL_MOST_MS 150

#define PATH_SIZE 48

enum advert_state {
	ADVERT_OFF,         /* the adapter is not ready; advert_refresh goes on */
	ADVERT_REGISTERING, /* asked bluetoothd */
	ADVERT_ACTIVE,
	ADVERT_PAUSING, /* refused; tried again after a pause */
};

struct advert {
	enum advert_state state;
	struct adapter *adapter;
	struct advert_content content;
	bool outdated; /* the registration under way is not for this content */

	char path[PATH_SIZE];
	sd_bus_slot *object, *call;
	sd_event_source *pause;
	struct backoff backoff;
	bool logged_failure; /* since it was last active */
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

static int get_interval(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                        void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)context, (void)error;
	return sd_bus_message_append(reply, "u", strcmp(property, "MinInterval") == 0 ? INTERVAL_LEAST_MS : INTERVAL_MOST_MS);
}

/* bluetoothd has dropped the advertisement: the adapter was switched off, or bluetoothd ends. */
static int on_release(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct advert *a = context;
	a->state = ADVERT_OFF; /* nothing is left to unregister */
	enter_state(a, ADVERT_PAUSING);
	return sd_bus_reply_method_return(message, NULL);
}

static const sd_bus_vtable advertisement_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Release", NULL, NULL, on_release, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("Type", "s", get_type, 0, 0),
	SD_BUS_PROPERTY("ServiceData", "a{sv}", get_service_data, 0, 0),
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

static void unregister(struct advert *a) {
	sd_bus_message *call;
	int r = bluez_call_new(adapter_bus(a->adapter), &call, adapter_path(a->adapter), BLUEZ_ADVERTISING_MANAGER,
	                       "UnregisterAdvertisement");
	if (r < 0)
		return;
	if (sd_bus_message_append(call, "o", a->path) < 0) {
		sd_bus_message_unref(call);
		return;
	}
	(void)bluez_call_send(adapter_bus(a->adapter), call, NULL, NULL, NULL);
}

static int on_registered(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct advert *a = context;
	a->call = sd_bus_slot_unref(a->call);
	if (!sd_bus_message_is_method_error(answer, NULL)) {
		enter_state(a, ADVERT_ACTIVE);
		return 0;
	}
	const char *name = sd_bus_message_get_error(answer)->name;
	if (!a->logged_failure && !bluez_is_gone(answer))
		log_reason(LOG_LEVEL_WARNING, "bluetooth", REASON_ADVERTISING_REFUSED,
		           "bluetoothd refuses the advertisement (%s); tried again", name);
	a->logged_failure = true;
	enter_state(a, ADVERT_PAUSING);
	return 0;
}

static int enter_registering(struct advert *a) {
	a->outdated = false;
	int r = add_object(a);
	if (r < 0)
		return r;
	sd_bus_message *call;
	r = bluez_call_new(adapter_bus(a->adapter), &call, adapter_path(a->adapter), BLUEZ_ADVERTISING_MANAGER,
	                   "RegisterAdvertisement");
	if (r < 0)
		return r;
	r = sd_bus_message_append(call, "oa{sv}", a->path, 0);
	if (r < 0) {
		sd_bus_message_unref(call);
		return r;
	}
	return bluez_call_send(adapter_bus(a->adapter), call, &a->call, on_registered, a);
}

static int on_pause_over(sd_event_source *source, uint64_t now_us, void *context) {
	(void)source;
	(void)now_us;
	struct advert *a = context;
	enter_state(a, adapter_is_ready(a->adapter) ? ADVERT_REGISTERING : ADVERT_OFF);
	return 0;
}

static int enter_pausing(struct advert *a) {
	return sd_event_add_time_relative(sd_bus_get_event(adapter_bus(a->adapter)), &a->pause, CLOCK_BOOTTIME,
	                                  backoff_next(&a->backoff), 0, on_pause_over, a);
}

/* Whatever was registered or under way is withdrawn before the new state's action. */
static void enter_state(struct advert *a, enum advert_state state) {
	if (state != ADVERT_ACTIVE) {
		bool registered = (a->state == ADVERT_ACTIVE || a->call) && adapter_is_ready(a->adapter);
		a->call = sd_bus_slot_unref(a->call);
		if (registered)
			unregister(a);
		a->object = sd_bus_slot_unref(a->object);
	}
	a->pause = sd_event_source_disable_unref(a->pause);
	a->state = state;
	int r = 0;
	switch (state) {
	case ADVERT_OFF:
		break;
	case ADVERT_REGISTERING:
		r = enter_registering(a);
		break;
	case ADVERT_ACTIVE:
		backoff_reset(&a->backoff);
		a->logged_failure = false;
		if (a->outdated)
			enter_state(a, ADVERT_REGISTERING);
		break;
	case ADVERT_PAUSING:
		r = enter_pausing(a);
		break;
	}
	if (r < 0) {
		log_line(LOG_LEVEL_ERROR, "bluetooth", "cannot advertise: %s", strerror(-r));
		if (state != ADVERT_PAUSING)
			enter_state(a, ADVERT_PAUSING);
	}
}

/* ---------------------------------------------------------------------------------------------------------------------- life */

int advert_new(struct advert **ret, struct adapter *adapter, const struct advert_content *content) {
	assert(ret && adapter && content);
	if (content->service_data_length > ADVERT_DATA_LIMIT)
		return -EMSGSIZE;
	struct advert *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	*a = (struct advert){ .state = ADVERT_OFF, .adapter = adapter, .content = *content };
	advert_refresh(a);
	*ret = a;
	return 0;
}

void advert_free(struct advert *a) {
	if (!a)
		return;
	enter_state(a, ADVERT_OFF);
	free(a);
}

int advert_set(struct advert *a, const struct advert_content *content) {
	if (content->service_data_length > ADVERT_DATA_LIMIT)
		return -EMSGSIZE;
	a->content = *content;
	switch (a->state) {
	case ADVERT_OFF:
	case ADVERT_PAUSING:
		break;
	case ADVERT_REGISTERING:
		a->outdated = true; /* bluetoothd may have read either content */
		break;
	case ADVERT_ACTIVE:
		enter_state(a, ADVERT_REGISTERING);
		break;
	}
	return 0;
}

void advert_refresh(struct advert *a) {
	if (!adapter_is_ready(a->adapter))
		enter_state(a, ADVERT_OFF);
	else
		enter_state(a, ADVERT_REGISTERING);
}

bool advert_is_active(const struct advert *a) {
	return a->state == ADVERT_ACTIVE && adapter_is_ready(a->adapter);
}
