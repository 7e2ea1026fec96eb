#include "cli/companion.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cli/browser.h"
#include "cli/http.h"
#include "cli/output.h"
#include "cli/page_address.h"
#include "nfc/ndef.h"

#define POLL_MS 100
#define SCAN_TELL_MS 1000       /* until then a camera that is ready has been heard, and needs no press */
#define PAIR_DEADLINE_MS 120000 /* the camera's window of 60 s, and a person on both ends */
#define WIFI_DEADLINE_MS 45000

static const char *socket_of(const struct cli_call *call) {
	const char *given = cli_value(call, "socket");
	return given ? given : COMPANION_SOCKET;
}

static uint64_t now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void pause_ms(long milliseconds) {
	nanosleep(&(struct timespec){ .tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000 }, NULL);
}

static const char *text_of(const json_t *object, const char *key) {
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static enum cli_exit get(const struct cli_call *call, const char *path, json_t **ret) {
	struct http_answer answer;
	enum cli_exit result = http_request(socket_of(call), "GET", path, NULL, &answer);
	if (result != CLI_DONE)
		return result;
	if (!json_is_object(answer.body)) {
		json_decref(answer.body);
		output_failure("internal", "companiond's answer is not what this version expects");
		return CLI_FAILED;
	}
	if (!call->json)
		output_clean(answer.body);
	*ret = answer.body;
	return CLI_DONE;
}

/* A request without an answer worth keeping. Frees `body`. */
static enum cli_exit act(const struct cli_call *call, const char *method, const char *path, json_t *body) {
	struct http_answer answer;
	enum cli_exit result = http_request(socket_of(call), method, path, body, &answer);
	json_decref(body);
	json_decref(answer.body);
	return result;
}

static enum cli_exit fail_with_reason_of(const json_t *status, enum reason otherwise) {
	const char *code = json_string_value(json_object_get(status, "reason"));
	if (!code)
		return output_reason(otherwise);
	const char *message = json_string_value(json_object_get(status, "message"));
	return output_failure(code, "%s", message ? message : reason_sentence(reason_from_code(code)));
}

/* ------------------------------------------------------------------------------------------------------------------ status */

static void print_status(const json_t *status) {
	static const struct {
		const char *state, *sentence;
	} sentences[] = {
		{ "idle", "No camera is paired." },
		{ "scanning", "No camera is paired; looking for cameras in pairing mode." },
		{ "pairing", "Pairing is in progress." },
		{ "paired", "A camera is paired but not near." },
		{ "connecting", "Connecting to the paired camera." },
		{ "live", "Connected to the camera." },
	};
	const char *state = text_of(status, "state");
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
		if (strcmp(state, sentences[i].state) == 0)
			puts(sentences[i].sentence);
	const json_t *camera = json_object_get(status, "camera");
	if (json_is_object(camera)) {
		char size[OUTPUT_SIZE_TEXT];
		printf("  camera     %s %s\n  key        %s\n  recorder   %s\n", text_of(camera, "model"),
		       text_of(camera, "serial"), text_of(camera, "fingerprint"), text_of(camera, "recorder"));
		output_size(size, (uint64_t)json_integer_value(json_object_get(camera, "free_bytes")));
		printf("  storage    %s free\n", size);
		if (json_is_integer(json_object_get(camera, "battery_percent")))
			printf("  battery    %d %%\n", (int)json_integer_value(json_object_get(camera, "battery_percent")));
	}
	printf("  bluetooth  %s\n  wi-fi      %s\n", text_of(status, "bluetooth"),
	       text_of(json_object_get(status, "wifi"), "mode"));
	if (*text_of(status, "reason"))
		printf("  last error %s [%s]\n", reason_sentence(reason_from_code(text_of(status, "reason"))),
		       text_of(status, "reason"));
}

enum cli_exit cli_companion_status(const struct cli_call *call) {
	json_t *status;
	enum cli_exit result = get(call, "/api/status", &status);
	if (result != CLI_DONE)
		return result;
	if (call->json) {
		output_json(status);
	} else {
		print_status(status);
		json_decref(status);
	}
	return CLI_DONE;
}

/* ---------------------------------------------------------------------------------------------------------- scan and pair */

static void print_cameras(const json_t *cameras) {
	size_t i;
	json_t *camera;
	if (json_array_size(cameras) == 0)
		puts("No camera in pairing mode is near. On the camera, hold Event and Function together for 2 seconds.");
	json_array_foreach(cameras, i, camera) {
		printf("%-20s %s", text_of(camera, "id"), text_of(camera, "name"));
		if (json_is_integer(json_object_get(camera, "rssi")))
			printf("  %d dBm", (int)json_integer_value(json_object_get(camera, "rssi")));
		putchar('\n');
	}
}

/* A number from an option, or `otherwise`. Returns false after a message. */
static bool number_of(const struct cli_call *call, const char *option, long otherwise, long most, long *ret) {
	const char *text = cli_value(call, option);
	if (!text) {
		*ret = otherwise;
		return true;
	}
	char *end;
	errno = 0;
	long number = strtol(text, &end, 10);
	if (errno != 0 || *end != '\0' || end == text || number < 1 || number > most) {
		output_error("--%s wants a number from 1 to %ld", option, most);
		return false;
	}
	*ret = number;
	return true;
}

enum cli_exit cli_companion_open(const struct cli_call *call) {
	long port;
	json_t *status;
	char address[PAGE_ADDRESS_SIZE];
	if (!number_of(call, "port", 8620, 65535, &port))
		return CLI_USAGE;
	/* A token that an ended companiond left behind would open nothing. */
	enum cli_exit result = get(call, "/api/status", &status);
	if (result != CLI_DONE)
		return result;
	json_decref(status);
	int error = page_address(address, socket_of(call), (unsigned)port);
	if (error < 0) {
		output_failure(reason_code(REASON_LOGIN_REQUIRED), "the page's key cannot be read beside companiond's socket: %s",
		               error == -ENOENT    ? "there is none, so companiond serves no page ([http] port = 0)"
		               : error == -EBADMSG ? "it is damaged; restart companiond"
		                                   : strerror(-error));
		return CLI_FAILED;
	}
	bool opened = false;
	if (!call->json && !cli_value(call, "print") && browser_is_there()) {
		error = browser_open(address);
		opened = error == 0;
		if (!opened)
			fprintf(stderr, "The browser could not be started (xdg-open: %s). The address is:\n", strerror(-error));
	}
	if (call->json)
		output_json(json_pack("{s:s}", "address", address));
	else
		puts(opened ? "The page opens in your browser." : address);
	wipe(address, sizeof(address));
	return CLI_DONE;
}

enum cli_exit cli_companion_scan(const struct cli_call *call) {
	long seconds;
	if (!number_of(call, "seconds", 10, 60, &seconds))
		return CLI_USAGE;
	enum cli_exit result = act(call, "POST", "/api/scan", NULL);
	json_t *status = NULL;
	uint64_t end = now_ms() + (uint64_t)seconds * 1000;
	while (result == CLI_DONE && now_ms() < end) {
		pause_ms(POLL_MS);
		json_decref(status);
		status = NULL;
		result = get(call, "/api/status", &status);
		if (result == CLI_DONE && cli_value(call, "first") && json_array_size(json_object_get(status, "cameras")) > 0)
			break;
	}
	if (result != CLI_DONE)
		return result;
	result = act(call, "DELETE", "/api/scan", NULL);
	json_t *cameras = json_object_get(status, "cameras");
	if (call->json)
		output_json(json_incref(cameras));
	else
		print_cameras(cameras);
	json_decref(status);
	return result;
}

/* Waits until one camera in pairing mode is there, or the one that was named. Its id goes to `ret`. */
static enum cli_exit find_camera(const struct cli_call *call, const char *wanted, char *ret, size_t capacity) {
	enum cli_exit result = act(call, "POST", "/api/scan", NULL);
	uint64_t tell = now_ms() + SCAN_TELL_MS, end = now_ms() + PAIR_DEADLINE_MS / 2;
	for (bool told = call->json; result == CLI_DONE && now_ms() < end; pause_ms(POLL_MS)) {
		json_t *status;
		result = get(call, "/api/status", &status);
		if (result != CLI_DONE)
			break;
		json_t *cameras = json_object_get(status, "cameras"), *camera, *match = NULL;
		size_t i, count = json_array_size(cameras);
		json_array_foreach(cameras, i, camera) if (!wanted || strcmp(text_of(camera, "id"), wanted) == 0 ||
		                                           strcmp(text_of(camera, "name"), wanted) == 0) match = camera;
		bool ambiguous = !wanted && count > 1;
		if (match && !ambiguous)
			snprintf(ret, capacity, "%s", text_of(match, "id"));
		if (ambiguous) {
			json_array_foreach(cameras, i, camera)
			        fprintf(stderr, "%s  %s\n", text_of(camera, "id"), text_of(camera, "name"));
			output_failure("request-invalid", "several cameras are in pairing mode: name one of those above");
		}
		json_decref(status);
		if (ambiguous)
			return CLI_FAILED;
		if (match)
			return CLI_DONE;
		if (!told && now_ms() >= tell) {
			puts("Looking for the camera. On it, hold Event and Function together for 2 seconds.");
			told = true;
		}
	}
	return result == CLI_DONE ? output_reason(REASON_CAMERA_NOT_FOUND) : result;
}

/* The person's answer at this end: what was typed since the last call. */
enum answer { ANSWER_NONE, ANSWER_YES, ANSWER_NO };
static enum answer read_answer(void) {
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[64];
	if (!isatty(STDIN_FILENO) || poll(&input, 1, 0) <= 0 || !fgets(line, sizeof(line), stdin))
		return ANSWER_NONE;
	return *line == 'y' || *line == 'Y' ? ANSWER_YES : ANSWER_NO;
}

static void ask_person(const struct cli_call *call, const char *code) {
	FILE *out = call->json ? stderr : stdout;
	if (cli_value(call, "fingerprint")) {
		fprintf(out,
		        "The camera has the key that you gave. It shows a code: press Event there if it is %.3s %.3s, Function "
		        "if not.\n",
		        code, code + 3);
		fflush(NULL);
		return;
	}
	fprintf(out, "Code %.3s %.3s. Compare it with the camera's: press Event there if it is the same, Function if not.\n",
	        code, code + 3);
	if (isatty(STDIN_FILENO))
		fputs("Does the camera show the same? [y/N] ", out);
	else
		fputs("Then answer for this end: lanyard companion confirm CODE, with the code that the camera shows.\n", out);
	fflush(NULL);
}

static enum cli_exit follow_pairing(const struct cli_call *call) {
	char shown[16] = "";
	for (uint64_t end = now_ms() + PAIR_DEADLINE_MS; now_ms() < end; pause_ms(POLL_MS)) {
		json_t *status;
		enum answer answer = *shown && !cli_value(call, "fingerprint") ? read_answer() : ANSWER_NONE;
		if (answer == ANSWER_NO) {
			enum cli_exit given_up = act(call, "DELETE", "/api/pair", NULL);
			return given_up == CLI_DONE ? output_reason(REASON_CODE_REJECTED) : given_up;
		}
		if (answer == ANSWER_YES) {
			enum cli_exit told = act(call, "POST", "/api/pair/confirm", json_pack("{s:s}", "code", shown));
			if (told != CLI_DONE)
				return told;
		}
		enum cli_exit result = get(call, "/api/status", &status);
		if (result != CLI_DONE)
			return result;
		const json_t *pairing = json_object_get(status, "pairing");
		const char *code = text_of(pairing, "code");
		if (*code && strcmp(code, shown) != 0) {
			snprintf(shown, sizeof(shown), "%s", code);
			ask_person(call, shown);
		}
		if (!json_is_object(pairing)) {
			const char *state = text_of(status, "state");
			bool paired =
			        strcmp(state, "paired") == 0 || strcmp(state, "connecting") == 0 || strcmp(state, "live") == 0;
			bool failed = !paired || *text_of(status, "reason");
			if (failed)
				result = fail_with_reason_of(status, REASON_CANCELLED);
			else if (call->json)
				output_json(json_pack("{s:b,s:s}", "paired", 1, "code", shown));
			else
				puts("Paired.");
			json_decref(status);
			return result;
		}
		json_decref(status);
	}
	return output_reason(REASON_TIMEOUT);
}

enum cli_exit cli_companion_pair(const struct cli_call *call) {
	char id[64];
	const char *fingerprint = cli_value(call, "fingerprint");
	uint8_t key[NFC_FINGERPRINT_SIZE];
	if (fingerprint && nfc_fingerprint_parse(fingerprint, key) < 0) {
		output_error("--fingerprint wants the 32 hexadecimal digits that the camera's tag, or \"lanyard camera status\" "
		             "on it, "
		             "says");
		return CLI_USAGE;
	}
	enum cli_exit result = find_camera(call, call->operand_count > 0 ? call->operands[0] : NULL, id, sizeof(id));
	if (result == CLI_DONE)
		result = act(call, "POST", "/api/pair", json_pack("{s:s, s:s?}", "camera", id, "fingerprint", fingerprint));
	return result == CLI_DONE ? follow_pairing(call) : result;
}

static enum cli_exit act_and_say(const struct cli_call *call, const char *method, const char *path, json_t *body, const char *key,
                                 const char *sentence) {
	enum cli_exit result = act(call, method, path, body);
	if (result != CLI_DONE)
		return result;
	if (call->json)
		output_json(json_pack("{s:b}", key, 1));
	else
		puts(sentence);
	return CLI_DONE;
}

enum cli_exit cli_companion_confirm(const struct cli_call *call) {
	json_t *body = json_pack("{s:s}", "code", call->operands[0]);
	return act_and_say(call, "POST", "/api/pair/confirm", body, "confirmed",
	                   "The codes are the same. Press Event on the camera, too.");
}

enum cli_exit cli_companion_forget(const struct cli_call *call) {
	return act_and_say(call, "POST", "/api/forget", NULL, "forgotten", "The companion has no camera now.");
}

/* -------------------------------------------------------------------------------------------------------------- recordings */

static void print_recording(const json_t *recording) {
	char time[OUTPUT_TIME_TEXT], duration[OUTPUT_SIZE_TEXT], size[OUTPUT_SIZE_TEXT];
	output_time(time, (uint64_t)json_integer_value(json_object_get(recording, "started_us")));
	output_duration(duration, (uint64_t)json_integer_value(json_object_get(recording, "duration_ms")));
	output_size(size, (uint64_t)json_integer_value(json_object_get(recording, "size")));
	const json_t *tag = json_object_get(recording, "tag");
	printf("%s  %s  %8s  %8s  %-9s  %s%s%s\n", text_of(recording, "id"), time, duration, size, text_of(recording, "state"),
	       text_of(tag, "category"), *text_of(tag, "case_number") ? ", case " : "", text_of(tag, "case_number"));
}

enum cli_exit cli_companion_list(const struct cli_call *call) {
	long limit;
	if (!number_of(call, "limit", 20, 100, &limit))
		return CLI_USAGE;
	char path[160];
	const char *before = cli_value(call, "before");
	if (before && strspn(before, "0123456789abcdef") != strlen(before)) {
		output_error("--before wants a recording's id as \"list\" prints it");
		return CLI_USAGE;
	}
	snprintf(path, sizeof(path), before ? "/api/recordings?limit=%ld&before=%.64s" : "/api/recordings?limit=%ld", limit,
	         before);
	json_t *answer, *recording;
	enum cli_exit result = get(call, path, &answer);
	if (result != CLI_DONE)
		return result;
	if (call->json) {
		output_json(answer);
		return CLI_DONE;
	}
	const json_t *recordings = json_object_get(answer, "recordings");
	size_t i, count = json_array_size(recordings);
	if (count == 0)
		puts("The camera has no recordings.");
	else
		printf("%-32s  %-19s  %8s  %8s  %-9s  %s\n", "ID", "STARTED", "LENGTH", "SIZE", "STATE", "TAG");
	json_array_foreach(recordings, i, recording) print_recording(recording);
	if (json_is_true(json_object_get(answer, "more")) && count > 0)
		printf("There are older ones: --before %s\n", text_of(json_array_get(recordings, count - 1), "id"));
	json_decref(answer);
	return CLI_DONE;
}

/* The id goes into a path: only what an id can be. */
static bool recording_path(const struct cli_call *call, const char *suffix, char *out, size_t capacity) {
	const char *id = call->operands[0];
	if (strlen(id) != 32 || strspn(id, "0123456789abcdef") != 32) {
		output_error("\"%s\" is not a recording's id; \"lanyard companion list\" prints them", id);
		return false;
	}
	snprintf(out, capacity, "/api/recordings/%s/%s", id, suffix);
	return true;
}

enum cli_exit cli_companion_play(const struct cli_call *call) {
	char path[128];
	const char *name = cli_value(call, "output");
	if (!recording_path(call, "media", path, sizeof(path)))
		return CLI_USAGE;
	bool to_stdout = !name || strcmp(name, "-") == 0;
	if (to_stdout && isatty(STDOUT_FILENO)) {
		output_error("the video would go to the terminal: pipe it into a player, or give --output FILE");
		return CLI_USAGE;
	}
	FILE *out = to_stdout ? stdout : fopen(name, "wbxe");
	if (!out) {
		output_failure("request-invalid", "%s cannot be created: %s", name, strerror(errno));
		return CLI_FAILED;
	}
	enum cli_exit result = http_download(socket_of(call), path, out);
	if (fflush(out) != 0 && result == CLI_DONE) {
		output_failure("disk-full", "the video could not be written: %s", strerror(errno));
		result = CLI_FAILED;
	}
	if (!to_stdout) {
		fclose(out);
		if (result != CLI_DONE) /* half a video would pass for a whole one */
			(void)unlink(name);
	}
	return result;
}

/* "LATITUDE,LONGITUDE" in degrees. */
static bool parse_position(const char *text, double *latitude, double *longitude) {
	char *end;
	*latitude = strtod(text, &end);
	if (end == text || *end != ',')
		return false;
	const char *second = end + 1;
	*longitude = strtod(second, &end);
	return end != second && *end == '\0' && *latitude >= -90 && *latitude <= 90 && *longitude >= -180 && *longitude <= 180;
}

enum cli_exit cli_companion_tag(const struct cli_call *call) {
	char path[128];
	double latitude = 0, longitude = 0;
	const char *position = cli_value(call, "position");
	if (!recording_path(call, "tag", path, sizeof(path)))
		return CLI_USAGE;
	if (position && !parse_position(position, &latitude, &longitude)) {
		output_error("--position wants LATITUDE,LONGITUDE in degrees, such as 59.3293,18.0686");
		return CLI_USAGE;
	}
	static const char *const fields[][2] = { { "category", "category" }, { "case", "case_number" }, { "note", "note" } };
	json_t *tag = json_object();
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const char *value = cli_value(call, fields[i][0]);
		json_t *text = json_string(value ? value : "");
		if (!text) {
			output_error("--%s is not valid UTF-8", fields[i][0]);
			json_decref(tag);
			return CLI_USAGE;
		}
		json_object_set_new(tag, fields[i][1], text);
	}
	json_object_set_new(tag, "latitude", position ? json_real(latitude) : json_null());
	json_object_set_new(tag, "longitude", position ? json_real(longitude) : json_null());
	struct http_answer answer;
	enum cli_exit result = http_request(socket_of(call), "PUT", path, tag, &answer);
	json_decref(tag);
	if (result != CLI_DONE)
		return result;
	if (call->json && answer.body)
		output_json(json_incref(answer.body));
	else
		printf("Saved on the camera, revision %d.\n", (int)json_integer_value(json_object_get(answer.body, "revision")));
	json_decref(answer.body);
	return CLI_DONE;
}

/* ------------------------------------------------------------------------------------------------------------------- wi-fi */

static enum cli_exit wait_for_media(const struct cli_call *call, json_t **ret) {
	for (uint64_t end = now_ms() + WIFI_DEADLINE_MS; now_ms() < end; pause_ms(POLL_MS)) {
		json_t *status;
		enum cli_exit result = get(call, "/api/status", &status);
		if (result != CLI_DONE)
			return result;
		const json_t *wifi = json_object_get(status, "wifi");
		if (strcmp(text_of(wifi, "mode"), "media-ready") == 0) {
			*ret = status;
			return CLI_DONE;
		}
		if (strcmp(text_of(wifi, "mode"), "off") == 0) {
			result = fail_with_reason_of(wifi, REASON_WIFI_OFF);
			json_decref(status);
			return result;
		}
		json_decref(status);
	}
	return output_reason(REASON_TIMEOUT);
}

enum cli_exit cli_companion_ap(const struct cli_call *call) {
	json_t *status = NULL;
	enum cli_exit result = act(call, "POST", "/api/wifi", NULL);
	if (result == CLI_DONE)
		result = wait_for_media(call, &status);
	if (result != CLI_DONE)
		return result;
	if (call->json)
		output_json(json_incref(json_object_get(status, "wifi")));
	else
		puts("The camera's Wi-Fi is on and the video channel is ready.");
	json_decref(status);
	return CLI_DONE;
}

enum cli_exit cli_companion_close(const struct cli_call *call) {
	return act_and_say(call, "DELETE", "/api/wifi", NULL, "closed", "The camera's Wi-Fi is off.");
}
