/* Drives the real access point and station for lab scenarios.
 *
 *   wifi-lab credentials [SSID-HEX|-] [psk|passphrase] [FREQUENCY] > FILE     new credentials
 *   wifi-lab access-point CONTROL-PATH INTERFACE                  reads commands from standard input:
 *   wifi-lab station CONTROL-PATH INTERFACE [random-mac]            start FILE | stop | free
 *
 * Every outcome is a line "MS WHAT" on standard output, MS since the last start or stop. End of input frees and ends. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "base/bytes.h"
#include "base/random.h"
#include "wifi/access_point.h"
#include "wifi/station.h"

static sd_event *event;
static struct access_point *ap;
static struct station *station;
static uint64_t since;

static uint64_t now_us(void) {
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void say(const char *what, const char *detail) {
	printf("%llu %s%s%s\n", (unsigned long long)((now_us() - since) / 1000), what, *detail ? " " : "", detail);
	fflush(stdout);
}

static void on_up(void *context) {
	(void)context;
	say("up", "");
}

static void on_station(const char *what, const uint8_t mac[MAC_SIZE]) {
	char hex[2 * MAC_SIZE + 1];
	hex_encode(hex, mac, MAC_SIZE);
	say(what, hex);
}

static void on_station_joined(void *context, const uint8_t mac[MAC_SIZE]) {
	(void)context;
	on_station("station-joined", mac);
}

static void on_station_left(void *context, const uint8_t mac[MAC_SIZE]) {
	(void)context;
	on_station("station-left", mac);
}

static void on_off(void *context, enum reason reason) {
	(void)context;
	say("off", reason_code(reason));
}

static void on_joined(void *context, unsigned index, const uint8_t address[16]) {
	(void)context;
	(void)index;
	char hex[33];
	hex_encode(hex, address, 16);
	say("joined", hex);
}

/* "ssid=HEX", "psk=HEX" or "passphrase=TEXT", "bssid=HEX", "frequency=N", "hidden=0|1", a line each. */
static int read_credentials(const char *path, struct wifi_credentials *ret) {
	char text[512]; /* not through stdio: its buffer would keep the key, and the scenario searches this process for it */
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	ssize_t length = read(file, text, sizeof(text) - 1);
	close(file);
	if (length < 0)
		return -EIO;
	text[length] = '\0';
	*ret = (struct wifi_credentials){ 0 };
	int r = 0;
	for (char *line = text, *next; r == 0 && *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		char *value = line + strcspn(line, "=");
		if (*value)
			*value++ = '\0';
		if (strcmp(line, "ssid") == 0) {
			ret->ssid_length = strlen(value) / 2;
			r = ret->ssid_length > SSID_LIMIT ? -EINVAL : hex_decode(ret->ssid, ret->ssid_length, value);
		} else if (strcmp(line, "psk") == 0) {
			ret->has_psk = true;
			r = hex_decode(ret->psk, PSK_SIZE, value);
		} else if (strcmp(line, "passphrase") == 0) {
			snprintf(ret->passphrase, sizeof(ret->passphrase), "%.*s", PASSPHRASE_LIMIT, value);
		} else if (strcmp(line, "bssid") == 0) {
			ret->has_bssid = true;
			r = hex_decode(ret->bssid, MAC_SIZE, value);
		} else if (strcmp(line, "frequency") == 0) {
			ret->frequency_mhz = (unsigned)atoi(value);
		} else if (strcmp(line, "hidden") == 0) {
			ret->hidden = atoi(value) != 0;
		} else {
			r = -EINVAL;
		}
	}
	wipe(text, sizeof(text));
	return r;
}

static int print_credentials(int argc, char **argv) {
	struct wifi_credentials c;
	char hex[2 * SSID_LIMIT + 1];
	wifi_credentials_make(&c, random_system(), argc > 3 && strcmp(argv[3], "passphrase") == 0,
	                      argc > 4 ? (unsigned)atoi(argv[4]) : 2437);
	if (argc > 2 && strcmp(argv[2], "-") != 0) {
		c.ssid_length = strlen(argv[2]) / 2;
		if (c.ssid_length > SSID_LIMIT || hex_decode(c.ssid, c.ssid_length, argv[2]) < 0)
			return 2;
	}
	hex_encode(hex, c.ssid, c.ssid_length);
	printf("ssid=%s\n", hex);
	hex_encode(hex, c.psk, PSK_SIZE);
	if (c.has_psk)
		printf("psk=%s\n", hex);
	else
		printf("passphrase=%s\n", c.passphrase);
	hex_encode(hex, c.bssid, MAC_SIZE);
	printf("bssid=%s\nfrequency=%u\nhidden=%d\n", hex, c.frequency_mhz, c.hidden);
	wifi_credentials_wipe(&c);
	return 0;
}

static void run_start(const char *path) {
	struct wifi_credentials credentials;
	int r = read_credentials(path, &credentials);
	since = now_us();
	if (r == 0)
		r = ap ? access_point_start(ap, &credentials) : station_join(station, &credentials);
	wifi_credentials_wipe(&credentials);
	if (r < 0)
		say("refused", strerror(-r));
}

static void run_free(void) {
	access_point_free(ap);
	station_free(station);
	ap = NULL;
	station = NULL;
}

static int on_input(sd_event_source *source, int descriptor, uint32_t events, void *context) {
	(void)source;
	(void)events;
	(void)context;
	char line[512];
	size_t length = 0;
	/* One short line at a time, from a pipe. */
	while (length < sizeof(line) - 1) {
		ssize_t n = read(descriptor, line + length, 1);
		if (n <= 0)
			return sd_event_exit(event, 0);
		if (line[length] == '\n')
			break;
		length++;
	}
	line[length] = '\0';
	if (strncmp(line, "start ", 6) == 0) {
		run_start(line + 6);
	} else if (strcmp(line, "stop") == 0) {
		since = now_us();
		if (ap)
			access_point_stop(ap);
		else
			station_leave(station);
	} else if (strcmp(line, "free") == 0) {
		return sd_event_exit(event, 0);
	} else {
		say("what?", line);
	}
	return 0;
}

int main(int argc, char **argv) {
	static const struct access_point_callbacks ap_callbacks = { on_up, on_station_joined, on_station_left, on_off };
	static const struct station_callbacks station_callbacks = { on_joined, on_off };
	if (argc >= 2 && strcmp(argv[1], "credentials") == 0)
		return print_credentials(argc, argv);
	if (argc < 4 || sd_event_default(&event) < 0)
		return 2;
	since = now_us();
	int r = strcmp(argv[1], "access-point") == 0
	                ? access_point_new(&ap, event, argv[2], argv[3], &ap_callbacks, NULL)
	                : station_supplicant_new(&station, event, argv[2], argv[3], argc > 4, &station_callbacks, NULL);
	if (r < 0 || sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_input, NULL) < 0)
		return 1;
	r = sd_event_loop(event);
	run_free();
	sd_event_unref(event);
	return r < 0;
}
