/* Advertisement monitors: the part of Microsoft's HCI extension that Linux uses to have a controller look at adverts itself
 * ("Microsoft-defined Bluetooth HCI extensions", learn.microsoft.com). RSSI is not looked at, which the extension allows, and no
 * HCI_VS_MSFT_LE_Monitor_Device_Event is sent: adverts are all that anybody here waits for. */
#include "lab/air/air.h"

#include <stdio.h>
#include <string.h>

/* The first parameter. */
enum {
	READ_SUPPORTED_FEATURES = 0x00,
	LE_MONITOR_ADVERTISEMENT = 0x03,
	LE_CANCEL_MONITOR_ADVERTISEMENT = 0x04,
	LE_SET_ADVERTISEMENT_FILTER_ENABLE = 0x05,
};
enum { CONDITION_PATTERN = 0x01 };

#define FEATURE_ADVERTISING_MONITORING 0x08 /* of legacy adverts */

struct request {
	struct controller *controller;
	const uint8_t *parameters;
	size_t length;
	struct monitors_answer *answer;
};

static void add_byte(struct monitors_answer *answer, uint8_t byte) {
	answer->bytes[answer->length++] = byte;
}

static void say_patterns(const struct controller *controller) {
	size_t count = 0;

	for (size_t i = 0; i < MONITORS; i++)
		count += controller->monitors.list[i].pattern_count;
	printf("hci%u looks for %zu patterns\n", controller->index, count);
}

/* --- commands ------------------------------------------------------------------------------------------------------------- */

static uint8_t read_supported_features(const struct request *request) {
	add_byte(request->answer, FEATURE_ADVERTISING_MONITORING);
	for (int i = 1; i < 8; i++)
		add_byte(request->answer, 0);
	add_byte(request->answer, 0); /* no bytes that begin each event */
	return 0;
}

/* Each pattern: length of what follows, AD type, where in its data, content. */
static bool read_patterns(struct monitor *monitor, size_t count, const uint8_t *at, const uint8_t *end) {
	for (; monitor->pattern_count < count; monitor->pattern_count++) {
		struct pattern *pattern = &monitor->pattern[monitor->pattern_count];

		if (end - at < 3 || at[0] < 3 || at[0] > end - at - 1 || at[0] - 2u > sizeof(pattern->content))
			return false;
		*pattern = (struct pattern){ .length = (uint8_t)(at[0] - 2), .type = at[1], .start = at[2] };
		memcpy(pattern->content, at + 3, pattern->length);
		at += 1 + at[0];
	}
	return at == end;
}

static uint8_t monitor_advertisement(const struct request *request) {
	const uint8_t *p = request->parameters;
	struct monitor *list = request->controller->monitors.list, monitor = { 0 };
	uint8_t handle = 0;

	/* 1 to 4: RSSI */
	if (p[5] != CONDITION_PATTERN || p[6] == 0)
		return ERROR_INVALID_PARAMETERS;
	while (handle < MONITORS && list[handle].pattern_count > 0)
		handle++;
	if (handle == MONITORS || p[6] > PATTERNS)
		return ERROR_MEMORY_EXCEEDED;
	if (!read_patterns(&monitor, p[6], p + 7, p + request->length))
		return ERROR_INVALID_PARAMETERS;
	list[handle] = monitor;
	add_byte(request->answer, handle);
	say_patterns(request->controller);
	return 0;
}

static uint8_t cancel_monitor_advertisement(const struct request *request) {
	uint8_t handle = request->parameters[1];
	struct monitor *list = request->controller->monitors.list;

	if (handle >= MONITORS || list[handle].pattern_count == 0)
		return ERROR_INVALID_PARAMETERS;
	list[handle] = (struct monitor){ 0 };
	say_patterns(request->controller);
	return 0;
}

static uint8_t set_advertisement_filter_enable(const struct request *request) {
	bool *filter = &request->controller->monitors.filter;

	if (request->parameters[1] > 1)
		return ERROR_INVALID_PARAMETERS;
	if (request->parameters[1] == *filter)
		return ERROR_COMMAND_DISALLOWED; /* the extension wants it so */
	*filter = request->parameters[1];
	return 0;
}

static const struct {
	uint8_t subcommand;
	size_t length; /* of the parameters, with it, at least */
	uint8_t (*run)(const struct request *request);
} subcommands[] = {
	{ READ_SUPPORTED_FEATURES, 1, read_supported_features },
	{ LE_MONITOR_ADVERTISEMENT, 7, monitor_advertisement },
	{ LE_CANCEL_MONITOR_ADVERTISEMENT, 2, cancel_monitor_advertisement },
	{ LE_SET_ADVERTISEMENT_FILTER_ENABLE, 2, set_advertisement_filter_enable },
};

uint8_t monitors_command(struct controller *controller, const uint8_t *parameters, size_t length,
                         struct monitors_answer *answer) {
	const struct request request = { controller, parameters, length, answer };

	*answer = (struct monitors_answer){ 0 };
	add_byte(answer, parameters[0]);
	for (size_t i = 0; i < sizeof(subcommands) / sizeof(*subcommands); i++)
		if (subcommands[i].subcommand == parameters[0])
			return length < subcommands[i].length ? ERROR_INVALID_PARAMETERS : subcommands[i].run(&request);
	return ERROR_UNKNOWN_COMMAND;
}

/* --- adverts -------------------------------------------------------------------------------------------------------------- */

bool monitors_filter(const struct controller *controller) {
	if (controller->monitors.filter)
		for (size_t i = 0; i < MONITORS; i++)
			if (controller->monitors.list[i].pattern_count > 0)
				return true;
	return false;
}

static bool is_in(const struct pattern *pattern, uint8_t type, const uint8_t *data, size_t length) {
	return pattern->type == type && (size_t)pattern->start + pattern->length <= length &&
	       !memcmp(data + pattern->start, pattern->content, pattern->length);
}

static bool looks_for(const struct controller *controller, uint8_t type, const uint8_t *data, size_t length) {
	for (size_t i = 0; i < MONITORS; i++)
		for (size_t n = 0; n < controller->monitors.list[i].pattern_count; n++)
			if (is_in(&controller->monitors.list[i].pattern[n], type, data, length))
				return true;
	return false;
}

/* Core 5.4, volume 3, part C 11: length of type and data, type, data; a length of 0 ends them early. */
bool monitors_match(const struct controller *controller, const uint8_t *data, size_t length) {
	for (size_t at = 0; at < length && data[at] > 0 && data[at] < length - at; at += 1u + data[at])
		if (looks_for(controller, data[at + 1], data + at + 2, data[at] - 1u))
			return true;
	return false;
}
