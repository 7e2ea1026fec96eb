#include "tests/unit/crypto/used.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "crypto/crypto.h"

#define ENTRIES 65536
#define CONTEXTS 64

/* Shared with the processes that are forked. They run one after the other. */
static struct {
	size_t count;
	uint8_t entry[ENTRIES][SHA256_SIZE];
} * used;

/* The keys of what gcm_new made. */
static struct {
	const struct gcm *gcm;
	uint8_t key[AES256_KEY_SIZE];
} contexts[CONTEXTS];

void used_start(void) {
	used = mmap(NULL, sizeof(*used), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(used != MAP_FAILED);
}

void used_note(const void *bytes, size_t length) {
	assert_true(used->count < ENTRIES);
	sha256(bytes, length, used->entry[used->count++]);
}

static int compare(const void *a, const void *b) {
	return memcmp(a, b, SHA256_SIZE);
}

size_t used_once(void) {
	qsort(used->entry, used->count, SHA256_SIZE, compare);
	for (size_t i = 1; i < used->count; i++)
		if (memcmp(used->entry[i - 1], used->entry[i], SHA256_SIZE) == 0)
			fail_msg("one of %zu was used twice", used->count);
	return used->count;
}

void used_by_a_fork(void (*live)(void *context), void *context) {
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		live(context);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* --- the cipher, wrapped --- */

int __real_gcm_new(struct gcm **ret, const uint8_t key[AES256_KEY_SIZE]);
int __wrap_gcm_new(struct gcm **ret, const uint8_t key[AES256_KEY_SIZE]);
void __real_gcm_free(struct gcm *gcm);
void __wrap_gcm_free(struct gcm *gcm);
int __real_gcm_seal(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_SIZE], const void *associated, size_t associated_length,
                    const uint8_t *in, size_t length, uint8_t *out, uint8_t tag[GCM_TAG_SIZE]);
int __wrap_gcm_seal(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_SIZE], const void *associated, size_t associated_length,
                    const uint8_t *in, size_t length, uint8_t *out, uint8_t tag[GCM_TAG_SIZE]);

static size_t place_of(const struct gcm *gcm) {
	size_t place = 0;
	while (contexts[place].gcm != gcm)
		assert_true(++place < CONTEXTS);
	return place;
}

int __wrap_gcm_new(struct gcm **ret, const uint8_t key[AES256_KEY_SIZE]) {
	int result = __real_gcm_new(ret, key);
	if (result == 0) {
		size_t place = place_of(NULL);
		contexts[place].gcm = *ret;
		memcpy(contexts[place].key, key, AES256_KEY_SIZE);
	}
	return result;
}

void __wrap_gcm_free(struct gcm *gcm) {
	if (gcm)
		contexts[place_of(gcm)].gcm = NULL;
	__real_gcm_free(gcm);
}

int __wrap_gcm_seal(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_SIZE], const void *associated, size_t associated_length,
                    const uint8_t *in, size_t length, uint8_t *out, uint8_t tag[GCM_TAG_SIZE]) {
	uint8_t pair[AES256_KEY_SIZE + GCM_NONCE_SIZE];
	memcpy(pair, contexts[place_of(gcm)].key, AES256_KEY_SIZE);
	memcpy(pair + AES256_KEY_SIZE, nonce, GCM_NONCE_SIZE);
	used_note(pair, sizeof(pair));
	return __real_gcm_seal(gcm, nonce, associated, associated_length, in, length, out, tag);
}
