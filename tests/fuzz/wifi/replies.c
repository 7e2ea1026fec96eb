/* A daemon that answers whatever it likes. The input is a sequence of chunks "length 1, kind 1, bytes": each is sent to the
 * access point and to the station as the reply to their last command (kind even) or as an event (kind odd). Whatever comes, `off`
 * is heard at most once for each start, and both can be taken down. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "wifi/access_point_on.h"
#include "wifi/station_on.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct interface_watch {
	int unused;
};

/* A daemon's end of the sockets. */
struct server {
	char path[64];
	int descriptor;
	struct sockaddr_un commands, monitor; /* who sent the last command; who attached */
	socklen_t commands_length, monitor_length;
};

struct user {
	unsigned starts, offs;
	bool prepared; /* the next station_join belongs to a use that was counted */
};

static sd_event *event;
static char folder[] = "/tmp/lanyard-fuzz-XXXXXX";

static int set_up(void *context, const char *name, bool up) {
	(void)context;
	(void)name;
	(void)up;
	return 0;
}

static int is_up(void *context, const char *name) {
	(void)context;
	(void)name;
	return 0;
}

static int set_address(void *context, const char *name, const uint8_t mac[MAC_SIZE]) {
	(void)context;
	(void)name;
	(void)mac;
	return 0;
}

static int watch(void *context, struct interface_watch **ret, sd_event *loop, const char *name, interface_address callback,
                 void *callback_context) {
	(void)context;
	(void)loop;
	(void)name;
	(void)callback;
	(void)callback_context;
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -1;
}

static void unwatch(void *context, struct interface_watch *w) {
	(void)context;
	free(w);
}

static void on_nothing(void *context) {
	(void)context;
}

static void on_mac(void *context, const uint8_t mac[MAC_SIZE]) {
	(void)context;
	(void)mac;
}

static void on_joined(void *context, unsigned index, const uint8_t address[16]) {
	(void)context;
	(void)index;
	(void)address;
}

static void on_off(void *context, enum reason reason) {
	(void)reason;
	struct user *user = context;
	user->prepared = false;
	if (++user->offs > user->starts)
		abort();
}

static void server_open(struct server *server, const char *name) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	*server = (struct server){ .descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
	snprintf(server->path, sizeof(server->path), "%s/%s", folder, name);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->path);
	unlink(server->path);
	if (server->descriptor < 0 || bind(server->descriptor, (struct sockaddr *)&address, sizeof(address)) < 0)
		abort();
}

/* Reads what was sent, remembers by whom, and answers ATTACH and PING. */
static void server_pump(struct server *server) {
	for (int i = 0; i < 8; i++) {
		while (sd_event_run(event, 0) > 0)
			;
		char text[512];
		struct sockaddr_un from;
		socklen_t from_length = sizeof(from);
		ssize_t length = recvfrom(server->descriptor, text, sizeof(text), 0, (struct sockaddr *)&from, &from_length);
		if (length < 0)
			return;
		if (length == 6 && memcmp(text, "ATTACH", 6) == 0) {
			server->monitor = from;
			server->monitor_length = from_length;
			sendto(server->descriptor, "OK\n", 3, 0, (struct sockaddr *)&from, from_length);
		} else if (length == 4 && memcmp(text, "PING", 4) == 0) {
			sendto(server->descriptor, "PONG\n", 5, 0, (struct sockaddr *)&from, from_length);
		} else {
			server->commands = from;
			server->commands_length = from_length;
		}
	}
}

static void server_say(const struct server *server, bool as_event, const uint8_t *bytes, size_t length) {
	const struct sockaddr_un *to = as_event ? &server->monitor : &server->commands;
	socklen_t to_length = as_event ? server->monitor_length : server->commands_length;
	if (to_length > 0)
		sendto(server->descriptor, bytes, length, 0, (const struct sockaddr *)to, to_length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct wifi_timing timing = { .reopen = 1000,
		                                   .open = 1000000,
		                                   .command = 1000000,
		                                   .ping = 1000000,
		                                   .join = 1000000,
		                                   .access_point_start = 1000000,
		                                   .access_point_stop = 1000000,
		                                   .leave = 1000000,
		                                   .rescan = 1 };
	static const struct interface_port port = { set_up, is_up, set_address, watch, unwatch, NULL };
	static const struct access_point_callbacks ap_callbacks = { on_nothing, on_mac, on_mac, on_off };
	static const struct station_callbacks station_callbacks = { on_joined, on_off };
	static struct server hostapd, supplicant;
	if (!event) {
		log_set_level(LOG_LEVEL_ERROR - 1);
		if (sd_event_new(&event) < 0 || !mkdtemp(folder))
			abort();
		server_open(&hostapd, "ap");
		server_open(&supplicant, "sta");
	}
	hostapd.commands_length = hostapd.monitor_length = supplicant.commands_length = supplicant.monitor_length = 0;
	struct wifi_environment environment = { &timing, random_system(), &port, folder };
	struct user ap_user = { 0 }, station_user = { 0 };
	struct access_point *ap;
	struct station *station;
	struct wifi_credentials credentials;
	wifi_credentials_make(&credentials, random_system(), false, 2437);
	if (access_point_new_on(&ap, event, hostapd.path, "wlan0", &environment, &ap_callbacks, &ap_user) < 0 ||
	    station_supplicant_new_on(&station, event, supplicant.path, "wlan1", true, &environment, &station_callbacks,
	                              &station_user) < 0)
		abort();

	struct reader r = reader_over(data, size);
	while (reader_left(&r) >= 2) {
		uint8_t length = reader_u8(&r), kind = reader_u8(&r);
		server_pump(&hostapd);
		server_pump(&supplicant);
		if (access_point_start(ap, &credentials) == 0)
			ap_user.starts++;
		if ((kind & 2) && station_prepare(station) == 0) {
			station_user.starts++;
			station_user.prepared = true;
		}
		if (!(kind & 4) && station_join(station, &credentials) == 0) {
			station_user.starts += !station_user.prepared;
			station_user.prepared = false;
		}
		server_pump(&hostapd);
		server_pump(&supplicant);
		const uint8_t *bytes = reader_take(&r, length);
		if (!bytes)
			break;
		server_say(&hostapd, kind & 1, bytes, length);
		server_say(&supplicant, kind & 1, bytes, length);
		if ((kind & 0xf0) == 0xf0)
			access_point_stop(ap);
		if ((kind & 0xf0) == 0xe0)
			station_leave(station);
	}
	server_pump(&hostapd);
	server_pump(&supplicant);
	access_point_free(ap);
	station_free(station);
	server_pump(&hostapd);
	server_pump(&supplicant);
	return 0;
}
