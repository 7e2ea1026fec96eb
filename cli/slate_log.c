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
#define GROWTH 65536
/* Whatever stands in a log's place is exported up to this length. */
#define EXPORT_LIMIT ((size_t)64 * 1024 * 1024)
#define STATE_DEFAULT "/var/lib/lanyard/cam-radiod"
#define HEAD_NAME "head"

/* Free *ret. 0 or a negative errno; -EFBIG for more than `limit`. */
static int load(int folder, const char *name, size_t limit, uint8_t **ret, size_t *ret_length) {
	struct stat file;
	if (fstatat(folder, name, &file, 0) < 0)
		return -errno;
	/* It may be growing. */
	size_t room = file.st_size < (off_t)limit ? (size_t)file.st_size + GROWTH : limit;
	uint8_t *bytes = malloc(room + 1);
	if (!bytes)
		return -ENOMEM;
	int r = file_read(folder, name, bytes, room, ret_length);
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
	int r = load(AT_FDCWD, path, LOG_LIMIT, ret, ret_length);
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
	int r = load(AT_FDCWD, path, SLATE_HEAD_TEXT, &bytes, &length);
	if (!bytes)
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
	int last = call->operand_count - 1, at = 0;
	if (crypto_start() < 0)
		return output_reason(REASON_INTERNAL);
	enum cli_exit result = read_head(call, &head, &has_head);
	for (; result == CLI_DONE; at++) {
		result = verify_one(call->operands[at], at == 0, at == last && has_head ? &head : NULL, &proof);
		entries += proof.entries;
		if (at == last || proof.verdict != SLATE_SOUND)
			break;
	}
	if (result != CLI_DONE)
		return result;
	const char *path = call->operands[at];
	if (call->json)
		output_json(json_pack("{s:s, s:s, s:s, s:I, s:b}", "verdict", slate_verdict_name(proof.verdict), "log", path,
		                      "serial", proof.header.serial, "entries", (json_int_t)entries, "head", has_head));
	else if (proof.verdict == SLATE_SOUND)
		printf("%s: log of %s, %" PRIu64 " entries%s, %s%s\n", path, proof.header.serial, entries,
		       last > 0 ? " with those before it" : "", explain(SLATE_SOUND),
		       has_head ? "" : " (without a head it is not seen when the end was cut off)");
	if (proof.verdict == SLATE_SOUND)
		return CLI_DONE;
	return call->json ? CLI_FAILED
	                  : output_failure("record-corrupt", "%s: after %" PRIu64 " entries: %s", path, proof.entries,
	                                   explain(proof.verdict));
}

/* --- export --- */

enum { OLD, PRESENT, LOGS };
static const char *const log_names[LOGS] = { SLATE_BOOK_OLD, SLATE_BOOK_NAME };

struct exported {
	uint8_t *bytes[LOGS]; /* NULL: there is none */
	size_t length[LOGS];
	char text[SLATE_HEAD_TEXT];
	struct slate_head head;
	struct slate_proof proof[LOGS];
	unsigned aside; /* logs that the camera has set aside as damaged */
};

static void exported_drop(struct exported *e) {
	for (size_t i = 0; i < LOGS; i++)
		free(e->bytes[i]);
	*e = (struct exported){ 0 };
}

/* Whether it is a log at all; what is none is a damaged one: it lies where one should. */
static bool judge(const struct exported *e, size_t which, const uint8_t *previous, const struct slate_head *head,
                  struct slate_proof *ret) {
	bool is_log = e->bytes[which] && slate_verify(e->bytes[which], e->length[which], previous, head, ret) == 0;
	if (!is_log)
		*ret = (struct slate_proof){ .verdict = SLATE_BROKEN };
	return is_log;
}

static enum cli_exit explain_log(const char *state, size_t which, int error) {
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", state, log_names[which]);
	return explain_load(path, error);
}

/* The camera's logs, and the head of the present one. They are read after it was signed, and the present one is cut off behind
 * what it was signed for: the camera may be writing. */
static enum cli_exit exported_read(struct exported *e, const struct cli_call *call, int folder, const char *state) {
	enum cli_exit result = camera_slate_head(call, e->text);
	if (result == CLI_DONE && slate_head_parse(e->text, &e->head) < 0)
		result = output_failure("message-malformed", "cam-radiod gave something that is no head of a log");
	for (size_t i = 0; i < LOGS && result == CLI_DONE; i++) {
		int r = load(folder, log_names[i], EXPORT_LIMIT, &e->bytes[i], &e->length[i]);
		if (r < 0 && r != -ENOENT)
			result = explain_log(state, i, r);
	}
	if (result != CLI_DONE)
		return result;
	if (e->head.entries < e->length[PRESENT] / SLATE_ENTRY_SIZE) {
		size_t end = SLATE_HEADER_SIZE + (size_t)e->head.entries * SLATE_ENTRY_SIZE;
		if (end < e->length[PRESENT])
			e->length[PRESENT] = end;
	}
	bool follows = judge(e, OLD, NULL, NULL, &e->proof[OLD]);
	(void)judge(e, PRESENT, follows ? e->proof[OLD].chain : NULL, &e->head, &e->proof[PRESENT]);
	return CLI_DONE;
}

/* Between the head and the reading a log may become full: it is the old one then, and the head was its, or the new one is not
 * there yet. */
static bool has_turned_over(const struct exported *e) {
	return !e->bytes[PRESENT] || e->proof[PRESENT].verdict == SLATE_OTHER;
}

static int write_aside(struct exported *e, int state, int folder) {
	for (unsigned number = 1;; number++) {
		char name[40];
		uint8_t *bytes = NULL;
		size_t length = 0;
		snprintf(name, sizeof(name), "%s.damaged-%u", SLATE_BOOK_NAME, number);
		int r = load(state, name, EXPORT_LIMIT, &bytes, &length);
		if (r == -ENOENT)
			return 0;
		if (r == 0)
			r = file_replace(file_layer_system(), folder, name, bytes, length);
		free(bytes);
		if (r < 0)
			return r;
		e->aside++;
	}
}

/* The head comes last: where it is, the rest is. */
static int exported_write(struct exported *e, int state, const char *path) {
	const struct file_layer *layer = file_layer_system();
	if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	int folder = folder_open(path), r = folder < 0 ? folder : write_aside(e, state, folder);
	for (size_t i = 0; i < LOGS && r == 0; i++)
		if (e->bytes[i])
			r = file_replace(layer, folder, log_names[i], e->bytes[i], e->length[i]);
	if (r == 0) {
		char line[SLATE_HEAD_TEXT + 1];
		int length = snprintf(line, sizeof(line), "%s\n", e->text);
		r = file_replace(layer, folder, HEAD_NAME, line, (size_t)length);
	}
	if (folder >= 0)
		close(folder);
	return r;
}

/* What is wrong with a log is told, and keeps nothing back. */
static enum cli_exit exported_tell(const struct exported *e, const struct cli_call *call, const char *path) {
	size_t bad = e->bytes[OLD] && e->proof[OLD].verdict != SLATE_SOUND ? OLD : PRESENT;
	const struct slate_proof *proof = &e->proof[bad];
	uint64_t entries = e->proof[OLD].entries + e->proof[PRESENT].entries;
	const char *serial = e->proof[PRESENT].header.serial;
	if (call->json)
		output_json(json_pack("{s:s, s:s, s:s, s:I, s:i, s:s}", "folder", path, "verdict",
		                      slate_verdict_name(proof->verdict), "serial", serial, "entries", (json_int_t)entries,
		                      "set_aside", (int)e->aside, "head", e->text));
	else if (proof->verdict == SLATE_SOUND)
		printf("%s: log of %s, %" PRIu64 " entries%s, with its signed head\n", path, serial, entries,
		       e->bytes[OLD] ? " with those before it" : "");
	if (e->aside > 0 && !call->json)
		output_error("%s has %u that the camera set aside as damaged, too", path, e->aside);
	if (proof->verdict == SLATE_SOUND)
		return CLI_DONE;
	return call->json ? CLI_FAILED
	                  : output_failure("record-corrupt",
	                                   "%s was written, and %s in it is damaged: after %" PRIu64 " entries: %s", path,
	                                   log_names[bad], proof->entries, explain(proof->verdict));
}

static enum cli_exit export_from(const struct cli_call *call, int folder, const char *state) {
	const char *path = call->operands[0];
	struct exported e = { 0 };
	enum cli_exit result = exported_read(&e, call, folder, state);
	if (result == CLI_DONE && has_turned_over(&e)) {
		exported_drop(&e);
		result = exported_read(&e, call, folder, state);
	}
	if (result == CLI_DONE && !e.bytes[PRESENT])
		result = explain_log(state, PRESENT, -ENOENT);
	if (result == CLI_DONE) {
		int r = exported_write(&e, folder, path);
		result = r < 0 ? output_failure("store-failed", "%s: %s", path,
		                                r == -EEXIST ? "is there already; name a new folder" : strerror(-r))
		               : exported_tell(&e, call, path);
	}
	exported_drop(&e);
	return result;
}

enum cli_exit cli_slate_export(const struct cli_call *call) {
	const char *given = cli_value(call, "state"), *path = given ? given : STATE_DEFAULT;
	if (crypto_start() < 0)
		return output_reason(REASON_INTERNAL);
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return explain_load(path, -errno);
	enum cli_exit result = export_from(call, folder, path);
	close(folder);
	return result;
}
