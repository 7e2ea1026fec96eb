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
	size_t filled;
	uint8_t sealed[SEALED_CHUNK_SIZE]; /* plaintext gathers here and is sealed in place */
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

static int write_chunk(struct container_writer *w, bool last) {
	uint8_t nonce[GCM_NONCE_SIZE], associated[ASSOCIATED_SIZE];
	chunk_nonce(w->number, nonce);
	chunk_associated(w->id, w->number, last, associated);
	int result =
	        gcm_seal(w->gcm, nonce, associated, sizeof(associated), w->sealed, w->filled, w->sealed, w->sealed + w->filled);
	if (result == 0)
		result = write_whole(w, w->sealed, w->filled + GCM_TAG_SIZE);
	if (result == 0)
		result = w->layer->sync(w->layer->context, w->file);
	w->number++;
	w->filled = 0;
	return result;
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
			w->error = write_chunk(w, false);
			continue;
		}
		size_t room = CONTAINER_CHUNK_SIZE - w->filled, take = room < length ? room : length;
		memcpy(w->sealed + w->filled, in, take);
		sha256_update(w->hash, in, take);
		w->filled += take;
		w->size += take;
		in += take;
		length -= take;
	}
	return w->error;
}

int container_writer_finish(struct container_writer *w) {
	if (w->error == 0)
		w->error = write_chunk(w, true);
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
	bool has_cached;
	uint64_t cached;
	size_t cached_size;
	uint8_t chunk[CONTAINER_CHUNK_SIZE]; /* the one decrypted last */
	uint8_t sealed[SEALED_CHUNK_SIZE];
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

static int load_chunk(struct container_reader *r, uint64_t number, size_t size, bool last) {
	uint8_t nonce[GCM_NONCE_SIZE], associated[ASSOCIATED_SIZE];
	if (r->has_cached && r->cached == number)
		return 0;
	int result = read_exactly(r->file, CONTAINER_HEADER_SIZE + number * SEALED_CHUNK_SIZE, r->sealed, size + GCM_TAG_SIZE);
	if (result < 0)
		return result;
	chunk_nonce(number, nonce);
	chunk_associated(r->id, number, last, associated);
	r->has_cached = false;
	result = gcm_open(r->gcm, nonce, associated, sizeof(associated), r->sealed, size, r->sealed + size, r->chunk);
	if (result < 0)
		return result;
	r->has_cached = true;
	r->cached = number;
	r->cached_size = size;
	return 0;
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
	if (rest >= GCM_TAG_SIZE && load_chunk(r, whole, rest - GCM_TAG_SIZE, true) == 0) {
		r->complete = true;
		r->chunks = whole + 1;
		r->last_size = rest - GCM_TAG_SIZE;
	} else if (rest == 0 && whole > 0 && load_chunk(r, whole - 1, CONTAINER_CHUNK_SIZE, true) == 0) {
		r->complete = true;
	}
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
	uint64_t number = offset / CONTAINER_CHUNK_SIZE;
	size_t within = (size_t)(offset % CONTAINER_CHUNK_SIZE);
	bool last = number + 1 == r->chunks;
	int result = load_chunk(r, number, last ? r->last_size : CONTAINER_CHUNK_SIZE, last && r->complete);
	if (result < 0)
		return result;
	size_t there = r->cached_size - within, take = there < length ? there : length;
	memcpy(out, r->chunk + within, take);
	return (ssize_t)take;
}

void container_reader_free(struct container_reader *r) {
	if (!r)
		return;
	close(r->file);
	gcm_free(r->gcm);
	wipe(r->chunk, sizeof(r->chunk));
	free(r);
}
