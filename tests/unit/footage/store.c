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
	assert_int_equal(recording->size, 2 * CONTAINER_CHUNK_SIZE);
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
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
