#include "companion/http/present.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "slate/log.h"

#define TEXT_LIMIT 260 /* a tag's note is the longest text */
#define BATTERY_UNKNOWN 255
#define RSSI_UNKNOWN 127

json_t *present_text(const char *text) {
	if (text_is_utf8(text))
		return json_string(text);
	char shown[TEXT_LIMIT];
	snprintf(shown, sizeof(shown), "%s", text);
	for (char *at = shown; *at; at++)
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	return json_string(shown);
}

static json_t *present_text_or_null(const char *text) {
	return *text ? present_text(text) : json_null();
}

static json_t *present_reason(enum reason reason) {
	return reason == REASON_OK ? json_null() : json_string(reason_code(reason));
}

static json_t *present_milliseconds(uint64_t us) {
	return us == UINT64_MAX ? json_null() : json_integer((json_int_t)(us / MILLISECOND_US));
}

/* Takes over both. The list, or NULL: one that lacks an entry would pass for the whole. */
static json_t *present_append(json_t *list, json_t *entry) {
	if (json_array_append_new(list, entry) == 0)
		return list;
	json_decref(list);
	return NULL;
}

/* --- status --- */

static const char *state_name(const struct parts *parts) {
	if (pairer_state(parts->pairer) != PAIRER_IDLE)
		return "pairing";
	enum session_state state = session_state(parts->session);
	if (state == SESSION_LIVE)
		return "live";
	if (state == SESSION_DIALLING || state == SESSION_AUTHENTICATING)
		return "connecting";
	if (finder_is_scanning(parts->finder))
		return "scanning";
	return state == SESSION_UNPAIRED ? "idle" : "paired";
}

/* Why the user does not have what he asked for last. */
static enum reason state_reason(const struct parts *parts) {
	if (pairer_state(parts->pairer) != PAIRER_IDLE)
		return REASON_OK;
	if (parts->pairing_reason != REASON_OK)
		return parts->pairing_reason;
	return session_state(parts->session) == SESSION_LIVE ? REASON_OK : session_reason(parts->session);
}

static json_t *present_cameras(const struct finder *finder, uint64_t now_us) {
	json_t *list = json_array();
	for (size_t i = 0; list && i < finder_count(finder); i++) {
		const struct found_camera *camera = finder_camera(finder, i);
		json_t *rssi = camera->rssi == RSSI_UNKNOWN ? json_null() : json_integer(camera->rssi);
		uint64_t seen_us = now_us > camera->heard_us ? now_us - camera->heard_us : 0;
		list = present_append(list,
		                      json_pack("{s:s, s:o, s:o, s:I, s:b}", "id", camera->id, "name", present_text(camera->name),
		                                "rssi", rssi, "seen_ms", (json_int_t)(seen_us / MILLISECOND_US), "pairing", 1));
	}
	return list;
}

static json_t *present_pairing(const struct parts *parts) {
	static const char *const steps[] = {
		[PAIRER_DIALLING] = "connecting", [PAIRER_HANDSHAKE] = "handshake", [PAIRER_COMPARE] = "compare",
		[PAIRER_CONFIRMED] = "confirmed", [PAIRER_STORING] = "storing",
	};
	enum pairer_state state = pairer_state(parts->pairer);
	if (state == PAIRER_IDLE)
		return json_null();
	char code[8] = "";
	if (state >= PAIRER_COMPARE)
		snprintf(code, sizeof(code), "%06u", (unsigned)(pairer_code(parts->pairer) % 1000000));
	return json_pack("{s:s, s:s, s:o}", "camera", pairer_camera(parts->pairer), "step", steps[state], "code",
	                 present_text_or_null(code));
}

static const char *recorder_name(lanyard_RecorderState state) {
	switch (state) {
	case lanyard_RecorderState_RECORDER_OFF:
		return "off";
	case lanyard_RecorderState_RECORDER_BUFFERING:
		return "buffering";
	case lanyard_RecorderState_RECORDER_EVENT:
		return "event";
	case lanyard_RecorderState_RECORDER_UNKNOWN:
		break;
	}
	return "unknown";
}

static json_t *present_camera(const struct parts *parts) {
	/* A live session has proven which one it is; before that the newest pairing is the one that is meant. */
	const struct pairing_record *proven = session_pairing(parts->session);
	const struct pairing_record *record = proven ? proven : keyring_newest(parts->keyring);
	if (!record)
		return json_null();
	char fingerprint[40];
	static_keys_fingerprint(record->peer_key, fingerprint);
	json_t *serial = present_text(record->peer_name);
	const lanyard_StatusResponse *status = session_camera(parts->session);
	if (!status)
		return json_pack("{s:o, s:s, s:s, s:s, s:n, s:n, s:n, s:n, s:s}", "serial", serial, "fingerprint", fingerprint,
		                 "model", "", "recorder", "unknown", "recording_id", "free_bytes", "battery_percent", "time_us",
		                 "firmware", "");
	json_t *battery = status->battery_percent > 100 ? json_null() : json_integer(status->battery_percent);
	return json_pack("{s:o, s:s, s:o, s:s, s:o, s:I, s:o, s:I, s:o}", "serial", serial, "fingerprint", fingerprint, "model",
	                 present_text(status->model), "recorder", recorder_name(status->recorder), "recording_id",
	                 present_text_or_null(status->recording_id), "free_bytes", (json_int_t)status->free_bytes,
	                 "battery_percent", battery, "time_us", (json_int_t)status->time_us, "firmware",
	                 present_text(status->firmware));
}

static const char *wifi_mode_name(enum handover_state state) {
	switch (state) {
	case HANDOVER_STARTING:
	case HANDOVER_RETRYING:
		return "starting";
	case HANDOVER_JOINING:
	case HANDOVER_ANNOUNCING:
	case HANDOVER_AUTHENTICATING:
		return "joining";
	case HANDOVER_READY:
		return "media-ready";
	case HANDOVER_OFF:
	case HANDOVER_CLOSING:
		break;
	}
	return "off";
}

static json_t *present_wifi(const struct handover *handover) {
	const struct handover_stages *stages = handover_stages(handover);
	json_t *json = json_pack("{s:o, s:o, s:o}", "up_ms", present_milliseconds(stages->up_us), "join_ms",
	                         present_milliseconds(stages->join_us), "media_ms", present_milliseconds(stages->media_us));
	return json_pack("{s:s, s:o, s:o}", "mode", wifi_mode_name(handover_state(handover)), "reason",
	                 present_reason(handover_reason(handover)), "stages", json);
}

json_t *present_status(const struct parts *parts, uint64_t now_us) {
	enum reason bluetooth = radio_state(parts->radio);
	return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o}", "state", state_name(parts), "reason",
	                 present_reason(state_reason(parts)), "bluetooth",
	                 bluetooth == REASON_OK ? "ready" : reason_code(bluetooth), "cameras",
	                 present_cameras(parts->finder, now_us), "pairing", present_pairing(parts), "camera",
	                 present_camera(parts), "wifi", present_wifi(parts->handover));
}

/* --- recordings --- */

static const char *recording_state_name(lanyard_RecordingState state) {
	switch (state) {
	case lanyard_RecordingState_RECORDING_ACTIVE:
		return "active";
	case lanyard_RecordingState_RECORDING_CUT_SHORT:
		return "cut-short";
	case lanyard_RecordingState_RECORDING_COMPLETE:
	case lanyard_RecordingState_RECORDING_UNKNOWN:
		break;
	}
	return "complete";
}

static json_t *present_degrees(const lanyard_Tag *tag, int32_t e7) {
	return tag->has_position ? json_real(e7 / 1e7) : json_null();
}

static json_t *present_tag(const lanyard_Recording *recording) {
	const lanyard_Tag *tag = &recording->tag;
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I}", "category", present_text(tag->category), "case_number",
	                 present_text(tag->case_number), "note", present_text(tag->note), "latitude",
	                 present_degrees(tag, tag->latitude_e7), "longitude", present_degrees(tag, tag->longitude_e7), "revision",
	                 (json_int_t)recording->tag_revision);
}

json_t *present_recording(const lanyard_Recording *recording) {
	char sha256[2 * sizeof(recording->sha256.bytes) + 1] = "";
	if (recording->sha256.size == sizeof(recording->sha256.bytes))
		hex_encode(sha256, recording->sha256.bytes, sizeof(recording->sha256.bytes));
	return json_pack("{s:o, s:I, s:I, s:I, s:s, s:o, s:o, s:b, s:o}", "id", present_text(recording->id), "started_us",
	                 (json_int_t)recording->started_us, "duration_ms", (json_int_t)recording->duration_ms, "size",
	                 (json_int_t)recording->size, "state", recording_state_name(recording->state), "reason",
	                 present_text(recording->reason), "sha256", present_text_or_null(sha256), "thumbnail",
	                 recording->thumbnail_size > 0, "tag", present_tag(recording));
}

json_t *present_recordings(const lanyard_Recording *list, size_t count, bool more) {
	json_t *array = json_array();
	for (size_t i = 0; array && i < count; i++)
		array = present_append(array, present_recording(&list[i]));
	return json_pack("{s:o, s:b}", "recordings", array, "more", (int)more);
}

json_t *present_receipt(const lanyard_TagReceipt *receipt) {
	return json_pack("{s:I, s:I}", "revision", (json_int_t)receipt->revision, "time_us", (json_int_t)receipt->time_us);
}

enum reason present_slate_head(const lanyard_SlateHeadResponse *response, json_t **ret) {
	struct slate_head head = { .entries = response->entries, .time_us = response->time_us };
	char text[SLATE_HEAD_TEXT];
	if (response->log_id.size != sizeof(head.log_id) || response->chain.size != sizeof(head.chain) ||
	    response->public_key.size != sizeof(head.public_key) || response->signature.size != sizeof(head.signature))
		return REASON_MESSAGE_MALFORMED;
	memcpy(head.log_id, response->log_id.bytes, sizeof(head.log_id));
	memcpy(head.chain, response->chain.bytes, sizeof(head.chain));
	memcpy(head.public_key, response->public_key.bytes, sizeof(head.public_key));
	memcpy(head.signature, response->signature.bytes, sizeof(head.signature));
	if (!slate_head_is_signed(&head))
		return REASON_MESSAGE_MALFORMED;
	slate_head_print(&head, text);
	text[strcspn(text, "\n")] = '\0';
	*ret = json_pack("{s:s, s:I, s:I}", "head", text, "entries", (json_int_t)head.entries, "time_us",
	                 (json_int_t)head.time_us);
	return REASON_OK;
}
