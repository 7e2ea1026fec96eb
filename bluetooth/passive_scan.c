#include "bluetooth/passive_scan.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "base/log.h"
#include "bluetooth/bluez.h"

#define MONITOR_MANAGER "org.bluez.AdvertisementMonitorManager1"
#define MONITOR "org.bluez.AdvertisementMonitor1"
#define ROOT_PATH "/org/lanyard/monitors"
#define MONITOR_PATH ROOT_PATH "/none"

enum scan_state {
	SCAN_OFF,         /* the adapter is not ready; passive_scan_refresh goes on */
	SCAN_REGISTERING, /* asked bluetoothd */
	SCAN_REGISTERED,  /* it has called Activate, or will */
	SCAN_PAUSING,     /* refused or released; tried again after a pause */
};

struct passive_scan {
	enum scan_state state;
	struct adapter *adapter;
	bool active;         /* Activate was called */
	unsigned generation; /* of the adapter, when it was registered */
	sd_bus_slot *manager, *object, *call;
	sd_event_source *pause;
	struct backoff backoff;
	bool logged_failure; /* since it was last active */
};

static void enter_state(struct passive_scan *s, enum scan_state state);

/* --- what bluetoothd reads and calls ------------------------------------------------------------------------------------- */

static int get_type(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)context, (void)error;
	return sd_bus_message_append(reply, "s", "or_patterns");
}

/* a(yyay): position, AD type, content. Manufacturer data of the company 0xfffe, which is nobody's, with content nobody sends. */
static int get_patterns(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                        void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)context, (void)error;
	return sd_bus_message_append(reply, "a(yyay)", 1, 0, 0xff, 8, 0xfe, 0xff, 'l', 'a', 'n', 'y', 'a', 'r');
}

static int on_activate(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct passive_scan *s = context;
	s->active = true;
	s->logged_failure = false;
	backoff_reset(&s->backoff);
	return sd_bus_reply_method_return(message, NULL);
}

static int on_release(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct passive_scan *s = context;
	enter_state(s, SCAN_PAUSING);
	return sd_bus_reply_method_return(message, NULL);
}

static int on_device(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)context, (void)error;
	return sd_bus_reply_method_return(message, NULL);
}

static const sd_bus_vtable monitor_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Activate", NULL, NULL, on_activate, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Release", NULL, NULL, on_release, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("DeviceFound", "o", NULL, on_device, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("DeviceLost", "o", NULL, on_device, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("Type", "s", get_type, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Patterns", "a(yyay)", get_patterns, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_VTABLE_END,
};

/* --- states -------------------------------------------------------------------------------------------------------------- */

static int call_manager(struct passive_scan *s, const char *member, sd_bus_message_handler_t answered) {
	sd_bus_message *call;
	int r = bluez_call_new(adapter_bus(s->adapter), &call, adapter_path(s->adapter), MONITOR_MANAGER, member);
	if (r < 0)
		return r;
	r = sd_bus_message_append(call, "o", ROOT_PATH);
	if (r < 0) {
		sd_bus_message_unref(call);
		return r;
	}
	return bluez_call_send(adapter_bus(s->adapter), call, answered ? &s->call : NULL, answered, s);
}

static int on_registered(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct passive_scan *s = context;
	s->call = sd_bus_slot_unref(s->call);
	if (!sd_bus_message_is_method_error(answer, NULL)) {
		enter_state(s, SCAN_REGISTERED);
		return 0;
	}
	if (!s->logged_failure && !bluez_is_gone(answer))
		log_reason(LOG_LEVEL_WARNING, "bluetooth", REASON_SCAN_REFUSED,
		           "bluetoothd refuses to scan passively (%s): does it run with --experimental? Tried again",
		           sd_bus_message_get_error(answer)->name);
	s->logged_failure = true;
	enter_state(s, SCAN_PAUSING);
	return 0;
}

static int enter_registering(struct passive_scan *s) {
	s->generation = adapter_generation(s->adapter);
	/* In this order: bluetoothd takes the monitors that are there when the root is registered. */
	int r = sd_bus_add_object_manager(adapter_bus(s->adapter), &s->manager, ROOT_PATH);
	if (r >= 0)
		r = sd_bus_add_object_vtable(adapter_bus(s->adapter), &s->object, MONITOR_PATH, MONITOR, monitor_vtable, s);
	return r < 0 ? r : call_manager(s, "RegisterMonitor", on_registered);
}

static int on_pause_over(sd_event_source *source, uint64_t now_us, void *context) {
	(void)source;
	(void)now_us;
	struct passive_scan *s = context;
	enter_state(s, adapter_is_ready(s->adapter) ? SCAN_REGISTERING : SCAN_OFF);
	return 0;
}

/* Whether bluetoothd keeps something for us: nothing when it has been restarted since. */
static bool is_registered(const struct passive_scan *s) {
	return (s->state == SCAN_REGISTERING || s->state == SCAN_REGISTERED) && adapter_is_ready(s->adapter) &&
	       adapter_generation(s->adapter) == s->generation;
}

static void enter_state(struct passive_scan *s, enum scan_state state) {
	bool registered = is_registered(s);
	s->call = sd_bus_slot_unref(s->call);
	bluez_timer_stop(s->pause);
	s->state = state;
	int r = 0;
	switch (state) {
	case SCAN_OFF:
	case SCAN_PAUSING:
		s->active = false;
		if (registered)
			(void)call_manager(s, "UnregisterMonitor", NULL);
		s->object = sd_bus_slot_unref(s->object);
		s->manager = sd_bus_slot_unref(s->manager);
		if (state == SCAN_PAUSING)
			bluez_timer_start(s->pause, backoff_next(&s->backoff));
		break;
	case SCAN_REGISTERING:
		r = enter_registering(s);
		break;
	case SCAN_REGISTERED:
		break;
	}
	if (r < 0) {
		log_line(LOG_LEVEL_ERROR, "bluetooth", "cannot scan: %s", strerror(-r));
		enter_state(s, SCAN_PAUSING);
	}
}

/* --- life ---------------------------------------------------------------------------------------------------------------- */

int passive_scan_new(struct passive_scan **ret, struct adapter *adapter) {
	assert(ret && adapter);
	struct passive_scan *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct passive_scan){ .state = SCAN_OFF, .adapter = adapter };
	int r = bluez_timer_new(adapter_bus(adapter), &s->pause, on_pause_over, s);
	if (r < 0) {
		free(s);
		return r;
	}
	passive_scan_refresh(s);
	*ret = s;
	return 0;
}

void passive_scan_free(struct passive_scan *s) {
	if (!s)
		return;
	enter_state(s, SCAN_OFF);
	sd_event_source_disable_unref(s->pause);
	free(s);
}

void passive_scan_refresh(struct passive_scan *s) {
	if (is_registered(s))
		return;
	enter_state(s, SCAN_OFF);
	if (adapter_is_ready(s->adapter))
		enter_state(s, SCAN_REGISTERING);
}

bool passive_scan_is_active(const struct passive_scan *s) {
	return s->active;
}
