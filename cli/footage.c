#include "cli/footage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "cli/output.h"
#include "crypto/crypto.h"
#include "footage/store.h"

#define DEFAULT_STATE "/var/lib/lanyard/cam-recorder"
#define STORAGE_KEY_NAME "storage.key"

struct footage {
	int folder;
	struct keystore *keystore;
	struct store *store;
};

static void footage_close(struct footage *f) {
	store_free(f->store);
	keystore_free(f->keystore);
	if (f->folder >= 0)
		close(f->folder);
}

static enum cli_exit explain(const char *path, const char *what, int result) {
	if (result == -ENOENT)
		output_failure("not-found", "%s holds no recordings: %s is not there", path, what);
	else if (result == -EACCES || result == -EPERM)
		output_failure("not-permitted", "%s may only be read by the recorder's user and root", path);
	else if (result == -EBADMSG)
		output_failure("recording-damaged", "%s in %s is damaged", what, path);
	else
		output_failure("internal", "%s in %s cannot be opened: %s", what, path, strerror(-result));
	return CLI_FAILED;
}

/* Nothing in the folder is changed: a recorder may be at work in it. */
static enum cli_exit footage_open(const struct cli_call *call, struct footage *ret) {
	const char *state = cli_value(call, "state");
	const char *path = state ? state : DEFAULT_STATE;
	struct footage f = { .folder = -1 };
	log_set_level(LOG_LEVEL_ERROR); /* what is damaged is said; what is merely cut short is in the listing */
	int result = crypto_start();
	const char *what = "the folder";
	if (result == 0) {
		f.folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		result = f.folder < 0 ? -errno : 0;
	}
	if (result == 0) {
		what = STORAGE_KEY_NAME;
		result = keystore_open_file_to_read(&f.keystore, f.folder, STORAGE_KEY_NAME);
	}
	if (result == 0) {
		what = "the store";
		result = store_open_to_read(&f.store, f.folder, f.keystore);
	}
	if (result < 0) {
		footage_close(&f);
		return explain(path, what, result);
	}
	*ret = f;
	return CLI_DONE;
}

static const struct recording *find(const struct footage *f, const char *id) {
	const struct recording *recording = store_find(f->store, id);
	if (!recording)
		output_failure("not-found", "there is no recording \"%.64s\" here; \"lanyard footage list\" prints them", id);
	return recording;
}

/* ----------------------------------------------------------------------------------------------------------------- as JSON */

static const char *state_name(enum recording_state state) {
	switch (state) {
	case RECORDING_STATE_ACTIVE:
		return "active";
	case RECORDING_STATE_COMPLETE:
		return "complete";
	case RECORDING_STATE_CUT_SHORT:
		return "cut-short";
	}
	return "cut-short";
}

static json_t *degrees(const struct recording_tag *tag, int32_t value_e7) {
	return tag->has_position ? json_real(value_e7 / 1e7) : json_null();
}

static json_t *tag_to_json(const struct recording_tag *tag, uint32_t revision) {
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:I}", "category", tag->category, "case_number", tag->case_number, "note",
	                 tag->note, "latitude", degrees(tag, tag->latitude_e7), "longitude", degrees(tag, tag->longitude_e7),
	                 "revision", (json_int_t)revision);
}

/* The same members as in the companion's HTTP API. */
static json_t *recording_to_json(const struct recording *r) {
	char hash[2 * SHA256_SIZE + 1];
	hex_encode(hash, r->sha256, SHA256_SIZE);
	return json_pack("{s:s, s:I, s:I, s:I, s:s, s:s, s:o, s:b, s:o}", "id", r->id, "started_us", (json_int_t)r->started_us,
	                 "duration_ms", (json_int_t)r->duration_ms, "size", (json_int_t)r->size, "state", state_name(r->state),
	                 "reason", r->reason, "sha256", r->state == RECORDING_STATE_COMPLETE ? json_string(hash) : json_null(),
	                 "thumbnail", r->thumbnail_size > 0, "tag", tag_to_json(&r->tag, r->tag_revision));
}

/* -------------------------------------------------------------------------------------------------------------------- list */

static void print_row(const struct recording *r) {
	char time[OUTPUT_TIME_TEXT], duration[OUTPUT_SIZE_TEXT], size[OUTPUT_SIZE_TEXT];
	output_time(time, r->started_us);
	output_duration(duration, r->duration_ms);
	output_size(size, r->size);
	json_t *tag = tag_to_json(&r->tag, r->tag_revision);
	output_clean(tag);
	const char *number = json_string_value(json_object_get(tag, "case_number"));
	printf("%s  %s  %8s  %8s  %-9s  %s%s%s\n", r->id, time, duration, size, state_name(r->state),
	       json_string_value(json_object_get(tag, "category")), number && *number ? ", case " : "", number ? number : "");
	json_decref(tag);
}

enum cli_exit cli_footage_list(const struct cli_call *call) {
	struct footage f;
	size_t count;
	enum cli_exit result = footage_open(call, &f);
	if (result != CLI_DONE)
		return result;
	const struct recording *recordings = store_list(f.store, &count);
	json_t *list = json_array();
	if (!call->json)
		printf(count > 0 ? "%-32s  %-19s  %8s  %8s  %-9s  %s\n" : "There are no recordings.\n", "ID", "STARTED", "LENGTH",
		       "SIZE", "STATE", "TAG");
	for (size_t i = 0; i < count; i++) {
		if (call->json)
			json_array_append_new(list, recording_to_json(&recordings[i]));
		else
			print_row(&recordings[i]);
	}
	if (call->json)
		output_json(json_pack("{s:O}", "recordings", list));
	json_decref(list);
	footage_close(&f);
	return CLI_DONE;
}

/* -------------------------------------------------------------------------------------------------------------------- show */

static json_t *tags_to_json(const struct footage *f, const char *id) {
	struct tag_entry *tags;
	size_t count;
	if (store_get_tags(f->store, id, &tags, &count) < 0)
		return json_null();
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *tag = tag_to_json(&tags[i].tag, tags[i].revision);
		json_object_set_new(tag, "time_us", json_integer((json_int_t)tags[i].time_us));
		json_array_append_new(list, tag);
	}
	free(tags);
	return list;
}

static json_t *details_to_json(const struct footage *f, const char *id) {
	struct recording_detail *details;
	size_t count;
	if (store_get_details(f->store, id, &details, &count) < 0)
		return json_null();
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_pack("{s:I, s:s, s:s}", "time_us", (json_int_t)details[i].time_us, "key",
		                                      details[i].key, "value", details[i].value));
	free(details);
	return list;
}

static const char *text_of(const json_t *object, const char *key) {
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static void print_list(const json_t *list, const char *title) {
	size_t i;
	json_t *entry;
	if (!json_is_array(list))
		printf("%s: damaged\n", title);
	else if (json_array_size(list) > 0)
		printf("%s:\n", title);
	json_array_foreach(list, i, entry) {
		char time[OUTPUT_TIME_TEXT];
		output_time(time, (uint64_t)json_integer_value(json_object_get(entry, "time_us")));
		if (json_object_get(entry, "key"))
			printf("  %s  %s: %s\n", time, text_of(entry, "key"), text_of(entry, "value"));
		else
			printf("  %s  %s, case \"%s\", note \"%s\"\n", time, text_of(entry, "category"),
			       text_of(entry, "case_number"), text_of(entry, "note"));
	}
}

static void print_recording(const struct recording *r, const json_t *all) {
	char time[OUTPUT_TIME_TEXT], duration[OUTPUT_SIZE_TEXT];
	output_time(time, r->started_us);
	output_duration(duration, r->duration_ms);
	printf("Recording %s\n  started   %s (%s)\n  length    %s\n  size      %" PRIu64 " bytes\n  state     %s\n", r->id, time,
	       text_of(all, "reason"), duration, r->size, state_name(r->state));
	if (r->state == RECORDING_STATE_COMPLETE)
		printf("  SHA-256   %s\n", text_of(all, "sha256"));
	print_list(json_object_get(all, "tags"), "Tags");
	print_list(json_object_get(all, "details"), "Details");
}

enum cli_exit cli_footage_show(const struct cli_call *call) {
	struct footage f;
	enum cli_exit result = footage_open(call, &f);
	if (result != CLI_DONE)
		return result;
	const struct recording *recording = find(&f, call->operands[0]);
	if (recording) {
		json_t *all = recording_to_json(recording);
		json_object_set_new(all, "tags", tags_to_json(&f, recording->id));
		json_object_set_new(all, "details", details_to_json(&f, recording->id));
		if (call->json) {
			output_json(all);
		} else {
			output_clean(all);
			print_recording(recording, all);
			json_decref(all);
		}
	}
	footage_close(&f);
	return recording ? CLI_DONE : CLI_FAILED;
}

/* ------------------------------------------------------------------------------------------------------------------ verify */

static const char *verdict(int result) {
	switch (-result) {
	case 0:
		return "good";
	case ENODATA:
		return "good-so-far";
	case EBADMSG:
		return "damaged";
	case ENOENT:
		return "missing";
	default:
		return "unreadable";
	}
}

static const char *part_name(enum recording_part part) {
	static const char *const names[] = { [RECORDING_PART_META] = "metadata",
		                             [RECORDING_PART_THUMBNAIL] = "thumbnail",
		                             [RECORDING_PART_TAGS] = "tags",
		                             [RECORDING_PART_DETAILS] = "details" };
	return names[part];
}

/* The sealed files beside the container. *ret_set_aside: parts of which an earlier version was damaged. */
static json_t *damaged_parts(const struct footage *f, const char *id, json_t **ret_set_aside) {
	json_t *damaged = json_array();
	*ret_set_aside = json_array();
	for (int i = 0; i < RECORDING_PARTS; i++) {
		enum recording_part part = (enum recording_part)i;
		enum recording_part_state state = store_check_part(f->store, id, part);
		if (state != RECORDING_PART_GOOD)
			json_array_append_new(state == RECORDING_PART_DAMAGED ? damaged : *ret_set_aside,
			                      json_string(part_name(part)));
	}
	return damaged;
}

static void print_parts(const json_t *parts, const char *what) {
	size_t i;
	json_t *part;
	json_array_foreach(parts, i, part) printf("%34s%s: %s\n", "", what, json_string_value(part));
}

static bool verify_one(const struct footage *f, const struct cli_call *call, const struct recording *recording, json_t *list) {
	json_t *set_aside, *damaged = damaged_parts(f, recording->id, &set_aside);
	int result = store_verify(f->store, recording->id);
	bool good = (result == 0 || result == -ENODATA) && json_array_size(damaged) == 0;
	if (call->json) {
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:O, s:O}", "id", recording->id, "state",
		                                      state_name(recording->state), "verdict", verdict(result), "ok", good,
		                                      "damaged", damaged, "set_aside", set_aside));
	} else {
		printf("%s  %-9s  %s\n", recording->id, state_name(recording->state),
		       result == 0          ? "good"
		       : result == -ENODATA ? "good as far as it goes"
		       : result == -EBADMSG ? "DAMAGED: changed, cut off, or not what was captured"
		       : result == -ENOENT  ? "MISSING: its container is gone"
		                            : strerror(-result));
		print_parts(damaged, "DAMAGED");
		print_parts(set_aside, "damaged earlier and set aside");
	}
	json_decref(damaged);
	json_decref(set_aside);
	return good;
}

enum cli_exit cli_footage_verify(const struct cli_call *call) {
	struct footage f;
	enum cli_exit result = footage_open(call, &f);
	if (result != CLI_DONE)
		return result;
	size_t count, bad = 0;
	const struct recording *recordings = store_list(f.store, &count);
	json_t *list = json_array();
	for (size_t i = 0; call->operand_count == 0 && i < count; i++)
		bad += !verify_one(&f, call, &recordings[i], list);
	bool known = true;
	for (int i = 0; i < call->operand_count; i++) {
		const struct recording *recording = find(&f, call->operands[i]);
		known = known && recording;
		if (recording)
			bad += !verify_one(&f, call, recording, list);
	}
	size_t strangers = call->operand_count == 0 ? store_strangers(f.store) : 0;
	if (call->json)
		output_json(json_pack("{s:b, s:O, s:I}", "ok", bad == 0 && known && strangers == 0, "recordings", list,
		                      "other_key", (json_int_t)strangers));
	else if (strangers > 0)
		printf("%zu more cannot be verified: they were made with another storage key\n", strangers);
	json_decref(list);
	footage_close(&f);
	return bad > 0 ? output_reason(REASON_RECORDING_DAMAGED) : known && strangers == 0 ? CLI_DONE : CLI_FAILED;
}

/* ------------------------------------------------------------------------------------------------------------------ export */

static int write_all(struct container_reader *reader, FILE *out, struct sha256_state *hash, uint64_t *ret_size) {
	uint8_t *bytes = malloc(CONTAINER_READ_SIZE);
	uint64_t at = 0;
	int result = bytes ? 0 : -ENOMEM;
	while (result == 0) {
		ssize_t got = container_reader_read(reader, at, bytes, CONTAINER_READ_SIZE);
		if (got <= 0) {
			result = (int)got;
			break;
		}
		sha256_update(hash, bytes, (size_t)got);
		at += (uint64_t)got;
		if (fwrite(bytes, 1, (size_t)got, out) != (size_t)got)
			result = -EPIPE;
	}
	if (bytes)
		wipe(bytes, CONTAINER_READ_SIZE);
	free(bytes);
	*ret_size = at;
	return result;
}

static enum cli_exit export_to(const struct footage *f, const struct recording *recording, FILE *out) {
	struct container_reader *reader = NULL;
	struct sha256_state *hash = NULL;
	uint8_t digest[SHA256_SIZE];
	uint64_t size = 0;
	int result = store_read(f->store, recording->id, &reader);
	if (result == 0)
		result = sha256_new(&hash);
	if (result == 0)
		result = write_all(reader, out, hash, &size);
	if (result == 0 && fflush(out) != 0)
		result = -EPIPE;
	if (result == 0 && recording->state == RECORDING_STATE_COMPLETE) {
		sha256_peek(hash, digest);
		if (size != recording->size || memcmp(digest, recording->sha256, SHA256_SIZE) != 0)
			result = -EBADMSG;
	}
	sha256_free(hash);
	container_reader_free(reader);
	if (result == 0)
		return CLI_DONE;
	if (result == -EBADMSG)
		return output_reason(REASON_RECORDING_DAMAGED);
	if (result == -EPIPE)
		output_failure(errno == ENOSPC ? reason_code(REASON_DISK_FULL) : reason_code(REASON_INTERNAL),
		               "the video cannot be written: %s", strerror(errno));
	else
		output_failure("internal", "the recording cannot be read: %s", strerror(-result));
	return CLI_FAILED;
}

static enum cli_exit export_named(const struct cli_call *call, const struct footage *f, const struct recording *recording,
                                  const char *name) {
	bool to_stdout = !name || strcmp(name, "-") == 0;
	FILE *out = stdout;
	if (!to_stdout) {
		int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); /* plain footage is for its owner alone */
		out = file < 0 ? NULL : fdopen(file, "wb");
	}
	if (!out) {
		output_failure("request-invalid", "%s cannot be created: %s", name, strerror(errno));
		return CLI_FAILED;
	}
	enum cli_exit result = export_to(f, recording, out);
	if (!to_stdout && fclose(out) != 0 && result == CLI_DONE) {
		output_failure("internal", "%s cannot be written: %s", name, strerror(errno));
		result = CLI_FAILED;
	}
	if (!to_stdout && result != CLI_DONE) /* a part would pass for the whole */
		(void)unlink(name);
	if (result == CLI_DONE && recording->state != RECORDING_STATE_COMPLETE)
		fprintf(stderr, "lanyard: the recording is %s; this is all that is there\n", state_name(recording->state));
	if (result == CLI_DONE && call->json && !to_stdout)
		output_json(recording_to_json(recording));
	return result;
}

enum cli_exit cli_footage_export(const struct cli_call *call) {
	const char *name = cli_value(call, "output");
	if ((!name || strcmp(name, "-") == 0) && isatty(STDOUT_FILENO)) {
		output_error("the video would go to the terminal: pipe it into a player, or give --output FILE");
		return CLI_USAGE;
	}
	struct footage f;
	enum cli_exit result = footage_open(call, &f);
	if (result != CLI_DONE)
		return result;
	const struct recording *recording = find(&f, call->operands[0]);
	result = recording ? export_named(call, &f, recording, name) : CLI_FAILED;
	footage_close(&f);
	return result;
}
