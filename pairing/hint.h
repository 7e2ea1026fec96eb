/* The hint of a connectable advert: 8 bytes that only the paired companion can compute, new each epoch, so that it recognises its
 * camera and nobody else can follow it (docs/protocol.md, "Adverts"). */
#pragma once

#include <stdint.h>

#define HINT_SIZE 8
#define EPOCH_SECONDS 900u

struct pairing_record;

/* epoch: seconds since 1970-01-01 UTC divided by EPOCH_SECONDS, by the camera's clock. */
void pairing_hint(const struct pairing_record *record, uint64_t epoch, uint8_t out[HINT_SIZE]);
