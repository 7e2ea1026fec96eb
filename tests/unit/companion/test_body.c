#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "companion/http/body.h"

static enum reason parse_tag(const char *text, lanyard_Tag *tag) {
	return body_parse_tag(text, strlen(text), tag);
}

static void whole_tag(void **state) {
	(void)state;
	lanyard_Tag tag;
	assert_int_equal(parse_tag("{\"category\":\"Traffic stop\",\"case_number\":\"24-\\u00e9\",\"note\":\"a\\nb\","
	                           "\"latitude\":-33.8688197,\"longitude\":151.2092955}",
	                           &tag),
	                 REASON_OK);
	assert_string_equal(tag.category, "Traffic stop");
	assert_string_equal(tag.case_number, "24-\xc3\xa9");
	assert_string_equal(tag.note, "a\nb");
	assert_true(tag.has_position);
	assert_int_equal(tag.latitude_e7, -338688197);
	assert_int_equal(tag.longitude_e7, 1512092955);
	assert_int_equal(parse_tag("{\"note\":\"x\",\"latitude\":null,\"longitude\":null}", &tag), REASON_OK);
	assert_string_equal(tag.category, "");
	assert_false(tag.has_position);
	assert_int_equal(parse_tag("{\"latitude\":90,\"longitude\":-180}", &tag), REASON_OK);
	assert_int_equal(tag.latitude_e7, 900000000);
	assert_int_equal(tag.longitude_e7, -1800000000);
}

static void bad_tags(void **state) {
	(void)state;
	static const struct {
		const char *text;
		enum reason reason;
	} cases[] = {
		{ "", REASON_BODY_INVALID },
		{ "[]", REASON_BODY_INVALID },
		{ "null", REASON_BODY_INVALID },
		{ "{", REASON_BODY_INVALID },
		{ "{} {}", REASON_BODY_INVALID },
		{ "{\"note\":\"x\",}", REASON_BODY_INVALID },
		{ "{\"note\":\"x\",\"note\":\"y\"}", REASON_BODY_INVALID },
		{ "{\"note\":1}", REASON_BODY_INVALID },
		{ "{\"note\":null}", REASON_BODY_INVALID },
		{ "{\"note\":\"\\u0000\"}", REASON_BODY_INVALID },
		{ "{\"note\":\"\xff\"}", REASON_BODY_INVALID },
		{ "{\"note\":\"\\ud800\"}", REASON_BODY_INVALID },
		{ "{\"notes\":\"x\"}", REASON_BODY_INVALID },
		{ "{\"revision\":1}", REASON_BODY_INVALID },
		{ "{\"latitude\":\"1\",\"longitude\":1}", REASON_BODY_INVALID },
		{ "{\"latitude\":1}", REASON_REQUEST_INVALID },
		{ "{\"longitude\":1,\"latitude\":null}", REASON_REQUEST_INVALID },
		{ "{\"latitude\":90.1,\"longitude\":0}", REASON_REQUEST_INVALID },
		{ "{\"latitude\":0,\"longitude\":-180.0000001}", REASON_REQUEST_INVALID },
		{ "{\"latitude\":1e308,\"longitude\":0}", REASON_REQUEST_INVALID },
		{ "{\"latitude\":1e999,\"longitude\":0}", REASON_BODY_INVALID },
		{ "{\"latitude\":NaN,\"longitude\":0}", REASON_BODY_INVALID },
		{ "{\"category\":\"1234567890123456789012345678901234567890123456789\"}", REASON_REQUEST_INVALID },
		{ "{\"note\":[[[[\"x\"]]]]}", REASON_BODY_INVALID },
	};
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		lanyard_Tag tag, untouched;
		memset(&tag, 0x5a, sizeof(tag));
		memset(&untouched, 0x5a, sizeof(untouched));
		enum reason reason = parse_tag(cases[i].text, &tag);
		if (reason != cases[i].reason)
			fail_msg("%s: %s", cases[i].text, reason_code(reason));
		assert_memory_equal(&tag, &untouched, sizeof(tag));
	}
}

static void lengths_are_bytes(void **state) {
	(void)state;
	lanyard_Tag tag;
	char text[600], note[300];
	/* 128 letters of two bytes fit the note exactly; one byte more does not. */
	for (int i = 0; i < 128; i++)
		memcpy(note + 2 * i, "\xc3\xa9", 2);
	note[256] = '\0';
	snprintf(text, sizeof(text), "{\"note\":\"%s\"}", note);
	assert_int_equal(parse_tag(text, &tag), REASON_OK);
	assert_int_equal(strlen(tag.note), 256);
	snprintf(text, sizeof(text), "{\"note\":\"%sx\"}", note);
	assert_int_equal(parse_tag(text, &tag), REASON_REQUEST_INVALID);
}

static void deep_and_long(void **state) {
	(void)state;
	static char text[BODY_LIMIT + 2];
	memset(text, '[', sizeof(text));
	lanyard_Tag tag;
	assert_int_equal(body_parse_tag(text, BODY_LIMIT, &tag), REASON_BODY_INVALID);
	memset(text, ' ', sizeof(text));
	memcpy(text, "{}", 2);
	assert_int_equal(body_parse_tag(text, BODY_LIMIT, &tag), REASON_OK);
	assert_int_equal(body_parse_tag(text, BODY_LIMIT + 1, &tag), REASON_BODY_INVALID);
	/* Brackets inside a string do not count. */
	assert_int_equal(parse_tag("{\"note\":\"[[[[[[\\\"[[[[\"}", &tag), REASON_OK);
}

/* The parser recurses: on a small stack only the limit keeps a deep body from overflowing it. */
static void *parse_deep(void *context) {
	(void)context;
	static char text[4000];
	memset(text, '[', sizeof(text) / 2);
	memset(text + sizeof(text) / 2, ']', sizeof(text) / 2);
	lanyard_Tag tag;
	return body_parse_tag(text, sizeof(text), &tag) == REASON_BODY_INVALID ? text : NULL;
}

static void depth_is_bounded(void **state) {
	(void)state;
	pthread_attr_t attributes;
	pthread_t thread;
	void *result = NULL;
	assert_int_equal(pthread_attr_init(&attributes), 0);
	assert_int_equal(pthread_attr_setstacksize(&attributes, 64 * 1024), 0);
	assert_int_equal(pthread_create(&thread, &attributes, parse_deep, NULL), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_non_null(result);
	pthread_attr_destroy(&attributes);
}

static void other_bodies(void **state) {
	(void)state;
	char token[TOKEN_TEXT_SIZE], camera[CAMERA_ID_SIZE + 1];
	bool start = false;
	static const char login[] = "{\"token\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}";
	assert_int_equal(body_parse_login(login, strlen(login), token), REASON_OK);
	assert_string_equal(token, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
	assert_int_equal(body_parse_login("{}", 2, token), REASON_BODY_INVALID);
	assert_int_equal(body_parse_login("{\"token\":7}", 11, token), REASON_BODY_INVALID);
	static const char pair[] = "{\"camera\":\"a1b2c3d4e5f60200\"}";
	char fingerprint[NFC_FINGERPRINT_TEXT] = "x";
	assert_int_equal(body_parse_pair(pair, strlen(pair), camera, fingerprint), REASON_OK);
	assert_string_equal(camera, "a1b2c3d4e5f60200");
	assert_string_equal(fingerprint, "");
	static const struct {
		const char *member, *fingerprint;
		enum reason reason;
	} fingerprints[] = {
		{ "\"0123-4567-89ab-cdef-0123-4567-89ab-cdef\"", "0123-4567-89ab-cdef-0123-4567-89ab-cdef", REASON_OK },
		{ "\"0123456789ABCDEF0123456789abcdef\"", "0123-4567-89ab-cdef-0123-4567-89ab-cdef", REASON_OK },
		{ "null", "", REASON_OK },
		/* never taken for "any camera" */
		{ "\"\"", "untouched", REASON_REQUEST_INVALID },
		{ "\"0123\"", "untouched", REASON_REQUEST_INVALID },
		{ "\"0123-4567-89ab-cdef-0123-4567-89ab-cdeg\"", "untouched", REASON_REQUEST_INVALID },
		{ "\"0123-4567-89ab-cdef-0123-4567-89ab-cdef-0\"", "untouched", REASON_REQUEST_INVALID },
		{ "7", "untouched", REASON_BODY_INVALID },
		{ "false", "untouched", REASON_BODY_INVALID },
	};
	for (size_t i = 0; i < sizeof(fingerprints) / sizeof(fingerprints[0]); i++) {
		char body[160];
		snprintf(body, sizeof(body), "{\"camera\":\"a1b2c3d4e5f60200\",\"fingerprint\":%s}", fingerprints[i].member);
		strcpy(fingerprint, "untouched");
		assert_int_equal(body_parse_pair(body, strlen(body), camera, fingerprint), fingerprints[i].reason);
		assert_string_equal(fingerprint, fingerprints[i].fingerprint);
	}
	static const char long_pair[] = "{\"camera\":\"a1b2c3d4e5f602000\"}";
	assert_int_equal(body_parse_pair(long_pair, strlen(long_pair), camera, fingerprint), REASON_REQUEST_INVALID);
	uint32_t code = 7;
	static const char *const no_codes[] = { "{\"code\":\"12345\"}", "{\"code\":\"1234567\"}", "{\"code\":\"12 456\"}",
		                                "{\"code\":\"-12345\"}", "{\"code\":\"\"}" };
	for (size_t i = 0; i < sizeof(no_codes) / sizeof(no_codes[0]); i++)
		assert_int_equal(body_parse_confirm(no_codes[i], strlen(no_codes[i]), &code), REASON_REQUEST_INVALID);
	assert_int_equal(body_parse_confirm("{\"code\":123456}", 15, &code), REASON_BODY_INVALID);
	assert_int_equal(code, 7);
	assert_int_equal(body_parse_confirm("{\"code\":\"000042\"}", 17, &code), REASON_OK);
	assert_int_equal(code, 42);
	assert_int_equal(body_parse_record("{\"start\":true}", 14, &start), REASON_OK);
	assert_true(start);
	assert_int_equal(body_parse_record("{\"start\":0}", 11, &start), REASON_BODY_INVALID);
	assert_int_equal(body_parse_record("{\"start\":true,\"a\":1}", 20, &start), REASON_BODY_INVALID);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_tag),     cmocka_unit_test(bad_tags),     cmocka_unit_test(lengths_are_bytes),
		cmocka_unit_test(deep_and_long), cmocka_unit_test(other_bodies), cmocka_unit_test(depth_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
