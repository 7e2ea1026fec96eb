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
#define PLAIN_SIZE ((size_t)3 * CONTAINER_CHUNK_SIZE + 1234)

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
		0,         1, CONTAINER_CHUNK_SIZE - 1, CONTAINER_CHUNK_SIZE, CONTAINER_CHUNK_SIZE + 1, 2 * CONTAINER_CHUNK_SIZE,
		PLAIN_SIZE
	};
	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		bool complete = false;
		make("a", 1, sizes[i]);
		assert_int_equal(read_all("a", &complete), sizes[i]);
		assert_true(complete);
	}
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
		size_t length = seed % (2 * CONTAINER_CHUNK_SIZE) + 1;
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
static void test_every_truncation(void **state) {
	(void)state;
	make("a", 1, CONTAINER_CHUNK_SIZE + 300);
	size_t whole = CONTAINER_HEADER_SIZE + SEALED + 300 + GCM_TAG_SIZE;
	int file = openat(folder.folder, "a", O_RDWR);
	for (size_t length = whole; length-- > 0;) {
		/* Every position near a border, and some of the others. */
		bool interesting = length < 400 || length > CONTAINER_HEADER_SIZE + SEALED - 40 || length % 997 == 0;
		if (!interesting)
			continue;
		assert_int_equal(ftruncate(file, (off_t)length), 0);
		bool complete = true;
		ssize_t got = read_all("a", &complete);
		if (length < CONTAINER_HEADER_SIZE) {
			assert_int_equal(got, -EBADMSG);
			continue;
		}
		assert_false(complete);
		assert_int_equal(got, length >= CONTAINER_HEADER_SIZE + SEALED ? CONTAINER_CHUNK_SIZE : 0);
	}
	close(file);
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
	make("a", 1, PLAIN_SIZE);
	struct stat status;
	assert_int_equal(fstatat(folder.folder, "a", &status, 0), 0);
	for (off_t at = 0; at < status.st_size; at += at < (off_t)CONTAINER_HEADER_SIZE ? 1 : 1499) {
		bool complete;
		flip("a", at);
		ssize_t got = read_all("a", &complete);
		/* In the last chunk it looks like a power cut: shorter, and not complete. */
		bool last = at >= (off_t)(CONTAINER_HEADER_SIZE + 3 * SEALED);
		off_t key_id = CONTAINER_HEADER_SIZE - WRAPPED_KEY_SIZE;
		if (at >= key_id && at < key_id + STORAGE_KEY_ID_SIZE)
			assert_int_equal(got, -EKEYREJECTED);
		else if (last)
			assert_true(got == 3 * CONTAINER_CHUNK_SIZE && !complete);
		else
			assert_int_equal(got, -EBADMSG);
		flip("a", at);
	}
}

static void copy_chunk(const char *from, unsigned from_number, const char *to, unsigned to_number) {
	uint8_t *bytes = malloc(SEALED);
	int in = openat(folder.folder, from, O_RDONLY), out = openat(folder.folder, to, O_WRONLY);
	assert_int_equal(pread(in, bytes, SEALED, (off_t)(CONTAINER_HEADER_SIZE + from_number * SEALED)), SEALED);
	assert_int_equal(pwrite(out, bytes, SEALED, (off_t)(CONTAINER_HEADER_SIZE + to_number * SEALED)), SEALED);
	close(in);
	close(out);
	free(bytes);
}

static void test_moved_chunks(void **state) {
	(void)state;
	bool complete;
	make("a", 1, PLAIN_SIZE);
	copy_chunk("a", 0, "a", 1); /* repeated */
	assert_int_equal(read_all("a", &complete), -EBADMSG);
	make("a", 1, PLAIN_SIZE);
	make("b", 2, PLAIN_SIZE);
	copy_chunk("b", 1, "a", 1); /* of another recording */
	assert_int_equal(read_all("a", &complete), -EBADMSG);
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
		assert_true(got >= 0 && got % CONTAINER_CHUNK_SIZE == 0 ? true : complete);
	}
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_random_ranges),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_flipped_bytes),
		cmocka_unit_test(test_moved_chunks),
		cmocka_unit_test(test_other_key_store),
		cmocka_unit_test(test_damaged_key),
		cmocka_unit_test(test_disk_full),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
