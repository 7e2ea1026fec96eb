/* What the handshakes and adverts carry, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "pairing/hello.h"
#include "pairing/hello_advert.h"
#include "pairing/pairing_messages.h"
#include "pairing/record.h"

#define LIMIT 512

typedef bool (*reading)(const uint8_t *bytes, size_t length);

static bool read_offer(const uint8_t *bytes, size_t length) {
	struct pairing_offer offer;
	return pairing_offer_read(bytes, length, &offer);
}

static bool read_answer(const uint8_t *bytes, size_t length) {
	struct pairing_answer answer;
	struct reader r = reader_over(bytes, length);
	return pairing_answer_read(&r, &answer);
}

static bool read_proof(const uint8_t *bytes, size_t length) {
	struct pairing_proof proof;
	return pairing_proof_read(bytes, length, &proof);
}

static bool read_step(const uint8_t *bytes, size_t length) {
	struct pairing_step_message message;
	return pairing_step_read(bytes, length, &message);
}

/* Only the whole is accepted: no prefix, no byte more. */
static void check_exact(reading read, const uint8_t *bytes, size_t length) {
	for (size_t given = 0; given <= length + 1; given++) {
		uint8_t *exact = calloc(1, given ? given : 1);
		assert_non_null(exact);
		memcpy(exact, bytes, given < length ? given : length);
		if (read(exact, given) != (given == length))
			fail_msg("%zu bytes of %zu", given, length);
		free(exact);
	}
}

static void test_offer(void **state) {
	(void)state;
	struct pairing_offer offer = { .flags = 0xa5 }, back;
	uint8_t bytes[LIMIT];
	struct writer w = writer_over(bytes, sizeof(bytes));
	memset(offer.commitment, 7, sizeof(offer.commitment));
	pairing_offer_write(&w, &offer);
	assert_int_equal(writer_length(&w), COMMITMENT_SIZE + 1);
	check_exact(read_offer, bytes, writer_length(&w));
	assert_true(pairing_offer_read(bytes, writer_length(&w), &back));
	assert_memory_equal(&back, &offer, sizeof(offer));
}

static void test_answer_and_proof(void **state) {
	(void)state;
	static const char *const names[] = { "", "x", "12345678901234567890123456789012" };
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		struct pairing_answer answer = { .state = CAMERA_STATE_HAS_COMPANION }, answer_back;
		struct pairing_proof proof, proof_back;
		uint8_t bytes[LIMIT];
		memset(&proof, 9, sizeof(proof));
		strcpy(answer.name, names[i]);
		strcpy(proof.name, names[i]);
		struct writer w = writer_over(bytes, sizeof(bytes));
		pairing_answer_write(&w, &answer);
		check_exact(read_answer, bytes, writer_length(&w));
		struct reader r = reader_over(bytes, writer_length(&w));
		assert_true(pairing_answer_read(&r, &answer_back));
		assert_int_equal(answer_back.state, answer.state);
		assert_string_equal(answer_back.name, names[i]);
		w = writer_over(bytes, sizeof(bytes));
		pairing_proof_write(&w, &proof);
		check_exact(read_proof, bytes, writer_length(&w));
		assert_true(pairing_proof_read(bytes, writer_length(&w), &proof_back));
		assert_memory_equal(proof_back.nonce, proof.nonce, NONCE_SIZE);
		assert_string_equal(proof_back.name, names[i]);
	}
}

static void test_names_and_certificates(void **state) {
	(void)state;
	static const struct {
		const char *what, *hex;
		bool good;
	} rows[] = {
		{ "empty",
		  "00000000"
		  "00"
		  "00",
		  true },
		{ "certificate and signature of a fleet to come",
		  "0003616263"
		  "000178"
		  "01"
		  "0179",
		  true },
		{ "certificate longer than the message",
		  "ffff"
		  "0000"
		  "00"
		  "00",
		  false },
		{ "signature longer than the message",
		  "0000"
		  "0005"
		  "00"
		  "00",
		  false },
		{ "name with a zero",
		  "00000000"
		  "00"
		  "03610062",
		  false },
		{ "name of 33 bytes",
		  "00000000"
		  "00"
		  "21616161616161616161616161616161616161616161616161616161616161616161",
		  false },
		{ "name with a line break",
		  "00000000"
		  "00"
		  "03610a62",
		  false },
		{ "name with a terminal's escape",
		  "00000000"
		  "00"
		  "031b5b6d",
		  false },
		{ "name that is not UTF-8",
		  "00000000"
		  "00"
		  "02c328",
		  false },
		{ "name cut inside a character",
		  "00000000"
		  "00"
		  "0261c3",
		  false },
		{ "name in another script",
		  "00000000"
		  "00"
		  "06d09fd191d182",
		  true },
		{ "name of 255 that is not there",
		  "00000000"
		  "00"
		  "ff61",
		  false },
		{ "state bits of a later version",
		  "00000000"
		  "fe"
		  "0161",
		  true },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		uint8_t bytes[LIMIT];
		size_t length = strlen(rows[i].hex) / 2;
		assert_int_equal(hex_decode(bytes, length, rows[i].hex), 0);
		struct pairing_answer answer, untouched;
		memset(&answer, 0x55, sizeof(answer));
		untouched = answer;
		struct reader r = reader_over(bytes, length);
		if (pairing_answer_read(&r, &answer) != rows[i].good)
			fail_msg("%s", rows[i].what);
		if (!rows[i].good)
			assert_memory_equal(&answer, &untouched, sizeof(answer));
	}
}

static void test_steps(void **state) {
	(void)state;
	static const struct pairing_step_message messages[] = {
		{ .step = STEP_CONTRIBUTION, .contribution = { 1, 2, 3 } },
		{ .step = STEP_FINISH },
		{ .step = STEP_DONE },
		{ .step = STEP_REFUSED, .reason = REASON_CODE_REJECTED },
	};
	static const size_t lengths[] = { 33, 1, 1, 3 };
	for (size_t i = 0; i < ELEMENTS(messages); i++) {
		uint8_t bytes[STEP_LIMIT];
		struct pairing_step_message back;
		struct writer w = writer_over(bytes, sizeof(bytes));
		pairing_step_write(&w, &messages[i]);
		assert_false(w.failed);
		assert_int_equal(writer_length(&w), lengths[i]);
		check_exact(read_step, bytes, lengths[i]);
		assert_true(pairing_step_read(bytes, lengths[i], &back));
		assert_memory_equal(&back, &messages[i], sizeof(back));
	}
	assert_false(read_step((const uint8_t[]){ 0 }, 1));
	assert_false(read_step((const uint8_t[]){ 5 }, 1));
	/* Whatever number a camera gives, it is never success and never something that is our own affair. */
	for (unsigned number = 0; number <= 0xffff; number++) {
		const uint8_t bytes[] = { STEP_REFUSED, (uint8_t)(number >> 8), (uint8_t)number };
		struct pairing_step_message message;
		assert_true(pairing_step_read(bytes, sizeof(bytes), &message));
		assert_int_not_equal(message.reason, REASON_OK);
		assert_true(message.reason == REASON_INTERNAL || (unsigned)message.reason == number);
		assert_int_not_equal(message.reason, REASON_DISK_FULL);
	}
}

/* The commitment binds r, and the code depends on every bit of r and of the handshake. Six digits, evenly: over 4,096 trials each
 * leading digit comes about as often as any other. */
static void test_code(void **state) {
	(void)state;
	uint8_t nonce[NONCE_SIZE] = { 1 }, hash[NOISE_HASH_SIZE] = { 2 }, commitment[COMMITMENT_SIZE];
	code_commitment(nonce, commitment);
	assert_true(code_commitment_holds(nonce, commitment));
	uint32_t code = code_value(hash, nonce);
	assert_true(code < CODE_VALUES);
	unsigned same = 0, leading[10] = { 0 };
	for (size_t bit = 0; bit < 8 * NONCE_SIZE; bit++) {
		commitment[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(code_commitment_holds(nonce, commitment));
		commitment[bit / 8] ^= (uint8_t)(1u << bit % 8);
		nonce[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(code_commitment_holds(nonce, commitment));
		same += code_value(hash, nonce) == code;
		nonce[bit / 8] ^= (uint8_t)(1u << bit % 8);
		hash[bit / 8] ^= (uint8_t)(1u << bit % 8);
		same += code_value(hash, nonce) == code;
		hash[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(same, 0);
	for (unsigned trial = 0; trial < 4096; trial++) {
		nonce[0] = (uint8_t)trial;
		nonce[1] = (uint8_t)(trial >> 8);
		code = code_value(hash, nonce);
		assert_true(code < CODE_VALUES);
		leading[code / 100000]++;
	}
	for (unsigned digit = 0; digit < 10; digit++)
		assert_true(leading[digit] > 320 && leading[digit] < 500); /* 410 expected, 5 sigma is 96 */
}

static void test_pairing_secret(void **state) {
	(void)state;
	uint8_t hash[NOISE_HASH_SIZE] = { 1 }, camera[CONTRIBUTION_SIZE] = { 2 }, companion[CONTRIBUTION_SIZE] = { 3 },
	        out[KEY_SIZE], other[KEY_SIZE];
	pairing_secret(hash, camera, companion, out);
	pairing_secret(hash, companion, camera, other);
	assert_memory_not_equal(out, other, KEY_SIZE); /* who said what matters */
	uint8_t *inputs[] = { hash, camera, companion };
	for (size_t i = 0; i < ELEMENTS(inputs); i++)
		for (size_t bit = 0; bit < 256; bit++) {
			inputs[i][bit / 8] ^= (uint8_t)(1u << bit % 8);
			pairing_secret(hash, camera, companion, other);
			assert_memory_not_equal(out, other, KEY_SIZE);
			inputs[i][bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
}

static void test_versions(void **state) {
	(void)state;
	static const struct {
		uint8_t minimum, maximum, other_minimum, other_maximum, best;
	} rows[] = {
		{ 1, 1, 1, 1, 1 }, { 1, 3, 2, 5, 3 }, { 2, 5, 1, 3, 3 }, { 1, 1, 2, 2, 0 },         { 2, 2, 1, 1, 0 },
		{ 1, 9, 4, 4, 4 }, { 4, 4, 1, 9, 4 }, { 0, 0, 0, 0, 0 }, { 1, 255, 255, 255, 255 },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(version_best(rows[i].minimum, rows[i].maximum, rows[i].other_minimum, rows[i].other_maximum),
		                 rows[i].best);
	/* The initiator's check of what the responder says it can do. */
	static const struct {
		const char *hex;
		bool good;
	} ranges[] = {
		{ "010100000000", true },  { "0101ffffffff", true }, { "000100000000", true }, { "020200000000", false },
		{ "020100000000", false }, { "010200000000", true }, /* a newer one, which still speaks version 1: our best */
		{ "0101000000", false },
	};
	for (size_t i = 0; i < ELEMENTS(ranges); i++) {
		uint8_t bytes[VERSIONS_SIZE];
		size_t length = strlen(ranges[i].hex) / 2;
		assert_int_equal(hex_decode(bytes, length, ranges[i].hex), 0);
		struct reader r = reader_over(bytes, length);
		if (versions_read(&r, PROTOCOL_VERSION_MAXIMUM) != ranges[i].good)
			fail_msg("%s", ranges[i].hex);
	}
}

static void test_hello(void **state) {
	(void)state;
	static const struct {
		const char *hex;
		bool good;
	} rows[] = {
		{ "0101010100000000", true },  { "0201010100000000", true },  { "0301010100000000", true },
		{ "0001010100000000", false }, { "0401010100000000", false }, { "0102010200000000", false },
		{ "0101010200000000", true },  { "01010101ffffffff", true },  { "0101020100000000", false },
		{ "0100000100000000", false }, { "0101020300000000", false }, { "0100000000000000", false },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		uint8_t bytes[HELLO_SIZE], again[HELLO_SIZE];
		struct hello hello;
		assert_int_equal(hex_decode(bytes, sizeof(bytes), rows[i].hex), 0);
		if (hello_read(bytes, &hello) != rows[i].good)
			fail_msg("%s", rows[i].hex);
		if (rows[i].good) {
			hello_write(&hello, again);
			assert_memory_equal(again, bytes, sizeof(bytes));
		}
	}
	uint8_t hello[HELLO_SIZE] = { 1, 2, 3, 4, 5, 6, 7, 8 }, prologue[PROLOGUE_SIZE];
	hello_prologue(hello, prologue);
	assert_memory_equal(prologue, "lanyard\1\2\3\4\5\6\7\10", PROLOGUE_SIZE);
}

static void test_advert(void **state) {
	(void)state;
	struct hello_advert advert = { .type = HELLO_ADVERT_EXPECTED,
		                       .id = { 1, 2, 3, 4, 5, 6, 7, 8 },
		                       .version_minimum = 1,
		                       .version_maximum = 3 },
	                    back;
	uint8_t bytes[HELLO_ADVERT_SIZE + 1] = { 0 };
	hello_advert_write(&advert, bytes);
	assert_memory_equal(bytes, "\2\1\2\3\4\5\6\7\10\1\3", HELLO_ADVERT_SIZE);
	for (size_t length = 0; length < HELLO_ADVERT_SIZE; length++)
		assert_false(hello_advert_read(bytes, length, &back));
	for (size_t length = HELLO_ADVERT_SIZE; length <= sizeof(bytes); length++) { /* longer is a later version's */
		memset(&back, 0, sizeof(back));
		assert_true(hello_advert_read(bytes, length, &back));
		assert_memory_equal(&back, &advert, sizeof(back));
	}
	for (unsigned type = 0; type <= 0xff; type++) {
		bytes[0] = (uint8_t)type;
		assert_int_equal(hello_advert_read(bytes, HELLO_ADVERT_SIZE, &back), type == 1 || type == 2);
	}
	bytes[0] = 1;
	bytes[9] = 4;
	assert_false(hello_advert_read(bytes, HELLO_ADVERT_SIZE, &back)); /* minimum above maximum */
}

/* Only who knows the secret can tell that two epochs' hints belong together. */
static void test_hint(void **state) {
	(void)state;
	struct pairing_record one = { .secret = { 1 } }, other = { .secret = { 2 } };
	uint8_t hints[64][HINT_SIZE], again[HINT_SIZE];
	for (size_t epoch = 0; epoch < ELEMENTS(hints); epoch++) {
		pairing_hint(&one, epoch, hints[epoch]);
		pairing_hint(&one, epoch, again);
		assert_memory_equal(hints[epoch], again, HINT_SIZE);
		pairing_hint(&other, epoch, again);
		assert_memory_not_equal(hints[epoch], again, HINT_SIZE);
		for (size_t earlier = 0; earlier < epoch; earlier++)
			assert_memory_not_equal(hints[epoch], hints[earlier], HINT_SIZE);
	}
	pairing_hint(&one, UINT64_MAX, again); /* all 64 bits count */
	uint8_t low[HINT_SIZE];
	pairing_hint(&one, UINT32_MAX, low);
	assert_memory_not_equal(again, low, HINT_SIZE);
}

int main(void) {
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offer),
		cmocka_unit_test(test_answer_and_proof),
		cmocka_unit_test(test_names_and_certificates),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_pairing_secret),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_advert),
		cmocka_unit_test(test_hint),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
