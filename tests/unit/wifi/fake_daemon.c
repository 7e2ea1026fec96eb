#include "fake_daemon.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* After the command's deadline. */
#define LATE_MICROSECONDS 400000

const struct wifi_timing fake_timing = {
	.reopen = WIFI_MILLISECONDS(5),
	.open = WIFI_MILLISECONDS(300),
	.command = WIFI_MILLISECONDS(200),
	.ping = WIFI_MILLISECONDS(20),
	.idle_ping = WIFI_MILLISECONDS(60000), /* never, as far as a test goes */
	.access_point_start = WIFI_MILLISECONDS(2000),
	.access_point_stop = WIFI_MILLISECONDS(1500),
	.join = WIFI_MILLISECONDS(2000),
	.leave = WIFI_MILLISECONDS(1500),
	.rescan = WIFI_MILLISECONDS(2),
};

static void reply(struct fake_daemon *fake, const struct sockaddr_un *to, socklen_t to_length, const void *text, size_t length) {
	(void)sendto(fake->descriptor, text, length, MSG_DONTWAIT, (const struct sockaddr *)to, to_length);
}

void fake_say(struct fake_daemon *fake, const char *event_line) {
	if (fake->monitor_length > 0)
		reply(fake, &fake->monitor, fake->monitor_length, event_line, strlen(event_line));
}

static const char *take(const char *command, const char *prefix, char *target, size_t capacity) {
	size_t length = strlen(prefix);
	if (strncmp(command, prefix, length) != 0)
		return NULL;
	if (target)
		snprintf(target, capacity, "%.*s", (int)capacity - 1, command + length);
	return "OK\n";
}

static const char *hostapd_answer(struct fake_daemon *fake, const char *command) {
	const char *answer;
	if (strcmp(command, "ENABLE") == 0) {
		if (fake->enabled)
			return "FAIL\n";
		fake->enables++;
		fake->enabled = !fake->never_enables;
		if (fake->enabled)
			fake_say(fake, "<3>AP-ENABLED ");
		return "OK\n";
	}
	if (strcmp(command, "DISABLE") == 0) {
		if (!fake->enabled)
			return "FAIL\n";
		fake->enabled = false;
		fake_say(fake, "<3>AP-DISABLED ");
		return "OK\n";
	}
	if (strcmp(command, "STATUS") == 0)
		return fake->enabled ? "state=ENABLED\nphy=phy0\nfreq=2437\n" : "state=DISABLED\nphy=phy0\n";
	if ((answer = take(command, "SET wpa_psk ", fake->psk, sizeof(fake->psk))) ||
	    (answer = take(command, "SET ssid2 ", fake->ssid, sizeof(fake->ssid))) ||
	    (answer = take(command, "SET bssid ", fake->bssid, sizeof(fake->bssid))) ||
	    (answer = take(command, "SET channel ", fake->channel, sizeof(fake->channel))) ||
	    (answer = take(command, "SET max_num_sta ", fake->stations, sizeof(fake->stations))) ||
	    (answer = take(command, "SET ignore_broadcast_ssid ", fake->hidden, sizeof(fake->hidden))) ||
	    (answer = take(command, "DEAUTHENTICATE ", NULL, 0)) || (answer = take(command, "SET ", NULL, 0)))
		return answer;
	return "UNKNOWN COMMAND\n";
}

static void supplicant_select(struct fake_daemon *fake) {
	static const char connected[] = "<3>CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:00:01 completed [id=0 id_str=]";
	static const char wrong_key[] =
	        "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"x\" auth_failures=1 duration=10 reason=WRONG_KEY";
	fake->selects++;
	switch (fake->air) {
	case AIR_CONNECTS:
		fake_say(fake, connected);
		break;
	case AIR_APPEARS_LATE:
		fake_say(fake, fake->selects <= 3 ? "<3>CTRL-EVENT-NETWORK-NOT-FOUND " : connected);
		break;
	case AIR_REJECTS_ONCE:
		fake_say(fake,
		         fake->selects == 1 ? "<3>CTRL-EVENT-ASSOC-REJECT bssid=02:00:00:00:00:01 status_code=1" : connected);
		break;
	case AIR_WRONG_KEY:
		fake_say(fake, wrong_key);
		break;
	case AIR_WRONG_KEY_ONCE:
		fake_say(fake, fake->selects == 1 ? wrong_key : connected);
		break;
	case AIR_NOTHING:
		break;
	}
}

static const char *supplicant_answer(struct fake_daemon *fake, const char *command) {
	const char *answer;
	if (strcmp(command, "ADD_NETWORK") == 0) {
		fake->enabled = true;
		return "3\n";
	}
	if (strcmp(command, "REMOVE_NETWORK all") == 0) {
		fake->enabled = false;
		fake->psk[0] = fake->ssid[0] = fake->hidden[0] = '\0';
		return "OK\n";
	}
	if (strcmp(command, "SELECT_NETWORK 3") == 0) {
		supplicant_select(fake);
		return "OK\n";
	}
	if (strcmp(command, "STATUS") == 0)
		return fake->loses_again ? "wpa_state=ASSOCIATING\naddress=02:00:00:00:00:02\n"
		                         : "bssid=02:00:00:00:00:01\nwpa_state=COMPLETED\naddress=02:00:00:00:00:02\n";
	if (strcmp(command, "PMKSA_FLUSH") == 0) {
		fake->pmksa_flushes++;
		return "OK\n";
	}
	if (strcmp(command, "DISCONNECT") == 0 || strcmp(command, "BSSID_IGNORE clear") == 0 ||
	    strcmp(command, "BSS_FLUSH 0") == 0)
		return "OK\n";
	if (strncmp(command, "SET_NETWORK ", 12) == 0 && !fake->enabled)
		return "FAIL\n";
	if (strcmp(command, "SET_NETWORK 3 mac_addr 1") == 0)
		fake->mac_random = true;
	if ((answer = take(command, "SET_NETWORK 3 psk ", fake->psk, sizeof(fake->psk))) ||
	    (answer = take(command, "SET_NETWORK 3 ssid ", fake->ssid, sizeof(fake->ssid))) ||
	    (answer = take(command, "SET_NETWORK 3 scan_ssid ", fake->hidden, sizeof(fake->hidden))) ||
	    (answer = take(command, "SET_NETWORK 3 freq_list ", fake->frequencies, sizeof(fake->frequencies))) ||
	    (answer = take(command, "SET_NETWORK 3 bssid ", fake->bssid, sizeof(fake->bssid))) ||
	    (answer = take(command, "SET_NETWORK 3 ", NULL, 0)))
		return answer;
	return "UNKNOWN COMMAND\n";
}

static int late_fired(sd_event_source *source, uint64_t now, void *userdata) {
	(void)source;
	(void)now;
	struct fake_daemon *fake = userdata;
	reply(fake, &fake->late_to, fake->late_to_length, fake->late_answer, strlen(fake->late_answer));
	assert_true(sd_event_source_set_enabled(fake->source, SD_EVENT_ON) >= 0);
	return 0;
}

static void faulty_answer(struct fake_daemon *fake, const struct sockaddr_un *from, socklen_t from_length, const char *answer) {
	static const uint8_t garbage[] = { 0xff, 0x00, '<', 'O', 'K', 0xfe, '\n', '\n' };
	fake->fault_met = true;
	switch (fake->fault) {
	case FAULT_FAIL:
		reply(fake, from, from_length, "FAIL\n", 5);
		break;
	case FAULT_GARBAGE:
		reply(fake, from, from_length, garbage, sizeof(garbage));
		break;
	case FAULT_EMPTY:
		reply(fake, from, from_length, "", 0);
		break;
	case FAULT_LATE:
		fake->late_to = *from;
		fake->late_to_length = from_length;
		snprintf(fake->late_answer, sizeof(fake->late_answer), "%s", answer);
		assert_true(sd_event_source_set_enabled(fake->source, SD_EVENT_OFF) >= 0);
		sd_event_source_disable_unref(fake->late);
		assert_true(sd_event_add_time_relative(fake->event, &fake->late, CLOCK_BOOTTIME, LATE_MICROSECONDS, 1, late_fired,
		                                       fake) >= 0);
		break;
	case FAULT_VANISH:
		fake_kill(fake);
		break;
	case FAULT_LOST:
	case FAULT_SILENT:
	case FAULT_NONE:
	case FAULT_COUNT:
		break;
	}
}

/* Since the fault, and until the test takes it back. */
static bool is_mute(const struct fake_daemon *fake) {
	return fake->fault_met && fake->fault_at > 0 && (fake->fault == FAULT_SILENT || fake->fault == FAULT_EMPTY);
}

static int readable(sd_event_source *source, int descriptor, uint32_t events, void *userdata) {
	(void)source;
	(void)events;
	struct fake_daemon *fake = userdata;
	char command[512];
	struct sockaddr_un from;
	socklen_t from_length = sizeof(from);
	ssize_t length = recvfrom(descriptor, command, sizeof(command) - 1, MSG_DONTWAIT, (struct sockaddr *)&from, &from_length);
	if (length < 0)
		return 0;
	command[length] = '\0';
	if (is_mute(fake) && (strcmp(command, "ATTACH") == 0 || strcmp(command, "PING") == 0))
		return 0;
	if (strcmp(command, "ATTACH") == 0) {
		fake->monitor = from;
		fake->monitor_length = from_length;
		reply(fake, &from, from_length, "OK\n", 3);
		return 0;
	}
	if (strcmp(command, "PING") == 0) {
		fake->pings++;
		reply(fake, &from, from_length, "PONG\n", 5);
		return 0;
	}
	if (strcmp(command, "DETACH") == 0) {
		fake->monitor_length = 0;
		return 0;
	}
	snprintf(fake->last, sizeof(fake->last), "%.*s", (int)sizeof(fake->last) - 1, command);
	unsigned number = ++fake->commands;
	/* A daemon that refuses or mangles its answer has not carried the command out either; a slow one has. */
	bool carried_out =
	        number != fake->fault_at || fake->fault == FAULT_LOST || fake->fault == FAULT_SILENT || fake->fault == FAULT_LATE;
	const char *answer = "";
	if (carried_out)
		answer = fake->kind == FAKE_HOSTAPD ? hostapd_answer(fake, command) : supplicant_answer(fake, command);
	if (fake->said_for_status && strcmp(command, "STATUS") == 0)
		fake_say(fake, fake->said_for_status);
	else if (number == fake->fault_at)
		faulty_answer(fake, &from, from_length, answer);
	else if (!is_mute(fake))
		reply(fake, &from, from_length, answer, strlen(answer));
	return 0;
}

static void fake_bind(struct fake_daemon *fake) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fake->path);
	(void)unlink(fake->path);
	fake->descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fake->descriptor >= 0);
	assert_true(bind(fake->descriptor, (struct sockaddr *)&address, sizeof(address)) == 0);
	assert_true(sd_event_add_io(fake->event, &fake->source, fake->descriptor, EPOLLIN, readable, fake) >= 0);
	/* It stands for another process: it gets its turn before any of our timers. */
	assert_true(sd_event_source_set_priority(fake->source, 2 * SD_EVENT_PRIORITY_IMPORTANT) >= 0);
}

void fake_start(struct fake_daemon *fake, enum fake_kind kind, sd_event *event) {
	*fake = (struct fake_daemon){ .kind = kind, .event = event, .descriptor = -1 };
	strcpy(fake->folder, "/tmp/lanyard-wifi-XXXXXX");
	assert_true(mkdtemp(fake->folder));
	snprintf(fake->path, sizeof(fake->path), "%s/wlan0", fake->folder);
	fake_bind(fake);
}

void fake_kill(struct fake_daemon *fake) {
	fake->source = sd_event_source_disable_unref(fake->source);
	fake->late = sd_event_source_disable_unref(fake->late);
	if (fake->descriptor >= 0)
		close(fake->descriptor);
	fake->descriptor = -1;
	fake->monitor_length = 0;
	fake->enabled = false;
	fake->psk[0] = fake->ssid[0] = fake->hidden[0] = '\0';
}

void fake_restart(struct fake_daemon *fake) {
	fake_kill(fake);
	fake_bind(fake);
}

void fake_stop(struct fake_daemon *fake) {
	fake_kill(fake);
	(void)unlink(fake->path);
	if (rmdir(fake->folder) != 0)
		fail_msg("a client left its socket behind");
}

struct interface_watch {
	sd_event_source *source;
	interface_address callback;
	void *context;
};

static int port_set_up(void *context, const char *name, bool up) {
	(void)name;
	struct fake_port *port = context;
	if (port->forbidden && port->up != up)
		return -EPERM;
	port->up = up;
	return 0;
}

static int port_is_up(void *context, const char *name) {
	(void)name;
	return ((struct fake_port *)context)->up;
}

static int port_set_address(void *context, const char *name, const uint8_t mac[MAC_SIZE]) {
	(void)name;
	struct fake_port *port = context;
	assert_true((mac[0] & 3) == 2);
	if (port->up)
		return -EBUSY;
	port->address_changes++;
	return 0;
}

static int watch_fired(sd_event_source *source, void *userdata) {
	(void)source;
	struct interface_watch *watch = userdata;
	static const uint8_t address[16] = { 0xfe, 0x80, [15] = 1 };
	watch->callback(watch->context, 7, address);
	return 0;
}

static int port_watch(void *context, struct interface_watch **ret, sd_event *event, const char *name, interface_address callback,
                      void *callback_context) {
	(void)name;
	struct fake_port *port = context;
	struct interface_watch *watch = calloc(1, sizeof(*watch));
	assert_true(watch);
	watch->callback = callback;
	watch->context = callback_context;
	if (port->addresses)
		assert_true(sd_event_add_defer(event, &watch->source, watch_fired, watch) >= 0);
	*ret = watch;
	return 0;
}

static void port_unwatch(void *context, struct interface_watch *watch) {
	(void)context;
	if (!watch)
		return;
	sd_event_source_disable_unref(watch->source);
	free(watch);
}

struct interface_port fake_port_operations(struct fake_port *port) {
	return (struct interface_port){
		.set_up = port_set_up,
		.is_up = port_is_up,
		.set_address = port_set_address,
		.watch = port_watch,
		.unwatch = port_unwatch,
		.context = port,
	};
}
