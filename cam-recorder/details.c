#include "cam-recorder/details.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "footage/store.h"

_Static_assert(DETAILS_TEXT == DETAIL_VALUE_LIMIT + 1, "what fits here fits there");

static int print(char out[DETAILS_TEXT], const char *type, const char *text, int64_t number, uint64_t count, double real) {
	int length;
	if (strchr("sog", *type))
		length = snprintf(out, DETAILS_TEXT, "%s", text);
	else if (strchr("nix", *type))
		length = snprintf(out, DETAILS_TEXT, "%" PRId64, number);
	else if (*type == 'd')
		length = snprintf(out, DETAILS_TEXT, "%.9g", real);
	else
		length = snprintf(out, DETAILS_TEXT, "%" PRIu64, count);
	return length < 0 || length >= DETAILS_TEXT ? -EINVAL : 0;
}

static int read_basic(sd_bus_message *m, const char *type, char out[DETAILS_TEXT]) {
	union {
		const char *text;
		uint8_t y;
		int16_t n;
		uint16_t q;
		int32_t i;
		uint32_t u;
		int64_t x;
		uint64_t t;
		int b;
		double d;
	} value;
	if (type[1] != '\0' || !strchr("sogynqiuxtbd", type[0]))
		return -EINVAL;
	int result = sd_bus_message_read_basic(m, type[0], &value);
	if (result < 0)
		return result;
	switch (type[0]) {
	case 'y':
		return print(out, type, NULL, 0, value.y, 0);
	case 'n':
		return print(out, type, NULL, value.n, 0, 0);
	case 'q':
		return print(out, type, NULL, 0, value.q, 0);
	case 'i':
		return print(out, type, NULL, value.i, 0, 0);
	case 'u':
		return print(out, type, NULL, 0, value.u, 0);
	case 'x':
		return print(out, type, NULL, value.x, 0, 0);
	case 't':
		return print(out, type, NULL, 0, value.t, 0);
	case 'b':
		return print(out, type, NULL, 0, (uint64_t)value.b, 0);
	case 'd':
		return print(out, type, NULL, 0, 0, value.d);
	default:
		return print(out, type, value.text, 0, 0, 0);
	}
}

static int read_entry(sd_bus_message *m, struct details *details) {
	const char *key, *type;
	char kind;
	int result = sd_bus_message_read(m, "s", &key);
	if (result >= 0)
		result = sd_bus_message_peek_type(m, &kind, &type);
	if (result >= 0 && details->count == DETAILS_LIMIT)
		result = -EINVAL;
	if (result >= 0)
		result = sd_bus_message_enter_container(m, 'v', type);
	if (result >= 0)
		result = read_basic(m, type, details->row[details->count].value);
	if (result >= 0)
		result = sd_bus_message_exit_container(m);
	if (result >= 0)
		details->row[details->count++].key = key;
	return result;
}

int details_read(sd_bus_message *m, struct details *ret) {
	ret->count = 0;
	int result = sd_bus_message_enter_container(m, 'a', "{sv}");
	while (result >= 0 && (result = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		result = read_entry(m, ret);
		if (result >= 0)
			result = sd_bus_message_exit_container(m);
	}
	if (result >= 0)
		result = sd_bus_message_exit_container(m);
	return result < 0 ? result : 0;
}

int details_note(struct recorder *r, const char *id, const struct details *details) {
	for (size_t i = 0; i < details->count; i++) {
		int result = recorder_note(r, id, details->row[i].key, details->row[i].value);
		if (result < 0)
			return result;
	}
	return 0;
}
