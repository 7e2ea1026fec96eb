#include "cam-radio/recorder_values.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

#define ERROR_PREFIX "org.lanyard.Error."
#define SHA256_SIZE 32
#define ID_LENGTH 32

/* --- recordings --- */

/* Keeps whole characters: a UTF-8 sequence that does not fit is left out. */
static void copy_text(char *out, size_t capacity, const char *text) {
	size_t length = strlen(text);
	if (length >= capacity) {
		length = capacity - 1;
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	}
	memcpy(out, text, length);
	out[length] = '\0';
}

static lanyard_RecordingState parse_state(const char *text) {
	if (strcmp(text, "active") == 0)
		return lanyard_RecordingState_RECORDING_ACTIVE;
	if (strcmp(text, "complete") == 0)
		return lanyard_RecordingState_RECORDING_COMPLETE;
	if (strcmp(text, "cut-short") == 0)
		return lanyard_RecordingState_RECORDING_CUT_SHORT;
	return lanyard_RecordingState_RECORDING_UNKNOWN;
}

struct raw_recording {
	const char *id, *state, *reason, *category, *case_number, *note;
	int32_t latitude, longitude;
	bool has_latitude, has_longitude;
};

struct member {
	const char *name;
	char type; /* of a basic D-Bus value; 'a': bytes of SHA-256 */
	void *target;
	bool *seen;
};

static int read_sha256(sd_bus_message *message, lanyard_Recording *recording) {
	const void *bytes;
	size_t length;
	int result = sd_bus_message_read_array(message, 'y', &bytes, &length);
	if (result < 0)
		return result;
	if (length != 0 && length != SHA256_SIZE)
		return -EBADMSG;
	if (length > 0)
		memcpy(recording->sha256.bytes, bytes, length);
	recording->sha256.size = (pb_size_t)length;
	return 0;
}

/* The message stands at the variant. */
static int read_member(sd_bus_message *message, const struct member *member) {
	const char type[] = { member->type, member->type == 'a' ? 'y' : '\0', '\0' };
	int result = sd_bus_message_enter_container(message, 'v', type);
	if (result >= 0)
		result = member->type == 'a' ? read_sha256(message, member->target)
		                             : sd_bus_message_read_basic(message, member->type, member->target);
	if (result >= 0)
		result = sd_bus_message_exit_container(message);
	if (result >= 0 && member->seen)
		*member->seen = true;
	return result < 0 ? -EBADMSG : 0;
}

static int read_entry(sd_bus_message *message, const struct member *members, size_t count) {
	const char *name;
	if (sd_bus_message_read_basic(message, 's', &name) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < count; i++)
		if (strcmp(members[i].name, name) == 0)
			return read_member(message, &members[i]);
	return sd_bus_message_skip(message, "v") < 0 ? -EBADMSG : 0;
}

static int read_dictionary(sd_bus_message *message, const struct member *members, size_t count) {
	int result = sd_bus_message_enter_container(message, 'a', "{sv}");
	if (result < 0)
		return -EBADMSG;
	while ((result = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
		result = read_entry(message, members, count);
		if (result < 0)
			return result;
		if (sd_bus_message_exit_container(message) < 0)
			return -EBADMSG;
	}
	return result < 0 || sd_bus_message_exit_container(message) < 0 ? -EBADMSG : 0;
}

int recorder_read_recording(sd_bus_message *message, lanyard_Recording *ret) {
	lanyard_Recording recording = lanyard_Recording_init_zero;
	struct raw_recording raw = { .id = "", .state = "", .reason = "", .category = "", .case_number = "", .note = "" };
	const struct member members[] = {
		{ "Id", 's', &raw.id, NULL },
		{ "StartedUs", 't', &recording.started_us, NULL },
		{ "DurationMs", 'u', &recording.duration_ms, NULL },
		{ "Size", 't', &recording.size, NULL },
		{ "State", 's', &raw.state, NULL },
		{ "Reason", 's', &raw.reason, NULL },
		{ "Sha256", 'a', &recording, NULL },
		{ "ThumbnailSize", 'u', &recording.thumbnail_size, NULL },
		{ "TagRevision", 'u', &recording.tag_revision, NULL },
		{ "Category", 's', &raw.category, NULL },
		{ "CaseNumber", 's', &raw.case_number, NULL },
		{ "Note", 's', &raw.note, NULL },
		{ "LatitudeE7", 'i', &raw.latitude, &raw.has_latitude },
		{ "LongitudeE7", 'i', &raw.longitude, &raw.has_longitude },
	};
	int result = read_dictionary(message, members, ELEMENTS(members));
	if (result < 0)
		return result;
	if (strlen(raw.id) != ID_LENGTH)
		return -EBADMSG;
	copy_text(recording.id, sizeof(recording.id), raw.id);
	copy_text(recording.reason, sizeof(recording.reason), raw.reason);
	recording.state = parse_state(raw.state);
	recording.has_tag = true;
	copy_text(recording.tag.category, sizeof(recording.tag.category), raw.category);
	copy_text(recording.tag.case_number, sizeof(recording.tag.case_number), raw.case_number);
	copy_text(recording.tag.note, sizeof(recording.tag.note), raw.note);
	if (raw.has_latitude && raw.has_longitude) {
		recording.tag.has_position = true;
		recording.tag.latitude_e7 = raw.latitude;
		recording.tag.longitude_e7 = raw.longitude;
	}
	*ret = recording;
	return 0;
}

/* --- what we send --- */

static int append_text(sd_bus_message *message, const char *name, const char *text) {
	return *text ? sd_bus_message_append(message, "{sv}", name, "s", text) : 0;
}

int recorder_append_tag(sd_bus_message *message, const lanyard_Tag *tag) {
	int result = sd_bus_message_open_container(message, 'a', "{sv}");
	if (result >= 0)
		result = append_text(message, "Category", tag->category);
	if (result >= 0)
		result = append_text(message, "CaseNumber", tag->case_number);
	if (result >= 0)
		result = append_text(message, "Note", tag->note);
	if (result >= 0 && tag->has_position)
		result = sd_bus_message_append(message, "{sv}{sv}", "LatitudeE7", "i", tag->latitude_e7, "LongitudeE7", "i",
		                               tag->longitude_e7);
	return result < 0 ? result : sd_bus_message_close_container(message);
}

static int append_location_entries(sd_bus_message *message, const struct recorder_location *location) {
	return sd_bus_message_append(message, "{sv}{sv}{sv}{sv}", "LatitudeE7", "i", location->latitude_e7, "LongitudeE7", "i",
	                             location->longitude_e7, "AccuracyM", "u", location->accuracy_m, "TimeUs", "t",
	                             location->time_us);
}

int recorder_append_details(sd_bus_message *message, const char *source, const struct recorder_location *location) {
	int result = sd_bus_message_open_container(message, 'a', "{sv}");
	if (result >= 0 && source)
		result = sd_bus_message_append(message, "{sv}", "Source", "s", source);
	if (result >= 0 && location)
		result = append_location_entries(message, location);
	return result < 0 ? result : sd_bus_message_close_container(message);
}

/* --- errors --- */

/* "NotFound" becomes "not-found". */
static enum reason reason_of_camel_case(const char *name) {
	char code[48];
	size_t at = 0;
	for (const char *c = name; *c && at + 2 < sizeof(code); c++) {
		bool upper = *c >= 'A' && *c <= 'Z';
		if (upper && c != name)
			code[at++] = '-';
		code[at++] = (char)(upper ? *c - 'A' + 'a' : *c);
	}
	code[at] = '\0';
	return reason_from_code(code);
}

enum reason recorder_reason(const sd_bus_error *error) {
	if (!error || !error->name)
		return REASON_INTERNAL;
	if (strncmp(error->name, ERROR_PREFIX, sizeof(ERROR_PREFIX) - 1) == 0)
		return reason_of_camel_case(error->name + sizeof(ERROR_PREFIX) - 1);
	if (sd_bus_error_has_names(error, SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER, SD_BUS_ERROR_NO_REPLY,
	                           SD_BUS_ERROR_TIMEOUT, SD_BUS_ERROR_DISCONNECTED, SD_BUS_ERROR_ACCESS_DENIED,
	                           SD_BUS_ERROR_UNKNOWN_OBJECT))
		return REASON_RECORDER_GONE;
	if (sd_bus_error_has_names(error, SD_BUS_ERROR_UNKNOWN_METHOD, SD_BUS_ERROR_UNKNOWN_PROPERTY,
	                           SD_BUS_ERROR_UNKNOWN_INTERFACE, SD_BUS_ERROR_PROPERTY_READ_ONLY))
		return REASON_REQUEST_UNKNOWN;
	if (sd_bus_error_has_names(error, SD_BUS_ERROR_INVALID_ARGS))
		return REASON_REQUEST_INVALID;
	return REASON_INTERNAL;
}
