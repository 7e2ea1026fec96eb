#include "cam-radio/camera_bus.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"

#define BUS_NAME "org.lanyard.Camera"
#define OBJECT_PATH "/org/lanyard/Camera1"
#define INTERFACE "org.lanyard.Camera1"
#define BUS_NAME_LIMIT 255

struct camera_bus {
	sd_bus *bus;
	sd_bus_slot *object;
	const struct status *status;
	const struct camera_bus_callbacks *callbacks;
	void *context;
};

/* --- properties --- */

struct text_property {
	const char *name;
	size_t offset;
	bool is_array; /* char[] inside the status, otherwise const char * */
};

static const struct text_property text_properties[] = {
	{ "Serial", offsetof(struct status, serial), false },
	{ "Model", offsetof(struct status, model), false },
	{ "Fingerprint", offsetof(struct status, fingerprint), true },
	{ "Pairing", offsetof(struct status, pairing), false },
	{ "PairingCode", offsetof(struct status, pairing_code), true },
	{ "Companion", offsetof(struct status, companion), true },
	{ "CompanionFingerprint", offsetof(struct status, companion_fingerprint), true },
	{ "Wifi", offsetof(struct status, wifi), false },
	{ "Bluetooth", offsetof(struct status, bluetooth), false },
	{ "Recorder", offsetof(struct status, recorder), false },
	{ "Signal", offsetof(struct status, signal), false },
	{ "SignalKeysProblem", offsetof(struct status, signal_keys_problem), true },
	{ "SlateKeyProblem", offsetof(struct status, slate_key_problem), true },
	{ "SignalMutedBy", offsetof(struct status, mute.who), true },
};

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)error;
	const struct camera_bus *camera = context;
	for (size_t i = 0; i < ELEMENTS(text_properties); i++) {
		const struct text_property *text = &text_properties[i];
		if (strcmp(text->name, property) != 0)
			continue;
		const char *at = (const char *)camera->status + text->offset;
		return sd_bus_message_append(reply, "s", text->is_array ? at : *(const char *const *)(const void *)at);
	}
	return -ENOENT;
}

struct boolean_property {
	const char *name;
	size_t offset;
};

static const struct boolean_property boolean_properties[] = {
	{ "Session", offsetof(struct status, session) },
	{ "IndicatorLights", offsetof(struct status, preferences.indicator_lights) },
	{ "Sounds", offsetof(struct status, preferences.sounds) },
};

static int get_boolean(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                       void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)error;
	const struct camera_bus *camera = context;
	for (size_t i = 0; i < ELEMENTS(boolean_properties); i++)
		if (strcmp(boolean_properties[i].name, property) == 0) {
			const bool *at = (const bool *)((const char *)camera->status + boolean_properties[i].offset);
			return sd_bus_message_append(reply, "b", *at);
		}
	return -ENOENT;
}

static int get_muted_until(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                           void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return sd_bus_message_append(reply, "t", ((const struct camera_bus *)context)->status->mute.until_s);
}

static int get_buttons(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                       void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	const struct status *status = ((const struct camera_bus *)context)->status;
	return sd_bus_message_append(reply, "a{sb}", 4, "event", status->button[BUTTON_EVENT].down, "function",
	                             status->button[BUTTON_FUNCTION].down, "event-known", status->button[BUTTON_EVENT].known,
	                             "function-known", status->button[BUTTON_FUNCTION].known);
}

static int get_counters(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                        void *context, sd_bus_error *error) {
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	const struct status *status = ((const struct camera_bus *)context)->status;
	int result = sd_bus_message_open_container(reply, 'a', "{st}");
	for (enum counter counter = 0; result >= 0 && counter < COUNTER_COUNT; counter++)
		result = sd_bus_message_append(reply, "{st}", counter_name(counter), status->counters.value[counter]);
	return result < 0 ? result : sd_bus_message_close_container(reply);
}

/* --- methods --- */

/* root only, whoever this daemon runs as. 0 or a negative errno with *error set. */
static int check_root(sd_bus_message *message, sd_bus_error *error) {
	sd_bus_creds *creds = NULL;
	uid_t uid;
	int result = sd_bus_query_sender_creds(message, SD_BUS_CREDS_EUID, &creds);
	if (result >= 0)
		result = sd_bus_creds_get_euid(creds, &uid);
	sd_bus_creds_unref(creds);
	if (result >= 0 && uid == 0)
		return 0;
	return sd_bus_error_set_const(error, SD_BUS_ERROR_ACCESS_DENIED, "Only root may do this.");
}

/* "store-failed" becomes "org.lanyard.Error.StoreFailed". */
static void error_name(enum reason reason, char *out, size_t capacity) {
	size_t at = (size_t)snprintf(out, capacity, "org.lanyard.Error.");
	bool upper = true;
	for (const char *c = reason_code(reason); *c && at + 1 < capacity; c++) {
		if (*c == '-') {
			upper = true;
			continue;
		}
		out[at++] = (char)(upper && *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
		upper = false;
	}
	out[at] = '\0';
}

/* What a method answers that gives nothing back, or has nothing to give. */
static int answer(sd_bus_message *message, enum reason reason, sd_bus_error *error) {
	char name[64];
	if (reason == REASON_OK)
		return sd_bus_reply_method_return(message, NULL);
	error_name(reason, name, sizeof(name));
	return sd_bus_error_set(error, name, reason_sentence(reason));
}

static int on_forget(sd_bus_message *message, void *context, sd_bus_error *error) {
	struct camera_bus *camera = context;
	int result = check_root(message, error);
	return result < 0 ? result : answer(message, camera->callbacks->forget(camera->context), error);
}

static int on_mute(sd_bus_message *message, void *context, sd_bus_error *error) {
	struct camera_bus *camera = context;
	uint32_t minutes;
	const char *who;
	int result = check_root(message, error);
	if (result >= 0)
		result = sd_bus_message_read(message, "us", &minutes, &who);
	return result < 0 ? result : answer(message, camera->callbacks->mute(camera->context, minutes, who), error);
}

static int on_slate_head(sd_bus_message *message, void *context, sd_bus_error *error) {
	struct camera_bus *camera = context;
	char head[SLATE_HEAD_TEXT] = "";
	enum reason reason = camera->callbacks->slate_head(camera->context, head);
	return reason == REASON_OK ? sd_bus_reply_method_return(message, "s", head) : answer(message, reason, error);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Serial", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Model", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Fingerprint", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Pairing", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("PairingCode", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Companion", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("CompanionFingerprint", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Session", "b", get_boolean, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Wifi", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Bluetooth", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Recorder", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Signal", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("SignalKeysProblem", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("SlateKeyProblem", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("SignalMutedBy", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("SignalMutedUntil", "t", get_muted_until, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Buttons", "a{sb}", get_buttons, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Counters", "a{st}", get_counters, 0, 0), /* they change with every link: read, not signalled */
	SD_BUS_PROPERTY("IndicatorLights", "b", get_boolean, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Sounds", "b", get_boolean, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	/* Unprivileged for sd-bus, which would let callers with the daemon's own user in: check_root decides. */
	SD_BUS_METHOD_WITH_NAMES("SlateHead", NULL, , "s", SD_BUS_PARAM(head), on_slate_head, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_NAMES("MuteSignals", "us", SD_BUS_PARAM(minutes) SD_BUS_PARAM(who), NULL, , on_mute,
	                         SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Forget", NULL, NULL, on_forget, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL_WITH_NAMES("Feedback", "ss", SD_BUS_PARAM(kind) SD_BUS_PARAM(text), 0),
	SD_BUS_SIGNAL_WITH_NAMES("SecurityEvent", "ss", SD_BUS_PARAM(kind) SD_BUS_PARAM(text), 0),
	SD_BUS_VTABLE_END,
};

/* --- life --- */

int camera_bus_new(struct camera_bus **ret, sd_bus *bus, const struct status *status,
                   const struct camera_bus_callbacks *callbacks, void *context) {
	struct camera_bus *camera = calloc(1, sizeof(*camera));
	if (!camera)
		return -ENOMEM;
	*camera = (struct camera_bus){ .bus = sd_bus_ref(bus), .status = status, .callbacks = callbacks, .context = context };
	int result = sd_bus_add_object_vtable(bus, &camera->object, OBJECT_PATH, INTERFACE, vtable, camera);
	if (result < 0) {
		camera_bus_free(camera);
		return result;
	}
	*ret = camera;
	return 0;
}

void camera_bus_free(struct camera_bus *camera) {
	if (!camera)
		return;
	sd_bus_slot_unref(camera->object);
	sd_bus_unref(camera->bus);
	free(camera);
}

int camera_bus_publish(struct camera_bus *camera, const char *instance) {
	char name[BUS_NAME_LIMIT + 1];
	int length = instance ? snprintf(name, sizeof(name), BUS_NAME ".%s", instance) : snprintf(name, sizeof(name), BUS_NAME);
	if (length >= (int)sizeof(name))
		return -ENAMETOOLONG;
	int result = sd_bus_request_name(camera->bus, name, 0);
	return result < 0 ? result : 0;
}

/* A signal that cannot be queued means that the bus is gone, which ends the daemon elsewhere. */
static void check_sent(int result, const char *what) {
	if (result < 0)
		log_line(LOG_LEVEL_WARNING, "bus", "%s was not signalled: %s", what, strerror(-result));
}

void camera_bus_changed(struct camera_bus *camera, const char *property) {
	check_sent(sd_bus_emit_properties_changed(camera->bus, OBJECT_PATH, INTERFACE, property, NULL), property);
}

void camera_bus_feedback(struct camera_bus *camera, enum feedback_kind kind, const char *text) {
	check_sent(sd_bus_emit_signal(camera->bus, OBJECT_PATH, INTERFACE, "Feedback", "ss", feedback_name(kind), text),
	           "Feedback");
}

void camera_bus_security(struct camera_bus *camera, enum security_event event, const char *text) {
	check_sent(
	        sd_bus_emit_signal(camera->bus, OBJECT_PATH, INTERFACE, "SecurityEvent", "ss", security_event_name(event), text),
	        "SecurityEvent");
}
