/* Format of the sighting log: a header, then entries, each with the hash of everything before it and itself, so that an edit, a
 * swap or a deletion shows; and its head, signed by the camera, that shows when the end was cut off (threats.md, invariant 14;
 * docs/slate.md, "The log"). Pure. Every byte of a log is hostile until the chain has been checked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "signal/advert.h"

#define SLATE_ID_SIZE 16
#define SLATE_SERIAL_LIMIT 32
#define SLATE_HEADER_SIZE 96
#define SLATE_BODY_SIZE 48
#define SLATE_ENTRY_SIZE (SLATE_BODY_SIZE + SHA256_SIZE)
#define SLATE_RSSI_UNKNOWN 127

struct slate_header {
	uint8_t log_id[SLATE_ID_SIZE];
	uint8_t previous[SHA256_SIZE]; /* last hash of the log before this one; zeros for the first */
	uint64_t made_us;              /* since 1970-01-01 UTC by the camera's clock, as all times here */
	char serial[SLATE_SERIAL_LIMIT + 1];
};

enum slate_kind { SLATE_RECORDING_BEGAN = 1, SLATE_RECORDING_ENDED = 2, SLATE_SIGHTING = 3 };

/* What was heard of one payload of one camera. Cumulative: a later entry for the same payload replaces an earlier one. */
struct slate_sighting {
	struct slate_call call;
	uint64_t first_us, last_us;
	uint32_t count;
	int8_t rssi; /* the best, dBm */
};

struct slate_entry {
	enum slate_kind kind;
	bool clock_trusted;
	uint64_t time_us;                    /* of a recording's beginning or end */
	uint8_t recording_id[SLATE_ID_SIZE]; /* the same */
	struct slate_sighting sighting;
};

void slate_header_encode(const struct slate_header *header, uint8_t out[SLATE_HEADER_SIZE]);
/* Where the chain begins. */
void slate_chain_start(const uint8_t header[SLATE_HEADER_SIZE], uint8_t chain[SHA256_SIZE]);
/* Writes the entry that follows `chain`, and steps the chain on. */
void slate_entry_encode(const struct slate_entry *entry, uint8_t chain[SHA256_SIZE], uint8_t out[SLATE_ENTRY_SIZE]);

struct slate_reader {
	struct reader bytes;
	struct slate_header header;
	uint8_t chain[SHA256_SIZE]; /* after the entries that were read */
	uint64_t entries;           /* read so far */
	size_t sound;               /* bytes up to here belong to the chain */
};

/* 0 or -EBADMSG: no log, or its header is damaged beyond use. */
int slate_reader_start(struct slate_reader *ret, const void *bytes, size_t length);
/* False at the end, or where the chain breaks. */
bool slate_reader_next(struct slate_reader *reader, struct slate_entry *ret);
/* After the last: whether everything was read. */
bool slate_reader_is_whole(const struct slate_reader *reader);

/* --- the head --- */

struct slate_head {
	uint8_t log_id[SLATE_ID_SIZE];
	uint64_t entries;
	uint8_t chain[SHA256_SIZE]; /* after that many entries */
	uint64_t time_us;
	uint8_t public_key[ED25519_PUBLIC_SIZE];
	uint8_t signature[ED25519_SIGNATURE_SIZE];
};

/* The camera's signing seed: its own, because one key must not serve two algorithms. Wipe it. */
void slate_signing_seed(const uint8_t static_secret[X25519_SIZE], uint8_t ret[ED25519_SEED_SIZE]);
/* Fills in key and signature. */
void slate_head_sign(struct slate_head *head, const uint8_t seed[ED25519_SEED_SIZE]);
bool slate_head_is_signed(const struct slate_head *head);

#define SLATE_HEAD_TEXT 384
/* One line: "lanyard-slate-head 1 LOG ENTRIES CHAIN TIME KEY SIGNATURE", numbers decimal, bytes hexadecimal. */
void slate_head_print(const struct slate_head *head, char out[SLATE_HEAD_TEXT]);
/* 0 or -EINVAL; an end of line behind it is allowed. The signature is not looked at. */
int slate_head_parse(const char *text, struct slate_head *ret);

enum slate_verdict {
	SLATE_SOUND,
	SLATE_BROKEN,    /* the chain breaks: something was changed */
	SLATE_OTHER,     /* the head is another log's */
	SLATE_APART,     /* it is not the one that follows the log before it */
	SLATE_CUT,       /* fewer entries than the head tells of */
	SLATE_REWRITTEN, /* as many, but others */
	SLATE_UNSIGNED,  /* the head's signature is wrong */
};
struct slate_proof {
	enum slate_verdict verdict;
	uint64_t entries;           /* intact ones from the beginning */
	uint8_t chain[SHA256_SIZE]; /* after them: what the next log begins with */
	struct slate_header header;
};
/* Checks a whole log. previous: `chain` of the log before it, or NULL when that is not to be checked; head may be NULL. 0, or
 * -EBADMSG: no log at all. */
int slate_verify(const void *bytes, size_t length, const uint8_t *previous, const struct slate_head *head,
                 struct slate_proof *ret);
const char *slate_verdict_name(enum slate_verdict verdict);
