#include "signal/mute.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define LINE_SIZE 128 /* "SINCE UNTIL WHO\n" */

static bool is_good(const struct mute *mute) {
	return mute->since_s <= mute->until_s && mute->until_s - mute->since_s <= MUTE_MINUTES_LIMIT * 60 && *mute->who &&
	       text_is_plain(mute->who, false);
}

int mute_make(struct mute *ret, uint64_t now_s, uint64_t minutes, const char *who) {
	struct mute mute = { .since_s = now_s };
	if (minutes > MUTE_MINUTES_LIMIT || strlen(who) >= sizeof(mute.who))
		return -EINVAL;
	mute.until_s = now_s + minutes * 60;
	strcpy(mute.who, who);
	if (!is_good(&mute))
		return -EINVAL;
	*ret = mute;
	return 0;
}

bool mute_is_on(const struct mute *mute, uint64_t now_s) {
	return mute->since_s <= now_s && now_s < mute->until_s;
}

int mute_parse(struct mute *ret, const char *bytes, size_t length) {
	char line[LINE_SIZE];
	struct mute mute = { 0 };
	int at = 0;
	if (length == 0 || length > sizeof(line) || memchr(bytes, '\n', length) != bytes + length - 1)
		return -EBADMSG;
	memcpy(line, bytes, length);
	line[length - 1] = '\0';
	if (strlen(line) != length - 1 || sscanf(line, "%" SCNu64 " %" SCNu64 " %n", &mute.since_s, &mute.until_s, &at) != 2 ||
	    at == 0 || strlen(line + at) >= sizeof(mute.who))
		return -EBADMSG;
	strcpy(mute.who, line + at);
	if (!is_good(&mute))
		return -EBADMSG;
	*ret = mute;
	return 0;
}

int mute_read(struct mute *ret, int folder) {
	char line[LINE_SIZE];
	size_t length;
	*ret = (struct mute){ 0 };
	int r = file_read(folder, MUTE_FILE, line, sizeof(line), &length);
	if (r == -ENOENT)
		return 0;
	if (r == -EFBIG)
		return -EBADMSG;
	return r < 0 ? r : mute_parse(ret, line, length);
}

int mute_write(const struct mute *mute, const struct file_layer *layer, int folder) {
	char line[LINE_SIZE];
	int length = snprintf(line, sizeof(line), "%" PRIu64 " %" PRIu64 " %s\n", mute->since_s, mute->until_s, mute->who);
	return file_replace(layer, folder, MUTE_FILE, line, (size_t)length);
}
