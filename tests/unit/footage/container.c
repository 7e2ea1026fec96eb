/* The container at every truncation, with every kind of tampering, and read at random offsets. */
#include "tests/unit/footage/temporary.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "footage/container.h"

#define SEALED (CONTAINER_CHUNK_SIZE + GCM_TAG_SIZE)

static struct temporary folder;
static struct keystore *keystore;
static uint8_t *plain;
#define BATCH (CONTAINER_READ_SIZE / CONTAINER_CHUNK_SIZE)
#define PLAIN_SIZE ((size_t)40 * CONTAINER_CHUNK_SIZE + 1234)
#define SMALL_SIZE ((size_t)3 * CONTAINER_CHUNK_SIZE + 1234)

static int setup(void **state) {
	(void)state;
	temporary_start(&folder);
	plain = malloc(PLAIN_SIZE);
	for (size_t i = 0; i < PLAIN_SIZE; i++)
		plain[i] = (uint8_t)(i * 2654435761u >> 13);
	return keystore_open_file(&keystore, file_layer_system(), folder.folder, "key", random_system());
}

static int teardown(void **state) {
	(void)state;
	keystore_free(keystore);
	free(plain);
	temporary_end(&folder);
	return 0;
}

static void make(const char *name, uint8_t id_byte, size_t size) {
	struct container_writer *writer;
	uint8_t id[RECORDING_ID_SIZE] = { id_byte };
	unlinkat(folder.folder, name, 0);
	assert_int_equal(container_writer_new(&writer, file_layer_system(), folder.folder, name, keystore, random_system(), id),
	                 0);
	for (size_t at = 0; at < size;) {
		size_t take = size - at < 7777 ? size - at : 7777;
		assert_int_equal(container_writer_append(writer, plain + at, take), 0);
		at += take;
	}
	uint8_t hash[SHA256_SIZE], expected[SHA256_SIZE];
	container_writer_hash(writer, hash);
	sha256(plain, size, expected);
	assert_memory_equal(hash, expected, sizeof(hash));
	assert_int_equal(container_writer_finish(writer), 0);
	container_writer_free(writer);
}

/* Reads everything; the count, or the error. */
static ssize_t read_all(const char *name, bool *ret_complete) {
	struct container_reader *reader;
	uint8_t bytes[10000];
	int result = container_reader_new(&reader, folder.folder, name, keystore);
	if (result < 0)
		return result;
	ssize_t got, total = 0;
	while ((got = container_reader_read(reader, (uint64_t)total, bytes, sizeof(bytes))) > 0) {
		assert_memory_equal(bytes, plain + total, (size_t)got);
		total += got;
	}
	if (got == 0)
		assert_int_equal(total, container_reader_size(reader));
	*ret_complete = container_reader_is_complete(reader);
	container_reader_free(reader);
	return got < 0 ? got : total;
}

static void test_sizes(void **state) {
	(void)state;
	static const size_t sizes[] = {
		0,
		1,
		CONTAINER_CHUNK_SIZE - 1,
		CONTAINER_CHUNK_SIZE,
		CONTAINER_CHUNK_SIZE + 1,
		2 * CONTAINER_CHUNK_SIZE,
		CONTAINER_READ_SIZE - 1,
		CONTAINER_READ_SIZE,
		CONTAINER_READ_SIZE + 1,
		2 * CONTAINER_READ_SIZE + CONTAINER_CHUNK_SIZE,
		PLAIN_SIZE,
	};
	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		bool complete = false;
		make("a", 1, sizes[i]);
		assert_int_equal(read_all("a", &complete), sizes[i]);
		assert_true(complete);
	}
}

/* Byte by byte as docs/footage.md says, opened without the reader: no two chunks share a nonce, and what is bound to each is. */
static void test_format(void **state) {
	(void)state;
	static uint8_t bytes[CONTAINER_HEADER_SIZE + 4 * SEALED], out[CONTAINER_CHUNK_SIZE];
	const uint8_t id[RECORDING_ID_SIZE] = { 1 };
	uint8_t key[AES256_KEY_SIZE];
	struct gcm *gcm;
	make("a", 1, SMALL_SIZE);
	int file = openat(folder.folder, "a", O_RDONLY);
	ssize_t length = read(file, bytes, sizeof(bytes));
	close(file);
	assert_int_equal(length, CONTAINER_HEADER_SIZE + SMALL_SIZE + 4 * GCM_TAG_SIZE);
	assert_memory_equal(bytes, "LYfootg\0\0\0\0\1\0\0\x10\0", 16);
	assert_memory_equal(bytes + 16, id, sizeof(id));
	assert_int_equal(keystore_unwrap(keystore, id, bytes + 32, key), 0);
	assert_int_equal(gcm_new(&gcm, key), 0);
	for (uint8_t number = 0; number < 4; number++) {
		const uint8_t *chunk = bytes + CONTAINER_HEADER_SIZE + number * SEALED;
		size_t size = number < 3 ? CONTAINER_CHUNK_SIZE : 1234;
		const uint8_t nonce[GCM_NONCE_SIZE] = { [GCM_NONCE_SIZE - 1] = number };
		const uint8_t associated[RECORDING_ID_SIZE + 8 + 1] = { [0] = 1,
			                                                [RECORDING_ID_SIZE + 7] = number,
			                                                [RECORDING_ID_SIZE + 8] = number == 3 };
		assert_int_equal(gcm_open(gcm, nonce, associated, sizeof(associated), chunk, size, chunk + size, out), 0);
		assert_memory_equal(out, plain + number * CONTAINER_CHUNK_SIZE, size);
	}
	gcm_free(gcm);
}

static void test_random_ranges(void **state) {
	(void)state;
	struct container_reader *reader;
	uint8_t *bytes = malloc(PLAIN_SIZE);
	make("a", 1, PLAIN_SIZE);
	assert_int_equal(container_reader_new(&reader, folder.folder, "a", keystore), 0);
	uint32_t seed = 1;
	for (unsigned i = 0; i < 2000; i++) {
		seed = seed * 1664525 + 1013904223;
		size_t offset = seed % PLAIN_SIZE;
		seed = seed * 1664525 + 1013904223;
		size_t length = seed % (2 * CONTAINER_READ_SIZE) + 1;
		ssize_t got = container_reader_read(reader, offset, bytes, length);
		assert_true(got > 0 && (size_t)got <= length);
		assert_memory_equal(bytes, plain + offset, (size_t)got);
	}
	assert_int_equal(container_reader_read(reader, PLAIN_SIZE, bytes, 1), 0);
	assert_int_equal(container_reader_read(reader, UINT64_MAX, bytes, 1), 0);
	container_reader_free(reader);
	free(bytes);
}

/* After a power cut it is good up to the last whole chunk, and says that it is not complete. */
static void truncate_everywhere(size_t size, size_t every) {
	make("a", 1, size);
	struct stat status;
	int file = openat(folder.folder, "a", O_RDWR);
	assert_int_equal(fstat(file, &status), 0);
	for (size_t length = (size_t)status.st_size; length-- > 0;) {
		size_t chunks = length < CONTAINER_HEADER_SIZE ? 0 : (length - CONTAINER_HEADER_SIZE) / SEALED;
		size_t rest = length < CONTAINER_HEADER_SIZE ? 0 : (length - CONTAINER_HEADER_SIZE) % SEALED;
		/* Near each border, and some of the others. */
		if (rest > GCM_TAG_SIZE + 2 && rest < SEALED - 2 && length % every != 0)
			continue;
		assert_int_equal(ftruncate(file, (off_t)length), 0);
		bool complete = true;
		ssize_t got = read_all("a", &complete);
		if (length < CONTAINER_HEADER_SIZE) {
			assert_int_equal(got, -EBADMSG);
			continue;
		}
		assert_false(complete);
		assert_int_equal(got, chunks * CONTAINER_CHUNK_SIZE);
	}
	close(file);
}

static void test_every_truncation(void **state) {
	(void)state;
	truncate_everywhere(CONTAINER_CHUNK_SIZE + 300, 7);
	truncate_everywhere(2 * CONTAINER_CHUNK_SIZE, 17);
	truncate_everywhere(PLAIN_SIZE, 997);
}

/* sync puts every whole chunk on the disk, where somebody who reads along finds it; the rest waits. */
static void test_sync(void **state) {
	(void)state;
	static const size_t sizes[] = { 0, 1, CONTAINER_CHUNK_SIZE + 1, CONTAINER_READ_SIZE + 5, PLAIN_SIZE - 1 };
	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		struct container_writer *writer;
		uint8_t id[RECORDING_ID_SIZE] = { 1 };
		bool complete = true;
		unlinkat(folder.folder, "a", 0);
		assert_int_equal(
		        container_writer_new(&writer, file_layer_system(), folder.folder, "a", keystore, random_system(), id), 0);
		assert_int_equal(container_writer_append(writer, plain, sizes[i]), 0);
		assert_int_equal(container_writer_sync(writer), 0);
		assert_int_equal(container_writer_sync(writer), 0);
		assert_int_equal(read_all("a", &complete), sizes[i] / CONTAINER_CHUNK_SIZE * CONTAINER_CHUNK_SIZE);
		assert_false(complete);
		assert_int_equal(container_writer_append(writer, plain + sizes[i], PLAIN_SIZE - sizes[i]), 0);
		assert_int_equal(container_writer_finish(writer), 0);
		container_writer_free(writer);
		assert_int_equal(read_all("a", &complete), PLAIN_SIZE);
		assert_true(complete);
	}
}

static void flip(const char *name, off_t at) {
	uint8_t byte;
	int file = openat(folder.folder, name, O_RDWR);
	assert_int_equal(pread(file, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(file, &byte, 1, at), 1);
	close(file);
}

static void test_flipped_bytes(void **state) {
	(void)state;
	const size_t chunks = SMALL_SIZE / CONTAINER_CHUNK_SIZE;
	struct stat status;
	make("a", 1, SMALL_SIZE);
	assert_int_equal(fstatat(folder.folder, "a", &status, 0), 0);
	for (off_t at = 0; at < status.st_size; at++) {
		size_t number = at < (off_t)CONTAINER_HEADER_SIZE ? 0 : ((size_t)at - CONTAINER_HEADER_SIZE) / SEALED;
		size_t within = at < (off_t)CONTAINER_HEADER_SIZE ? 0 : ((size_t)at - CONTAINER_HEADER_SIZE) % SEALED;
		if (within > 2 && within < CONTAINER_CHUNK_SIZE - 2 && at % 17 != 0)
			continue;
		bool complete = true;
		flip("a", at);
		ssize_t got = read_all("a", &complete);
		off_t key_id = CONTAINER_HEADER_SIZE - WRAPPED_KEY_SIZE;
		if (at >= key_id && at < key_id + STORAGE_KEY_ID_SIZE)
			assert_int_equal(got, -EKEYREJECTED);
		else if (at < (off_t)CONTAINER_HEADER_SIZE)
			assert_int_equal(got, -EBADMSG);
		else /* so near to the end it looks like a power cut: shorter, and not complete */
			assert_true(got == (ssize_t)((number < chunks ? number : chunks) * CONTAINER_CHUNK_SIZE) && !complete);
		flip("a", at);
	}
	/* Far from the end reading stops at it, with an error. */
	make("a", 1, PLAIN_SIZE);
	for (unsigned bad = 0; bad < PLAIN_SIZE / CONTAINER_CHUNK_SIZE - BATCH; bad++) {
		bool complete;
		flip("a", (off_t)(CONTAINER_HEADER_SIZE + bad * SEALED + 1));
		assert_int_equal(read_all("a", &complete), -EBADMSG);
		flip("a", (off_t)(CONTAINER_HEADER_SIZE + bad * SEALED + 1));
	}
}

static uint8_t *read_chunk(const char *name, unsigned number) {
	uint8_t *bytes = malloc(SEALED);
	int file = openat(folder.folder, name, O_RDONLY);
	assert_int_equal(pread(file, bytes, SEALED, (off_t)(CONTAINER_HEADER_SIZE + number * SEALED)), SEALED);
	close(file);
	return bytes;
}

static void write_chunk(const char *name, unsigned number, uint8_t *bytes) {
	int file = openat(folder.folder, name, O_WRONLY);
	assert_int_equal(pwrite(file, bytes, SEALED, (off_t)(CONTAINER_HEADER_SIZE + number * SEALED)), SEALED);
	close(file);
	free(bytes);
}

/* What is wrong with chunk `at` ends the recording before it. */
static void expect_end(size_t at) {
	bool complete = true;
	assert_int_equal(read_all("a", &complete), at * CONTAINER_CHUNK_SIZE);
	assert_false(complete);
}

static void test_moved_chunks(void **state) {
	(void)state;
	for (unsigned at = 0; at < 2; at++) {
		make("b", 2, SMALL_SIZE);
		make("a", 1, SMALL_SIZE);
		write_chunk("a", at + 1, read_chunk("a", at)); /* repeated */
		expect_end(at + 1);
		make("a", 1, SMALL_SIZE);
		uint8_t *first = read_chunk("a", at);
		write_chunk("a", at, read_chunk("a", at + 1)); /* swapped */
		write_chunk("a", at + 1, first);
		expect_end(at);
		make("a", 1, SMALL_SIZE);
		write_chunk("a", at, read_chunk("b", at)); /* of another recording */
		expect_end(at);
		make("a", 1, SMALL_SIZE);
		uint8_t *old = read_chunk("a", at);
		make("a", 1, SMALL_SIZE);
		write_chunk("a", at, old); /* of another one that had the same id */
		expect_end(at);
	}
}

/* A chunk that was taken out: the rest moves to its place. */
static void test_removed_chunks(void **state) {
	(void)state;
	static uint8_t bytes[4 * SEALED];
	for (unsigned at = 0; at < 3; at++) {
		make("a", 1, SMALL_SIZE);
		int file = openat(folder.folder, "a", O_RDWR);
		off_t hole = (off_t)(CONTAINER_HEADER_SIZE + at * SEALED);
		ssize_t rest = pread(file, bytes, sizeof(bytes), hole + SEALED);
		assert_true(rest > 0);
		assert_int_equal(pwrite(file, bytes, (size_t)rest, hole), rest);
		assert_int_equal(ftruncate(file, hole + rest), 0);
		close(file);
		expect_end(at);
	}
}

/* A cut-short container whose disk did not write the last blocks in order ends before the first bad one; damage further to the
 * front is damage. */
static void test_spoiled_end(void **state) {
	(void)state;
	const size_t chunks = PLAIN_SIZE / CONTAINER_CHUNK_SIZE;
	for (size_t bad = 0; bad < chunks; bad++) {
		bool complete = true;
		make("a", 1, PLAIN_SIZE);
		int file = openat(folder.folder, "a", O_RDWR);
		assert_int_equal(ftruncate(file, (off_t)(CONTAINER_HEADER_SIZE + chunks * SEALED + 100)), 0);
		close(file);
		flip("a", (off_t)(CONTAINER_HEADER_SIZE + bad * SEALED + 50));
		ssize_t got = read_all("a", &complete);
		assert_false(complete);
		assert_int_equal(got, chunks - bad <= BATCH ? (ssize_t)(bad * CONTAINER_CHUNK_SIZE) : -EBADMSG);
	}
}

static void test_other_key_store(void **state) {
	(void)state;
	struct keystore *other;
	struct container_reader *reader;
	make("a", 1, 10);
	assert_int_equal(keystore_open_file(&other, file_layer_system(), folder.folder, "other", random_system()), 0);
	assert_int_equal(container_reader_new(&reader, folder.folder, "a", other), -EKEYREJECTED);
	keystore_free(other);
}

/* A damaged storage key: set aside, and a new one made, because the camera must record. The old one, brought back, opens what it
 * sealed. */
static void test_damaged_key(void **state) {
	(void)state;
	struct keystore *old, *new, *reading;
	struct container_reader *reader;
	struct stat status;
	bool complete;
	const int from = folder.folder;
	assert_int_equal(keystore_open_file(&old, file_layer_system(), from, "storage", random_system()), 0);
	assert_int_equal(fstatat(from, "storage", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	struct keystore *usual = keystore;
	keystore = old;
	make("a", 1, 10);
	keystore = usual;
	keystore_free(old);
	flip("storage", 3);
	assert_int_equal(keystore_open_file_to_read(&reading, from, "storage"), -EBADMSG);
	assert_int_equal(keystore_open_file_to_read(&reading, from, "missing"), -ENOENT);
	assert_int_equal(keystore_open_file(&new, file_layer_system(), from, "storage", random_system()), 0);
	assert_int_equal(container_reader_new(&reader, from, "a", new), -EKEYREJECTED);
	keystore_free(new);
	assert_int_equal(renameat(from, "storage.damaged-1", from, "storage"), 0);
	flip("storage", 3); /* repaired */
	assert_int_equal(keystore_open_file_to_read(&reading, from, "storage"), 0);
	keystore = reading;
	assert_int_equal(read_all("a", &complete), 10);
	keystore = usual;
	assert_true(complete);
	keystore_free(reading);
}

/* A full disk: the error is told, and what was whole before stays readable. */
static void test_disk_full(void **state) {
	(void)state;
	for (unsigned step = 1; step < 40; step++) {
		struct failing_layer layer;
		struct container_writer *writer;
		uint8_t id[RECORDING_ID_SIZE] = { 1 };
		failing_start(&layer, step, -ENOSPC, true);
		unlinkat(folder.folder, "a", 0);
		int result = container_writer_new(&writer, &layer.layer, folder.folder, "a", keystore, random_system(), id);
		if (result < 0) {
			assert_int_equal(result, -ENOSPC);
			assert_int_equal(faccessat(folder.folder, "a", F_OK, 0), -1);
			continue;
		}
		result = container_writer_append(writer, plain, PLAIN_SIZE);
		int finished = container_writer_finish(writer);
		container_writer_free(writer);
		bool complete;
		ssize_t got = read_all("a", &complete);
		if (!layer.failed) {
			assert_true(result == 0 && finished == 0 && complete);
			break;
		}
		assert_int_equal(finished, -ENOSPC);
		assert_true(got >= 0 && (complete || got % CONTAINER_CHUNK_SIZE == 0));
	}
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),         cmocka_unit_test(test_format),
		cmocka_unit_test(test_random_ranges), cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_sync),          cmocka_unit_test(test_flipped_bytes),
		cmocka_unit_test(test_moved_chunks),  cmocka_unit_test(test_removed_chunks),
		cmocka_unit_test(test_spoiled_end),   cmocka_unit_test(test_other_key_store),
		cmocka_unit_test(test_damaged_key),   cmocka_unit_test(test_disk_full),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
