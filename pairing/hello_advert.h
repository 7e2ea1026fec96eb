/* Service data of the connectable adverts (docs/protocol.md, "Adverts"): type 1, id or hint 8, version minimum 1, version
 * maximum 1. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELLO_ADVERT_SIZE 11
#define HELLO_ADVERT_ID_SIZE 8

enum hello_advert_type {
	HELLO_ADVERT_PAIRING = 1,  /* id: random, new for each window */
	HELLO_ADVERT_EXPECTED = 2, /* id: pairing_hint() of this epoch */
};

struct hello_advert {
	enum hello_advert_type type;
	uint8_t id[HELLO_ADVERT_ID_SIZE];
	uint8_t version_minimum, version_maximum;
};

void hello_advert_write(const struct hello_advert *advert, uint8_t out[HELLO_ADVERT_SIZE]);
/* Longer data is a later version's and is read as far as we know it. */
bool hello_advert_read(const uint8_t *bytes, size_t length, struct hello_advert *ret);
