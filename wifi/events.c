#include "wifi/events.h"

#include <string.h>

#include "base/bytes.h"

struct event_name {
	const char *name;
	enum wifi_event_kind kind;
};

static const struct event_name event_names[] = {
	{ "AP-ENABLED", WIFI_EVENT_AP_ENABLED },
	{ "AP-DISABLED", WIFI_EVENT_AP_DISABLED },
	{ "INTERFACE-ENABLED", WIFI_EVENT_INTERFACE_ENABLED },
	{ "INTERFACE-DISABLED", WIFI_EVENT_INTERFACE_DISABLED },
	{ "AP-STA-CONNECTED", WIFI_EVENT_STATION_CONNECTED },
	{ "AP-STA-DISCONNECTED", WIFI_EVENT_STATION_DISCONNECTED },
	{ "AP-STA-POSSIBLE-PSK-MISMATCH", WIFI_EVENT_PSK_MISMATCH },
	{ "CTRL-EVENT-CONNECTED", WIFI_EVENT_CONNECTED },
	{ "CTRL-EVENT-DISCONNECTED", WIFI_EVENT_DISCONNECTED },
	{ "CTRL-EVENT-ASSOC-REJECT", WIFI_EVENT_ASSOC_REJECT },
	{ "CTRL-EVENT-AUTH-REJECT", WIFI_EVENT_AUTH_REJECT },
	{ "CTRL-EVENT-SSID-TEMP-DISABLED", WIFI_EVENT_TEMP_DISABLED },
	{ "CTRL-EVENT-NETWORK-NOT-FOUND", WIFI_EVENT_NETWORK_NOT_FOUND },
	{ "CTRL-EVENT-SCAN-FAILED", WIFI_EVENT_SCAN_FAILED },
	{ "CTRL-EVENT-TERMINATING", WIFI_EVENT_TERMINATING },
};

/* A cursor over the line's words. */
struct words {
	const char *at, *end;
};

struct word {
	const char *text;
	size_t length;
};

static bool word_is(struct word word, const char *text) {
	return word.length == strlen(text) && memcmp(word.text, text, word.length) == 0;
}

static bool word_begins(struct word word, const char *text, struct word *ret_rest) {
	size_t length = strlen(text);
	if (word.length < length || memcmp(word.text, text, length) != 0)
		return false;
	*ret_rest = (struct word){ word.text + length, word.length - length };
	return true;
}

/* Steps to the next word. A quoted part belongs to its word with the spaces in it: the SSID in an event is chosen by whoever
 * named the network and could otherwise pose as a field ("x reason=WRONG_KEY"). The daemons escape quotes and backslashes inside
 * with a backslash. */
static bool words_next(struct words *words, struct word *ret) {
	while (words->at < words->end && *words->at == ' ')
		words->at++;
	if (words->at == words->end)
		return false;
	const char *start = words->at;
	bool quoted = false;
	for (; words->at < words->end && (quoted || *words->at != ' '); words->at++) {
		if (quoted && *words->at == '\\' && words->end - words->at > 1)
			words->at++;
		else if (*words->at == '"')
			quoted = !quoted;
	}
	*ret = (struct word){ start, (size_t)(words->at - start) };
	return true;
}

static int digit_value(char digit) {
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

/* "02:00:00:00:00:01" */
static bool word_mac(struct word word, uint8_t ret[MAC_SIZE]) {
	uint8_t mac[MAC_SIZE];
	if (word.length != 3 * MAC_SIZE - 1)
		return false;
	for (size_t i = 0; i < MAC_SIZE; i++) {
		int high = digit_value(word.text[3 * i]), low = digit_value(word.text[3 * i + 1]);
		if (high < 0 || low < 0 || (i + 1 < MAC_SIZE && word.text[3 * i + 2] != ':'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret, mac, MAC_SIZE);
	return true;
}

/* Decimal digits up to the first other character ("id=0", "status_code=17", "code=3]"). At most five of them: no number in these
 * lines is longer. */
static bool word_number(struct word word, unsigned *ret) {
	unsigned number = 0;
	size_t digits = 0;
	for (; digits < word.length && word.text[digits] >= '0' && word.text[digits] <= '9'; digits++) {
		if (digits == 5)
			return false;
		number = number * 10 + (unsigned)(word.text[digits] - '0');
	}
	if (digits == 0)
		return false;
	*ret = number;
	return true;
}

static void event_take_word(struct wifi_event *event, struct word word) {
	struct word rest;
	if (word_begins(word, "bssid=", &rest)) {
		event->has_mac = word_mac(rest, event->mac) || event->has_mac;
	} else if (word_begins(word, "id=", &rest) || word_begins(word, "[id=", &rest)) {
		event->has_network = word_number(rest, &event->network) || event->has_network;
	} else if (word_begins(word, "status_code=", &rest)) {
		word_number(rest, &event->code);
	} else if (word_begins(word, "reason=", &rest)) {
		/* A number in DISCONNECTED, a name in SSID-TEMP-DISABLED. */
		if (!word_number(rest, &event->code))
			event->wrong_key = word_is(rest, "WRONG_KEY");
	} else if (word_is(word, "locally_generated=1")) {
		event->local = true;
	} else if (!event->has_mac) {
		event->has_mac = word_mac(word, event->mac);
	}
}

struct wifi_event wifi_event_parse(const void *text, size_t length) {
	struct wifi_event event = { .kind = WIFI_EVENT_OTHER };
	struct words words = { text, (const char *)text + length };
	if (length > 0 && words.end[-1] == '\n')
		words.end--;

	/* "<3>" is the message level; it holds no meaning for us, and some versions leave it out. */
	if (words.at < words.end && *words.at == '<') {
		const char *close = memchr(words.at, '>', (size_t)(words.end - words.at));
		if (!close)
			return event;
		words.at = close + 1;
	}
	struct word word;
	if (!words_next(&words, &word))
		return event;
	for (size_t i = 0; i < ELEMENTS(event_names); i++)
		if (word_is(word, event_names[i].name))
			event.kind = event_names[i].kind;
	if (event.kind == WIFI_EVENT_OTHER)
		return event;
	while (words_next(&words, &word))
		event_take_word(&event, word);
	return event;
}
