/* `lanyard nfc assign`: tag after tag, until Ctrl-C or as many as were asked for. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "cli/nfc.h"
#include "cli/nfc_tag.h"
#include "cli/output.h"
#include "nfc/card_commands.h"

#define TAGS_LIMIT 10000
#define NO_END_MS (24u * 3600 * 1000)

static volatile sig_atomic_t ended;

static void on_end(int number) {
	(void)number;
	ended = 1;
}

struct seen {
	char serial[NFC_SERIAL_LIMIT + 1], uid[NFC_UID_TEXT];
};

struct assignment {
	const struct cli_call *call;
	struct seen seen[TAGS_LIMIT];
	size_t count, wanted, duplicates, unreadable;
	json_t *cameras, *doubled, *bad; /* for --json */
};

static void now_text(char out[32]) {
	time_t now = time(NULL);
	struct tm utc;
	if (!gmtime_r(&now, &utc) || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		out[0] = '\0';
}

/* RFC 4180. A model may hold commas and quotes; nothing else here can. */
static void print_quoted(const char *text) {
	putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

static void add(struct assignment *a, const struct nfc_tag *tag, const char *uid) {
	char time[32], key[NFC_FINGERPRINT_TEXT] = "";
	struct seen *seen = &a->seen[a->count++];
	strcpy(seen->serial, tag->identity.serial);
	strcpy(seen->uid, uid);
	now_text(time);
	if (tag->identity.has_fingerprint)
		nfc_fingerprint_format(tag->identity.fingerprint, key);
	bool locked = nfc_tag_locked(tag) == NFC_LOCKED;
	if (a->call->json) {
		json_t *camera = nfc_tag_to_json(tag);
		json_object_set_new(camera, "read_at", json_string(time));
		json_array_append_new(a->cameras, camera);
	} else {
		printf("%s,", tag->identity.serial);
		print_quoted(tag->identity.model);
		printf(",%s,%s,%s,%s,%s\r\n", key, uid, tag_kind_name(tag->content.image.kind), locked ? "yes" : "no", time);
		fflush(stdout);
	}
	fprintf(stderr, "%zu  %s%s\n", a->count, tag->identity.serial, locked ? "" : "  NOT LOCKED: anybody can change this tag");
}

static void add_unreadable(struct assignment *a, const char *uid, enum reason reason) {
	a->unreadable++;
	if (a->call->json)
		json_array_append_new(a->bad, json_pack("{s:o, s:s}", "uid", *uid ? json_string(uid) : json_null(), "reason",
		                                        reason_code(reason)));
	fprintf(stderr, "-  tag %s: %s [%s]\n", *uid ? uid : "without uid", reason_sentence(reason), reason_code(reason));
}

static void add_duplicate(struct assignment *a, const struct nfc_tag *tag, const char *uid, const struct seen *first) {
	a->duplicates++;
	if (a->call->json)
		json_array_append_new(a->doubled, json_pack("{s:s, s:s, s:s}", "serial", tag->identity.serial, "uid", uid,
		                                            "first_uid", first->uid));
	fprintf(stderr, "-  tag %s says %s, as tag %s did before: one of them is on the wrong camera [tag-duplicate]\n", uid,
	        first->serial, first->uid);
}

static void take_one(struct assignment *a, struct pcsc *pcsc, const struct card_port *port) {
	struct nfc_tag tag = { .finding_count = 0 };
	char uid[NFC_UID_TEXT] = "";
	/* Known even of a tag that cannot be read, so that it can be found again in a box of them. */
	enum reason reason = card_get_uid(port, tag.content.uid, &tag.content.uid_length);
	if (reason == REASON_OK) {
		nfc_tag_uid(&tag, uid);
		reason = nfc_tag_take(pcsc, port, true, &tag);
	} else {
		pcsc_release(pcsc);
	}
	if (reason == REASON_OK)
		reason = tag.reason;
	if (reason != REASON_OK) {
		add_unreadable(a, uid, reason);
		return;
	}
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->seen[i].serial, tag.identity.serial) == 0) {
			if (*uid && strcmp(a->seen[i].uid, uid) == 0)
				fprintf(stderr, "-  %s again: it is in the list already\n", tag.identity.serial);
			else
				add_duplicate(a, &tag, uid, &a->seen[i]);
			return;
		}
	add(a, &tag, uid);
}

static enum reason take_all(struct assignment *a, struct pcsc *pcsc) {
	enum reason reason = REASON_OK;
	while (reason == REASON_OK && a->count < a->wanted) {
		struct card_port port;
		reason = pcsc_wait(pcsc, NO_END_MS, &ended, &port);
		if (reason == REASON_OK)
			take_one(a, pcsc, &port);
		else if (reason == REASON_TAG_UNREADABLE)
			add_unreadable(a, "", reason);
		if ((reason == REASON_OK || reason == REASON_TAG_UNREADABLE) && a->count < a->wanted)
			reason = pcsc_wait_removed(pcsc, &ended);
	}
	return reason == REASON_CANCELLED ? REASON_OK : reason;
}

static enum cli_exit conclude(struct assignment *a, enum reason reason) {
	if (a->call->json)
		output_json(json_pack("{s:O, s:O, s:O}", "cameras", a->cameras, "duplicates", a->doubled, "unreadable", a->bad));
	if (reason != REASON_OK)
		return output_reason(reason);
	if (a->duplicates > 0)
		return output_failure("tag-duplicate",
		                      "%zu cameras are in the list; %zu duplicates and %zu unreadable tags are not", a->count,
		                      a->duplicates, a->unreadable);
	if (a->unreadable > 0)
		return output_failure("tag-unreadable", "%zu cameras are in the list; %zu unreadable tags are not", a->count,
		                      a->unreadable);
	return CLI_DONE;
}

enum cli_exit cli_nfc_assign(const struct cli_call *call) {
	const char *count = cli_value(call, "count");
	char *end = NULL;
	unsigned long wanted = count ? strtoul(count, &end, 10) : TAGS_LIMIT;
	if (count && (*count < '0' || *count > '9' || *end || wanted < 1 || wanted > TAGS_LIMIT)) {
		output_error("--count wants a number from 1 to %d", TAGS_LIMIT);
		return CLI_USAGE;
	}
	struct pcsc *pcsc;
	if (pcsc_open(&pcsc, cli_value(call, "reader")) != REASON_OK)
		return CLI_FAILED;
	struct assignment *a = calloc(1, sizeof(*a));
	if (!a) {
		pcsc_free(pcsc);
		return output_reason(REASON_INTERNAL);
	}
	a->call = call;
	a->wanted = wanted;
	a->cameras = json_array();
	a->doubled = json_array();
	a->bad = json_array();
	const struct sigaction action = { .sa_handler = on_end };
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	fputs("Lay one tag after another on the reader. Ctrl-C ends the list.\n", stderr);
	if (!call->json)
		fputs("serial,model,fingerprint,uid,kind,locked,read_at\r\n", stdout);
	fflush(stdout);
	enum cli_exit result = conclude(a, take_all(a, pcsc));
	json_decref(a->cameras);
	json_decref(a->doubled);
	json_decref(a->bad);
	free(a);
	pcsc_free(pcsc);
	return result;
}
