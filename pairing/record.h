/* The pairing record: what each end remembers of the other. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "pairing/hint.h"
#include "pairing/limits.h"
#include "pairing/static_keys.h"

struct pairing_record {
	uint8_t peer_key[KEY_SIZE]; /* the other end's static public key */
	uint8_t secret[KEY_SIZE];   /* the psk of every session */
	char peer_name[COMPANION_NAME_LIMIT + 1];
	uint64_t paired_at_s; /* seconds since 1970-01-01 UTC, by the clock of whoever wrote it; for people only */
};

/* File image: magic, version, fields, SHA-256 over all of it (damage, not tampering: the file is 0600). */
#define PAIRING_RECORD_SIZE 160

/* PAIRING_RECORD_SIZE bytes. */
void pairing_record_encode(const struct pairing_record *record, uint8_t *out);
/* 0 or -EBADMSG (damaged, or a version we do not know). */
int pairing_record_decode(const uint8_t *bytes, size_t length, struct pairing_record *ret);

/* Loads the file `name`. 0, -ENOENT when there is none, -EBADMSG when it was damaged: then it was set aside under another name
 * and logged, never deleted. */
int pairing_record_load(const struct file_layer *layer, int folder, const char *name, struct pairing_record *ret);
/* Power-cut safe: after any cut either the old or the new record is there, whole. 0 or a negative errno. */
int pairing_record_store(const struct file_layer *layer, int folder, const char *name, const struct pairing_record *record);
/* 0, also when there was none. */
int pairing_record_remove(const struct file_layer *layer, int folder, const char *name);
