/* The two records of a companion: candidate and proven, through failures of the disk. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "companion/keyring.h"
#include "crypto/crypto.h"

static char folder[32];
static unsigned failures; /* of syncs of the folder, still to come */

static int sync_badly(void *context, int file) {
	(void)context;
	struct stat status;
	assert_int_equal(fstat(file, &status), 0);
	if (!S_ISDIR(status.st_mode) || failures == 0)
		return 0;
	failures--;
	return -EIO;
}

static int setup(void **state) {
	(void)state;
	strcpy(folder, "/tmp/keyring-XXXXXX");
	assert_non_null(mkdtemp(folder));
	failures = 0;
	return 0;
}

static int teardown(void **state) {
	(void)state;
	char command[64];
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static struct pairing_record some_record(void) {
	struct pairing_record record = { .peer_name = "LY-1" };
	struct static_keys keys;
	static_keys_make(&keys, random_system());
	memcpy(record.peer_key, keys.public, KEY_SIZE);
	random_system()->fill(random_system()->context, record.secret, KEY_SIZE);
	return record;
}

static struct keyring *open_keyring(const struct file_layer *layer) {
	struct keyring *keyring;
	assert_int_equal(keyring_new(&keyring, folder, layer, random_system()), 0);
	return keyring;
}

/* Whoever starts next finds what this one goes on with. */
static void assert_disk_agrees(const struct keyring *keyring) {
	struct keyring *next = open_keyring(file_layer_system());
	for (enum keyring_slot slot = 0; slot < KEYRING_SLOTS; slot++) {
		const struct pairing_record *ours = keyring_record(keyring, slot), *theirs = keyring_record(next, slot);
		assert_true(!ours == !theirs);
		if (ours)
			assert_memory_equal(ours, theirs, sizeof(*ours));
	}
	keyring_free(next);
}

static void assert_slot(const struct keyring *keyring, enum keyring_slot slot, const struct pairing_record *record) {
	const struct pairing_record *found = keyring_record(keyring, slot);
	if (!record) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	assert_memory_equal(found, record, sizeof(*record));
}

static void test_candidate_and_proven(void **state) {
	(void)state;
	struct pairing_record one = some_record(), two = some_record(), again = one;
	again.secret[0] ^= 1; /* the same camera, paired anew */
	struct keyring *keyring = open_keyring(file_layer_system());
	assert_int_equal(keyring_add(keyring, &one), 0);
	assert_int_equal(keyring_prove(keyring, KEYRING_CANDIDATE, keyring_candidates(keyring)), 0);
	assert_slot(keyring, KEYRING_PROVEN, &one);
	assert_slot(keyring, KEYRING_CANDIDATE, NULL);
	/* Another camera: it stays a candidate when the old one is heard, */
	assert_int_equal(keyring_add(keyring, &two), 0);
	assert_int_equal(keyring_prove(keyring, KEYRING_PROVEN, keyring_candidates(keyring)), 0);
	assert_slot(keyring, KEYRING_CANDIDATE, &two);
	assert_disk_agrees(keyring);
	/* the same camera does not: it holds one record, and that was the old one. */
	assert_int_equal(keyring_add(keyring, &again), 0);
	assert_int_equal(keyring_prove(keyring, KEYRING_PROVEN, keyring_candidates(keyring)), 0);
	assert_slot(keyring, KEYRING_CANDIDATE, NULL);
	assert_slot(keyring, KEYRING_PROVEN, &one);
	assert_disk_agrees(keyring);
	/* Paired once more between the old one's dial and its session: what the camera holds by now is not known. */
	unsigned candidates = keyring_candidates(keyring);
	assert_int_equal(keyring_add(keyring, &again), 0);
	assert_int_equal(keyring_prove(keyring, KEYRING_PROVEN, candidates), 0);
	assert_slot(keyring, KEYRING_CANDIDATE, &again);
	assert_slot(keyring, KEYRING_PROVEN, &one);
	assert_int_equal(keyring_forget(keyring), 0);
	assert_slot(keyring, KEYRING_PROVEN, NULL);
	assert_disk_agrees(keyring);
	keyring_free(keyring);
}

static void test_folder_cannot_be_synced(void **state) {
	(void)state;
	struct file_layer layer = *file_layer_system();
	struct pairing_record one = some_record(), two = some_record(), three = some_record();
	struct keyring *keyring = open_keyring(&layer);
	layer.sync = sync_badly;
	failures = 1;
	assert_int_equal(keyring_add(keyring, &one), -EIO);
	assert_slot(keyring, KEYRING_CANDIDATE, NULL);
	assert_disk_agrees(keyring);
	assert_int_equal(keyring_add(keyring, &one), 0);
	failures = 1;
	assert_int_equal(keyring_prove(keyring, KEYRING_CANDIDATE, keyring_candidates(keyring)), -EIO);
	assert_slot(keyring, KEYRING_CANDIDATE, &one);
	assert_slot(keyring, KEYRING_PROVEN, NULL);
	assert_disk_agrees(keyring);
	assert_int_equal(keyring_prove(keyring, KEYRING_CANDIDATE, keyring_candidates(keyring)), 0);
	assert_int_equal(keyring_add(keyring, &two), 0);
	failures = 1;
	assert_int_equal(keyring_add(keyring, &three), -EIO);
	assert_slot(keyring, KEYRING_CANDIDATE, &two);
	assert_disk_agrees(keyring);
	failures = 1;
	assert_int_equal(keyring_forget(keyring), -EIO);
	assert_int_equal(failures, 0);
	assert_disk_agrees(keyring);
	assert_int_equal(keyring_forget(keyring), 0);
	assert_disk_agrees(keyring);
	keyring_free(keyring);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_candidate_and_proven, setup, teardown),
		cmocka_unit_test_setup_teardown(test_folder_cannot_be_synced, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
