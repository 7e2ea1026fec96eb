/* One tag as `lanyard nfc` sees it: taken from a reader, judged, and shown. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "cli/command.h"
#include "cli/pcsc.h"
#include "nfc/card.h"
#include "nfc/lock.h"

struct nfc_tag {
	struct card_content content;
	enum reason reason; /* why there is no identity on it, or REASON_OK */
	struct nfc_identity identity;
	struct tag_finding findings[TAG_FINDINGS_LIMIT];
	size_t finding_count;
};

enum nfc_locked { NFC_LOCKED, NFC_NOT_LOCKED, NFC_LOCK_UNTOLD };

#define NFC_UID_TEXT (2 * CARD_UID_LIMIT + 1)

/* Fills all but the content. */
void nfc_tag_judge(struct nfc_tag *tag);
enum nfc_locked nfc_tag_locked(const struct nfc_tag *tag);
/* "" when the reader did not tell. */
void nfc_tag_uid(const struct nfc_tag *tag, char out[NFC_UID_TEXT]);
/* The same members everywhere: serial, model, fingerprint, kind, uid, locked. */
json_t *nfc_tag_to_json(const struct nfc_tag *tag);
json_t *nfc_tag_locked_json(const struct nfc_tag *tag);

/* Takes, reads, judges and, when `tried`, tries the tag (card_try, which writes what is there already). REASON_OK (whatever it
 * says), or why it cannot be read. */
enum reason nfc_tag_take(struct pcsc *pcsc, const struct card_port *port, bool tried, struct nfc_tag *ret);
/* Waits for a tag as --reader and --wait say, and takes it. CLI_DONE, or an exit after a message. */
enum cli_exit nfc_tag_from_reader(const struct cli_call *call, bool tried, struct nfc_tag *ret);
/* Waits for a tag and writes it; *ret is what is on it afterwards. */
enum cli_exit nfc_tag_write(const struct cli_call *call, const struct tag_image *wanted, struct nfc_tag *ret, bool *ret_changed);
/* --wait in milliseconds. CLI_DONE or CLI_USAGE after a message. */
enum cli_exit nfc_wait_of(const struct cli_call *call, unsigned *ret_ms);
