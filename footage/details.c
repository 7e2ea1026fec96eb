/* Details of recordings: positions, what started and stopped them. They come often and none of them is worth a write of its own,
 * so those of one recording gather in memory and are written together. Those of others are there only while the disk refuses
 * them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "footage/records.h"
#include "footage/sealed.h"
#include "footage/store_state.h"

/* More recordings than that do not begin while a disk refuses every write. */
#define HELD_LIMIT 4

struct store_details {
	struct store_details *next;
	char id[RECORDING_ID_TEXT];
	bool changed; /* since they were written last */
	size_t length;
	uint8_t bytes[DETAILS_SIZE_LIMIT];
};

void store_details_free(struct store_details *details) {
	while (details) {
		struct store_details *next = details->next;
		free(details);
		details = next;
	}
}

static struct store_details *find_held(const struct store *s, const char *id) {
	struct store_details *held = s->details;
	while (held && strcmp(held->id, id) != 0)
		held = held->next;
	return held;
}

/* How many are left: what is not on disk. */
static size_t drop_written(struct store *s) {
	size_t left = 0;
	for (struct store_details **at = &s->details; *at;) {
		struct store_details *held = *at;
		if (held->changed) {
			at = &held->next;
			left++;
		} else {
			*at = held->next;
			free(held);
		}
	}
	return left;
}

/* *ret_length is 0 when there are none. */
static int load(const struct store *s, const char *id, uint8_t bytes[DETAILS_SIZE_LIMIT], size_t *ret_length) {
	uint8_t binary[RECORDING_ID_SIZE];
	char name[STORE_NAME_CAPACITY];
	int result = hex_decode(binary, sizeof(binary), id);
	if (result == 0)
		result = sealed_read(s->folder, store_file_name(name, id, DETAILS_SUFFIX), s->keystore, SEALED_DETAILS, binary,
		                     bytes, DETAILS_SIZE_LIMIT, ret_length);
	if (result == -ENOENT) {
		*ret_length = 0;
		return 0;
	}
	return result == -EFBIG ? -EBADMSG : result;
}

/* Those of that recording, in memory. */
static int select_recording(struct store *s, const char *id, struct store_details **ret) {
	*ret = find_held(s, id);
	if (*ret)
		return 0;
	int result = store_sync_details(s);
	if (drop_written(s) == HELD_LIMIT)
		return result;
	struct store_details *details = malloc(sizeof(*details));
	if (!details)
		return -ENOMEM;
	snprintf(details->id, sizeof(details->id), "%s", id);
	details->changed = false;
	result = load(s, id, details->bytes, &details->length);
	if (result == -EBADMSG) {
		store_set_aside(s, id, DETAILS_SUFFIX);
		details->length = 0;
		result = 0;
	}
	if (result < 0) {
		free(details);
		return result;
	}
	details->next = s->details;
	s->details = details;
	*ret = details;
	return 0;
}

static bool fill_text(char *out, size_t limit, const char *text) {
	size_t length = strlen(text);
	if (length > limit)
		return false;
	memcpy(out, text, length + 1);
	return true;
}

int store_add_detail(struct store *s, const char *id, uint64_t now_us, const char *key, const char *value) {
	struct recording_detail detail = { .time_us = now_us };
	if (!store_find(s, id))
		return -ENOENT;
	if (!fill_text(detail.key, DETAIL_KEY_LIMIT, key) || !fill_text(detail.value, DETAIL_VALUE_LIMIT, value) ||
	    !detail_is_valid(&detail))
		return -EINVAL;
	if (!s->layer)
		return -EROFS;
	struct store_details *details;
	int result = select_recording(s, id, &details);
	if (result < 0)
		return result;
	struct writer w = writer_over(details->bytes, sizeof(details->bytes));
	writer_reserve(&w, details->length);
	detail_write(&w, &detail);
	if (w.failed)
		return -EFBIG;
	details->length = writer_length(&w);
	details->changed = true;
	return 0;
}

static int write_held(struct store *s, struct store_details *details) {
	uint8_t binary[RECORDING_ID_SIZE];
	char name[STORE_NAME_CAPACITY];
	int result = hex_decode(binary, sizeof(binary), details->id);
	if (result == 0)
		result = sealed_write(s->layer, s->folder, store_file_name(name, details->id, DETAILS_SUFFIX), s->keystore,
		                      s->random, SEALED_DETAILS, binary, details->bytes, details->length);
	if (result == 0)
		details->changed = false;
	return result;
}

int store_sync_details(struct store *s) {
	int first = 0;
	for (struct store_details *held = s->details; held; held = held->next) {
		int result = held->changed ? write_held(s, held) : 0;
		if (first == 0)
			first = result;
	}
	return first;
}

static int parse(const uint8_t *bytes, size_t length, struct recording_detail **ret, size_t *ret_count) {
	struct reader r = reader_over(bytes, length);
	struct recording_detail *details = NULL;
	size_t count = 0, capacity = 0;
	while (reader_left(&r) > 0) {
		if (count == capacity) {
			capacity = capacity > 0 ? 2 * capacity : 16;
			struct recording_detail *grown = realloc(details, capacity * sizeof(*grown));
			if (!grown) {
				free(details);
				return -ENOMEM;
			}
			details = grown;
		}
		if (!detail_read(&r, &details[count++])) {
			free(details);
			return -EBADMSG;
		}
	}
	*ret = details;
	*ret_count = count;
	return 0;
}

int store_get_details(const struct store *s, const char *id, struct recording_detail **ret, size_t *ret_count) {
	if (!store_find(s, id))
		return -ENOENT;
	const struct store_details *held = find_held(s, id);
	if (held)
		return parse(held->bytes, held->length, ret, ret_count);
	uint8_t *bytes = malloc(DETAILS_SIZE_LIMIT);
	size_t length = 0;
	int result = bytes ? load(s, id, bytes, &length) : -ENOMEM;
	if (result == 0)
		result = parse(bytes, length, ret, ret_count);
	free(bytes);
	return result;
}
