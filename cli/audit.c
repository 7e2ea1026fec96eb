#include "cli/audit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* Assigned Numbers, 2.3 */
enum {
	AD_FLAGS = 0x01,
	AD_SHORT_NAME = 0x08,
	AD_NAME = 0x09,
	AD_TX_POWER = 0x0a,
	AD_SERVICE_DATA = 0x16,
	AD_MANUFACTURER = 0xff
};
/* So many equal bytes at the same place are no accident: one in 2^32. */
#define RUN_SIZE 4
/* A content with less of its own than this may be anybody's. */
#define TELLING_SIZE 4
/* Company or UUID, and the number of a format: what all devices of a kind have in common. */
#define COMMON_SIZE 3

struct node {
	size_t parent; /* of the tree that stands for a group */
	uint64_t first_us, last_us;
};

struct content {
	uint8_t bytes[AUDIT_CONTENT_SIZE];
	size_t length;
};

struct audit {
	uint64_t epoch_us, guard_us;
	struct audit_address address[AUDIT_ADDRESSES];
	size_t address_count;
	struct content content[AUDIT_CONTENTS];
	size_t content_count;
	struct node node[AUDIT_ADDRESSES + AUDIT_CONTENTS]; /* addresses, then contents */
	struct audit_finding finding[AUDIT_FINDINGS];
	size_t finding_count;
	bool overflow;
	uint64_t beacons, probes;
};

int audit_new(struct audit **ret, uint64_t epoch_us, uint64_t guard_us) {
	struct audit *audit = calloc(1, sizeof(*audit));
	if (!audit)
		return -ENOMEM;
	audit->epoch_us = epoch_us;
	audit->guard_us = guard_us;
	for (size_t i = 0; i < ELEMENTS(audit->node); i++)
		audit->node[i].parent = i;
	*ret = audit;
	return 0;
}

void audit_free(struct audit *audit) {
	free(audit);
}

/* --- groups --- */

static size_t root_of(struct audit *audit, size_t node) {
	while (audit->node[node].parent != node) {
		audit->node[node].parent = audit->node[audit->node[node].parent].parent;
		node = audit->node[node].parent;
	}
	return node;
}

static void span(struct node *node, uint64_t first_us, uint64_t last_us) {
	if (node->first_us == 0 || first_us < node->first_us)
		node->first_us = first_us;
	if (last_us > node->last_us)
		node->last_us = last_us;
}

static void join(struct audit *audit, size_t a, size_t b) {
	a = root_of(audit, a);
	b = root_of(audit, b);
	if (a == b)
		return;
	audit->node[b].parent = a;
	span(&audit->node[a], audit->node[b].first_us, audit->node[b].last_us);
}

/* --- findings --- */

static void __attribute__((format(printf, 3, 4))) find(struct audit *audit, const char *code, const char *format, ...) {
	struct audit_finding finding = { .code = code };
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(finding.detail, sizeof(finding.detail), format, arguments);
	va_end(arguments);
	for (size_t i = 0; i < audit->finding_count; i++)
		if (strcmp(audit->finding[i].code, code) == 0 && strcmp(audit->finding[i].detail, finding.detail) == 0)
			return;
	if (audit->finding_count < AUDIT_FINDINGS)
		audit->finding[audit->finding_count++] = finding;
}

static void address_text(const struct audit_address *a, char out[18]) {
	snprintf(out, 18, "%02X:%02X:%02X:%02X:%02X:%02X", a->address[0], a->address[1], a->address[2], a->address[3],
	         a->address[4], a->address[5]);
}

/* --- taking --- */

/* Index of the address; AUDIT_ADDRESSES when there is no room. */
static size_t take_address(struct audit *audit, uint64_t time_us, const uint8_t address[6], enum audit_kind kind) {
	size_t i = 0;
	while (i < audit->address_count && (audit->address[i].kind != kind || memcmp(audit->address[i].address, address, 6) != 0))
		i++;
	if (i == AUDIT_ADDRESSES) {
		audit->overflow = true;
		return i;
	}
	struct audit_address *a = &audit->address[i];
	if (i == audit->address_count) {
		*a = (struct audit_address){ .kind = kind, .first_us = time_us };
		memcpy(a->address, address, 6);
		audit->address_count++;
	}
	a->first_us = time_us < a->first_us ? time_us : a->first_us;
	a->last_us = time_us > a->last_us ? time_us : a->last_us;
	a->count++;
	span(&audit->node[root_of(audit, i)], time_us, time_us);
	return i;
}

static void take_name(struct audit *audit, size_t at, const uint8_t *name, size_t length) {
	struct audit_address *a = &audit->address[at];
	if (length >= sizeof(a->name))
		length = sizeof(a->name) - 1;
	for (size_t i = 0; i < length; i++)
		a->name[i] = name[i] >= 0x20 && name[i] < 0x7f ? (char)name[i] : '?';
	a->name[length] = '\0';
}

static void take_content(struct audit *audit, uint64_t time_us, size_t address, const struct content *content) {
	size_t i = 0;
	while (i < audit->content_count && (audit->content[i].length != content->length ||
	                                    memcmp(audit->content[i].bytes, content->bytes, content->length) != 0))
		i++;
	if (i == AUDIT_CONTENTS) {
		audit->overflow = true;
		return;
	}
	if (i == audit->content_count)
		audit->content[audit->content_count++] = *content;
	span(&audit->node[root_of(audit, AUDIT_ADDRESSES + i)], time_us, time_us);
	join(audit, address, AUDIT_ADDRESSES + i);
}

/* What tells devices apart: without flags and power, which a whole model shares. */
static void take_data(struct audit *audit, uint64_t time_us, size_t address, const uint8_t *data, size_t length) {
	struct content content = { .length = 0 };
	struct reader r = reader_over(data, length);
	size_t telling = 0;
	while (reader_left(&r) > 0) {
		uint8_t size = reader_u8(&r);
		const uint8_t *at = size > 0 ? reader_take(&r, size) : NULL;
		if (!at)
			break;
		if (at[0] == AD_NAME || at[0] == AD_SHORT_NAME)
			take_name(audit, address, at + 1, size - 1u);
		if (at[0] == AD_FLAGS || at[0] == AD_TX_POWER || content.length + size + 1u > AUDIT_CONTENT_SIZE)
			continue;
		content.bytes[content.length++] = size;
		memcpy(content.bytes + content.length, at, size);
		content.length += size;
		telling += size > 1u + COMMON_SIZE ? size - 1u - COMMON_SIZE : 0;
	}
	if (telling >= TELLING_SIZE)
		take_content(audit, time_us, address, &content);
}

void audit_take_advert(struct audit *audit, uint64_t time_us, const struct advert_report *report) {
	uint8_t address[6];
	for (size_t i = 0; i < 6; i++)
		address[i] = report->address[5 - i];
	/* Types 2 and 3 are resolved identities; the low bit says public or random. */
	size_t at = take_address(audit, time_us, address, report->address_type & 1 ? AUDIT_RANDOM : AUDIT_PUBLIC);
	if (at == AUDIT_ADDRESSES)
		return;
	audit->address[at].connectable |= (report->event & ADVERT_CONNECTABLE) != 0;
	audit->address[at].answers_scans |= (report->event & ADVERT_SCAN_RESPONSE) != 0;
	take_data(audit, time_us, at, report->data, report->length);
}

/* --- Wi-Fi (IEEE 802.11-2020, 9.2.4 and 9.3.3) --- */

enum { FRAME_MANAGEMENT = 0, FRAME_CONTROL = 1, FRAME_PROBE_REQUEST = 4, FRAME_PROBE_RESPONSE = 5, FRAME_BEACON = 8 };

static void take_network(struct audit *audit, size_t at, unsigned subtype, struct reader r) {
	char text[18];
	bool request = subtype == FRAME_PROBE_REQUEST;
	if (!request)
		reader_take(&r, 12); /* time stamp, interval, capabilities */
	uint8_t element = reader_u8(&r), size = reader_u8(&r);
	const uint8_t *ssid = reader_take(&r, size);
	bool named = ssid && element == 0 && size > 0 && size <= 32 && ssid[0] != 0;
	if (!named)
		return;
	take_name(audit, at, ssid, size);
	address_text(&audit->address[at], text);
	find(audit, request ? "wifi-probe" : "wifi-name",
	     request ? "%s asks for the network \"%s\"" : "%s shows the network \"%s\"", text, audit->address[at].name);
}

void audit_take_frame(struct audit *audit, uint64_t time_us, const uint8_t *frame, size_t length) {
	struct reader r = reader_over(frame, length);
	uint8_t control = reader_u8(&r);
	unsigned type = control >> 2 & 3, subtype = control >> 4;
	reader_take(&r, 9); /* flags, duration, receiver */
	const uint8_t *transmitter = reader_take(&r, 6);
	if (!transmitter || type == FRAME_CONTROL)
		return;
	size_t at = take_address(audit, time_us, transmitter, AUDIT_WIFI);
	if (at == AUDIT_ADDRESSES || type != FRAME_MANAGEMENT)
		return;
	reader_take(&r, 8); /* network, sequence */
	audit->beacons += subtype == FRAME_BEACON;
	audit->probes += subtype == FRAME_PROBE_REQUEST;
	if (subtype == FRAME_BEACON || subtype == FRAME_PROBE_RESPONSE || subtype == FRAME_PROBE_REQUEST)
		take_network(audit, at, subtype, r);
}

/* --- conclusions --- */

/* Heard on both sides of the end of an epoch, and not only where clocks may differ. */
static bool links_epochs(const struct audit *audit, uint64_t first_us, uint64_t last_us) {
	uint64_t end_us = (first_us + audit->guard_us) / audit->epoch_us * audit->epoch_us + audit->epoch_us;
	return first_us > 0 && first_us + audit->guard_us < end_us && last_us > end_us + audit->guard_us;
}

static void judge_address(struct audit *audit, size_t i) {
	const struct audit_address *a = &audit->address[i];
	char text[18];
	address_text(a, text);
	switch (a->kind) {
	case AUDIT_PUBLIC:
		find(audit, "public-address", "%s is a device's own, of the vendor with prefix %.8s", text, text);
		break;
	case AUDIT_RANDOM:
		if (a->address[0] >> 6 == 3)
			find(audit, "static-address", "%s stays the same until the device is started again", text);
		break;
	case AUDIT_WIFI:
		if ((a->address[0] & 3) == 0)
			find(audit, "wifi-vendor-address", "%s is a device's own, of the vendor with prefix %.8s", text, text);
		break;
	}
	if (*a->name && a->kind != AUDIT_WIFI)
		find(audit, "name", "%s calls itself \"%s\"", text, a->name);
	if (links_epochs(audit, a->first_us, a->last_us))
		find(audit, "address-repeats", "%s was heard in two epochs", text);
}

static void judge_group(struct audit *audit, size_t root) {
	const struct audit_address *first = NULL, *last = NULL;
	char from[18], to[18];
	if (!links_epochs(audit, audit->node[root].first_us, audit->node[root].last_us))
		return;
	for (size_t i = 0; i < audit->address_count; i++) {
		const struct audit_address *a = &audit->address[i];
		if (root_of(audit, i) != root)
			continue;
		first = !first || a->first_us < first->first_us ? a : first;
		last = !last || a->last_us > last->last_us ? a : last;
	}
	if (!first || first == last)
		return; /* told with the address */
	address_text(first, from);
	address_text(last, to);
	find(audit, "epochs-linked", "%s and %s are one device: what they sent was heard together", from, to);
}

/* Equal bytes at the same place of two contents: how many in a row, behind what all of a kind have in common. */
static size_t common_run(const struct content *a, const struct content *b, size_t *ret_at) {
	size_t best = 0;
	for (size_t at = 0; at < a->length && at < b->length;) {
		size_t size = a->bytes[at], run = 0;
		if (size != b->bytes[at] || a->bytes[at + 1] != b->bytes[at + 1])
			break;
		for (size_t i = at + 2 + COMMON_SIZE; i <= at + size; i++) {
			run = a->bytes[i] == b->bytes[i] ? run + 1 : 0;
			if (run > best) {
				best = run;
				*ret_at = i + 1 - run - at - 2;
			}
		}
		at += size + 1;
	}
	return best;
}

static void judge_contents(struct audit *audit) {
	for (size_t i = 0; i < audit->content_count; i++)
		for (size_t j = i + 1; j < audit->content_count; j++) {
			size_t a = root_of(audit, AUDIT_ADDRESSES + i), b = root_of(audit, AUDIT_ADDRESSES + j), at = 0;
			const struct node *x = &audit->node[a], *y = &audit->node[b];
			if (a == b || !links_epochs(audit, x->first_us < y->first_us ? x->first_us : y->first_us,
			                            x->last_us > y->last_us ? x->last_us : y->last_us))
				continue;
			size_t run = common_run(&audit->content[i], &audit->content[j], &at);
			if (run >= RUN_SIZE)
				find(audit, "bytes-repeat",
				     "%zu bytes from byte %zu of an advert's data are the same in two epochs", run, at);
		}
}

static void count_contents(struct audit *audit) {
	for (size_t i = 0; i < audit->address_count; i++)
		for (size_t j = 0; j < audit->content_count; j++)
			audit->address[i].contents += root_of(audit, i) == root_of(audit, AUDIT_ADDRESSES + j);
}

void audit_conclude(struct audit *audit) {
	for (size_t i = 0; i < audit->address_count; i++)
		judge_address(audit, i);
	for (size_t i = 0; i < audit->address_count; i++)
		if (root_of(audit, i) == i)
			judge_group(audit, i);
	judge_contents(audit);
	count_contents(audit);
	if (audit->overflow)
		find(audit, "too-much", "more was heard than can be kept: listen for less time, or only to what is near");
}

/* --- results --- */

size_t audit_address_count(const struct audit *audit) {
	return audit->address_count;
}

const struct audit_address *audit_address_at(const struct audit *audit, size_t at) {
	return &audit->address[at];
}

size_t audit_finding_count(const struct audit *audit) {
	return audit->finding_count;
}

const struct audit_finding *audit_finding_at(const struct audit *audit, size_t at) {
	return &audit->finding[at];
}

uint64_t audit_beacons(const struct audit *audit) {
	return audit->beacons;
}

uint64_t audit_probes(const struct audit *audit) {
	return audit->probes;
}
