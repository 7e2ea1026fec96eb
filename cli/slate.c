#include "cli/slate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/slate_log.h"
#include "cli/slate_page.h"
#include "crypto/crypto.h"
#include "slate/book.h"
#include "slate/resolve.h"

/* --- resolve --- */

static json_t *rssi_json(int8_t rssi) {
	return rssi == SLATE_RSSI_UNKNOWN ? json_null() : json_integer(rssi);
}

static json_t *time_json(uint64_t time_us) {
	return time_us == 0 ? json_null() : json_integer((json_int_t)time_us);
}

static const char *serial_of(const struct resolve *resolve, size_t camera) {
	return resolve_camera_at(resolve, camera)->serial;
}

static json_t *cameras_json(const struct resolve *resolve) {
	json_t *list = json_array();
	for (size_t i = 0; i < resolve_camera_count(resolve); i++) {
		const struct resolve_camera *c = resolve_camera_at(resolve, i);
		json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:{s:s, s:I, s:I}}", "serial", c->serial, "sightings",
		                                      (json_int_t)c->sightings, "unknown", (json_int_t)c->unknown, "clock",
		                                      "reference", serial_of(resolve, c->group), "shift_us",
		                                      (json_int_t)c->shift_us, "slack_us", (json_int_t)c->slack_us));
	}
	return list;
}

static json_t *side_json(const struct resolve *resolve, const struct resolve_meeting *m, size_t side) {
	const struct resolve_side *heard = &m->heard[side];
	return json_pack("{s:s, s:I, s:o, s:o, s:o}", "by", serial_of(resolve, m->camera[side]), "count",
	                 (json_int_t)heard->count, "rssi", rssi_json(heard->rssi), "first_us", time_json(heard->first_us),
	                 "last_us", time_json(heard->last_us));
}

static json_t *meetings_json(const struct resolve *resolve) {
	json_t *list = json_array();
	for (size_t i = 0; i < resolve_meeting_count(resolve); i++) {
		const struct resolve_meeting *m = resolve_meeting_at(resolve, i);
		json_t *stretches = json_array();
		for (size_t j = 0; j < m->stretch_count; j++)
			json_array_append_new(stretches,
			                      json_pack("{s:s, s:I, s:I}", "by", serial_of(resolve, m->stretches[j].camera),
			                                "from_us", (json_int_t)m->stretches[j].from_us, "to_us",
			                                (json_int_t)m->stretches[j].to_us));
		json_array_append_new(list, json_pack("{s:[s,s], s:s, s:[o,o], s:{s:o, s:o, s:b}, s:o}", "cameras",
		                                      serial_of(resolve, m->camera[0]), serial_of(resolve, m->camera[1]),
		                                      "confidence", resolve_confidence_name(m->confidence), "heard",
		                                      side_json(resolve, m, 0), side_json(resolve, m, 1), "clock_difference",
		                                      "least_us", m->has_least ? json_integer(m->least_us) : json_null(),
		                                      "most_us", m->has_most ? json_integer(m->most_us) : json_null(),
		                                      "contradicts", m->contradicts, "stretches", stretches));
	}
	return list;
}

static json_t *recordings_json(const struct resolve *resolve) {
	json_t *list = json_array();
	for (size_t i = 0; i < resolve_recording_count(resolve); i++) {
		const struct resolve_recording *r = resolve_recording_at(resolve, i);
		char id[2 * SLATE_ID_SIZE + 1];
		uint64_t shift_us = (uint64_t)resolve_camera_at(resolve, r->camera)->shift_us;
		hex_encode(id, r->id, sizeof(r->id));
		json_array_append_new(list,
		                      json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "camera", serial_of(resolve, r->camera), "id",
		                                id, "began_us", time_json(r->began_us), "ended_us", time_json(r->ended_us),
		                                "common_began_us", time_json(r->began_us ? r->began_us + shift_us : 0),
		                                "common_ended_us", time_json(r->ended_us ? r->ended_us + shift_us : 0)));
	}
	return list;
}

static void print_meetings(const struct resolve *resolve) {
	if (resolve_meeting_count(resolve) == 0)
		puts("No two of these cameras have heard each other.");
	for (size_t i = 0; i < resolve_meeting_count(resolve); i++) {
		const struct resolve_meeting *m = resolve_meeting_at(resolve, i);
		printf("%s with %s: confidence %s\n", serial_of(resolve, m->camera[0]), serial_of(resolve, m->camera[1]),
		       resolve_confidence_name(m->confidence));
		for (size_t j = 0; j < m->stretch_count; j++) {
			char from[OUTPUT_TIME_TEXT], to[OUTPUT_TIME_TEXT];
			output_time(from, m->stretches[j].from_us);
			output_time(to, m->stretches[j].to_us);
			printf("  %s to %s, heard by %s\n", from, to, serial_of(resolve, m->stretches[j].camera));
		}
		if (m->contradicts)
			puts("  what they heard contradicts: a clock was set meanwhile, or adverts were repeated elsewhere");
		else if (m->has_least && m->has_most)
			printf("  the first one's clock minus the second one's: %+.2f to %+.2f s\n", (double)m->least_us / 1e6,
			       (double)m->most_us / 1e6);
	}
}

static enum cli_exit write_page(const char *path, const struct resolve *resolve) {
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *out = file < 0 ? NULL : fdopen(file, "w");
	if (!out) {
		int error = errno;
		if (file >= 0)
			close(file);
		return output_failure("store-failed", "%s: %s", path, strerror(error));
	}
	int r = slate_page_write(out, resolve);
	if (fclose(out) != 0 && r == 0)
		r = -errno;
	if (r < 0)
		unlink(path);
	return r == 0 ? CLI_DONE : output_failure("store-failed", "%s: %s", path, strerror(-r));
}

static enum cli_exit add_log(struct resolve *resolve, const char *path) {
	uint8_t *bytes = NULL;
	size_t length = 0;
	struct slate_reader reader;
	struct slate_proof proof;
	enum cli_exit result = slate_log_read(path, &bytes, &length);
	if (!bytes)
		return result;
	int r = resolve_add(resolve, bytes, length);
	if (r == 0 && slate_verify(bytes, length, NULL, NULL, &proof) == 0 && proof.verdict != SLATE_SOUND)
		output_error("%s is damaged: only its first %" PRIu64 " entries count", path, proof.entries);
	if (r == -EBADMSG)
		result = output_failure("record-corrupt", "%s is no log of sightings", path);
	else if (r == -ENOKEY && slate_reader_start(&reader, bytes, length) == 0)
		result = output_failure("not-found", "%s: there is no key for camera %s in the file of keys", path,
		                        reader.header.serial);
	else if (r < 0)
		result = output_failure("internal", "%s: %s", path, strerror(-r));
	free(bytes);
	return result;
}

static enum cli_exit resolve_with(const struct cli_call *call, const struct camera_key *keys, size_t count) {
	const char *page = cli_value(call, "html");
	struct resolve *resolve = NULL;
	enum cli_exit result = resolve_new(&resolve, keys, count) < 0 ? output_reason(REASON_INTERNAL) : CLI_DONE;
	for (int i = 0; i < call->operand_count && result == CLI_DONE; i++)
		result = add_log(resolve, call->operands[i]);
	if (result == CLI_DONE && resolve_run(resolve) < 0)
		result = output_reason(REASON_INTERNAL);
	if (result == CLI_DONE && page)
		result = write_page(page, resolve);
	if (result == CLI_DONE && call->json)
		output_json(json_pack("{s:o, s:o, s:o}", "cameras", cameras_json(resolve), "meetings", meetings_json(resolve),
		                      "recordings", recordings_json(resolve)));
	else if (result == CLI_DONE)
		print_meetings(resolve);
	resolve_free(resolve);
	return result;
}

enum cli_exit cli_slate_resolve(const struct cli_call *call) {
	const char *path = cli_value(call, "keys");
	size_t count = 0;
	if (!path) {
		output_error("--keys FILE is missing: the keys of the cameras");
		return CLI_USAGE;
	}
	if (crypto_start() < 0)
		return output_reason(REASON_INTERNAL);
	struct camera_key *keys = calloc(CAMERA_KEYS_LIMIT, sizeof(*keys));
	if (!keys)
		return output_reason(REASON_INTERNAL);
	char problem[KEY_FILE_PROBLEM_SIZE];
	enum cli_exit result = camera_keys_read(path, keys, &count, problem) < 0 ? output_failure("not-found", "%s", problem)
	                                                                         : resolve_with(call, keys, count);
	wipe(keys, CAMERA_KEYS_LIMIT * sizeof(*keys));
	free(keys);
	return result;
}

/* --- keys --- */

static bool is_serial(const char *text) {
	size_t length = strlen(text);
	return length > 0 && length <= SLATE_SERIAL_LIMIT && text_is_plain(text, false) && text[0] != ' ' && text[0] != '#' &&
	       text[length - 1] != ' ';
}

static int write_keys(int file, char **serials, int count) {
	uint8_t key[ADVERT_KEY_SIZE];
	char digits[2 * ADVERT_KEY_SIZE + 1], line[sizeof(digits) + SLATE_SERIAL_LIMIT + 4];
	int r = 0;
	for (int i = 0; i < count && r == 0; i++) {
		random_system()->fill(random_system()->context, key, sizeof(key));
		hex_encode(digits, key, sizeof(key));
		int length = snprintf(line, sizeof(line), "%s %s\n", serials[i], digits);
		if (write(file, line, (size_t)length) != length)
			r = errno ? -errno : -EIO;
	}
	wipe(key, sizeof(key));
	wipe(digits, sizeof(digits));
	wipe(line, sizeof(line));
	return r == 0 && fsync(file) < 0 ? -errno : r;
}

enum cli_exit cli_slate_keys(const struct cli_call *call) {
	const char *path = call->operands[0];
	for (int i = 1; i < call->operand_count; i++)
		if (!is_serial(call->operands[i])) {
			output_error("\"%s\" is no serial of a camera: at most 32 bytes, no blanks at either end",
			             call->operands[i]);
			return CLI_USAGE;
		}
	if (crypto_start() < 0)
		return output_reason(REASON_INTERNAL);
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = file < 0 ? -errno : write_keys(file, call->operands + 1, call->operand_count - 1);
	if (file >= 0)
		close(file);
	if (r < 0) {
		if (file >= 0)
			unlink(path);
		return output_failure("store-failed", "%s: %s", path,
		                      r == -EEXIST ? "is there already, and keys are never overwritten" : strerror(-r));
	}
	if (call->json)
		output_json(json_pack("{s:s, s:i}", "file", path, "cameras", call->operand_count - 1));
	else
		printf("%s: keys for %d cameras. Give each camera its own line, and keep the file.\n", path,
		       call->operand_count - 1);
	return CLI_DONE;
}
