/* bus-probe own NAME            takes the name, says "owned", and answers every call until its input ends
 * bus-probe call NAME INTERFACE MEMBER   calls without arguments
 * Ends with 0 and "ok", or 1 and the error's name. The bus: DBUS_SYSTEM_BUS_ADDRESS. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

static int answer(sd_bus_message *message, void *context, sd_bus_error *error) {
	(void)context;
	(void)error;
	if (!sd_bus_message_is_method_call(message, NULL, NULL))
		return 0;
	return sd_bus_reply_method_return(message, NULL);
}

static int input_ended(sd_event_source *source, int descriptor, uint32_t events, void *context) {
	(void)descriptor;
	(void)events;
	(void)context;
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int own(sd_bus *bus, const char *name) {
	sd_event *event = NULL;
	int result = sd_event_default(&event);
	if (result >= 0)
		result = sd_bus_attach_event(bus, event, 0);
	if (result >= 0)
		result = sd_bus_add_filter(bus, NULL, answer, NULL);
	if (result >= 0)
		result = sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, input_ended, NULL);
	if (result >= 0)
		result = sd_bus_request_name(bus, name, 0);
	if (result < 0) {
		puts(strerror(-result));
		return 1;
	}
	puts("owned");
	fflush(stdout);
	return sd_event_loop(event) < 0;
}

int main(int count, char **arguments) {
	sd_bus *bus = NULL;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	if (count < 3 || sd_bus_open_system(&bus) < 0)
		return 2;
	if (strcmp(arguments[1], "own") == 0)
		return own(bus, arguments[2]);
	if (count != 5)
		return 2;
	int result = sd_bus_call_method(bus, arguments[2], "/x", arguments[3], arguments[4], &error, NULL, NULL);
	puts(result < 0 ? error.name : "ok");
	sd_bus_error_free(&error);
	sd_bus_flush_close_unref(bus);
	return result < 0;
}
