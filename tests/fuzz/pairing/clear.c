/* What a stranger can send without a key: adverts, the hello of a link, and the payloads inside handshake messages 1 to 3, which
 * are read before anybody is authenticated. First byte: which of them. What is accepted is written again and must be the same
 * bytes, as far as the writer can say it. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "pairing/hello.h"
#include "pairing/hello_advert.h"
#include "pairing/limits.h"
#include "pairing/pairing_messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good) {
	if (!good)
		abort();
}

static void same(const struct writer *w, const uint8_t *bytes, size_t length) {
	must(!w->failed && writer_length(w) == length && memcmp(w->start, bytes, length) == 0);
}

static void fuzz_advert(const uint8_t *bytes, size_t length) {
	struct hello_advert advert;
	uint8_t again[HELLO_ADVERT_SIZE];
	if (!hello_advert_read(bytes, length, &advert))
		return;
	must(advert.type == HELLO_ADVERT_PAIRING || advert.type == HELLO_ADVERT_EXPECTED);
	must(advert.version_minimum <= advert.version_maximum);
	hello_advert_write(&advert, again);
	must(length >= sizeof(again) && memcmp(again, bytes, sizeof(again)) == 0);
}

static void fuzz_hello(const uint8_t *bytes, size_t length) {
	struct hello hello;
	uint8_t again[HELLO_SIZE];
	if (length < HELLO_SIZE || !hello_read(bytes, &hello))
		return;
	must(hello.version >= hello.minimum && hello.version <= hello.maximum && hello.version >= PROTOCOL_VERSION_MINIMUM &&
	     hello.version <= PROTOCOL_VERSION_MAXIMUM);
	hello_write(&hello, again);
	must(memcmp(again, bytes, sizeof(again)) == 0);
}

static void fuzz_offer(const uint8_t *bytes, size_t length) {
	struct pairing_offer offer;
	uint8_t again[HANDSHAKE_PAYLOAD_LIMIT];
	struct writer w = writer_over(again, sizeof(again));
	if (!pairing_offer_read(bytes, length, &offer))
		return;
	pairing_offer_write(&w, &offer);
	same(&w, bytes, length);
}

/* The writers leave certificate and signature out. */
static bool is_bare(const uint8_t *bytes) {
	return memcmp(bytes, (const uint8_t[4]){ 0 }, 4) == 0;
}

static void fuzz_answer(const uint8_t *bytes, size_t length) {
	struct pairing_answer answer;
	uint8_t again[HANDSHAKE_PAYLOAD_LIMIT];
	struct writer w = writer_over(again, sizeof(again));
	struct reader r = reader_over(bytes, length);
	if (!versions_read(&r, PROTOCOL_VERSION_MAXIMUM))
		return;
	size_t versions = length - reader_left(&r);
	must(versions == VERSIONS_SIZE);
	if (!pairing_answer_read(&r, &answer))
		return;
	must(strlen(answer.name) <= COMPANION_NAME_LIMIT);
	pairing_answer_write(&w, &answer);
	if (is_bare(bytes + versions))
		same(&w, bytes + versions, length - versions);
}

static void fuzz_proof(const uint8_t *bytes, size_t length) {
	struct pairing_proof proof;
	uint8_t again[HANDSHAKE_PAYLOAD_LIMIT];
	struct writer w = writer_over(again, sizeof(again));
	if (!pairing_proof_read(bytes, length, &proof))
		return;
	must(strlen(proof.name) <= COMPANION_NAME_LIMIT);
	pairing_proof_write(&w, &proof);
	if (is_bare(bytes))
		same(&w, bytes, length);
}

static void fuzz_step(const uint8_t *bytes, size_t length) {
	struct pairing_step_message message;
	uint8_t again[STEP_LIMIT];
	struct writer w = writer_over(again, sizeof(again));
	if (!pairing_step_read(bytes, length, &message))
		return;
	must(message.step != STEP_REFUSED || message.reason != REASON_OK);
	pairing_step_write(&w, &message);
	if (message.step != STEP_REFUSED || message.reason != REASON_INTERNAL)
		same(&w, bytes, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static void (*const readers[])(const uint8_t *bytes, size_t length) = { fuzz_advert, fuzz_hello, fuzz_offer,
		                                                                fuzz_answer, fuzz_proof, fuzz_step };
	if (size < 1)
		return 0;
	uint8_t *exact = malloc(size - 1 ? size - 1 : 1);
	must(exact != NULL);
	memcpy(exact, data + 1, size - 1);
	readers[data[0] % ELEMENTS(readers)](exact, size - 1);
	free(exact);
	return 0;
}
