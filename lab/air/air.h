/* The virtual air: Bluetooth LE controllers that hear each other, for /dev/vhci of the guest's kernel. Stands where BlueZ's
 * btvirt would stand, because a camera with a stranger on the line needs what btvirt 5.66 cannot do: several centrals on one
 * peripheral (it hands both handle 42 and mixes up their packets), adverts at their interval, a device that walks out of range.
 *
 * A controller is LE only, Bluetooth 5.0 with legacy advertising, no encryption; it looks at adverts itself when a host asks it
 * to by Microsoft's HCI extension. medium.c is what happens between controllers, controller.c one controller's side of the Host
 * Controller Interface, monitors.c that extension. Times are CLOCK_BOOTTIME microseconds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROLLERS 16
#define CONNECTIONS 32
#define ADVERT_DATA_SIZE 31
#define ACCEPT_LIST_SIZE 16
#define DUPLICATES 64
#define MONITORS 8
#define PATTERNS 16       /* of one monitor, as many as Linux has */
#define ACL_BUFFERS 8     /* packets in flight for each controller */
#define ACL_DATA_SIZE 251 /* the largest link-layer payload of an LE controller */
#define PACKET_SIZE (1 + 4 + ACL_DATA_SIZE + 8)

struct address {
	uint8_t type; /* 0 public, 1 random */
	uint8_t bytes[6];
};

/* Data of an AD type that has this content from `start` on. */
struct pattern {
	uint8_t type, start, length, content[ADVERT_DATA_SIZE];
};

struct monitor {
	size_t pattern_count; /* 0 for a free place */
	struct pattern pattern[PATTERNS];
};

struct controller {
	int file; /* /dev/vhci, -1 when not plugged */
	unsigned index;
	bool away;          /* out of everybody's range */
	bool deaf;          /* is heard, but answers no connection request */
	unsigned long sent; /* packets that left its antenna: adverts, requests for scan responses, connections, data */
	unsigned long reported, held_back; /* adverts that its host was told of, and was not because it does not want them */
	bool garble;                       /* its next packet with a channel's bytes arrives with one bit changed */
	uint8_t public_address[6], random_address[6];

	struct {
		bool enabled;
		uint64_t next_us, interval_us;
		uint8_t type, own_type; /* type as in LE Set Advertising Parameters */
		uint8_t data[ADVERT_DATA_SIZE], scan_response[ADVERT_DATA_SIZE];
		uint8_t data_length, scan_response_length;
	} advert;
	struct {
		bool enabled, active, filter_duplicates, accept_list_only;
		uint64_t seen[DUPLICATES]; /* hashes of address and data */
		size_t seen_count;
	} scan;
	struct {
		bool filter; /* the host wants what a monitor looks for, and nothing else */
		struct monitor list[MONITORS];
	} monitors;
	struct {
		bool enabled, accept_list;
		struct address peer;
		uint8_t own_type;
		uint16_t interval, latency, timeout;
	} dial;
	struct address accept[ACCEPT_LIST_SIZE];
	size_t accept_count;
};

struct connection_end {
	struct controller *controller; /* NULL for a free slot */
	uint16_t handle;
	/* What it has sent and the other end has not got, because they are out of range. */
	struct {
		size_t length;
		uint8_t bytes[PACKET_SIZE];
	} waiting[ACL_BUFFERS];
	size_t waiting_count;
};

/* end[0] is the central. */
struct connection {
	struct connection_end end[2];
	uint64_t supervision_us, lost_us; /* lost_us: when supervision ends it, 0 while in range */
};

struct air {
	struct controller controller[CONTROLLERS];
	struct connection connection[CONNECTIONS];
};

uint64_t now_us(void);

/* --- medium.c --- */

/* Sends adverts that are due, ends connections whose supervision timed out. */
void air_run(struct air *air, uint64_t now);
/* When air_run has something to do next, UINT64_MAX for never. */
uint64_t air_deadline(const struct air *air);
/* Someone starts listening or dialling; what is on the air comes with its next repeat. */
void air_away(struct air *air, struct controller *controller, bool away, uint64_t now);
/* Its connections end by supervision at the other ends. */
void air_unplugged(struct air *air, struct controller *controller, uint64_t now);
/* NULL when there is none. ret_end: which end has that handle. */
struct connection *air_connection(struct air *air, const struct controller *controller, uint16_t handle, int *ret_end);
void air_disconnect(struct connection *connection, int end, uint8_t reason);
/* `packet`: whole ACL packet with its type, from that end's kernel. */
void air_acl(struct air *air, struct controller *controller, const uint8_t *packet, size_t length);

/* --- controller.c --- */

void controller_reset(struct controller *controller);
/* One packet from the kernel. */
void controller_packet(struct air *air, struct controller *controller, const uint8_t *packet, size_t length);
struct address controller_address(const struct controller *controller, uint8_t own_type);
void controller_send(const struct controller *controller, const uint8_t *packet, size_t length);
void controller_send_event(const struct controller *controller, uint8_t event, const uint8_t *parameters, size_t length);
/* Whether its host wants to know of an advert with this data; counted. */
bool controller_wants(struct controller *controller, const struct address *from, const uint8_t *data, uint8_t length);
void controller_report(struct controller *controller, uint8_t type, const struct address *from, const uint8_t *data,
                       uint8_t length);
void controller_connected(const struct controller *controller, uint8_t status, uint16_t handle, uint8_t role,
                          const struct address *peer, uint16_t interval, uint16_t latency, uint16_t timeout);
void controller_disconnected(const struct controller *controller, uint16_t handle, uint8_t reason);
void controller_completed(const struct controller *controller, uint16_t handle, uint16_t count);
bool controller_accepts(const struct controller *controller, const struct address *address);

/* --- monitors.c --- */

/* The vendor's command that is Microsoft's extension: any will do as long as the host is told which. */
#define MONITORS_OPCODE 0xfc1e

/* What follows the status in the answer. */
struct monitors_answer {
	size_t length;
	uint8_t bytes[10];
};

/* At least one byte of parameters. Returns the status. */
uint8_t monitors_command(struct controller *controller, const uint8_t *parameters, size_t length, struct monitors_answer *answer);
/* Whether monitors decide what its host is told of. */
bool monitors_filter(const struct controller *controller);
bool monitors_match(const struct controller *controller, const uint8_t *data, size_t length);

/* --- HCI (Bluetooth Core Specification 5.4, volume 4, part E; packet types: part A 2) --- */

enum packet_type { PACKET_COMMAND = 1, PACKET_ACL = 2, PACKET_EVENT = 4, PACKET_VENDOR = 0xff };
enum {
	ERROR_UNKNOWN_COMMAND = 0x01,
	ERROR_UNKNOWN_CONNECTION = 0x02,
	ERROR_MEMORY_EXCEEDED = 0x07,
	ERROR_CONNECTION_TIMEOUT = 0x08,
	ERROR_COMMAND_DISALLOWED = 0x0c,
	ERROR_INVALID_PARAMETERS = 0x12,
	ERROR_LOCAL_HOST = 0x16,
};
enum { ROLE_CENTRAL = 0, ROLE_PERIPHERAL = 1 };
enum { ADVERT_CONNECTABLE = 0, ADVERT_SCANNABLE = 2, ADVERT_SILENT = 3, ADVERT_SCAN_RESPONSE = 4 };

static inline uint16_t get_le16(const uint8_t *bytes) {
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline void put_le16(uint8_t *bytes, uint16_t value) {
	bytes[0] = (uint8_t)value;
	bytes[1] = (uint8_t)(value >> 8);
}
