#include "footage/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "footage/records.h"
#include "footage/sealed.h"
#include "footage/store_state.h"

const char *store_file_name(char out[STORE_NAME_CAPACITY], const char *id, const char *suffix) {
	snprintf(out, STORE_NAME_CAPACITY, "%s%s", id, suffix);
	return out;
}

struct recording *store_find_to_change(const struct store *s, const char *id) {
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->recordings[i].id, id) == 0)
			return &s->recordings[i];
	return NULL;
}

int store_insert(struct store *s, const struct recording *recording) {
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

int store_write_meta(struct store *s, const struct recording *recording) {
	uint8_t bytes[META_SIZE_LIMIT], id[RECORDING_ID_SIZE];
	char name[STORE_NAME_CAPACITY];
	struct writer w = writer_over(bytes, sizeof(bytes));
	meta_write(&w, recording);
	if (w.failed || hex_decode(id, sizeof(id), recording->id) < 0)
		return -EINVAL;
	return sealed_write(s->layer, s->folder, store_file_name(name, recording->id, META_SUFFIX), s->keystore, s->random,
	                    SEALED_META, id, bytes, writer_length(&w));
}

void store_set_aside(struct store *s, const char *id, const char *suffix) {
	char name[STORE_NAME_CAPACITY];
	store_file_name(name, id, suffix);
	log_reason(LOG_LEVEL_ERROR, STORE_AREA, REASON_RECORDING_DAMAGED, "%s is damaged%s", name,
	           s->layer ? " and was set aside" : "");
	if (!s->layer)
		return;
	int result = file_set_aside(s->layer, s->folder, name);
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, STORE_AREA, "%s cannot be set aside: %s", name, strerror(-result));
}

const struct recording *store_list(const struct store *s, size_t *ret_count) {
	*ret_count = s->count;
	return s->recordings;
}

size_t store_strangers(const struct store *s) {
	return s->strangers;
}

const struct recording *store_find(const struct store *s, const char *id) {
	return store_find_to_change(s, id);
}

/* ---------------------------------------------------------------------------------------------------------------- changing */

int store_begin(struct store *s, uint64_t started_us, const char *reason, char ret_id[RECORDING_ID_TEXT],
                struct container_writer **ret_writer) {
	struct recording recording = { .started_us = started_us, .state = RECORDING_STATE_ACTIVE };
	struct container_writer *writer;
	uint8_t id[RECORDING_ID_SIZE];
	char name[STORE_NAME_CAPACITY], meta[STORE_NAME_CAPACITY];
	if (!s->layer)
		return -EROFS;
	s->random->fill(s->random->context, id, sizeof(id));
	hex_encode(recording.id, id, sizeof(id));
	snprintf(recording.reason, sizeof(recording.reason), "%s", reason);
	/* The container first: metadata without one would be a recording that never was. */
	int result = container_writer_new(&writer, s->layer, s->folder, store_file_name(name, recording.id, CONTAINER_SUFFIX),
	                                  s->keystore, s->random, id);
	if (result < 0)
		return result;
	result = store_write_meta(s, &recording);
	if (result == 0)
		result = store_insert(s, &recording);
	if (result < 0) {
		container_writer_free(writer);
		s->layer->remove(s->layer->context, s->folder, name);
		/* It may have got its name before the folder could not be synced. */
		s->layer->remove(s->layer->context, s->folder, store_file_name(meta, recording.id, META_SUFFIX));
		return result;
	}
	memcpy(ret_id, recording.id, RECORDING_ID_TEXT);
	*ret_writer = writer;
	return 0;
}

int store_finish(struct store *s, const char *id, enum recording_state state, uint32_t duration_ms, uint64_t size,
                 const uint8_t sha256[SHA256_SIZE]) {
	struct recording *recording = store_find_to_change(s, id);
	if (!recording)
		return -ENOENT;
	if (!s->layer)
		return -EROFS;
	recording->state = state;
	recording->duration_ms = duration_ms;
	recording->size = size;
	memcpy(recording->sha256, sha256, SHA256_SIZE);
	int result = store_write_meta(s, recording);
	if (result < 0)
		recording->state = RECORDING_STATE_CUT_SHORT;
	return result;
}

void store_progress(struct store *s, const char *id, uint32_t duration_ms, uint64_t size) {
	struct recording *recording = store_find_to_change(s, id);
	if (!recording)
		return;
	recording->duration_ms = duration_ms;
	recording->size = size;
}

int store_set_thumbnail(struct store *s, const char *id, const void *jpeg, size_t length) {
	struct recording *recording = store_find_to_change(s, id);
	uint8_t binary[RECORDING_ID_SIZE];
	char name[STORE_NAME_CAPACITY];
	if (!recording || hex_decode(binary, sizeof(binary), id) < 0)
		return -ENOENT;
	if (length == 0 || length > THUMBNAIL_LIMIT)
		return -EINVAL;
	if (!s->layer)
		return -EROFS;
	int result = sealed_write(s->layer, s->folder, store_file_name(name, id, THUMBNAIL_SUFFIX), s->keystore, s->random,
	                          SEALED_THUMBNAIL, binary, jpeg, length);
	if (result == 0)
		recording->thumbnail_size = (uint32_t)length;
	return result;
}

int store_get_thumbnail(const struct store *s, const char *id, void *out, size_t *ret_length) {
	uint8_t binary[RECORDING_ID_SIZE];
	char name[STORE_NAME_CAPACITY];
	if (!store_find_to_change(s, id) || hex_decode(binary, sizeof(binary), id) < 0)
		return -ENOENT;
	return sealed_read(s->folder, store_file_name(name, id, THUMBNAIL_SUFFIX), s->keystore, SEALED_THUMBNAIL, binary, out,
	                   THUMBNAIL_LIMIT, ret_length);
}

/* ----------------------------------------------------------------------------------------------------------------- reading */

int store_read(const struct store *s, const char *id, struct container_reader **ret) {
	uint8_t binary[RECORDING_ID_SIZE];
	char name[STORE_NAME_CAPACITY];
	struct container_reader *reader;
	if (hex_decode(binary, sizeof(binary), id) < 0)
		return -ENOENT;
	int result = container_reader_new(&reader, s->folder, store_file_name(name, id, CONTAINER_SUFFIX), s->keystore);
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
