/* No key and nonce pair seals two things in storage: not over recordings, thumbnails, tags and details of one process, not after
 * crashes in the middle of a recording, and not where two processes go on from the same memory and the same disk. */
#include "tests/unit/footage/temporary.h"

#include <stdio.h>

#include "crypto/crypto.h"
#include "footage/store.h"
#include "tests/unit/crypto/used.h"

static const struct recording_tag tag = { .category = "Traffic stop", .case_number = "2026-1", .note = "a note" };

/* A recording with all that goes with it, on top of what is there already. It is not ended. */
static void live(void *context) {
	const struct temporary *folder = context;
	static const uint8_t bytes[5 * CONTAINER_CHUNK_SIZE / 2], operations[2][TAG_OPERATION_SIZE] = { { 1 }, { 2 } };
	struct keystore *keystore;
	struct store *store;
	struct container_writer *writer;
	char id[RECORDING_ID_TEXT];
	uint32_t revision;
	uint64_t time_us;
	assert_int_equal(keystore_open_file(&keystore, file_layer_system(), folder->folder, "storage.key", random_system()), 0);
	assert_int_equal(store_open(&store, file_layer_system(), folder->folder, keystore, random_system()), 0);
	assert_int_equal(store_begin(store, 1, "manual", id, &writer), 0);
	assert_int_equal(container_writer_append(writer, bytes, sizeof(bytes)), 0);
	assert_int_equal(container_writer_sync(writer), 0);
	assert_int_equal(store_set_thumbnail(store, id, bytes, 1000), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(store_set_tag(store, id, operations[i], &tag, 7, &revision, &time_us), 0);
		assert_int_equal(store_add_detail(store, id, 8, "source", "button"), 0);
		assert_int_equal(store_sync_details(store), 0);
	}
	container_writer_free(writer);
	store_free(store);
	keystore_free(keystore);
}

static void copy(const struct temporary *from, const struct temporary *to) {
	DIR *directory = opendir(from->path);
	assert_non_null(directory);
	for (struct dirent *entry; (entry = readdir(directory));) {
		static uint8_t bytes[1 << 20];
		size_t length;
		if (entry->d_type != DT_REG)
			continue;
		assert_int_equal(file_read(from->folder, entry->d_name, bytes, sizeof(bytes), &length), 0);
		assert_int_equal(file_replace(file_layer_system(), to->folder, entry->d_name, bytes, length), 0);
	}
	closedir(directory);
}

static void test_repeats(void **state) {
	(void)state;
	struct temporary folder, twin;
	used_start();
	temporary_start(&folder);
	temporary_start(&twin);
	live(&folder);
	copy(&folder, &twin);
	used_by_a_fork(live, &folder);
	used_by_a_fork(live, &twin);
	live(&folder);
	live(&twin);
	assert_true(used_once() > 5 * 15);
	temporary_end(&folder);
	temporary_end(&twin);
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_repeats) };
	return crypto_start() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
