/* What each end keeps: files that are damaged, disks that fail or lose power, and a pairing cut at any moment on either side. */
#include "pairing/record.h"
#include "crypto/crypto.h"
#include "tests/unit/base/captured.h"
#include "tests/unit/base/power_cut.h"

static void fill_counting(void *context, uint8_t *out, size_t length) {
	uint8_t *next = context;
	for (size_t i = 0; i < length; i++)
		out[i] = (uint8_t)(*next + i * 7);
	++*next;
}

static struct pairing_record make_record(uint8_t seed, const char *name) {
	struct pairing_record record = { .paired_at_s = 1700000000u + seed };
	struct static_keys keys;
	const struct random_source random = { fill_counting, &seed };
	static_keys_make(&keys, &random);
	memcpy(record.peer_key, keys.public, KEY_SIZE);
	memset(record.secret, seed, KEY_SIZE);
	snprintf(record.peer_name, sizeof(record.peer_name), "%s", name);
	return record;
}

static bool same(const struct pairing_record *a, const struct pairing_record *b) {
	return memcmp(a->peer_key, b->peer_key, KEY_SIZE) == 0 && memcmp(a->secret, b->secret, KEY_SIZE) == 0 &&
	       strcmp(a->peer_name, b->peer_name) == 0 && a->paired_at_s == b->paired_at_s;
}

static void put(const struct power_cut *disk, const char *name, const void *bytes, size_t length) {
	assert_int_equal(file_replace(file_layer_system(), disk->folder, name, bytes, length), 0);
}

static bool exists(const struct power_cut *disk, const char *name) {
	return faccessat(disk->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_image(void **state) {
	(void)state;
	static const char *const names[] = { "", "phone", "12345678901234567890123456789012" };
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		struct pairing_record record = make_record(3, names[i]), back;
		uint8_t bytes[PAIRING_RECORD_SIZE];
		pairing_record_encode(&record, bytes);
		assert_int_equal(pairing_record_decode(bytes, sizeof(bytes), &back), 0);
		assert_true(same(&record, &back));
		assert_int_equal(pairing_record_decode(bytes, sizeof(bytes) - 1, &back), -EBADMSG);
		/* Every bit is under the checksum. */
		for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
			struct pairing_record untouched = back;
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_equal(pairing_record_decode(bytes, sizeof(bytes), &back), -EBADMSG);
			assert_true(same(&untouched, &back));
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

static void resum(uint8_t *bytes) {
	sha256(bytes, PAIRING_RECORD_SIZE - SHA256_SIZE, bytes + PAIRING_RECORD_SIZE - SHA256_SIZE);
}

/* The checksum is right, the content is not. */
static void test_image_content(void **state) {
	(void)state;
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = { { 0, 'X' }, { 11, 2 }, { 8, 1 }, { 84, 33 }, { 84, 255 } };
	struct pairing_record record = make_record(3, "phone"), back;
	uint8_t bytes[PAIRING_RECORD_SIZE];
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		pairing_record_encode(&record, bytes);
		bytes[rows[i].at] = rows[i].value;
		resum(bytes);
		if (pairing_record_decode(bytes, sizeof(bytes), &back) != -EBADMSG)
			fail_msg("row %zu", i);
	}
	pairing_record_encode(&record, bytes);
	memset(bytes + 12, 0, KEY_SIZE); /* a peer key of low order */
	resum(bytes);
	assert_int_equal(pairing_record_decode(bytes, sizeof(bytes), &back), -EBADMSG);
}

/* Damaged files are named in the log, set aside and never deleted, whatever is wrong with them. */
static void test_damage_is_set_aside(void **state) {
	(void)state;
	static struct power_cut disk;
	struct pairing_record record = make_record(3, "phone"), back;
	uint8_t bytes[PAIRING_RECORD_SIZE + 1] = { 0 };
	static const size_t lengths[] = { 0, 1, PAIRING_RECORD_SIZE - 1, PAIRING_RECORD_SIZE, PAIRING_RECORD_SIZE + 1 };
	power_cut_start(&disk);
	assert_int_equal(pairing_record_load(file_layer_system(), disk.folder, "companion", &back), -ENOENT);
	for (size_t i = 0; i < ELEMENTS(lengths); i++) {
		char aside[32];
		struct captured captured;
		pairing_record_encode(&record, bytes);
		bytes[40] ^= 1;
		put(&disk, "companion", bytes, lengths[i]);
		capture_start(&captured);
		assert_int_equal(pairing_record_load(file_layer_system(), disk.folder, "companion", &back), -EBADMSG);
		const char *logged = capture_end(&captured);
		assert_non_null(strstr(logged, "companion is damaged"));
		assert_non_null(strstr(logged, "[record-corrupt]"));
		snprintf(aside, sizeof(aside), "companion.damaged-%zu", i + 1);
		assert_true(exists(&disk, aside) && !exists(&disk, "companion"));
		assert_int_equal(pairing_record_load(file_layer_system(), disk.folder, "companion", &back), -ENOENT);
	}
	power_cut_end(&disk);
}

static void test_static_keys(void **state) {
	(void)state;
	static struct power_cut disk;
	uint8_t seed = 1, bytes[STATIC_KEYS_FILE_SIZE];
	const struct random_source random = { fill_counting, &seed };
	struct static_keys made, loaded, decoded;
	power_cut_start(&disk);
	assert_int_equal(static_keys_load(file_layer_system(), disk.folder, "static-key", &random, &made), 0);
	assert_true(x25519_key_is_valid(made.public));
	assert_int_equal(static_keys_load(file_layer_system(), disk.folder, "static-key", &random, &loaded), 0);
	assert_memory_equal(&made, &loaded, sizeof(made));
	static_keys_encode(&made, bytes);
	assert_int_equal(static_keys_decode(bytes, sizeof(bytes), &decoded), 0);
	assert_memory_equal(&decoded, &made, sizeof(made));
	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(static_keys_decode(bytes, sizeof(bytes), &decoded), -EBADMSG);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	/* A damaged one is set aside and replaced, and the caller is told. */
	struct captured captured;
	bytes[20] ^= 1;
	put(&disk, "static-key", bytes, sizeof(bytes));
	capture_start(&captured);
	assert_int_equal(static_keys_load(file_layer_system(), disk.folder, "static-key", &random, &loaded), -EBADMSG);
	assert_non_null(strstr(capture_end(&captured), "static-key is damaged"));
	assert_true(exists(&disk, "static-key.damaged-1"));
	assert_memory_not_equal(loaded.public, made.public, KEY_SIZE);
	assert_int_equal(static_keys_load(file_layer_system(), disk.folder, "static-key", &random, &made), 0);
	assert_memory_equal(&made, &loaded, sizeof(made));
	power_cut_end(&disk);
}

static int refuse_rename(void *context, int folder, const char *from, const char *to) {
	(void)context;
	(void)folder;
	(void)from;
	(void)to;
	return -EROFS;
}

/* What cannot be moved away is not written over. */
static void test_damage_that_cannot_be_set_aside(void **state) {
	(void)state;
	static struct power_cut disk;
	uint8_t seed = 1, before[8] = "damaged", after[8];
	size_t length;
	const struct random_source random = { fill_counting, &seed };
	struct static_keys keys;
	struct pairing_record record;
	struct captured captured;
	power_cut_start(&disk);
	struct file_layer layer = *file_layer_system();
	layer.rename = refuse_rename;
	put(&disk, "static-key", before, sizeof(before));
	put(&disk, "companion", before, sizeof(before));
	capture_start(&captured);
	assert_int_equal(static_keys_load(&layer, disk.folder, "static-key", &random, &keys), -EROFS);
	assert_int_equal(pairing_record_load(&layer, disk.folder, "companion", &record), -EBADMSG);
	assert_non_null(strstr(capture_end(&captured), "companion could not be set aside"));
	assert_int_equal(file_read(disk.folder, "static-key", after, sizeof(after), &length), 0);
	assert_memory_equal(before, after, sizeof(after));
	assert_int_equal(file_read(disk.folder, "companion", after, sizeof(after), &length), 0);
	power_cut_end(&disk);
}

static void test_fingerprint(void **state) {
	(void)state;
	/* SHA-256 of 32 zero bytes is 66687aadf862bd776c8fc18b8e9f8e20... */
	const uint8_t key[KEY_SIZE] = { 0 };
	char text[FINGERPRINT_SIZE];
	static_keys_fingerprint(key, text);
	assert_string_equal(text, "6668-7aad-f862-bd77-6c8f-c18b-8e9f-8e20");
}

/* Invariants 2 and 3: power is cut at every step of storing the new record over the old one (or over none). */
static void test_power_cut_while_storing(void **state) {
	(void)state;
	static struct power_cut disk;
	const struct pairing_record old = make_record(1, "old"), fresh = make_record(2, "new");
	unsigned kept = 0, replaced = 0;
	for (unsigned had_old = 0; had_old < 2; had_old++) {
		bool finished = false;
		for (unsigned cut = 1; !finished; cut++) {
			power_cut_start(&disk);
			if (had_old)
				assert_int_equal(pairing_record_store(&disk.layer, disk.folder, "companion", &old), 0);
			power_cut_settle(&disk);
			disk.cut_at = cut;
			finished = pairing_record_store(&disk.layer, disk.folder, "companion", &fresh) == 0;
			for (unsigned i = 0; power_cut_outcome(&disk, i); i++) {
				struct pairing_record found;
				int result = pairing_record_load(file_layer_system(), disk.folder, "companion", &found);
				bool is_old = had_old ? result == 0 && same(&found, &old) : result == -ENOENT;
				bool is_fresh = result == 0 && same(&found, &fresh);
				if (!(is_old || is_fresh) || (finished && !is_fresh))
					fail_msg("cut at step %u, outcome %u: %d", cut, i, result);
				kept += is_old;
				replaced += is_fresh;
			}
			power_cut_end(&disk);
		}
	}
	assert_true(kept > 10 && replaced > 10);
}

/* The same for forgetting it. */
static void test_power_cut_while_removing(void **state) {
	(void)state;
	static struct power_cut disk;
	const struct pairing_record old = make_record(1, "old");
	bool finished = false;
	for (unsigned cut = 1; !finished; cut++) {
		power_cut_start(&disk);
		assert_int_equal(pairing_record_store(&disk.layer, disk.folder, "companion", &old), 0);
		power_cut_settle(&disk);
		disk.cut_at = cut;
		finished = pairing_record_remove(&disk.layer, disk.folder, "companion") == 0;
		for (unsigned i = 0; power_cut_outcome(&disk, i); i++) {
			struct pairing_record found;
			int result = pairing_record_load(file_layer_system(), disk.folder, "companion", &found);
			assert_true(result == -ENOENT || (!finished && result == 0 && same(&found, &old)));
		}
		power_cut_end(&disk);
	}
	power_cut_start(&disk);
	assert_int_equal(pairing_record_remove(&disk.layer, disk.folder, "companion"), 0); /* there was none */
	power_cut_end(&disk);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_image),
		cmocka_unit_test(test_image_content),
		cmocka_unit_test(test_damage_is_set_aside),
		cmocka_unit_test(test_static_keys),
		cmocka_unit_test(test_damage_that_cannot_be_set_aside),
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_power_cut_while_storing),
		cmocka_unit_test(test_power_cut_while_removing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
