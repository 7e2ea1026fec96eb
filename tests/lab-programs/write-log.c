/* write-log: what the device-mapper target "log-writes" has noted about a disk
 * (Documentation/admin-guide/device-mapper/log-writes.rst of Linux), for scenarios that cut the power.
 *
 *   write-log entries LOG
 *       prints "NUMBER write|flush|fua|discard|mark [TEXT]" for each entry, in order
 *   write-log replay LOG DEVICE FROM TO
 *       does to DEVICE what entries FROM to TO, without TO, did to the disk
 *
 * Status 0; 1 with a sentence. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC 0x6a736677736872ull
#define LARGEST (16u << 20)    /* of one entry's data: more is no log of ours */
#define SECTOR_SIZE_LIMIT 4096 /* of the disk: what entries count in, and what each of their headers takes */

enum { FLAG_FLUSH = 1, FLAG_FUA = 2, FLAG_DISCARD = 4, FLAG_MARK = 8 };

/* On the disk: little-endian. */
struct super_block {
	uint64_t magic, version, entries;
	uint32_t sector_size;
};

struct entry {
	uint64_t sector, sectors, flags, data_length; /* the last one of marks: bytes of text behind the header */
};

struct log {
	int file;
	uint64_t entries, at; /* where the next one is, in bytes */
	uint32_t sector_size;
};

static int fail(const char *what) {
	fprintf(stderr, "write-log: %s: %s\n", what, errno ? strerror(errno) : "not a log of this kind, or cut off");
	return 1;
}

static bool read_at(int file, void *bytes, size_t length, uint64_t at) {
	errno = 0;
	return pread(file, bytes, length, (off_t)at) == (ssize_t)length;
}

static bool open_log(const char *path, struct log *log) {
	struct super_block super;

	log->file = open(path, O_RDONLY | O_CLOEXEC);
	if (log->file < 0 || !read_at(log->file, &super, sizeof(super), 0) || le64toh(super.magic) != MAGIC ||
	    le64toh(super.version) != 1)
		return false;
	log->entries = le64toh(super.entries);
	log->sector_size = le32toh(super.sector_size);
	log->at = log->sector_size;
	return log->sector_size >= 512 && log->sector_size <= SECTOR_SIZE_LIMIT;
}

/* The next entry, its data at *ret_data of the log. */
static bool next_entry(struct log *log, struct entry *ret, uint64_t *ret_data) {
	if (!read_at(log->file, ret, sizeof(*ret), log->at))
		return false;
	ret->sector = le64toh(ret->sector);
	ret->sectors = le64toh(ret->sectors);
	ret->flags = le64toh(ret->flags);
	ret->data_length = le64toh(ret->data_length);
	if (ret->sectors > LARGEST / log->sector_size || ret->data_length > log->sector_size)
		return false;
	*ret_data = log->at + log->sector_size;
	log->at = *ret_data + (ret->flags & FLAG_DISCARD ? 0 : ret->sectors * log->sector_size);
	return true;
}

static int list(struct log *log) {
	struct entry entry;
	uint64_t data;
	char text[SECTOR_SIZE_LIMIT];

	for (uint64_t n = 0; n < log->entries; n++) {
		uint64_t header = log->at;

		if (!next_entry(log, &entry, &data))
			return fail("entry");
		printf("%" PRIu64 " %s", n,
		       entry.flags & FLAG_MARK      ? "mark"
		       : entry.flags & FLAG_DISCARD ? "discard"
		       : entry.flags & FLAG_FUA     ? "fua"
		       : entry.flags & FLAG_FLUSH   ? "flush"
		                                    : "write");
		if (entry.flags & FLAG_MARK && entry.data_length < log->sector_size - sizeof(entry) &&
		    read_at(log->file, text, entry.data_length, header + sizeof(entry)))
			printf(" %.*s", (int)entry.data_length, text);
		putchar('\n');
	}
	return 0;
}

static bool copy(int from, uint64_t from_at, int to, uint64_t to_at, size_t length) {
	static uint8_t bytes[LARGEST];

	return read_at(from, bytes, length, from_at) && pwrite(to, bytes, length, (off_t)to_at) == (ssize_t)length;
}

static int replay(struct log *log, const char *path, uint64_t from, uint64_t to) {
	struct entry entry;
	uint64_t data;
	int device = open(path, O_WRONLY | O_CLOEXEC);

	if (device < 0)
		return fail(path);
	for (uint64_t n = 0; n < to; n++) {
		if (n >= log->entries || !next_entry(log, &entry, &data))
			return fail("entry");
		/* A discarded block holds anything afterwards: what it held is one possibility. */
		if (n >= from && !(entry.flags & (FLAG_MARK | FLAG_DISCARD)) &&
		    !copy(log->file, data, device, entry.sector * log->sector_size, entry.sectors * log->sector_size))
			return fail(path);
	}
	return fsync(device) < 0 ? fail(path) : 0;
}

int main(int argc, char **argv) {
	struct log log;

	if (argc == 3 && !strcmp(argv[1], "entries"))
		return open_log(argv[2], &log) ? list(&log) : fail(argv[2]);
	if (argc == 6 && !strcmp(argv[1], "replay"))
		return open_log(argv[2], &log) ? replay(&log, argv[3], strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10))
		                               : fail(argv[2]);
	fprintf(stderr, "usage: write-log entries LOG | replay LOG DEVICE FROM TO\n");
	return 2;
}
