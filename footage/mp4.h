/* What a fragmented MP4 tells of itself while its bytes go by (ISO/IEC 14496-12): how long the video is, whole fragments only,
 * and where its fragments are. Pure. The recorder makes the index at the end of a recording from it; after a power cut it says
 * how much was saved. Bytes it does not understand end the scan, and what was found until then stands. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Boxes that are looked into (moov, moof) and are longer end the scan: ours have a few kilobytes. */
#define MP4_BOX_LIMIT (256 * 1024)
/* Fragments that are remembered for the index: more than a day of them. */
#define MP4_FRAGMENT_LIMIT 100000

struct mp4_scan;

/* 0 or -ENOMEM. */
int mp4_scan_new(struct mp4_scan **ret);
/* NULL is allowed. */
void mp4_scan_free(struct mp4_scan *scan);
/* The file's next bytes, from its first on, in pieces of any size. */
void mp4_scan_feed(struct mp4_scan *scan, const void *bytes, size_t length);
/* Of the first video track, in whole fragments. */
uint32_t mp4_scan_duration_ms(const struct mp4_scan *scan);
/* The random access box (mfra) that goes to the end of the file: where each fragment begins, by time. Free with free(). 0;
 * -ENODATA: nothing was found; -ENOMEM. */
int mp4_scan_make_index(const struct mp4_scan *scan, uint8_t **ret, size_t *ret_length);
