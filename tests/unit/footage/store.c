/* The store: what survives a power cut at every step, a full disk, damage; tags that are never half written or written twice. */
#include "tests/unit/footage/temporary.h"

#include <stdio.h>

#include "base/bytes.h"
#include "footage/records.h"
#include "footage/store.h"

static struct temporary folder;
static struct keystore *keystore;

static int setup(void **state) {
	(void)state;
	temporary_start(&folder);
	return keystore_open_file(&keystore, file_layer_system(), folder.folder, "storage.key", random_system());
}

static int teardown(void **state) {
	(void)state;
	keystore_free(keystore);
	temporary_end(&folder);
	return 0;
}

static struct store *open_store(void) {
	struct store *store;
	assert_int_equal(store_open(&store, file_layer_system(), folder.folder, keystore, random_system()), 0);
	return store;
}

static void record(struct store *store, uint64_t started_us, size_t size, char id[RECORDING_ID_TEXT]) {
	struct container_writer *writer;
	static uint8_t bytes[200000];
	uint8_t hash[SHA256_SIZE];
	memset(bytes, 7, sizeof(bytes));
	assert_int_equal(store_begin(store, started_us, "manual", id, &writer), 0);
	assert_int_equal(container_writer_append(writer, bytes, size), 0);
	assert_int_equal(container_writer_finish(writer), 0);
	container_writer_hash(writer, hash);
	assert_int_equal(store_finish(store, id, RECORDING_STATE_COMPLETE, 1500, size, hash), 0);
	container_writer_free(writer);
}

static void wipe_recordings(void) {
	DIR *directory = opendir(folder.path);
	for (struct dirent *entry; (entry = readdir(directory));)
		if (strlen(entry->d_name) > 30)
			unlinkat(folder.folder, entry->d_name, 0);
	closedir(directory);
}

static const struct recording_tag example = { .category = "Traffic stop",
	                                      .case_number = "2026-1",
	                                      .note = "\xc3\xbcn\xc3\xaf",
	                                      .has_position = true,
	                                      .latitude_e7 = 593293000,
	                                      .longitude_e7 = -180686000 };

static void test_order_and_reopening(void **state) {
	(void)state;
	char ids[3][RECORDING_ID_TEXT];
	wipe_recordings();
	struct store *store = open_store();
	record(store, 200, 1000, ids[0]);
	record(store, 300, 100000, ids[1]);
	record(store, 100, 0, ids[2]);
	for (int round = 0; round < 2; round++) {
		size_t count;
		const struct recording *list = store_list(store, &count);
		assert_int_equal(count, 3);
		assert_string_equal(list[0].id, ids[1]);
		assert_string_equal(list[1].id, ids[0]);
		assert_string_equal(list[2].id, ids[2]);
		assert_int_equal(list[0].size, 100000);
		assert_int_equal(list[0].duration_ms, 1500);
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(store_verify(store, ids[i]), 0);
		store_free(store);
		store = open_store();
	}
	store_free(store);
}

static void test_tags(void **state) {
	(void)state;
	char id[RECORDING_ID_TEXT];
	uint32_t revision;
	uint64_t time_us;
	wipe_recordings();
	struct store *store = open_store();
	record(store, 1, 10, id);
	uint8_t operation[TAG_OPERATION_SIZE] = { 1 };
	assert_int_equal(store_set_tag(store, id, operation, &example, 1000, &revision, &time_us), 0);
	assert_int_equal(revision, 1);
	/* The answer was lost, and the companion asks again. */
	assert_int_equal(store_set_tag(store, id, operation, &example, 2000, &revision, &time_us), 0);
	assert_int_equal(revision, 1);
	assert_int_equal(time_us, 1000);
	struct recording_tag other = { .category = "Other" };
	operation[0] = 2;
	assert_int_equal(store_set_tag(store, id, operation, &other, 3000, &revision, &time_us), 0);
	assert_int_equal(revision, 2);
	store_free(store);
	store = open_store();
	const struct recording *recording = store_find(store, id);
	assert_string_equal(recording->tag.category, "Other");
	assert_int_equal(recording->tag_revision, 2);
	assert_false(recording->tag.has_position);
	/* A repeat of the first, after a newer one and a restart, still changes nothing. */
	operation[0] = 1;
	assert_int_equal(store_set_tag(store, id, operation, &example, 4000, &revision, &time_us), 0);
	assert_int_equal(revision, 1);
	assert_string_equal(store_find(store, id)->tag.category, "Other");
	assert_int_equal(store_set_tag(store, "00000000000000000000000000000000", operation, &example, 1, &revision, &time_us),
	                 -ENOENT);
	store_free(store);
}

static void test_bad_tags(void **state) {
	(void)state;
	static const struct recording_tag rows[] = {
		{ .category = "a\x01" },
		{ .note = "\xff" },
		{ .note = "\xc0\x80" },     /* overlong */
		{ .note = "\xed\xa0\x80" }, /* surrogate */
		{ .note = "\xf4\x90\x80\x80" },
		{ .note = "\xe2\x82" },
		{ .case_number = "\x7f" },
		{ .has_position = true, .latitude_e7 = 900000001 },
		{ .has_position = true, .longitude_e7 = -1800000001 },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (tag_is_valid(&rows[i]))
			fail_msg("row %zu passed", i);
	assert_true(tag_is_valid(&example));
}

/* Invariant 13: whichever step fails, with power cut or full disk, the tag is the old or the new one, and the answer is true. */
static void test_tag_at_every_failure(void **state) {
	(void)state;
	static const int errors[] = { -EIO, -ENOSPC };
	for (size_t kind = 0; kind < ELEMENTS(errors); kind++)
		for (unsigned step = 1;; step++) {
			char id[RECORDING_ID_TEXT];
			uint32_t revision = 0;
			uint64_t time_us;
			uint8_t operation[TAG_OPERATION_SIZE] = { 9 };
			struct failing_layer layer;
			struct store *store;
			wipe_recordings();
			store = open_store();
			record(store, 1, 10, id);
			assert_int_equal(store_set_tag(store, id, operation, &(struct recording_tag){ .category = "old" }, 1,
			                               &revision, &time_us),
			                 0);
			store_free(store);
			failing_start(&layer, step, errors[kind], kind == 1);
			assert_int_equal(store_open(&store, &layer.layer, folder.folder, keystore, random_system()), 0);
			operation[0] = 10;
			int result = store_set_tag(store, id, operation, &(struct recording_tag){ .category = "new" }, 2,
			                           &revision, &time_us);
			bool happened = layer.failed;
			if (!happened)
				assert_int_equal(result, 0);
			else if (kind == 1)
				assert_int_equal(result, -ENOSPC);
			store_free(store);
			store = open_store();
			const char *now = store_find(store, id)->tag.category;
			if (result == 0)
				assert_string_equal(now, "new");
			else
				assert_true(strcmp(now, "old") == 0 || strcmp(now, "new") == 0);
			assert_int_equal(store_verify(store, id), 0);
			store_free(store);
			if (!happened)
				break;
		}
}

static void test_power_cut_while_recording(void **state) {
	(void)state;
	char id[RECORDING_ID_TEXT];
	struct container_writer *writer;
	static uint8_t bytes[150000];
	wipe_recordings();
	struct store *store = open_store();
	assert_int_equal(store_begin(store, 1, "manual", id, &writer), 0);
	assert_int_equal(container_writer_append(writer, bytes, sizeof(bytes)), 0);
	container_writer_free(writer); /* never finished */
	store_free(store);
	store = open_store();
	const struct recording *recording = store_find(store, id);
	assert_int_equal(recording->state, RECORDING_STATE_CUT_SHORT);
	assert_int_equal(recording->size, 2 * CONTAINER_READ_SIZE);
	assert_int_equal(store_verify(store, id), -ENODATA);
	store_free(store);
}

static void damage(const char *id, const char *suffix) {
	char name[64];
	snprintf(name, sizeof(name), "%s%s", id, suffix);
	int file = openat(folder.folder, name, O_RDWR);
	assert_true(file >= 0);
	uint8_t byte = 0;
	assert_int_equal(pread(file, &byte, 1, 70), 1);
	byte ^= 1;
	assert_int_equal(pwrite(file, &byte, 1, 70), 1);
	close(file);
}

static bool exists(const char *id, const char *suffix) {
	char name[64];
	snprintf(name, sizeof(name), "%s%s", id, suffix);
	return faccessat(folder.folder, name, F_OK, 0) == 0;
}

/* Damage is named and set aside, never deleted; everything else works. */
static void test_damage(void **state) {
	(void)state;
	char good[RECORDING_ID_TEXT], bad[RECORDING_ID_TEXT], tagged[RECORDING_ID_TEXT];
	uint32_t revision;
	uint64_t time_us;
	uint8_t operation[TAG_OPERATION_SIZE] = { 3 };
	wipe_recordings();
	struct store *store = open_store();
	record(store, 1, 1000, good);
	record(store, 2, 1000, bad);
	record(store, 3, 1000, tagged);
	assert_int_equal(store_set_tag(store, tagged, operation, &example, 5, &revision, &time_us), 0);
	store_free(store);
	damage(bad, ".meta");
	damage(tagged, ".tags");
	store = open_store();
	assert_true(exists(bad, ".meta.damaged-1"));
	/* The footage itself is whole, and is found again. */
	const struct recording *found = store_find(store, bad);
	assert_non_null(found);
	assert_string_equal(found->reason, RECORDING_REASON_RECOVERED);
	assert_int_equal(found->state, RECORDING_STATE_COMPLETE);
	assert_int_equal(store_verify(store, bad), 0);
	assert_true(exists(tagged, ".tags.damaged-1"));
	assert_int_equal(store_find(store, tagged)->tag_revision, 0);
	assert_int_equal(store_verify(store, good), 0);
	damage(good, ".footage");
	assert_int_equal(store_verify(store, good), -EBADMSG);
	store_free(store);
}

/* A complete recording that lost its end, or was swapped for another, is not taken for whole. */
static void test_swap_and_cut(void **state) {
	(void)state;
	char a[RECORDING_ID_TEXT], b[RECORDING_ID_TEXT], from[64], to[64];
	wipe_recordings();
	struct store *store = open_store();
	record(store, 1, 150000, a);
	record(store, 2, 150000, b);
	snprintf(from, sizeof(from), "%s.footage", a);
	snprintf(to, sizeof(to), "%s.footage", b);
	assert_int_equal(renameat(folder.folder, from, folder.folder, to), 0);
	assert_int_equal(store_verify(store, b), -EBADMSG);
	store_free(store);
}

static void test_thumbnails(void **state) {
	(void)state;
	char id[RECORDING_ID_TEXT];
	static uint8_t out[THUMBNAIL_LIMIT];
	size_t length;
	wipe_recordings();
	struct store *store = open_store();
	record(store, 1, 10, id);
	assert_int_equal(store_get_thumbnail(store, id, out, &length), -ENOENT);
	assert_int_equal(store_set_thumbnail(store, id, "jpeg", 4), 0);
	assert_int_equal(store_set_thumbnail(store, id, out, THUMBNAIL_LIMIT + 1), -EINVAL);
	store_free(store);
	store = open_store();
	assert_int_equal(store_find(store, id)->thumbnail_size, 4);
	assert_int_equal(store_get_thumbnail(store, id, out, &length), 0);
	assert_int_equal(length, 4);
	assert_memory_equal(out, "jpeg", 4);
	store_free(store);
}

static int tag_with(struct store *store, const char *id, uint8_t operation_byte, const struct recording_tag *tag,
                    uint32_t *ret_revision) {
	uint8_t operation[TAG_OPERATION_SIZE] = { operation_byte };
	uint64_t time_us;
	return store_set_tag(store, id, operation, tag, 1000u + operation_byte, ret_revision, &time_us);
}

/* The disk took the tag, but could not say that it will keep it. Asked again, the same receipt is given once that is known, and
 * what comes after it counts on. */
static void test_tag_of_unknown_fate(void **state) {
	(void)state;
	char id[RECORDING_ID_TEXT];
	uint32_t revision = 0;
	struct failing_layer layer;
	wipe_recordings();
	struct store *store = open_store();
	record(store, 1, 10, id);
	store_free(store);
	failing_start(&layer, 5, -EIO, true); /* open, write, sync, rename, and then the sync of the folder */
	assert_int_equal(store_open(&store, &layer.layer, folder.folder, keystore, random_system()), 0);
	struct recording_tag first = { .category = "first" }, second = { .category = "second" };
	assert_int_equal(tag_with(store, id, 1, &first, &revision), -EIO);
	assert_true(layer.failed);
	assert_int_equal(store_find(store, id)->tag_revision, 0);
	assert_int_equal(tag_with(store, id, 2, &second, &revision), 0);
	assert_int_equal(revision, 2);
	assert_string_equal(store_find(store, id)->tag.category, "second");
	assert_int_equal(tag_with(store, id, 1, &first, &revision), 0);
	assert_int_equal(revision, 1);
	assert_string_equal(store_find(store, id)->tag.category, "second");
	store_free(store);
	/* The same, asked again at once: now the folder is synced before it is told. */
	failing_start(&layer, 5, -EIO, true);
	assert_int_equal(store_open(&store, &layer.layer, folder.folder, keystore, random_system()), 0);
	assert_int_equal(tag_with(store, id, 3, &first, &revision), -EIO);
	unsigned before = layer.steps;
	assert_int_equal(tag_with(store, id, 3, &first, &revision), 0);
	assert_int_equal(layer.steps, before + 1);
	assert_int_equal(revision, 3);
	assert_string_equal(store_find(store, id)->tag.category, "first");
	store_free(store);
}

static void test_tag_history(void **state) {
	(void)state;
	char id[RECORDING_ID_TEXT];
	struct tag_entry *tags;
	size_t count;
	uint32_t revision;
	struct recording_tag longest = { .has_position = true, .latitude_e7 = -900000000, .longitude_e7 = 1800000000 };
	memset(longest.category, 'c', TAG_CATEGORY_LIMIT);
	memset(longest.case_number, 'n', TAG_CASE_LIMIT);
	memset(longest.note, 't', TAG_NOTE_LIMIT);
	wipe_recordings();
	struct store *store = open_store();
	record(store, 1, 10, id);
	assert_int_equal(store_get_tags(store, id, &tags, &count), 0);
	assert_int_equal(count, 0);
	for (unsigned i = 0; i < TAG_HISTORY_LIMIT; i++)
		assert_int_equal(tag_with(store, id, (uint8_t)i, &longest, &revision), 0);
	assert_int_equal(tag_with(store, id, TAG_HISTORY_LIMIT, &example, &revision), -EFBIG);
	assert_int_equal(tag_with(store, id, 7, &example, &revision), 0); /* a repeat needs no room */
	assert_int_equal(revision, 8);
	store_free(store);
	store = open_store();
	assert_int_equal(store_get_tags(store, id, &tags, &count), 0);
	assert_int_equal(count, TAG_HISTORY_LIMIT);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(tags[i].revision, i + 1);
		assert_int_equal(tags[i].time_us, 1000 + i);
		assert_memory_equal(&tags[i].tag, &longest, sizeof(longest));
	}
	free(tags);
	assert_int_equal(store_get_tags(store, "00000000000000000000000000000000", &tags, &count), -ENOENT);
	store_free(store);
}

static void test_damaged_history_at_work(void **state) {
	(void)state;
	char id[RECORDING_ID_TEXT];
	uint32_t revision;
	wipe_recordings();
	struct store *store = open_store();
	record(store, 1, 10, id);
	assert_int_equal(tag_with(store, id, 1, &example, &revision), 0);
	assert_int_equal(tag_with(store, id, 2, &example, &revision), 0);
	damage(id, ".tags");
	assert_int_equal(tag_with(store, id, 3, &example, &revision), 0);
	assert_int_equal(revision, 3); /* numbers are not given twice */
	assert_true(exists(id, ".tags.damaged-1"));
	store_free(store);
}

static void test_details(void **state) {
	(void)state;
	char id[RECORDING_ID_TEXT], other[RECORDING_ID_TEXT], longest[DETAIL_VALUE_LIMIT + 2];
	struct recording_detail *details;
	size_t count;
	struct failing_layer layer;
	wipe_recordings();
	struct store *store = open_store();
	record(store, 1, 10, id);
	record(store, 2, 10, other);
	store_free(store);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	failing_start(&layer, 2, -ENOSPC, true);
	assert_int_equal(store_open(&store, &layer.layer, folder.folder, keystore, random_system()), 0);
	assert_int_equal(store_add_detail(store, id, 5, "LatitudeE7", "593293000"), 0);
	assert_int_equal(store_add_detail(store, id, 6, "Why", longest), -EINVAL);
	assert_int_equal(store_add_detail(store, id, 6, "Why", longest + 1), 0);
	assert_int_equal(store_add_detail(store, id, 6, "", "x"), -EINVAL);
	assert_int_equal(store_add_detail(store, id, 6, "Why", "\xff"), -EINVAL);
	assert_int_equal(store_add_detail(store, "00000000000000000000000000000000", 6, "Why", "x"), -ENOENT);
	assert_false(exists(id, ".details")); /* in memory so far, and seen there */
	assert_int_equal(store_get_details(store, id, &details, &count), 0);
	assert_int_equal(count, 2);
	free(details);
	/* A full disk loses nothing: it is written when there is room again, also before another recording takes its place. */
	assert_int_equal(store_sync_details(store), -ENOSPC);
	assert_int_equal(store_add_detail(store, other, 7, "Why", "other"), 0);
	assert_true(exists(id, ".details"));
	assert_int_equal(store_add_detail(store, id, 8, "End", "stopped"), 0);
	assert_int_equal(store_sync_details(store), 0);
	store_free(store);
	store = open_store();
	assert_int_equal(store_get_details(store, id, &details, &count), 0);
	assert_int_equal(count, 3);
	assert_int_equal(details[0].time_us, 5);
	assert_string_equal(details[0].key, "LatitudeE7");
	assert_string_equal(details[0].value, "593293000");
	assert_string_equal(details[1].value, longest + 1);
	assert_string_equal(details[2].key, "End");
	free(details);
	damage(id, ".details");
	assert_int_equal(store_get_details(store, id, &details, &count), -EBADMSG);
	assert_int_equal(store_add_detail(store, id, 9, "New", "one"), 0);
	assert_true(exists(id, ".details.damaged-1"));
	assert_int_equal(store_sync_details(store), 0);
	assert_int_equal(store_get_details(store, id, &details, &count), 0);
	assert_int_equal(count, 1);
	free(details);
	int result;
	while ((result = store_add_detail(store, id, 9, "Much", longest + 1)) == 0)
		;
	assert_int_equal(result, -EFBIG);
	assert_int_equal(store_sync_details(store), 0);
	store_free(store);
	store = open_store();
	assert_int_equal(store_get_details(store, id, &details, &count), 0);
	assert_true(count > 5000);
	free(details);
	store_free(store);
}

/* A disk that refuses everything for a while, over the end of one recording and the beginning of the next: both histories are
 * whole afterwards. */
static void test_details_of_a_refusing_disk(void **state) {
	(void)state;
	char id[2][RECORDING_ID_TEXT];
	struct recording_detail *details;
	size_t count;
	struct failing_layer layer;
	wipe_recordings();
	struct store *store = open_store();
	record(store, 1, 10, id[0]);
	record(store, 2, 10, id[1]);
	store_free(store);
	failing_start(&layer, 2, -EIO, false);
	assert_int_equal(store_open(&store, &layer.layer, folder.folder, keystore, random_system()), 0);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(store_add_detail(store, id[i % 2], i, "EndedBecause", "x"), 0);
	assert_int_equal(store_sync_details(store), -EIO);
	assert_int_equal(store_get_details(store, id[0], &details, &count), 0);
	assert_int_equal(count, 3);
	free(details);
	layer.layer = *file_layer_system();
	assert_int_equal(store_sync_details(store), 0);
	store_free(store);
	store = open_store();
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(store_get_details(store, id[i], &details, &count), 0);
		assert_int_equal(count, 3);
		assert_int_equal(details[2].time_us, 4 + i);
		free(details);
	}
	store_free(store);
}

/* A file of one kind, or of one recording, under the name of another does not pass for it. */
static void test_swapped_files(void **state) {
	(void)state;
	char a[RECORDING_ID_TEXT], b[RECORDING_ID_TEXT], from[64], to[64];
	static uint8_t out[THUMBNAIL_LIMIT];
	size_t length;
	uint32_t revision;
	wipe_recordings();
	struct store *store = open_store();
	record(store, 1, 10, a);
	record(store, 2, 10, b);
	assert_int_equal(store_set_thumbnail(store, a, "jpeg", 4), 0);
	assert_int_equal(tag_with(store, a, 1, &example, &revision), 0);
	snprintf(from, sizeof(from), "%s.jpeg", a);
	snprintf(to, sizeof(to), "%s.jpeg", b);
	assert_int_equal(linkat(folder.folder, from, folder.folder, to, 0), 0);
	assert_int_equal(store_get_thumbnail(store, b, out, &length), -EBADMSG);
	snprintf(to, sizeof(to), "%s.tags", a);
	assert_int_equal(renameat(folder.folder, to, folder.folder, from), 0);
	assert_int_equal(store_get_thumbnail(store, a, out, &length), -EBADMSG);
	store_free(store);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_reopening),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_bad_tags),
		cmocka_unit_test(test_tag_at_every_failure),
		cmocka_unit_test(test_power_cut_while_recording),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_swap_and_cut),
		cmocka_unit_test(test_thumbnails),
		cmocka_unit_test(test_tag_of_unknown_fate),
		cmocka_unit_test(test_tag_history),
		cmocka_unit_test(test_damaged_history_at_work),
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_details_of_a_refusing_disk),
		cmocka_unit_test(test_swapped_files),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
