/* Every deadline and size of the Wi-Fi room, each with its reason. Times are microseconds of CLOCK_BOOTTIME. They stand in a
 * structure, so that a test can shorten them per instance. */
#pragma once

#include <stdint.h>

#define WIFI_MILLISECONDS(n) ((uint64_t)(n)*1000)

/* Longest command that is sent: "SET_NETWORK NNN psk " and 64 hexadecimal digits, with room to spare. */
#define WIFI_COMMAND_LIMIT 192
/* Longest reply or event that is read; both daemons use 4096 bytes themselves. Longer ones are cut off by the kernel. */
#define WIFI_REPLY_LIMIT 4096
/* Commands that may wait for their replies at once. A Unix socket holds eleven datagrams where nobody raised that (one more than
 * net.unix.max_dgram_qlen): room for these, a ping, five of a farewell, and DETACH. */
#define WIFI_AHEAD 4
/* Commands that are kept: those, another state machine's one, and as many cancelled ones. */
#define WIFI_QUEUE_LIMIT (2 * WIFI_AHEAD + 2)

/* Of timers, microseconds: what matters runs while a radio is on and somebody waits, and is not joined with other wake-ups. */
#define WIFI_TIMER_ACCURACY 1

struct wifi_timing {
	/* How often a missing or dead daemon's socket is tried again. A restarted hostapd is back within a second or two. */
	uint64_t reopen;
	/* How long a start or join (not a preparation) waits for a daemon that is not there: long enough for its restart, short
	 * enough for a person.
	 */
	uint64_t open;
	/* A daemon answers from its event loop in well under a millisecond, unless it waits for the driver: hostapd's ENABLE was
	 * seen to take 1.75 s on an emulated processor, with everything behind it in the queue. */
	uint64_t command;
	/* A daemon that was killed is noticed at the next ping at the latest: this often while its radio is in use ... */
	uint64_t ping;
	/* ... and this often while it is not. A daemon that is back is noticed at once all the same: its socket appears. */
	uint64_t idle_ping;
	/* From access_point_start to beaconing, hostapd's own restart included. The handover's companion gives up after its join
	 * deadline, so this must be shorter. */
	uint64_t access_point_start;
	/* From access_point_stop to off. After it the interface is taken down without hostapd's help. */
	uint64_t access_point_stop;
	/* From station_join to a usable address. Users of such cameras find 12 s too short on a busy channel; a join may begin
	 * while the access point is still coming up. */
	uint64_t join;
	/* From station_leave to off. */
	uint64_t leave;
	/* Pause between two scans while the network is not there yet. wpa_supplicant on its own waits 5 s. */
	uint64_t rescan;
};

extern const struct wifi_timing wifi_timing_default;

/* Times that the network may refuse the key in one join: a single refusal can be a lost or forged frame of the four-way
 * handshake, which nothing protects yet. */
#define WIFI_KEY_REFUSALS 2
