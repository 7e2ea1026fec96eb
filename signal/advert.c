#include "signal/advert.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"

#define TAG_SIZE 8
#define PLAINTEXT_SIZE 15

static_assert(1 + TAG_SIZE + PLAINTEXT_SIZE == ADVERT_SIZE, "the advert's parts fill it");

void advert_keys_derive(struct advert_keys *ret, const uint8_t group_key[ADVERT_KEY_SIZE], uint64_t epoch) {
	static const char label[] = "lanyard advert v1";
	uint8_t info[sizeof(label) - 1 + 8], keys[2 * ADVERT_KEY_SIZE];
	struct writer w = writer_over(info, sizeof(info));
	writer_copy(&w, label, sizeof(label) - 1);
	writer_u64(&w, epoch);
	hkdf_sha256(NULL, 0, group_key, ADVERT_KEY_SIZE, info, sizeof(info), keys, sizeof(keys));
	ret->epoch = epoch;
	memcpy(ret->encryption, keys, ADVERT_KEY_SIZE);
	memcpy(ret->authentication, keys + ADVERT_KEY_SIZE, ADVERT_KEY_SIZE);
	wipe(keys, sizeof(keys));
}

static void advert_tag(const struct advert_keys *keys, const uint8_t plaintext[PLAINTEXT_SIZE], uint8_t tag[TAG_SIZE]) {
	uint8_t input[1 + PLAINTEXT_SIZE], hash[SHA256_SIZE];
	input[0] = ADVERT_HEADER;
	memcpy(input + 1, plaintext, PLAINTEXT_SIZE);
	hmac_sha256(keys->authentication, ADVERT_KEY_SIZE, input, sizeof(input), hash);
	memcpy(tag, hash, TAG_SIZE);
}

static void advert_crypt(const struct advert_keys *keys, const uint8_t tag[TAG_SIZE], const uint8_t in[PLAINTEXT_SIZE],
                         uint8_t out[PLAINTEXT_SIZE]) {
	uint8_t block[AES_BLOCK_SIZE] = { 0 };
	memcpy(block, tag, TAG_SIZE);
	/* CTR over less than one block is the encrypted counter block, cut. */
	aes256_encrypt_block(keys->encryption, block, block);
	for (size_t i = 0; i < PLAINTEXT_SIZE; i++)
		out[i] = in[i] ^ block[i];
	wipe(block, sizeof(block));
}

static void call_write(const struct advert_call *call, uint8_t plaintext[PLAINTEXT_SIZE]) {
	struct writer w = writer_over(plaintext, PLAINTEXT_SIZE);
	writer_u8(&w, (uint8_t)call->type);
	switch (call->type) {
	case ADVERT_SIGNAL:
		writer_u32(&w, call->signal.sender);
		writer_u32(&w, call->signal.sequence);
		writer_u32(&w, call->signal.time_s);
		writer_u16(&w, (uint16_t)call->signal.kind);
		break;
	case ADVERT_SLATE:
		writer_copy(&w, call->slate.identity, SLATE_IDENTITY_SIZE);
		writer_u16(&w, call->slate.counter);
		writer_u8(&w, (uint8_t)call->slate.tx_power);
		writer_copy(&w, call->slate.mac, sizeof(call->slate.mac));
		break;
	}
	assert(!w.failed && w.at == w.end);
}

static bool call_read(const uint8_t plaintext[PLAINTEXT_SIZE], struct advert_call *ret) {
	struct reader r = reader_over(plaintext, PLAINTEXT_SIZE);
	struct advert_call call = { .type = (enum advert_type)reader_u8(&r) };
	switch (call.type) {
	case ADVERT_SIGNAL: {
		call.signal.sender = reader_u32(&r);
		call.signal.sequence = reader_u32(&r);
		call.signal.time_s = reader_u32(&r);
		uint16_t kind = reader_u16(&r);
		if (kind < SIGNAL_MANUAL || kind > SIGNAL_KIND_LAST)
			return false;
		call.signal.kind = (enum signal_kind)kind;
		break;
	}
	case ADVERT_SLATE:
		reader_copy(&r, call.slate.identity, SLATE_IDENTITY_SIZE);
		call.slate.counter = reader_u16(&r);
		call.slate.tx_power = (int8_t)reader_u8(&r);
		reader_copy(&r, call.slate.mac, sizeof(call.slate.mac));
		break;
	}
	if (!reader_done(&r))
		return false; /* also a type that is neither: its bytes were not read */
	*ret = call;
	return true;
}

void advert_encode(const struct advert_keys *keys, const struct advert_call *call, uint8_t out[ADVERT_SIZE]) {
	uint8_t plaintext[PLAINTEXT_SIZE];
	call_write(call, plaintext);
	out[0] = ADVERT_HEADER;
	advert_tag(keys, plaintext, out + 1);
	advert_crypt(keys, out + 1, plaintext, out + 1 + TAG_SIZE);
}

bool advert_decode(const struct advert_keys *keys, const uint8_t bytes[ADVERT_SIZE], struct advert_call *ret_call) {
	if (bytes[0] != ADVERT_HEADER)
		return false;
	uint8_t plaintext[PLAINTEXT_SIZE], tag[TAG_SIZE];
	advert_crypt(keys, bytes + 1, bytes + 1 + TAG_SIZE, plaintext);
	advert_tag(keys, plaintext, tag);
	if (!bytes_equal_secret(tag, bytes + 1, TAG_SIZE) || !call_read(plaintext, ret_call))
		return false;
	if (ret_call->type == ADVERT_SLATE)
		ret_call->slate.epoch = keys->epoch;
	return true;
}

static void slate_hash(const uint8_t camera_key[ADVERT_KEY_SIZE], const char *label, uint64_t epoch, const void *rest,
                       size_t rest_length, uint8_t hash[SHA256_SIZE]) {
	uint8_t input[64];
	struct writer w = writer_over(input, sizeof(input));
	writer_copy(&w, label, strlen(label));
	writer_u64(&w, epoch);
	writer_copy(&w, rest, rest_length);
	assert(!w.failed);
	hmac_sha256(camera_key, ADVERT_KEY_SIZE, input, writer_length(&w), hash);
}

static void slate_seal(struct slate_call *call, const uint8_t camera_key[ADVERT_KEY_SIZE], uint64_t epoch) {
	uint8_t hash[SHA256_SIZE], rest[3];
	slate_hash(camera_key, "lanyard slate identity v1", epoch, NULL, 0, hash);
	memcpy(call->identity, hash, SLATE_IDENTITY_SIZE);
	struct writer w = writer_over(rest, sizeof(rest));
	writer_u16(&w, call->counter);
	writer_u8(&w, (uint8_t)call->tx_power);
	slate_hash(camera_key, "lanyard slate mac v1", epoch, rest, sizeof(rest), hash);
	memcpy(call->mac, hash, sizeof(call->mac));
	wipe(hash, sizeof(hash));
}

void slate_make(struct slate_call *ret, const uint8_t camera_key[ADVERT_KEY_SIZE], uint64_t epoch, uint16_t counter,
                int8_t tx_power) {
	struct slate_call call = { .counter = counter, .tx_power = tx_power, .epoch = epoch };
	slate_seal(&call, camera_key, epoch);
	*ret = call;
}

bool slate_is_from(const struct slate_call *call, const uint8_t camera_key[ADVERT_KEY_SIZE], uint64_t epoch) {
	struct slate_call expected = { .counter = call->counter, .tx_power = call->tx_power };
	slate_seal(&expected, camera_key, epoch);
	return bytes_equal_secret(expected.identity, call->identity, SLATE_IDENTITY_SIZE) &&
	       bytes_equal_secret(expected.mac, call->mac, sizeof(call->mac));
}

static const char *const kind_names[SIGNAL_KIND_LAST + 1] = {
	[SIGNAL_MANUAL] = "manual",   [SIGNAL_LIGHT_BAR] = "light-bar",
	[SIGNAL_SIREN] = "siren",     [SIGNAL_VEHICLE_DOOR] = "vehicle-door",
	[SIGNAL_HOLSTER] = "holster", [SIGNAL_ENERGY_WEAPON] = "energy-weapon",
	[SIGNAL_CAMERA] = "camera",
};

const char *signal_kind_name(enum signal_kind kind) {
	return (unsigned)kind <= SIGNAL_KIND_LAST ? kind_names[kind] : NULL;
}

bool signal_kind_from_name(const char *name, enum signal_kind *ret) {
	for (unsigned kind = SIGNAL_MANUAL; kind <= SIGNAL_KIND_LAST; kind++)
		if (strcmp(kind_names[kind], name) == 0) {
			*ret = (enum signal_kind)kind;
			return true;
		}
	return false;
}
