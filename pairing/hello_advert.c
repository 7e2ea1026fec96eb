#include "pairing/hello_advert.h"

#include "base/bytes.h"

void hello_advert_write(const struct hello_advert *advert, uint8_t out[HELLO_ADVERT_SIZE]) {
	struct writer w = writer_over(out, HELLO_ADVERT_SIZE);
	writer_u8(&w, (uint8_t)advert->type);
	writer_copy(&w, advert->id, HELLO_ADVERT_ID_SIZE);
	writer_u8(&w, advert->version_minimum);
	writer_u8(&w, advert->version_maximum);
}

bool hello_advert_read(const uint8_t *bytes, size_t length, struct hello_advert *ret) {
	struct reader r = reader_over(bytes, length);
	uint8_t type = reader_u8(&r);
	struct hello_advert advert = { .type = (enum hello_advert_type)type };
	reader_copy(&r, advert.id, HELLO_ADVERT_ID_SIZE);
	advert.version_minimum = reader_u8(&r);
	advert.version_maximum = reader_u8(&r);
	if (r.failed || type < HELLO_ADVERT_PAIRING || type > HELLO_ADVERT_EXPECTED ||
	    advert.version_minimum > advert.version_maximum)
		return false;
	*ret = advert;
	return true;
}
