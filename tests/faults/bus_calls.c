#include "tests/faults/bus_calls.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "tests/faults/inject.h"

static const sd_bus *ours;

void bus_calls_ours(const sd_bus *bus) {
	ours = bus;
}

static bool bus_fails(const sd_bus *bus, const char *what) {
	return ours && bus == ours && inject_fails(what);
}

static bool message_fails(sd_bus_message *message, const char *what) {
	return bus_fails(sd_bus_message_get_bus(message), what);
}

/* --- answers --- */

static int on_call(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)context, (void)error;
	if (sd_bus_message_is_method_call(message, NULL, NULL) <= 0 || !sd_bus_message_get_expect_reply(message) || !ours ||
	    !inject_fails(sd_bus_message_get_member(message)))
		return 0;
	return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_NO_MEMORY, "made to fail");
}

void bus_calls_answers_of(sd_bus *peer) {
	MUST(sd_bus_add_filter(peer, NULL, on_call, NULL) >= 0);
}

void *__real_calloc(size_t count, size_t size);

void *peer_calloc(size_t count, size_t size) {
	return __real_calloc(count, size);
}

/* --- connection and message --- */

#define WRAP_BUS(name, parameters, arguments, error) \
	int __real_##name parameters; \
	int __wrap_##name parameters; \
	int __wrap_##name parameters { \
		return bus_fails(bus, #name) ? -(error) : __real_##name arguments; \
	}
#define WRAP_MESSAGE(name, parameters, arguments, error) \
	int __real_##name parameters; \
	int __wrap_##name parameters; \
	int __wrap_##name parameters { \
		return message_fails(m, #name) ? -(error) : __real_##name arguments; \
	}

WRAP_BUS(sd_bus_add_match_async,
         (sd_bus * bus, sd_bus_slot **slot, const char *match, sd_bus_message_handler_t callback,
          sd_bus_message_handler_t installed, void *context),
         (bus, slot, match, callback, installed, context), ENOMEM)
WRAP_BUS(sd_bus_match_signal_async,
         (sd_bus * bus, sd_bus_slot **slot, const char *sender, const char *path, const char *interface, const char *member,
          sd_bus_message_handler_t callback, sd_bus_message_handler_t installed, void *context),
         (bus, slot, sender, path, interface, member, callback, installed, context), ENOMEM)
WRAP_BUS(sd_bus_match_signal,
         (sd_bus * bus, sd_bus_slot **slot, const char *sender, const char *path, const char *interface, const char *member,
          sd_bus_message_handler_t callback, void *context),
         (bus, slot, sender, path, interface, member, callback, context), ENOMEM)
WRAP_BUS(sd_bus_attach_event, (sd_bus * bus, sd_event *event, int priority), (bus, event, priority), ENOMEM)
WRAP_BUS(sd_bus_add_object_vtable,
         (sd_bus * bus, sd_bus_slot **slot, const char *path, const char *interface, const sd_bus_vtable *vtable, void *context),
         (bus, slot, path, interface, vtable, context), ENOMEM)
WRAP_BUS(sd_bus_add_object_manager, (sd_bus * bus, sd_bus_slot **slot, const char *path), (bus, slot, path), ENOMEM)
WRAP_BUS(sd_bus_request_name, (sd_bus * bus, const char *name, uint64_t flags), (bus, name, flags), ETIMEDOUT)
WRAP_BUS(sd_bus_call, (sd_bus * bus, sd_bus_message *m, uint64_t usec, sd_bus_error *error, sd_bus_message **reply),
         (bus, m, usec, error, reply), ETIMEDOUT)
WRAP_BUS(sd_bus_call_async,
         (sd_bus * bus, sd_bus_slot **slot, sd_bus_message *m, sd_bus_message_handler_t callback, void *context, uint64_t usec),
         (bus, slot, m, callback, context, usec), ENOBUFS)
WRAP_BUS(sd_bus_send, (sd_bus * bus, sd_bus_message *m, uint64_t *cookie), (bus, m, cookie), ENOBUFS)
WRAP_BUS(sd_bus_message_new_method_call,
         (sd_bus * bus, sd_bus_message **m, const char *destination, const char *path, const char *interface, const char *member),
         (bus, m, destination, path, interface, member), ENOMEM)

WRAP_MESSAGE(sd_bus_query_sender_creds, (sd_bus_message * m, uint64_t mask, sd_bus_creds **creds), (m, mask, creds), ENOTCONN)
WRAP_MESSAGE(sd_bus_message_set_auto_start, (sd_bus_message * m, int b), (m, b), EPERM)
WRAP_MESSAGE(sd_bus_message_set_expect_reply, (sd_bus_message * m, int b), (m, b), EPERM)
WRAP_MESSAGE(sd_bus_message_appendv, (sd_bus_message * m, const char *types, va_list values), (m, types, values), ENOMEM)
WRAP_MESSAGE(sd_bus_message_append_array, (sd_bus_message * m, char type, const void *bytes, size_t size), (m, type, bytes, size),
             ENOMEM)
WRAP_MESSAGE(sd_bus_message_open_container, (sd_bus_message * m, char type, const char *contents), (m, type, contents), ENOMEM)
WRAP_MESSAGE(sd_bus_message_close_container, (sd_bus_message * m), (m), ENOMEM)
WRAP_MESSAGE(sd_bus_message_read_basic, (sd_bus_message * m, char type, void *value), (m, type, value), EBADMSG)
WRAP_MESSAGE(sd_bus_message_read_array, (sd_bus_message * m, char type, const void **bytes, size_t *size), (m, type, bytes, size),
             EBADMSG)
WRAP_MESSAGE(sd_bus_message_enter_container, (sd_bus_message * m, char type, const char *contents), (m, type, contents), ENOMEM)
WRAP_MESSAGE(sd_bus_message_exit_container, (sd_bus_message * m), (m), EBADMSG)
WRAP_MESSAGE(sd_bus_message_peek_type, (sd_bus_message * m, char *type, const char **contents), (m, type, contents), EBADMSG)
WRAP_MESSAGE(sd_bus_message_at_end, (sd_bus_message * m, int complete), (m, complete), EBADMSG)
WRAP_MESSAGE(sd_bus_message_skip, (sd_bus_message * m, const char *types), (m, types), EBADMSG)

/* --- those with a list of values --- */

int __wrap_sd_bus_message_append(sd_bus_message *m, const char *types, ...);
int __wrap_sd_bus_message_append(sd_bus_message *m, const char *types, ...) {
	va_list values;
	va_start(values, types);
	int r = message_fails(m, "sd_bus_message_append") ? -ENOMEM : __real_sd_bus_message_appendv(m, types, values);
	va_end(values);
	return r;
}

int __wrap_sd_bus_message_read(sd_bus_message *m, const char *types, ...);
int __wrap_sd_bus_message_read(sd_bus_message *m, const char *types, ...) {
	va_list values;
	va_start(values, types);
	int r = message_fails(m, "sd_bus_message_read") ? -EBADMSG : sd_bus_message_readv(m, types, values);
	va_end(values);
	return r;
}

int __wrap_sd_bus_reply_method_return(sd_bus_message *call, const char *types, ...);
int __wrap_sd_bus_reply_method_return(sd_bus_message *call, const char *types, ...) {
	va_list values;
	va_start(values, types);
	int r = message_fails(call, "sd_bus_reply_method_return") ? -ENOMEM : sd_bus_reply_method_returnv(call, types, values);
	va_end(values);
	return r;
}

int __wrap_sd_bus_emit_signal(sd_bus *bus, const char *path, const char *interface, const char *member, const char *types, ...);
int __wrap_sd_bus_emit_signal(sd_bus *bus, const char *path, const char *interface, const char *member, const char *types, ...) {
	va_list values;
	va_start(values, types);
	int r = bus_fails(bus, "sd_bus_emit_signal") ? -ENOBUFS
	                                             : sd_bus_emit_signalv(bus, path, interface, member, types, values);
	va_end(values);
	return r;
}

#define NAMES_MOST 8

int __wrap_sd_bus_emit_properties_changed(sd_bus *bus, const char *path, const char *interface, const char *name, ...);
int __wrap_sd_bus_emit_properties_changed(sd_bus *bus, const char *path, const char *interface, const char *name, ...) {
	char *names[NAMES_MOST] = { (char *)(uintptr_t)name };
	va_list rest;
	va_start(rest, name);
	for (size_t i = 0; names[i];) {
		MUST(++i < NAMES_MOST);
		names[i] = va_arg(rest, char *);
	}
	va_end(rest);
	return bus_fails(bus, "sd_bus_emit_properties_changed")
	               ? -ENOBUFS
	               : sd_bus_emit_properties_changed_strv(bus, path, interface, names);
}

/* --- pauses, which nobody here waits for --- */

#define HASTE 50

int __real_sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec, uint64_t accuracy,
                                      sd_event_time_handler_t callback, void *context);
int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec, uint64_t accuracy,
                                      sd_event_time_handler_t callback, void *context);
int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec, uint64_t accuracy,
                                      sd_event_time_handler_t callback, void *context) {
	return ours && inject_fails("sd_event_add_time_relative")
	               ? -ENOMEM
	               : __real_sd_event_add_time_relative(event, ret, clock, usec / HASTE, accuracy, callback, context);
}

int __real_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec);
int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec);
int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec) {
	return __real_sd_event_source_set_time_relative(source, usec / HASTE);
}
