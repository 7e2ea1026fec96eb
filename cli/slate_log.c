#include "cli/slate_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "cli/camera.h"
#include "cli/output.h"
#include "crypto/crypto.h"
#include "slate/book.h"
#include "slate/log.h"

/* Larger than any log that a camera writes (slate/book.h). */
#define LOG_LIMIT (SLATE_HEADER_SIZE + (size_t)(SLATE_BOOK_ENTRIES + SLATE_BATCH) * SLATE_ENTRY_SIZE)
#define STATE_DEFAULT "/var/lib/lanyard/cam-radiod"
#define HEAD_NAME "head"

/* Free *ret. 0 or a negative errno. */
static int load(const char *path, size_t limit, uint8_t **ret, size_t *ret_length) {
	uint8_t *bytes = malloc(limit + 1);
	if (!bytes)
		return -ENOMEM;
	int r = file_read(AT_FDCWD, path, bytes, limit, ret_length);
	if (r < 0) {
		free(bytes);
		return r;
	}
	bytes[*ret_length] = '\0';
	*ret = bytes;
	return 0;
}

static enum cli_exit explain_load(const char *path, int error) {
	const char *code = error == -ENOENT ? "not-found" : error == -EACCES ? "not-permitted" : "internal";
	return output_failure(code, "%s: %s", path, error == -EFBIG ? "longer than any file of this kind" : strerror(-error));
}

enum cli_exit slate_log_read(const char *path, uint8_t **ret, size_t *ret_length) {
	int r = load(path, LOG_LIMIT, ret, ret_length);
	return r < 0 ? explain_load(path, r) : CLI_DONE;
}

/* --- head --- */

enum cli_exit cli_slate_head(const struct cli_call *call) {
	char head[SLATE_HEAD_TEXT];
	enum cli_exit result = camera_slate_head(call, head);
	if (result != CLI_DONE)
		return result;
	if (call->json)
		output_json(json_pack("{s:s}", "head", head));
	else
		puts(head);
	return CLI_DONE;
}

/* --- verify --- */

static enum cli_exit read_head(const struct cli_call *call, struct slate_head *ret, bool *ret_given) {
	const char *path = cli_value(call, "head"), *key = cli_value(call, "key");
	uint8_t expected[ED25519_PUBLIC_SIZE], *bytes = NULL;
	size_t length = 0;
	*ret_given = path;
	if (key && (!path || hex_decode(expected, sizeof(expected), key) < 0)) {
		output_error("--key is 64 hexadecimal digits, and goes with --head");
		return CLI_USAGE;
	}
	if (!path)
		return CLI_DONE;
	int r = load(path, SLATE_HEAD_TEXT, &bytes, &length);
	if (r < 0)
		return explain_load(path, r);
	r = strlen((char *)bytes) == length ? slate_head_parse((char *)bytes, ret) : -EINVAL;
	free(bytes);
	if (r < 0)
		return output_failure("message-malformed", "%s is no head of a log, as \"lanyard slate head\" prints it", path);
	if (key && memcmp(expected, ret->public_key, sizeof(expected)) != 0)
		return output_failure("key-invalid", "%s was signed with another key than this camera's", path);
	return CLI_DONE;
}

static const char *explain(enum slate_verdict verdict) {
	switch (verdict) {
	case SLATE_SOUND:
		return "nothing was changed";
	case SLATE_BROKEN:
		return "the chain of hashes breaks: something was changed from there on";
	case SLATE_OTHER:
		return "the head belongs to another log";
	case SLATE_APART:
		return "it does not follow the log before it: that is another one, or was changed";
	case SLATE_CUT:
		return "entries that the head tells of are missing at the end";
	case SLATE_REWRITTEN:
		return "the entries are others than those that the head was signed for";
	case SLATE_UNSIGNED:
		return "the head's signature is wrong";
	}
	return "";
}

/* The log after `proof`, which becomes its own. `first`: there is none before it. */
static enum cli_exit verify_one(const char *path, bool first, const struct slate_head *head, struct slate_proof *proof) {
	uint8_t *bytes = NULL, previous[SHA256_SIZE];
	size_t length = 0;
	enum cli_exit result = slate_log_read(path, &bytes, &length);
	if (result != CLI_DONE)
		return result;
	memcpy(previous, proof->chain, sizeof(previous));
	if (slate_verify(bytes, length, first ? NULL : previous, head, proof) < 0)
		result = output_failure("record-corrupt", "%s is no log of sightings", path);
	free(bytes);
	return result;
}

enum cli_exit cli_slate_verify(const struct cli_call *call) {
	struct slate_head head;
	struct slate_proof proof = { .verdict = SLATE_SOUND };
	bool has_head;
	uint64_t entries = 0;
	const char *path = NULL;
	if (crypto_start() < 0)
		return output_reason(REASON_INTERNAL);
	enum cli_exit result = read_head(call, &head, &has_head);
	for (int i = 0; i < call->operand_count && result == CLI_DONE && proof.verdict == SLATE_SOUND; i++) {
		bool last = i + 1 == call->operand_count;
		path = call->operands[i];
		result = verify_one(path, i == 0, last && has_head ? &head : NULL, &proof);
		if (result != CLI_DONE)
			return result;
		entries += proof.entries;
		if (!call->json && proof.verdict == SLATE_SOUND)
			printf("%s: log of %s, %" PRIu64 " entries, %s%s\n", path, proof.header.serial, proof.entries,
			       explain(SLATE_SOUND),
			       last && !has_head ? " (without a head it is not seen when the end was cut off)" : "");
	}
	if (result != CLI_DONE)
		return result;
	if (call->json)
		output_json(json_pack("{s:s, s:s, s:s, s:I, s:b}", "verdict", slate_verdict_name(proof.verdict), "log", path,
		                      "serial", proof.header.serial, "entries", (json_int_t)entries, "head", has_head));
	if (proof.verdict == SLATE_SOUND)
		return CLI_DONE;
	return call->json ? CLI_FAILED
	                  : output_failure("record-corrupt", "%s: after %" PRIu64 " entries: %s", path, proof.entries,
	                                   explain(proof.verdict));
}

/* --- export --- */

enum { OLD, PRESENT, LOGS };
static const char *const log_names[LOGS] = { SLATE_BOOK_OLD, SLATE_BOOK_NAME };

struct export {
	uint8_t *bytes[LOGS]; /* NULL: there is none */
	size_t length[LOGS];
	char text[SLATE_HEAD_TEXT];
	struct slate_head head;
	struct slate_proof proof[LOGS];
};

static void export_drop(struct export *export) {
	for (size_t i = 0; i < LOGS; i++)
		free(export->bytes[i]);
	*export = (struct export){ 0 };
}

static enum cli_exit export_read_log(struct export *export, const char *state, size_t which) {
	char path[512];
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", state, log_names[which]) >= sizeof(path))
		return explain_load(state, -ENAMETOOLONG);
	int r = load(path, LOG_LIMIT, &export->bytes[which], &export->length[which]);
	if (r == -ENOENT && which == OLD)
		return CLI_DONE;
	return r < 0 ? explain_load(path, r) : CLI_DONE;
}

/* The camera's logs, and the head of the present one. Read after it was signed, and cut off behind what it was signed for: the
 * camera may be writing. */
static enum cli_exit export_read(struct export *export, const struct cli_call *call) {
	const char *state = cli_value(call, "state");
	enum cli_exit result = camera_slate_head(call, export->text);
	if (result == CLI_DONE && slate_head_parse(export->text, &export->head) < 0)
		result = output_failure("message-malformed", "cam-radiod gave something that is no head of a log");
	for (size_t i = 0; i < LOGS && result == CLI_DONE; i++)
		result = export_read_log(export, state ? state : STATE_DEFAULT, i);
	if (result != CLI_DONE)
		return result;
	size_t most = (LOG_LIMIT - SLATE_HEADER_SIZE) / SLATE_ENTRY_SIZE;
	size_t entries = export->head.entries < most ? (size_t) export->head.entries : most;
	if (export->length[PRESENT] > SLATE_HEADER_SIZE + entries * SLATE_ENTRY_SIZE)
		export->length[PRESENT] = SLATE_HEADER_SIZE + entries * SLATE_ENTRY_SIZE;
	return CLI_DONE;
}

/* -EBADMSG when a file is no log at all. */
static int export_judge(struct export *export) {
	int r = 0;
	bool has_old = export->bytes[OLD];
	if (has_old)
		r = slate_verify(export->bytes[OLD], export->length[OLD], NULL, NULL, &export->proof[OLD]);
	return r < 0 ? r
	             : slate_verify(export->bytes[PRESENT], export->length[PRESENT], has_old ? export->proof[OLD].chain : NULL,
	                            &export->head, &export->proof[PRESENT]);
}

/* The head comes last: where it is, the rest is. */
static int export_write(const struct export *export, const char *path) {
	const struct file_layer *layer = file_layer_system();
	if (mkdir(path, 0700) < 0)
		return -errno;
	int folder = folder_open(path), r = folder < 0 ? folder : 0;
	for (size_t i = 0; i < LOGS && r == 0; i++)
		if (export->bytes[i])
			r = file_replace(layer, folder, log_names[i], export->bytes[i], export->length[i]);
	if (r == 0) {
		char line[SLATE_HEAD_TEXT + 1];
		int length = snprintf(line, sizeof(line), "%s\n", export->text);
		r = file_replace(layer, folder, HEAD_NAME, line, (size_t)length);
	}
	if (folder >= 0)
		close(folder);
	return r;
}

/* What is wrong with a log is told, and keeps nothing back. */
static enum cli_exit export_tell(const struct export *export, const struct cli_call *call, const char *path) {
	size_t bad = export->bytes[OLD] && export->proof[OLD].verdict != SLATE_SOUND ? OLD : PRESENT;
	const struct slate_proof *proof = &export->proof[bad];
	uint64_t entries = export->proof[OLD].entries + export->proof[PRESENT].entries;
	if (call->json)
		output_json(json_pack("{s:s, s:s, s:s, s:I, s:s}", "folder", path, "verdict", slate_verdict_name(proof->verdict),
		                      "serial", export->proof[PRESENT].header.serial, "entries", (json_int_t)entries, "head",
		                      export->text));
	else if (proof->verdict == SLATE_SOUND)
		printf("%s: log of %s, %" PRIu64 " entries, and the head that is signed for them\n", path,
		       export->proof[PRESENT].header.serial, entries);
	if (proof->verdict == SLATE_SOUND)
		return CLI_DONE;
	return call->json ? CLI_FAILED
	                  : output_failure("record-corrupt",
	                                   "%s was written, and %s in it is damaged: after %" PRIu64 " entries: %s", path,
	                                   log_names[bad], proof->entries, explain(proof->verdict));
}

enum cli_exit cli_slate_export(const struct cli_call *call) {
	const char *path = call->operands[0];
	struct export export = { 0 };
	if (crypto_start() < 0)
		return output_reason(REASON_INTERNAL);
	enum cli_exit result = export_read(&export, call);
	/* A log that became full meanwhile is the old one now, and the head was its. */
	if (result == CLI_DONE && export_judge(&export) == 0 && export.proof[PRESENT].verdict == SLATE_OTHER) {
		export_drop(&export);
		result = export_read(&export, call);
	}
	if (result == CLI_DONE && export_judge(&export) < 0)
		result = output_failure("record-corrupt", "what the camera keeps is no log of sightings");
	if (result == CLI_DONE) {
		int r = export_write(&export, path);
		result = r < 0 ? output_failure("store-failed", "%s: %s", path,
		                                r == -EEXIST ? "is there already; name a new folder" : strerror(-r))
		               : export_tell(&export, call, path);
	}
	export_drop(&export);
	return result;
}
