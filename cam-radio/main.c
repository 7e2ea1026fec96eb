/* cam-radiod: options, parts, loop. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "base/harden.h"
#include "base/log.h"
#include "base/loop.h"
#include "bluetooth/socket.h"
#include "cam-radio/daemon.h"
#include "crypto/crypto.h"

#define DEFAULT_CONFIG "/etc/lanyard/cam-radiod.conf"
#define DEFAULT_STATE "/var/lib/lanyard/cam-radiod"
/* Address space, not memory: the program, its libraries, and buffers of the media channel. */
#define MEMORY_NEEDED (128ul * 1024 * 1024)

struct options {
	const char *config, *state, *instance;
};

static void print_help(void) {
	puts("cam-radiod: the camera's radio daemon: pairing by its two buttons, sessions, Wi-Fi on demand\n"
	     "\n"
	     "  --config FILE    settings (default " DEFAULT_CONFIG ")\n"
	     "  --state DIR      keys, pairing, preferences (default " DEFAULT_STATE ")\n"
	     "  --instance NAME  several cameras on one bus: org.lanyard.Camera.NAME, org.lanyard.Recorder.NAME\n"
	     "  --debug          log more\n"
	     "  --help, --version");
}

/* Returns false when the program is to end with *ret_status. */
static bool parse_options(int count, char **arguments, struct options *options, int *ret_status) {
	enum {
		OPTION_CONFIG = 'c',
		OPTION_STATE = 's',
		OPTION_INSTANCE = 'i',
		OPTION_DEBUG = 'd',
		OPTION_HELP = 'h',
		OPTION_VERSION = 'v'
	};
	static const struct option known[] = {
		{ "config", required_argument, NULL, OPTION_CONFIG },
		{ "state", required_argument, NULL, OPTION_STATE },
		{ "instance", required_argument, NULL, OPTION_INSTANCE },
		{ "debug", no_argument, NULL, OPTION_DEBUG },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ "version", no_argument, NULL, OPTION_VERSION },
		{ NULL, 0, NULL, 0 },
	};
	int option;
	while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
		*ret_status = EXIT_SUCCESS;
		switch (option) {
		case OPTION_CONFIG:
			options->config = optarg;
			break;
		case OPTION_STATE:
			options->state = optarg;
			break;
		case OPTION_INSTANCE:
			options->instance = optarg;
			break;
		case OPTION_DEBUG:
			log_set_level(LOG_LEVEL_DEBUG);
			break;
		case OPTION_HELP:
			print_help();
			return false;
		case OPTION_VERSION:
			puts("cam-radiod " LANYARD_VERSION);
			return false;
		default:
			*ret_status = EXIT_FAILURE;
			return false;
		}
	}
	if (optind < count) {
		fprintf(stderr, "cam-radiod: unexpected argument: %s\n", arguments[optind]);
		*ret_status = EXIT_FAILURE;
		return false;
	}
	return true;
}

static int open_bus(sd_bus **ret, sd_event *event) {
	sd_bus *bus = NULL;
	int result = sd_bus_open_system(&bus);
	if (result >= 0)
		result = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
	/* Buttons and radios are of no use without the bus: whoever supervises us starts us again, into the same state. */
	if (result >= 0)
		result = sd_bus_set_exit_on_disconnect(bus, true);
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "cam-radiod", "the system bus cannot be reached: %s", strerror(-result));
		sd_bus_unref(bus);
		return result;
	}
	*ret = bus;
	return 0;
}

/* Before anything else makes a socket. */
static int enter_wifi_namespace(const char *path) {
	if (path[0] == '\0')
		return 0;
	int result = bluetooth_socket_enter_namespace(path);
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, "cam-radiod", "[wifi] namespace %s cannot be entered: %s", path, strerror(-result));
	return result;
}

static int run(const struct options *options) {
	static struct settings settings;
	int result = settings_read(&settings, options->config);
	if (result < 0)
		return result;
	result = enter_wifi_namespace(settings.wifi_namespace);
	if (result < 0)
		return result;
	result = crypto_start();
	if (result < 0)
		return result;
	sd_event *event = NULL;
	sd_bus *bus = NULL;
	struct daemon *daemon = NULL;
	result = sd_event_new(&event);
	if (result >= 0)
		result = loop_handle_end(event, NULL, NULL);
	if (result >= 0)
		result = sd_event_set_watchdog(event, 1);
	if (result >= 0)
		result = open_bus(&bus, event);
	if (result >= 0)
		result = daemon_new(&daemon, event, bus, &settings, options->state, options->instance);
	if (result >= 0) {
		log_line(LOG_LEVEL_NOTICE, "cam-radiod", "ready");
		sd_notify(0, "READY=1");
		result = sd_event_loop(event);
		sd_notify(0, "STOPPING=1");
	}
	daemon_free(daemon);
	sd_bus_flush_close_unref(bus);
	sd_event_unref(event);
	return result;
}

int main(int count, char **arguments) {
	struct options options = { .config = DEFAULT_CONFIG, .state = DEFAULT_STATE };
	int status;
	if (!parse_options(count, arguments, &options, &status))
		return status;
	harden_process(MEMORY_NEEDED);
	harden_buffers();
	int result = run(&options);
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, "cam-radiod", "ended: %s", strerror(-result));
	return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
