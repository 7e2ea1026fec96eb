/* bluetooth/address. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "bluetooth/address.h"

static void test_parse_and_format(void **state) {
	(void)state;
	uint8_t address[BLUETOOTH_ADDRESS_SIZE];
	assert_int_equal(bluetooth_address_parse("00:aA:01:fF:10:42", address), 0);
	assert_memory_equal(address, ((uint8_t[]){ 0x42, 0x10, 0xff, 0x01, 0xaa, 0x00 }), sizeof(address));
	char text[BLUETOOTH_ADDRESS_TEXT];
	bluetooth_address_format(address, text);
	assert_string_equal(text, "00:AA:01:FF:10:42");
}

static void test_refused(void **state) {
	(void)state;
	static const char *const refused[] = {
		"",
		"hci0",
		"00:AA:01:FF:10",
		"00:AA:01:FF:10:4",
		"00:AA:01:FF:10:422",
		"00:AA:01:FF:10:42:",
		"00-AA-01-FF-10-42",
		"00:AA:01:FF:10 42",
		"0x:AA:01:FF:10:42",
		" 0:AA:01:FF:10:42",
		"00:AA:01:FF:10:4G",
	};
	for (size_t n = 0; n < ELEMENTS(refused); n++) {
		uint8_t address[BLUETOOTH_ADDRESS_SIZE] = { 1, 2, 3, 4, 5, 6 };
		assert_int_equal(bluetooth_address_parse(refused[n], address), -EINVAL);
		assert_memory_equal(address, ((uint8_t[]){ 1, 2, 3, 4, 5, 6 }), sizeof(address)); /* untouched */
	}
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse_and_format), cmocka_unit_test(test_refused) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
