#include "footage/mp4.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define FOURCC(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
#define HEADER_SIZE 8u
#define LONG_HEADER_SIZE 16u

/* ISO/IEC 14496-12, 8.8.7 and 8.8.8 */
#define TFHD_BASE_DATA_OFFSET 0x000001u
#define TFHD_DESCRIPTION_INDEX 0x000002u
#define TFHD_DEFAULT_DURATION 0x000008u
#define TRUN_DATA_OFFSET 0x000001u
#define TRUN_FIRST_FLAGS 0x000004u
#define TRUN_DURATION 0x000100u
#define TRUN_SIZE 0x000200u
#define TRUN_FLAGS 0x000400u
#define TRUN_COMPOSITION 0x000800u

#define INDEX_ENTRY_SIZE (8 + 8 + 3)
#define TFRA_HEADER_SIZE (HEADER_SIZE + 4 + 4 + 4 + 4)
#define MFRO_SIZE (HEADER_SIZE + 4 + 4)

struct fragment {
	uint64_t offset, time, end; /* of the moof box, bytes; decode times of the video in its units */
};

struct track {
	uint32_t id, timescale, default_duration;
};

struct mp4_scan {
	bool failed;
	uint64_t position; /* bytes fed */
	/* The top-level box that the bytes are in. */
	uint8_t header[LONG_HEADER_SIZE];
	size_t header_filled;
	uint64_t box_offset, body_left;
	uint32_t type;
	uint8_t *body; /* of a box that is looked into, else NULL */
	size_t body_filled, body_size;

	struct track video; /* id 0: no moov yet */
	bool pending;       /* a moof whose mdat is not whole yet */
	struct fragment next;
	struct fragment *fragments;
	size_t count, capacity;
	uint64_t first_time, end; /* of whole fragments */
	bool any;
};

int mp4_scan_new(struct mp4_scan **ret) {
	struct mp4_scan *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

void mp4_scan_free(struct mp4_scan *s) {
	if (!s)
		return;
	free(s->body);
	free(s->fragments);
	free(s);
}

/* ----------------------------------------------------------------------------------------------------------- inside of boxes */

static bool next_box(struct reader *r, uint32_t *ret_type, struct reader *ret_body) {
	if (reader_left(r) == 0)
		return false;
	uint64_t size = reader_u32(r), header = HEADER_SIZE;
	*ret_type = reader_u32(r);
	if (size == 1) {
		size = reader_u64(r);
		header = LONG_HEADER_SIZE;
	}
	if (r->failed || size < header || size - header > reader_left(r)) {
		r->failed = true;
		return false;
	}
	size_t body = (size_t)(size - header);
	*ret_body = reader_over(reader_take(r, body), body);
	return true;
}

static bool find_box(struct reader parent, uint32_t wanted, struct reader *ret_body) {
	uint32_t type;
	while (next_box(&parent, &type, ret_body))
		if (type == wanted)
			return true;
	return false;
}

/* Version 8 | flags 24 of a full box. */
static uint8_t full_box(struct reader *r, uint32_t *ret_flags) {
	uint32_t word = reader_u32(r);
	*ret_flags = word & 0xffffff;
	return (uint8_t)(word >> 24);
}

/* Creation and modification time, which are as wide as the version says, stand before what is looked for. */
static void skip_times(struct reader *r) {
	uint32_t flags;
	reader_take(r, full_box(r, &flags) == 1 ? 16 : 8);
}

static bool read_track(struct reader trak, struct track *ret) {
	struct reader tkhd, mdia, mdhd, hdlr;
	if (!find_box(trak, FOURCC('t', 'k', 'h', 'd'), &tkhd) || !find_box(trak, FOURCC('m', 'd', 'i', 'a'), &mdia) ||
	    !find_box(mdia, FOURCC('m', 'd', 'h', 'd'), &mdhd) || !find_box(mdia, FOURCC('h', 'd', 'l', 'r'), &hdlr))
		return false;
	reader_take(&hdlr, 8); /* version, flags, pre_defined */
	if (reader_u32(&hdlr) != FOURCC('v', 'i', 'd', 'e'))
		return false;
	skip_times(&tkhd);
	skip_times(&mdhd);
	struct track track = { .id = reader_u32(&tkhd), .timescale = reader_u32(&mdhd) };
	if (tkhd.failed || mdhd.failed || track.id == 0 || track.timescale == 0)
		return false;
	*ret = track;
	return true;
}

static bool read_movie(struct reader moov, struct track *ret) {
	struct reader all = moov, body, mvex;
	struct track track = { .id = 0 };
	uint32_t type, flags;
	while (track.id == 0 && next_box(&all, &type, &body))
		if (type == FOURCC('t', 'r', 'a', 'k'))
			read_track(body, &track);
	if (track.id == 0)
		return false;
	if (find_box(moov, FOURCC('m', 'v', 'e', 'x'), &mvex))
		while (next_box(&mvex, &type, &body)) {
			full_box(&body, &flags);
			if (type != FOURCC('t', 'r', 'e', 'x') || reader_u32(&body) != track.id)
				continue;
			reader_u32(&body); /* sample description index */
			track.default_duration = reader_u32(&body);
		}
	*ret = track;
	return true;
}

/* Ticks that the samples of one run last. */
static bool read_run(struct reader trun, uint32_t default_duration, uint64_t *total) {
	uint32_t flags;
	full_box(&trun, &flags);
	uint32_t samples = reader_u32(&trun);
	if (flags & TRUN_DATA_OFFSET)
		reader_u32(&trun);
	if (flags & TRUN_FIRST_FLAGS)
		reader_u32(&trun);
	if (!(flags & TRUN_DURATION)) {
		*total += (uint64_t)samples * default_duration;
		return !trun.failed;
	}
	size_t rest = 4 * (size_t)(!!(flags & TRUN_SIZE) + !!(flags & TRUN_FLAGS) + !!(flags & TRUN_COMPOSITION));
	for (uint32_t i = 0; i < samples && !trun.failed; i++) {
		*total += reader_u32(&trun);
		reader_take(&trun, rest);
	}
	return !trun.failed;
}

/* False when it is of another track, or not understood. */
static bool read_track_fragment(const struct track *track, struct reader traf, struct fragment *ret) {
	struct reader tfhd, tfdt, body, runs = traf;
	uint32_t flags, type;
	uint64_t total = 0;
	if (!find_box(traf, FOURCC('t', 'f', 'h', 'd'), &tfhd) || !find_box(traf, FOURCC('t', 'f', 'd', 't'), &tfdt))
		return false;
	full_box(&tfhd, &flags);
	if (reader_u32(&tfhd) != track->id)
		return false;
	if (flags & TFHD_BASE_DATA_OFFSET)
		reader_u64(&tfhd);
	if (flags & TFHD_DESCRIPTION_INDEX)
		reader_u32(&tfhd);
	uint32_t duration = flags & TFHD_DEFAULT_DURATION ? reader_u32(&tfhd) : track->default_duration;
	ret->time = full_box(&tfdt, &flags) == 1 ? reader_u64(&tfdt) : reader_u32(&tfdt);
	if (tfhd.failed || tfdt.failed)
		return false;
	while (next_box(&runs, &type, &body))
		if (type == FOURCC('t', 'r', 'u', 'n') && !read_run(body, duration, &total))
			return false;
	if (runs.failed || total > UINT64_MAX - ret->time)
		return false;
	ret->end = ret->time + total;
	return true;
}

static bool read_fragment(const struct track *track, struct reader moof, struct fragment *ret) {
	struct reader body;
	uint32_t type;
	while (next_box(&moof, &type, &body))
		if (type == FOURCC('t', 'r', 'a', 'f') && read_track_fragment(track, body, ret))
			return true;
	return false;
}

/* ------------------------------------------------------------------------------------------------------------ top-level boxes */

/* A fragment counts when its media is whole. Without memory for the index the recording goes on without one. */
static void commit_fragment(struct mp4_scan *s) {
	s->pending = false;
	if (!s->any)
		s->first_time = s->next.time;
	s->any = true;
	if (s->next.end > s->end)
		s->end = s->next.end;
	if (s->count == s->capacity) {
		size_t capacity = s->capacity > 0 ? 2 * s->capacity : 64;
		struct fragment *grown = capacity > MP4_FRAGMENT_LIMIT ? NULL : realloc(s->fragments, capacity * sizeof(*grown));
		if (!grown)
			return;
		s->fragments = grown;
		s->capacity = capacity;
	}
	s->fragments[s->count++] = s->next;
}

static void end_box(struct mp4_scan *s) {
	if (s->body) {
		struct reader body = reader_over(s->body, s->body_filled);
		if (s->type == FOURCC('m', 'o', 'o', 'v') && s->video.id == 0) {
			read_movie(body, &s->video);
		} else if (s->type == FOURCC('m', 'o', 'o', 'f') && s->video.id != 0) {
			s->next = (struct fragment){ .offset = s->box_offset };
			s->pending = read_fragment(&s->video, body, &s->next);
		}
		free(s->body);
		s->body = NULL;
	} else if (s->type == FOURCC('m', 'd', 'a', 't') && s->pending) {
		commit_fragment(s);
	}
	s->header_filled = 0;
}

static bool begin_box(struct mp4_scan *s) {
	struct reader r = reader_over(s->header, s->header_filled);
	uint64_t size = reader_u32(&r);
	s->type = reader_u32(&r);
	if (size == 1)
		size = reader_u64(&r);
	if (size < s->header_filled) /* 0 would mean "to the end of the file", which has none yet */
		return false;
	s->body_left = size - s->header_filled;
	if (s->type != FOURCC('m', 'o', 'o', 'v') && s->type != FOURCC('m', 'o', 'o', 'f'))
		return true;
	if (s->body_left > MP4_BOX_LIMIT)
		return false;
	s->body_filled = 0;
	s->body_size = (size_t)s->body_left;
	s->body = malloc(s->body_size + 1);
	return s->body != NULL;
}

/* The header is whole: 8 bytes, or 16 when the size is in the second eight. */
static bool header_is_whole(const struct mp4_scan *s) {
	static const uint8_t long_mark[4] = { 0, 0, 0, 1 };
	if (s->header_filled < HEADER_SIZE)
		return false;
	return s->header_filled == LONG_HEADER_SIZE || memcmp(s->header, long_mark, sizeof(long_mark)) != 0;
}

static size_t feed_header(struct mp4_scan *s, const uint8_t *bytes, size_t length) {
	size_t used = 0;
	if (s->header_filled == 0)
		s->box_offset = s->position;
	while (used < length && !header_is_whole(s))
		s->header[s->header_filled++] = bytes[used++];
	if (header_is_whole(s)) {
		s->failed = !begin_box(s);
		if (!s->failed && s->body_left == 0)
			end_box(s);
	}
	return used;
}

static size_t feed_body(struct mp4_scan *s, const uint8_t *bytes, size_t length) {
	size_t used = s->body_left < length ? (size_t)s->body_left : length;
	if (s->body) {
		memcpy(s->body + s->body_filled, bytes, used);
		s->body_filled += used;
	}
	s->body_left -= used;
	if (s->body_left == 0)
		end_box(s);
	return used;
}

void mp4_scan_feed(struct mp4_scan *s, const void *bytes, size_t length) {
	const uint8_t *at = bytes;
	while (length > 0 && !s->failed) {
		size_t used = header_is_whole(s) ? feed_body(s, at, length) : feed_header(s, at, length);
		s->position += used;
		at += used;
		length -= used;
	}
}

/* ----------------------------------------------------------------------------------------------------------------- what it tells
 */

uint32_t mp4_scan_duration_ms(const struct mp4_scan *s) {
	if (!s->any || s->end <= s->first_time)
		return 0;
	uint64_t ticks = s->end - s->first_time;
	uint64_t ms = ticks / s->video.timescale * 1000 + ticks % s->video.timescale * 1000 / s->video.timescale;
	return ms > UINT32_MAX || ticks / s->video.timescale > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

int mp4_scan_make_index(const struct mp4_scan *s, uint8_t **ret, size_t *ret_length) {
	if (s->count == 0)
		return -ENODATA;
	size_t tfra = TFRA_HEADER_SIZE + s->count * INDEX_ENTRY_SIZE, whole = HEADER_SIZE + tfra + MFRO_SIZE;
	uint8_t *index = malloc(whole);
	if (!index)
		return -ENOMEM;
	struct writer w = writer_over(index, whole);
	writer_u32(&w, (uint32_t)whole);
	writer_u32(&w, FOURCC('m', 'f', 'r', 'a'));
	writer_u32(&w, (uint32_t)tfra);
	writer_u32(&w, FOURCC('t', 'f', 'r', 'a'));
	writer_u32(&w, 1u << 24); /* version 1: times and offsets of 64 bits */
	writer_u32(&w, s->video.id);
	writer_u32(&w, 0); /* traf, trun and sample number in one byte each */
	writer_u32(&w, (uint32_t)s->count);
	for (size_t i = 0; i < s->count; i++) {
		writer_u64(&w, s->fragments[i].time);
		writer_u64(&w, s->fragments[i].offset);
		for (unsigned number = 0; number < 3; number++)
			writer_u8(&w, 1);
	}
	writer_u32(&w, MFRO_SIZE);
	writer_u32(&w, FOURCC('m', 'f', 'r', 'o'));
	writer_u32(&w, 0);
	writer_u32(&w, (uint32_t)whole);
	*ret = index;
	*ret_length = whole;
	return 0;
}
