#include "footage/container.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "tests/bench/compare.h"
#include "tests/bench/native.h"

/* One recording of 16 MiB, a minute of video or so. */
#define SIZE (16u * 1024 * 1024)
#define PIECE 65536u

struct storage {
	char path[64];
	int folder;
	struct keystore *keystore;
	struct container_reader *reader;
	uint8_t *bytes;
	uint64_t offset;
	EVP_CIPHER_CTX *openssl;
	int plain;
};

static void write_container(void *context) {
	struct storage *storage = context;
	struct container_writer *writer;
	static const uint8_t id[RECORDING_ID_SIZE] = { 1 };
	unlinkat(storage->folder, "written", 0);
	REQUIRE(container_writer_new(&writer, file_layer_system(), storage->folder, "written", storage->keystore, random_system(),
	                             id) == 0);
	for (size_t at = 0; at < SIZE; at += PIECE)
		REQUIRE(container_writer_append(writer, storage->bytes + at, PIECE) == 0);
	REQUIRE(container_writer_finish(writer) == 0);
	container_writer_free(writer);
}

/* The floor: the same file calls with the bytes as they are. */
static void write_plain(void *context) {
	struct storage *storage = context;
	int file = openat(storage->folder, "plain", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	REQUIRE(file >= 0);
	for (size_t at = 0; at < SIZE; at += PIECE) {
		REQUIRE(write(file, storage->bytes + at, PIECE) == (ssize_t)PIECE);
		REQUIRE(fdatasync(file) == 0);
	}
	REQUIRE(close(file) == 0);
}

static void read_container(void *context) {
	struct storage *storage = context;
	for (uint64_t at = 0; at < SIZE;) {
		ssize_t got = container_reader_read(storage->reader, at, storage->bytes, PIECE);
		REQUIRE(got > 0);
		at += (uint64_t)got;
	}
}

/* The floor: reading as many bytes and opening them with the fastest library, without knowing whether they are right. */
static void read_and_decrypt(void *context) {
	struct storage *storage = context;
	for (size_t at = 0; at < SIZE; at += PIECE) {
		uint8_t nonce[12] = { 0 };
		int length;
		REQUIRE(pread(storage->plain, storage->bytes, PIECE, (off_t)at) == (ssize_t)PIECE);
		memcpy(nonce, &at, sizeof(at));
		REQUIRE(EVP_DecryptInit_ex(storage->openssl, NULL, NULL, NULL, nonce) == 1);
		REQUIRE(EVP_DecryptUpdate(storage->openssl, storage->bytes, &length, storage->bytes, PIECE) == 1);
	}
}

static void seek_container(void *context) {
	struct storage *storage = context;
	storage->offset = (storage->offset + 7 * 1024 * 1024 + 12345) % (SIZE - 4096);
	REQUIRE(container_reader_read(storage->reader, storage->offset, storage->bytes, 4096) > 0);
}

void bench_footage(void) {
	static struct storage storage = { .path = "bench-footage.XXXXXX" };
	static const uint8_t key[AES256_KEY_SIZE] = { 1 };
	REQUIRE(mkdtemp(storage.path) && (storage.folder = folder_open(storage.path)) >= 0);
	REQUIRE((storage.bytes = calloc(1, SIZE)) && (storage.openssl = EVP_CIPHER_CTX_new()));
	REQUIRE(keystore_open_file(&storage.keystore, file_layer_system(), storage.folder, "key", random_system()) == 0);
	REQUIRE(EVP_DecryptInit_ex(storage.openssl, EVP_aes_256_gcm(), NULL, key, NULL) == 1);
	double seconds[2];
	compare((const struct contender[]){ { "ours", write_container, &storage }, { "plain", write_plain, &storage } }, 2, 7,
	        seconds);
	figure_print(&(struct figure){ "footage written, each 64 KiB synced", "MB/s", SIZE / seconds[0] / 1e6,
	                               SIZE / seconds[1] / 1e6, "the same file calls, not encrypted", 0, true });
	REQUIRE(container_reader_new(&storage.reader, storage.folder, "written", storage.keystore) == 0);
	REQUIRE((storage.plain = openat(storage.folder, "plain", O_RDONLY | O_CLOEXEC)) >= 0);
	compare((const struct contender[]){ { "ours", read_container, &storage }, { "OpenSSL", read_and_decrypt, &storage } }, 2,
	        31, seconds);
	figure_print(&(struct figure){ "footage read", "MB/s", SIZE / seconds[0] / 1e6, SIZE / seconds[1] / 1e6,
	                               "pread and OpenSSL", 0.9, true });
	compare(&(const struct contender){ "seek", seek_container, &storage }, 1, 31, seconds);
	figure_print(&(struct figure){ "4 KiB from anywhere in a recording", "us", seconds[0] * 1e6, 0, NULL, 1000, false });
	container_reader_free(storage.reader);
	keystore_free(storage.keystore);
	EVP_CIPHER_CTX_free(storage.openssl);
	free(storage.bytes);
	close(storage.plain);
	unlinkat(storage.folder, "written", 0);
	unlinkat(storage.folder, "plain", 0);
	unlinkat(storage.folder, "key", 0);
	close(storage.folder);
	rmdir(storage.path);
}
