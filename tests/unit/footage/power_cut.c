/* The power is cut at every step that a recording, its tags, thumbnail and details take on the disk. Whatever was acknowledged is
 * there afterwards, whatever was not is there as a whole or not at all, and nothing looks damaged. */
#include "tests/unit/footage/power.h"

#include "base/log.h"
#include "footage/store.h"

#define RECORDED 150000 /* two batches of chunks, some more chunks and a rest */
#define SYNCED 100000   /* of them before a fragment's end */

static struct temporary folder;
static uint8_t plain[RECORDED];

/* What was acknowledged before the power went. */
struct acknowledged {
	bool began, synced, thumbnail, tagged, old_tagged, details, sealed, finished;
	char id[RECORDING_ID_TEXT];
};

static struct keystore *open_keystore(const struct file_layer *layer) {
	struct keystore *keystore;
	return keystore_open_file(&keystore, layer, folder.folder, "storage.key", random_system()) == 0 ? keystore : NULL;
}

static bool set_tag(struct store *store, const char *id, uint8_t operation_byte, const char *category) {
	uint8_t operation[TAG_OPERATION_SIZE] = { operation_byte };
	struct recording_tag tag = { .has_position = false };
	uint32_t revision;
	uint64_t time_us;
	snprintf(tag.category, sizeof(tag.category), "%s", category);
	return store_set_tag(store, id, operation, &tag, 5, &revision, &time_us) == 0;
}

/* The recording that was there before, complete and tagged. */
static void make_old(char id[RECORDING_ID_TEXT]) {
	struct store *store;
	struct container_writer *writer;
	uint8_t hash[SHA256_SIZE];
	struct keystore *keystore = open_keystore(file_layer_system());
	assert_non_null(keystore);
	assert_int_equal(store_open(&store, file_layer_system(), folder.folder, keystore, random_system()), 0);
	assert_int_equal(store_begin(store, 1, "manual", id, &writer), 0);
	assert_int_equal(container_writer_append(writer, plain, 1000), 0);
	assert_int_equal(container_writer_finish(writer), 0);
	container_writer_hash(writer, hash);
	assert_int_equal(store_finish(store, id, RECORDING_STATE_COMPLETE, 1, 1000, hash), 0);
	assert_true(set_tag(store, id, 1, "old"));
	container_writer_free(writer);
	store_free(store);
	keystore_free(keystore);
}

static void work(const struct file_layer *layer, const char *old, struct acknowledged *done) {
	struct store *store;
	struct container_writer *writer;
	uint8_t hash[SHA256_SIZE];
	struct keystore *keystore = open_keystore(layer);
	assert_non_null(keystore);
	assert_int_equal(store_open(&store, layer, folder.folder, keystore, random_system()), 0);
	done->old_tagged = set_tag(store, old, 2, "new");
	done->began = store_begin(store, 2, "manual", done->id, &writer) == 0;
	if (done->began) {
		done->thumbnail = store_set_thumbnail(store, done->id, "jpeg", 4) == 0;
		done->synced = container_writer_append(writer, plain, SYNCED) == 0 && container_writer_sync(writer) == 0;
		container_writer_append(writer, plain + SYNCED, RECORDED - SYNCED);
		done->details = store_add_detail(store, done->id, 3, "Why", "because") == 0 && store_sync_details(store) == 0;
		done->tagged = set_tag(store, done->id, 3, "tagged");
		done->sealed = container_writer_finish(writer) == 0;
		container_writer_hash(writer, hash);
		done->finished = done->sealed && store_finish(store, done->id, RECORDING_STATE_COMPLETE, 2, RECORDED, hash) == 0;
		container_writer_free(writer);
	}
	store_free(store);
	keystore_free(keystore);
}

static void check_bytes(struct store *store, const char *id, uint64_t least) {
	static uint8_t bytes[RECORDED + 1];
	struct container_reader *reader;
	size_t total = 0;
	assert_int_equal(store_read(store, id, &reader), 0);
	for (ssize_t got; (got = container_reader_read(reader, total, bytes + total, sizeof(bytes) - total)) != 0;) {
		assert_true(got > 0);
		total += (size_t)got;
	}
	assert_int_equal(total, container_reader_size(reader));
	assert_true(total >= least && total <= RECORDED);
	assert_memory_equal(bytes, plain, total);
	container_reader_free(reader);
}

static void check_details(struct store *store, const struct acknowledged *done) {
	struct recording_detail *details;
	size_t count;
	assert_int_equal(store_get_details(store, done->id, &details, &count), 0);
	assert_true(count == 1 || (count == 0 && !done->details));
	if (count == 1)
		assert_string_equal(details[0].value, "because");
	free(details);
}

static void check_new(struct store *store, const struct acknowledged *done) {
	const struct recording *r = store_find(store, done->id);
	assert_non_null(r);
	check_bytes(store, done->id, done->sealed ? RECORDED : done->synced ? SYNCED - CONTAINER_CHUNK_SIZE : 0);
	int verified = store_verify(store, done->id);
	if (done->sealed) {
		assert_int_equal(r->state, RECORDING_STATE_COMPLETE);
		assert_int_equal(r->size, RECORDED);
		assert_int_equal(verified, 0);
	} else {
		/* The seal may have got through although nobody was told. */
		assert_true(r->state != RECORDING_STATE_ACTIVE);
		assert_int_equal(verified, r->state == RECORDING_STATE_COMPLETE ? 0 : -ENODATA);
	}
	assert_true(r->thumbnail_size == 4 || (r->thumbnail_size == 0 && !done->thumbnail));
	assert_true(strcmp(r->tag.category, "tagged") == 0 || (r->tag.category[0] == '\0' && !done->tagged));
	check_details(store, done);
}

static void check(const char *old, const struct acknowledged *done) {
	struct store *store;
	size_t count;
	struct keystore *keystore = open_keystore(file_layer_system());
	assert_non_null(keystore);
	assert_int_equal(store_open(&store, file_layer_system(), folder.folder, keystore, random_system()), 0);
	const struct recording *r = store_find(store, old);
	assert_non_null(r);
	assert_int_equal(store_verify(store, old), 0);
	assert_true(strcmp(r->tag.category, "new") == 0 || (strcmp(r->tag.category, "old") == 0 && !done->old_tagged));
	if (done->began)
		check_new(store, done);
	const struct recording *list = store_list(store, &count);
	assert_true(count <= 2);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(list[i].reason, "manual"); /* metadata is never what is lost */
	store_free(store);
	keystore_free(keystore);
	DIR *directory = opendir(folder.path);
	for (struct dirent *entry; (entry = readdir(directory));)
		assert_null(strstr(entry->d_name, "damaged"));
	closedir(directory);
}

static void cut_everywhere(enum power_mode mode) {
	unsigned cuts = 0;
	for (unsigned step = 1;; step++) {
		struct power power;
		struct acknowledged done = { .began = false };
		char old[RECORDING_ID_TEXT];
		temporary_clear(&folder);
		make_old(old);
		power_start(&power, folder.folder, step, mode);
		work(&power.layer, old, &done);
		bool cut = power.cut;
		power_cut(&power);
		check(old, &done);
		if (!cut) {
			assert_true(done.finished && done.tagged && done.old_tagged && done.details && done.thumbnail);
			break;
		}
		cuts++;
	}
	assert_true(cuts >= 40); /* the steps are counted by hand once: a layer that is passed by would make fewer */
}

static void test_loses_what_is_not_synced(void **state) {
	(void)state;
	cut_everywhere(POWER_LOSES);
}

static void test_keeps_half_of_a_write(void **state) {
	(void)state;
	cut_everywhere(POWER_KEEPS);
}

static void test_disk_writes_in_another_order(void **state) {
	(void)state;
	cut_everywhere(POWER_REORDERS);
}

/* The storage key: there or not there, never half; and never another one after something was sealed with it. */
static void test_storage_key(void **state) {
	(void)state;
	for (int mode = POWER_LOSES; mode <= POWER_REORDERS; mode++)
		for (unsigned step = 1;; step++) {
			struct power power;
			uint8_t id[RECORDING_ID_SIZE] = { 1 }, key[AES256_KEY_SIZE] = { 2 }, out[AES256_KEY_SIZE];
			uint8_t wrapped[WRAPPED_KEY_SIZE];
			temporary_clear(&folder);
			power_start(&power, folder.folder, step, (enum power_mode)mode);
			struct keystore *keystore = open_keystore(&power.layer);
			bool cut = power.cut;
			if (keystore)
				assert_int_equal(keystore_wrap(keystore, id, key, wrapped), 0);
			power_cut(&power);
			struct keystore *again = open_keystore(file_layer_system());
			assert_non_null(again);
			assert_int_equal(faccessat(folder.folder, "storage.key.damaged-1", F_OK, 0), -1);
			if (keystore) {
				assert_int_equal(keystore_unwrap(again, id, wrapped, out), 0);
				assert_memory_equal(out, key, sizeof(key));
			}
			keystore_free(keystore);
			keystore_free(again);
			if (!cut)
				break;
		}
}

static int setup(void **state) {
	(void)state;
	temporary_start(&folder);
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 2654435761u >> 11);
	return 0;
}

static int teardown(void **state) {
	(void)state;
	temporary_end(&folder);
	return 0;
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	log_set_level(LOG_LEVEL_ERROR);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loses_what_is_not_synced),
		cmocka_unit_test(test_keeps_half_of_a_write),
		cmocka_unit_test(test_disk_writes_in_another_order),
		cmocka_unit_test(test_storage_key),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
