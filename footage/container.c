#include "footage/container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

static const char magic[8] = { 'L', 'Y', 'f', 'o', 'o', 't', 'g', 0 };
#define VERSION 1
#define SEALED_CHUNK_SIZE (CONTAINER_CHUNK_SIZE + GCM_TAG_SIZE)
/* Written, synced and read together. What a power cut may spoil is what was not synced: less than this and a chunk. */
#define BATCH (CONTAINER_READ_SIZE / CONTAINER_CHUNK_SIZE)
#define ASSOCIATED_SIZE (RECORDING_ID_SIZE + 8 + 1)

static void chunk_nonce(uint64_t number, uint8_t out[GCM_NONCE_SIZE]) {
	struct writer w = writer_over(out, GCM_NONCE_SIZE);
	writer_u32(&w, 0);
	writer_u64(&w, number);
}

static void chunk_associated(const uint8_t *id, uint64_t number, bool last, uint8_t out[ASSOCIATED_SIZE]) {
	struct writer w = writer_over(out, ASSOCIATED_SIZE);
	writer_copy(&w, id, RECORDING_ID_SIZE);
	writer_u64(&w, number);
	writer_u8(&w, last);
}

/* ----------------------------------------------------------------------------------------------------------------- writing */

struct container_writer {
	const struct file_layer *layer;
	int file;
	uint8_t id[RECORDING_ID_SIZE];
	struct gcm *gcm;
	struct sha256_state *hash;
	uint64_t number, size;
	int error;
	size_t batched; /* bytes of `sealed` that are whole chunks, sealed and not written yet */
	size_t filled;  /* bytes of plaintext after them, which are sealed in place */
	uint8_t sealed[BATCH * SEALED_CHUNK_SIZE];
};

static int write_whole(const struct container_writer *w, const uint8_t *bytes, size_t length) {
	while (length > 0) {
		ssize_t written = w->layer->write(w->layer->context, w->file, bytes, length);
		if (written == -EINTR)
			continue;
		if (written < 0)
			return (int)written;
		bytes += written;
		length -= (size_t)written;
	}
	return 0;
}

static int write_batch(struct container_writer *w) {
	if (w->batched == 0)
		return 0;
	int result = write_whole(w, w->sealed, w->batched);
	if (result == 0)
		result = w->layer->sync(w->layer->context, w->file);
	memmove(w->sealed, w->sealed + w->batched, w->filled);
	w->batched = 0;
	return result;
}

static int seal_chunk(struct container_writer *w, bool last) {
	uint8_t nonce[GCM_NONCE_SIZE], associated[ASSOCIATED_SIZE], *chunk = w->sealed + w->batched;
	chunk_nonce(w->number, nonce);
	chunk_associated(w->id, w->number, last, associated);
	int result = gcm_seal(w->gcm, nonce, associated, sizeof(associated), chunk, w->filled, chunk, chunk + w->filled);
	if (result < 0)
		return result;
	w->number++;
	w->batched += w->filled + GCM_TAG_SIZE;
	w->filled = 0;
	return last || w->batched == sizeof(w->sealed) ? write_batch(w) : 0;
}

static int write_header(struct container_writer *w, struct keystore *keystore, const uint8_t key[AES256_KEY_SIZE]) {
	uint8_t header[CONTAINER_HEADER_SIZE];
	struct writer out = writer_over(header, sizeof(header));
	writer_copy(&out, magic, sizeof(magic));
	writer_u32(&out, VERSION);
	writer_u32(&out, CONTAINER_CHUNK_SIZE);
	writer_copy(&out, w->id, RECORDING_ID_SIZE);
	int result = keystore_wrap(keystore, w->id, key, writer_reserve(&out, WRAPPED_KEY_SIZE));
	if (result == 0)
		result = write_whole(w, header, sizeof(header));
	return result == 0 ? w->layer->sync(w->layer->context, w->file) : result;
}

int container_writer_new(struct container_writer **ret, const struct file_layer *layer, int folder, const char *name,
                         struct keystore *keystore, const struct random_source *random, const uint8_t id[RECORDING_ID_SIZE]) {
	struct container_writer *w = calloc(1, sizeof(*w));
	uint8_t key[AES256_KEY_SIZE];
	if (!w)
		return -ENOMEM;
	w->layer = layer;
	memcpy(w->id, id, RECORDING_ID_SIZE);
	w->file = layer->open(layer->context, folder, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	int result = w->file < 0 ? w->file : 0;
	random->fill(random->context, key, sizeof(key));
	if (result == 0)
		result = gcm_new(&w->gcm, key);
	if (result == 0)
		result = sha256_new(&w->hash);
	if (result == 0)
		result = write_header(w, keystore, key);
	if (result == 0)
		result = layer->sync(layer->context, folder);
	wipe(key, sizeof(key));
	if (result < 0) {
		if (w->file >= 0)
			layer->remove(layer->context, folder, name);
		container_writer_free(w);
		return result;
	}
	*ret = w;
	return 0;
}

int container_writer_append(struct container_writer *w, const void *bytes, size_t length) {
	const uint8_t *in = bytes;
	while (length > 0 && w->error == 0) {
		/* A full chunk waits for the byte after it, because only then it is known not to be the last. */
		if (w->filled == CONTAINER_CHUNK_SIZE) {
			w->error = seal_chunk(w, false);
			continue;
		}
		size_t room = CONTAINER_CHUNK_SIZE - w->filled, take = room < length ? room : length;
		memcpy(w->sealed + w->batched + w->filled, in, take);
		sha256_update(w->hash, in, take);
		w->filled += take;
		w->size += take;
		in += take;
		length -= take;
	}
	return w->error;
}

int container_writer_sync(struct container_writer *w) {
	if (w->error == 0)
		w->error = write_batch(w);
	return w->error;
}

int container_writer_finish(struct container_writer *w) {
	if (w->error == 0)
		w->error = seal_chunk(w, true);
	int closed = w->layer->close(w->layer->context, w->file);
	w->file = -1;
	return w->error < 0 ? w->error : closed;
}

uint64_t container_writer_size(const struct container_writer *w) {
	return w->size;
}

void container_writer_hash(const struct container_writer *w, uint8_t out[SHA256_SIZE]) {
	sha256_peek(w->hash, out);
}

void container_writer_free(struct container_writer *w) {
	if (!w)
		return;
	if (w->file >= 0)
		w->layer->close(w->layer->context, w->file);
	gcm_free(w->gcm);
	sha256_free(w->hash);
	wipe(w->sealed, sizeof(w->sealed));
	free(w);
}

/* ----------------------------------------------------------------------------------------------------------------- reading */

struct container_reader {
	int file;
	uint8_t id[RECORDING_ID_SIZE];
	struct gcm *gcm;
	bool complete;
	uint64_t chunks; /* whole ones, and the last when it is complete */
	size_t last_size;
	uint64_t first;      /* chunk that `plain` begins with */
	size_t plain_length; /* 0: nothing is there */
	uint8_t plain[BATCH * CONTAINER_CHUNK_SIZE];
	uint8_t sealed[BATCH * SEALED_CHUNK_SIZE];
};

static int read_exactly(int file, uint64_t offset, uint8_t *out, size_t length) {
	while (length > 0) {
		ssize_t got = pread(file, out, length, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EBADMSG;
		out += got;
		offset += (uint64_t)got;
		length -= (size_t)got;
	}
	return 0;
}

static int open_chunk(struct container_reader *r, uint64_t number, const uint8_t *sealed, size_t size, bool last, uint8_t *out) {
	uint8_t nonce[GCM_NONCE_SIZE], associated[ASSOCIATED_SIZE];
	chunk_nonce(number, nonce);
	chunk_associated(r->id, number, last, associated);
	return gcm_open(r->gcm, nonce, associated, sizeof(associated), sealed, size, sealed + size, out);
}

/* One chunk whose size is not settled yet, while the end is looked for. */
static bool try_chunk(struct container_reader *r, uint64_t number, size_t size, bool last) {
	return read_exactly(r->file, CONTAINER_HEADER_SIZE + number * SEALED_CHUNK_SIZE, r->sealed, size + GCM_TAG_SIZE) == 0 &&
	       open_chunk(r, number, r->sealed, size, last, r->plain) == 0;
}

/* Opens up to `count` chunks into `out`, which has room for them: bytes; fewer where one of them is damaged, -EBADMSG when that
 * is the first. */
static ssize_t load(struct container_reader *r, uint64_t number, size_t count, uint8_t *out) {
	bool to_end = count >= r->chunks - number;
	if (to_end)
		count = (size_t)(r->chunks - number);
	size_t length = 0, sealed = count * SEALED_CHUNK_SIZE - (to_end ? CONTAINER_CHUNK_SIZE - r->last_size : 0);
	int result = read_exactly(r->file, CONTAINER_HEADER_SIZE + number * SEALED_CHUNK_SIZE, r->sealed, sealed);
	if (result < 0)
		return result;
	for (size_t i = 0; i < count; i++) {
		bool last = to_end && i + 1 == count;
		size_t size = last ? r->last_size : CONTAINER_CHUNK_SIZE;
		result = open_chunk(r, number + i, r->sealed + i * SEALED_CHUNK_SIZE, size, last && r->complete, out + length);
		if (result < 0)
			return i > 0 ? (ssize_t)length : result;
		length += size;
	}
	return (ssize_t)length;
}

static int read_header(struct container_reader *r, struct keystore *keystore) {
	uint8_t header[CONTAINER_HEADER_SIZE], start[sizeof(magic)], key[AES256_KEY_SIZE];
	int result = read_exactly(r->file, 0, header, sizeof(header));
	if (result < 0)
		return result;
	struct reader in = reader_over(header, sizeof(header));
	reader_copy(&in, start, sizeof(start));
	uint32_t version = reader_u32(&in), chunk_size = reader_u32(&in);
	reader_copy(&in, r->id, RECORDING_ID_SIZE);
	const uint8_t *wrapped = reader_take(&in, WRAPPED_KEY_SIZE);
	if (!wrapped || memcmp(start, magic, sizeof(magic)) != 0 || version != VERSION || chunk_size != CONTAINER_CHUNK_SIZE)
		return -EBADMSG;
	result = keystore_unwrap(keystore, r->id, wrapped, key);
	if (result == 0)
		result = gcm_new(&r->gcm, key);
	wipe(key, sizeof(key));
	return result;
}

/* A disk may have written the last batch in any order before the power went, or left zeros in it: what counts is what comes
 * before the first chunk that is not good, even when the last one is there. Damage further to the front is no power cut, and is
 * found by reading. */
static void drop_unwritten(struct container_reader *r) {
	uint64_t end = r->complete ? r->chunks - 1 : r->chunks;
	for (uint64_t number = end > BATCH ? end - BATCH : 0; number < end; number++) {
		if (try_chunk(r, number, CONTAINER_CHUNK_SIZE, false))
			continue;
		r->chunks = number;
		r->last_size = CONTAINER_CHUNK_SIZE;
		r->complete = false;
		return;
	}
}

/* What is there: whole chunks, and a rest that is the last chunk if it authenticates as such. A file that ends with a whole chunk
 * may be complete too: then that chunk is marked. */
static int find_end(struct container_reader *r) {
	struct stat status;
	if (fstat(r->file, &status) < 0)
		return -errno;
	uint64_t bytes = (uint64_t)status.st_size - CONTAINER_HEADER_SIZE;
	uint64_t whole = bytes / SEALED_CHUNK_SIZE;
	size_t rest = (size_t)(bytes % SEALED_CHUNK_SIZE);
	r->chunks = whole;
	r->last_size = CONTAINER_CHUNK_SIZE;
	if (rest >= GCM_TAG_SIZE && try_chunk(r, whole, rest - GCM_TAG_SIZE, true)) {
		r->complete = true;
		r->chunks = whole + 1;
		r->last_size = rest - GCM_TAG_SIZE;
	} else if (rest == 0 && whole > 0 && try_chunk(r, whole - 1, CONTAINER_CHUNK_SIZE, true)) {
		r->complete = true;
	}
	drop_unwritten(r);
	return 0;
}

int container_reader_new_file(struct container_reader **ret, int file, struct keystore *keystore) {
	struct container_reader *r = calloc(1, sizeof(*r));
	if (!r) {
		close(file);
		return -ENOMEM;
	}
	r->file = file;
	int result = read_header(r, keystore);
	if (result == 0)
		result = find_end(r);
	if (result < 0) {
		container_reader_free(r);
		return result;
	}
	*ret = r;
	return 0;
}

int container_reader_new(struct container_reader **ret, int folder, const char *name, struct keystore *keystore) {
	int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return file < 0 ? -errno : container_reader_new_file(ret, file, keystore);
}

uint64_t container_reader_size(const struct container_reader *r) {
	return r->chunks == 0 ? 0 : (r->chunks - 1) * CONTAINER_CHUNK_SIZE + r->last_size;
}

bool container_reader_is_complete(const struct container_reader *r) {
	return r->complete;
}

const uint8_t *container_reader_id(const struct container_reader *r) {
	return r->id;
}

ssize_t container_reader_read(struct container_reader *r, uint64_t offset, void *out, size_t length) {
	uint64_t size = container_reader_size(r);
	if (offset >= size || length == 0)
		return 0;
	uint64_t start = r->first * CONTAINER_CHUNK_SIZE;
	if (offset < start || offset - start >= r->plain_length) {
		size_t within = (size_t)(offset % CONTAINER_CHUNK_SIZE);
		size_t wanted = length < CONTAINER_READ_SIZE - within ? within + length : CONTAINER_READ_SIZE;
		uint64_t number = offset / CONTAINER_CHUNK_SIZE;
		/* Whole chunks need not come by way of `plain`. */
		if (within == 0 && wanted >= CONTAINER_CHUNK_SIZE)
			return load(r, number, wanted / CONTAINER_CHUNK_SIZE, out);
		r->plain_length = 0;
		ssize_t loaded = load(r, number, (wanted + CONTAINER_CHUNK_SIZE - 1) / CONTAINER_CHUNK_SIZE, r->plain);
		if (loaded < 0)
			return loaded;
		r->first = number;
		r->plain_length = (size_t)loaded;
		start = number * CONTAINER_CHUNK_SIZE;
	}
	size_t at = (size_t)(offset - start), there = r->plain_length - at, take = there < length ? there : length;
	memcpy(out, r->plain + at, take);
	return (ssize_t)take;
}

void container_reader_free(struct container_reader *r) {
	if (!r)
		return;
	close(r->file);
	gcm_free(r->gcm);
	wipe(r->plain, sizeof(r->plain));
	free(r);
}
