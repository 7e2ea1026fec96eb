/* Stable reason codes: why something was refused, ended or rolled back. One table for logs, D-Bus, HTTP, the wire and the
 * command line. The number goes over the wire and the text code into machine-readable output: neither is ever reused. The
 * sentence is for people: what is wrong and what to do. */
#pragma once

#include <stddef.h>

#define REASONS(X) \
	X(OK, 0, "ok", "No error.") \
	/* link and records */ \
	X(LINK_CLOSED, 1, "link-closed", "The other side closed the connection.") \
	X(LINK_FAILED, 2, "link-failed", "The radio connection was lost. Move closer and try again.") \
	X(RECORD_MALFORMED, 3, "record-malformed", "Bytes arrived that are not a Lanyard record.") \
	X(RECORD_TOO_LONG, 4, "record-too-long", "A record is longer than this link allows.") \
	X(RECORD_STALLED, 5, "record-stalled", "A record began but its rest did not arrive in time.") \
	X(TIMEOUT, 6, "timeout", "The other side did not answer in time. Try again.") \
	X(QUEUE_FULL, 7, "queue-full", "The other side does not read what is sent. The connection was ended.") \
	/* handshake */ \
	X(VERSION_UNSUPPORTED, 20, "version-unsupported", "The two ends share no protocol version. Update the older one.") \
	X(HANDSHAKE_FAILED, 21, "handshake-failed", "The other side could not be authenticated.") \
	X(KEY_INVALID, 22, "key-invalid", "The other side sent a key that is not canonical or of low order.") \
	X(NOT_PAIRED, 23, "not-paired", "This camera has no companion. Pair first.") \
	X(COMMITMENT_MISMATCH, 24, "commitment-mismatch", \
	  "The pairing code's commitment does not match: someone may be in between. Pair again.") \
	X(DECRYPT_FAILED, 25, "decrypt-failed", "A message failed its authentication check. The session was ended.") \
	X(SESSION_EXPIRED, 26, "session-expired", "The session reached its time or message limit. It is made anew.") \
	X(MESSAGE_MALFORMED, 27, "message-malformed", "A message does not follow the protocol.") \
	X(MESSAGE_UNEXPECTED, 28, "message-unexpected", "A message came at a moment when the protocol does not allow it.") \
	/* pairing */ \
	X(PAIRING_CLOSED, 40, "pairing-closed", \
	  "The camera is not in pairing mode. Hold Event and Function together for 2 seconds.") \
	X(PAIRING_EXPIRED, 41, "pairing-expired", \
	  "The pairing window has ended. Hold Event and Function together for 2 seconds again.") \
	X(PAIRING_TRIES, 42, "pairing-tries", "Too many tries in this pairing window. Open a new one with the buttons.") \
	X(PAIRING_BUSY, 44, "pairing-busy", "Another pairing is in progress on this camera.") \
	X(CODE_REJECTED, 45, "code-rejected", "The codes were not confirmed. Nothing was changed.") \
	X(STORE_FAILED, 46, "store-failed", "The pairing could not be stored. The old pairing still works.") \
	X(RECORD_CORRUPT, 47, "record-corrupt", "The stored pairing record is damaged and was set aside. Pair again.") \
	/* requests */ \
	X(REQUEST_UNKNOWN, 60, "request-unknown", "The camera does not know this request. Update it.") \
	X(REQUEST_INVALID, 61, "request-invalid", "A field of the request is missing or out of range.") \
	X(NOT_PERMITTED, 62, "not-permitted", "The agency's policy does not allow this.") \
	X(NOT_FOUND, 63, "not-found", "There is no such recording.") \
	X(DISK_FULL, 64, "disk-full", "The camera's storage is full. Dock the camera to offload it.") \
	X(RECORDER_GONE, 65, "recorder-gone", "The camera's recorder does not answer.") \
	X(RECORDING_DAMAGED, 66, "recording-damaged", "The recording fails its integrity check at this position.") \
	X(BUSY, 67, "busy", "The camera is busy with another request of this kind.") \
	X(INTERNAL, 68, "internal", "An internal error; the log says more.") \
	X(PICTURE_GONE, 69, "picture-gone", "The camera has no picture. It is tried again on its own.") \
	/* bluetooth */ \
	X(BLUETOOTH_GONE, 80, "bluetooth-gone", "The Bluetooth service is not running. It is tried again on its own.") \
	X(ADAPTER_GONE, 81, "adapter-gone", "The Bluetooth adapter is missing. It is tried again on its own.") \
	X(ADVERTISING_REFUSED, 82, "advertising-refused", "The Bluetooth service refused the advertisement.") \
	X(CAMERA_NOT_FOUND, 83, "camera-not-found", "No such camera is near. Switch it on and move closer.") \
	X(CONNECT_FAILED, 84, "connect-failed", "The camera was seen but did not accept a connection.") \
	X(SCAN_REFUSED, 85, "scan-refused", "The Bluetooth service refused to scan. It is tried again on its own.") \
	X(RADIO_OFF, 86, "radio-off", "The agency's policy has switched this camera's radios off.") \
	X(RADIO_SILENT, 87, "radio-silent", "The agency's policy keeps this camera's radios silent: it only listens.") \
	/* wi-fi handover */ \
	X(WIFI_GONE, 100, "wifi-gone", "The Wi-Fi service is not running or its control socket is missing.") \
	X(AP_REFUSED, 101, "ap-refused", "The Wi-Fi service refused the access point's settings.") \
	X(AP_TIMEOUT, 102, "ap-timeout", "The access point did not come up in time.") \
	X(AP_FAILED, 103, "ap-failed", "The access point went down unexpectedly.") \
	X(JOIN_TIMEOUT, 104, "join-timeout", "The network could not be joined in time. Move closer and try again.") \
	X(JOIN_REFUSED, 105, "join-refused", "The network refused the key.") \
	X(JOIN_LOST, 106, "join-lost", "The Wi-Fi connection was lost.") \
	X(PEER_ABSENT, 107, "peer-absent", "The companion did not join the camera's network in time.") \
	X(DIAL_FAILED, 108, "dial-failed", "The camera could not reach the companion over Wi-Fi.") \
	X(MEDIA_CLOSED, 109, "media-closed", "The video connection was closed.") \
	X(WIFI_IDLE, 110, "wifi-idle", "Nothing used the camera's Wi-Fi, so it was switched off.") \
	X(SESSION_LOST, 111, "session-lost", "The Bluetooth session ended, and the Wi-Fi with it.") \
	X(CANCELLED, 112, "cancelled", "It was cancelled.") \
	/* the companion's local API */ \
	X(NOT_CONNECTED, 130, "not-connected", "The camera is not connected. Move closer: it connects on its own.") \
	X(WIFI_OFF, 131, "wifi-off", "The camera's Wi-Fi is not on. Switch it on first.") \
	X(LOGIN_REQUIRED, 132, "login-required", "Open the page with the address that \"lanyard companion open\" prints.") \
	X(ORIGIN_REFUSED, 133, "origin-refused", "The request did not come from the companion's own page.") \
	X(BODY_INVALID, 134, "body-invalid", "The request's body is not the JSON that this path expects.") \
	X(BODY_TOO_LONG, 135, "body-too-long", "The request's body is too long.") \
	X(PATH_UNKNOWN, 136, "path-unknown", "There is nothing at this path.") \
	X(METHOD_UNKNOWN, 137, "method-unknown", "This path does not know this method.") \
	X(RANGE_INVALID, 138, "range-invalid", "The requested range lies outside the recording.") \
	X(NO_CODE, 139, "no-code", "No pairing code waits to be confirmed.") \
	/* nfc tags */ \
	X(READER_GONE, 160, "reader-gone", "No NFC reader is there. Plug one in, and check that pcscd runs.") \
	X(TAG_GONE, 161, "tag-gone", "No tag is on the reader, or it was moved. Lay it on the reader and leave it there.") \
	X(TAG_UNKNOWN, 162, "tag-unknown", "This is no NTAG213, NTAG215, NTAG216 or Type 4 tag.") \
	X(TAG_UNREADABLE, 163, "tag-unreadable", "The tag does not let itself be read: it asks for a password, or is broken.") \
	X(TAG_MALFORMED, 164, "tag-malformed", "The tag's memory is not laid out as its kind demands.") \
	X(TAG_EMPTY, 165, "tag-empty", "There is no message on the tag.") \
	X(NDEF_MALFORMED, 166, "ndef-malformed", "The message on the tag is broken.") \
	X(TAG_FOREIGN, 167, "tag-foreign", "The message on the tag is none of a camera.") \
	X(TAG_LOCKED, 168, "tag-locked", "The tag is locked and cannot be given other content. Take a new one.") \
	X(TAG_WRITABLE, 169, "tag-writable", "Something on the tag can still be changed.") \
	X(TAG_TOO_SMALL, 170, "tag-too-small", "The message does not fit on the tag.") \
	X(TAG_DIFFERS, 171, "tag-differs", "What was read back is not what was written. Take a new tag.") \
	X(TAG_DUPLICATE, 172, "tag-duplicate", "Two tags say the same serial.") \
	X(FINGERPRINT_MISMATCH, 173, "fingerprint-mismatch", \
	  "The camera that answered has another key than the one you touched. Somebody may be in between. Nothing was changed.") \
	X(SIGNAL_MUTED, 174, "signal-muted", "This sender was told not to call for a while.")

enum reason {
#define REASON_ENUM(name, number, code, sentence) REASON_##name = (number),
	REASONS(REASON_ENUM)
#undef REASON_ENUM
};

/* The stable text code, "internal" for a number that is in no table. Never NULL. */
const char *reason_code(enum reason reason);
/* One sentence for a person. Never NULL. */
const char *reason_sentence(enum reason reason);
/* The reason with this text code; REASON_INTERNAL for one that we do not know. */
enum reason reason_from_code(const char *code);
/* A number from the wire becomes a reason; numbers that we do not know become REASON_INTERNAL. */
enum reason reason_from_number(unsigned number);
