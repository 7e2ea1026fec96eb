#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "pairing/noise.h"
#include "pairing/record_layer.h"
#include "tests/bench/compare.h"
#include "tests/bench/libraries.h"
#include "tests/bench/native.h"

#define LARGEST (1024u * 1024)
#define RECORD_OVERHEAD (RECORD_HEADER_SIZE + RECORD_TAG_SIZE)
#define RECORDS_LARGEST (LARGEST + (LARGEST / (RECORD_LIMIT_MEDIA - RECORD_TAG_SIZE) + 1) * RECORD_OVERHEAD)

struct bulk {
	uint8_t *in, *out;
	size_t size;
	uint64_t number;
	struct libraries *libraries;
	struct gcm *gcm;

	/* The two ends of a session. */
	struct noise_cipher seal, open;
	struct record_layer layer;
	size_t plaintext_limit; /* of one record */
};

static void start(struct bulk *bulk) {
	uint8_t key[AES256_KEY_SIZE];
	random_system()->fill(random_system()->context, key, sizeof(key));
	REQUIRE((bulk->in = calloc(1, LARGEST)) && (bulk->out = calloc(1, RECORDS_LARGEST)));
	REQUIRE(gcm_new(&bulk->gcm, key) == 0 && gcm_new(&bulk->seal.gcm, key) == 0 && gcm_new(&bulk->open.gcm, key) == 0);
	REQUIRE(record_layer_init(&bulk->layer, RECORD_LIMIT_MEDIA) == 0);
	bulk->libraries = libraries_new(key);
}

static void end(struct bulk *bulk) {
	libraries_free(bulk->libraries);
	record_layer_free(&bulk->layer);
	noise_cipher_free(&bulk->seal);
	noise_cipher_free(&bulk->open);
	gcm_free(bulk->gcm);
	free(bulk->in);
	free(bulk->out);
}

/* --- the cipher alone --------------------------------------------------------------------------------------------------- */

static void seal(void *context) {
	struct bulk *bulk = context;
	uint8_t nonce[GCM_NONCE_SIZE] = { 0 };
	bulk->number++;
	memcpy(nonce, &bulk->number, sizeof(bulk->number));
	REQUIRE(gcm_seal(bulk->gcm, nonce, NULL, 0, bulk->in, bulk->size, bulk->out, bulk->out + bulk->size) == 0);
}

static void library_seal(void *context) {
	const struct peer *peer = context;
	struct bulk *bulk = peer->context;
	peer->library->seal(peer->libraries, bulk->number++, bulk->in, bulk->size, bulk->out);
}

void bench_cipher(void) {
	struct bulk bulk = { 0 };
	start(&bulk);
	static const struct {
		size_t size;
		const char *name;
		double budget;
	} kinds[] = { { 200, "AES-256-GCM, 200 B", 0 },
		      { 16384, "AES-256-GCM, 16 KiB", LIBRARIES_BUDGET },
		      { LARGEST, "AES-256-GCM, 1 MiB", LIBRARIES_BUDGET } };
	for (size_t i = 0; i < ELEMENTS(kinds); i++) {
		bulk.size = kinds[i].size;
		libraries_compare(bulk.libraries, kinds[i].name, bulk.size, kinds[i].budget, seal, library_seal, &bulk);
	}
	end(&bulk);
}

/* --- records ------------------------------------------------------------------------------------------------------------ */

/* As they go over a link: as many as the bytes need, each with its length before it, one behind the other. Taken apart and
 * opened as channel_receive does it. */
static void records(void *context) {
	struct bulk *bulk = context;
	size_t length = 0;
	for (size_t at = 0; at < bulk->size;) {
		size_t left = bulk->size - at, take = left < bulk->plaintext_limit ? left : bulk->plaintext_limit;
		record_header_write(bulk->out + length, take + RECORD_TAG_SIZE);
		REQUIRE(noise_seal(&bulk->seal, NULL, 0, bulk->in + at, take, bulk->out + length + RECORD_HEADER_SIZE) == 0);
		length += take + RECORD_OVERHEAD;
		at += take;
	}
	const uint8_t *bytes = bulk->out, *record;
	size_t opened = 0, record_length;
	while (record_layer_take(&bulk->layer, &bytes, &length, 0, &record, &record_length) == RECORD_WHOLE) {
		REQUIRE(noise_open(&bulk->open, NULL, 0, record, record_length, record_layer_plaintext(&bulk->layer)) == 0);
		opened += record_length - RECORD_TAG_SIZE;
	}
	REQUIRE(opened == bulk->size);
}

/* The floor: the same bytes in one piece, without a length. */
static void library_seal_and_open(void *context) {
	const struct peer *peer = context;
	struct bulk *bulk = peer->context;
	bulk->number++;
	peer->library->seal(peer->libraries, bulk->number, bulk->in, bulk->size, bulk->out);
	peer->library->open(peer->libraries, bulk->number, bulk->out, bulk->size, bulk->out);
}

static void compare_records(struct bulk *bulk, const char *name, size_t size, size_t limit, double budget) {
	bulk->size = size;
	bulk->plaintext_limit = limit - RECORD_TAG_SIZE;
	libraries_compare(bulk->libraries, name, size, budget, records, library_seal_and_open, bulk);
}

void bench_records(void) {
	struct bulk bulk = { 0 };
	start(&bulk);
	compare_records(&bulk, "records sealed and opened, 200 B", 200, RECORD_LIMIT_MEDIA, 0);
	compare_records(&bulk, "records sealed and opened, 16 KiB", 16384, RECORD_LIMIT_MEDIA, LIBRARIES_BUDGET);
	compare_records(&bulk, "records sealed and opened, 1 MiB", LARGEST, RECORD_LIMIT_MEDIA, LIBRARIES_BUDGET);
	end(&bulk);
}

void bench_bluetooth_record(void) {
	struct bulk bulk = { 0 };
	start(&bulk);
	size_t size = RECORD_LIMIT_BLUETOOTH - RECORD_TAG_SIZE;
	compare_records(&bulk, "record of a Bluetooth link sealed and opened, 4 KiB", size, RECORD_LIMIT_BLUETOOTH,
	                LIBRARIES_BUDGET);
	end(&bulk);
}
