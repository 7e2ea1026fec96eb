/* The peers of everything that is sealed: AES-256-GCM and SHA-256 as three libraries have them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "crypto/crypto.h"

struct libraries;

/* All three with the same key: what one seals, another opens. */
struct libraries *libraries_new(const uint8_t key[AES256_KEY_SIZE]);
void libraries_free(struct libraries *libraries);

struct library {
	const char *name;
	/* Writes length + GCM_TAG_SIZE bytes. `number` is the nonce. */
	void (*seal)(struct libraries *libraries, uint64_t number, const uint8_t *in, size_t length, uint8_t *out);
	/* Takes length + GCM_TAG_SIZE bytes; ends the program when they are not what was sealed. `out` may equal `in`. */
	void (*open)(struct libraries *libraries, uint64_t number, const uint8_t *in, size_t length, uint8_t *out);
	/* One more piece of what is hashed. */
	void (*hash)(struct libraries *libraries, const uint8_t *in, size_t length);
};

extern const struct library library_openssl;

/* What a peer's unit of work is called with. */
struct peer {
	struct libraries *libraries;
	const struct library *library;
	void *context; /* that of our own work */
};

/* Of the fastest library, where the bytes are many. */
#define LIBRARIES_BUDGET 0.95

/* The same work by ours, ours(context), and by every library that this processor has, theirs(&(struct peer){ ... }): a figure for
 * each of those, of which the fastest carries the budget (0: none). One unit of work handles `size` bytes. */
void libraries_compare(struct libraries *libraries, const char *name, size_t size, double budget, void (*ours)(void *context),
                       void (*theirs)(void *peer), void *context);
