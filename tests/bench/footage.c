#include "footage/container.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "tests/bench/compare.h"
#include "tests/bench/libraries.h"
#include "tests/bench/native.h"

/* One recording of 16 MiB, a minute of video or so. */
#define SIZE (16u * 1024 * 1024)
#define PIECE 65536u
#define PAGE 4096u
#define LARGEST (1024u * 1024)
#define SEALED_LARGEST (LARGEST / CONTAINER_CHUNK_SIZE * (CONTAINER_CHUNK_SIZE + GCM_TAG_SIZE))

struct storage {
	char path[64];
	int folder;
	struct keystore *keystore;
	struct libraries *libraries;
	uint8_t *bytes, *sealed; /* LARGEST, and as much with tags */
	size_t size;             /* of one piece */
	size_t chunk;            /* what the peers seal at once: the container's, unless a piece is smaller */
	uint64_t at, number;     /* where ours and the peers stand: byte, piece */
	struct container_writer *writer;
	struct container_reader *reader;
	int chunks; /* the peers' file: the same number of bytes, every chunk with its tag behind it */
};

/* --- to the disk -------------------------------------------------------------------------------------------------------- */

static const uint8_t recording_id[RECORDING_ID_SIZE] = { 1 };

static void write_container(void *context) {
	struct storage *storage = context;
	struct container_writer *writer;
	unlinkat(storage->folder, "written", 0);
	REQUIRE(container_writer_new(&writer, file_layer_system(), storage->folder, "written", storage->keystore, random_system(),
	                             recording_id) == 0);
	for (size_t at = 0; at < SIZE; at += PIECE)
		REQUIRE(container_writer_append(writer, storage->bytes, PIECE) == 0);
	REQUIRE(container_writer_finish(writer) == 0);
	container_writer_free(writer);
}

/* The floor: the same file calls with the bytes as they are. */
static void write_plain(void *context) {
	struct storage *storage = context;
	int file = openat(storage->folder, "plain", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	REQUIRE(file >= 0);
	for (size_t at = 0; at < SIZE; at += PIECE) {
		REQUIRE(write(file, storage->bytes, PIECE) == (ssize_t)PIECE);
		REQUIRE(fdatasync(file) == 0);
	}
	REQUIRE(close(file) == 0);
}

static void bench_written(struct storage *storage) {
	double seconds[2];
	compare(CLOCK_PASSING,
	        (const struct contender[]){ { "ours", write_container, storage }, { "plain", write_plain, storage } }, 2, 7,
	        seconds);
	figure_print(&(struct figure){ "footage written, each 64 KiB synced", "MB/s", SIZE / seconds[0] / 1e6,
	                               SIZE / seconds[1] / 1e6, "the same file calls, not encrypted", 0, true });
}

/* --- what the container costs without a disk ---------------------------------------------------------------------------- */

static int open_nothing(void *context, int folder, const char *name, int flags, mode_t mode) {
	(void)context, (void)folder, (void)name, (void)flags, (void)mode;
	return 0;
}

static ssize_t write_nothing(void *context, int file, const void *bytes, size_t length) {
	(void)context, (void)file, (void)bytes;
	return (ssize_t)length;
}

static int sync_nothing(void *context, int file) {
	(void)context, (void)file;
	return 0;
}

/* A disk that has taken everything at once. */
static const struct file_layer no_disk = {
	.open = open_nothing, .write = write_nothing, .sync = sync_nothing, .close = sync_nothing
};

static void append_piece(void *context) {
	struct storage *storage = context;
	REQUIRE(container_writer_append(storage->writer, storage->bytes, storage->size) == 0);
}

static size_t sealed_size(const struct storage *storage) {
	return storage->size / storage->chunk * (storage->chunk + GCM_TAG_SIZE);
}

static void library_seal_piece(struct storage *storage, struct libraries *libraries, const struct library *library,
                               uint64_t number) {
	size_t count = storage->size / storage->chunk;
	for (size_t i = 0; i < count; i++)
		library->seal(libraries, number * count + i, storage->bytes + i * storage->chunk, storage->chunk,
		              storage->sealed + i * (storage->chunk + GCM_TAG_SIZE));
}

/* A recording's hash is noted at capture: it belongs to what writing costs. */
static void library_append_piece(void *context) {
	const struct peer *peer = context;
	struct storage *storage = peer->context;
	peer->library->hash(peer->libraries, storage->bytes, storage->size);
	library_seal_piece(storage, peer->libraries, peer->library, storage->number++);
}

static void set_sizes(struct storage *storage, size_t size, size_t chunk) {
	storage->size = size;
	storage->chunk = chunk < size ? chunk : size;
}

static void bench_sealed(struct storage *storage, size_t size, const char *name, double budget) {
	set_sizes(storage, size, CONTAINER_CHUNK_SIZE);
	REQUIRE(container_writer_new(&storage->writer, &no_disk, storage->folder, "none", storage->keystore, random_system(),
	                             recording_id) == 0);
	libraries_compare(storage->libraries, name, size, budget, append_piece, library_append_piece, storage);
	container_writer_free(storage->writer);
}

/* --- from the page cache ------------------------------------------------------------------------------------------------ */

/* How fast the page cache copies a file depends on how the file was written (docs/bench.md). Read back from the disk, all are
 * there in the same way, as a recording of yesterday is. */
static int open_read_back(struct storage *storage, const char *name) {
	int file = openat(storage->folder, name, O_RDONLY | O_CLOEXEC);
	REQUIRE(file >= 0 && fsync(file) == 0 && posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0);
	while (read(file, storage->bytes, PIECE) > 0)
		;
	return file;
}

static void make_chunks(struct storage *storage) {
	int file = openat(storage->folder, "chunks", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	REQUIRE(file >= 0);
	for (uint64_t number = 0; number < SIZE / storage->size; number++) {
		library_seal_piece(storage, storage->libraries, &library_openssl, number);
		REQUIRE(write(file, storage->sealed, sealed_size(storage)) == (ssize_t)sealed_size(storage));
	}
	REQUIRE(close(file) == 0);
	storage->chunks = open_read_back(storage, "chunks");
}

static void read_piece(void *context) {
	struct storage *storage = context;
	if (storage->at + storage->size > SIZE)
		storage->at = 0;
	for (size_t done = 0; done < storage->size;) {
		ssize_t got =
		        container_reader_read(storage->reader, storage->at + done, storage->bytes + done, storage->size - done);
		REQUIRE(got > 0);
		done += (size_t)got;
	}
	storage->at += storage->size;
}

static void library_read_piece(void *context) {
	const struct peer *peer = context;
	struct storage *storage = peer->context;
	size_t length = sealed_size(storage), count = storage->size / storage->chunk;
	uint64_t number = storage->number++ % (SIZE / storage->size);
	REQUIRE(pread(storage->chunks, storage->sealed, length, (off_t)(number * length)) == (ssize_t)length);
	for (size_t i = 0; i < count; i++) {
		uint8_t *chunk = storage->sealed + i * (storage->chunk + GCM_TAG_SIZE);
		peer->library->open(peer->libraries, number * count + i, chunk, storage->chunk, chunk);
	}
}

static void bench_read(struct storage *storage, size_t size, size_t chunk, const char *name, double budget) {
	set_sizes(storage, size, chunk);
	make_chunks(storage);
	libraries_compare(storage->libraries, name, size, budget, read_piece, library_read_piece, storage);
	close(storage->chunks);
}

static void seek_container(void *context) {
	struct storage *storage = context;
	storage->at = (storage->at + 7 * 1024 * 1024 + 12345) % (SIZE - 4096);
	REQUIRE(container_reader_read(storage->reader, storage->at, storage->bytes, 4096) > 0);
}

/* ------------------------------------------------------------------------------------------------------------------------ */

static void start(struct storage *storage) {
	static const uint8_t key[AES256_KEY_SIZE] = { 1 };
	REQUIRE(mkdtemp(storage->path) && (storage->folder = folder_open(storage->path)) >= 0);
	/* On a page's border: AMD's Zen 3 copies four times slower to what lies, within its page, up to 64 bytes behind the
	 * source, and malloc gives large blocks 16 bytes behind. */
	REQUIRE((storage->bytes = aligned_alloc(PAGE, LARGEST)) && (storage->sealed = aligned_alloc(PAGE, SEALED_LARGEST)));
	memset(storage->bytes, 0, LARGEST);
	REQUIRE(keystore_open_file(&storage->keystore, file_layer_system(), storage->folder, "key", random_system()) == 0);
	storage->libraries = libraries_new(key);
}

static void end(struct storage *storage) {
	static const char *const names[] = { "written", "plain", "chunks", "key" };
	keystore_free(storage->keystore);
	libraries_free(storage->libraries);
	free(storage->bytes);
	free(storage->sealed);
	for (size_t i = 0; i < ELEMENTS(names); i++)
		unlinkat(storage->folder, names[i], 0);
	close(storage->folder);
	rmdir(storage->path);
}

void bench_footage(void) {
	struct storage storage = { .path = "bench-footage.XXXXXX" };
	start(&storage);
	bench_written(&storage);
	bench_sealed(&storage, 200, "footage hashed and sealed, 200 B", 0);
	bench_sealed(&storage, 16384, "footage hashed and sealed, 16 KiB", LIBRARIES_BUDGET);
	bench_sealed(&storage, LARGEST, "footage hashed and sealed, 1 MiB", LIBRARIES_BUDGET);
	close(open_read_back(&storage, "written"));
	REQUIRE(container_reader_new(&storage.reader, storage.folder, "written", storage.keystore) == 0);
	bench_read(&storage, 200, CONTAINER_CHUNK_SIZE, "footage read, 200 B", 0);
	bench_read(&storage, 16384, CONTAINER_CHUNK_SIZE, "footage read, 16 KiB", LIBRARIES_BUDGET);
	bench_read(&storage, LARGEST, CONTAINER_CHUNK_SIZE, "footage read, 1 MiB", LIBRARIES_BUDGET);
	/* What it costs that any 4 KiB can be read, and are safe from a power cut, by themselves. */
	bench_read(&storage, LARGEST, LARGEST, "footage read, 1 MiB, beside one tag for all of it", 0);
	double seconds;
	compare(CLOCK_WORKING, &(const struct contender){ "seek", seek_container, &storage }, 1, 101, &seconds);
	figure_print(&(struct figure){ "4 KiB from anywhere in a recording", "us", seconds * 1e6, 0, NULL, 1000, false });
	container_reader_free(storage.reader);
	end(&storage);
}
