/* What somebody with the storage in his hands may do to it, and what "verify" says: flipped bytes, cuts, chunks that
 * are removed, swapped, repeated or taken from elsewhere, files that are exchanged. Opened to read, as the command line does. */
#include "tests/unit/footage/temporary.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/log.h"
#include "footage/store.h"

#define SEALED (CONTAINER_CHUNK_SIZE + GCM_TAG_SIZE)
#define CHUNKS 20 /* more than a reader looks at while it searches for the end */
#define SIZE (CHUNKS * CONTAINER_CHUNK_SIZE + 700)

enum { A, B, CUT, RECORDINGS };

static const char *const suffixes[] = { ".footage", ".meta", ".jpeg", ".tags", ".details" };

static struct temporary folder;
static struct keystore *keystore;
static char ids[RECORDINGS][RECORDING_ID_TEXT];

static const char *name_of(int recording, const char *suffix) {
	static char names[2][RECORDING_ID_TEXT * RECORDINGS + 16];
	static unsigned turn;
	char *name = names[turn++ % 2];
	snprintf(name, sizeof(names[0]), "%s%s", ids[recording], suffix);
	return name;
}

/* ------------------------------------------------------------------------------------------------------------------- making */

static void add_parts(struct store *store, const char *id) {
	uint8_t operation[TAG_OPERATION_SIZE] = { 1 };
	uint32_t revision;
	uint64_t time_us;
	struct recording_tag tag = { .category = "Traffic stop" };
	assert_int_equal(store_set_thumbnail(store, id, "jpeg", 4), 0);
	assert_int_equal(store_set_tag(store, id, operation, &tag, 5, &revision, &time_us), 0);
	assert_int_equal(store_add_detail(store, id, 6, "Why", "because"), 0);
	assert_int_equal(store_sync_details(store), 0);
}

static void record(struct store *store, int recording, bool whole) {
	static uint8_t bytes[SIZE];
	uint8_t hash[SHA256_SIZE];
	struct container_writer *writer;
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> (10 + recording));
	assert_int_equal(store_begin(store, 1, "manual", ids[recording], &writer), 0);
	assert_int_equal(container_writer_append(writer, bytes, SIZE), 0);
	if (whole) {
		assert_int_equal(container_writer_finish(writer), 0);
		container_writer_hash(writer, hash);
		assert_int_equal(store_finish(store, ids[recording], RECORDING_STATE_COMPLETE, 1, SIZE, hash), 0);
	} else {
		assert_int_equal(container_writer_sync(writer), 0);
	}
	container_writer_free(writer);
	add_parts(store, ids[recording]);
}

static int setup(void **state) {
	(void)state;
	struct store *store;
	temporary_start(&folder);
	log_set_level((enum log_level)0); /* thousands of damaged files */
	if (keystore_open_file(&keystore, file_layer_system(), folder.folder, "storage.key", random_system()) < 0)
		return -1;
	assert_int_equal(store_open(&store, file_layer_system(), folder.folder, keystore, random_system()), 0);
	record(store, A, true);
	record(store, B, true);
	record(store, CUT, false);
	store_free(store);
	/* Its owner notes that it was cut short. */
	assert_int_equal(store_open(&store, file_layer_system(), folder.folder, keystore, random_system()), 0);
	store_free(store);
	return 0;
}

static int teardown(void **state) {
	(void)state;
	keystore_free(keystore);
	temporary_end(&folder);
	return 0;
}

/* ---------------------------------------------------------------------------------------------------------------- verifying */

static bool is_good(struct store *store, int recording, bool with_parts) {
	if (!store_find(store, ids[recording]))
		return false;
	for (int part = 0; with_parts && part < RECORDING_PARTS; part++)
		if (store_check_part(store, ids[recording], (enum recording_part)part) != RECORDING_PART_GOOD)
			return false;
	return store_verify(store, ids[recording]) == (recording == CUT ? -ENODATA : 0);
}

/* One bit for each recording that is not good; with_parts: one for each whose other files are looked at too. */
static unsigned verify(unsigned with_parts) {
	struct store *store;
	unsigned bad = 0;
	assert_int_equal(store_open_to_read(&store, folder.folder, keystore), 0);
	for (int i = 0; i < RECORDINGS; i++)
		bad |= is_good(store, i, with_parts >> i & 1) ? 0 : 1u << i;
	store_free(store);
	return bad;
}

static void expect_bad(unsigned expected, const char *what, size_t at) {
	unsigned bad = verify(expected);
	if (bad != expected)
		fail_msg("%s %zu: %x is found bad, not %x", what, at, bad, expected);
}

struct content {
	const char *name;
	uint8_t *bytes;
	size_t length;
};

static struct content load(const char *name) {
	struct content c = { .name = name };
	struct stat status;
	int file = openat(folder.folder, name, O_RDONLY);
	assert_true(file >= 0 && fstat(file, &status) == 0);
	c.length = (size_t)status.st_size;
	c.bytes = malloc(c.length + 1);
	assert_int_equal(read(file, c.bytes, c.length), c.length);
	close(file);
	return c;
}

static void save(const char *name, const uint8_t *bytes, size_t length) {
	int file = openat(folder.folder, name, O_WRONLY | O_TRUNC);
	assert_true(file >= 0);
	assert_int_equal(write(file, bytes, length), length);
	close(file);
}

static void restore(struct content *c) {
	save(c->name, c->bytes, c->length);
	free(c->bytes);
	assert_int_equal(verify(0), 0);
}

/* Some of all bytes, of each chunk too: every one was tried once, and takes minutes. */
static bool is_tried(const char *suffix, size_t at) {
	if (strcmp(suffix, ".footage") != 0)
		return at % 11 == 0;
	if (at < CONTAINER_HEADER_SIZE)
		return at % 5 == 0;
	size_t within = (at - CONTAINER_HEADER_SIZE) % SEALED;
	return within == 0 || within == 2048 || within == SEALED - 1;
}

/* The cut-short recording's other files are of the same kind as everybody's. */
static size_t files_of(int recording) {
	return recording == CUT ? 1 : ELEMENTS(suffixes);
}

static void test_untouched(void **state) {
	(void)state;
	assert_int_equal(verify(7), 0);
}

static void test_flipped_bytes(void **state) {
	(void)state;
	for (int recording = 0; recording < RECORDINGS; recording += 2)
		for (size_t i = 0; i < files_of(recording); i++) {
			struct content c = load(name_of(recording, suffixes[i]));
			int file = openat(folder.folder, c.name, O_WRONLY);
			for (size_t at = 0; at < c.length; at++) {
				if (!is_tried(suffixes[i], at))
					continue;
				uint8_t other = c.bytes[at] ^ (uint8_t)(1u << at % 8);
				assert_int_equal(pwrite(file, &other, 1, (off_t)at), 1);
				expect_bad(1u << recording, suffixes[i], at);
				assert_int_equal(pwrite(file, &c.bytes[at], 1, (off_t)at), 1);
			}
			close(file);
			restore(&c);
		}
}

static void test_cuts(void **state) {
	(void)state;
	for (int recording = 0; recording < RECORDINGS; recording += 2)
		for (size_t i = 0; i < files_of(recording); i++) {
			struct content c = load(name_of(recording, suffixes[i]));
			for (size_t length = 0; length < c.length; length++)
				if (is_tried(suffixes[i], length)) {
					save(c.name, c.bytes, length);
					expect_bad(1u << recording, suffixes[i], length);
				}
			restore(&c);
		}
}

/* Something behind the end: of a complete recording it hides the end, and nothing else may have any. */
static void test_appended(void **state) {
	(void)state;
	for (size_t i = 0; i < ELEMENTS(suffixes); i++) {
		struct content c = load(name_of(A, suffixes[i]));
		c.bytes[c.length] = 0;
		save(c.name, c.bytes, c.length + 1);
		expect_bad(1u << A, suffixes[i], c.length);
		restore(&c);
	}
}

static void test_missing(void **state) {
	(void)state;
	static const char *const needed[] = { ".footage", ".meta" };
	for (size_t i = 0; i < ELEMENTS(needed); i++) {
		const char *name = name_of(A, needed[i]);
		assert_int_equal(renameat(folder.folder, name, folder.folder, "away"), 0);
		expect_bad(1u << A, needed[i], 0);
		assert_int_equal(renameat(folder.folder, "away", folder.folder, name), 0);
	}
}

static void test_chunks(void **state) {
	(void)state;
	for (int recording = 0; recording < RECORDINGS; recording += 2) {
		struct content other = load(name_of(B, ".footage"));
		for (size_t at = 0; at + 1 < CHUNKS; at++) {
			struct content c = load(name_of(recording, ".footage"));
			uint8_t *bytes = malloc(c.length);
			size_t offset = CONTAINER_HEADER_SIZE + at * SEALED;
			memcpy(bytes, c.bytes, c.length);
			memmove(bytes + offset, bytes + offset + SEALED, c.length - offset - SEALED);
			save(c.name, bytes, c.length - SEALED);
			expect_bad(1u << recording, "removed", at);
			memcpy(bytes, c.bytes, c.length);
			memcpy(bytes + offset, c.bytes + offset + SEALED, SEALED);
			save(c.name, bytes, c.length);
			expect_bad(1u << recording, "repeated", at);
			memcpy(bytes + offset + SEALED, c.bytes + offset, SEALED);
			save(c.name, bytes, c.length);
			expect_bad(1u << recording, "swapped", at);
			memcpy(bytes, c.bytes, c.length);
			memcpy(bytes + offset, other.bytes + offset, SEALED);
			save(c.name, bytes, c.length);
			expect_bad(1u << recording, "of another recording", at);
			free(bytes);
			restore(&c);
		}
		free(other.bytes);
	}
}

/* Two recordings exchange a file, whatever it is, and so do two files of one recording. */
static void test_exchanged_files(void **state) {
	(void)state;
	for (size_t i = 0; i < ELEMENTS(suffixes); i++) {
		struct content a = load(name_of(A, suffixes[i])), b = load(name_of(B, suffixes[i]));
		save(a.name, b.bytes, b.length);
		save(b.name, a.bytes, a.length);
		expect_bad(1u << A | 1u << B, suffixes[i], 0);
		save(a.name, a.bytes, a.length);
		free(a.bytes);
		restore(&b);
	}
	for (size_t i = 1; i < ELEMENTS(suffixes); i++)
		for (size_t j = 1; j < ELEMENTS(suffixes); j++)
			if (i != j) {
				struct content from = load(name_of(A, suffixes[i])), to = load(name_of(A, suffixes[j]));
				save(to.name, from.bytes, from.length);
				expect_bad(1u << A, suffixes[j], i);
				free(from.bytes);
				restore(&to);
			}
}

/* The header of one recording before the chunks of another, under the one's name or the other's. */
static void test_exchanged_headers(void **state) {
	(void)state;
	struct content a = load(name_of(A, ".footage")), b = load(name_of(B, ".footage"));
	uint8_t *bytes = malloc(a.length);
	memcpy(bytes, a.bytes, a.length);
	memcpy(bytes, b.bytes, CONTAINER_HEADER_SIZE);
	save(a.name, bytes, a.length);
	expect_bad(1u << A, "header", 0);
	save(a.name, a.bytes, a.length);
	save(b.name, bytes, a.length);
	expect_bad(1u << B, "header", 1);
	free(bytes);
	free(a.bytes);
	restore(&b);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_untouched),       cmocka_unit_test(test_flipped_bytes),     cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_appended),        cmocka_unit_test(test_missing),           cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_exchanged_files), cmocka_unit_test(test_exchanged_headers),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
