#include "bluetooth/passive_scan.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "base/log.h"
#include "base/loop.h"
#include "bluetooth/bluez.h"

#define ROOT_PATH "/org/lanyard/monitors"
#define MONITOR_PATH ROOT_PATH "/none"

enum scan_state {
	SCAN_OFF,         /* the adapter is not ready; passive_scan_refresh goes on */
	SCAN_ASKING,      /* asked bluetoothd who looks at patterns */
	SCAN_REGISTERING, /* asked bluetoothd */
	SCAN_REGISTERED,  /* it has called Activate, or will */
	SCAN_PAUSING,     /* refused or released; tried again after a pause */
};

struct passive_scan {
	enum scan_state state;
	struct adapter *adapter;
	struct ear_format format[EAR_FORMATS];
	uint64_t activate_us;
	bool offloaded;      /* the controller looks at patterns, and reports nothing else */
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

static int append_pattern(sd_bus_message *reply, const uint8_t *content, size_t length) {
	int r = sd_bus_message_open_container(reply, 'r', "yyay");
	if (r >= 0)
		r = sd_bus_message_append(reply, "yy", 0, 0xff); /* position 0 of manufacturer data */
	if (r >= 0)
		r = sd_bus_message_append_array(reply, 'y', content, length);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* a(yyay): position, AD type, content. */
static int get_patterns(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                        void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	const struct passive_scan *s = context;
	/* Of a company that is nobody's. */
	static const uint8_t nobodys[] = { 0xfe, 0xff, 'l', 'a', 'n', 'y', 'a', 'r' };
	int r = sd_bus_message_open_container(reply, 'a', "(yyay)");
	if (r >= 0 && !s->offloaded)
		r = append_pattern(reply, nobodys, sizeof(nobodys));
	for (size_t i = 0; i < EAR_FORMATS && r >= 0 && s->offloaded; i++) {
		const struct ear_format *f = &s->format[i];
		r = append_pattern(reply, (uint8_t[]){ (uint8_t)f->company, (uint8_t)(f->company >> 8), f->header }, 3);
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int on_activate(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)error;
	struct passive_scan *s = context;
	s->active = true;
	s->logged_failure = false;
	backoff_reset(&s->backoff);
	if (s->state == SCAN_REGISTERED)
		loop_timer_stop(s->pause);
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
	return bluez_call(adapter_bus(s->adapter),
	                  (struct bluez_method){ adapter_path(s->adapter), BLUEZ_MONITOR_MANAGER, member },
	                  (struct bluez_answer){ &s->call, answered, s }, "o", ROOT_PATH);
}

static void refused(struct passive_scan *s, sd_bus_message *answer) {
	if (!s->logged_failure && !bluez_is_gone(answer)) {
		log_reason(LOG_LEVEL_WARNING, "bluetooth", REASON_SCAN_REFUSED,
		           "bluetoothd refuses to scan passively (%s): does it run with --experimental? Tried again",
		           sd_bus_message_get_error(answer)->name);
		s->logged_failure = true;
	}
	enter_state(s, SCAN_PAUSING);
}

static int on_registered(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct passive_scan *s = context;
	s->call = sd_bus_slot_unref(s->call);
	if (sd_bus_message_is_method_error(answer, NULL))
		refused(s, answer);
	else
		enter_state(s, SCAN_REGISTERED);
	return 0;
}

/* A variant of as. */
static int read_offloaded(sd_bus_message *answer, bool *ret) {
	const char *feature;
	int r = sd_bus_message_enter_container(answer, 'v', "as");
	if (r >= 0)
		r = sd_bus_message_enter_container(answer, 'a', "s");
	*ret = false;
	while (r >= 0 && (r = sd_bus_message_read(answer, "s", &feature)) > 0)
		*ret = *ret || strcmp(feature, "controller-patterns") == 0;
	return r;
}

static int on_features(sd_bus_message *answer, void *context, sd_bus_error *error) {
	(void)error;
	struct passive_scan *s = context;
	s->call = sd_bus_slot_unref(s->call);
	if (sd_bus_message_is_method_error(answer, NULL))
		refused(s, answer);
	else
		enter_state(s, read_offloaded(answer, &s->offloaded) < 0 ? SCAN_PAUSING : SCAN_REGISTERING);
	return 0;
}

static int enter_asking(struct passive_scan *s) {
	s->generation = adapter_generation(s->adapter);
	return bluez_call(adapter_bus(s->adapter), (struct bluez_method){ adapter_path(s->adapter), DBUS_PROPERTIES, "Get" },
	                  (struct bluez_answer){ &s->call, on_features, s }, "ss", BLUEZ_MONITOR_MANAGER, "SupportedFeatures");
}

static int enter_registering(struct passive_scan *s) {
	/* In this order: bluetoothd takes the monitors that are there when the root is registered. */
	int r = sd_bus_add_object_manager(adapter_bus(s->adapter), &s->manager, ROOT_PATH);
	if (r >= 0)
		r = sd_bus_add_object_vtable(adapter_bus(s->adapter), &s->object, MONITOR_PATH, BLUEZ_MONITOR, monitor_vtable, s);
	return r < 0 ? r : call_manager(s, "RegisterMonitor", on_registered);
}

static int on_pause_over(sd_event_source *source, uint64_t now_us, void *context) {
	(void)source;
	(void)now_us;
	struct passive_scan *s = context;
	if (!adapter_is_ready(s->adapter)) {
		enter_state(s, SCAN_OFF);
	} else if (s->state == SCAN_REGISTERED) {
		if (!s->logged_failure)
			log_reason(
			        LOG_LEVEL_WARNING, "bluetooth", REASON_SCAN_REFUSED,
			        "bluetoothd has taken our monitor and does not scan: should that go on, restart it. Tried again");
		s->logged_failure = true;
		enter_state(s, SCAN_PAUSING);
	} else {
		enter_state(s, SCAN_ASKING);
	}
	return 0;
}

/* Whether bluetoothd may keep something for us. Restarted since, it does not and finds nothing to take back, but where only the
 * adapter was switched off and on, it does and would refuse to take it twice. */
static bool may_be_registered(const struct passive_scan *s) {
	return (s->state == SCAN_REGISTERING || s->state == SCAN_REGISTERED) && adapter_is_ready(s->adapter);
}

static void enter_state(struct passive_scan *s, enum scan_state state) {
	bool registered = may_be_registered(s);
	s->call = sd_bus_slot_unref(s->call);
	loop_timer_stop(s->pause);
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
			loop_timer_start(s->pause, backoff_next(&s->backoff));
		break;
	case SCAN_ASKING:
		r = enter_asking(s);
		break;
	case SCAN_REGISTERING:
		r = enter_registering(s);
		break;
	case SCAN_REGISTERED:
		if (!s->active)
			loop_timer_start(s->pause, s->activate_us);
		break;
	}
	if (r < 0) {
		log_line(LOG_LEVEL_ERROR, "bluetooth", "cannot scan: %s", strerror(-r));
		enter_state(s, SCAN_PAUSING);
	}
}

/* --- life ---------------------------------------------------------------------------------------------------------------- */

int passive_scan_new(struct passive_scan **ret, struct adapter *adapter, const struct ear_format format[EAR_FORMATS],
                     uint64_t activate_us) {
	assert(ret && adapter && format);
	struct passive_scan *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct passive_scan){ .state = SCAN_OFF, .adapter = adapter, .activate_us = activate_us };
	memcpy(s->format, format, sizeof(s->format));
	int r = loop_timer_new(sd_bus_get_event(adapter_bus(adapter)), &s->pause, BACKOFF_ACCURACY_US, on_pause_over, s);
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
	bool is_current = adapter_is_ready(s->adapter) && adapter_generation(s->adapter) == s->generation;
	if (is_current && (s->state == SCAN_ASKING || may_be_registered(s)))
		return;
	enter_state(s, SCAN_OFF);
	if (adapter_is_ready(s->adapter))
		enter_state(s, SCAN_ASKING);
}

bool passive_scan_is_active(const struct passive_scan *s) {
	return s->active;
}
