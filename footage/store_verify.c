/* Whether a recording and what belongs to it are what was captured. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "footage/records.h"
#include "footage/sealed.h"
#include "footage/store_state.h"

static int hash_all(struct container_reader *reader, uint8_t out[SHA256_SIZE]) {
	struct sha256_state *hash;
	uint8_t *bytes = malloc(CONTAINER_READ_SIZE);
	int result = bytes ? sha256_new(&hash) : -ENOMEM;
	if (result < 0) {
		free(bytes);
		return result;
	}
	ssize_t got;
	for (uint64_t offset = 0; (got = container_reader_read(reader, offset, bytes, CONTAINER_READ_SIZE)) > 0;
	     offset += (uint64_t)got)
		sha256_update(hash, bytes, (size_t)got);
	sha256_peek(hash, out);
	sha256_free(hash);
	free(bytes);
	return got < 0 ? (int)got : 0;
}

int store_verify(const struct store *s, const char *id) {
	const struct recording *recording = store_find_to_change(s, id);
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
	/* What was there after the power cut is noted too: less of it is damage. */
	if (recording->state == RECORDING_STATE_CUT_SHORT && size < recording->size)
		return -EBADMSG;
	if (recording->state != RECORDING_STATE_COMPLETE)
		return -ENODATA;
	bool same = complete && size == recording->size && memcmp(hash, recording->sha256, SHA256_SIZE) == 0;
	return same ? 0 : -EBADMSG;
}

/* -------------------------------------------------------------------------------------------------------------- its other files
 */

static int check_meta(const struct store *s, const char *id) {
	uint8_t bytes[META_SIZE_LIMIT], binary[RECORDING_ID_SIZE];
	char name[STORE_NAME_CAPACITY];
	struct recording recording = { .started_us = 0 };
	size_t length = 0;
	int result = hex_decode(binary, sizeof(binary), id);
	if (result == 0)
		result = sealed_read(s->folder, store_file_name(name, id, META_SUFFIX), s->keystore, SEALED_META, binary, bytes,
		                     sizeof(bytes), &length);
	return result == 0 && !meta_read(bytes, length, &recording) ? -EBADMSG : result;
}

static int check_thumbnail(const struct store *s, const char *id) {
	uint8_t *jpeg = malloc(THUMBNAIL_LIMIT);
	size_t length = 0;
	int result = jpeg ? store_get_thumbnail(s, id, jpeg, &length) : -ENOMEM;
	free(jpeg);
	return result;
}

static int check_tags(const struct store *s, const char *id) {
	uint8_t *bytes = NULL;
	size_t length = 0;
	int result = store_load_tags(s, id, &bytes, &length);
	free(bytes);
	return result;
}

static int check_details(const struct store *s, const char *id) {
	struct recording_detail *details = NULL;
	size_t count;
	int result = store_get_details(s, id, &details, &count);
	free(details);
	return result;
}

static const struct {
	const char *suffix;
	int (*check)(const struct store *s, const char *id);
} parts[] = {
	[RECORDING_PART_META] = { META_SUFFIX, check_meta },
	[RECORDING_PART_THUMBNAIL] = { THUMBNAIL_SUFFIX, check_thumbnail },
	[RECORDING_PART_TAGS] = { TAGS_SUFFIX, check_tags },
	[RECORDING_PART_DETAILS] = { DETAILS_SUFFIX, check_details },
};

enum recording_part_state store_check_part(const struct store *s, const char *id, enum recording_part part) {
	char name[STORE_NAME_CAPACITY + 16];
	int result = parts[part].check(s, id);
	/* Every recording has metadata from its first moment on; the others it may never have had. */
	if (result < 0 && (result != -ENOENT || part == RECORDING_PART_META))
		return RECORDING_PART_DAMAGED;
	snprintf(name, sizeof(name), "%s%s.damaged-1", id, parts[part].suffix);
	if (faccessat(s->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return RECORDING_PART_SET_ASIDE;
	return RECORDING_PART_GOOD;
}
