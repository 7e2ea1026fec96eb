/* A container file that somebody with the storage in his hands has prepared. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/random.h"
#include "footage/container.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static int unwrap(struct keystore *keystore, const uint8_t id[RECORDING_ID_SIZE], const uint8_t wrapped[WRAPPED_KEY_SIZE],
                  uint8_t key[AES256_KEY_SIZE]) {
	(void)keystore, (void)id, (void)wrapped;
	for (size_t i = 0; i < AES256_KEY_SIZE; i++)
		key[i] = 0; /* a key the corpus is sealed with, so that the fuzzer gets past the tag */
	return 0;
}

static const struct keystore_operations operations = { .unwrap = unwrap };
static struct keystore keystore = { &operations };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	struct container_reader *reader;
	static uint8_t out[1024];
	int file = memfd_create("container", 0);
	if (file < 0 || write(file, bytes, length) != (ssize_t)length)
		abort();
	if (container_reader_new_file(&reader, file, &keystore) == 0) {
		uint64_t size = container_reader_size(reader);
		for (uint64_t at = 0; at < size && at < 100000; at += 3001)
			container_reader_read(reader, at, out, sizeof(out));
		container_reader_free(reader);
	}
	return 0;
}
