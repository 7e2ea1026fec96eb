#include "lab/air/air.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	EVENT_DISCONNECTION_COMPLETE = 0x05,
	EVENT_REMOTE_VERSION = 0x0c,
	EVENT_COMMAND_COMPLETE = 0x0e,
	EVENT_COMMAND_STATUS = 0x0f,
	EVENT_COMPLETED_PACKETS = 0x13,
	EVENT_LE_META = 0x3e,
};
enum { LE_CONNECTION_COMPLETE = 0x01, LE_ADVERTISING_REPORT = 0x02, LE_CONNECTION_UPDATE = 0x03, LE_REMOTE_FEATURES = 0x04 };

#define VERSION_5_0 9
#define RSSI (-60)

static const uint8_t le_features[8] = { 0x0a }; /* connection parameter request, peripheral-initiated features exchange */

/* --- events --------------------------------------------------------------------------------------------------------------- */

void controller_send(const struct controller *controller, const uint8_t *packet, size_t length) {
	if (write(controller->file, packet, length) < 0)
		fprintf(stderr, "hci%u: %s\n", controller->index, strerror(errno));
}

void controller_send_event(const struct controller *controller, uint8_t event, const uint8_t *parameters, size_t length) {
	uint8_t packet[3 + 255] = { PACKET_EVENT, event, (uint8_t)length };

	memcpy(packet + 3, parameters, length);
	controller_send(controller, packet, 3 + length);
}

static void command_complete(const struct controller *controller, uint16_t opcode, uint8_t status, const uint8_t *answer,
                             size_t length) {
	uint8_t parameters[255] = { 1, (uint8_t)opcode, (uint8_t)(opcode >> 8), status };

	if (length > 0)
		memcpy(parameters + 4, answer, length);
	controller_send_event(controller, EVENT_COMMAND_COMPLETE, parameters, 4 + length);
}

static void command_status(const struct controller *controller, uint16_t opcode, uint8_t status) {
	const uint8_t parameters[] = { status, 1, (uint8_t)opcode, (uint8_t)(opcode >> 8) };

	controller_send_event(controller, EVENT_COMMAND_STATUS, parameters, sizeof(parameters));
}

void controller_connected(const struct controller *controller, uint8_t status, uint16_t handle, uint8_t role,
                          const struct address *peer, uint16_t interval, uint16_t latency, uint16_t timeout) {
	uint8_t parameters[19] = { LE_CONNECTION_COMPLETE, status };

	put_le16(parameters + 2, handle);
	parameters[4] = role;
	parameters[5] = peer->type;
	memcpy(parameters + 6, peer->bytes, 6);
	put_le16(parameters + 12, interval);
	put_le16(parameters + 14, latency);
	put_le16(parameters + 16, timeout);
	controller_send_event(controller, EVENT_LE_META, parameters, sizeof(parameters));
}

void controller_disconnected(const struct controller *controller, uint16_t handle, uint8_t reason) {
	uint8_t parameters[4] = { 0, (uint8_t)handle, (uint8_t)(handle >> 8), reason };

	controller_send_event(controller, EVENT_DISCONNECTION_COMPLETE, parameters, sizeof(parameters));
}

void controller_completed(const struct controller *controller, uint16_t handle, uint16_t count) {
	uint8_t parameters[5] = { 1 };

	put_le16(parameters + 1, handle);
	put_le16(parameters + 3, count);
	controller_send_event(controller, EVENT_COMPLETED_PACKETS, parameters, sizeof(parameters));
}

/* FNV-1a: a controller's duplicate filter need not resist anybody. */
static uint64_t advert_hash(uint8_t type, const struct address *from, const uint8_t *data, uint8_t length) {
	uint64_t hash = 14695981039346656037ull ^ type;

	for (size_t i = 0; i < sizeof(from->bytes); i++)
		hash = (hash ^ from->bytes[i]) * 1099511628211ull;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ data[i]) * 1099511628211ull;
	return hash;
}

static bool is_duplicate(struct controller *controller, uint64_t hash) {
	for (size_t i = 0; i < controller->scan.seen_count && i < DUPLICATES; i++)
		if (controller->scan.seen[i] == hash)
			return true;
	controller->scan.seen[controller->scan.seen_count++ % DUPLICATES] = hash;
	return false;
}

/* Monitors let adverts through that the accept list would not, and the other way round. */
bool controller_wants(struct controller *controller, const struct address *from, const uint8_t *data, uint8_t length) {
	bool is_wanted =
	        monitors_filter(controller) ? monitors_match(controller, data, length) : !controller->scan.accept_list_only;

	if (!is_wanted && controller->scan.accept_list_only)
		is_wanted = controller_accepts(controller, from);
	if (!is_wanted)
		controller->held_back++;
	return is_wanted;
}

void controller_report(struct controller *controller, uint8_t type, const struct address *from, const uint8_t *data,
                       uint8_t length) {
	uint8_t parameters[11 + ADVERT_DATA_SIZE + 1] = { LE_ADVERTISING_REPORT, 1, type, from->type };

	if (controller->scan.filter_duplicates && is_duplicate(controller, advert_hash(type, from, data, length)))
		return;
	memcpy(parameters + 4, from->bytes, 6);
	parameters[10] = length;
	memcpy(parameters + 11, data, length);
	parameters[11 + length] = (uint8_t)RSSI;
	controller->reported++;
	controller_send_event(controller, EVENT_LE_META, parameters, 12u + length);
}

/* --- state ---------------------------------------------------------------------------------------------------------------- */

struct address controller_address(const struct controller *controller, uint8_t own_type) {
	struct address address = { .type = own_type & 1 };

	memcpy(address.bytes, own_type & 1 ? controller->random_address : controller->public_address, 6);
	return address;
}

bool controller_accepts(const struct controller *controller, const struct address *address) {
	for (size_t i = 0; i < controller->accept_count; i++)
		if (controller->accept[i].type == address->type && !memcmp(controller->accept[i].bytes, address->bytes, 6))
			return true;
	return false;
}

void controller_reset(struct controller *controller) {
	memset(&controller->advert, 0, sizeof(controller->advert));
	memset(&controller->scan, 0, sizeof(controller->scan));
	memset(&controller->monitors, 0, sizeof(controller->monitors));
	memset(&controller->dial, 0, sizeof(controller->dial));
	controller->accept_count = 0;
}

/* --- commands ------------------------------------------------------------------------------------------------------------- */

struct command {
	struct air *air;
	struct controller *controller;
	uint16_t opcode;
	const uint8_t *parameters;
	size_t length; /* at least what the table says */
};

static void done(const struct command *command, uint8_t status) {
	command_complete(command->controller, command->opcode, status, NULL, 0);
}

static void answer(const struct command *command, const uint8_t *bytes, size_t length) {
	command_complete(command->controller, command->opcode, 0, bytes, length);
}

static void accepted(const struct command *command) {
	done(command, 0);
}

static void reset(const struct command *command) {
	for (size_t i = 0; i < CONNECTIONS; i++)
		for (int end = 0; end < 2; end++)
			if (command->air->connection[i].end[end].controller == command->controller)
				air_disconnect(&command->air->connection[i], end, ERROR_CONNECTION_TIMEOUT);
	controller_reset(command->controller);
	done(command, 0);
}

static void read_version(const struct command *command) {
	const uint8_t bytes[] = { VERSION_5_0, 0, 0, VERSION_5_0, 0xf1, 0x05, 0, 0 }; /* 0x05f1: The Linux Foundation */

	answer(command, bytes, sizeof(bytes));
}

static void read_commands(const struct command *command) {
	const uint8_t bytes[64] = { [0] = 0x20,  [2] = 0x80,  [5] = 0xc0,  [14] = 0xb8, [15] = 0x22,
		                    [25] = 0xf7, [26] = 0xff, [27] = 0x27, [28] = 0x08, [33] = 0x30 };

	answer(command, bytes, sizeof(bytes));
}

static void read_features(const struct command *command) {
	const uint8_t bytes[8] = { [4] = 0x60 }; /* no BR/EDR, LE */

	answer(command, bytes, sizeof(bytes));
}

static void read_address(const struct command *command) {
	answer(command, command->controller->public_address, 6);
}

static void read_buffer_size(const struct command *command) {
	const uint8_t bytes[7] = { 0 }; /* none of BR/EDR */

	answer(command, bytes, sizeof(bytes));
}

static void le_read_buffer_size(const struct command *command) {
	const uint8_t bytes[] = { ACL_DATA_SIZE, 0, ACL_BUFFERS };

	answer(command, bytes, sizeof(bytes));
}

static void le_read_features(const struct command *command) {
	answer(command, le_features, sizeof(le_features));
}

static void le_read_states(const struct command *command) {
	const uint8_t bytes[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0x03 }; /* every combination */

	answer(command, bytes, sizeof(bytes));
}

static void le_read_accept_list_size(const struct command *command) {
	const uint8_t bytes[] = { ACCEPT_LIST_SIZE };

	answer(command, bytes, sizeof(bytes));
}

static void le_read_advertising_power(const struct command *command) {
	const uint8_t bytes[] = { 0 };

	answer(command, bytes, sizeof(bytes));
}

static void le_set_random_address(const struct command *command) {
	const struct controller *controller = command->controller;

	/* Core 5.4, volume 4, part E 7.8.4: not while advertising, scanning or initiating with it. */
	if (controller->advert.enabled || controller->scan.enabled || controller->dial.enabled) {
		done(command, ERROR_COMMAND_DISALLOWED);
		return;
	}
	memcpy(command->controller->random_address, command->parameters, 6);
	done(command, 0);
}

static void le_set_advertising_parameters(const struct command *command) {
	struct controller *controller = command->controller;

	if (controller->advert.enabled) {
		done(command, ERROR_COMMAND_DISALLOWED);
		return;
	}
	controller->advert.interval_us = get_le16(command->parameters) * 625ull;
	controller->advert.type = command->parameters[4];
	controller->advert.own_type = command->parameters[5];
	done(command, 0);
}

static void set_data(const struct command *command, uint8_t *data, uint8_t *length) {
	if (command->parameters[0] > ADVERT_DATA_SIZE) {
		done(command, ERROR_INVALID_PARAMETERS);
		return;
	}
	*length = command->parameters[0];
	memcpy(data, command->parameters + 1, *length);
	done(command, 0);
}

static void le_set_advertising_data(const struct command *command) {
	set_data(command, command->controller->advert.data, &command->controller->advert.data_length);
}

static void le_set_scan_response(const struct command *command) {
	set_data(command, command->controller->advert.scan_response, &command->controller->advert.scan_response_length);
}

static void le_set_advertising(const struct command *command) {
	command->controller->advert.enabled = command->parameters[0];
	command->controller->advert.next_us = now_us();
	done(command, 0);
}

static void le_set_scan_parameters(const struct command *command) {
	struct controller *controller = command->controller;

	if (controller->scan.enabled) {
		done(command, ERROR_COMMAND_DISALLOWED);
		return;
	}
	controller->scan.active = command->parameters[0];
	controller->scan.accept_list_only = command->parameters[6] & 1;
	done(command, 0);
}

static void le_set_scan(const struct command *command) {
	if (command->controller->scan.enabled != (command->parameters[0] & 1))
		printf("hci%u %s\n", command->controller->index, command->parameters[0] & 1 ? "scanning" : "not scanning");
	command->controller->scan.enabled = command->parameters[0] & 1;
	command->controller->scan.filter_duplicates = command->parameters[1];
	command->controller->scan.seen_count = 0;
	done(command, 0);
}

static void le_create_connection(const struct command *command) {
	struct controller *controller = command->controller;
	const uint8_t *p = command->parameters;

	if (controller->dial.enabled) {
		command_status(controller, command->opcode, ERROR_COMMAND_DISALLOWED);
		return;
	}
	controller->dial.enabled = true;
	printf("hci%u dials\n", controller->index);
	controller->dial.accept_list = p[4];
	controller->dial.peer.type = p[5];
	memcpy(controller->dial.peer.bytes, p + 6, 6);
	controller->dial.own_type = p[12];
	controller->dial.interval = get_le16(p + 15);
	controller->dial.latency = get_le16(p + 17);
	controller->dial.timeout = get_le16(p + 19);
	command_status(controller, command->opcode, 0);
}

static void le_cancel_connection(const struct command *command) {
	struct controller *controller = command->controller;

	if (!controller->dial.enabled) {
		done(command, ERROR_COMMAND_DISALLOWED);
		return;
	}
	controller->dial.enabled = false;
	done(command, 0);
	controller_connected(controller, ERROR_UNKNOWN_CONNECTION, 0, ROLE_CENTRAL, &controller->dial.peer, 0, 0, 0);
}

static void le_clear_accept_list(const struct command *command) {
	command->controller->accept_count = 0;
	done(command, 0);
}

static void le_add_to_accept_list(const struct command *command) {
	struct controller *controller = command->controller;
	struct address *address = &controller->accept[controller->accept_count];

	if (controller->accept_count == ACCEPT_LIST_SIZE) {
		done(command, ERROR_MEMORY_EXCEEDED);
		return;
	}
	address->type = command->parameters[0];
	memcpy(address->bytes, command->parameters + 1, 6);
	controller->accept_count++;
	done(command, 0);
}

static void le_remove_from_accept_list(const struct command *command) {
	struct controller *controller = command->controller;

	for (size_t i = 0; i < controller->accept_count; i++)
		if (controller->accept[i].type == command->parameters[0] &&
		    !memcmp(controller->accept[i].bytes, command->parameters + 1, 6))
			controller->accept[i--] = controller->accept[--controller->accept_count];
	done(command, 0);
}

/* The connection that a command names, or NULL after an error status. */
static struct connection *connection_of(const struct command *command, int *ret_end) {
	struct connection *connection = air_connection(command->air, command->controller, get_le16(command->parameters), ret_end);

	command_status(command->controller, command->opcode, connection ? 0 : ERROR_UNKNOWN_CONNECTION);
	return connection;
}

static void disconnect(const struct command *command) {
	int end;
	struct connection *connection = connection_of(command, &end);

	if (connection)
		air_disconnect(connection, end, command->parameters[2]);
}

static void le_read_remote_features(const struct command *command) {
	uint8_t parameters[12] = { LE_REMOTE_FEATURES, 0, command->parameters[0], command->parameters[1] };
	int end;

	memcpy(parameters + 4, le_features, sizeof(le_features));
	if (connection_of(command, &end))
		controller_send_event(command->controller, EVENT_LE_META, parameters, sizeof(parameters));
}

static void read_remote_version(const struct command *command) {
	const uint8_t parameters[] = { 0, command->parameters[0], command->parameters[1], VERSION_5_0, 0xf1, 0x05, 0, 0 };
	int end;

	if (connection_of(command, &end))
		controller_send_event(command->controller, EVENT_REMOTE_VERSION, parameters, sizeof(parameters));
}

static void read_rssi(const struct command *command) {
	const uint8_t bytes[] = { command->parameters[0], command->parameters[1], (uint8_t)RSSI };
	int end;

	if (air_connection(command->air, command->controller, get_le16(command->parameters), &end))
		answer(command, bytes, sizeof(bytes));
	else
		done(command, ERROR_UNKNOWN_CONNECTION);
}

static void le_connection_update(const struct command *command) {
	const uint8_t *p = command->parameters;
	uint8_t parameters[10] = { LE_CONNECTION_UPDATE };
	int end;
	struct connection *connection = connection_of(command, &end);

	if (!connection)
		return;
	connection->supervision_us = get_le16(p + 8) * 10000ull;
	memcpy(parameters + 4, p + 4, 6); /* interval, latency, timeout */
	for (int i = 0; i < 2; i++) {
		if (!connection->end[i].controller)
			continue;
		put_le16(parameters + 2, connection->end[i].handle);
		controller_send_event(connection->end[i].controller, EVENT_LE_META, parameters, sizeof(parameters));
	}
}

static void microsoft(const struct command *command) {
	struct monitors_answer bytes;
	uint8_t status = monitors_command(command->controller, command->parameters, command->length, &bytes);

	command_complete(command->controller, command->opcode, status, bytes.bytes, bytes.length);
}

static const struct {
	uint16_t opcode;
	uint8_t length; /* of the parameters */
	void (*run)(const struct command *command);
} commands[] = {
	{ 0x0406, 3, disconnect },
	{ 0x041d, 2, read_remote_version },
	{ 0x0c01, 8, accepted }, /* Set Event Mask */
	{ 0x0c03, 0, reset },
	{ 0x1001, 0, read_version },
	{ 0x1002, 0, read_commands },
	{ 0x1003, 0, read_features },
	{ 0x1005, 0, read_buffer_size },
	{ 0x1009, 0, read_address },
	{ 0x1405, 2, read_rssi },
	{ 0x2001, 8, accepted }, /* LE Set Event Mask */
	{ 0x2002, 0, le_read_buffer_size },
	{ 0x2003, 0, le_read_features },
	{ 0x2005, 6, le_set_random_address },
	{ 0x2006, 15, le_set_advertising_parameters },
	{ 0x2007, 0, le_read_advertising_power },
	{ 0x2008, 32, le_set_advertising_data },
	{ 0x2009, 32, le_set_scan_response },
	{ 0x200a, 1, le_set_advertising },
	{ 0x200b, 7, le_set_scan_parameters },
	{ 0x200c, 2, le_set_scan },
	{ 0x200d, 25, le_create_connection },
	{ 0x200e, 0, le_cancel_connection },
	{ 0x200f, 0, le_read_accept_list_size },
	{ 0x2010, 0, le_clear_accept_list },
	{ 0x2011, 7, le_add_to_accept_list },
	{ 0x2012, 7, le_remove_from_accept_list },
	{ 0x2013, 14, le_connection_update },
	{ 0x2016, 2, le_read_remote_features },
	{ 0x201c, 0, le_read_states },
	{ MONITORS_OPCODE, 1, microsoft },
};

static void run_command(struct air *air, struct controller *controller, const uint8_t *packet, size_t length) {
	struct command command = { air, controller, get_le16(packet + 1), packet + 4, length - 4 };

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (commands[i].opcode != command.opcode)
			continue;
		if (length < 4u + commands[i].length)
			done(&command, ERROR_INVALID_PARAMETERS);
		else
			commands[i].run(&command);
		return;
	}
	command_status(controller, command.opcode, ERROR_UNKNOWN_COMMAND);
}

void controller_packet(struct air *air, struct controller *controller, const uint8_t *packet, size_t length) {
	if (length >= 4 && packet[0] == PACKET_COMMAND)
		run_command(air, controller, packet, length);
	else if (length >= 5 && packet[0] == PACKET_ACL)
		air_acl(air, controller, packet, length);
}
