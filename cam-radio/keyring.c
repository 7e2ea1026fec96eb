#include "cam-radio/keyring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"

#define KEYS_NAME "static-key"
#define COMPANION_NAME "companion"

struct keyring {
	int folder;
	const struct file_layer *layer;
	struct static_keys keys;
	struct static_product product;
	bool paired;
	struct pairing_record companion;
};

static int load(struct keyring *keyring, const struct random_source *random) {
	int result = static_keys_load(keyring->layer, keyring->folder, KEYS_NAME, random, &keyring->keys);
	bool keys_are_new = result == -EBADMSG;
	if (result < 0 && !keys_are_new)
		return result;
	result = pairing_record_load(keyring->layer, keyring->folder, COMPANION_NAME, &keyring->companion);
	if (result < 0)
		return result == -ENOENT || result == -EBADMSG ? 0 : result;
	if (keys_are_new) {
		/* The companion knows the old key: its record is of no use any more, but it is not ours to delete. */
		wipe(&keyring->companion, sizeof(keyring->companion));
		log_reason(LOG_LEVEL_WARNING, "pairing", REASON_RECORD_CORRUPT, "the companion knows the key that was lost");
		return file_set_aside(keyring->layer, keyring->folder, COMPANION_NAME);
	}
	keyring->paired = true;
	return 0;
}

int keyring_open(struct keyring **ret, const char *state_folder, const struct file_layer *layer,
                 const struct random_source *random) {
	int folder = folder_open(state_folder);
	if (folder < 0) {
		log_line(LOG_LEVEL_ERROR, "pairing", "state folder %s: %s", state_folder, strerror(-folder));
		return folder;
	}
	struct keyring *keyring = calloc(1, sizeof(*keyring));
	if (!keyring) {
		close(folder);
		return -ENOMEM;
	}
	*keyring = (struct keyring){ .folder = folder, .layer = layer };
	int result = load(keyring, random);
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "pairing", "keys in %s: %s", state_folder, strerror(-result));
		keyring_free(keyring);
		return result;
	}
	*ret = keyring;
	return 0;
}

void keyring_free(struct keyring *keyring) {
	if (!keyring)
		return;
	close(keyring->folder);
	wipe(keyring, sizeof(*keyring));
	free(keyring);
}

int keyring_folder(const struct keyring *keyring) {
	return keyring->folder;
}

struct static_product *keyring_product(struct keyring *keyring) {
	return &keyring->product;
}

const struct static_keys *keyring_keys(const struct keyring *keyring) {
	return &keyring->keys;
}

const struct pairing_record *keyring_companion(const struct keyring *keyring) {
	return keyring->paired ? &keyring->companion : NULL;
}

/* After a failed change: the folder's sync may have failed when the new state was there already, for whoever starts next
 * (base/file.h). Memory and disk must agree. */
static void put_back(struct keyring *keyring) {
	int result = keyring->paired ? pairing_record_store(keyring->layer, keyring->folder, COMPANION_NAME, &keyring->companion)
	                             : pairing_record_remove(keyring->layer, keyring->folder, COMPANION_NAME);
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, "pairing", "what was stored before could not be put back: %s", strerror(-result));
}

int keyring_pair(struct keyring *keyring, const struct pairing_record *record) {
	struct pairing_record stamped = *record;
	time_t now = time(NULL);
	stamped.paired_at_s = now > 0 ? (uint64_t)now : 0;
	int result = pairing_record_store(keyring->layer, keyring->folder, COMPANION_NAME, &stamped);
	if (result == 0) {
		keyring->companion = stamped;
		keyring->paired = true;
	} else {
		put_back(keyring);
	}
	wipe(&stamped, sizeof(stamped));
	return result;
}

int keyring_forget(struct keyring *keyring) {
	int result = pairing_record_remove(keyring->layer, keyring->folder, COMPANION_NAME);
	if (result < 0) {
		put_back(keyring);
		return result;
	}
	keyring->paired = false;
	wipe(&keyring->companion, sizeof(keyring->companion));
	return 0;
}
