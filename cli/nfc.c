#include "cli/nfc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cli/nfc_tag.h"
#include "cli/output.h"
#include "nfc/card.h"
#include "nfc/lock.h"
#include "nfc/tag.h"

/* ------------------------------------------------------------------------------------------------------------------- images */

static enum cli_exit identity_of(const struct cli_call *call, struct nfc_identity *ret) {
	const char *serial = cli_value(call, "serial"), *model = cli_value(call, "model");
	const char *fingerprint = cli_value(call, "fingerprint");
	struct nfc_identity identity = { .has_fingerprint = fingerprint != NULL };
	if (!serial || !model) {
		output_error("--serial and --model are needed, as they stand on the camera and in \"lanyard camera status\"");
		return CLI_USAGE;
	}
	if (strlen(serial) > NFC_SERIAL_LIMIT || strlen(model) > NFC_MODEL_LIMIT) {
		output_error("--serial and --model are at most %d and %d characters on a tag", NFC_SERIAL_LIMIT, NFC_MODEL_LIMIT);
		return CLI_USAGE;
	}
	if (fingerprint && nfc_fingerprint_parse(fingerprint, identity.fingerprint) < 0) {
		output_error(
		        "--fingerprint wants the camera's key as \"lanyard camera status\" prints it: 32 hexadecimal digits");
		return CLI_USAGE;
	}
	strcpy(identity.serial, serial);
	strcpy(identity.model, model);
	*ret = identity;
	return CLI_DONE;
}

static enum cli_exit image_of(const struct cli_call *call, struct nfc_identity *ret_identity, struct tag_image *ret) {
	const char *name = cli_value(call, "kind");
	enum tag_kind kind;
	if (!name || !tag_kind_from_name(name, &kind)) {
		output_error("--kind must be one of ntag213, ntag215, ntag216, type4");
		return CLI_USAGE;
	}
	enum cli_exit result = identity_of(call, ret_identity);
	if (result != CLI_DONE)
		return result;
	int made = tag_image_make(kind, ret_identity, NULL, ret);
	if (made == -ENOSPC)
		return output_failure("tag-too-small",
		                      "this does not fit on an %s: take a larger kind, or leave the fingerprint away", name);
	if (made < 0) {
		output_error(
		        "on a tag, a serial is letters, digits, \"-\", \"_\" and \".\", and a model is ASCII; both begin with a "
		        "letter or digit");
		return CLI_USAGE;
	}
	return CLI_DONE;
}

/* A new file, never over an old one. */
static enum cli_exit save(const char *path, const struct tag_image *image) {
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int error = file < 0 ? errno : 0;
	if (file >= 0) {
		ssize_t written = write(file, image->bytes, image->length);
		if (written != (ssize_t)image->length)
			error = written < 0 ? errno : ENOSPC;
		if (close(file) < 0 && error == 0)
			error = errno;
		if (error != 0)
			(void)unlink(path);
	}
	return error == 0 ? CLI_DONE : output_failure("store-failed", "%s: %s", path, strerror(error));
}

enum cli_exit cli_nfc_image(const struct cli_call *call) {
	struct nfc_identity identity;
	struct tag_image image;
	const char *path = call->operands[0];
	enum cli_exit result = image_of(call, &identity, &image);
	if (result == CLI_DONE)
		result = save(path, &image);
	if (result != CLI_DONE)
		return result;
	if (call->json)
		output_json(json_pack("{s:s, s:s, s:I, s:s}", "file", path, "kind", tag_kind_name(image.kind), "bytes",
		                      (json_int_t)image.length, "serial", identity.serial));
	else
		printf("%s: camera %s on an %s, locked, %zu bytes. \"lanyard nfc write %s\" puts it on a tag, for good.\n", path,
		       identity.serial, tag_kind_name(image.kind), image.length, path);
	return CLI_DONE;
}

static enum cli_exit load(const char *path, struct tag_image *ret) {
	uint8_t bytes[TAG_IMAGE_LIMIT + 1];
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : read(file, bytes, sizeof(bytes));
	int error = errno;
	if (file >= 0)
		close(file);
	if (length < 0)
		return output_failure(error == ENOENT ? "not-found" : "internal", "%s: %s", path, strerror(error));
	if (tag_image_from_bytes(bytes, (size_t)length, ret) != REASON_OK)
		return output_failure("tag-unknown", "%s is no image of an NTAG213, NTAG215, NTAG216 or Type 4 tag", path);
	return CLI_DONE;
}

/* ------------------------------------------------------------------------------------------------------------ what was found */

/* From the file that was named, or from the tag on the reader. */
static enum cli_exit look(const struct cli_call *call, bool tried, struct nfc_tag *ret) {
	if (call->operand_count == 0)
		return nfc_tag_from_reader(call, tried, ret);
	struct nfc_tag tag = { .content.uid_length = 0 };
	enum cli_exit result = load(call->operands[0], &tag.content.image);
	if (result != CLI_DONE)
		return result;
	nfc_tag_judge(&tag);
	*ret = tag;
	return CLI_DONE;
}

static json_t *text_or_null(const char *text) {
	return *text ? json_string(text) : json_null();
}

static const char *locked_text(const struct nfc_tag *tag) {
	switch (nfc_tag_locked(tag)) {
	case NFC_LOCKED:
		return "yes";
	case NFC_NOT_LOCKED:
		return "NO: \"lanyard nfc verify\" says what can be changed";
	case NFC_LOCK_UNTOLD:
		return "it says so; \"lanyard nfc verify\" tries it";
	}
	return "";
}

static void print_tag(const struct nfc_tag *tag) {
	char uid[NFC_UID_TEXT], key[NFC_FINGERPRINT_TEXT];
	nfc_tag_uid(tag, uid);
	printf("Camera %s (%s)\n", tag->identity.serial, *tag->identity.model ? tag->identity.model : "no model");
	if (tag->identity.has_fingerprint) {
		nfc_fingerprint_format(tag->identity.fingerprint, key);
		printf("  key     %s\n", key);
	} else {
		puts("  key     none on the tag: whoever pairs compares codes");
	}
	printf("  tag     %s%s%s\n  locked  %s\n", tag_kind_name(tag->content.image.kind), *uid ? ", uid " : "", uid,
	       locked_text(tag));
}

enum cli_exit cli_nfc_read(const struct cli_call *call) {
	struct nfc_tag tag;
	const char *output = cli_value(call, "output");
	enum cli_exit result = look(call, false, &tag);
	if (result == CLI_DONE && output)
		result = save(output, &tag.content.image);
	if (result != CLI_DONE)
		return result;
	if (tag.reason != REASON_OK)
		return output_reason(tag.reason);
	if (call->json)
		output_json(nfc_tag_to_json(&tag));
	else
		print_tag(&tag);
	return CLI_DONE;
}

static enum cli_exit fail_as_writable(const struct nfc_tag *tag) {
	char names[256] = "";
	size_t at = 0;
	for (size_t i = 0; i < tag->finding_count && at < sizeof(names); i++)
		if (tag->findings[i].protection == TAG_OPEN)
			at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", at == 0 ? "" : ", ",
			                       tag_area_name(tag->findings[i].area));
	return output_failure("tag-writable", "this tag can still be changed: %s", names);
}

enum cli_exit cli_nfc_verify(const struct cli_call *call) {
	struct nfc_tag tag;
	enum cli_exit result = look(call, true, &tag);
	if (result != CLI_DONE)
		return result;
	if (call->json) {
		char uid[NFC_UID_TEXT];
		nfc_tag_uid(&tag, uid);
		json_t *bytes = json_array();
		for (size_t i = 0; i < tag.finding_count; i++)
			json_array_append_new(bytes, json_pack("{s:s, s:s, s:s}", "bytes", tag_area_name(tag.findings[i].area),
			                                       "state", tag_protection_name(tag.findings[i].protection), "why",
			                                       tag.findings[i].why));
		output_json(json_pack("{s:s, s:o, s:o, s:o}", "kind", tag_kind_name(tag.content.image.kind), "uid",
		                      text_or_null(uid), "locked", nfc_tag_locked_json(&tag), "bytes", bytes));
	} else {
		printf("%s\n", tag_kind_name(tag.content.image.kind));
		for (size_t i = 0; i < tag.finding_count; i++)
			printf("  %-21s %-9s %s\n", tag_area_name(tag.findings[i].area),
			       tag.findings[i].protection == TAG_OPEN ? "WRITABLE"
			                                              : tag_protection_name(tag.findings[i].protection),
			       tag.findings[i].why);
	}
	fflush(stdout);
	if (nfc_tag_locked(&tag) == NFC_NOT_LOCKED)
		return fail_as_writable(&tag);
	if (!call->json)
		puts(nfc_tag_locked(&tag) == NFC_LOCKED
		             ? "Nothing on it can be changed any more."
		             : "It says that it is locked; only the tag itself, on a reader, can show it.");
	return CLI_DONE;
}

/* ------------------------------------------------------------------------------------------------------------------ writing */

enum cli_exit cli_nfc_write(const struct cli_call *call) {
	struct tag_image wanted;
	struct nfc_tag tag;
	bool changed = false;
	enum cli_exit result = load(call->operands[0], &wanted);
	if (result != CLI_DONE)
		return result;
	struct nfc_identity identity;
	struct tag_finding findings[TAG_FINDINGS_LIMIT];
	enum reason reason = tag_image_read(&wanted, &identity);
	if (reason != REASON_OK)
		return output_failure(reason_code(reason), "%s: nothing that a camera's tag says is in it", call->operands[0]);
	if (tag_findings_open(findings, tag_findings(&wanted, findings)))
		return output_failure("tag-writable", "%s would not lock the tag; make one with \"lanyard nfc image\"",
		                      call->operands[0]);
	result = nfc_tag_write(call, &wanted, &tag, &changed);
	if (result != CLI_DONE)
		return result;
	if (nfc_tag_locked(&tag) == NFC_NOT_LOCKED)
		return fail_as_writable(&tag);
	if (call->json) {
		json_t *object = nfc_tag_to_json(&tag);
		json_object_set_new(object, "written", json_boolean(changed));
		output_json(object);
	} else {
		printf("%s: camera %s. Nothing on the tag can be changed any more.\n",
		       changed ? "Written, read back and locked" : "It says so already, and is locked", tag.identity.serial);
	}
	return CLI_DONE;
}
