#include "pairing/hello.h"

#include <string.h>

#include "pairing/limits.h"

static const char prologue_label[7] = { 'l', 'a', 'n', 'y', 'a', 'r', 'd' };

void hello_write(const struct hello *hello, uint8_t out[HELLO_SIZE]) {
	struct writer w = writer_over(out, HELLO_SIZE);
	writer_u8(&w, (uint8_t)hello->pattern);
	writer_u8(&w, hello->version);
	writer_u8(&w, hello->minimum);
	writer_u8(&w, hello->maximum);
	writer_u32(&w, hello->capabilities);
}

bool hello_read(const uint8_t bytes[HELLO_SIZE], struct hello *ret) {
	struct reader r = reader_over(bytes, HELLO_SIZE);
	uint8_t pattern = reader_u8(&r);
	struct hello hello = { .version = reader_u8(&r), .minimum = reader_u8(&r), .maximum = reader_u8(&r) };
	hello.capabilities = reader_u32(&r);
	hello.pattern = (enum hello_pattern)pattern;
	if (pattern < HELLO_PAIRING || pattern > HELLO_MEDIA || hello.minimum > hello.maximum || hello.version == 0 ||
	    hello.version != version_best(hello.minimum, hello.maximum, PROTOCOL_VERSION_MINIMUM, PROTOCOL_VERSION_MAXIMUM))
		return false;
	*ret = hello;
	return true;
}

void hello_prologue(const uint8_t hello[HELLO_SIZE], uint8_t out[PROLOGUE_SIZE]) {
	memcpy(out, prologue_label, sizeof(prologue_label));
	memcpy(out + sizeof(prologue_label), hello, HELLO_SIZE);
}

uint8_t version_best(uint8_t minimum, uint8_t maximum, uint8_t other_minimum, uint8_t other_maximum) {
	uint8_t low = minimum > other_minimum ? minimum : other_minimum, high = maximum < other_maximum ? maximum : other_maximum;
	return low <= high ? high : 0;
}

void versions_write(struct writer *w) {
	writer_u8(w, PROTOCOL_VERSION_MINIMUM);
	writer_u8(w, PROTOCOL_VERSION_MAXIMUM);
	writer_u32(w, 0);
}

bool versions_read(struct reader *r, uint8_t used) {
	uint8_t minimum = reader_u8(r), maximum = reader_u8(r);
	reader_u32(r);
	return !r->failed && minimum <= maximum &&
	       used == version_best(minimum, maximum, PROTOCOL_VERSION_MINIMUM, PROTOCOL_VERSION_MAXIMUM);
}
