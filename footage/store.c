#include "footage/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "footage/records.h"
#include "footage/sealed.h"

#define AREA "footage"
#define NAME_CAPACITY (RECORDING_ID_TEXT + 16)
#define CONTAINER_SUFFIX ".footage"
#define META_SUFFIX ".meta"
#define THUMBNAIL_SUFFIX ".jpeg"
#define TAGS_SUFFIX ".tags"

struct store {
	const struct file_layer *layer;
	int folder;
	struct keystore *keystore;
	const struct random_source *random;
	struct recording *recordings; /* newest first */
	size_t count, capacity;
};

static const char *file_name(char out[NAME_CAPACITY], const char *id, const char *suffix) {
	snprintf(out, NAME_CAPACITY, "%s%s", id, suffix);
	return out;
}

static struct recording *find(const struct store *s, const char *id) {
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->recordings[i].id, id) == 0)
			return &s->recordings[i];
	return NULL;
}

static int insert(struct store *s, const struct recording *recording) {
	if (s->count == s->capacity) {
		size_t capacity = s->capacity > 0 ? 2 * s->capacity : 32;
		struct recording *grown = realloc(s->recordings, capacity * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		s->recordings = grown;
		s->capacity = capacity;
	}
	size_t at = 0;
	while (at < s->count && s->recordings[at].started_us > recording->started_us)
		at++;
	memmove(s->recordings + at + 1, s->recordings + at, (s->count - at) * sizeof(*s->recordings));
	s->recordings[at] = *recording;
	s->count++;
	return 0;
}

static int write_meta(struct store *s, const struct recording *recording) {
	uint8_t bytes[META_SIZE_LIMIT], id[RECORDING_ID_SIZE];
	char name[NAME_CAPACITY];
	struct writer w = writer_over(bytes, sizeof(bytes));
	meta_write(&w, recording);
	if (w.failed || hex_decode(id, sizeof(id), recording->id) < 0)
		return -EINVAL;
	return sealed_write(s->layer, s->folder, file_name(name, recording->id, META_SUFFIX), s->keystore, s->random, SEALED_META,
	                    id, bytes, writer_length(&w));
}

/* ----------------------------------------------------------------------------------------------------------------- opening */

static void set_aside(struct store *s, const char *name) {
	log_reason(LOG_LEVEL_ERROR, AREA, REASON_RECORDING_DAMAGED, "%s is damaged and was set aside", name);
	file_set_aside(s->layer, s->folder, name);
}

/* A history on the heap, because most recordings have none and the longest is large. */
static int load_tags(struct store *s, const char *id, uint8_t **ret, size_t *ret_length) {
	uint8_t binary[RECORDING_ID_SIZE];
	char name[NAME_CAPACITY];
	uint8_t *bytes = malloc(TAG_HISTORY_SIZE_LIMIT);
	if (!bytes)
		return -ENOMEM;
	int result = hex_decode(binary, sizeof(binary), id);
	if (result == 0)
		result = sealed_read(s->folder, file_name(name, id, TAGS_SUFFIX), s->keystore, SEALED_TAGS, binary, bytes,
		                     TAG_HISTORY_SIZE_LIMIT, ret_length);
	if (result < 0) {
		free(bytes);
		return result;
	}
	*ret = bytes;
	return 0;
}

static void apply_tags(struct store *s, struct recording *recording) {
	uint8_t *bytes;
	size_t length;
	char name[NAME_CAPACITY];
	int result = load_tags(s, recording->id, &bytes, &length);
	if (result == -ENOENT)
		return;
	bool good = result == 0;
	struct tag_entry entry;
	if (good) {
		struct reader r = reader_over(bytes, length);
		while (good && reader_left(&r) > 0) {
			good = tag_entry_read(&r, &entry);
			if (good) {
				recording->tag = entry.tag;
				recording->tag_revision = entry.revision;
			}
		}
		free(bytes);
	}
	if (!good && result != -ENOMEM)
		set_aside(s, file_name(name, recording->id, TAGS_SUFFIX));
}

/* Power was cut while it was written: it is good up to the last whole chunk, and that is what its metadata says from now on. */
static void cut_short(struct store *s, struct recording *recording) {
	struct container_reader *reader;
	recording->state = RECORDING_STATE_CUT_SHORT;
	if (store_read(s, recording->id, &reader) == 0) {
		recording->size = container_reader_size(reader);
		container_reader_free(reader);
	}
	log_line(LOG_LEVEL_WARNING, AREA, "recording %s was cut short after %llu bytes", recording->id,
	         (unsigned long long)recording->size);
	int result = write_meta(s, recording);
	if (result < 0)
		log_line(LOG_LEVEL_WARNING, AREA, "its metadata cannot be written: %s", strerror(-result));
}

static int load_recording(struct store *s, const char *id) {
	struct recording recording = { .started_us = 0 };
	uint8_t bytes[META_SIZE_LIMIT], binary[RECORDING_ID_SIZE];
	char name[NAME_CAPACITY];
	size_t length;
	memcpy(recording.id, id, RECORDING_ID_TEXT - 1);
	if (hex_decode(binary, sizeof(binary), recording.id) < 0)
		return 0; /* not a file of ours */
	int result = sealed_read(s->folder, file_name(name, recording.id, META_SUFFIX), s->keystore, SEALED_META, binary, bytes,
	                         sizeof(bytes), &length);
	if (result == 0 && !meta_read(bytes, length, &recording))
		result = -EBADMSG;
	if (result == -EBADMSG || result == -EFBIG) {
		set_aside(s, name);
		return 0;
	}
	if (result < 0)
		return result;
	if (recording.state == RECORDING_STATE_ACTIVE)
		cut_short(s, &recording);
	apply_tags(s, &recording);
	uint8_t *thumbnail = malloc(THUMBNAIL_LIMIT);
	if (thumbnail && sealed_read(s->folder, file_name(name, recording.id, THUMBNAIL_SUFFIX), s->keystore, SEALED_THUMBNAIL,
	                             binary, thumbnail, THUMBNAIL_LIMIT, &length) == 0)
		recording.thumbnail_size = (uint32_t)length;
	free(thumbnail);
	return insert(s, &recording);
}

static int load_all(struct store *s) {
	int copy = fcntl(s->folder, F_DUPFD_CLOEXEC, 3);
	DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	if (!directory) {
		int result = -errno;
		if (copy >= 0)
			close(copy);
		return result;
	}
	rewinddir(directory);
	int result = 0;
	for (struct dirent *entry; result == 0 && (entry = readdir(directory));) {
		size_t length = strlen(entry->d_name);
		if (length == RECORDING_ID_TEXT - 1 + strlen(META_SUFFIX) &&
		    strcmp(entry->d_name + RECORDING_ID_TEXT - 1, META_SUFFIX) == 0)
			result = load_recording(s, entry->d_name);
	}
	closedir(directory);
	return result;
}

int store_open(struct store **ret, const struct file_layer *layer, int folder, struct keystore *keystore,
               const struct random_source *random) {
	struct store *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct store){ .layer = layer, .folder = folder, .keystore = keystore, .random = random };
	int result = load_all(s);
	if (result < 0) {
		store_free(s);
		return result;
	}
	*ret = s;
	return 0;
}

void store_free(struct store *s) {
	if (!s)
		return;
	free(s->recordings);
	free(s);
}

const struct recording *store_list(const struct store *s, size_t *ret_count) {
	*ret_count = s->count;
	return s->recordings;
}

const struct recording *store_find(const struct store *s, const char *id) {
	return find(s, id);
}

/* ---------------------------------------------------------------------------------------------------------------- changing */

int store_begin(struct store *s, uint64_t started_us, const char *reason, char ret_id[RECORDING_ID_TEXT],
                struct container_writer **ret_writer) {
	struct recording recording = { .started_us = started_us, .state = RECORDING_STATE_ACTIVE };
	struct container_writer *writer;
	uint8_t id[RECORDING_ID_SIZE];
	char name[NAME_CAPACITY];
	s->random->fill(s->random->context, id, sizeof(id));
	hex_encode(recording.id, id, sizeof(id));
	snprintf(recording.reason, sizeof(recording.reason), "%s", reason);
	/* The container first: metadata without one would be a recording that never was. */
	int result = container_writer_new(&writer, s->layer, s->folder, file_name(name, recording.id, CONTAINER_SUFFIX),
	                                  s->keystore, s->random, id);
	if (result < 0)
		return result;
	result = write_meta(s, &recording);
	if (result == 0)
		result = insert(s, &recording);
	if (result < 0) {
		container_writer_free(writer);
		s->layer->remove(s->layer->context, s->folder, name);
		return result;
	}
	memcpy(ret_id, recording.id, RECORDING_ID_TEXT);
	*ret_writer = writer;
	return 0;
}

int store_finish(struct store *s, const char *id, enum recording_state state, uint32_t duration_ms, uint64_t size,
                 const uint8_t sha256[SHA256_SIZE]) {
	struct recording *recording = find(s, id);
	if (!recording)
		return -ENOENT;
	recording->state = state;
	recording->duration_ms = duration_ms;
	recording->size = size;
	memcpy(recording->sha256, sha256, SHA256_SIZE);
	int result = write_meta(s, recording);
	if (result < 0)
		recording->state = RECORDING_STATE_CUT_SHORT;
	return result;
}

void store_progress(struct store *s, const char *id, uint32_t duration_ms, uint64_t size) {
	struct recording *recording = find(s, id);
	if (!recording)
		return;
	recording->duration_ms = duration_ms;
	recording->size = size;
}

int store_set_thumbnail(struct store *s, const char *id, const void *jpeg, size_t length) {
	struct recording *recording = find(s, id);
	uint8_t binary[RECORDING_ID_SIZE];
	char name[NAME_CAPACITY];
	if (!recording || hex_decode(binary, sizeof(binary), id) < 0)
		return -ENOENT;
	if (length == 0 || length > THUMBNAIL_LIMIT)
		return -EINVAL;
	int result = sealed_write(s->layer, s->folder, file_name(name, id, THUMBNAIL_SUFFIX), s->keystore, s->random,
	                          SEALED_THUMBNAIL, binary, jpeg, length);
	if (result == 0)
		recording->thumbnail_size = (uint32_t)length;
	return result;
}

int store_get_thumbnail(struct store *s, const char *id, void *out, size_t *ret_length) {
	uint8_t binary[RECORDING_ID_SIZE];
	char name[NAME_CAPACITY];
	if (!find(s, id) || hex_decode(binary, sizeof(binary), id) < 0)
		return -ENOENT;
	return sealed_read(s->folder, file_name(name, id, THUMBNAIL_SUFFIX), s->keystore, SEALED_THUMBNAIL, binary, out,
	                   THUMBNAIL_LIMIT, ret_length);
}

/* The receipt of an operation that was done before. */
static bool find_operation(const uint8_t *history, size_t length, const uint8_t *operation, struct tag_entry *ret,
                           unsigned *ret_count) {
	struct reader r = reader_over(history, length);
	struct tag_entry entry;
	*ret_count = 0;
	while (reader_left(&r) > 0 && tag_entry_read(&r, &entry)) {
		++*ret_count;
		if (memcmp(entry.operation, operation, TAG_OPERATION_SIZE) == 0) {
			*ret = entry;
			return true;
		}
	}
	return false;
}

int store_set_tag(struct store *s, const char *id, const uint8_t operation[TAG_OPERATION_SIZE], const struct recording_tag *tag,
                  uint64_t now_us, uint32_t *ret_revision, uint64_t *ret_time_us) {
	struct recording *recording = find(s, id);
	uint8_t binary[RECORDING_ID_SIZE], *history = NULL;
	char name[NAME_CAPACITY];
	size_t length = 0;
	unsigned count = 0;
	struct tag_entry entry;
	if (!recording || hex_decode(binary, sizeof(binary), id) < 0)
		return -ENOENT;
	if (!tag_is_valid(tag))
		return -EINVAL;
	int result = load_tags(s, id, &history, &length);
	if (result == -ENOENT) {
		history = malloc(TAG_HISTORY_SIZE_LIMIT);
		result = history ? 0 : -ENOMEM;
	}
	if (result < 0)
		return result;
	if (!find_operation(history, length, operation, &entry, &count)) {
		entry = (struct tag_entry){ .revision = recording->tag_revision + 1, .time_us = now_us, .tag = *tag };
		memcpy(entry.operation, operation, TAG_OPERATION_SIZE);
		struct writer w = writer_over(history, TAG_HISTORY_SIZE_LIMIT);
		writer_reserve(&w, length);
		tag_entry_write(&w, &entry);
		result = count >= TAG_HISTORY_LIMIT || w.failed
		                 ? -EFBIG
		                 : sealed_write(s->layer, s->folder, file_name(name, id, TAGS_SUFFIX), s->keystore, s->random,
		                                SEALED_TAGS, binary, history, writer_length(&w));
		if (result == 0) {
			recording->tag = *tag;
			recording->tag_revision = entry.revision;
		}
	}
	free(history);
	if (result < 0)
		return result;
	*ret_revision = entry.revision;
	*ret_time_us = entry.time_us;
	return 0;
}

/* ----------------------------------------------------------------------------------------------------------------- reading */

int store_read(const struct store *s, const char *id, struct container_reader **ret) {
	uint8_t binary[RECORDING_ID_SIZE];
	char name[NAME_CAPACITY];
	struct container_reader *reader;
	if (hex_decode(binary, sizeof(binary), id) < 0)
		return -ENOENT;
	int result = container_reader_new(&reader, s->folder, file_name(name, id, CONTAINER_SUFFIX), s->keystore);
	if (result < 0)
		return result;
	/* A container under another recording's name is a swap, not a recording. */
	if (memcmp(container_reader_id(reader), binary, RECORDING_ID_SIZE) != 0) {
		container_reader_free(reader);
		return -EBADMSG;
	}
	*ret = reader;
	return 0;
}

static int hash_all(struct container_reader *reader, uint8_t out[SHA256_SIZE]) {
	struct sha256_state *hash;
	uint8_t *bytes = malloc(CONTAINER_CHUNK_SIZE);
	int result = bytes ? sha256_new(&hash) : -ENOMEM;
	if (result < 0) {
		free(bytes);
		return result;
	}
	ssize_t got;
	for (uint64_t offset = 0; (got = container_reader_read(reader, offset, bytes, CONTAINER_CHUNK_SIZE)) > 0;
	     offset += (uint64_t)got)
		sha256_update(hash, bytes, (size_t)got);
	sha256_peek(hash, out);
	sha256_free(hash);
	free(bytes);
	return got < 0 ? (int)got : 0;
}

int store_verify(const struct store *s, const char *id) {
	const struct recording *recording = find(s, id);
	struct container_reader *reader;
	uint8_t hash[SHA256_SIZE];
	if (!recording)
		return -ENOENT;
	int result = store_read(s, id, &reader);
	if (result < 0)
		return result;
	bool complete = container_reader_is_complete(reader);
	uint64_t size = container_reader_size(reader);
	result = hash_all(reader, hash);
	container_reader_free(reader);
	if (result < 0)
		return result;
	if (recording->state != RECORDING_STATE_COMPLETE)
		return -ENODATA;
	bool same = complete && size == recording->size && memcmp(hash, recording->sha256, SHA256_SIZE) == 0;
	return same ? 0 : -EBADMSG;
}
