/* Every allocation, system call and call of the event loop that our code makes fails once: the first, the second, ... until a run
 * has had none left to fail. Whatever fails: no crash, no leak of memory or descriptors, no half state, and the step succeeds or
 * says why not. Afterwards, without faults, exactly one companion has its camera.
 *
 *   faults [--from N] [--every N] [SCENARIO...] */
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "footage/container.h"
#include "footage/keystore.h"
#include "footage/store.h"
#include "tests/faults/inject.h"
#include "tests/faults/scenarios.h"
#include "tests/faults/scene.h"

/* --- pairing, session, handover --- */

static struct scene_companion old, fresh;

/* What is on the disk and what is in memory are one of the two companions' records, whole. */
static void check_one_companion(struct scene *scene) {
	enum reason of_old = scene_session(scene, &old), of_fresh = scene_session(scene, &fresh);
	MUST((of_old == REASON_OK) + (of_fresh == REASON_OK) == 1);
	scene_hang_up(scene);
}

static void prepare(struct scene *scene) {
	scene_companion_make(&old);
	scene_companion_make(&fresh);
	MUST(scene_open(scene) == 0);
	MUST(scene_pair(scene, &old) == REASON_OK);
	scene_close(scene);
}

/* Opens with faults; a camera that could not start is started again without, as systemd would. */
static bool open_or_give_up(struct scene *scene) {
	if (scene_open(scene) == 0)
		return true;
	scene_close(scene);
	return false;
}

static void after_faults(struct scene *scene) {
	injection.fail_at = 0;
	if (scene->links)
		check_one_companion(scene); /* as it goes on */
	scene_close(scene);
	MUST(scene_open(scene) == 0);
	check_one_companion(scene); /* and after a restart */
}

static bool pairing_scenario(struct scene *scene) {
	bool good = open_or_give_up(scene) && scene_pair(scene, &fresh) == REASON_OK;
	after_faults(scene);
	return good;
}

static bool session_scenario(struct scene *scene) {
	bool good = open_or_give_up(scene) && scene_session(scene, &old) == REASON_OK && scene_session(scene, &old) == REASON_OK;
	after_faults(scene);
	return good;
}

static bool handover_scenario(struct scene *scene) {
	bool good = open_or_give_up(scene) && scene_handover(scene, &old) == REASON_OK;
	injection.fail_at = 0;
	if (scene->handover)
		MUST(scene_handover(scene, &old) == REASON_OK); /* the next one works */
	after_faults(scene);
	return good;
}

/* --- footage --- */

static const struct recording_tag tag = { .category = "Traffic stop", .case_number = "2026-1", .note = "a note" };

/* A recording with tag and detail, in a store that was opened. Whatever fails, the store opens afterwards, all that it lists can
 * be read, and nothing that was noted is missing; what fails beside the recording does not end it. */
static bool footage_scenario(struct scene *scene) {
	static const uint8_t operation[TAG_OPERATION_SIZE] = { 1 };
	static uint8_t bytes[100000];
	struct keystore *keystore = NULL;
	struct store *store = NULL;
	struct container_writer *writer = NULL;
	char id[RECORDING_ID_TEXT];
	uint32_t revision;
	uint64_t time_us;
	uint8_t hash[SHA256_SIZE] = { 0 };
	unsigned number = inject_pause();
	int folder = folder_open(scene->folder);
	MUST(folder >= 0);
	inject_resume(number);
	bool began = false, finished = false, tagged = false, noted = false;
	if (keystore_open_file(&keystore, file_layer_system(), folder, "storage.key", random_system()) == 0 &&
	    store_open(&store, file_layer_system(), folder, keystore, random_system()) == 0) {
		began = store_begin(store, 1, "manual", id, &writer) == 0;
		if (began) {
			bool whole = container_writer_append(writer, bytes, sizeof(bytes) / 2) == 0;
			const char *failed_before = injection.failed;
			tagged = store_set_tag(store, id, operation, &tag, 7, &revision, &time_us) == 0;
			noted = store_add_detail(store, id, 8, "source", "button") == 0;
			(void)store_sync_details(store);
			(void)store_set_thumbnail(store, id, bytes, 1000);
			bool beside = injection.failed != failed_before;
			whole = whole && container_writer_append(writer, bytes, sizeof(bytes) / 2) == 0 &&
			        container_writer_finish(writer) == 0;
			if (whole)
				container_writer_hash(writer, hash);
			container_writer_free(writer);
			finished = store_finish(store, id, whole ? RECORDING_STATE_COMPLETE : RECORDING_STATE_CUT_SHORT, 1000,
			                        whole ? sizeof(bytes) : 0, hash) == 0 &&
			           whole;
			MUST(finished || !beside);
		}
	}
	injection.fail_at = 0;
	if (store)
		MUST(store_sync_details(store) == 0);
	store_free(store);
	keystore_free(keystore);

	MUST(keystore_open_file(&keystore, file_layer_system(), folder, "storage.key", random_system()) == 0);
	MUST(store_open(&store, file_layer_system(), folder, keystore, random_system()) == 0);
	size_t count;
	const struct recording *list = store_list(store, &count);
	MUST(count <= 1 && (!finished || count == 1));
	for (size_t i = 0; i < count; i++) {
		struct container_reader *reader;
		struct tag_entry *tags = NULL;
		struct recording_detail *details = NULL;
		size_t tag_count = 0, detail_count = 0;
		MUST(list[i].state != RECORDING_STATE_ACTIVE);
		if (finished) {
			MUST(store_read(store, list[i].id, &reader) == 0);
			container_reader_free(reader);
			MUST(store_verify(store, list[i].id) == 0);
		}
		MUST(store_get_tags(store, list[i].id, &tags, &tag_count) == 0);
		MUST(tag_count <= 1 && (!tagged || tag_count == 1));
		MUST(tag_count == 0 || strcmp(tags[0].tag.note, tag.note) == 0);
		free(tags);
		MUST(store_get_details(store, list[i].id, &details, &detail_count) == 0 && detail_count == noted);
		free(details);
	}
	store_free(store);
	keystore_free(keystore);
	close(folder);
	return began && finished && tagged && noted;
}

/* --- all of them --- */

/* In a folder of its own; paired: an old companion is there already. */
static bool run(bool (*scenario)(struct scene *scene), bool paired) {
	struct scene scene = { .event = NULL };
	unsigned number = inject_pause();
	scene_folder(&scene, injection.scene);
	if (paired)
		prepare(&scene);
	inject_resume(number);
	bool good = scenario(&scene);
	(void)inject_pause();
	scene_close(&scene);
	scene_folder_remove(&scene);
	return good;
}

static bool run_pairing(void) {
	return run(pairing_scenario, true);
}

static bool run_session(void) {
	return run(session_scenario, true);
}

static bool run_handover(void) {
	return run(handover_scenario, true);
}

static bool run_footage(void) {
	return run(footage_scenario, false);
}

static const struct fault_scenario scenarios[] = {
	{ "pairing", run_pairing },
	{ "session", run_session },
	{ "handover", run_handover },
	{ "footage", run_footage },
};

int main(int count, char **arguments) {
	return crypto_start() < 0 ? 1 : fault_scenarios(count, arguments, scenarios, ELEMENTS(scenarios));
}
