#include "companion/http/body.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static bool depth_is_allowed(const char *bytes, size_t length) {
	unsigned depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < length; i++) {
		char c = bytes[i];
		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '[') && ++depth > BODY_DEPTH)
			return false;
		else if (!in_string && (c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return true;
}

/* An object, or NULL. */
static json_t *parse_object(const char *bytes, size_t length) {
	if (length == 0 || length > BODY_LIMIT || !depth_is_allowed(bytes, length))
		return NULL;
	json_t *json = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(json)) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* True when every member is one of `names` (NULL at the end). */
static bool has_only(json_t *object, const char *const *names) {
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value) {
		(void)value;
		const char *const *name = names;
		while (*name && strcmp(*name, key) != 0)
			name++;
		if (!*name)
			return false;
	}
	return true;
}

/* Copies a string member; an absent one is "" unless it is required. */
static enum reason take_text(json_t *object, const char *name, bool required, char *out, size_t capacity) {
	json_t *value = json_object_get(object, name);
	if (!value && !required) {
		*out = '\0';
		return REASON_OK;
	}
	if (!json_is_string(value))
		return REASON_BODY_INVALID;
	size_t length = json_string_length(value);
	if (length >= capacity)
		return REASON_REQUEST_INVALID;
	memcpy(out, json_string_value(value), length + 1);
	return REASON_OK;
}

enum reason body_parse_login(const char *bytes, size_t length, char ret_token[TOKEN_TEXT_SIZE]) {
	static const char *const names[] = { "token", NULL };
	json_t *body = parse_object(bytes, length);
	if (!body)
		return REASON_BODY_INVALID;
	char token[TOKEN_TEXT_SIZE];
	enum reason reason = has_only(body, names) ? take_text(body, "token", true, token, sizeof(token)) : REASON_BODY_INVALID;
	json_decref(body);
	if (reason == REASON_OK)
		memcpy(ret_token, token, sizeof(token));
	wipe(token, sizeof(token));
	return reason;
}

/* Without the dashes, or with them. */
static enum reason take_fingerprint(json_t *body, char out[NFC_FINGERPRINT_TEXT]) {
	char given[NFC_FINGERPRINT_TEXT] = "";
	uint8_t fingerprint[NFC_FINGERPRINT_SIZE];
	out[0] = '\0';
	if (json_is_null(json_object_get(body, "fingerprint")))
		return REASON_OK;
	enum reason reason = take_text(body, "fingerprint", false, given, sizeof(given));
	if (reason != REASON_OK || !json_object_get(body, "fingerprint"))
		return reason;
	if (nfc_fingerprint_parse(given, fingerprint) < 0)
		return REASON_REQUEST_INVALID; /* never taken for "any camera" */
	nfc_fingerprint_format(fingerprint, out);
	return REASON_OK;
}

enum reason body_parse_pair(const char *bytes, size_t length, char ret_camera[CAMERA_ID_SIZE + 1],
                            char ret_fingerprint[NFC_FINGERPRINT_TEXT]) {
	static const char *const names[] = { "camera", "fingerprint", NULL };
	json_t *body = parse_object(bytes, length);
	if (!body)
		return REASON_BODY_INVALID;
	char camera[CAMERA_ID_SIZE + 1];
	enum reason reason =
	        has_only(body, names) ? take_text(body, "camera", true, camera, sizeof(camera)) : REASON_BODY_INVALID;
	char fingerprint[NFC_FINGERPRINT_TEXT];
	if (reason == REASON_OK)
		reason = take_fingerprint(body, fingerprint);
	json_decref(body);
	if (reason == REASON_OK) {
		memcpy(ret_camera, camera, sizeof(camera));
		memcpy(ret_fingerprint, fingerprint, sizeof(fingerprint));
	}
	return reason;
}

enum reason body_parse_confirm(const char *bytes, size_t length, uint32_t *ret_code) {
	static const char *const names[] = { "code", NULL };
	json_t *body = parse_object(bytes, length);
	if (!body)
		return REASON_BODY_INVALID;
	char code[CODE_DIGITS + 1] = "";
	enum reason reason = has_only(body, names) ? take_text(body, "code", true, code, sizeof(code)) : REASON_BODY_INVALID;
	json_decref(body);
	if (reason == REASON_OK && (strlen(code) != CODE_DIGITS || strspn(code, "0123456789") != CODE_DIGITS))
		reason = REASON_REQUEST_INVALID;
	if (reason == REASON_OK)
		*ret_code = (uint32_t)strtoul(code, NULL, 10);
	return reason;
}

enum reason body_parse_record(const char *bytes, size_t length, bool *ret_start) {
	static const char *const names[] = { "start", NULL };
	json_t *body = parse_object(bytes, length);
	if (!body)
		return REASON_BODY_INVALID;
	json_t *start = json_object_get(body, "start");
	enum reason reason = has_only(body, names) && json_is_boolean(start) ? REASON_OK : REASON_BODY_INVALID;
	if (reason == REASON_OK)
		*ret_start = json_is_true(start);
	json_decref(body);
	return reason;
}

/* Degrees as a number, to 10^-7 degrees. */
static enum reason take_degrees(json_t *value, double limit, int32_t *ret_e7) {
	if (!json_is_number(value))
		return REASON_BODY_INVALID;
	double degrees = json_number_value(value);
	if (!isfinite(degrees) || fabs(degrees) > limit)
		return REASON_REQUEST_INVALID;
	*ret_e7 = (int32_t)lround(degrees * 1e7);
	return REASON_OK;
}

static bool is_absent(const json_t *value) {
	return !value || json_is_null(value);
}

static enum reason take_position(json_t *body, lanyard_Tag *tag) {
	json_t *latitude = json_object_get(body, "latitude"), *longitude = json_object_get(body, "longitude");
	if (is_absent(latitude) && is_absent(longitude))
		return REASON_OK;
	if (is_absent(latitude) || is_absent(longitude))
		return REASON_REQUEST_INVALID; /* half a position */
	enum reason reason = take_degrees(latitude, 90, &tag->latitude_e7);
	if (reason == REASON_OK)
		reason = take_degrees(longitude, 180, &tag->longitude_e7);
	tag->has_position = true;
	return reason;
}

enum reason body_parse_tag(const char *bytes, size_t length, lanyard_Tag *ret_tag) {
	static const char *const names[] = { "category", "case_number", "note", "latitude", "longitude", NULL };
	json_t *body = parse_object(bytes, length);
	if (!body)
		return REASON_BODY_INVALID;
	lanyard_Tag tag = lanyard_Tag_init_zero;
	enum reason reason = has_only(body, names) ? REASON_OK : REASON_BODY_INVALID;
	if (reason == REASON_OK)
		reason = take_text(body, "category", false, tag.category, sizeof(tag.category));
	if (reason == REASON_OK)
		reason = take_text(body, "case_number", false, tag.case_number, sizeof(tag.case_number));
	if (reason == REASON_OK)
		reason = take_text(body, "note", false, tag.note, sizeof(tag.note));
	if (reason == REASON_OK)
		reason = take_position(body, &tag);
	json_decref(body);
	if (reason == REASON_OK)
		*ret_tag = tag;
	return reason;
}
