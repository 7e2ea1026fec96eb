#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "wifi/credentials.h"

static void fill_counting(void *context, uint8_t *out, size_t length) {
	uint8_t *next = context;
	for (size_t i = 0; i < length; i++)
		out[i] = (*next)++;
}

static void test_make(void **state) {
	(void)state;
	uint8_t next = 0;
	const struct random_source counting = { fill_counting, &next };
	struct wifi_credentials c;
	wifi_credentials_make(&c, &counting, false, 2437);
	assert_int_equal(c.ssid_length, 16);
	assert_memory_equal(c.ssid, "ABCDEFGHIJKLMNOP", 16);
	assert_true(c.has_psk && c.hidden && c.has_bssid);
	assert_string_equal(c.passphrase, "");
	assert_int_equal(c.psk[0], 16);
	assert_int_equal(c.psk[31], 47);
	assert_int_equal(c.bssid[0] & 3, 2);
	assert_int_equal(c.bssid[5], 53);
	assert_int_equal(wifi_credentials_check(&c), 0);

	next = 0;
	wifi_credentials_make(&c, &counting, true, 5180);
	assert_false(c.has_psk);
	assert_int_equal(strlen(c.passphrase), 63);
	assert_int_equal(strspn(c.passphrase, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), 63);
	assert_int_equal(wifi_credentials_check(&c), 0);
}

/* Real random: two of a kind never agree, every character of the alphabet occurs. */
static void test_random(void **state) {
	(void)state;
	bool seen[256] = { false };
	struct wifi_credentials a, b;
	for (int i = 0; i < 200; i++) {
		wifi_credentials_make(&a, random_system(), false, 2437);
		wifi_credentials_make(&b, random_system(), false, 2437);
		assert_memory_not_equal(a.ssid, b.ssid, 16);
		assert_memory_not_equal(a.psk, b.psk, PSK_SIZE);
		assert_memory_not_equal(a.bssid, b.bssid, MAC_SIZE);
		assert_int_equal(a.bssid[0] & 3, 2);
		for (int j = 0; j < 16; j++)
			seen[a.ssid[j]] = true;
	}
	for (const char *c = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"; *c; c++)
		assert_true(seen[(uint8_t)*c]);
}

struct psk_row {
	const char *passphrase, *ssid, *psk;
};

/* IEEE 802.11-2020, J.4.2 (test vectors for the passphrase mapping). */
static const struct psk_row psk_rows[] = {
	{ "password", "IEEE", "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e" },
	{ "ThisIsAPassword", "ThisIsASSID", "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ",
	  "becb93866bb8c3832cb777c2f559807c8c59afcb6eae734885001300a981cc62" },
};

static void test_psk(void **state) {
	(void)state;
	for (size_t i = 0; i < ELEMENTS(psk_rows); i++) {
		struct wifi_credentials c = { .ssid_length = strlen(psk_rows[i].ssid) };
		uint8_t psk[PSK_SIZE], expected[PSK_SIZE];
		memcpy(c.ssid, psk_rows[i].ssid, c.ssid_length);
		strcpy(c.passphrase, psk_rows[i].passphrase);
		assert_int_equal(hex_decode(expected, PSK_SIZE, psk_rows[i].psk), 0);
		assert_int_equal(wifi_credentials_psk(&c, psk), 0);
		assert_memory_equal(psk, expected, PSK_SIZE);
	}
	struct wifi_credentials raw = { .has_psk = true, .psk = { 1, 2, 3 } };
	uint8_t psk[PSK_SIZE];
	assert_int_equal(wifi_credentials_psk(&raw, psk), 0);
	assert_memory_equal(psk, raw.psk, PSK_SIZE);
}

static struct wifi_credentials good(void) {
	return (struct wifi_credentials){ .ssid = { 0 }, .ssid_length = 1, .has_psk = true, .frequency_mhz = 2412 };
}

static void test_check(void **state) {
	(void)state;
	struct wifi_credentials c = good();
	assert_int_equal(wifi_credentials_check(&c), 0); /* one zero byte is an SSID */
	c.ssid_length = 0;
	assert_int_equal(wifi_credentials_check(&c), -EINVAL);
	c.ssid_length = SSID_LIMIT;
	assert_int_equal(wifi_credentials_check(&c), 0);
	c.ssid_length = SSID_LIMIT + 1;
	assert_int_equal(wifi_credentials_check(&c), -EINVAL);

	c = good();
	c.has_bssid = true;
	c.bssid[0] = 1; /* multicast */
	assert_int_equal(wifi_credentials_check(&c), -EINVAL);

	static const char *const refused[] = { "", "1234567", "1234567\n", "passw\xc3\xb6rter",
		                               "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f" };
	for (size_t i = 0; i < ELEMENTS(refused); i++) {
		c = good();
		c.has_psk = false;
		strcpy(c.passphrase, refused[i]);
		assert_int_equal(wifi_credentials_check(&c), -EINVAL);
	}
	c = good();
	c.has_psk = false;
	strcpy(c.passphrase, "12345678");
	assert_int_equal(wifi_credentials_check(&c), 0);
	memset(c.passphrase, '"', PASSPHRASE_LIMIT);
	c.passphrase[PASSPHRASE_LIMIT] = '\0';
	assert_int_equal(wifi_credentials_check(&c), 0);
	c.passphrase[PASSPHRASE_LIMIT] = '"'; /* no end: a peer's bytes were copied without one */
	assert_int_equal(wifi_credentials_check(&c), -EINVAL);
}

static void test_channels(void **state) {
	(void)state;
	static const unsigned rows[][2] = {
		{ 2412, 1 },   { 2437, 6 },   { 2472, 13 },  { 2484, 14 }, { 5180, 36 }, { 5240, 48 },       { 5500, 100 },
		{ 5720, 144 }, { 5745, 149 }, { 5885, 177 }, { 0, 0 },     { 2411, 0 },  { 2407, 0 },        { 2477, 0 },
		{ 5000, 0 },   { 5170, 0 },   { 5735, 0 },   { 5905, 0 },  { 5955, 0 },  { 4294967295u, 0 },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(wifi_frequency_channel(rows[i][0]), rows[i][1]);
	struct wifi_credentials c = good();
	c.frequency_mhz = 2413;
	assert_int_equal(wifi_credentials_check(&c), -EINVAL);
}

static void test_wipe(void **state) {
	(void)state;
	struct wifi_credentials c, zero;
	memset(&zero, 0, sizeof(zero));
	wifi_credentials_make(&c, random_system(), true, 2437);
	wifi_credentials_wipe(&c);
	assert_memory_equal(&c, &zero, sizeof(c));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make),  cmocka_unit_test(test_random),   cmocka_unit_test(test_psk),
		cmocka_unit_test(test_check), cmocka_unit_test(test_channels), cmocka_unit_test(test_wipe),
	};
	return cmocka_run_group_tests_name("wifi-credentials", tests, NULL, NULL);
}
