#include "lab/air/air.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_HANDLE 64
#define ADVERT_JITTER_US 10000 /* advDelay: 0 to 10 ms, Core 5.4, volume 6, part B 4.4.2.2.1 */

static bool same_address(const struct address *a, const struct address *b) {
	return a->type == b->type && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static bool hears(const struct controller *a, const struct controller *b) {
	return a != b && a->file >= 0 && b->file >= 0 && !a->away && !b->away;
}

struct connection *air_connection(struct air *air, const struct controller *controller, uint16_t handle, int *ret_end) {
	for (size_t i = 0; i < CONNECTIONS; i++)
		for (int end = 0; end < 2; end++)
			if (air->connection[i].end[end].controller == controller &&
			    air->connection[i].end[end].handle == handle) {
				*ret_end = end;
				return &air->connection[i];
			}
	return NULL;
}

static uint16_t free_handle(struct air *air, const struct controller *controller) {
	uint16_t handle = FIRST_HANDLE;
	int end;

	while (air_connection(air, controller, handle, &end))
		handle++;
	return handle;
}

static struct connection *free_connection(struct air *air) {
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (!air->connection[i].end[0].controller && !air->connection[i].end[1].controller)
			return &air->connection[i];
	return NULL;
}

static void connect_ends(struct air *air, struct controller *central, struct controller *peripheral) {
	struct connection *connection = free_connection(air);
	struct address central_address = controller_address(central, central->dial.own_type);
	struct address peripheral_address = controller_address(peripheral, peripheral->advert.own_type);

	if (!connection)
		return;
	memset(connection, 0, sizeof(*connection));
	connection->end[0].handle = free_handle(air, central);
	connection->end[0].controller = central;
	connection->end[1].handle = free_handle(air, peripheral);
	connection->end[1].controller = peripheral;
	connection->supervision_us = central->dial.timeout * 10000ull;
	central->sent++;
	central->dial.enabled = false;
	peripheral->advert.enabled = false;
	controller_connected(peripheral, 0, connection->end[1].handle, ROLE_PERIPHERAL, &central_address, central->dial.interval,
	                     central->dial.latency, central->dial.timeout);
	controller_connected(central, 0, connection->end[0].handle, ROLE_CENTRAL, &peripheral_address, central->dial.interval,
	                     central->dial.latency, central->dial.timeout);
}

/* "The Link Layer in the Connection State shall have at most one connection to another Link Layer in the Connection State"
 * (Core 5.0, volume 6, part B 1.1), under whatever address. Linux 6.1 takes a second one for the first, and its memory suffers.
 */
static bool are_connected(const struct air *air, const struct controller *a, const struct controller *b) {
	for (size_t i = 0; i < CONNECTIONS; i++) {
		const struct connection_end *end = air->connection[i].end;

		if ((end[0].controller == a && end[1].controller == b) || (end[0].controller == b && end[1].controller == a))
			return true;
	}
	return false;
}

static bool wants(const struct controller *central, const struct address *address) {
	return central->dial.enabled &&
	       (central->dial.accept_list ? controller_accepts(central, address) : same_address(&central->dial.peer, address));
}

static void send_advert(struct air *air, struct controller *advertiser) {
	struct address from = controller_address(advertiser, advertiser->advert.own_type);
	uint8_t type = advertiser->advert.type;

	advertiser->sent++;
	for (size_t i = 0; i < CONTROLLERS; i++) {
		struct controller *other = &air->controller[i];

		if (!hears(advertiser, other))
			continue;
		if (other->scan.enabled &&
		    controller_wants(other, &from, advertiser->advert.data, advertiser->advert.data_length)) {
			controller_report(other, type, &from, advertiser->advert.data, advertiser->advert.data_length);
			if (other->scan.active && (type == ADVERT_CONNECTABLE || type == ADVERT_SCANNABLE)) {
				other->sent++;
				advertiser->sent++;
				controller_report(other, ADVERT_SCAN_RESPONSE, &from, advertiser->advert.scan_response,
				                  advertiser->advert.scan_response_length);
			}
		}
		if (type == ADVERT_CONNECTABLE && !advertiser->deaf && wants(other, &from) &&
		    !are_connected(air, other, advertiser)) {
			connect_ends(air, other, advertiser);
			return; /* a connection ends legacy advertising */
		}
	}
}

void air_disconnect(struct connection *connection, int end, uint8_t reason) {
	const struct connection_end *here = &connection->end[end], *there = &connection->end[!end];

	if (here->controller)
		controller_disconnected(here->controller, here->handle,
		                        reason == ERROR_CONNECTION_TIMEOUT ? reason : ERROR_LOCAL_HOST);
	if (there->controller)
		controller_disconnected(there->controller, there->handle, reason);
	connection->end[0].controller = NULL;
	connection->end[1].controller = NULL;
}

/* L2CAP channels of applications have dynamic identifiers; a packet that begins a frame carries length and identifier first
 * (Bluetooth Core Specification 5.4, volume 3, part A 2.1 and 3.4). */
static bool has_channel_bytes(const uint8_t *packet, size_t length) {
	const size_t least = 1 + 4 + 4 + 2; /* type, ACL header, L2CAP header, SDU length */

	return length > least && (packet[2] >> 4 & 3) != 1 && get_le16(packet + 7) >= 0x0040;
}

static void deliver(struct connection *connection, int from, const uint8_t *packet, size_t length) {
	const struct connection_end *to = &connection->end[!from];
	uint8_t copy[PACKET_SIZE];
	/* Packet boundary flag: "first, non-flushable" (0) of a host arrives as "first, flushable" (2); a continuation (1) stays.
	 */
	uint16_t boundary = packet[2] >> 4 & 3;

	memcpy(copy, packet, length);
	connection->end[from].controller->sent++;
	if (connection->end[from].controller->garble && has_channel_bytes(packet, length)) {
		connection->end[from].controller->garble = false;
		copy[length - 1] ^= 0x10;
		printf("hci%u garbled %zu bytes\n", connection->end[from].controller->index, length);
	}
	put_le16(copy + 1, (uint16_t)(to->handle | (boundary == 1 ? 1 : 2) << 12));
	controller_send(to->controller, copy, length);
	controller_completed(connection->end[from].controller, connection->end[from].handle, 1);
}

void air_acl(struct air *air, struct controller *controller, const uint8_t *packet, size_t length) {
	struct connection *connection;
	struct connection_end *here;
	int end;

	if (length < 5 || length > PACKET_SIZE)
		return;
	connection = air_connection(air, controller, get_le16(packet + 1) & 0x0fff, &end);
	if (!connection)
		return;
	here = &connection->end[end];
	if (!connection->lost_us) {
		deliver(connection, end, packet, length);
	} else if (here->waiting_count < ACL_BUFFERS) {
		here->waiting[here->waiting_count].length = length;
		memcpy(here->waiting[here->waiting_count++].bytes, packet, length);
	}
}

static void update_range(struct connection *connection, uint64_t now) {
	bool in_range = connection->end[0].controller && connection->end[1].controller &&
	                hears(connection->end[0].controller, connection->end[1].controller);

	if (!in_range && !connection->lost_us)
		connection->lost_us = now + connection->supervision_us;
	if (!in_range || !connection->lost_us)
		return;
	connection->lost_us = 0;
	for (int end = 0; end < 2; end++) {
		for (size_t i = 0; i < connection->end[end].waiting_count; i++)
			deliver(connection, end, connection->end[end].waiting[i].bytes, connection->end[end].waiting[i].length);
		connection->end[end].waiting_count = 0;
	}
}

static void update_ranges(struct air *air, const struct controller *controller, uint64_t now) {
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (air->connection[i].end[0].controller == controller || air->connection[i].end[1].controller == controller)
			update_range(&air->connection[i], now);
}

void air_away(struct air *air, struct controller *controller, bool away, uint64_t now) {
	controller->away = away;
	update_ranges(air, controller, now);
}

void air_unplugged(struct air *air, struct controller *controller, uint64_t now) {
	update_ranges(air, controller, now);
	for (size_t i = 0; i < CONNECTIONS; i++)
		for (int end = 0; end < 2; end++)
			if (air->connection[i].end[end].controller == controller)
				air->connection[i].end[end].controller = NULL;
}

void air_run(struct air *air, uint64_t now) {
	for (size_t i = 0; i < CONTROLLERS; i++) {
		struct controller *controller = &air->controller[i];

		if (controller->file < 0 || !controller->advert.enabled || controller->advert.next_us > now)
			continue;
		controller->advert.next_us = now + controller->advert.interval_us + (uint64_t)(random() % ADVERT_JITTER_US);
		send_advert(air, controller);
	}
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (air->connection[i].lost_us && air->connection[i].lost_us <= now) {
			air_disconnect(&air->connection[i], 0, ERROR_CONNECTION_TIMEOUT);
			air->connection[i].lost_us = 0;
		}
}

uint64_t air_deadline(const struct air *air) {
	uint64_t deadline = UINT64_MAX;

	for (size_t i = 0; i < CONTROLLERS; i++) {
		const struct controller *controller = &air->controller[i];

		if (controller->file >= 0 && controller->advert.enabled && controller->advert.next_us < deadline)
			deadline = controller->advert.next_us;
	}
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (air->connection[i].lost_us && air->connection[i].lost_us < deadline)
			deadline = air->connection[i].lost_us;
	return deadline;
}
