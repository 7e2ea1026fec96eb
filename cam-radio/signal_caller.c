#include "cam-radio/signal_caller.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"

#define SEQUENCE_FILE "call-sequence"
#define SEQUENCE_SIZE 8 /* the next one, and its complement */
/* Taken at once: more than half a minute needs. After a power cut some are skipped, and none comes twice. */
#define SEQUENCES 32

void signal_caller_init(struct signal_caller *c, uint32_t sender, const struct file_layer *layer, int folder) {
	uint8_t bytes[SEQUENCE_SIZE];
	size_t length = 0;
	*c = (struct signal_caller){ .sender = sender, .layer = layer, .folder = folder, .next = 1, .stored = 1 };
	int r = file_read(folder, SEQUENCE_FILE, bytes, sizeof(bytes), &length);
	if (r == -ENOENT)
		return;
	struct reader reader = reader_over(bytes, length);
	uint32_t next = reader_u32(&reader), check = reader_u32(&reader);
	if (r == 0 && reader_done(&reader) && check == ~next && next > 0) {
		c->next = c->stored = next;
		return;
	}
	/* Beginning again at 1 would be refused by every camera near without a word: better to be told here. */
	c->next = c->stored = UINT32_MAX;
	log_line(LOG_LEVEL_ERROR, "signal", "the sequence of our calls is damaged: remove %s and give this camera another number",
	         SEQUENCE_FILE);
}

static int take(struct signal_caller *c) {
	uint8_t bytes[SEQUENCE_SIZE];
	struct writer w = writer_over(bytes, sizeof(bytes));
	if (UINT32_MAX - c->next < SEQUENCES)
		return -EOVERFLOW;
	if (c->stored - c->next >= SEQUENCES / 2)
		return 0; /* enough are left of the last ones */
	writer_u32(&w, c->next + SEQUENCES);
	writer_u32(&w, ~(c->next + SEQUENCES));
	int r = file_replace(c->layer, c->folder, SEQUENCE_FILE, bytes, sizeof(bytes));
	if (r == 0)
		c->stored = c->next + SEQUENCES;
	return r;
}

int signal_caller_begin(struct signal_caller *c, uint64_t now_us) {
	int r = take(c);
	c->until_us = r < 0 ? 0 : now_us + SIGNAL_CALL_US;
	return r;
}

void signal_caller_end(struct signal_caller *c) {
	c->until_us = 0;
}

bool signal_caller_is_calling(const struct signal_caller *c, uint64_t now_us) {
	return now_us < c->until_us && c->next < c->stored;
}

bool signal_caller_say(struct signal_caller *c, uint64_t now_us, uint64_t time_s, struct signal_call *ret) {
	if (!signal_caller_is_calling(c, now_us))
		return false;
	*ret = (struct signal_call){
		.sender = c->sender,
		.sequence = c->next++,
		.time_s = (uint32_t)time_s,
		.kind = SIGNAL_CAMERA,
	};
	return true;
}
