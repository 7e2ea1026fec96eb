#include "companion/keyring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"

static const char *const slot_names[KEYRING_SLOTS] = { [KEYRING_CANDIDATE] = "camera-candidate", [KEYRING_PROVEN] = "camera" };

struct keyring {
	int folder;
	const struct file_layer *layer;
	struct static_keys keys;
	struct static_product product;
	struct {
		bool present;
		struct pairing_record record;
	} slot[KEYRING_SLOTS];
	unsigned candidates; /* added so far */
};

static int keyring_load_slot(struct keyring *keyring, enum keyring_slot slot) {
	int result = pairing_record_load(keyring->layer, keyring->folder, slot_names[slot], &keyring->slot[slot].record);
	keyring->slot[slot].present = result == 0;
	/* A damaged record was set aside and logged by the loader: the camera has to be paired again, everything else works. */
	return result == -ENOENT || result == -EBADMSG ? 0 : result;
}

int keyring_new(struct keyring **ret, const char *folder, const struct file_layer *layer, const struct random_source *random) {
	struct keyring *keyring = calloc(1, sizeof(*keyring));
	if (!keyring)
		return -ENOMEM;
	keyring->layer = layer;
	keyring->folder = folder_open(folder);
	int result = keyring->folder < 0 ? keyring->folder : 0;
	if (result == 0)
		result = static_keys_load(keyring->layer, keyring->folder, "static-key", random, &keyring->keys);
	if (result == -EBADMSG) {
		log_reason(LOG_LEVEL_ERROR, "keyring", REASON_RECORD_CORRUPT,
		           "the static key in %s was damaged: a new one was made", folder);
		result = 0;
	}
	for (enum keyring_slot slot = 0; result == 0 && slot < KEYRING_SLOTS; slot++)
		result = keyring_load_slot(keyring, slot);
	if (result < 0) {
		keyring_free(keyring);
		return result;
	}
	*ret = keyring;
	return 0;
}

void keyring_free(struct keyring *keyring) {
	if (!keyring)
		return;
	if (keyring->folder >= 0)
		close(keyring->folder);
	wipe(keyring, sizeof(*keyring));
	free(keyring);
}

struct static_product *keyring_product(struct keyring *keyring) {
	return &keyring->product;
}

const struct static_keys *keyring_keys(const struct keyring *keyring) {
	return &keyring->keys;
}

const struct pairing_record *keyring_record(const struct keyring *keyring, enum keyring_slot slot) {
	return keyring->slot[slot].present ? &keyring->slot[slot].record : NULL;
}

const struct pairing_record *keyring_newest(const struct keyring *keyring) {
	const struct pairing_record *candidate = keyring_record(keyring, KEYRING_CANDIDATE);
	return candidate ? candidate : keyring_record(keyring, KEYRING_PROVEN);
}

/* After a failed change: the folder's sync may have failed when the new state was there already, for whoever starts next
 * (base/file.h). Memory and disk must agree. */
static void keyring_put_back(struct keyring *keyring, enum keyring_slot slot) {
	int result = keyring->slot[slot].present ? pairing_record_store(keyring->layer, keyring->folder, slot_names[slot],
	                                                                &keyring->slot[slot].record)
	                                         : pairing_record_remove(keyring->layer, keyring->folder, slot_names[slot]);
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, "keyring", "what was stored before could not be put back: %s", strerror(-result));
}

static int keyring_store(struct keyring *keyring, enum keyring_slot slot, const struct pairing_record *record) {
	int result = pairing_record_store(keyring->layer, keyring->folder, slot_names[slot], record);
	if (result < 0) {
		keyring_put_back(keyring, slot);
		return result;
	}
	keyring->slot[slot].record = *record;
	keyring->slot[slot].present = true;
	return 0;
}

static int keyring_remove(struct keyring *keyring, enum keyring_slot slot) {
	int result = pairing_record_remove(keyring->layer, keyring->folder, slot_names[slot]);
	if (result < 0) {
		keyring_put_back(keyring, slot);
		return result;
	}
	wipe(&keyring->slot[slot].record, sizeof(keyring->slot[slot].record));
	keyring->slot[slot].present = false;
	return 0;
}

int keyring_add(struct keyring *keyring, const struct pairing_record *record) {
	int result = keyring_store(keyring, KEYRING_CANDIDATE, record);
	if (result >= 0)
		keyring->candidates++;
	return result;
}

unsigned keyring_candidates(const struct keyring *keyring) {
	return keyring->candidates;
}

int keyring_prove(struct keyring *keyring, enum keyring_slot slot, unsigned candidates) {
	if (!keyring->slot[KEYRING_CANDIDATE].present)
		return 0;
	const struct pairing_record *candidate = &keyring->slot[KEYRING_CANDIDATE].record;
	if (slot == KEYRING_CANDIDATE) {
		/* A power cut between the two steps leaves the same record in both slots, which the next session settles. */
		int result = keyring_store(keyring, KEYRING_PROVEN, candidate);
		return result < 0 ? result : keyring_remove(keyring, KEYRING_CANDIDATE);
	}
	bool other_camera = memcmp(candidate->peer_key, keyring->slot[KEYRING_PROVEN].record.peer_key, KEY_SIZE) != 0;
	if (other_camera || candidates != keyring->candidates)
		return 0;
	return keyring_remove(keyring, KEYRING_CANDIDATE);
}

int keyring_forget(struct keyring *keyring) {
	int candidate = keyring_remove(keyring, KEYRING_CANDIDATE);
	int proven = keyring_remove(keyring, KEYRING_PROVEN);
	return candidate < 0 ? candidate : proven;
}
