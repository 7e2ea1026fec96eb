/* The Noise implementation against the vectors that Debian's golang-github-flynn-noise-dev installs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "pairing/noise.h"

#define VECTORS "/usr/share/gocode/src/github.com/flynn/noise/vectors.txt"
#define FIELD_LIMIT 512
#define MESSAGES_LIMIT 8

struct vector {
	char name[64];
	uint8_t init_static[KEY_SIZE], resp_static[KEY_SIZE], init_ephemeral[KEY_SIZE], resp_ephemeral[KEY_SIZE], psk[KEY_SIZE];
	uint8_t prologue[FIELD_LIMIT], payload[MESSAGES_LIMIT][FIELD_LIMIT], ciphertext[MESSAGES_LIMIT][FIELD_LIMIT];
	size_t prologue_length, payload_length[MESSAGES_LIMIT], ciphertext_length[MESSAGES_LIMIT];
	unsigned messages;
};

static size_t field(const char *value, uint8_t *out) {
	size_t length = strlen(value) / 2;
	assert_true(length <= FIELD_LIMIT);
	assert_int_equal(hex_decode(out, length, value), 0);
	return length;
}

static void vector_line(struct vector *v, const char *key, const char *value) {
	unsigned number;
	char rest[16];
	if (strcmp(key, "init_static") == 0)
		field(value, v->init_static);
	else if (strcmp(key, "resp_static") == 0)
		field(value, v->resp_static);
	else if (strcmp(key, "gen_init_ephemeral") == 0)
		field(value, v->init_ephemeral);
	else if (strcmp(key, "gen_resp_ephemeral") == 0)
		field(value, v->resp_ephemeral);
	else if (strcmp(key, "preshared_key") == 0)
		field(value, v->psk);
	else if (strcmp(key, "prologue") == 0)
		v->prologue_length = field(value, v->prologue);
	else if (sscanf(key, "msg_%u_%15s", &number, rest) == 2 && number < MESSAGES_LIMIT) {
		if (strcmp(rest, "payload") == 0) {
			v->payload_length[number] = field(value, v->payload[number]);
		} else {
			v->ciphertext_length[number] = field(value, v->ciphertext[number]);
			v->messages = number + 1;
		}
	}
}

static void fill_fixed(void *context, uint8_t *out, size_t length) {
	memcpy(out, context, length);
}

static void keys_of(struct static_keys *keys, const uint8_t secret[KEY_SIZE]) {
	memcpy(keys->secret, secret, KEY_SIZE);
	x25519_public(keys->public, keys->secret);
}

/* Both ends at once: what one writes must be the vector's bytes, and the other must read the vector's payload out of them. */
static void run_vector(const struct vector *v, enum noise_pattern pattern, struct static_product *products) {
	struct static_keys init, resp;
	struct noise_handshake ends[2];
	struct noise_cipher sending[2] = { { 0 } }, receiving[2] = { { 0 } };
	uint8_t init_ephemeral[KEY_SIZE], resp_ephemeral[KEY_SIZE];
	memcpy(init_ephemeral, v->init_ephemeral, KEY_SIZE);
	memcpy(resp_ephemeral, v->resp_ephemeral, KEY_SIZE);
	struct random_source init_random = { fill_fixed, init_ephemeral }, resp_random = { fill_fixed, resp_ephemeral };
	keys_of(&init, v->init_static);
	keys_of(&resp, v->resp_static);
	for (unsigned end = 0; end < 2; end++) {
		struct noise_setup setup = {
			.pattern = pattern,
			.initiator = end == 0,
			.random = end == 0 ? &init_random : &resp_random,
			.keys = end == 0 ? &init : &resp,
			.peer_key = end == 0 ? resp.public : init.public,
			.psk = v->psk,
			.product = products ? &products[end] : NULL,
			.prologue = v->prologue,
			.prologue_length = v->prologue_length,
		};
		assert_int_equal(noise_start(&ends[end], &setup), 0);
	}
	bool split = false;
	unsigned handshake_messages = pattern == NOISE_XX ? 3 : 2;
	for (unsigned i = 0; i < v->messages; i++) {
		/* The file's transport messages begin with the initiator's, whoever wrote the last handshake message. */
		unsigned from = (split ? i - handshake_messages : i) % 2, to = 1 - from;
		uint8_t out[FIELD_LIMIT], payload[FIELD_LIMIT];
		size_t length, payload_length;
		if (!split) {
			size_t overhead = noise_overhead(&ends[from]);
			assert_int_equal(noise_write(&ends[from], v->payload[i], v->payload_length[i], out, sizeof(out), &length),
			                 0);
			assert_int_equal(length, overhead + v->payload_length[i]);
			assert_int_equal(noise_read(&ends[to], out, length, payload, &payload_length), 0);
		} else {
			length = v->payload_length[i] + NOISE_TAG_SIZE;
			assert_int_equal(noise_seal(&sending[from], NULL, 0, v->payload[i], v->payload_length[i], out), 0);
			assert_int_equal(noise_open(&receiving[to], NULL, 0, out, length, payload), 0);
			payload_length = v->payload_length[i];
		}
		assert_int_equal(length, v->ciphertext_length[i]);
		assert_memory_equal(out, v->ciphertext[i], length);
		assert_int_equal(payload_length, v->payload_length[i]);
		assert_memory_equal(payload, v->payload[i], payload_length);
		if (!split && noise_is_complete(&ends[0])) {
			for (unsigned end = 0; end < 2; end++)
				assert_int_equal(noise_split(&ends[end], &sending[end], &receiving[end]), 0);
			split = true;
		}
	}
	assert_true(split);
	for (unsigned end = 0; end < 2; end++) {
		noise_cipher_free(&sending[end]);
		noise_cipher_free(&receiving[end]);
		noise_wipe(&ends[end]);
	}
}

/* Without a product kept; with one that belongs to other keys, which must not be taken; and with the one that this leaves behind.
 */
static void run_three_times(const struct vector *v, enum noise_pattern pattern) {
	struct static_product products[2];
	run_vector(v, pattern, NULL);
	memset(products, 7, sizeof(products));
	products[0].known = products[1].known = true;
	run_vector(v, pattern, products);
	if (pattern == NOISE_KKPSK0) {
		assert_memory_equal(products[0].own, products[1].peer, KEY_SIZE);
		assert_memory_equal(products[0].product, products[1].product, KEY_SIZE);
	}
	run_vector(v, pattern, products);
}

static void test_vectors(void **state) {
	(void)state;
	static const struct {
		const char *name;
		enum noise_pattern pattern;
	} patterns[] = { { "Noise_XX_25519_AESGCM_SHA256", NOISE_XX }, { "Noise_KKpsk0_25519_AESGCM_SHA256", NOISE_KKPSK0 } };
	unsigned found[2] = { 0 };
	static struct vector vector;
	char *line = NULL;
	size_t capacity = 0;
	FILE *file = fopen(VECTORS, "r");
	assert_non_null(file); /* package golang-github-flynn-noise-dev */
	for (bool more = true; more;) {
		ssize_t length = getline(&line, &capacity, file);
		more = length >= 0;
		if (more && length > 1) {
			line[strcspn(line, "\n")] = '\0';
			char *equals = strchr(line, '=');
			assert_non_null(equals);
			*equals = '\0';
			if (strcmp(line, "handshake") == 0) {
				memset(&vector, 0, sizeof(vector));
				snprintf(vector.name, sizeof(vector.name), "%s", equals + 1);
			} else {
				for (size_t i = 0; i < ELEMENTS(patterns); i++)
					if (strcmp(vector.name, patterns[i].name) == 0)
						vector_line(&vector, line, equals + 1);
			}
			continue;
		}
		for (size_t i = 0; i < ELEMENTS(patterns); i++)
			if (strcmp(vector.name, patterns[i].name) == 0) {
				run_three_times(&vector, patterns[i].pattern);
				found[i]++;
				vector.name[0] = '\0';
			}
	}
	free(line);
	fclose(file);
	assert_int_equal(found[0], 4);
	assert_int_equal(found[1], 4);
}

static void fill_counting(void *context, uint8_t *out, size_t length) {
	uint8_t *next = context;
	memset(out, ++*next, length);
}

static void start_end(struct noise_handshake *end, bool initiator, const struct static_keys *keys,
                      const struct random_source *random) {
	const struct noise_setup setup = { .pattern = NOISE_XX, .initiator = initiator, .random = random, .keys = keys };
	assert_int_equal(noise_start(end, &setup), 0);
}

/* Out of turn, into too little room, and after a failure: nothing goes on, not even with the right message. */
static void test_misuse_and_failure(void **state) {
	(void)state;
	uint8_t seed = 0, message[256], payload[256];
	size_t length, payload_length;
	const struct random_source random = { fill_counting, &seed };
	struct static_keys init, resp;
	struct noise_handshake ends[2];
	static_keys_make(&init, &random);
	static_keys_make(&resp, &random);
	start_end(&ends[0], true, &init, &random);
	start_end(&ends[1], false, &resp, &random);
	assert_int_equal(noise_read(&ends[0], message, 32, payload, &payload_length), -EINVAL);
	assert_int_equal(noise_write(&ends[1], NULL, 0, message, sizeof(message), &length), -EINVAL);
	assert_int_equal(noise_write(&ends[0], NULL, 0, message, sizeof(message), &length), 0);
	assert_int_equal(noise_write(&ends[0], NULL, 0, message, sizeof(message), &length), -EINVAL);
	assert_int_equal(noise_read(&ends[1], message, length, payload, &payload_length), 0);
	assert_int_equal(noise_write(&ends[1], NULL, 0, message, sizeof(message), &length), 0);
	message[40] ^= 1;
	assert_int_equal(noise_read(&ends[0], message, length, payload, &payload_length), -EBADMSG);
	message[40] ^= 1;
	assert_int_equal(noise_read(&ends[0], message, length, payload, &payload_length), -EINVAL);
	assert_int_equal(noise_write(&ends[0], NULL, 0, message, sizeof(message), &length), -EINVAL);
	noise_wipe(&ends[0]);
	noise_wipe(&ends[1]);
	/* Each length below the message's own. */
	start_end(&ends[1], false, &resp, &random);
	for (size_t room = 0; room < 32 + 3; room++) {
		start_end(&ends[0], true, &init, &random);
		assert_int_equal(noise_write(&ends[0], (const uint8_t *)"abc", 3, message, room, &length), -ENOSPC);
		assert_int_equal(noise_write(&ends[0], (const uint8_t *)"abc", 3, message, sizeof(message), &length), -EINVAL);
		noise_wipe(&ends[0]);
	}
	assert_int_equal(noise_read(&ends[1], message, 31, payload, &payload_length), -EBADMSG);
	noise_wipe(&ends[1]);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_vectors), cmocka_unit_test(test_misuse_and_failure) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
