#include <sys/stat.h>

#include "tests/unit/base/power_cut.h"

static const char old_content[] = "the old content, which is longer than the new one", new_content[] = "the new content";

static bool holds(const struct power_cut *disk, const char *name, const char *content) {
	char bytes[DISK_CONTENT];
	size_t length;
	return file_read(disk->folder, name, bytes, sizeof(bytes), &length) == 0 && length == strlen(content) &&
	       memcmp(bytes, content, length) == 0;
}

/* Writes the old content, settles, then replaces it. Returns the result of the replacement. */
static int replace(struct power_cut *disk, bool had_old, size_t write_limit, unsigned cut_at, unsigned fail_at, int fail_with) {
	power_cut_start(disk);
	if (had_old)
		assert_int_equal(file_replace(&disk->layer, disk->folder, "x", old_content, strlen(old_content)), 0);
	power_cut_settle(disk);
	disk->write_limit = write_limit;
	disk->cut_at = cut_at;
	disk->fail_at = fail_at;
	disk->fail_with = fail_with;
	return file_replace(&disk->layer, disk->folder, "x", new_content, strlen(new_content));
}

/* Old or new, never half; and new for certain once success was told. */
static void test_power_cut_at_every_step(void **state) {
	(void)state;
	static struct power_cut disk;
	unsigned outcomes = 0, old_seen = 0, new_seen = 0;
	for (unsigned had_old = 0; had_old < 2; had_old++)
		for (size_t limit = 0; limit < 8; limit += 7) {
			bool finished = false;
			for (unsigned cut = 1; !finished; cut++) {
				int result = replace(&disk, had_old, limit, cut, 0, 0);
				finished = result == 0;
				for (unsigned i = 0; power_cut_outcome(&disk, i); i++, outcomes++) {
					bool old = had_old ? holds(&disk, "x", old_content)
					                   : faccessat(disk.folder, "x", F_OK, 0) < 0;
					bool fresh = holds(&disk, "x", new_content);
					if (!(finished ? fresh : old || fresh))
						fail_msg("cut at step %u, outcome %u: neither old nor new", cut, i);
					old_seen += old;
					new_seen += fresh;
				}
				power_cut_end(&disk);
			}
		}
	assert_true(outcomes > 100 && old_seen > 20 && new_seen > 20);
}

/* A failing disk: the old content stays, nothing is left behind, and the error is told. */
static void test_failure_of_every_step(void **state) {
	(void)state;
	static struct power_cut disk;
	static const int errors[] = { ENOSPC, EIO, EROFS };
	for (size_t e = 0; e < ELEMENTS(errors); e++) {
		for (unsigned step = 1;; step++) {
			int result = replace(&disk, true, 7, 0, step, errors[e]);
			unsigned steps = disk.steps;
			power_cut_settle(&disk);
			assert_true(power_cut_outcome(&disk, 0));
			assert_true(faccessat(disk.folder, "x.new", F_OK, 0) < 0);
			bool old = holds(&disk, "x", old_content), fresh = holds(&disk, "x", new_content);
			power_cut_end(&disk);
			if (result == 0) {
				assert_true(fresh && step > 6);
				break;
			}
			assert_int_equal(result, -errors[e]);
			/* Only the sync of the folder comes after the point of no return. */
			assert_true(old || (fresh && step == steps));
		}
	}
	assert_int_equal(replace(&disk, true, 0, 0, 2, EINTR), 0); /* an interrupted write is no failure */
	power_cut_end(&disk);
}

/* The one failure after the point of no return: an error, the new content in sight, and after a power cut one of the two, whole.
 */
static void test_folder_cannot_be_synced(void **state) {
	(void)state;
	static struct power_cut disk;
	unsigned steps, old_seen = 0, new_seen = 0;
	assert_int_equal(replace(&disk, true, 0, 0, 0, 0), 0);
	steps = disk.steps;
	power_cut_end(&disk);
	assert_int_equal(replace(&disk, true, 0, 0, steps, EIO), -EIO);
	for (unsigned i = 0; power_cut_outcome(&disk, i); i++) {
		bool old = holds(&disk, "x", old_content), fresh = holds(&disk, "x", new_content);
		assert_true(old != fresh);
		old_seen += old;
		new_seen += fresh;
	}
	assert_true(old_seen > 0 && new_seen > 0);
	/* Who writes the old content once more has it back for certain. */
	disk.fail_at = 0;
	assert_int_equal(file_replace(&disk.layer, disk.folder, "x", old_content, strlen(old_content)), 0);
	for (unsigned i = 0; power_cut_outcome(&disk, i); i++)
		assert_true(holds(&disk, "x", old_content));
	power_cut_end(&disk);
}

static ssize_t write_nothing(void *context, int file, const void *bytes, size_t length) {
	(void)context;
	(void)file;
	(void)bytes;
	(void)length;
	return 0;
}

static void test_write_of_nothing(void **state) {
	(void)state;
	static struct power_cut disk;
	power_cut_start(&disk);
	disk.layer.write = write_nothing;
	assert_int_equal(file_replace(&disk.layer, disk.folder, "x", "abc", 3), -EIO);
	power_cut_end(&disk);
}

/* Set aside means: under exactly one of its names, whole, after any cut. */
static void test_set_aside(void **state) {
	(void)state;
	static struct power_cut disk;
	bool finished = false;
	for (unsigned cut = 1; !finished; cut++) {
		power_cut_start(&disk);
		assert_int_equal(file_replace(&disk.layer, disk.folder, "x", old_content, strlen(old_content)), 0);
		power_cut_settle(&disk);
		disk.cut_at = cut;
		finished = file_set_aside(&disk.layer, disk.folder, "x") == 0;
		for (unsigned i = 0; power_cut_outcome(&disk, i); i++) {
			bool there = holds(&disk, "x", old_content), aside = holds(&disk, "x.damaged-1", old_content);
			assert_true(there != aside);
			assert_true(aside || !finished);
		}
		power_cut_end(&disk);
	}
}

static void test_on_a_real_disk(void **state) {
	(void)state;
	static struct power_cut disk; /* for its folder */
	power_cut_start(&disk);
	const struct file_layer *layer = file_layer_system();
	char bytes[8];
	size_t length = 77;
	assert_int_equal(file_read(disk.folder, "x", bytes, sizeof(bytes), &length), -ENOENT);
	assert_int_equal(length, 77);
	umask(0);
	assert_int_equal(file_replace(layer, disk.folder, "x", "12345678", 8), 0);
	struct stat status;
	assert_int_equal(fstatat(disk.folder, "x", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(file_read(disk.folder, "x", bytes, sizeof(bytes), &length), 0);
	assert_int_equal(length, 8);
	assert_int_equal(file_read(disk.folder, "x", bytes, 7, &length), -EFBIG);
	/* Never over an earlier one that was set aside. */
	for (unsigned i = 1; i <= 3; i++) {
		char aside[32];
		snprintf(aside, sizeof(aside), "x.damaged-%u", i);
		assert_int_equal(file_replace(layer, disk.folder, "x", aside, strlen(aside)), 0);
		assert_int_equal(file_set_aside(layer, disk.folder, "x"), 0);
	}
	for (unsigned i = 1; i <= 3; i++) {
		char aside[32];
		snprintf(aside, sizeof(aside), "x.damaged-%u", i);
		assert_true(holds(&disk, aside, aside));
	}
	/* A link in our place is not followed: it could lead anywhere. */
	assert_int_equal(symlinkat("/etc/passwd", disk.folder, "link"), 0);
	assert_int_equal(file_read(disk.folder, "link", bytes, sizeof(bytes), &length), -ELOOP);
	assert_int_equal(symlinkat("elsewhere", disk.folder, "y.new"), 0);
	assert_int_equal(file_replace(layer, disk.folder, "y", "a", 1), -ELOOP);
	char name[300];
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(file_replace(layer, disk.folder, name, "a", 1), -ENAMETOOLONG);
	power_cut_end(&disk);
}

static void test_folder_open(void **state) {
	(void)state;
	static struct power_cut disk;
	power_cut_start(&disk);
	char path[64];
	struct stat status;
	snprintf(path, sizeof(path), "%s/state", disk.path);
	for (unsigned i = 0; i < 2; i++) { /* made, then found */
		int folder = folder_open(path);
		assert_true(folder >= 0);
		assert_int_equal(fstat(folder, &status), 0);
		assert_int_equal(status.st_mode & 07777, 0700);
		close(folder);
	}
	snprintf(path, sizeof(path), "%s/no/such", disk.path);
	assert_int_equal(folder_open(path), -ENOENT);
	snprintf(path, sizeof(path), "%s/file", disk.path);
	assert_int_equal(file_replace(file_layer_system(), disk.folder, "file", "a", 1), 0);
	assert_int_equal(folder_open(path), -ENOTDIR);
	power_cut_end(&disk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_cut_at_every_step),
		cmocka_unit_test(test_failure_of_every_step),
		cmocka_unit_test(test_folder_cannot_be_synced),
		cmocka_unit_test(test_write_of_nothing),
		cmocka_unit_test(test_set_aside),
		cmocka_unit_test(test_on_a_real_disk),
		cmocka_unit_test(test_folder_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
