#include "cli/camera.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>

#include "cli/output.h"
#include "signal/mute.h"

#define CAMERA_NAME "org.lanyard.Camera"
#define CAMERA_PATH "/org/lanyard/Camera1"
#define CAMERA_INTERFACE "org.lanyard.Camera1"
#define INSTANCE_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
#define INSTANCE_LIMIT 64
#define CALL_TIMEOUT_US (5 * 1000000ull) /* a hung daemon must not hang the command */

struct camera {
	sd_bus *bus;
	char name[128];
};

static enum cli_exit camera_open(const struct cli_call *call, struct camera *camera) {
	const char *instance = cli_value(call, "instance");
	if (instance &&
	    (!*instance || strspn(instance, INSTANCE_CHARACTERS) != strlen(instance) || strlen(instance) > INSTANCE_LIMIT)) {
		output_error("--instance wants a name of letters, digits, - and _");
		return CLI_USAGE;
	}
	snprintf(camera->name, sizeof(camera->name), instance ? "%s.%s" : "%s", CAMERA_NAME, instance);
	int result = sd_bus_open_system(&camera->bus);
	if (result < 0) {
		output_failure("link-failed", "the system bus cannot be reached: %s; is dbus running?", strerror(-result));
		return CLI_FAILED;
	}
	sd_bus_set_method_call_timeout(camera->bus, CALL_TIMEOUT_US);
	return CLI_DONE;
}

static enum cli_exit camera_explain(const struct camera *camera, const sd_bus_error *error, int result) {
	if (sd_bus_error_has_names(error, SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		output_failure("link-failed",
		               "cam-radiod is not running (nobody owns %s on the system bus); start it with \"systemctl start "
		               "cam-radiod\"",
		               camera->name);
	else if (sd_bus_error_has_names(error, SD_BUS_ERROR_ACCESS_DENIED))
		output_failure("not-permitted", "only root may do this: use sudo");
	else if (sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_TIMEOUT) || result == -ETIMEDOUT)
		output_failure("timeout", "cam-radiod does not answer; \"systemctl status cam-radiod\" says more");
	else
		output_failure("internal", "%s", error->message ? error->message : strerror(-result));
	return CLI_FAILED;
}

/* One D-Bus value of the types that the interface uses (s, b, a{sb}, a{st}) as JSON; NULL on anything else. */
static json_t *value_to_json(sd_bus_message *reply) {
	const char *contents;
	char type;
	if (sd_bus_message_peek_type(reply, &type, &contents) < 0)
		return NULL;
	if (type == 's') {
		const char *text;
		return sd_bus_message_read_basic(reply, 's', &text) < 0 ? NULL : json_string(text);
	}
	if (type == 'b') {
		int truth;
		return sd_bus_message_read_basic(reply, 'b', &truth) < 0 ? NULL : json_boolean(truth);
	}
	if (type == 't') {
		uint64_t number;
		return sd_bus_message_read_basic(reply, 't', &number) < 0 ? NULL : json_integer((json_int_t)number);
	}
	if (type != 'a' || (strcmp(contents, "{sb}") != 0 && strcmp(contents, "{st}") != 0))
		return NULL;
	json_t *object = json_object();
	if (sd_bus_message_enter_container(reply, 'a', contents) < 0)
		return object;
	char entry[3] = { contents[1], contents[2], '\0' };
	while (sd_bus_message_enter_container(reply, 'e', entry) > 0) {
		const char *key;
		if (sd_bus_message_read_basic(reply, 's', &key) < 0)
			break;
		json_object_set_new(object, key, value_to_json(reply));
		sd_bus_message_exit_container(reply);
	}
	sd_bus_message_exit_container(reply);
	return object;
}

/* "PairingCode" becomes "pairing_code": the style of the HTTP API, so that scripts see one. */
static void key_to_snake(char *out, size_t capacity, const char *key) {
	size_t at = 0;
	for (const char *c = key; *c && at + 2 < capacity; c++) {
		bool upper = *c >= 'A' && *c <= 'Z';
		if (upper && c != key)
			out[at++] = '_';
		out[at++] = (char)(upper ? *c - 'A' + 'a' : *c);
	}
	out[at] = '\0';
}

static enum cli_exit camera_properties(struct camera *camera, bool json, json_t **ret) {
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int result = sd_bus_call_method(camera->bus, camera->name, CAMERA_PATH, "org.freedesktop.DBus.Properties", "GetAll",
	                                &error, &reply, "s", CAMERA_INTERFACE);
	if (result < 0) {
		enum cli_exit exit = camera_explain(camera, &error, result);
		sd_bus_error_free(&error);
		return exit;
	}
	json_t *object = json_object();
	if (sd_bus_message_enter_container(reply, 'a', "{sv}") > 0)
		while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
			const char *key, *contents;
			char name[64];
			if (sd_bus_message_read_basic(reply, 's', &key) < 0 ||
			    sd_bus_message_peek_type(reply, NULL, &contents) < 0 ||
			    sd_bus_message_enter_container(reply, 'v', contents) < 0)
				break;
			key_to_snake(name, sizeof(name), key);
			json_t *value = value_to_json(reply);
			if (!value) { /* a property of a later version */
				sd_bus_message_skip(reply, contents);
			} else {
				json_object_set_new(object, name, value);
			}
			sd_bus_message_exit_container(reply);
			sd_bus_message_exit_container(reply);
		}
	sd_bus_message_unref(reply);
	if (!json)
		output_clean(object);
	*ret = object;
	return CLI_DONE;
}

static const char *text_of(json_t *object, const char *key) {
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static void print_status(json_t *status) {
	printf("Camera %s (%s)\n", text_of(status, "serial"), text_of(status, "model"));
	printf("  key          %s\n", text_of(status, "fingerprint"));
	printf("  bluetooth    %s\n", text_of(status, "bluetooth"));
	printf("  pairing      %s", text_of(status, "pairing"));
	if (*text_of(status, "pairing_code"))
		printf(", code %s: press Event to confirm, Function to reject", text_of(status, "pairing_code"));
	printf("\n  companion    %s\n", *text_of(status, "companion") ? text_of(status, "companion") : "none");
	if (*text_of(status, "companion"))
		printf("  its key      %s\n", text_of(status, "companion_fingerprint"));
	printf("  session      %s\n", json_is_true(json_object_get(status, "session")) ? "live" : "none");
	printf("  wi-fi        %s\n", text_of(status, "wifi"));
	printf("  recorder     %s\n", text_of(status, "recorder"));
	const char *signals = text_of(status, "signal");
	printf("  signal       %s\n",
	       strcmp(signals, "legacy") == 0 ? "legacy: calls that anybody can send start recordings" : signals);
	if (*text_of(status, "signal_keys_problem"))
		printf("  signal keys  %s\n", text_of(status, "signal_keys_problem"));
	if (*text_of(status, "slate_key_problem"))
		printf("  slate key    %s\n", text_of(status, "slate_key_problem"));
	time_t muted = (time_t)json_integer_value(json_object_get(status, "signal_muted_until"));
	char until[32];
	if (muted > time(NULL)) {
		strftime(until, sizeof(until), "%Y-%m-%d %H:%M", localtime(&muted));
		printf("  muted        until %s, by %s: no Signal is answered\n", until, text_of(status, "signal_muted_by"));
	}
	const char *name;
	json_t *value;
	json_object_foreach(json_object_get(status, "counters"), name, value)
	        printf("  %-22s %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(value));
}

enum cli_exit cli_camera_status(const struct cli_call *call) {
	struct camera camera = { 0 };
	json_t *status;
	enum cli_exit result = camera_open(call, &camera);
	if (result == CLI_DONE)
		result = camera_properties(&camera, call->json, &status);
	if (result == CLI_DONE) {
		if (call->json)
			output_json(status);
		else {
			print_status(status);
			json_decref(status);
		}
	}
	sd_bus_flush_close_unref(camera.bus);
	return result;
}

static const char *button_word(json_t *buttons, const char *name, const char *known) {
	if (!json_is_true(json_object_get(buttons, known)))
		return "missing";
	return json_is_true(json_object_get(buttons, name)) ? "pressed" : "released";
}

static void print_buttons(const struct cli_call *call, json_t *buttons) {
	if (call->json) {
		json_dumpf(buttons, stdout, JSON_COMPACT | JSON_SORT_KEYS);
		putchar('\n');
	} else {
		printf("Event %-9s Function %s\n", button_word(buttons, "event", "event-known"),
		       button_word(buttons, "function", "function-known"));
	}
	fflush(stdout);
}

static enum cli_exit buttons_once(struct camera *camera, const struct cli_call *call, json_t **last) {
	json_t *status;
	enum cli_exit result = camera_properties(camera, call->json, &status);
	if (result != CLI_DONE)
		return result;
	json_t *buttons = json_object_get(status, "buttons");
	if (!json_equal(buttons, *last)) {
		print_buttons(call, buttons);
		json_decref(*last);
		*last = json_incref(buttons);
	}
	json_decref(status);
	return CLI_DONE;
}

static int properties_changed(sd_bus_message *message, void *changed, sd_bus_error *error) {
	(void)message;
	(void)error;
	*(bool *)changed = true;
	return 0;
}

/* Hears of changed properties, and of a daemon that ends: then the next look at it says so. */
static bool watch_camera(struct camera *camera, bool *changed) {
	char owner[256];
	snprintf(owner, sizeof(owner),
	         "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%"
	         "s'",
	         camera->name);
	return sd_bus_match_signal(camera->bus, NULL, camera->name, CAMERA_PATH, "org.freedesktop.DBus.Properties",
	                           "PropertiesChanged", properties_changed, changed) >= 0 &&
	       sd_bus_add_match(camera->bus, NULL, owner, properties_changed, changed) >= 0;
}

enum cli_exit cli_camera_buttons(const struct cli_call *call) {
	struct camera camera = { 0 };
	enum cli_exit result = camera_open(call, &camera);
	json_t *last = NULL;
	bool changed = true;
	if (result == CLI_DONE && !cli_value(call, "once") && !watch_camera(&camera, &changed)) {
		output_failure("internal", "cannot listen on the system bus");
		result = CLI_FAILED;
	}
	while (result == CLI_DONE) {
		if (changed) {
			changed = false;
			result = buttons_once(&camera, call, &last);
			if (result != CLI_DONE || cli_value(call, "once"))
				break; /* nothing more may come that would end a wait */
		}
		int processed = sd_bus_process(camera.bus, NULL);
		if (processed == 0)
			processed = sd_bus_wait(camera.bus, UINT64_MAX);
		if (processed < 0 && processed != -EINTR) {
			output_failure("link-failed", "the system bus closed: %s", strerror(-processed));
			result = CLI_FAILED;
		}
	}
	json_decref(last);
	sd_bus_flush_close_unref(camera.bus);
	return result;
}

enum cli_exit cli_camera_forget(const struct cli_call *call) {
	struct camera camera = { 0 };
	sd_bus_error error = SD_BUS_ERROR_NULL;
	enum cli_exit result = camera_open(call, &camera);
	if (result == CLI_DONE) {
		int called =
		        sd_bus_call_method(camera.bus, camera.name, CAMERA_PATH, CAMERA_INTERFACE, "Forget", &error, NULL, NULL);
		if (called < 0)
			result = camera_explain(&camera, &error, called);
		else if (call->json)
			output_json(json_pack("{s:b}", "forgotten", 1));
		else
			puts("The camera has no companion now.");
	}
	sd_bus_error_free(&error);
	sd_bus_flush_close_unref(camera.bus);
	return result;
}

static enum cli_exit mute(const struct cli_call *call, uint64_t minutes) {
	struct camera camera = { 0 };
	sd_bus_error error = SD_BUS_ERROR_NULL;
	const char *who = cli_value(call, "by");
	if (!who) {
		output_error("--by NAME is missing: who wants that");
		return CLI_USAGE;
	}
	enum cli_exit result = camera_open(call, &camera);
	if (result == CLI_DONE) {
		int called = sd_bus_call_method(camera.bus, camera.name, CAMERA_PATH, CAMERA_INTERFACE, "MuteSignals", &error,
		                                NULL, "us", (uint32_t)minutes, who);
		if (called < 0)
			result = camera_explain(&camera, &error, called);
		else if (call->json)
			output_json(
			        json_pack("{s:b, s:s, s:I}", "muted", minutes > 0, "by", who, "minutes", (json_int_t)minutes));
		else if (minutes > 0)
			printf("The camera answers no Signal for %" PRIu64 " minutes. \"lanyard camera unmute\" ends it.\n",
			       minutes);
		else
			puts("The camera answers Signals.");
	}
	sd_bus_error_free(&error);
	sd_bus_flush_close_unref(camera.bus);
	return result;
}

enum cli_exit cli_camera_mute(const struct cli_call *call) {
	uint64_t minutes;
	enum cli_exit result = cli_number(call, "minutes", 1, MUTE_MINUTES_LIMIT, 60, &minutes);
	return result == CLI_DONE ? mute(call, minutes) : result;
}

enum cli_exit cli_camera_unmute(const struct cli_call *call) {
	return mute(call, 0);
}

enum cli_exit camera_slate_head(const struct cli_call *call, char out[SLATE_HEAD_TEXT]) {
	struct camera camera = { 0 };
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *head = NULL;
	enum cli_exit result = camera_open(call, &camera);
	if (result == CLI_DONE) {
		int called = sd_bus_call_method(camera.bus, camera.name, CAMERA_PATH, CAMERA_INTERFACE, "SlateHead", &error,
		                                &reply, NULL);
		if (called >= 0)
			called = sd_bus_message_read(reply, "s", &head);
		if (sd_bus_error_has_name(&error, "org.lanyard.Error.NotFound"))
			result = output_failure("not-found", "Slate is off on this camera: see [slate] in cam-radiod(8)");
		else if (called < 0)
			result = camera_explain(&camera, &error, called);
		else
			snprintf(out, SLATE_HEAD_TEXT, "%s", head);
	}
	sd_bus_message_unref(reply);
	sd_bus_error_free(&error);
	sd_bus_flush_close_unref(camera.bus);
	return result;
}
