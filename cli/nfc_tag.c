#include "cli/nfc_tag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/output.h"

#define WAIT_DEFAULT_S 30
#define WAIT_LIMIT_S 600

void nfc_tag_judge(struct nfc_tag *tag) {
	memset(&tag->identity, 0, sizeof(tag->identity));
	tag->reason = tag_image_read(&tag->content.image, &tag->identity);
	tag->finding_count = tag_findings(&tag->content.image, tag->findings);
}

enum nfc_locked nfc_tag_locked(const struct nfc_tag *tag) {
	enum nfc_locked locked = NFC_LOCKED;
	for (size_t i = 0; i < tag->finding_count; i++) {
		if (tag->findings[i].protection == TAG_OPEN)
			return NFC_NOT_LOCKED;
		if (tag->findings[i].protection == TAG_UNTOLD)
			locked = NFC_LOCK_UNTOLD;
	}
	return locked;
}

void nfc_tag_uid(const struct nfc_tag *tag, char out[NFC_UID_TEXT]) {
	hex_encode(out, tag->content.uid, tag->content.uid_length);
}

json_t *nfc_tag_locked_json(const struct nfc_tag *tag) {
	return nfc_tag_locked(tag) == NFC_LOCK_UNTOLD ? json_null() : json_boolean(nfc_tag_locked(tag) == NFC_LOCKED);
}

json_t *nfc_tag_to_json(const struct nfc_tag *tag) {
	char uid[NFC_UID_TEXT], key[NFC_FINGERPRINT_TEXT] = "";
	nfc_tag_uid(tag, uid);
	if (tag->identity.has_fingerprint)
		nfc_fingerprint_format(tag->identity.fingerprint, key);
	return json_pack("{s:s, s:o, s:o, s:s, s:o, s:o}", "serial", tag->identity.serial, "model",
	                 *tag->identity.model ? json_string(tag->identity.model) : json_null(), "fingerprint",
	                 *key ? json_string(key) : json_null(), "kind", tag_kind_name(tag->content.image.kind), "uid",
	                 *uid ? json_string(uid) : json_null(), "locked", nfc_tag_locked_json(tag));
}

enum reason nfc_tag_take(struct pcsc *pcsc, const struct card_port *port, bool tried, struct nfc_tag *ret) {
	struct nfc_tag tag = { .finding_count = 0 };
	enum reason reason = card_read(port, &tag.content);
	if (reason == REASON_OK) {
		nfc_tag_judge(&tag);
		if (tried)
			reason = card_try(port, &tag.content, tag.findings, tag.finding_count);
	}
	pcsc_release(pcsc);
	if (reason == REASON_OK)
		*ret = tag;
	return reason;
}

enum cli_exit nfc_wait_of(const struct cli_call *call, unsigned *ret_ms) {
	const char *text = cli_value(call, "wait");
	char *end = NULL;
	unsigned long seconds = text ? strtoul(text, &end, 10) : WAIT_DEFAULT_S;
	if (text && (*text < '0' || *text > '9' || *end || seconds > WAIT_LIMIT_S)) {
		output_error("--wait wants seconds, from 0 to %d", WAIT_LIMIT_S);
		return CLI_USAGE;
	}
	*ret_ms = (unsigned)seconds * 1000;
	return CLI_DONE;
}

static enum cli_exit wait_for_tag(const struct cli_call *call, struct pcsc **ret, struct card_port *ret_port) {
	unsigned wait_ms;
	struct pcsc *pcsc;
	enum cli_exit result = nfc_wait_of(call, &wait_ms);
	if (result != CLI_DONE)
		return result;
	if (pcsc_open(&pcsc, cli_value(call, "reader")) != REASON_OK)
		return CLI_FAILED;
	enum reason reason = pcsc_wait(pcsc, 0, NULL, ret_port);
	if (reason == REASON_TAG_GONE && wait_ms > 0) {
		fputs("Lay the tag on the reader.\n", stderr);
		reason = pcsc_wait(pcsc, wait_ms, NULL, ret_port);
	}
	if (reason != REASON_OK) {
		pcsc_free(pcsc);
		output_reason(reason);
		return CLI_FAILED;
	}
	*ret = pcsc;
	return CLI_DONE;
}

enum cli_exit nfc_tag_from_reader(const struct cli_call *call, bool tried, struct nfc_tag *ret) {
	struct pcsc *pcsc;
	struct card_port port;
	enum cli_exit result = wait_for_tag(call, &pcsc, &port);
	if (result != CLI_DONE)
		return result;
	enum reason reason = nfc_tag_take(pcsc, &port, tried, ret);
	pcsc_free(pcsc);
	return reason == REASON_OK ? CLI_DONE : output_reason(reason);
}

enum cli_exit nfc_tag_write(const struct cli_call *call, const struct tag_image *wanted, struct nfc_tag *ret, bool *ret_changed) {
	struct pcsc *pcsc;
	struct card_port port;
	struct nfc_tag tag = { .finding_count = 0 };
	bool changed = false;
	enum cli_exit result = wait_for_tag(call, &pcsc, &port);
	if (result != CLI_DONE)
		return result;
	enum reason reason = card_write(&port, wanted, &tag.content, &changed);
	if (reason == REASON_OK)
		reason = nfc_tag_take(pcsc, &port, true, &tag);
	pcsc_free(pcsc);
	if (reason == REASON_TAG_UNKNOWN)
		return output_failure("tag-unknown", "this tag is none of the kind that the image is for: %s",
		                      tag_kind_name(wanted->kind));
	if (reason == REASON_OK)
		reason = tag.reason;
	if (reason != REASON_OK)
		return output_reason(reason);
	*ret = tag;
	*ret_changed = changed;
	return CLI_DONE;
}
