#include "companion/media.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "proto/codec.h"

/* A slice: one MediaRequest and the place in the recording that it fills. */
struct slice {
	uint32_t id;
	uint64_t start;
	uint64_t length; /* UINT64_MAX for live preview */
	uint64_t received;
	bool headed, finished;
	enum reason reason; /* when finished: why it has no more bytes */
};

struct media_read {
	struct media_read *next;
	struct media *media;
	char recording[33];
	bool live;
	uint64_t start;     /* position of the first byte that was asked for */
	uint64_t taken;     /* position up to which bytes were handed on */
	uint64_t requested; /* position up to which slices were asked for */
	uint64_t end;       /* position of the last byte + 1; UINT64_MAX until the total is known */
	bool headed;
	uint64_t total;
	bool ended;
	enum reason reason;
	size_t slices;
	struct slice slice[MEDIA_SLICES_IN_FLIGHT]; /* in the order of their places */
	void (*progress)(void *context);
	void *context;
	size_t used;     /* bytes of the buffer that were ever written: what has to be wiped */
	uint8_t *buffer; /* a ring: the byte at position p is at (p - start) % MEDIA_BUFFER */
};

struct media {
	bool open;
	uint32_t last_id;
	struct media_read *reads;
	void (*send)(void *context, const uint8_t *bytes, size_t length);
	void *context;
};

struct media *media_new(void) {
	return calloc(1, sizeof(struct media));
}

void media_free(struct media *media) {
	free(media);
}

void media_open(struct media *media, void (*send)(void *context, const uint8_t *bytes, size_t length), void *context) {
	media->open = true;
	media->send = send;
	media->context = context;
}

bool media_is_open(const struct media *media) {
	return media->open;
}

size_t media_readers(const struct media *media) {
	size_t count = 0;
	for (const struct media_read *read = media->reads; read; read = read->next)
		count++;
	return count;
}

static void media_send_request(struct media *media, uint32_t id, const char *recording, uint64_t offset, uint64_t length,
                               bool cancel) {
	lanyard_MediaMessage message = { .which_kind = lanyard_MediaMessage_request_tag };
	lanyard_MediaRequest *request = &message.kind.request;
	request->id = id;
	strcpy(request->recording_id, recording); /* both hold 32 characters */
	request->offset = offset;
	request->length = length;
	request->cancel = cancel;
	uint8_t bytes[128];
	size_t size;
	if (codec_encode_media(&message, bytes, sizeof(bytes), &size) == 0)
		media->send(media->context, bytes, size);
}

/* --- slices --- */

/* Position up to which bytes have arrived without a gap. */
static uint64_t read_arrived(const struct media_read *read) {
	return read->slices > 0 ? read->slice[0].start + read->slice[0].received : read->requested;
}

static void read_request_slice(struct media_read *read) {
	struct media *media = read->media;
	if (++media->last_id == 0)
		media->last_id = 1;
	uint64_t length = read->end - read->requested < MEDIA_SLICE ? read->end - read->requested : MEDIA_SLICE;
	struct slice *slice = &read->slice[read->slices++];
	*slice = (struct slice){ .id = media->last_id, .start = read->requested, .length = read->live ? UINT64_MAX : length };
	read->requested += read->live ? 0 : length;
	media_send_request(media, slice->id, read->recording, slice->start, read->live ? 0 : length, false);
}

/* Asks for as much as fits. The first slice goes alone: its answer tells where the recording ends. */
static void read_request_more(struct media_read *read) {
	if (read->live || !read->headed)
		return;
	while (!read->ended && read->slices < MEDIA_SLICES_IN_FLIGHT && read->requested < read->end &&
	       read->requested - read->taken + MEDIA_SLICE <= MEDIA_BUFFER)
		read_request_slice(read);
}

static void read_end(struct media_read *read, enum reason reason) {
	if (read->ended)
		return;
	for (size_t i = 0; i < read->slices; i++)
		if (read->media->open && !read->slice[i].finished)
			media_send_request(read->media, read->slice[i].id, read->recording, 0, 0, true);
	read->requested = read_arrived(read); /* bytes after a gap are of no use */
	read->slices = 0;
	read->ended = true;
	read->reason = reason;
}

/* Steps over what is complete and asks for more; ends the reader at its end or at the first gap. */
static void read_advance(struct media_read *read) {
	while (read->slices > 0 && read->slice[0].finished) {
		const struct slice *slice = &read->slice[0];
		bool complete = read->live ? slice->reason == REASON_OK : slice->received == slice->length;
		if (!complete) {
			read_end(read, slice->reason == REASON_OK ? REASON_RECORDING_DAMAGED : slice->reason);
			return;
		}
		if (read->live)
			read->requested = read->end = read_arrived(read);
		read->slices--;
		memmove(&read->slice[0], &read->slice[1], read->slices * sizeof(read->slice[0]));
	}
	if (read->slices == 0 && read->requested >= read->end)
		read_end(read, REASON_OK);
	else
		read_request_more(read);
}

static struct media_read *media_find(struct media *media, uint32_t id, size_t *ret_index) {
	for (struct media_read *read = media->reads; read; read = read->next)
		for (size_t i = 0; i < read->slices; i++)
			if (read->slice[i].id == id) {
				*ret_index = i;
				return read;
			}
	return NULL;
}

/* --- what the camera says; anything about an id that is not known belongs to a cancelled request --- */

static int media_take_head(struct media *media, const lanyard_MediaHead *head) {
	size_t index;
	struct media_read *read = media_find(media, head->id, &index);
	if (!read)
		return 0;
	struct slice *slice = &read->slice[index];
	if (slice->headed)
		return -EBADMSG;
	slice->headed = true;
	slice->reason = reason_from_number(head->reason);
	slice->finished = slice->reason != REASON_OK;
	if (!read->headed) { /* this is the first slice: it went alone */
		read->headed = !slice->finished || head->total > 0;
		read->total = head->total;
		if (!read->live && !slice->finished) {
			if (head->total <= slice->start)
				return -EBADMSG; /* there is nothing there, and the camera should have said so */
			if (head->total < read->end)
				read->end = head->total;
			if (slice->length > read->end - slice->start)
				slice->length = read->end - slice->start;
			read->requested = slice->start + slice->length;
		}
	} else if (!slice->finished) {
		return 0;
	}
	if (index == 0)
		read_advance(read);
	read->progress(read->context);
	return 0;
}

static void ring_put(struct media_read *read, uint64_t position, const uint8_t *data, size_t length) {
	size_t at = (size_t)((position - read->start) % MEDIA_BUFFER);
	size_t before_wrap = length < MEDIA_BUFFER - at ? length : MEDIA_BUFFER - at;
	memcpy(read->buffer + at, data, before_wrap);
	memcpy(read->buffer, data + before_wrap, length - before_wrap);
	size_t top = before_wrap < length ? MEDIA_BUFFER : at + length;
	if (top > read->used)
		read->used = top;
}

static int media_take_data(struct media *media, const uint8_t *bytes, size_t length) {
	uint32_t id;
	const uint8_t *data;
	size_t data_length;
	if (codec_media_data(bytes, length, &id, &data, &data_length) < 0)
		return -EBADMSG;
	size_t index;
	struct media_read *read = media_find(media, id, &index);
	if (!read)
		return 0;
	struct slice *slice = &read->slice[index];
	if (!slice->headed || data_length > slice->length - slice->received)
		return -EBADMSG;
	uint64_t position = slice->start + slice->received;
	if (read->live && position + data_length - read->taken > MEDIA_BUFFER) {
		/* Whoever watches does not keep up, and a gap cannot be played: it has to be opened anew. */
		read_end(read, REASON_QUEUE_FULL);
		read->progress(read->context);
		return 0;
	}
	ring_put(read, position, data, data_length);
	slice->received += data_length;
	if (index == 0)
		read->progress(read->context);
	return 0;
}

static int media_take_end(struct media *media, const lanyard_MediaEnd *end) {
	size_t index;
	struct media_read *read = media_find(media, end->id, &index);
	if (!read)
		return 0;
	struct slice *slice = &read->slice[index];
	if (!slice->headed || slice->finished)
		return -EBADMSG;
	slice->finished = true;
	slice->reason = reason_from_number(end->reason);
	if (index > 0)
		return 0; /* it waits for the one before it */
	read_advance(read);
	read->progress(read->context);
	return 0;
}

int media_take_message(struct media *media, const uint8_t *bytes, size_t length) {
	if (codec_media_is_data(bytes, length))
		return media_take_data(media, bytes, length);
	lanyard_MediaMessage message;
	if (codec_decode_media(bytes, length, &message) < 0)
		return -EBADMSG;
	if (message.which_kind == lanyard_MediaMessage_head_tag)
		return media_take_head(media, &message.kind.head);
	if (message.which_kind == lanyard_MediaMessage_end_tag)
		return media_take_end(media, &message.kind.end);
	return -EBADMSG;
}

/* --- readers --- */

void media_close(struct media *media, enum reason reason) {
	media->open = false;
	/* A reader may be freed, and others too, when it is told: begin anew after each. */
	for (struct media_read *read = media->reads; read;) {
		if (read->ended) {
			read = read->next;
			continue;
		}
		read_end(read, reason);
		read->progress(read->context);
		read = media->reads;
	}
}

int media_read_new(struct media_read **ret, struct media *media, const char *recording, uint64_t offset, uint64_t length,
                   void (*progress)(void *context), void *context) {
	if (!media->open)
		return -ENOTCONN;
	if (media_readers(media) >= MEDIA_READERS)
		return -EMFILE;
	if (strlen(recording) >= sizeof(((struct media_read *)NULL)->recording))
		return -EINVAL;
	struct media_read *read = calloc(1, sizeof(*read));
	if (!read)
		return -ENOMEM;
	read->buffer = malloc(MEDIA_BUFFER);
	if (!read->buffer) {
		free(read);
		return -ENOMEM;
	}
	read->media = media;
	strcpy(read->recording, recording); /* the length was checked above */
	read->live = *recording == '\0';
	read->start = read->taken = read->requested = read->live ? 0 : offset;
	read->end = length == 0 || length > UINT64_MAX - read->taken ? UINT64_MAX : read->taken + length;
	read->progress = progress;
	read->context = context;
	read->next = media->reads;
	media->reads = read;
	read_request_slice(read);
	*ret = read;
	return 0;
}

void media_read_free(struct media_read *read) {
	if (!read)
		return;
	read_end(read, REASON_CANCELLED);
	for (struct media_read **link = &read->media->reads; *link; link = &(*link)->next)
		if (*link == read) {
			*link = read->next;
			break;
		}
	wipe(read->buffer, read->used);
	free(read->buffer);
	free(read);
}

bool media_read_total(const struct media_read *read, uint64_t *ret_total) {
	if (read->headed)
		*ret_total = read->total;
	return read->headed;
}

size_t media_read_take(struct media_read *read, uint8_t *out, size_t capacity) {
	uint64_t ready = read_arrived(read) - read->taken;
	size_t length = ready < capacity ? (size_t)ready : capacity;
	size_t at = (size_t)((read->taken - read->start) % MEDIA_BUFFER);
	size_t before_wrap = length < MEDIA_BUFFER - at ? length : MEDIA_BUFFER - at;
	memcpy(out, read->buffer + at, before_wrap);
	memcpy(out + before_wrap, read->buffer, length - before_wrap);
	read->taken += length;
	read_request_more(read);
	return length;
}

bool media_read_ended(const struct media_read *read, enum reason *ret_reason) {
	if (read->ended)
		*ret_reason = read->reason;
	return read->ended;
}
