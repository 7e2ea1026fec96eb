#include "cam-radio/preferences.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"

#define NAME "preferences"
/* Magic 4, version 1, then one byte 0 or 1 for each member. */
#define MAGIC "LYpf"
#define VERSION 1
#define SIZE 7

static bool read_boolean(struct reader *r) {
	uint8_t byte = reader_u8(r);
	if (byte > 1)
		r->failed = true;
	return byte == 1;
}

static int decode(const uint8_t *bytes, size_t length, struct preferences *ret) {
	struct reader r = reader_over(bytes, length);
	const uint8_t *magic = reader_take(&r, sizeof(MAGIC) - 1);
	if (!magic || memcmp(magic, MAGIC, sizeof(MAGIC) - 1) != 0 || reader_u8(&r) != VERSION)
		return -EBADMSG;
	struct preferences preferences = { .indicator_lights = read_boolean(&r), .sounds = read_boolean(&r) };
	if (!reader_done(&r))
		return -EBADMSG;
	*ret = preferences;
	return 0;
}

void preferences_load(struct preferences *ret, const struct file_layer *layer, int folder) {
	uint8_t bytes[SIZE];
	size_t length;
	*ret = (struct preferences){ .indicator_lights = true, .sounds = true };
	int result = file_read(folder, NAME, bytes, sizeof(bytes), &length);
	if (result == 0)
		result = decode(bytes, length, ret);
	if (result == 0 || result == -ENOENT)
		return;
	log_line(LOG_LEVEL_WARNING, "preferences", "the file is set aside: %s", strerror(-result));
	(void)file_set_aside(layer, folder, NAME); /* it is written anew at the next change in any case */
}

int preferences_store(const struct preferences *preferences, const struct file_layer *layer, int folder) {
	uint8_t bytes[SIZE];
	struct writer w = writer_over(bytes, sizeof(bytes));
	writer_copy(&w, MAGIC, sizeof(MAGIC) - 1);
	writer_u8(&w, VERSION);
	writer_u8(&w, preferences->indicator_lights);
	writer_u8(&w, preferences->sounds);
	return file_replace(layer, folder, NAME, bytes, writer_length(&w));
}
