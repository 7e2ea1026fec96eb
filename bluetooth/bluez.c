#include "bluetooth/bluez.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

uint64_t backoff_next(struct backoff *b) {
	uint64_t pause = b->pause_us ? b->pause_us : BACKOFF_FIRST_US;
	b->pause_us = pause * 2 < BACKOFF_LARGEST_US ? pause * 2 : BACKOFF_LARGEST_US;
	return pause;
}

void backoff_reset(struct backoff *b) {
	b->pause_us = 0;
}

void bluez_device_path(const char *adapter, const uint8_t address[6], char ret[BLUEZ_DEVICE_PATH_SIZE]) {
	snprintf(ret, BLUEZ_DEVICE_PATH_SIZE, "%s/dev_%02X_%02X_%02X_%02X_%02X_%02X", adapter, address[5], address[4], address[3],
	         address[2], address[1], address[0]);
}

static int send_call(sd_bus *bus, sd_bus_message *call, struct bluez_answer answer) {
	if (answer.answered) {
		assert(answer.slot && !*answer.slot);
		return sd_bus_call_async(bus, answer.slot, call, answer.answered, answer.context, BLUEZ_CALL_US);
	}
	int r = sd_bus_message_set_expect_reply(call, false);
	return r < 0 ? r : sd_bus_send(bus, call, NULL);
}

int bluez_call(sd_bus *bus, struct bluez_method method, struct bluez_answer answer, const char *types, ...) {
	sd_bus_message *call = NULL;
	va_list arguments;
	va_start(arguments, types);
	int r = sd_bus_message_new_method_call(bus, &call, BLUEZ, method.path, method.interface, method.member);
	if (r >= 0)
		r = sd_bus_message_set_auto_start(call, false);
	if (r >= 0)
		r = sd_bus_message_appendv(call, types, arguments);
	va_end(arguments);
	if (r >= 0)
		r = send_call(bus, call, answer);
	sd_bus_message_unref(call);
	return r < 0 ? r : 0;
}

int bluez_get_objects(sd_bus *bus, struct bluez_answer answer) {
	return bluez_call(bus, (struct bluez_method){ "/", DBUS_OBJECT_MANAGER, "GetManagedObjects" }, answer, "");
}

bool bluez_is_gone(sd_bus_message *answer) {
	return sd_bus_message_is_method_error(answer, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
	       sd_bus_message_is_method_error(answer, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
	       sd_bus_message_is_method_error(answer, SD_BUS_ERROR_DISCONNECTED);
}

/* a{sa{sv}} */
static int walk_interfaces(sd_bus_message *message, const char *path, bluez_interface_visitor visit, void *context) {
	int r = sd_bus_message_enter_container(message, 'a', "{sa{sv}}");
	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(message, 'e', "sa{sv}")) > 0) {
		const char *interface;
		r = sd_bus_message_read(message, "s", &interface);
		if (r < 0)
			return r;
		/* The visitor reads from a place of its own, so that it may stop anywhere. */
		r = sd_bus_message_enter_container(message, 'a', "{sv}");
		if (r < 0)
			return r;
		r = visit(context, path, interface, message);
		if (r < 0)
			return r;
		while ((r = sd_bus_message_at_end(message, false)) == 0)
			if ((r = sd_bus_message_skip(message, "{sv}")) < 0)
				return r;
		if (r < 0 || (r = sd_bus_message_exit_container(message)) < 0)
			return r;
		r = sd_bus_message_exit_container(message);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	r = sd_bus_message_exit_container(message);
	return r < 0 ? r : 0;
}

int bluez_walk_objects(sd_bus_message *message, bluez_interface_visitor visit, void *context) {
	int r = sd_bus_message_enter_container(message, 'a', "{oa{sa{sv}}}");
	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(message, 'e', "oa{sa{sv}}")) > 0) {
		const char *path;
		r = sd_bus_message_read(message, "o", &path);
		if (r >= 0)
			r = walk_interfaces(message, path, visit, context);
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : 0;
}

int bluez_walk_added(sd_bus_message *message, bluez_interface_visitor visit, void *context) {
	const char *path;
	int r = sd_bus_message_read(message, "o", &path);
	return r < 0 ? r : walk_interfaces(message, path, visit, context);
}

int bluez_removed(sd_bus_message *message, const char *interface, const char **ret) {
	const char *path, *removed;
	int r = sd_bus_message_read(message, "o", &path);
	if (r >= 0)
		r = sd_bus_message_enter_container(message, 'a', "s");
	while (r >= 0 && (r = sd_bus_message_read(message, "s", &removed)) > 0)
		if (strcmp(removed, interface) == 0) {
			*ret = path;
			return 0;
		}
	if (r >= 0)
		*ret = NULL;
	return r;
}

static int read_value(sd_bus_message *message, const struct bluez_property *property) {
	if (property->read)
		return property->read(message, property->target);
	if (property->type[0] == 'b') {
		int value;
		int r = sd_bus_message_read(message, "b", &value);
		if (r >= 0)
			*(bool *)property->target = value != 0;
		return r;
	}
	return sd_bus_message_read(message, property->type, property->target);
}

/* The message stands at the value, a variant. It is left behind it. */
static int read_variant(sd_bus_message *message, const struct bluez_property *property) {
	const char *type;
	char kind;
	int r = sd_bus_message_peek_type(message, &kind, &type);
	if (r < 0)
		return r;
	if (!property || kind != 'v' || strcmp(type, property->type) != 0)
		return sd_bus_message_skip(message, "v");
	r = sd_bus_message_enter_container(message, 'v', type);
	if (r < 0)
		return r;
	r = read_value(message, property);
	if (r < 0)
		return r;
	if (property->seen)
		*property->seen = true;
	return sd_bus_message_exit_container(message);
}

int bluez_read_properties(sd_bus_message *message, const struct bluez_property *table, size_t count) {
	int r;
	while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
		const char *name;
		r = sd_bus_message_read(message, "s", &name);
		if (r < 0)
			return r;
		const struct bluez_property *property = NULL;
		for (size_t n = 0; n < count && !property; n++)
			if (strcmp(table[n].name, name) == 0)
				property = &table[n];
		r = read_variant(message, property);
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : 0;
}
