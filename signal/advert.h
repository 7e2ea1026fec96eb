/* Signal ("start recording") and Slate ("who was near") adverts: one manufacturer-data payload of 24 bytes that an outsider
 * cannot tell apart, link across epochs, or forge (docs/protocol.md, "Adverts"). Pure.
 *
 *   header 1 | tag 8 | ciphertext 15
 *
 * epoch = floor(unix time / 900 s); Ke | Km = HKDF-SHA-256(group key of the week, "lanyard advert v1" | epoch);
 * tag = first 8 bytes of HMAC-SHA-256(Km, header | plaintext); ciphertext = AES-256-CTR(Ke, tag | 0^8) xor plaintext. The tag is
 * a synthetic IV (after RFC 5297): a repeated plaintext repeats its advert and reveals nothing else. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ADVERT_SIZE 24
#define ADVERT_HEADER 0x01 /* format version 1 */
#define ADVERT_KEY_SIZE 32
#define ADVERT_EPOCH_SECONDS 900u
#define SLATE_IDENTITY_SIZE 8

enum advert_type { ADVERT_SIGNAL = 1, ADVERT_SLATE = 2 };

/* What made somebody call for a recording. The numbers travel. */
enum signal_kind {
	SIGNAL_MANUAL = 1,
	SIGNAL_LIGHT_BAR = 2,
	SIGNAL_SIREN = 3,
	SIGNAL_VEHICLE_DOOR = 4,
	SIGNAL_HOLSTER = 5,
	SIGNAL_ENERGY_WEAPON = 6,
	SIGNAL_CAMERA = 7,
};
#define SIGNAL_KIND_LAST SIGNAL_CAMERA

struct signal_call {
	uint32_t sender, sequence;
	uint32_t time_s; /* seconds since 1970-01-01 UTC by the sender's clock */
	enum signal_kind kind;
};

struct slate_call {
	uint8_t identity[SLATE_IDENTITY_SIZE]; /* HMAC-SHA-256(camera key, epoch), cut */
	uint16_t counter;                      /* seconds into the epoch, by the sender's clock, when it began to say this */
	int8_t tx_power;                       /* dBm */
	uint8_t mac[3];                        /* under the camera key; only the fleet checks it */
	uint64_t epoch;                        /* of the keys that opened it; not on the air */
};

struct advert_call {
	enum advert_type type;
	union {
		struct signal_call signal;
		struct slate_call slate;
	};
};

/* Keys of one epoch. Wipe when done. */
struct advert_keys {
	uint64_t epoch;
	uint8_t encryption[ADVERT_KEY_SIZE], authentication[ADVERT_KEY_SIZE];
};

void advert_keys_derive(struct advert_keys *ret, const uint8_t group_key[ADVERT_KEY_SIZE], uint64_t epoch);
void advert_encode(const struct advert_keys *keys, const struct advert_call *call, uint8_t out[ADVERT_SIZE]);
/* True when the tag is right under these keys and the content is well formed. *ret_call is untouched otherwise. */
bool advert_decode(const struct advert_keys *keys, const uint8_t bytes[ADVERT_SIZE], struct advert_call *ret_call);

/* Own Slate call of this epoch. */
void slate_make(struct slate_call *ret, const uint8_t camera_key[ADVERT_KEY_SIZE], uint64_t epoch, uint16_t counter,
                int8_t tx_power);
/* The fleet's check: does this call come from the camera that holds this key? */
bool slate_is_from(const struct slate_call *call, const uint8_t camera_key[ADVERT_KEY_SIZE], uint64_t epoch);

/* "light-bar" and so on; NULL for a number that is none. */
const char *signal_kind_name(enum signal_kind kind);
bool signal_kind_from_name(const char *name, enum signal_kind *ret);
