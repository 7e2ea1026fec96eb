/* A small fragmented MP4, made box by box: a sound and a video track, FRAGMENTS seconds of video. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

#define VIDEO 2
#define TIMESCALE 15000
#define FRAMES 15
#define FRAME_TICKS 1000
#define FRAGMENTS 4

struct fragmented {
	uint8_t bytes[32768];
	size_t length;
	size_t ends[FRAGMENTS]; /* where the media of each video fragment ends */
	size_t moofs[FRAGMENTS];
};

/* Opens a box; its size is filled in when it is closed. */
static inline uint8_t *fragmented_box(struct writer *w, const char *type) {
	uint8_t *size = writer_reserve(w, 4);
	writer_copy(w, type, 4);
	return size;
}

static inline void fragmented_close(struct writer *w, uint8_t *size) {
	struct writer field = writer_over(size, 4);
	writer_u32(&field, (uint32_t)(w->at - size));
}

static inline void fragmented_track(struct writer *w, uint32_t id, uint32_t timescale, const char *handler, uint8_t version) {
	uint8_t *trak = fragmented_box(w, "trak"), *tkhd = fragmented_box(w, "tkhd");
	writer_u32(w, (uint32_t)version << 24);
	writer_copy(w, "0123456789abcdef", version == 1 ? 16 : 8);
	writer_u32(w, id);
	writer_u32(w, 0);
	fragmented_close(w, tkhd);
	uint8_t *mdia = fragmented_box(w, "mdia"), *mdhd = fragmented_box(w, "mdhd");
	writer_u32(w, (uint32_t)version << 24);
	writer_copy(w, "0123456789abcdef", version == 1 ? 16 : 8);
	writer_u32(w, timescale);
	writer_u32(w, 0);
	fragmented_close(w, mdhd);
	uint8_t *hdlr = fragmented_box(w, "hdlr");
	writer_u64(w, 0);
	writer_copy(w, handler, 4);
	fragmented_close(w, hdlr);
	fragmented_close(w, mdia);
	fragmented_close(w, trak);
}

static inline void fragmented_extends(struct writer *w, uint32_t id, uint32_t default_duration) {
	uint8_t *trex = fragmented_box(w, "trex");
	writer_u32(w, 0);
	writer_u32(w, id);
	writer_u32(w, 1);
	writer_u32(w, default_duration);
	writer_u64(w, 0);
	fragmented_close(w, trex);
}

/* How a fragment says how long its pictures last. */
enum durations { IN_RUN, IN_FRAGMENT, IN_MOVIE };

static inline void fragmented_fragment(struct writer *w, uint32_t id, uint64_t time, enum durations durations, bool wide) {
	uint8_t *moof = fragmented_box(w, "moof"), *traf = fragmented_box(w, "traf"), *tfhd = fragmented_box(w, "tfhd");
	writer_u32(w, (durations == IN_FRAGMENT ? 8 : 0) | 1 | 2);
	writer_u32(w, id);
	writer_u64(w, 77);
	writer_u32(w, 1);
	if (durations == IN_FRAGMENT)
		writer_u32(w, FRAME_TICKS);
	fragmented_close(w, tfhd);
	uint8_t *tfdt = fragmented_box(w, "tfdt");
	writer_u32(w, wide ? 1u << 24 : 0);
	if (wide)
		writer_u64(w, time);
	else
		writer_u32(w, (uint32_t)time);
	fragmented_close(w, tfdt);
	uint8_t *trun = fragmented_box(w, "trun");
	writer_u32(w, 0xe05 | (durations == IN_RUN ? 0x100 : 0));
	writer_u32(w, FRAMES);
	writer_u64(w, 0); /* data offset, first sample's flags */
	for (unsigned i = 0; i < FRAMES; i++) {
		if (durations == IN_RUN)
			writer_u32(w, FRAME_TICKS);
		writer_u64(w, 100);
		writer_u32(w, 0);
	}
	fragmented_close(w, trun);
	fragmented_close(w, traf);
	fragmented_close(w, moof);
}

static inline void fragmented_media(struct writer *w, size_t length, bool wide) {
	uint8_t *mdat = fragmented_box(w, "mdat");
	if (wide)
		writer_u64(w, length + 16);
	memset(writer_reserve(w, length), 0x55, length);
	if (wide)
		writer_u32(&(struct writer){ .start = mdat, .at = mdat, .end = mdat + 4 }, 1);
	else
		fragmented_close(w, mdat);
}

static inline void fragmented_make(struct fragmented *f, size_t media_size) {
	struct writer w = writer_over(f->bytes, sizeof(f->bytes));
	uint8_t *ftyp = fragmented_box(&w, "ftyp");
	writer_copy(&w, "iso5", 4);
	fragmented_close(&w, ftyp);
	uint8_t *moov = fragmented_box(&w, "moov");
	fragmented_track(&w, 1, 48000, "soun", 0);
	fragmented_track(&w, VIDEO, TIMESCALE, "vide", 1);
	uint8_t *mvex = fragmented_box(&w, "mvex");
	fragmented_extends(&w, 1, 1024);
	fragmented_extends(&w, VIDEO, FRAME_TICKS);
	fragmented_close(&w, mvex);
	fragmented_close(&w, moov);
	for (unsigned i = 0; i < FRAGMENTS; i++) {
		fragmented_fragment(&w, 1, i * 48000, IN_MOVIE, true);
		fragmented_media(&w, 50, false);
		f->moofs[i] = writer_length(&w);
		fragmented_fragment(&w, VIDEO, 5000 + i * FRAMES * FRAME_TICKS, (enum durations)(i % 3), i % 2);
		fragmented_media(&w, media_size, i == 1);
		f->ends[i] = writer_length(&w);
	}
	f->length = writer_length(&w);
	assert_false(w.failed);
}
