/* The log's file: power cut at every step of an append, of a first start and of turning over; a full disk; damage. */
#include "slate/book.h"

#include "tests/unit/base/captured.h"
#include "tests/unit/base/power_cut.h"
#include "tests/unit/slate/unit.h"

static struct power_cut disk;

static uint64_t fake_clock(void) {
	return NOW_US;
}

static void fill(void *context, uint8_t *out, size_t length) {
	uint8_t *next = context;
	memset(out, (*next)++, length);
}

static uint8_t next_random;
static const struct random_source fake_random = { fill, &next_random };

static int open_book(struct slate_book **ret, const struct file_layer *layer, uint64_t limit) {
	const struct slate_book_config config = {
		.layer = layer,
		.folder = disk.folder,
		.random = &fake_random,
		.serial = "CAM-0001",
		.entries_limit = limit,
		.clock_us = fake_clock,
	};
	return slate_book_open(ret, &config);
}

/* Entries of a sound log in the real folder; fails the test when it is not sound, or not there. */
static uint64_t entries_of(const char *name, uint8_t last[SHA256_SIZE]) {
	uint8_t bytes[16384];
	size_t length;
	struct slate_reader reader;
	struct slate_entry entry;
	assert_int_equal(file_read(disk.folder, name, bytes, sizeof(bytes), &length), 0);
	assert_int_equal(slate_reader_start(&reader, bytes, length), 0);
	while (slate_reader_next(&reader, &entry))
		;
	assert_true(slate_reader_is_whole(&reader));
	if (last)
		memcpy(last, reader.chain, SHA256_SIZE);
	return reader.entries;
}

static bool has(const char *name) {
	return faccessat(disk.folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void append(struct slate_book *book, uint8_t seed, size_t count) {
	struct slate_entry entries[8];
	for (size_t i = 0; i < count; i++)
		entries[i] = make_sighting((uint8_t)(seed + i), NOW_US, 1);
	assert_int_equal(slate_book_append(book, entries, count), 0);
}

static void test_append(void **state) {
	(void)state;
	struct slate_book *book;
	struct slate_head head, again;
	power_cut_start(&disk);
	assert_int_equal(open_book(&book, file_layer_system(), 100), 0);
	append(book, 1, 3);
	append(book, 4, 1);
	slate_book_head(book, &head);
	assert_int_equal(head.entries, 4);
	slate_book_free(book);
	assert_int_equal(entries_of(SLATE_BOOK_NAME, NULL), 4);
	assert_int_equal(open_book(&book, file_layer_system(), 100), 0);
	slate_book_head(book, &again);
	assert_memory_equal(&head, &again, sizeof(head));
	append(book, 5, 2);
	slate_book_free(book);
	assert_int_equal(entries_of(SLATE_BOOK_NAME, NULL), 6);
	power_cut_end(&disk);
}

/* The new log begins where the full one ended. */
static void test_turn_over(void **state) {
	(void)state;
	struct slate_book *book;
	struct slate_head head;
	uint8_t bytes[4096], last[SHA256_SIZE];
	size_t length;
	struct slate_reader reader;
	power_cut_start(&disk);
	assert_int_equal(open_book(&book, file_layer_system(), 5), 0);
	append(book, 1, 5);
	append(book, 6, 2);
	slate_book_head(book, &head);
	slate_book_free(book);
	assert_int_equal(entries_of(SLATE_BOOK_OLD, last), 5);
	assert_int_equal(entries_of(SLATE_BOOK_NAME, NULL), 2);
	assert_int_equal(file_read(disk.folder, SLATE_BOOK_NAME, bytes, sizeof(bytes), &length), 0);
	assert_int_equal(slate_reader_start(&reader, bytes, length), 0);
	assert_memory_equal(reader.header.previous, last, SHA256_SIZE);
	assert_memory_equal(reader.header.log_id, head.log_id, SLATE_ID_SIZE);
	/* Bounded: the oldest goes. */
	assert_int_equal(open_book(&book, file_layer_system(), 5), 0);
	append(book, 8, 5);
	slate_book_free(book);
	assert_int_equal(entries_of(SLATE_BOOK_OLD, NULL), 2);
	assert_int_equal(entries_of(SLATE_BOOK_NAME, NULL), 5);
	power_cut_end(&disk);
}

/* After the cut, whatever the disk kept: the book opens on the real folder, everything that was acknowledged is there, nothing
 * was set aside, and it can be written on. */
static void check_after_cut(uint64_t acknowledged, uint64_t limit) {
	for (unsigned outcome = 0; power_cut_outcome(&disk, outcome); outcome++) {
		struct slate_book *book;
		struct slate_head head;
		struct captured captured;
		capture_start(&captured);
		int r = open_book(&book, file_layer_system(), limit);
		capture_end(&captured);
		assert_int_equal(r, 0);
		slate_book_head(book, &head);
		uint64_t before = has(SLATE_BOOK_OLD) ? entries_of(SLATE_BOOK_OLD, NULL) : 0;
		if (before + head.entries < acknowledged)
			fail_msg("outcome %u: %u of %u entries", outcome, (unsigned)(before + head.entries),
			         (unsigned)acknowledged);
		assert_false(has("slate.damaged-1"));
		append(book, 99, 1);
		slate_book_head(book, &head);
		slate_book_free(book);
		assert_int_equal(entries_of(SLATE_BOOK_NAME, NULL), head.entries);
	}
}

static void cut_everywhere(uint64_t limit, size_t first, size_t second) {
	for (unsigned cut = 1;; cut++) {
		struct slate_book *book = NULL;
		uint64_t acknowledged = 0;
		power_cut_start(&disk);
		disk.write_limit = 50; /* a cut in the middle of an entry */
		/* Nothing is in the real folder yet: a first start. */
		disk.cut_at = cut;
		int r = open_book(&book, &disk.layer, limit);
		struct slate_entry entries[4];
		for (size_t i = 0; i < 4; i++)
			entries[i] = make_sighting((uint8_t)i, NOW_US, 1);
		if (r == 0 && (r = slate_book_append(book, entries, first)) == 0)
			acknowledged += first;
		if (r == 0 && (r = slate_book_append(book, entries, second)) == 0)
			acknowledged += second;
		check_after_cut(acknowledged, limit);
		slate_book_free(book);
		bool done = disk.steps < cut;
		power_cut_end(&disk);
		if (done) {
			assert_int_equal(acknowledged, first + second);
			return;
		}
	}
}

static void test_cut_append(void **state) {
	(void)state;
	cut_everywhere(100, 2, 3);
}

static void test_cut_turn_over(void **state) {
	(void)state;
	cut_everywhere(3, 3, 2);
}

/* Half an entry is written, then the disk is full: the next append finds a file in order. The real file system. */
static struct { int left; } full;

static ssize_t write_until_full(void *context, int file, const void *bytes, size_t length) {
	(void)context;
	if (full.left <= 0)
		return -ENOSPC;
	if ((size_t)full.left < length)
		length = (size_t)full.left;
	full.left -= (int)length;
	return file_layer_system()->write(NULL, file, bytes, length);
}

static void test_full_disk(void **state) {
	(void)state;
	struct slate_book *book;
	struct captured captured;
	struct slate_entry entry = make_sighting(1, NOW_US, 1);
	power_cut_start(&disk);
	struct file_layer layer = *file_layer_system();
	layer.write = write_until_full;
	full.left = 1 << 20;
	assert_int_equal(open_book(&book, &layer, 100), 0);
	append(book, 1, 1);
	full.left = 30;
	assert_int_equal(slate_book_append(book, &entry, 1), -ENOSPC);
	full.left = 1 << 20;
	capture_start(&captured);
	assert_int_equal(slate_book_append(book, &entry, 1), 0);
	assert_non_null(strstr(capture_end(&captured), "30 bytes at the log's end"));
	assert_int_equal(entries_of(SLATE_BOOK_NAME, NULL), 2);
	slate_book_free(book);
	power_cut_end(&disk);
}

static void damage(off_t at) {
	int file = openat(disk.folder, SLATE_BOOK_NAME, O_RDWR | O_CLOEXEC);
	uint8_t byte;
	assert_true(file >= 0);
	assert_int_equal(pread(file, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(file, &byte, 1, at), 1);
	close(file);
}

/* Far from the end no power cut does that: kept for whoever wants to know, and a new log begins. */
static void test_damage(void **state) {
	(void)state;
	struct slate_book *book;
	struct captured captured;
	power_cut_start(&disk);
	assert_int_equal(open_book(&book, file_layer_system(), 1000), 0);
	for (uint8_t i = 0; i < 20; i++)
		append(book, i, 5);
	slate_book_free(book);
	damage(SLATE_HEADER_SIZE + 10 * SLATE_ENTRY_SIZE + 5);
	capture_start(&captured);
	assert_int_equal(open_book(&book, file_layer_system(), 1000), 0);
	assert_non_null(strstr(capture_end(&captured), "damaged and set aside"));
	slate_book_free(book);
	assert_true(has("slate.damaged-1"));
	assert_int_equal(entries_of(SLATE_BOOK_NAME, NULL), 0);
	power_cut_end(&disk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append),        cmocka_unit_test(test_turn_over), cmocka_unit_test(test_cut_append),
		cmocka_unit_test(test_cut_turn_over), cmocka_unit_test(test_full_disk), cmocka_unit_test(test_damage),
	};
	return crypto_start() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
