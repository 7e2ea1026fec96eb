/* The log's format: what is written is read, a vector that another library has computed, every edit is found, the head that is
 * signed shows a cut end, and texts of heads that are none. */
#include <openssl/evp.h>

#include "unit.h"

#define ENTRIES 5
#define LENGTH (SLATE_HEADER_SIZE + ENTRIES * SLATE_ENTRY_SIZE)

static const uint8_t seed[ED25519_SEED_SIZE] = { 1, 2, 3 };

struct image {
	uint8_t bytes[LENGTH], chain[ENTRIES + 1][SHA256_SIZE];
	struct slate_entry entries[ENTRIES];
};

static void make(struct image *image) {
	struct slate_header header = { .made_us = NOW_US, .serial = "CAM-0001" };
	uint8_t chain[SHA256_SIZE];
	memset(header.log_id, 0xab, sizeof(header.log_id));
	slate_header_encode(&header, image->bytes);
	slate_chain_start(image->bytes, chain);
	memcpy(image->chain[0], chain, SHA256_SIZE);
	image->entries[0] = make_recording(SLATE_RECORDING_BEGAN, 9, NOW_US);
	image->entries[1] = make_sighting(1, NOW_US + 1000000, 30);
	image->entries[2] = make_sighting(2, NOW_US + 2000000, 40);
	image->entries[3] = make_sighting(1, NOW_US + 1000000, 90);
	image->entries[4] = make_recording(SLATE_RECORDING_ENDED, 9, NOW_US + 60000000);
	for (size_t i = 0; i < ENTRIES; i++) {
		slate_entry_encode(&image->entries[i], chain, image->bytes + SLATE_HEADER_SIZE + i * SLATE_ENTRY_SIZE);
		memcpy(image->chain[i + 1], chain, SHA256_SIZE);
	}
}

static struct slate_head head_at(const struct image *image, uint64_t entries) {
	struct slate_head head = { .entries = entries, .time_us = NOW_US };
	memset(head.log_id, 0xab, sizeof(head.log_id));
	memcpy(head.chain, image->chain[entries], SHA256_SIZE);
	slate_head_sign(&head, seed);
	return head;
}

static enum slate_verdict verdict(const uint8_t *bytes, size_t length, const struct slate_head *head, uint64_t *entries) {
	struct slate_proof proof;
	assert_int_equal(slate_verify(bytes, length, NULL, head, &proof), 0);
	if (entries)
		*entries = proof.entries;
	return proof.verdict;
}

static void test_read_back(void **state) {
	(void)state;
	struct image image;
	struct slate_reader reader;
	struct slate_entry entry;
	make(&image);
	assert_int_equal(slate_reader_start(&reader, image.bytes, LENGTH), 0);
	assert_string_equal(reader.header.serial, "CAM-0001");
	assert_int_equal(reader.header.made_us, NOW_US);
	for (size_t i = 0; i < ENTRIES; i++) {
		assert_true(slate_reader_next(&reader, &entry));
		assert_int_equal(entry.kind, image.entries[i].kind);
		assert_true(entry.clock_trusted);
		if (entry.kind != SLATE_SIGHTING) {
			assert_int_equal(entry.time_us, image.entries[i].time_us);
			assert_memory_equal(entry.recording_id, image.entries[i].recording_id, SLATE_ID_SIZE);
			continue;
		}
		const struct slate_sighting *a = &entry.sighting, *b = &image.entries[i].sighting;
		assert_memory_equal(a->call.identity, b->call.identity, SLATE_IDENTITY_SIZE);
		assert_memory_equal(a->call.mac, b->call.mac, 3);
		assert_int_equal(a->call.epoch, b->call.epoch);
		assert_int_equal(a->call.counter, b->call.counter);
		assert_int_equal(a->call.tx_power, b->call.tx_power);
		assert_int_equal(a->first_us, b->first_us);
		assert_int_equal(a->last_us, b->last_us);
		assert_int_equal(a->count, b->count);
		assert_int_equal(a->rssi, b->rssi);
	}
	assert_false(slate_reader_next(&reader, &entry));
	assert_true(slate_reader_is_whole(&reader));
}

/* The chain and the signature by OpenSSL, from the bytes of docs/slate.md alone. */
static void test_independent(void **state) {
	(void)state;
	struct image image;
	uint8_t chain[SHA256_SIZE], input[SHA256_SIZE + SLATE_BODY_SIZE];
	unsigned size;
	make(&image);
	assert_int_equal(EVP_Digest(image.bytes, SLATE_HEADER_SIZE, chain, &size, EVP_sha256(), NULL), 1);
	for (size_t i = 0; i < ENTRIES; i++) {
		const uint8_t *entry = image.bytes + 96 + i * 80;
		memcpy(input, chain, 32);
		memcpy(input + 32, entry, 48);
		assert_int_equal(EVP_Digest(input, 80, chain, &size, EVP_sha256(), NULL), 1);
		assert_memory_equal(chain, entry + 48, 32);
	}
	struct slate_head head = head_at(&image, ENTRIES);
	uint8_t statement[21 + 16 + 8 + 32 + 8] = "lanyard slate head v1";
	memset(statement + 21, 0xab, 16);
	statement[21 + 16 + 7] = ENTRIES;
	memcpy(statement + 45, chain, 32);
	for (unsigned i = 0; i < 8; i++)
		statement[77 + i] = (uint8_t)(NOW_US >> (56 - 8 * i));
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, head.public_key, sizeof(head.public_key));
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(context, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestVerify(context, head.signature, sizeof(head.signature), statement, sizeof(statement)), 1);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
}

/* Every bit of every entry is under the chain. */
static void test_every_bit(void **state) {
	(void)state;
	struct image image;
	uint64_t entries;
	make(&image);
	struct slate_head head = head_at(&image, ENTRIES);
	assert_int_equal(verdict(image.bytes, LENGTH, NULL, &entries), SLATE_SOUND);
	assert_int_equal(entries, ENTRIES);
	assert_int_equal(verdict(image.bytes, LENGTH, &head, NULL), SLATE_SOUND);
	for (size_t bit = 8 * 8; bit < 8 * (size_t)LENGTH; bit++) {
		struct slate_proof without = { .verdict = SLATE_BROKEN }, with = { .verdict = SLATE_BROKEN };
		image.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		/* A serial that became no text is no log at all. */
		if (slate_verify(image.bytes, LENGTH, NULL, NULL, &without) == 0)
			assert_int_equal(slate_verify(image.bytes, LENGTH, NULL, &head, &with), 0);
		if (without.verdict == SLATE_SOUND || with.verdict == SLATE_SOUND)
			fail_msg("bit %zu can be changed", bit);
		image.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void test_edits(void **state) {
	(void)state;
	struct image image, other;
	uint8_t swap[SLATE_ENTRY_SIZE];
	uint64_t entries;
	make(&image);
	struct slate_head head = head_at(&image, 3), all = head_at(&image, ENTRIES);
	/* More after the head is no edit. */
	assert_int_equal(verdict(image.bytes, LENGTH, &head, NULL), SLATE_SOUND);
	/* The end cut off: nothing in the log itself shows it, the head does. */
	assert_int_equal(verdict(image.bytes, LENGTH - SLATE_ENTRY_SIZE, NULL, NULL), SLATE_SOUND);
	assert_int_equal(verdict(image.bytes, LENGTH - SLATE_ENTRY_SIZE, &head, NULL), SLATE_SOUND);
	assert_int_equal(verdict(image.bytes, LENGTH - SLATE_ENTRY_SIZE, &all, NULL), SLATE_CUT);
	assert_int_equal(verdict(image.bytes, LENGTH - 1, NULL, NULL), SLATE_BROKEN);
	/* Two swapped, one taken out of the middle. */
	other = image;
	uint8_t *second = other.bytes + SLATE_HEADER_SIZE + SLATE_ENTRY_SIZE, *third = second + SLATE_ENTRY_SIZE;
	memcpy(swap, second, sizeof(swap));
	memcpy(second, third, sizeof(swap));
	memcpy(third, swap, sizeof(swap));
	assert_int_equal(verdict(other.bytes, LENGTH, NULL, &entries), SLATE_BROKEN);
	assert_int_equal(entries, 1);
	other = image;
	memmove(second, third, 3 * SLATE_ENTRY_SIZE);
	assert_int_equal(verdict(other.bytes, LENGTH - SLATE_ENTRY_SIZE, NULL, NULL), SLATE_BROKEN);
	/* Written anew from the second entry on, with hashes that fit: only the head knows. */
	other = image;
	uint8_t chain[SHA256_SIZE];
	memcpy(chain, image.chain[1], sizeof(chain));
	other.entries[1].sighting.count++;
	for (size_t i = 1; i < ENTRIES; i++)
		slate_entry_encode(&other.entries[i], chain, other.bytes + SLATE_HEADER_SIZE + i * SLATE_ENTRY_SIZE);
	assert_int_equal(verdict(other.bytes, LENGTH, NULL, NULL), SLATE_SOUND);
	assert_int_equal(verdict(other.bytes, LENGTH, &head, NULL), SLATE_REWRITTEN);
	/* Heads that are none of this log's. */
	head.log_id[0] ^= 1;
	assert_int_equal(verdict(image.bytes, LENGTH, &head, NULL), SLATE_UNSIGNED);
	slate_head_sign(&head, seed);
	assert_int_equal(verdict(image.bytes, LENGTH, &head, NULL), SLATE_OTHER);
	head = head_at(&image, 3);
	head.entries = 2;
	assert_int_equal(verdict(image.bytes, LENGTH, &head, NULL), SLATE_UNSIGNED);
}

/* A log begins with the last hash of the one before it. */
static void test_follows(void **state) {
	(void)state;
	struct image image;
	struct slate_proof before, proof;
	make(&image);
	assert_int_equal(slate_verify(image.bytes, LENGTH, NULL, NULL, &before), 0);
	assert_memory_equal(before.chain, image.chain[ENTRIES], SHA256_SIZE);
	assert_string_equal(before.header.serial, "CAM-0001");
	uint8_t next[SLATE_HEADER_SIZE];
	struct slate_header header = before.header;
	memcpy(header.previous, before.chain, SHA256_SIZE);
	slate_header_encode(&header, next);
	assert_int_equal(slate_verify(next, sizeof(next), before.chain, NULL, &proof), 0);
	assert_int_equal(proof.verdict, SLATE_SOUND);
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		before.chain[i] ^= 1;
		assert_int_equal(slate_verify(next, sizeof(next), before.chain, NULL, &proof), 0);
		assert_int_equal(proof.verdict, SLATE_APART);
		before.chain[i] ^= 1;
	}
}

static void test_kind_unknown(void **state) {
	(void)state;
	struct image image;
	uint8_t chain[SHA256_SIZE];
	make(&image);
	uint8_t *entry = image.bytes + SLATE_HEADER_SIZE;
	entry[0] = 77;
	memcpy(chain, image.chain[0], sizeof(chain));
	sha256_two(chain, sizeof(chain), entry, SLATE_BODY_SIZE, entry + SLATE_BODY_SIZE);
	assert_int_equal(verdict(image.bytes, SLATE_HEADER_SIZE + SLATE_ENTRY_SIZE, NULL, NULL), SLATE_BROKEN);
	assert_int_equal(slate_verify(image.bytes, SLATE_HEADER_SIZE - 1, NULL, NULL, &(struct slate_proof){ 0 }), -EBADMSG);
}

static void test_head_text(void **state) {
	(void)state;
	struct image image;
	struct slate_head back;
	char text[SLATE_HEAD_TEXT];
	make(&image);
	struct slate_head head = head_at(&image, ENTRIES);
	slate_head_print(&head, text);
	assert_int_equal(slate_head_parse(text, &back), 0);
	assert_memory_equal(&back, &head, sizeof(head));
	assert_true(slate_head_is_signed(&back));
	strcat(text, "\n");
	assert_int_equal(slate_head_parse(text, &back), 0);
	strcat(text, "x");
	assert_int_equal(slate_head_parse(text, &back), -EINVAL);
	slate_head_print(&head, text);
	for (size_t cut = 0; cut < strlen(text); cut++) {
		char part[SLATE_HEAD_TEXT];
		memcpy(part, text, cut);
		part[cut] = '\0';
		assert_int_equal(slate_head_parse(part, &back), -EINVAL);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_back), cmocka_unit_test(test_independent), cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_edits),     cmocka_unit_test(test_follows),     cmocka_unit_test(test_kind_unknown),
		cmocka_unit_test(test_head_text),
	};
	return crypto_start() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
