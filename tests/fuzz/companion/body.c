/* The API's JSON bodies: the first byte chooses the path, the rest is the body. */
#include <stdlib.h>
#include <string.h>

#include "companion/http/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition) {
	if (!condition)
		abort();
}

static void tag(const char *body, size_t length) {
	lanyard_Tag tag, untouched;
	memset(&tag, 0x5a, sizeof(tag));
	untouched = tag;
	if (body_parse_tag(body, length, &tag) != REASON_OK) {
		expect(memcmp(&tag, &untouched, sizeof(tag)) == 0);
		return;
	}
	expect(strlen(tag.category) < sizeof(tag.category) && strlen(tag.case_number) < sizeof(tag.case_number) &&
	       strlen(tag.note) < sizeof(tag.note));
	expect(abs(tag.latitude_e7) <= 900000000 && abs(tag.longitude_e7) <= 1800000000);
	expect(tag.has_position || (tag.latitude_e7 == 0 && tag.longitude_e7 == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0)
		return 0;
	const char *body = (const char *)data + 1;
	size_t length = size - 1;
	char token[TOKEN_TEXT_SIZE], camera[CAMERA_ID_SIZE + 1], fingerprint[NFC_FINGERPRINT_TEXT];
	uint32_t code;
	bool start;
	switch (*data % 5) {
	case 0:
		if (body_parse_login(body, length, token) == REASON_OK)
			expect(strlen(token) < sizeof(token));
		break;
	case 1:
		if (body_parse_pair(body, length, camera, fingerprint) == REASON_OK)
			expect(strlen(camera) < sizeof(camera));
		break;
	case 2:
		body_parse_record(body, length, &start);
		break;
	case 3:
		tag(body, length);
		break;
	case 4:
		if (body_parse_confirm(body, length, &code) == REASON_OK)
			expect(code < 1000000);
		break;
	}
	return 0;
}
