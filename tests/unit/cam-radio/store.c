/* Settings, preferences, keyring, operations, checks of fields: what is read, remembered and judged. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cam-radio/keyring.h"
#include "cam-radio/operations.h"
#include "cam-radio/preferences.h"
#include "cam-radio/settings.h"
#include "crypto/crypto.h"
#include "unit.h"

struct fixture {
	char folder[32];
};

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	strcpy(f->folder, "/tmp/camera-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	char command[64];
	snprintf(command, sizeof(command), "rm -rf %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void write_file(const struct fixture *f, const char *name, const void *bytes, size_t length) {
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(file >= 0);
	assert_int_equal(write(file, bytes, length), length);
	close(file);
}

static bool exists(const struct fixture *f, const char *name) {
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	return access(path, F_OK) == 0;
}

/* --- settings --- */

#define BUTTONS "[buttons]\nevent_device = a\nfunction_device = b\n"
#define SERIAL "[camera]\nserial = X\n"

static const struct {
	const char *text;
	bool good;
} settings_table[] = {
	{ SERIAL BUTTONS, true },
	{ BUTTONS, false },                                                                      /* no serial */
	{ SERIAL, false },                                                                       /* no buttons */
	{ SERIAL "[buttons]\nevent_device = a\n", false },                                       /* half of them */
	{ SERIAL "[buttons]\nevent_device = a\nfunction_device = a\n", true },                   /* one device, two keys */
	{ SERIAL "[buttons]\nevent_device = a\nfunction_device = a\nevent_key = 139\n", false }, /* one device, one key */
	{ SERIAL BUTTONS "event_key = 768\n", false },                                           /* beyond KEY_MAX */
	{ SERIAL BUTTONS "[pairing]\nconfirm = none\n", false },
	{ SERIAL BUTTONS "[pairing]\nconfirm = code\n", true },
	{ SERIAL BUTTONS "[wifi]\nhostapd_control = /x\n", false },
	{ SERIAL BUTTONS "[wifi]\nhostapd_control = /x\nap_interface = wlan0\n", true },
	{ SERIAL BUTTONS "[wifi]\nstation_interface = wlan1\n", false },
	{ SERIAL BUTTONS "[wifi]\nap_frequency = 2438\n", false },
	{ SERIAL BUTTONS "[wifi]\nidle_s = 0\n", false },
	{ SERIAL BUTTONS "[wifi]\nidle_s = 3601\n", false },
	{ SERIAL BUTTONS "[test]\nlink_socket = /x\n", true },
	{ SERIAL "[test]\nlink_socket = /x\nbuttons = /y\n", true },
	{ SERIAL "[test]\nbuttons = /y\n", false },                           /* not without the test link */
	{ SERIAL BUTTONS "[test]\nlink_socket = /x\nbuttons = /y\n", false }, /* either or */
	{ "[camera]\nserial = X\nadapter = hci0\n" BUTTONS "[test]\nlink_socket = /x\n", false },
	{ SERIAL BUTTONS "[wifi]\nhostapd_control = /x\nap_interface = w\n[test]\nlink_socket = /x\n", false },
	{ SERIAL BUTTONS "[test]\nepoch_s = 0\n", false },
	{ SERIAL BUTTONS "[signal]\nenabled = yes\n", false }, /* no keys */
	{ SERIAL BUTTONS "[signal]\nenabled = yes\nkeys = /x\nauth = keys\n", true },
	{ SERIAL BUTTONS "[signal]\nenabled = yes\nauth = legacy\n", true },
	{ SERIAL BUTTONS "[signal]\nauth = legacy\n", false },
	{ SERIAL BUTTONS "[signal]\nenabled = yes\nkeys = /x\nauth = none\n", false },
	{ SERIAL BUTTONS "[policy]\nclok = yes\n", false },
	{ "[camera]\nserial = 123456789012345678901234567890123\n" BUTTONS, false }, /* 33 bytes */
};

static void test_settings(void **state) {
	struct fixture *f = *state;
	char path[64];
	snprintf(path, sizeof(path), "%s/conf", f->folder);
	for (size_t i = 0; i < ELEMENTS(settings_table); i++) {
		struct settings settings;
		memset(&settings, 0x55, sizeof(settings));
		write_file(f, "conf", settings_table[i].text, strlen(settings_table[i].text));
		int result = settings_read(&settings, path);
		if (result != (settings_table[i].good ? 0 : -EINVAL))
			fail_msg("%s: %d", settings_table[i].text, result);
		if (result < 0)
			assert_int_equal(settings.serial[0], 0x55); /* untouched */
	}
	struct settings settings;
	assert_int_equal(settings_read(&settings, "/nowhere"), -ENOENT);
	write_file(f, "conf", SERIAL BUTTONS, strlen(SERIAL BUTTONS));
	assert_int_equal(settings_read(&settings, path), 0);
	assert_string_equal(settings.adapter, "hci0");
	assert_false(settings.may_set_clock || settings.may_stop_recording || settings.may_set_video_height);
	assert_false(settings.signal_enabled || settings.signal_legacy);
	assert_int_equal(settings.idle_s, 60);
}

/* --- preferences --- */

static void test_preferences(void **state) {
	struct fixture *f = *state;
	int folder = open(f->folder, O_RDONLY | O_DIRECTORY);
	struct preferences p = { 0 };
	preferences_load(&p, file_layer_system(), folder);
	assert_true(p.indicator_lights && p.sounds);
	for (unsigned bits = 0; bits < 4; bits++) {
		struct preferences stored = { .indicator_lights = bits & 1, .sounds = bits & 2 };
		assert_int_equal(preferences_store(&stored, file_layer_system(), folder), 0);
		preferences_load(&p, file_layer_system(), folder);
		assert_int_equal(p.indicator_lights, stored.indicator_lights);
		assert_int_equal(p.sounds, stored.sounds);
	}
	/* Damaged in each way: set aside, everything on. */
	static const struct {
		const char *bytes;
		size_t length;
	} damaged[] = {
		{ "", 0 },           { "LYpf", 4 },       { "LYpf\1\1", 6 },   { "LYpf\1\1\1\1", 8 },
		{ "LYpf\2\1\1", 7 }, { "LYpf\1\2\1", 7 }, { "lypf\1\1\1", 7 },
	};
	for (size_t i = 0; i < ELEMENTS(damaged); i++) {
		char aside[32];
		write_file(f, "preferences", damaged[i].bytes, damaged[i].length);
		p = (struct preferences){ 0 };
		preferences_load(&p, file_layer_system(), folder);
		assert_true(p.indicator_lights && p.sounds);
		assert_false(exists(f, "preferences"));
		snprintf(aside, sizeof(aside), "preferences.damaged-%zu", i + 1);
		assert_true(exists(f, aside));
	}
	close(folder);
}

/* --- keyring --- */

static struct pairing_record some_record(const char *name) {
	struct pairing_record record = { .paired_at_s = 0 };
	struct static_keys keys;
	static_keys_make(&keys, random_system());
	memcpy(record.peer_key, keys.public, KEY_SIZE);
	random_system()->fill(random_system()->context, record.secret, KEY_SIZE);
	snprintf(record.peer_name, sizeof(record.peer_name), "%s", name);
	return record;
}

static void test_keyring(void **state) {
	struct fixture *f = *state;
	struct keyring *keyring;
	assert_int_equal(keyring_open(&keyring, f->folder, file_layer_system(), random_system()), 0);
	assert_null(keyring_companion(keyring));
	uint8_t key[KEY_SIZE];
	memcpy(key, keyring_keys(keyring)->public, KEY_SIZE);
	struct pairing_record one = some_record("one"), two = some_record("two");
	assert_int_equal(keyring_pair(keyring, &one), 0);
	assert_string_equal(keyring_companion(keyring)->peer_name, "one");
	assert_true(keyring_companion(keyring)->paired_at_s > 0);
	assert_int_equal(keyring_pair(keyring, &two), 0);
	keyring_free(keyring);

	/* A restart finds the same, and exactly one companion. */
	assert_int_equal(keyring_open(&keyring, f->folder, file_layer_system(), random_system()), 0);
	assert_memory_equal(keyring_keys(keyring)->public, key, KEY_SIZE);
	assert_memory_equal(keyring_companion(keyring)->secret, two.secret, KEY_SIZE);
	assert_int_equal(keyring_forget(keyring), 0);
	assert_null(keyring_companion(keyring));
	assert_int_equal(keyring_forget(keyring), 0);
	keyring_free(keyring);
	assert_int_equal(keyring_open(&keyring, f->folder, file_layer_system(), random_system()), 0);
	assert_null(keyring_companion(keyring));
	keyring_free(keyring);
}

static int no_space(void *context, int folder, const char *name, int flags, mode_t mode) {
	(void)context, (void)folder, (void)name, (void)flags, (void)mode;
	return -ENOSPC;
}

static void test_keyring_keeps_old_on_failure(void **state) {
	struct fixture *f = *state;
	struct file_layer layer = *file_layer_system();
	struct keyring *keyring;
	assert_int_equal(keyring_open(&keyring, f->folder, &layer, random_system()), 0);
	struct pairing_record one = some_record("one"), two = some_record("two");
	assert_int_equal(keyring_pair(keyring, &one), 0);
	layer.open = no_space;
	assert_int_equal(keyring_pair(keyring, &two), -ENOSPC);
	assert_string_equal(keyring_companion(keyring)->peer_name, "one");
	keyring_free(keyring);
	assert_int_equal(keyring_open(&keyring, f->folder, file_layer_system(), random_system()), 0);
	assert_memory_equal(keyring_companion(keyring)->secret, one.secret, KEY_SIZE);
	keyring_free(keyring);
}

/* A folder that cannot be synced: once, or from now on. */
struct bad_folder {
	unsigned failures;
};

static int sync_badly(void *context, int file) {
	struct bad_folder *bad = context;
	struct stat status;
	assert_int_equal(fstat(file, &status), 0);
	if (S_ISDIR(status.st_mode) && bad->failures > 0) {
		bad->failures--;
		return -EIO;
	}
	return 0;
}

/* The new record was in sight when the sync failed. Whoever starts next must find what the camera goes on with. */
static void test_keyring_folder_cannot_be_synced(void **state) {
	struct fixture *f = *state;
	struct file_layer layer = *file_layer_system();
	struct bad_folder bad = { .failures = 0 };
	struct keyring *keyring, *next;
	struct pairing_record one = some_record("one"), two = some_record("two");
	layer.sync = sync_badly;
	layer.context = &bad;
	assert_int_equal(keyring_open(&keyring, f->folder, &layer, random_system()), 0);
	for (unsigned paired = 0; paired < 2; paired++) {
		if (paired)
			assert_int_equal(keyring_pair(keyring, &one), 0);
		for (unsigned forget = 0; forget < 1 + paired; forget++) {
			bad.failures = 1;
			assert_int_equal(forget ? keyring_forget(keyring) : keyring_pair(keyring, &two), -EIO);
			assert_int_equal(bad.failures, 0);
			assert_int_equal(keyring_open(&next, f->folder, file_layer_system(), random_system()), 0);
			assert_true((keyring_companion(keyring) != NULL) == paired &&
			            (keyring_companion(next) != NULL) == paired);
			if (paired)
				assert_memory_equal(keyring_companion(keyring), keyring_companion(next), sizeof(one));
			if (paired)
				assert_memory_equal(keyring_companion(next)->secret, one.secret, KEY_SIZE);
			keyring_free(next);
		}
	}
	/* It stays broken: an error still, and the same in memory. */
	bad.failures = 100;
	assert_int_equal(keyring_pair(keyring, &two), -EIO);
	assert_memory_equal(keyring_companion(keyring)->secret, one.secret, KEY_SIZE);
	keyring_free(keyring);
}

static void test_keyring_damaged(void **state) {
	struct fixture *f = *state;
	struct keyring *keyring;
	assert_int_equal(keyring_open(&keyring, f->folder, file_layer_system(), random_system()), 0);
	struct pairing_record one = some_record("one");
	assert_int_equal(keyring_pair(keyring, &one), 0);
	keyring_free(keyring);
	/* The companion's record: set aside, the camera has none and its own keys stay. */
	write_file(f, "companion", "garbage", 7);
	assert_int_equal(keyring_open(&keyring, f->folder, file_layer_system(), random_system()), 0);
	assert_null(keyring_companion(keyring));
	assert_true(exists(f, "companion.damaged-1"));
	uint8_t key[KEY_SIZE];
	memcpy(key, keyring_keys(keyring)->public, KEY_SIZE);
	assert_int_equal(keyring_pair(keyring, &one), 0);
	keyring_free(keyring);
	/* The own keys: new ones, and the companion, who knows the old, is set aside with them. */
	write_file(f, "static-key", "garbage", 7);
	assert_int_equal(keyring_open(&keyring, f->folder, file_layer_system(), random_system()), 0);
	assert_memory_not_equal(keyring_keys(keyring)->public, key, KEY_SIZE);
	assert_null(keyring_companion(keyring));
	assert_true(exists(f, "static-key.damaged-1"));
	assert_true(exists(f, "companion.damaged-2"));
	keyring_free(keyring);
}

/* --- operations --- */

static void test_operations(void **state) {
	(void)state;
	static struct operations operations;
	uint8_t id[OPERATION_SIZE] = { 0 };
	assert_null(operations_find(&operations, id)); /* an empty slot is not the operation of all zeros */
	lanyard_Response tag = { .which_body = lanyard_Response_tag_tag, .body.tag = { .id = "x", .revision = 3, .time_us = 9 } };
	for (unsigned i = 0; i < OPERATIONS_REMEMBERED + 1; i++) {
		id[0] = (uint8_t)i;
		tag.body.tag.revision = i;
		operations_remember(&operations, id, lanyard_Request_tag_tag, &tag);
	}
	id[0] = 0; /* the oldest is forgotten */
	assert_null(operations_find(&operations, id));
	for (unsigned i = 1; i < OPERATIONS_REMEMBERED + 1; i++) {
		lanyard_Response again = lanyard_Response_init_zero;
		id[0] = (uint8_t)i;
		const struct operation_result *result = operations_find(&operations, id);
		assert_non_null(result);
		operation_result_fill(result, &again);
		assert_int_equal(again.which_body, lanyard_Response_tag_tag);
		assert_int_equal(again.body.tag.revision, i);
	}
	id[1] = 1;
	operations_remember(&operations, id, lanyard_Request_record_tag, NULL);
	assert_int_equal(operations_find(&operations, id)->response, 0);
}

/* --- fields --- */

static void test_fields(void **state) {
	(void)state;
	assert_true(field_is_id("0123456789abcdef0123456789abcdef"));
	assert_false(field_is_id("0123456789abcdef0123456789abcde"));
	assert_false(field_is_id("0123456789abcdef0123456789abcdef0"));
	assert_false(field_is_id("0123456789ABCDEF0123456789ABCDEF"));
	assert_false(field_is_id("../../../../../../../etc/passwd0"));
	assert_false(field_is_id(""));

	static const struct {
		const char *text;
		bool plain, lines;
	} texts[] = {
		{ "", true, true },
		{ "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x93\xb7", true, true },
		{ "two\nlines\tand more", false, true },
		{ "bell\a", false, false },
		{ "del\x7f", false, false },
		{ "\xc3", false, false },                 /* cut off */
		{ "\xe2\x82", false, false },             /* cut off */
		{ "\xc3(", false, false },                /* no continuation */
		{ "\x80", false, false },                 /* continuation alone */
		{ "\xc0\x80", false, false },             /* longer than needed: zero */
		{ "\xe0\x80\xaf", false, false },         /* longer than needed: slash */
		{ "\xed\xa0\x80", false, false },         /* surrogate */
		{ "\xf4\x90\x80\x80", false, false },     /* beyond U+10FFFF */
		{ "\xf8\x88\x80\x80\x80", false, false }, /* five bytes */
		{ "\xff", false, false },
	};
	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		if (field_is_text(texts[i].text, false) != texts[i].plain || field_is_text(texts[i].text, true) != texts[i].lines)
			fail_msg("text %zu", i);
	}
	assert_true(field_is_position(900000000, -1800000000));
	assert_false(field_is_position(900000001, 0));
	assert_false(field_is_position(0, -1800000001));
	assert_false(field_is_position(INT32_MIN, INT32_MAX));
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_settings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_preferences, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keyring, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keyring_keeps_old_on_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keyring_folder_cannot_be_synced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keyring_damaged, setup, teardown),
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
