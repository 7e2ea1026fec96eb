/* Opening the store: beside a recorder, after a power cut, with metadata or the storage key lost. */
#include "tests/unit/footage/temporary.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "footage/store.h"
#include "tests/unit/footage/fragmented.h"

#define MEDIA_SIZE 3500

static struct temporary folder;
static struct keystore *keystore;
static struct fragmented sample;
static uint8_t long_sample[2 * CONTAINER_READ_SIZE];

static struct store *open_store(void) {
	struct store *store;
	assert_int_equal(store_open(&store, file_layer_system(), folder.folder, keystore, random_system()), 0);
	return store;
}

static struct store *open_to_read(void) {
	struct store *store;
	assert_int_equal(store_open_to_read(&store, folder.folder, keystore), 0);
	return store;
}

static struct container_writer *begin(struct store *store, char id[RECORDING_ID_TEXT]) {
	struct container_writer *writer;
	assert_int_equal(store_begin(store, 1000000, "manual", id, &writer), 0);
	return writer;
}

static void record_sample(struct store *store, char id[RECORDING_ID_TEXT]) {
	uint8_t hash[SHA256_SIZE];
	struct container_writer *writer = begin(store, id);
	assert_int_equal(container_writer_append(writer, sample.bytes, sample.length), 0);
	assert_int_equal(container_writer_finish(writer), 0);
	container_writer_hash(writer, hash);
	assert_int_equal(store_finish(store, id, RECORDING_STATE_COMPLETE, 4000, sample.length, hash), 0);
	container_writer_free(writer);
}

static char *name_of(const char *id, const char *suffix) {
	static char name[64];
	snprintf(name, sizeof(name), "%s%s", id, suffix);
	return name;
}

/* Everything in the folder: names, sizes, times of change. */
static uint64_t fingerprint(void) {
	uint64_t sum = 0;
	DIR *directory = opendir(folder.path);
	for (struct dirent *entry; (entry = readdir(directory));) {
		struct stat status;
		if (entry->d_name[0] == '.')
			continue;
		assert_int_equal(fstatat(folder.folder, entry->d_name, &status, 0), 0);
		uint64_t one =
		        (uint64_t)status.st_size * 31 + (uint64_t)status.st_mtim.tv_nsec + (uint64_t)status.st_ctim.tv_nsec;
		for (const char *c = entry->d_name; *c; c++)
			one = one * 131 + (uint8_t)*c;
		sum += one;
	}
	closedir(directory);
	return sum;
}

/* Two recorders in one folder would spoil each other's; one that only looks may. */
static void test_one_owner(void **state) {
	(void)state;
	struct store *store = open_store(), *second;
	assert_int_equal(store_open(&second, file_layer_system(), folder.folder, keystore, random_system()), -EBUSY);
	second = open_to_read();
	store_free(second);
	/* The one that looked has not taken the lock with it. */
	assert_int_equal(store_open(&second, file_layer_system(), folder.folder, keystore, random_system()), -EBUSY);
	store_free(store);
	store_free(open_store());
}

static void test_reading_changes_nothing(void **state) {
	(void)state;
	char id[RECORDING_ID_TEXT], damaged[RECORDING_ID_TEXT], active[RECORDING_ID_TEXT];
	uint32_t revision;
	uint64_t time_us;
	uint8_t operation[TAG_OPERATION_SIZE] = { 1 };
	struct recording_tag tag = { .category = "c" };
	struct container_writer *writer;
	struct store *store = open_store();
	record_sample(store, id);
	record_sample(store, damaged);
	writer = begin(store, active);
	assert_int_equal(container_writer_append(writer, long_sample, sizeof(long_sample)), 0);
	int meta = openat(folder.folder, name_of(damaged, ".meta"), O_WRONLY);
	assert_int_equal(pwrite(meta, "x", 1, 100), 1);
	close(meta);

	uint64_t before = fingerprint();
	struct store *reading = open_to_read();
	assert_int_equal(store_verify(reading, id), 0);
	assert_int_equal(store_find(reading, active)->state, RECORDING_STATE_ACTIVE); /* its recorder is at work */
	assert_int_equal(store_set_tag(reading, id, operation, &tag, 1, &revision, &time_us), -EROFS);
	assert_int_equal(store_set_thumbnail(reading, id, "jpeg", 4), -EROFS);
	assert_int_equal(store_add_detail(reading, id, 1, "Key", "value"), -EROFS);
	assert_int_equal(store_finish(reading, active, RECORDING_STATE_COMPLETE, 1, 1, long_sample), -EROFS);
	struct container_writer *none;
	char other[RECORDING_ID_TEXT];
	assert_int_equal(store_begin(reading, 1, "manual", other, &none), -EROFS);
	store_free(reading);
	assert_true(fingerprint() == before);

	container_writer_free(writer);
	store_free(store);
	reading = open_to_read();
	assert_int_equal(store_find(reading, active)->state, RECORDING_STATE_CUT_SHORT); /* and now there is none */
	store_free(reading);
	assert_true(fingerprint() == before);
}

/* The sample fills the first chunk with whole fragments; the second chunk was never written. */
static void test_cut_short_has_a_length(void **state) {
	(void)state;
	char id[RECORDING_ID_TEXT];
	struct store *store = open_store();
	struct container_writer *writer = begin(store, id);
	assert_int_equal(container_writer_append(writer, long_sample, sizeof(long_sample)), 0);
	container_writer_free(writer);
	store_free(store);
	store = open_store();
	const struct recording *r = store_find(store, id);
	assert_int_equal(r->state, RECORDING_STATE_CUT_SHORT);
	assert_int_equal(r->size, CONTAINER_READ_SIZE);
	assert_int_equal(r->duration_ms, FRAGMENTS * 1000);
	store_free(store);
	/* And it was noted: the next opening does not have to look again. */
	store = open_to_read();
	assert_int_equal(store_find(store, id)->duration_ms, FRAGMENTS * 1000);
	store_free(store);
}

static void test_lost_metadata(void **state) {
	(void)state;
	char id[RECORDING_ID_TEXT], empty[RECORDING_ID_TEXT];
	struct store *store = open_store();
	record_sample(store, id);
	container_writer_free(begin(store, empty));
	struct recording before = *store_find(store, id);
	store_free(store);
	assert_int_equal(unlinkat(folder.folder, name_of(id, ".meta"), 0), 0);
	assert_int_equal(unlinkat(folder.folder, name_of(empty, ".meta"), 0), 0);
	const struct timespec ended[2] = { { 1700000010, 0 }, { 1700000010, 0 } };
	assert_int_equal(utimensat(folder.folder, name_of(id, ".footage"), ended, 0), 0);
	for (int round = 0; round < 2; round++) {
		store = open_store();
		const struct recording *r = store_find(store, id);
		assert_non_null(r);
		assert_string_equal(r->reason, RECORDING_REASON_RECOVERED);
		assert_int_equal(r->state, RECORDING_STATE_COMPLETE);
		assert_int_equal(r->size, sample.length);
		assert_int_equal(r->duration_ms, FRAGMENTS * 1000);
		assert_int_equal(r->started_us, 1700000010000000 - FRAGMENTS * 1000000);
		assert_memory_equal(r->sha256, before.sha256, SHA256_SIZE);
		assert_int_equal(store_verify(store, id), 0);
		assert_null(store_find(store, empty)); /* nothing was ever in it */
		store_free(store);
	}
	assert_int_equal(faccessat(folder.folder, name_of(empty, ".footage"), F_OK, 0), 0); /* and it is not deleted */
}

/* Another storage key: nothing is readable, nothing is set aside, and with the old key everything is there again. */
static void test_other_key(void **state) {
	(void)state;
	char id[RECORDING_ID_TEXT], fresh[RECORDING_ID_TEXT];
	struct keystore *usual = keystore;
	struct store *store = open_store();
	record_sample(store, id);
	store_free(store);
	assert_int_equal(keystore_open_file(&keystore, file_layer_system(), folder.folder, "other.key", random_system()), 0);
	store = open_store();
	assert_null(store_find(store, id));
	record_sample(store, fresh);
	store_free(store);
	keystore_free(keystore);
	keystore = usual;
	store = open_store();
	assert_int_equal(store_verify(store, id), 0);
	assert_null(store_find(store, fresh));
	store_free(store);
}

/* One file that the disk does not give back is no reason to be without the others. */
static void test_unreadable_metadata(void **state) {
	(void)state;
	char good[RECORDING_ID_TEXT], bad[RECORDING_ID_TEXT];
	struct store *store = open_store();
	record_sample(store, good);
	record_sample(store, bad);
	store_free(store);
	assert_int_equal(unlinkat(folder.folder, name_of(bad, ".meta"), 0), 0);
	assert_int_equal(mkdirat(folder.folder, name_of(bad, ".meta"), 0700), 0); /* reads from it fail */
	store = open_store();
	assert_non_null(store_find(store, good));
	store_free(store);
	assert_int_equal(unlinkat(folder.folder, name_of(bad, ".meta"), AT_REMOVEDIR), 0);
}

/* Damage in the middle of what a power cut left: the recording says what is there, and reading it stops at the damage. */
static void test_cut_short_and_damaged(void **state) {
	(void)state;
	char id[RECORDING_ID_TEXT];
	static uint8_t much[4 * CONTAINER_READ_SIZE];
	struct store *store = open_store();
	struct container_writer *writer = begin(store, id);
	assert_int_equal(container_writer_append(writer, much, sizeof(much)), 0);
	container_writer_free(writer);
	store_free(store);
	int file = openat(folder.folder, name_of(id, ".footage"), O_WRONLY);
	assert_int_equal(pwrite(file, "x", 1, CONTAINER_HEADER_SIZE + CONTAINER_CHUNK_SIZE + GCM_TAG_SIZE + 9), 1);
	close(file);
	store = open_store();
	assert_int_equal(store_find(store, id)->state, RECORDING_STATE_CUT_SHORT);
	assert_int_equal(store_verify(store, id), -EBADMSG);
	store_free(store);
}

static int setup(void **state) {
	(void)state;
	temporary_start(&folder);
	fragmented_make(&sample, MEDIA_SIZE);
	memcpy(long_sample, sample.bytes, sample.length);
	/* A box that fills the rest, so that the scan stays in step. */
	struct writer rest = writer_over(long_sample + sample.length, 8);
	writer_u32(&rest, (uint32_t)(sizeof(long_sample) - sample.length));
	writer_copy(&rest, "free", 4);
	return keystore_open_file(&keystore, file_layer_system(), folder.folder, "storage.key", random_system());
}

static int clear(void **state) {
	(void)state;
	DIR *directory = opendir(folder.path);
	for (struct dirent *entry; (entry = readdir(directory));)
		if (strlen(entry->d_name) > 30)
			unlinkat(folder.folder, entry->d_name, 0);
	closedir(directory);
	return 0;
}

static int teardown(void **state) {
	(void)state;
	keystore_free(keystore);
	temporary_end(&folder);
	return 0;
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	log_set_level(LOG_LEVEL_ERROR);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_one_owner, clear),
		cmocka_unit_test_teardown(test_reading_changes_nothing, clear),
		cmocka_unit_test_teardown(test_cut_short_has_a_length, clear),
		cmocka_unit_test_teardown(test_lost_metadata, clear),
		cmocka_unit_test_teardown(test_other_key, clear),
		cmocka_unit_test_teardown(test_unreadable_metadata, clear),
		cmocka_unit_test_teardown(test_cut_short_and_damaged, clear),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
