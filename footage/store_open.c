/* Reading the folder: what is there, what a power cut left, what is damaged. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "footage/mp4.h"
#include "footage/records.h"
#include "footage/sealed.h"
#include "footage/store_state.h"

/* ------------------------------------------------------------------------------------------------------------------- owner */

/* Locks of the open file description: gone with the process, whatever ends it, and no other part of it can drop them. */
static int lock_folder(struct store *s) {
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	s->lock = openat(s->folder, STORE_LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0)
		return -errno;
	if (fcntl(s->lock, F_OFD_SETLK, &lock) < 0)
		return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
	return 0;
}

static bool has_owner(const struct store *s) {
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	int file = openat(s->folder, STORE_LOCK_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool owned = file >= 0 && fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	if (file >= 0)
		close(file);
	return owned;
}

/* ------------------------------------------------------------------------------------------------------------------- names */

struct names {
	char (*id)[RECORDING_ID_TEXT];
	size_t count, capacity;
};

static int names_add(struct names *names, const char *id) {
	if (names->count == names->capacity) {
		size_t capacity = names->capacity > 0 ? 2 * names->capacity : 64;
		void *grown = realloc(names->id, capacity * sizeof(*names->id));
		if (!grown)
			return -ENOMEM;
		names->id = grown;
		names->capacity = capacity;
	}
	memcpy(names->id[names->count], id, RECORDING_ID_TEXT - 1);
	names->id[names->count++][RECORDING_ID_TEXT - 1] = '\0';
	return 0;
}

static bool names_have(const struct names *names, const char *id) {
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->id[i], id) == 0)
			return true;
	return false;
}

/* --------------------------------------------------------------------------------------------------------------- containers */

/* What a container tells of the recording in it: bytes, video, and the hash, which is the one noted at capture as far as every
 * chunk authenticates. 0 or a negative errno. */
static int survey(const struct store *s, struct recording *recording, bool *ret_complete) {
	struct container_reader *reader = NULL;
	struct mp4_scan *scan = NULL;
	struct sha256_state *hash = NULL;
	uint8_t *bytes = malloc(CONTAINER_READ_SIZE);
	int result = store_read(s, recording->id, &reader);
	if (result == 0)
		result = mp4_scan_new(&scan);
	if (result == 0)
		result = sha256_new(&hash);
	if (result == 0 && !bytes)
		result = -ENOMEM;
	ssize_t got = 0;
	for (uint64_t at = 0; result == 0; at += (uint64_t)got) {
		got = container_reader_read(reader, at, bytes, CONTAINER_READ_SIZE);
		if (got <= 0)
			break;
		mp4_scan_feed(scan, bytes, (size_t)got);
		sha256_update(hash, bytes, (size_t)got);
	}
	if (result == 0) {
		/* Damage in the middle: the rest is still there for who can use it, but nothing is complete about it. */
		*ret_complete = container_reader_is_complete(reader) && got == 0;
		recording->size = container_reader_size(reader);
		recording->duration_ms = mp4_scan_duration_ms(scan);
		if (*ret_complete)
			sha256_peek(hash, recording->sha256);
	}
	if (bytes)
		wipe(bytes, CONTAINER_READ_SIZE);
	free(bytes);
	mp4_scan_free(scan);
	sha256_free(hash);
	container_reader_free(reader);
	return result;
}

/* Power was cut while it was written: it is good up to the last whole chunk, and that is what its metadata says from now on. When
 * the container was finished and only the metadata was not, nothing is missing. */
static void end_active(struct store *s, struct recording *recording) {
	bool complete = false;
	int result = survey(s, recording, &complete);
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, STORE_AREA, "%s%s cannot be read: %s", recording->id, CONTAINER_SUFFIX,
		         strerror(-result));
	recording->state = complete ? RECORDING_STATE_COMPLETE : RECORDING_STATE_CUT_SHORT;
	log_line(LOG_LEVEL_WARNING, STORE_AREA, "recording %s was %s: %u ms, %llu bytes", recording->id,
	         complete ? "finished, but not noted as such" : "cut short", recording->duration_ms,
	         (unsigned long long)recording->size);
	if (!s->layer)
		return;
	result = store_write_meta(s, recording);
	if (result < 0)
		log_line(LOG_LEVEL_WARNING, STORE_AREA, "its metadata cannot be written: %s", strerror(-result));
}

/* ----------------------------------------------------------------------------------------------------------------- metadata */

static void apply_tags(struct store *s, struct recording *recording) {
	uint8_t *bytes;
	size_t length;
	int result = store_load_tags(s, recording->id, &bytes, &length);
	if (result == -EBADMSG)
		store_set_aside(s, recording->id, TAGS_SUFFIX);
	else if (result < 0 && result != -ENOENT)
		log_line(LOG_LEVEL_ERROR, STORE_AREA, "%s%s cannot be read: %s", recording->id, TAGS_SUFFIX, strerror(-result));
	if (result < 0)
		return;
	struct reader r = reader_over(bytes, length);
	for (struct tag_entry entry; reader_left(&r) > 0 && tag_entry_read(&r, &entry);) {
		recording->tag = entry.tag;
		recording->tag_revision = entry.revision;
	}
	free(bytes);
}

static void apply_thumbnail(struct store *s, struct recording *recording) {
	uint8_t *jpeg = malloc(THUMBNAIL_LIMIT);
	size_t length;
	if (!jpeg)
		return;
	int result = store_get_thumbnail(s, recording->id, jpeg, &length);
	if (result == 0)
		recording->thumbnail_size = (uint32_t)length;
	else if (result == -EBADMSG)
		store_set_aside(s, recording->id, THUMBNAIL_SUFFIX);
	free(jpeg);
}

static int take_in(struct store *s, struct recording *recording) {
	int result = store_insert(s, recording);
	if (result < 0)
		return result;
	struct recording *there = store_find_to_change(s, recording->id);
	apply_tags(s, there);
	apply_thumbnail(s, there);
	return 0;
}

/* 0, also when this one cannot be read: the others can. lost: gets those that are damaged; strangers: those of another key. */
static int load_meta(struct store *s, const char *id, bool owned, struct names *strangers, struct names *lost) {
	struct recording recording = { .started_us = 0 };
	uint8_t bytes[META_SIZE_LIMIT], binary[RECORDING_ID_SIZE];
	char name[STORE_NAME_CAPACITY];
	size_t length;
	memcpy(recording.id, id, RECORDING_ID_TEXT);
	int result = hex_decode(binary, sizeof(binary), id);
	if (result == 0)
		result = sealed_read(s->folder, store_file_name(name, id, META_SUFFIX), s->keystore, SEALED_META, binary, bytes,
		                     sizeof(bytes), &length);
	if (result == 0 && !meta_read(bytes, length, &recording))
		result = -EBADMSG;
	if (result == -EBADMSG || result == -EFBIG) {
		store_set_aside(s, id, META_SUFFIX);
		return names_add(lost, id);
	}
	if (result == -EKEYREJECTED)
		return names_add(strangers, id);
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, STORE_AREA, "%s%s cannot be read: %s", id, META_SUFFIX, strerror(-result));
		return result == -ENOMEM ? result : 0;
	}
	if (recording.state == RECORDING_STATE_ACTIVE && !owned)
		end_active(s, &recording);
	return take_in(s, &recording);
}

/* A container whose metadata is lost. What it does not hold itself is told by the file's time. */
static int recover(struct store *s, const char *id) {
	struct recording recording = { .state = RECORDING_STATE_CUT_SHORT, .reason = RECORDING_REASON_RECOVERED };
	char name[STORE_NAME_CAPACITY];
	struct stat status;
	bool complete = false;
	memcpy(recording.id, id, RECORDING_ID_TEXT);
	/* Without a chunk: power was cut before its first byte, or it is being begun this moment. */
	if (fstatat(s->folder, store_file_name(name, id, CONTAINER_SUFFIX), &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    status.st_size < (off_t)(CONTAINER_HEADER_SIZE + GCM_TAG_SIZE))
		return 0;
	int result = survey(s, &recording, &complete);
	if (result < 0 || recording.size == 0) {
		if (result < 0 && result != -EKEYREJECTED)
			log_reason(LOG_LEVEL_ERROR, STORE_AREA, REASON_RECORDING_DAMAGED, "%s has no metadata and cannot be read",
			           name);
		return result == -ENOMEM ? result : 0;
	}
	if (complete)
		recording.state = RECORDING_STATE_COMPLETE;
	uint64_t ended_us = (uint64_t)status.st_mtim.tv_sec * 1000000 + (uint64_t)status.st_mtim.tv_nsec / 1000;
	uint64_t duration_us = (uint64_t)recording.duration_ms * 1000;
	recording.started_us = ended_us > duration_us ? ended_us - duration_us : 0;
	log_line(LOG_LEVEL_WARNING, STORE_AREA, "%s has no metadata; what the container tells is used: %u ms, %llu bytes", name,
	         recording.duration_ms, (unsigned long long)recording.size);
	if (s->layer && (result = store_write_meta(s, &recording)) < 0)
		log_line(LOG_LEVEL_WARNING, STORE_AREA, "its metadata cannot be written: %s", strerror(-result));
	return take_in(s, &recording);
}

/* ------------------------------------------------------------------------------------------------------------------- folder */

/* The ids of all files that are named ID and suffix. Read as a whole first: setting files aside while a folder is being read may
 * show some twice or never. */
static int read_names(const struct store *s, const char *suffix, struct names *names) {
	int copy = openat(s->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	int result = 0;
	if (!directory) {
		result = -errno;
		if (copy >= 0)
			close(copy);
		return result < 0 ? result : -EIO;
	}
	while (result == 0) {
		errno = 0;
		struct dirent *entry = readdir(directory);
		if (!entry) {
			result = -errno;
			break;
		}
		char id[RECORDING_ID_TEXT] = "";
		uint8_t binary[RECORDING_ID_SIZE];
		if (strlen(entry->d_name) != RECORDING_ID_TEXT - 1 + strlen(suffix))
			continue;
		memcpy(id, entry->d_name, RECORDING_ID_TEXT - 1);
		if (hex_decode(binary, sizeof(binary), id) == 0 && strcmp(entry->d_name + RECORDING_ID_TEXT - 1, suffix) == 0)
			result = names_add(names, id);
	}
	if (directory)
		closedir(directory);
	return result;
}

/* Metadata of another key is no reason to make new, unless the container is of ours: then what is damaged is the key's id. */
static bool is_strangers(struct store *s, const char *id, const struct names *strangers) {
	struct container_reader *reader;
	if (!names_have(strangers, id))
		return false;
	if (store_read(s, id, &reader) < 0) {
		s->strangers++;
		return true;
	}
	container_reader_free(reader);
	store_set_aside(s, id, META_SUFFIX);
	return false;
}

static int load_containers(struct store *s, const struct names *containers, const struct names *strangers,
                           const struct names *lost) {
	int result = 0;
	for (size_t i = 0; result == 0 && i < containers->count; i++) {
		const char *id = containers->id[i];
		char name[STORE_NAME_CAPACITY];
		if (store_find(s, id) || is_strangers(s, id, strangers))
			continue;
		bool missing = faccessat(s->folder, store_file_name(name, id, META_SUFFIX), F_OK, AT_SYMLINK_NOFOLLOW) < 0;
		if (missing || names_have(lost, id) || names_have(strangers, id))
			result = recover(s, id);
	}
	return result;
}

static int load_all(struct store *s) {
	struct names metas = { .id = NULL }, containers = { .id = NULL }, strangers = { .id = NULL }, lost = { .id = NULL };
	bool owned = !s->layer && has_owner(s);
	int result = read_names(s, META_SUFFIX, &metas);
	for (size_t i = 0; result == 0 && i < metas.count; i++)
		result = load_meta(s, metas.id[i], owned, &strangers, &lost);
	if (result == 0)
		result = read_names(s, CONTAINER_SUFFIX, &containers);
	if (result == 0)
		result = load_containers(s, &containers, &strangers, &lost);
	if (s->strangers > 0)
		log_line(LOG_LEVEL_WARNING, STORE_AREA, "%zu recordings were made with another storage key and cannot be read",
		         s->strangers);
	free(metas.id);
	free(containers.id);
	free(strangers.id);
	free(lost.id);
	return result;
}

static int open_with(struct store **ret, const struct file_layer *layer, int folder, struct keystore *keystore,
                     const struct random_source *random) {
	struct store *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct store){ .layer = layer, .folder = folder, .lock = -1, .keystore = keystore, .random = random };
	int result = layer ? lock_folder(s) : 0;
	if (result == 0)
		result = load_all(s);
	if (result < 0) {
		store_free(s);
		return result;
	}
	*ret = s;
	return 0;
}

int store_open(struct store **ret, const struct file_layer *layer, int folder, struct keystore *keystore,
               const struct random_source *random) {
	return open_with(ret, layer, folder, keystore, random);
}

int store_open_to_read(struct store **ret, int folder, struct keystore *keystore) {
	return open_with(ret, NULL, folder, keystore, NULL);
}

void store_free(struct store *s) {
	if (!s)
		return;
	store_details_free(s->details);
	if (s->lock >= 0)
		close(s->lock);
	free(s->recordings);
	free(s);
}
