/* The recorder as a daemon, with its real pipeline, on a private bus: what a camera daemon, a full disk, a lost bus and a power
 * cut see of it. The tests of one recording share one daemon, which runs on from one to the next: starting it is what takes the
 * time. */
#include "tests/unit/cam-recorder/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <gst/gst.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "cam-recorder/clock.h"
#include "footage/mp4.h"
#include "footage/store.h"

/* A fragment that is being gathered, one whose last chunk was not whole, and what a loaded machine is behind. */
#define LOSS_LIMIT_MS 3000

static struct daemon d;
static char recorded[33]; /* the recording that the first test makes */
static char damaged[33];  /* one whose metadata gets damaged */
static uint8_t whole[8 * 1024 * 1024];
static size_t whole_length;

/* Pictures of the first `length` bytes of `whole` that a decoder gets out of them. */
static unsigned decode(size_t length) {
	char path[128], text[512];
	snprintf(path, sizeof(path), "%s/decoded.mp4", d.folder.path);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(whole, 1, length, file), length);
	fclose(file);
	snprintf(text, sizeof(text),
	         "filesrc location=%s ! qtdemux name=demux demux.video_0 ! h264parse ! openh264dec ! fakesink name=pictures "
	         "async=false demux.audio_0 ! fakesink async=false",
	         path);
	GstElement *pipeline = gst_parse_launch(text, NULL);
	assert_non_null(pipeline);
	GstBus *bus = gst_element_get_bus(pipeline);
	gst_element_set_state(pipeline, GST_STATE_PLAYING);
	GstMessage *message =
	        gst_bus_timed_pop_filtered(bus, PATIENCE_MS * GST_MSECOND, (GstMessageType)(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
	assert_non_null(message);
	assert_int_equal(GST_MESSAGE_TYPE(message), GST_MESSAGE_EOS);
	GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "pictures");
	GstStructure *stats = NULL;
	guint64 rendered = 0;
	g_object_get(sink, "stats", &stats, NULL);
	assert_true(gst_structure_get_uint64(stats, "rendered", &rendered));
	gst_structure_free(stats);
	gst_object_unref(sink);
	gst_message_unref(message);
	gst_element_set_state(pipeline, GST_STATE_NULL);
	gst_object_unref(bus);
	gst_object_unref(pipeline);
	unlink(path);
	return (unsigned)rendered;
}

/* The index at the end names the fragments: every entry is the offset of a moof. */
static unsigned check_index(void) {
	struct reader tail = reader_over(whole + whole_length - 4, 4);
	uint32_t size = reader_u32(&tail);
	assert_true(size < whole_length);
	struct reader r = reader_over(whole + whole_length - size, size);
	reader_take(&r, 4);
	assert_memory_equal(reader_take(&r, 4), "mfra", 4);
	reader_take(&r, 8 + 4 + 4 + 4);
	uint32_t count = reader_u32(&r);
	for (uint32_t i = 0; i < count; i++) {
		reader_u64(&r);
		uint64_t offset = reader_u64(&r);
		assert_true(offset + 8 < whole_length);
		assert_memory_equal(whole + offset + 4, "moof", 4);
		reader_take(&r, 3);
	}
	assert_false(r.failed);
	return count;
}

static void test_recording(void **state) {
	(void)state;
	char again[33];
	struct details details;
	uint8_t hash[SHA256_SIZE];
	assert_string_equal(daemon_call_start(&d, "", recorded), "RequestInvalid");
	assert_string_equal(daemon_call_start(&d, "signal:light-bar", recorded), "");
	assert_true(daemon_state_is(&d, "event"));
	assert_string_equal(daemon_call_start(&d, "manual", again), "");
	assert_string_equal(recorded, again); /* already in EVENT */
	WAIT_FOR(daemon_duration(&d, recorded) >= 2500);
	assert_string_equal(daemon_call_stop(&d), "");
	assert_true(daemon_state_is(&d, "buffering"));
	WAIT_FOR(!daemon_is(&d, recorded, "active"));
	assert_true(daemon_get(&d, recorded, &details));
	assert_string_equal(details.state, "complete");
	assert_string_equal(details.reason, "signal:light-bar");
	assert_true(details.duration_ms >= 2500);
	assert_int_equal(details.sha256_length, SHA256_SIZE);
	assert_true(details.thumbnail_size > 100 && details.thumbnail_size <= 4096);

	whole_length = daemon_read_range(&d, recorded, 0, 0, whole, sizeof(whole));
	assert_int_equal(whole_length, details.size);
	sha256(whole, whole_length, hash);
	assert_memory_equal(hash, details.sha256, SHA256_SIZE);

	/* It is what it says: as long, with that many pictures, and found by its index. */
	struct mp4_scan *scan;
	assert_int_equal(mp4_scan_new(&scan), 0);
	mp4_scan_feed(scan, whole, whole_length);
	assert_in_range(mp4_scan_duration_ms(scan), details.duration_ms - 1, details.duration_ms + 1);
	mp4_scan_free(scan);
	assert_in_range(check_index(), details.duration_ms / 1000, details.duration_ms / 1000 + 1);
	assert_in_range(decode(whole_length), details.duration_ms / 100 - 1, details.duration_ms / 100 + 1);
	/* And so is what a power cut leaves of it. */
	assert_true(decode(whole_length * 2 / 3) >= details.duration_ms / 100 / 3);
}

static void test_ranges(void **state) {
	(void)state;
	static uint8_t part[65536];
	int file;
	uint64_t total;
	for (uint32_t seed = 7, i = 0; i < 40; i++) {
		seed = seed * 1664525 + 1013904223;
		size_t offset = seed % whole_length;
		seed = seed * 1664525 + 1013904223;
		size_t length = seed % sizeof(part) + 1, there = whole_length - offset < length ? whole_length - offset : length;
		assert_int_equal(daemon_read_range(&d, recorded, offset, length, part, sizeof(part)), there);
		assert_memory_equal(part, whole + offset, there);
	}
	assert_int_equal(daemon_read_range(&d, recorded, whole_length, 0, part, sizeof(part)), 0);
	assert_string_equal(daemon_call_open_range(&d, recorded, whole_length + 1, 0, &file, &total), "RequestInvalid");
	assert_string_equal(daemon_call_open_range(&d, "../storage.key", 0, 0, &file, &total), "NotFound");
	struct details details;
	assert_false(daemon_get(&d, "../storage.key", &details));
	/* Readers that never read: each holds a place, one more is refused, and they hold up nobody else's. */
	int idle[32];
	for (size_t i = 0; i < ELEMENTS(idle); i++)
		assert_string_equal(daemon_call_open_range(&d, recorded, 0, 0, &idle[i], &total), "");
	/* All of it may fit into the pipes, and then the recorder is done with them. */
	const char *error = daemon_call_open_range(&d, recorded, 0, 0, &file, &total);
	if (*error == '\0')
		close(file);
	else
		assert_string_equal(error, "Busy");
	for (size_t i = 0; i < ELEMENTS(idle); i++)
		close(idle[i]);
	WAIT_FOR(*daemon_call_open_range(&d, recorded, 0, 0, &file, &total) == '\0');
	close(file);
}

static void test_tags(void **state) {
	(void)state;
	uint32_t revision;
	struct details details;
	assert_string_equal(daemon_call_set_tag(&d, recorded, 1, "first", &revision), "");
	assert_int_equal(revision, 1);
	assert_string_equal(daemon_call_set_tag(&d, recorded, 2, "second", &revision), "");
	assert_int_equal(revision, 2);
	assert_string_equal(daemon_call_set_tag(&d, recorded, 1, "first", &revision), ""); /* its answer was lost */
	assert_int_equal(revision, 1);
	assert_string_equal(
	        daemon_call_set_tag(&d, recorded, 3, "a category of more than the forty-eight bytes allowed", &revision),
	        "RequestInvalid");
	assert_string_equal(daemon_call_set_tag(&d, "00000000000000000000000000000000", 4, "x", &revision), "NotFound");
	assert_true(daemon_get(&d, recorded, &details));
	assert_string_equal(details.category, "second");
	assert_int_equal(details.revision, 2);
}

/* A live viewer gets an initialization segment and then fragments; one that does not read holds nothing up; there are four
 * places. */
static void test_preview(void **state) {
	(void)state;
	uint8_t bytes[16384];
	int file, idle[3], none;
	size_t total = 0;
	bool fragment = false;
	for (size_t i = 0; i < ELEMENTS(idle); i++)
		assert_string_equal(daemon_call_open_preview(&d, &idle[i]), "");
	assert_string_equal(daemon_call_open_preview(&d, &file), "");
	assert_string_equal(daemon_call_open_preview(&d, &none), "Busy");
	while (!fragment) {
		ssize_t got = read(file, bytes + total, sizeof(bytes) - total);
		assert_true(got > 0);
		total += (size_t)got;
		for (size_t i = 0; i + 4 <= total && !fragment; i++)
			fragment = memcmp(bytes + i, "moof", 4) == 0;
		assert_true(fragment || total < sizeof(bytes));
	}
	assert_memory_equal(bytes + 4, "ftyp", 4);
	close(file);
	for (size_t i = 0; i < ELEMENTS(idle); i++)
		close(idle[i]);
	WAIT_FOR(*daemon_call_open_preview(&d, &file) == '\0'); /* those who left have made room */
	close(file);
}

/* A recording begins before the press: by the pre-event second, and by what there is up to the key frame before. */
static void test_pre_event(void **state) {
	(void)state;
	char id[33];
	struct details details;
	/* The recording before was longer than that: its frames are in the buffer. */
	uint64_t pressed_us = utc_us();
	assert_string_equal(daemon_call_start(&d, "manual", id), "");
	assert_true(daemon_get(&d, id, &details));
	assert_true(details.started_us < pressed_us);
	assert_in_range(pressed_us - details.started_us, 1000000, 4000000);
	assert_string_equal(daemon_call_stop(&d), ""); /* a press that is taken back: what was before it is kept */
	WAIT_FOR(daemon_is(&d, id, "complete"));
	assert_true(daemon_duration(&d, id) >= 1000);
}

/* The bus goes and comes back: the same recording goes on. */
static void test_lost_bus(void **state) {
	(void)state;
	char id[33], again[33];
	assert_string_equal(daemon_call_start(&d, "manual", id), "");
	WAIT_FOR(daemon_duration(&d, id) >= 1000);
	daemon_kill_bus(&d);
	daemon_start_bus(&d);
	WAIT_FOR(daemon_state_is(&d, "event"));
	assert_string_equal(daemon_call_start(&d, "manual", again), "");
	assert_string_equal(id, again);
	uint32_t before = daemon_duration(&d, id);
	WAIT_FOR(daemon_duration(&d, id) > before);
	assert_string_equal(daemon_call_stop(&d), "");
	WAIT_FOR(daemon_is(&d, id, "complete"));
}

static bool has_detail(const struct recording_detail *details, size_t count, const char *key, const char *value) {
	for (size_t i = 0; i < count; i++)
		if (strcmp(details[i].key, key) == 0 && strcmp(details[i].value, value) == 0)
			return true;
	return false;
}

/* Each method, with what it does not take: the wrong type, more details than it has room for, what is no text. */
static void ask_nonsense(const char *id) {
	static const char *const members[] = {
		"Start", "Stop", "List", "Get", "GetThumbnail", "SetTag", "AddDetails", "OpenRange"
	};
	sd_bus_message *message;
	for (size_t i = 0; i < ELEMENTS(members); i++)
		assert_true(sd_bus_call_method(d.bus, RECORDER_NAME, RECORDER_PATH, RECORDER_INTERFACE, members[i], NULL, NULL,
		                               "a(v)", 1, "ay", 3, 1, 2, 3) < 0);
	assert_true(sd_bus_call_method(d.bus, RECORDER_NAME, RECORDER_PATH, RECORDER_INTERFACE, "AddDetails", NULL, NULL,
	                               "sa{sv}", id, 1, "Note", "ay", 3, 1, 2, 3) < 0);
	assert_true(sd_bus_message_new_method_call(d.bus, &message, RECORDER_NAME, RECORDER_PATH, RECORDER_INTERFACE,
	                                           "AddDetails") >= 0);
	assert_true(sd_bus_message_append(message, "s", id) >= 0);
	assert_true(sd_bus_message_open_container(message, 'a', "{sv}") >= 0);
	for (size_t i = 0; i < 1000; i++)
		assert_true(sd_bus_message_append(message, "{sv}", "Note", "s", "one of many") >= 0);
	assert_true(sd_bus_message_close_container(message) >= 0);
	assert_true(sd_bus_call(d.bus, message, 0, NULL, NULL) < 0);
	sd_bus_message_unref(message);
}

/* Where a file of the recording belongs is a folder: the disk refuses it, and nothing else. */
static void refuse_file(const char *id, const char *suffix, bool refuse) {
	char name[64];
	snprintf(name, sizeof(name), "%s%s", id, suffix);
	if (refuse) {
		unlink(daemon_path(&d, name));
		assert_int_equal(mkdir(daemon_path(&d, name), 0700), 0);
	} else {
		assert_int_equal(rmdir(daemon_path(&d, name)), 0);
	}
}

/* A recording goes on whatever is asked meanwhile, and whatever the disk refuses beside it. What was acknowledged is written as
 * soon as it can be. */
static void test_goes_on(void **state) {
	(void)state;
	char id[33];
	uint32_t revision, before;
	struct keystore *keystore;
	struct store *store;
	struct recording_detail *details;
	size_t count;
	assert_string_equal(daemon_call_start(&d, "manual", id), "");
	ask_nonsense(id);
	refuse_file(id, ".tags", true);
	refuse_file(id, ".details", true);
	assert_string_equal(daemon_call_set_tag(&d, id, 1, "refused", &revision), "Internal");
	assert_string_equal(daemon_call_add_details(&d, id, "kept", 1), "");
	assert_string_equal(daemon_call_add_details(&d, recorded, "of another", 1), "");
	before = daemon_duration(&d, id);
	WAIT_FOR(daemon_duration(&d, id) > before + 1000);
	refuse_file(id, ".tags", false);
	refuse_file(id, ".details", false);
	assert_string_equal(daemon_call_set_tag(&d, id, 1, "taken", &revision), "");
	assert_int_equal(revision, 1);
	assert_string_equal(daemon_call_stop(&d), "");
	WAIT_FOR(daemon_is(&d, id, "complete"));
	int folder = folder_open(d.state);
	assert_int_equal(keystore_open_file_to_read(&keystore, folder, "storage.key"), 0);
	assert_int_equal(store_open_to_read(&store, folder, keystore), 0);
	assert_int_equal(store_verify(store, id), 0);
	assert_int_equal(store_get_details(store, id, &details, &count), 0);
	assert_true(has_detail(details, count, "Who", "test"));
	assert_true(has_detail(details, count, "Note", "kept"));
	assert_true(has_detail(details, count, "EndedBecause", "manual"));
	assert_false(has_detail(details, count, "Note", "one of many"));
	free(details);
	store_free(store);
	keystore_free(keystore);
	close(folder);
}

/* The recorder is killed in the middle of a recording, at a bit rate that takes five seconds for 64 KiB: after a restart the
 * recording is there, cut short, as long as it says, readable to its end, and can be tagged; what it lost is a matter of seconds.
 */
static void test_killed(void **state) {
	(void)state;
	char id[33];
	struct details details;
	uint32_t revision;
	assert_string_equal(daemon_call_start(&d, "manual", id), "");
	WAIT_FOR(daemon_duration(&d, id) >= 7000);
	uint32_t before = daemon_duration(&d, id);
	daemon_end(&d, SIGKILL);
	assert_true(daemon_start(&d, ""));
	assert_true(daemon_get(&d, id, &details));
	assert_string_equal(details.state, "cut-short");
	assert_int_equal(details.sha256_length, 0);
	assert_true(details.size > 0 && details.size % CONTAINER_CHUNK_SIZE == 0);
	if (details.duration_ms + LOSS_LIMIT_MS < before)
		fail_msg("%u of %u ms are lost", before - details.duration_ms, before);
	whole_length = daemon_read_range(&d, id, 0, 0, whole, sizeof(whole));
	assert_int_equal(whole_length, details.size);
	struct mp4_scan *scan;
	assert_int_equal(mp4_scan_new(&scan), 0);
	mp4_scan_feed(scan, whole, whole_length);
	assert_int_equal(mp4_scan_duration_ms(scan), details.duration_ms);
	mp4_scan_free(scan);
	/* Its whole fragments, and pictures of the one that was cut. */
	assert_in_range(decode(whole_length), details.duration_ms / 100 - 1, details.duration_ms / 100 + 20);
	assert_string_equal(daemon_call_set_tag(&d, id, 9, "after", &revision), "");
	daemon_end(&d, SIGKILL);
	assert_true(daemon_start(&d, ""));
	assert_true(daemon_get(&d, id, &details));
	assert_string_equal(details.category, "after");
	assert_string_equal(details.state, "cut-short");
}

/* From the next recording on, and still after a restart. */
static void test_height(void **state) {
	(void)state;
	assert_int_equal(daemon_height(&d), 96);
	assert_string_equal(daemon_call_set_height(&d, 100), "RequestInvalid");
	assert_string_equal(daemon_call_set_height(&d, 480), "");
	assert_int_equal(daemon_height(&d), 480);
	WAIT_FOR(daemon_state_is(&d, "buffering"));
}

/* SIGTERM in the middle of a recording ends it whole. Then the folder is read as the command line reads it. */
static void test_ended_by_signal(void **state) {
	(void)state;
	char id[33];
	struct keystore *keystore;
	struct store *store;
	struct recording_detail *details;
	size_t count;
	assert_string_equal(daemon_call_start(&d, "manual", id), "");
	assert_string_equal(daemon_call_add_details(&d, id, "of the one in progress", -335000000), "");
	assert_string_equal(daemon_call_add_details(&d, recorded, "later", 1), "");
	assert_string_equal(daemon_call_add_details(&d, "00000000000000000000000000000000", "x", 1), "NotFound");
	WAIT_FOR(daemon_duration(&d, id) >= 1000);
	daemon_end(&d, SIGTERM);
	memcpy(damaged, id, sizeof(damaged));
	int folder = folder_open(d.state);
	assert_int_equal(keystore_open_file_to_read(&keystore, folder, "storage.key"), 0);
	assert_int_equal(store_open_to_read(&store, folder, keystore), 0);
	store_list(store, &count);
	assert_int_equal(count, 6);
	const struct recording *r = store_find(store, id);
	assert_int_equal(r->state, RECORDING_STATE_COMPLETE);
	assert_true(r->duration_ms >= 1000);
	assert_int_equal(store_verify(store, id), 0);
	assert_int_equal(store_get_details(store, id, &details, &count), 0);
	assert_true(has_detail(details, count, "Who", "test"));
	assert_true(has_detail(details, count, "Level", "-3"));
	assert_true(has_detail(details, count, "EndedBecause", "shut-down"));
	assert_true(has_detail(details, count, "Note", "of the one in progress"));
	assert_true(has_detail(details, count, "LatitudeE7", "-335000000"));
	free(details);
	assert_int_equal(store_get_details(store, recorded, &details, &count), 0);
	assert_true(has_detail(details, count, "EndedBecause", "manual"));
	assert_true(has_detail(details, count, "Note", "later"));
	free(details);
	assert_string_equal(store_find(store, recorded)->tag.category, "second"); /* before two restarts */
	store_free(store);
	keystore_free(keystore);
	close(folder);
}

/* Writes into the recorder's disk until no byte more fits. */
static void fill_disk(void) {
	static const uint8_t zeros[65536];
	int file = open(daemon_path(&d, "filler"), O_WRONLY | O_CREAT | O_APPEND, 0600);
	assert_true(file >= 0);
	for (size_t size = sizeof(zeros); size > 0; size /= 2)
		while (write(file, zeros, size) > 0)
			;
	assert_int_equal(errno, ENOSPC);
	close(file);
}

static unsigned count_files(const char *part) {
	unsigned count = 0;
	DIR *directory = opendir(daemon_path(&d, "."));
	assert_non_null(directory);
	for (struct dirent *entry; (entry = readdir(directory));)
		count += strstr(entry->d_name, part) != NULL;
	closedir(directory);
	return count;
}

/* A disk with a megabyte above the reserve: the recording ends whole while there is still room for a tag; then none begins. When
 * the reserve is used up too, a tag is refused with the reason, and the one before stands. */
static void test_disk_full(void **state) {
	(void)state;
	char id[33], none[33];
	uint32_t revision;
	struct details details;
	d.disk_kib = 3072;
	bool disk = daemon_start(&d, "[storage]\nreserve_mib = 2\n");
	d.disk_kib = 0;
	if (!disk)
		skip();
	assert_string_equal(daemon_call_start(&d, "manual", id), "");
	WAIT_FOR(daemon_size(&d, id) > 0);
	int filler = open(daemon_path(&d, "reserved"), O_WRONLY | O_CREAT, 0600);
	assert_int_equal(posix_fallocate(filler, 0, 1024 * 1024), 0);
	close(filler);
	WAIT_FOR(!daemon_is(&d, id, "active"));
	assert_true(daemon_is(&d, id, "complete"));
	WAIT_FOR(daemon_state_is(&d, "buffering"));
	assert_string_equal(daemon_call_start(&d, "manual", none), "DiskFull");
	assert_string_equal(daemon_call_set_tag(&d, id, 1, "still room", &revision), "");
	fill_disk();
	unsigned files = count_files("");
	assert_string_equal(daemon_call_set_tag(&d, id, 2, "no room", &revision), "DiskFull");
	assert_int_equal(count_files(""), files); /* nothing is left behind */
	assert_true(daemon_get(&d, id, &details));
	assert_string_equal(details.category, "still room");
	assert_int_equal(details.revision, 1);
	assert_int_equal(unlink(daemon_path(&d, "filler")), 0);
	assert_string_equal(daemon_call_set_tag(&d, id, 2, "no room", &revision), "");
	assert_int_equal(revision, 2);
	assert_int_equal(unlink(daemon_path(&d, "reserved")), 0);
	assert_string_equal(daemon_call_start(&d, "manual", id), "");
	WAIT_FOR(daemon_duration(&d, id) >= 3000);
	fill_disk(); /* at once, and the reserve with it: what is on the disk by then stays */
	WAIT_FOR(!daemon_is(&d, id, "active"));
	assert_true(daemon_get(&d, id, &details));
	assert_true(details.size > 0);
	size_t length = daemon_read_range(&d, id, 0, 0, whole, sizeof(whole));
	assert_int_equal(length, details.size);
	daemon_end(&d, SIGTERM);
}

static void overwrite(const char *id, const char *suffix, off_t at) {
	char name[64];
	snprintf(name, sizeof(name), "%s%s", id, suffix);
	int file = open(daemon_path(&d, name), O_RDWR);
	uint8_t byte;
	assert_int_equal(pread(file, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(file, &byte, 1, at), 1);
	close(file);
}

/* Damage on the disk: named in the log, set aside, never deleted; everything else is there. */
static void test_damage(void **state) {
	(void)state;
	char name[128];
	struct details details;
	uint32_t revision;
	overwrite(damaged, ".meta", 90);
	overwrite(recorded, ".tags", 90);
	assert_true(daemon_start(&d, ""));
	snprintf(name, sizeof(name), "%s.meta is damaged and was set aside", damaged);
	assert_true(daemon_has_logged(&d, name));
	snprintf(name, sizeof(name), "%s.tags is damaged and was set aside", recorded);
	assert_true(daemon_has_logged(&d, name));
	assert_int_equal(count_files(".meta.damaged-1"), 1);
	assert_int_equal(count_files(".tags.damaged-1"), 1);
	/* The footage tells what its metadata did. */
	assert_true(daemon_get(&d, damaged, &details));
	assert_string_equal(details.state, "complete");
	assert_string_equal(details.reason, "recovered");
	assert_int_equal(details.sha256_length, SHA256_SIZE);
	assert_true(daemon_get(&d, recorded, &details));
	assert_string_equal(details.state, "complete");
	assert_int_equal(details.revision, 0);
	assert_string_equal(daemon_call_set_tag(&d, recorded, 7, "anew", &revision), "");
	daemon_end(&d, SIGTERM);
	/* A damaged recording: its range ends there, and the log says where. */
	overwrite(recorded, ".footage", CONTAINER_HEADER_SIZE + 10);
	assert_true(daemon_start(&d, ""));
	assert_true(daemon_get(&d, recorded, &details));
	assert_true(daemon_read_range(&d, recorded, 0, 0, whole, sizeof(whole)) < details.size);
	assert_int_not_equal(daemon_read_range(&d, damaged, 0, 0, whole, sizeof(whole)), 0);
	daemon_end(&d, SIGTERM);
}

/* A press before the first picture is not lost: it waits for it, and so do all others. A Stop takes them back. */
static void test_early_start(void **state) {
	(void)state;
	char id[33], other[33];
	daemon_start_early(&d, "");
	struct pending *first = daemon_begin_start(&d, "signal:door"), *second = daemon_begin_start(&d, "manual");
	assert_string_equal(daemon_end_start(first, id), "");
	assert_string_equal(daemon_end_start(second, other), "");
	assert_string_equal(id, other);
	assert_true(daemon_state_is(&d, "event"));
	assert_true(daemon_has_logged(&d, "there is no picture yet"));
	WAIT_FOR(daemon_duration(&d, id) >= 1000);
	assert_string_equal(daemon_call_stop(&d), "");
	WAIT_FOR(daemon_is(&d, id, "complete"));
	struct details details;
	assert_true(daemon_get(&d, id, &details));
	assert_string_equal(details.reason, "signal:door");
	daemon_end(&d, SIGTERM);
}

/* Without a picture it says so. */
static void test_no_picture(void **state) {
	(void)state;
	char id[33];
	daemon_start_early(&d, "source = /dev/null\n");
	struct pending *taken_back = daemon_begin_start(&d, "manual");
	WAIT_FOR(daemon_has_logged(&d, "there is no picture yet"));
	struct pending *waiting = NULL;
	WAIT_FOR(*daemon_call_stop(&d) == '\0');
	assert_string_equal(daemon_end_start(taken_back, id), "Cancelled");
	waiting = daemon_begin_start(&d, "manual");
	assert_string_equal(daemon_end_start(waiting, id), "PictureGone");
	assert_true(daemon_state_is(&d, "off"));
	daemon_end(&d, SIGTERM);
}

/* Recordings made ahead: whole, of the length asked for, with times that do not overlap. */
static void test_batch(void **state) {
	(void)state;
	struct keystore *keystore;
	struct store *store;
	size_t count;
	char path[96];
	snprintf(path, sizeof(path), "%s/batch", d.folder.path);
	char *const arguments[] = { RECORDER, "--make", "2", "--seconds", "3", "--config", d.config, "--state", path, NULL };
	assert_int_equal(daemon_run(arguments), 0);
	struct temporary batch = { .folder = folder_open(path) };
	snprintf(batch.path, sizeof(batch.path), "%.63s", path);
	assert_int_equal(keystore_open_file_to_read(&keystore, batch.folder, "storage.key"), 0);
	assert_int_equal(store_open_to_read(&store, batch.folder, keystore), 0);
	const struct recording *list = store_list(store, &count);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++) {
		assert_in_range(list[i].duration_ms, 2999, 3001);
		assert_int_equal(store_verify(store, list[i].id), 0);
		assert_true(list[i].thumbnail_size > 0);
	}
	assert_true(list[1].started_us + 3000000 < list[0].started_us);
	store_free(store);
	keystore_free(keystore);
	temporary_end(&batch);
}

static int setup(void **state) {
	(void)state;
	gst_init(NULL, NULL);
	daemon_setup(&d);
	return daemon_start(&d, "") ? 0 : -1;
}

static int teardown(void **state) {
	(void)state;
	daemon_teardown(&d);
	return 0;
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		/* One daemon from here ... */
		cmocka_unit_test(test_recording),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_preview),
		cmocka_unit_test(test_pre_event),
		cmocka_unit_test(test_lost_bus),
		cmocka_unit_test(test_goes_on),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_height),
		cmocka_unit_test(test_ended_by_signal),
		/* ... to here. */
		cmocka_unit_test(test_early_start),
		cmocka_unit_test(test_no_picture),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_batch),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
