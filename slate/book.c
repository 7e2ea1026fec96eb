#include "slate/book.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct slate_book {
	struct slate_book_config config;
	struct slate_header header;
	uint8_t chain[SHA256_SIZE];
	uint64_t entries;
	bool unsure; /* an append failed: what the file ends with must be looked at */
};

static size_t capacity(const struct slate_book *book) {
	return SLATE_HEADER_SIZE + (size_t)(book->config.entries_limit + SLATE_BATCH) * SLATE_ENTRY_SIZE;
}

/* --- a new one --- */

/* Last hash of the full log before, zeros when there is none. */
static void read_previous(const struct slate_book *book, uint8_t previous[SHA256_SIZE]) {
	struct slate_reader reader;
	struct slate_entry entry;
	size_t length = 0;
	memset(previous, 0, SHA256_SIZE);
	uint8_t *bytes = malloc(capacity(book));
	if (bytes && file_read(book->config.folder, SLATE_BOOK_OLD, bytes, capacity(book), &length) == 0 &&
	    slate_reader_start(&reader, bytes, length) == 0) {
		while (slate_reader_next(&reader, &entry))
			;
		memcpy(previous, reader.chain, SHA256_SIZE);
	}
	free(bytes);
}

static int begin(struct slate_book *book) {
	const struct slate_book_config *c = &book->config;
	uint8_t bytes[SLATE_HEADER_SIZE];
	struct slate_header header = { .made_us = c->clock_us() };
	c->random->fill(c->random->context, header.log_id, sizeof(header.log_id));
	read_previous(book, header.previous);
	strncpy(header.serial, c->serial, SLATE_SERIAL_LIMIT);
	slate_header_encode(&header, bytes);
	int r = file_replace(c->layer, c->folder, SLATE_BOOK_NAME, bytes, sizeof(bytes));
	if (r < 0)
		return r;
	book->header = header;
	slate_chain_start(bytes, book->chain);
	book->entries = 0;
	book->unsure = false;
	return 0;
}

/* --- the one that is there --- */

/* What an append that was cut short may leave. */
static bool is_torn(const struct slate_reader *reader, size_t length) {
	return length - reader->sound <= (size_t)SLATE_BATCH * SLATE_ENTRY_SIZE;
}

static int take_up(struct slate_book *book, const uint8_t *bytes, size_t length) {
	const struct slate_book_config *c = &book->config;
	struct slate_reader reader;
	struct slate_entry entry;
	int r = slate_reader_start(&reader, bytes, length);
	while (r == 0 && slate_reader_next(&reader, &entry))
		;
	if (r < 0 || !is_torn(&reader, length)) {
		log_line(LOG_LEVEL_ERROR, "slate", "the log of sightings is damaged and set aside");
		r = file_set_aside(c->layer, c->folder, SLATE_BOOK_NAME);
		return r < 0 ? r : begin(book);
	}
	if (!slate_reader_is_whole(&reader)) {
		log_line(LOG_LEVEL_WARNING, "slate", "%zu bytes at the log's end were not finished and are cut off",
		         length - reader.sound);
		r = file_replace(c->layer, c->folder, SLATE_BOOK_NAME, bytes, reader.sound);
		if (r < 0)
			return r;
	}
	book->header = reader.header;
	memcpy(book->chain, reader.chain, SHA256_SIZE);
	book->entries = reader.entries;
	book->unsure = false;
	return 0;
}

static int load(struct slate_book *book) {
	const struct slate_book_config *c = &book->config;
	size_t length = 0;
	uint8_t *bytes = malloc(capacity(book));
	if (!bytes)
		return -ENOMEM;
	int r = file_read(c->folder, SLATE_BOOK_NAME, bytes, capacity(book), &length);
	if (r == -ENOENT) {
		r = begin(book);
	} else if (r == -EFBIG) {
		log_line(LOG_LEVEL_ERROR, "slate", "the log of sightings is larger than any we write, and set aside");
		r = file_set_aside(c->layer, c->folder, SLATE_BOOK_NAME);
		r = r < 0 ? r : begin(book);
	} else if (r == 0) {
		r = take_up(book, bytes, length);
	}
	free(bytes);
	return r;
}

/* The full one takes the place of the one before it. */
static int turn_over(struct slate_book *book) {
	const struct slate_book_config *c = &book->config;
	int r = c->layer->rename(c->layer->context, c->folder, SLATE_BOOK_NAME, SLATE_BOOK_OLD);
	if (r == 0)
		r = c->layer->sync(c->layer->context, c->folder);
	return r < 0 ? r : begin(book);
}

/* --- appending --- */

static int append_bytes(const struct slate_book_config *c, const uint8_t *bytes, size_t length) {
	const struct file_layer *layer = c->layer;
	int file = layer->open(layer->context, c->folder, SLATE_BOOK_NAME, O_WRONLY | O_APPEND, 0600), r = 0;
	if (file < 0)
		return file;
	while (r == 0 && length > 0) {
		ssize_t written = layer->write(layer->context, file, bytes, length);
		if (written == -EINTR)
			continue;
		if (written <= 0) {
			r = written < 0 ? (int)written : -EIO;
		} else {
			bytes += written;
			length -= (size_t)written;
		}
	}
	if (r == 0)
		r = layer->sync(layer->context, file);
	int closed = layer->close(layer->context, file);
	return r < 0 ? r : closed;
}

int slate_book_append(struct slate_book *book, const struct slate_entry *entries, size_t count) {
	uint8_t bytes[SLATE_BATCH * SLATE_ENTRY_SIZE], chain[SHA256_SIZE];
	assert(count <= SLATE_BATCH);
	int r = book->unsure ? load(book) : 0;
	if (r == 0 && book->entries + count > book->config.entries_limit) {
		book->unsure = true; /* until it has turned over */
		r = turn_over(book);
	}
	if (r < 0)
		return r;
	memcpy(chain, book->chain, sizeof(chain));
	for (size_t i = 0; i < count; i++)
		slate_entry_encode(&entries[i], chain, bytes + i * SLATE_ENTRY_SIZE);
	r = append_bytes(&book->config, bytes, count * SLATE_ENTRY_SIZE);
	if (r < 0) {
		book->unsure = true;
		return r;
	}
	memcpy(book->chain, chain, sizeof(chain));
	book->entries += count;
	return 0;
}

void slate_book_head(const struct slate_book *book, struct slate_head *ret) {
	*ret = (struct slate_head){ .entries = book->entries, .time_us = book->config.clock_us() };
	memcpy(ret->log_id, book->header.log_id, sizeof(ret->log_id));
	memcpy(ret->chain, book->chain, sizeof(ret->chain));
}

/* --- life --- */

int slate_book_open(struct slate_book **ret, const struct slate_book_config *config) {
	struct slate_book *book = calloc(1, sizeof(*book));
	if (!book)
		return -ENOMEM;
	book->config = *config;
	int r = load(book);
	if (r < 0) {
		free(book);
		return r;
	}
	*ret = book;
	return 0;
}

void slate_book_free(struct slate_book *book) {
	free(book);
}
