/* One recording at rest: AES-256-GCM in numbered chunks. Any range can be read without the rest; a chunk that was changed, moved,
 * taken from another recording or cut off is found (docs/footage.md).
 *
 *   header   magic 8 | version 4 | chunk size 4 | recording id 16 | wrapped key 68
 *   chunks   ciphertext | tag 16; all but the last hold exactly "chunk size" bytes
 *
 * nonce = 0^4 | chunk number 8; associated data = recording id | chunk number 8 | last 1. The key is new for each recording, and
 * each number is sealed once: no nonce repeats. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/random.h"
#include "footage/keystore.h"

/* Small: a power cut costs the chunk that was not whole yet, and sound alone takes most of a second to fill it. */
#define CONTAINER_CHUNK_SIZE 4096u
/* What one read gives at most. */
#define CONTAINER_READ_SIZE 65536u
#define CONTAINER_HEADER_SIZE (8 + 4 + 4 + RECORDING_ID_SIZE + WRAPPED_KEY_SIZE)

struct container_writer;

/* Makes the file `name`, which must not exist. 0 or a negative errno (-ENOSPC: nothing is left behind). */
int container_writer_new(struct container_writer **ret, const struct file_layer *layer, int folder, const char *name,
                         struct keystore *keystore, const struct random_source *random, const uint8_t id[RECORDING_ID_SIZE]);
/* Whole chunks go to the disk, synced, sixteen at a time. 0 or a negative errno; after an error only finish and free work. */
int container_writer_append(struct container_writer *writer, const void *bytes, size_t length);
/* Every whole chunk is on the disk, synced, when this returns 0; as append. For moments that are worth it: a fragment's end. */
int container_writer_sync(struct container_writer *writer);
/* Seals the last chunk, syncs and closes. 0 or a negative errno: then the recording ends with its last whole chunk. */
int container_writer_finish(struct container_writer *writer);
/* Bytes and SHA-256 of everything that was appended and is, or will be with finish, in the file. */
uint64_t container_writer_size(const struct container_writer *writer);
void container_writer_hash(const struct container_writer *writer, uint8_t out[SHA256_SIZE]);
void container_writer_free(struct container_writer *writer);

struct container_reader;

/* 0; -ENOENT; -EBADMSG: no container, or damaged; -EKEYREJECTED: made with another storage key; or another negative errno. */
int container_reader_new(struct container_reader **ret, int folder, const char *name, struct keystore *keystore);
/* The same over an open file, which is taken over also on failure. */
int container_reader_new_file(struct container_reader **ret, int file, struct keystore *keystore);
/* Bytes of the recording that are there; while it is unfinished whole chunks only, and of the last ones those that the disk had
 * written when the power went. */
uint64_t container_reader_size(const struct container_reader *reader);
/* The last chunk is there and sealed as such. */
bool container_reader_is_complete(const struct container_reader *reader);
const uint8_t *container_reader_id(const struct container_reader *reader);
/* Reads at most `length` bytes from `offset`: fewer at the end, at chunk borders and before damage, never zero before the end.
 * The count, 0 at the end, -EBADMSG where the recording is damaged, or another negative errno. */
ssize_t container_reader_read(struct container_reader *reader, uint64_t offset, void *out, size_t length);
void container_reader_free(struct container_reader *reader);
