/* Tag histories: appended to, never rewritten, and on disk before success is told. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "footage/records.h"
#include "footage/sealed.h"
#include "footage/store_state.h"

/* Number of entries, or -EBADMSG: authentic, but of a version of ours that wrote something else. */
static int count_entries(const uint8_t *bytes, size_t length) {
	struct reader r = reader_over(bytes, length);
	struct tag_entry entry;
	int count = 0;
	for (; reader_left(&r) > 0; count++)
		if (count == TAG_HISTORY_LIMIT || !tag_entry_read(&r, &entry))
			return -EBADMSG;
	return count;
}

int store_load_tags(const struct store *s, const char *id, uint8_t **ret, size_t *ret_length) {
	uint8_t binary[RECORDING_ID_SIZE];
	char name[STORE_NAME_CAPACITY];
	size_t length = 0;
	uint8_t *bytes = malloc(TAG_HISTORY_SIZE_LIMIT);
	if (!bytes)
		return -ENOMEM;
	int result = hex_decode(binary, sizeof(binary), id);
	if (result == 0)
		result = sealed_read(s->folder, store_file_name(name, id, TAGS_SUFFIX), s->keystore, SEALED_TAGS, binary, bytes,
		                     TAG_HISTORY_SIZE_LIMIT, &length);
	if (result == -EFBIG)
		result = -EBADMSG;
	if (result == 0)
		result = count_entries(bytes, length);
	if (result < 0) {
		free(bytes);
		return result;
	}
	*ret = bytes;
	*ret_length = length;
	return 0;
}

/* Steps through to the entry of that operation. False: there is none, and *ret is the last entry (revision 0: none at all). */
static bool find_operation(const uint8_t *history, size_t length, const uint8_t *operation, struct tag_entry *ret) {
	struct reader r = reader_over(history, length);
	ret->revision = 0;
	while (reader_left(&r) > 0 && tag_entry_read(&r, ret))
		if (memcmp(ret->operation, operation, TAG_OPERATION_SIZE) == 0)
			return true;
	return false;
}

static int append_entry(struct store *s, const char *id, uint8_t *history, size_t length, const struct tag_entry *entry) {
	uint8_t binary[RECORDING_ID_SIZE];
	char name[STORE_NAME_CAPACITY];
	struct writer w = writer_over(history, TAG_HISTORY_SIZE_LIMIT);
	writer_reserve(&w, length);
	tag_entry_write(&w, entry);
	if (w.failed || count_entries(history, writer_length(&w)) < 0 || hex_decode(binary, sizeof(binary), id) < 0)
		return -EFBIG;
	return sealed_write(s->layer, s->folder, store_file_name(name, id, TAGS_SUFFIX), s->keystore, s->random, SEALED_TAGS,
	                    binary, history, writer_length(&w));
}

/* The history to append to. A damaged one is set aside, and the tag begins a new one: refusing it would help nobody. */
static int begin_change(struct store *s, const char *id, uint8_t **ret, size_t *ret_length) {
	int result = store_load_tags(s, id, ret, ret_length);
	if (result == -EBADMSG)
		store_set_aside(s, id, TAGS_SUFFIX);
	if (result != -ENOENT && result != -EBADMSG)
		return result;
	*ret_length = 0;
	*ret = malloc(TAG_HISTORY_SIZE_LIMIT);
	return *ret ? 0 : -ENOMEM;
}

int store_set_tag(struct store *s, const char *id, const uint8_t operation[TAG_OPERATION_SIZE], const struct recording_tag *tag,
                  uint64_t now_us, uint32_t *ret_revision, uint64_t *ret_time_us) {
	struct recording *recording = store_find_to_change(s, id);
	uint8_t *history;
	size_t length;
	struct tag_entry entry;
	if (!recording)
		return -ENOENT;
	if (!tag_is_valid(tag))
		return -EINVAL;
	if (!s->layer)
		return -EROFS;
	int result = begin_change(s, id, &history, &length);
	if (result < 0)
		return result;
	if (!find_operation(history, length, operation, &entry)) {
		/* The file may be ahead of memory: written by an attempt that could not tell that it is durable. */
		uint32_t last = entry.revision > recording->tag_revision ? entry.revision : recording->tag_revision;
		entry = (struct tag_entry){ .revision = last + 1, .time_us = now_us, .tag = *tag };
		memcpy(entry.operation, operation, TAG_OPERATION_SIZE);
		result = append_entry(s, id, history, length, &entry);
	} else if (entry.revision > recording->tag_revision) {
		result = s->layer->sync(s->layer->context, s->folder);
	}
	free(history);
	if (result < 0)
		return result;
	if (entry.revision > recording->tag_revision) {
		recording->tag = entry.tag;
		recording->tag_revision = entry.revision;
	}
	*ret_revision = entry.revision;
	*ret_time_us = entry.time_us;
	return 0;
}

int store_get_tags(const struct store *s, const char *id, struct tag_entry **ret, size_t *ret_count) {
	uint8_t *history = NULL;
	size_t length = 0;
	if (!store_find(s, id))
		return -ENOENT;
	int count = store_load_tags(s, id, &history, &length);
	if (count == 0)
		count = count_entries(history, length);
	else if (count == -ENOENT)
		count = 0;
	struct tag_entry *entries = count > 0 ? calloc((size_t)count, sizeof(*entries)) : NULL;
	if (count > 0 && !entries)
		count = -ENOMEM;
	struct reader r = reader_over(history, length);
	for (int i = 0; i < count; i++)
		tag_entry_read(&r, &entries[i]);
	free(history);
	if (count < 0)
		return count;
	*ret = entries;
	*ret_count = (size_t)count;
	return 0;
}
