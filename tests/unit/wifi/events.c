#include "unit.h"

#include <string.h>

#include "base/bytes.h"
#include "wifi/events.h"

struct row {
	const char *line;
	struct wifi_event expected;
};

#define MAC .has_mac = true, .mac = { 0x02, 0x00, 0x5e, 0xAB, 0xcd, 0x01 }

/* As hostapd and wpa_supplicant 2.10 print them (src/common/wpa_ctrl.h), and what a hostile network name would like them to say.
 */
static const struct row rows[] = {
	{ "<3>AP-ENABLED ", { .kind = WIFI_EVENT_AP_ENABLED } },
	{ "AP-ENABLED", { .kind = WIFI_EVENT_AP_ENABLED } },
	{ "<3>AP-DISABLED \n", { .kind = WIFI_EVENT_AP_DISABLED } },
	{ "<3>AP-STA-CONNECTED 02:00:5e:ab:cd:01", { .kind = WIFI_EVENT_STATION_CONNECTED, MAC } },
	{ "<3>AP-STA-CONNECTED 02:00:5e:ab:cd:01 auth_alg=open", { .kind = WIFI_EVENT_STATION_CONNECTED, MAC } },
	{ "<3>AP-STA-CONNECTED 02:00:5e:ab:cd", { .kind = WIFI_EVENT_STATION_CONNECTED } },
	{ "<3>AP-STA-CONNECTED 02:00:5e:ab:cd:0g", { .kind = WIFI_EVENT_STATION_CONNECTED } },
	{ "<3>AP-STA-CONNECTED 02-00-5e-ab-cd-01", { .kind = WIFI_EVENT_STATION_CONNECTED } },
	{ "<3>AP-STA-DISCONNECTED 02:00:5E:AB:CD:01", { .kind = WIFI_EVENT_STATION_DISCONNECTED, MAC } },
	{ "<3>AP-STA-POSSIBLE-PSK-MISMATCH 02:00:5e:ab:cd:01", { .kind = WIFI_EVENT_PSK_MISMATCH, MAC } },
	{ "<3>CTRL-EVENT-CONNECTED - Connection to 02:00:5e:ab:cd:01 completed [id=7 id_str=]",
	  { .kind = WIFI_EVENT_CONNECTED, MAC, .has_network = true, .network = 7 } },
	{ "<3>CTRL-EVENT-DISCONNECTED bssid=02:00:5e:ab:cd:01 reason=3 locally_generated=1",
	  { .kind = WIFI_EVENT_DISCONNECTED, MAC, .code = 3, .local = true } },
	{ "<3>CTRL-EVENT-DISCONNECTED bssid=02:00:5e:ab:cd:01 reason=15", { .kind = WIFI_EVENT_DISCONNECTED, MAC, .code = 15 } },
	{ "<3>CTRL-EVENT-ASSOC-REJECT bssid=02:00:5e:ab:cd:01 status_code=17",
	  { .kind = WIFI_EVENT_ASSOC_REJECT, MAC, .code = 17 } },
	{ "<3>CTRL-EVENT-ASSOC-REJECT status_code=1", { .kind = WIFI_EVENT_ASSOC_REJECT, .code = 1 } },
	{ "<3>CTRL-EVENT-AUTH-REJECT 02:00:5e:ab:cd:01 auth_type=0 auth_transaction=2 status_code=13",
	  { .kind = WIFI_EVENT_AUTH_REJECT, MAC, .code = 13 } },
	{ "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"car\" auth_failures=1 duration=10 reason=WRONG_KEY",
	  { .kind = WIFI_EVENT_TEMP_DISABLED, .has_network = true, .network = 0, .wrong_key = true } },
	{ "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"car\" auth_failures=1 duration=10 reason=CONN_FAILED",
	  { .kind = WIFI_EVENT_TEMP_DISABLED, .has_network = true, .network = 0 } },
	/* The name of a network is not a field of the event: with spaces, with escaped quotes, and with no end. */
	{ "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=3 ssid=\"x id=9 reason=WRONG_KEY\" auth_failures=1 duration=10 reason=CONN_FAILED",
	  { .kind = WIFI_EVENT_TEMP_DISABLED, .has_network = true, .network = 3 } },
	{ "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=3 ssid=\"x\\\" id=9 reason=WRONG_KEY\" auth_failures=1 reason=CONN_FAILED",
	  { .kind = WIFI_EVENT_TEMP_DISABLED, .has_network = true, .network = 3 } },
	{ "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=3 ssid=\"x\\\\\" auth_failures=1 reason=WRONG_KEY",
	  { .kind = WIFI_EVENT_TEMP_DISABLED, .has_network = true, .network = 3, .wrong_key = true } },
	{ "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=3 ssid=\"x reason=WRONG_KEY",
	  { .kind = WIFI_EVENT_TEMP_DISABLED, .has_network = true, .network = 3 } },
	{ "<3>CTRL-EVENT-NETWORK-NOT-FOUND ", { .kind = WIFI_EVENT_NETWORK_NOT_FOUND } },
	{ "<3>CTRL-EVENT-SCAN-FAILED ret=-16 retry=1", { .kind = WIFI_EVENT_SCAN_FAILED } },
	{ "<2>CTRL-EVENT-TERMINATING ", { .kind = WIFI_EVENT_TERMINATING } },
	{ "<3>INTERFACE-DISABLED ", { .kind = WIFI_EVENT_INTERFACE_DISABLED } },
	{ "<3>INTERFACE-ENABLED ", { .kind = WIFI_EVENT_INTERFACE_ENABLED } },
	/* Numbers that do not fit any field. */
	{ "<3>CTRL-EVENT-DISCONNECTED reason=999999999999", { .kind = WIFI_EVENT_DISCONNECTED } },
	{ "<3>CTRL-EVENT-CONNECTED - [id=-1 id_str=]", { .kind = WIFI_EVENT_CONNECTED } },
	/* Not ours, or not lines at all. */
	{ "<3>AP-ENABLEDX ", { .kind = WIFI_EVENT_OTHER } },
	{ "<3>CTRL-EVENT-SCAN-RESULTS ", { .kind = WIFI_EVENT_OTHER } },
	{ "<3 AP-ENABLED", { .kind = WIFI_EVENT_OTHER } },
	{ "<", { .kind = WIFI_EVENT_OTHER } },
	{ "<3>", { .kind = WIFI_EVENT_OTHER } },
	{ "   ", { .kind = WIFI_EVENT_OTHER } },
	{ "\n", { .kind = WIFI_EVENT_OTHER } },
	{ "", { .kind = WIFI_EVENT_OTHER } },
};

static bool events_equal(const struct wifi_event *a, const struct wifi_event *b) {
	return a->kind == b->kind && a->has_mac == b->has_mac && memcmp(a->mac, b->mac, MAC_SIZE) == 0 && a->code == b->code &&
	       a->has_network == b->has_network && a->network == b->network && a->local == b->local &&
	       a->wrong_key == b->wrong_key;
}

static void test_table(void **state) {
	(void)state;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct wifi_event event = wifi_event_parse(rows[i].line, strlen(rows[i].line));
		if (!events_equal(&event, &rows[i].expected))
			fail_msg("row %zu: %s", i, rows[i].line);
	}
}

/* A datagram cut off anywhere is read without a byte beyond its end (the sanitizer build watches) and never as more than the
 * whole line said. */
static void test_every_cut(void **state) {
	(void)state;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		size_t length = strlen(rows[i].line);
		for (size_t cut = 0; cut < length; cut++) {
			char *copy = test_malloc(cut + 1);
			memcpy(copy, rows[i].line, cut);
			struct wifi_event event = wifi_event_parse(copy, cut);
			assert_true(!event.has_mac || rows[i].expected.has_mac);
			assert_true(!event.wrong_key || rows[i].expected.wrong_key);
			test_free(copy);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_table), cmocka_unit_test(test_every_cut) };
	return cmocka_run_group_tests_name("wifi-events", tests, NULL, NULL);
}
