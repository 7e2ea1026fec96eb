/* The short authentication string of a pairing without certificates, the commitment that keeps a man in the middle from grinding
 * for it, and the pairing secret (docs/protocol.md, "Pairing"). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pairing/limits.h"
#include "pairing/noise.h"

#define COMMITMENT_SIZE 32
#define NONCE_SIZE 32 /* r */
#define CONTRIBUTION_SIZE 32

void code_commitment(const uint8_t nonce[NONCE_SIZE], uint8_t out[COMMITMENT_SIZE]);
bool code_commitment_holds(const uint8_t nonce[NONCE_SIZE], const uint8_t commitment[COMMITMENT_SIZE]);
/* 0 to CODE_VALUES - 1. hash: the handshake hash after message 2. */
uint32_t code_value(const uint8_t hash[NOISE_HASH_SIZE], const uint8_t nonce[NONCE_SIZE]);
/* hash: the handshake hash after message 3. */
void pairing_secret(const uint8_t hash[NOISE_HASH_SIZE], const uint8_t camera[CONTRIBUTION_SIZE],
                    const uint8_t companion[CONTRIBUTION_SIZE], uint8_t out[KEY_SIZE]);
