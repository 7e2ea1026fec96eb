#include "slate/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const char magic[8] = "LYslate1";
static const char head_label[] = "lanyard slate head v1";
static const char head_word[] = "lanyard-slate-head 1";
#define FLAG_CLOCK_TRUSTED 1u

void slate_header_encode(const struct slate_header *header, uint8_t out[SLATE_HEADER_SIZE]) {
	struct writer w = writer_over(out, SLATE_HEADER_SIZE);
	memset(out, 0, SLATE_HEADER_SIZE);
	writer_copy(&w, magic, sizeof(magic));
	writer_copy(&w, header->log_id, sizeof(header->log_id));
	writer_copy(&w, header->previous, sizeof(header->previous));
	writer_u64(&w, header->made_us);
	size_t length = strnlen(header->serial, SLATE_SERIAL_LIMIT);
	writer_copy(&w, header->serial, length);
	assert(!w.failed);
}

static int header_decode(const uint8_t bytes[SLATE_HEADER_SIZE], struct slate_header *ret) {
	struct reader r = reader_over(bytes, SLATE_HEADER_SIZE);
	struct slate_header header = { .made_us = 0 };
	uint8_t start[sizeof(magic)];
	reader_copy(&r, start, sizeof(start));
	reader_copy(&r, header.log_id, sizeof(header.log_id));
	reader_copy(&r, header.previous, sizeof(header.previous));
	header.made_us = reader_u64(&r);
	reader_copy(&r, header.serial, SLATE_SERIAL_LIMIT);
	if (!reader_done(&r) || memcmp(start, magic, sizeof(magic)) != 0 || !text_is_plain(header.serial, false))
		return -EBADMSG;
	*ret = header;
	return 0;
}

void slate_chain_start(const uint8_t header[SLATE_HEADER_SIZE], uint8_t chain[SHA256_SIZE]) {
	sha256(header, SLATE_HEADER_SIZE, chain);
}

void slate_entry_encode(const struct slate_entry *entry, uint8_t chain[SHA256_SIZE], uint8_t out[SLATE_ENTRY_SIZE]) {
	struct writer w = writer_over(out, SLATE_BODY_SIZE);
	const struct slate_sighting *s = &entry->sighting;
	memset(out, 0, SLATE_BODY_SIZE);
	writer_u8(&w, (uint8_t)entry->kind);
	writer_u8(&w, entry->clock_trusted ? FLAG_CLOCK_TRUSTED : 0);
	switch (entry->kind) {
	case SLATE_RECORDING_BEGAN:
	case SLATE_RECORDING_ENDED:
		writer_u64(&w, entry->time_us);
		writer_copy(&w, entry->recording_id, sizeof(entry->recording_id));
		break;
	case SLATE_SIGHTING:
		writer_u64(&w, s->first_us);
		writer_u64(&w, s->last_us);
		writer_u32(&w, s->count);
		writer_u8(&w, (uint8_t)s->rssi);
		writer_u32(&w, (uint32_t)s->call.epoch);
		writer_copy(&w, s->call.identity, sizeof(s->call.identity));
		writer_u16(&w, s->call.counter);
		writer_u8(&w, (uint8_t)s->call.tx_power);
		writer_copy(&w, s->call.mac, sizeof(s->call.mac));
		break;
	}
	assert(!w.failed);
	sha256_two(chain, SHA256_SIZE, out, SLATE_BODY_SIZE, chain);
	memcpy(out + SLATE_BODY_SIZE, chain, SHA256_SIZE);
}

/* The chain says that the camera wrote it; what it says is checked all the same. */
static bool body_decode(const uint8_t body[SLATE_BODY_SIZE], struct slate_entry *ret) {
	struct reader r = reader_over(body, SLATE_BODY_SIZE);
	struct slate_entry entry = { .kind = (enum slate_kind)reader_u8(&r) };
	struct slate_sighting *s = &entry.sighting;
	entry.clock_trusted = reader_u8(&r) & FLAG_CLOCK_TRUSTED;
	switch (entry.kind) {
	case SLATE_RECORDING_BEGAN:
	case SLATE_RECORDING_ENDED:
		entry.time_us = reader_u64(&r);
		reader_copy(&r, entry.recording_id, sizeof(entry.recording_id));
		break;
	case SLATE_SIGHTING:
		s->first_us = reader_u64(&r);
		s->last_us = reader_u64(&r);
		s->count = reader_u32(&r);
		s->rssi = (int8_t)reader_u8(&r);
		s->call.epoch = reader_u32(&r);
		reader_copy(&r, s->call.identity, sizeof(s->call.identity));
		s->call.counter = reader_u16(&r);
		s->call.tx_power = (int8_t)reader_u8(&r);
		reader_copy(&r, s->call.mac, sizeof(s->call.mac));
		break;
	}
	if (r.failed || r.at == body + 2) /* also a kind that we do not know: nothing of it was read */
		return false;
	*ret = entry;
	return true;
}

int slate_reader_start(struct slate_reader *ret, const void *bytes, size_t length) {
	struct slate_reader reader = { .bytes = reader_over(bytes, length) };
	const uint8_t *header = reader_take(&reader.bytes, SLATE_HEADER_SIZE);
	if (!header || header_decode(header, &reader.header) < 0)
		return -EBADMSG;
	slate_chain_start(header, reader.chain);
	reader.sound = SLATE_HEADER_SIZE;
	*ret = reader;
	return 0;
}

bool slate_reader_next(struct slate_reader *reader, struct slate_entry *ret) {
	uint8_t chain[SHA256_SIZE];
	if (reader_left(&reader->bytes) < SLATE_ENTRY_SIZE)
		return false;
	struct reader next = reader->bytes;
	const uint8_t *bytes = reader_take(&next, SLATE_ENTRY_SIZE);
	sha256_two(reader->chain, SHA256_SIZE, bytes, SLATE_BODY_SIZE, chain);
	if (memcmp(chain, bytes + SLATE_BODY_SIZE, SHA256_SIZE) != 0 || !body_decode(bytes, ret))
		return false;
	reader->bytes = next;
	memcpy(reader->chain, chain, sizeof(chain));
	reader->entries++;
	reader->sound += SLATE_ENTRY_SIZE;
	return true;
}

bool slate_reader_is_whole(const struct slate_reader *reader) {
	return reader_left(&reader->bytes) == 0;
}

/* --- the head --- */

void slate_signing_seed(const uint8_t static_secret[X25519_SIZE], uint8_t ret[ED25519_SEED_SIZE]) {
	static const char label[] = "lanyard slate signing v1";
	hkdf_sha256(NULL, 0, static_secret, X25519_SIZE, label, sizeof(label) - 1, ret, ED25519_SEED_SIZE);
}

#define SIGNED_SIZE (sizeof(head_label) - 1 + SLATE_ID_SIZE + 8 + SHA256_SIZE + 8)

static void head_statement(const struct slate_head *head, uint8_t out[SIGNED_SIZE]) {
	struct writer w = writer_over(out, SIGNED_SIZE);
	writer_copy(&w, head_label, sizeof(head_label) - 1);
	writer_copy(&w, head->log_id, sizeof(head->log_id));
	writer_u64(&w, head->entries);
	writer_copy(&w, head->chain, sizeof(head->chain));
	writer_u64(&w, head->time_us);
	assert(!w.failed && w.at == w.end);
}

void slate_head_sign(struct slate_head *head, const uint8_t seed[ED25519_SEED_SIZE]) {
	uint8_t statement[SIGNED_SIZE];
	head_statement(head, statement);
	ed25519_public(head->public_key, seed);
	ed25519_sign(head->signature, statement, sizeof(statement), seed);
}

bool slate_head_is_signed(const struct slate_head *head) {
	uint8_t statement[SIGNED_SIZE];
	head_statement(head, statement);
	return ed25519_verify(head->signature, statement, sizeof(statement), head->public_key);
}

void slate_head_print(const struct slate_head *head, char out[SLATE_HEAD_TEXT]) {
	char log_id[2 * SLATE_ID_SIZE + 1], chain[2 * SHA256_SIZE + 1], key[2 * ED25519_PUBLIC_SIZE + 1],
	        signature[2 * ED25519_SIGNATURE_SIZE + 1];
	hex_encode(log_id, head->log_id, sizeof(head->log_id));
	hex_encode(chain, head->chain, sizeof(head->chain));
	hex_encode(key, head->public_key, sizeof(head->public_key));
	hex_encode(signature, head->signature, sizeof(head->signature));
	int length = snprintf(out, SLATE_HEAD_TEXT, "%s %s %" PRIu64 " %s %" PRIu64 " %s %s", head_word, log_id, head->entries,
	                      chain, head->time_us, key, signature);
	assert(length < SLATE_HEAD_TEXT);
	(void)length;
}

/* The next word, behind one blank. NULL when it is too long or missing. */
static const char *next_word(const char **at, char *word, size_t capacity) {
	size_t length = strcspn(*at, " \n");
	if (length == 0 || length >= capacity)
		return NULL;
	memcpy(word, *at, length);
	word[length] = '\0';
	*at += length + ((*at)[length] == ' ');
	return word;
}

static bool next_bytes(const char **at, uint8_t *ret, size_t length) {
	char word[2 * ED25519_SIGNATURE_SIZE + 1];
	return next_word(at, word, sizeof(word)) && hex_decode(ret, length, word) == 0;
}

static bool next_number(const char **at, uint64_t *ret) {
	char word[20]; /* below 10^19 */
	uint64_t value = 0;
	if (!next_word(at, word, sizeof(word)))
		return false;
	for (const char *c = word; *c; c++) {
		if (*c < '0' || *c > '9')
			return false;
		value = value * 10 + (uint64_t)(*c - '0');
	}
	*ret = value;
	return true;
}

int slate_head_parse(const char *text, struct slate_head *ret) {
	struct slate_head head;
	const size_t start = sizeof(head_word) - 1;
	if (strncmp(text, head_word, start) != 0 || text[start] != ' ')
		return -EINVAL;
	const char *at = text + start + 1;
	if (!next_bytes(&at, head.log_id, sizeof(head.log_id)) || !next_number(&at, &head.entries) ||
	    !next_bytes(&at, head.chain, sizeof(head.chain)) || !next_number(&at, &head.time_us) ||
	    !next_bytes(&at, head.public_key, sizeof(head.public_key)) ||
	    !next_bytes(&at, head.signature, sizeof(head.signature)) || (*at && strcmp(at, "\n") != 0))
		return -EINVAL;
	*ret = head;
	return 0;
}

int slate_verify(const void *bytes, size_t length, const uint8_t *previous, const struct slate_head *head,
                 struct slate_proof *ret) {
	struct slate_reader reader;
	struct slate_entry entry;
	bool at_head = false;
	int r = slate_reader_start(&reader, bytes, length);
	if (r < 0)
		return r;
	do {
		if (head && reader.entries == head->entries)
			at_head = memcmp(reader.chain, head->chain, SHA256_SIZE) == 0;
	} while (slate_reader_next(&reader, &entry));
	*ret = (struct slate_proof){ .verdict = SLATE_SOUND, .entries = reader.entries, .header = reader.header };
	memcpy(ret->chain, reader.chain, SHA256_SIZE);
	if (head && !slate_head_is_signed(head))
		ret->verdict = SLATE_UNSIGNED;
	else if (head && memcmp(head->log_id, reader.header.log_id, SLATE_ID_SIZE) != 0)
		ret->verdict = SLATE_OTHER;
	else if (previous && memcmp(previous, reader.header.previous, SHA256_SIZE) != 0)
		ret->verdict = SLATE_APART;
	else if (!slate_reader_is_whole(&reader))
		ret->verdict = SLATE_BROKEN;
	else if (head && head->entries > reader.entries)
		ret->verdict = SLATE_CUT;
	else if (head && !at_head)
		ret->verdict = SLATE_REWRITTEN;
	return 0;
}

const char *slate_verdict_name(enum slate_verdict verdict) {
	switch (verdict) {
	case SLATE_SOUND:
		return "sound";
	case SLATE_BROKEN:
		return "broken";
	case SLATE_OTHER:
		return "other-log";
	case SLATE_APART:
		return "apart";
	case SLATE_CUT:
		return "cut";
	case SLATE_REWRITTEN:
		return "rewritten";
	case SLATE_UNSIGNED:
		return "unsigned";
	}
	return "unknown";
}
