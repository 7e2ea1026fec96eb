/* companiond: options, parts, loop. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "base/harden.h"
#include "base/log.h"
#include "base/loop.h"
#include "bluetooth/socket.h"
#include "companion/daemon.h"
#include "crypto/crypto.h"

/* Eight readers of a recording, the buffers of connections, the program and its libraries. */
#define MEMORY_NEEDED (128ul * 1024 * 1024)
#define DEFAULT_CONFIG "/etc/lanyard/companiond.conf"
#define DEFAULT_STATE "/var/lib/lanyard/companiond"

struct options {
	const char *config, *state;
	bool config_given;
};

static void print_help(void) {
	puts("companiond: keeps the session with the paired body-worn camera and serves its page and API\n"
	     "\n"
	     "  --config FILE  settings (default " DEFAULT_CONFIG ")\n"
	     "  --state DIR    keys and pairing (default " DEFAULT_STATE ")\n"
	     "  --debug        log more\n"
	     "  --help, --version");
}

/* Returns false when the program is to end with *ret_status. */
static bool parse_options(int count, char **arguments, struct options *options, int *ret_status) {
	enum { OPTION_CONFIG = 'c', OPTION_STATE = 's', OPTION_DEBUG = 'd', OPTION_HELP = 'h', OPTION_VERSION = 'v' };
	static const struct option known[] = {
		{ "config", required_argument, NULL, OPTION_CONFIG }, { "state", required_argument, NULL, OPTION_STATE },
		{ "debug", no_argument, NULL, OPTION_DEBUG },         { "help", no_argument, NULL, OPTION_HELP },
		{ "version", no_argument, NULL, OPTION_VERSION },     { NULL, 0, NULL, 0 },
	};
	int option;
	while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
		*ret_status = EXIT_SUCCESS;
		switch (option) {
		case OPTION_CONFIG:
			options->config = optarg;
			options->config_given = true;
			break;
		case OPTION_STATE:
			options->state = optarg;
			break;
		case OPTION_DEBUG:
			log_set_level(LOG_LEVEL_DEBUG);
			break;
		case OPTION_HELP:
			print_help();
			return false;
		case OPTION_VERSION:
			puts("companiond " LANYARD_VERSION);
			return false;
		default:
			*ret_status = EXIT_FAILURE;
			return false;
		}
	}
	if (optind < count) {
		fprintf(stderr, "companiond: unexpected argument: %s\n", arguments[optind]);
		*ret_status = EXIT_FAILURE;
		return false;
	}
	return true;
}

/* Before anything else makes a socket. */
static int enter_wifi_namespace(const char *path) {
	if (path[0] == '\0')
		return 0;
	int result = bluetooth_socket_enter_namespace(path);
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, "companiond", "[wifi] namespace %s cannot be entered: %s", path, strerror(-result));
	return result;
}

static int run(const struct options *options) {
	static struct settings settings;
	int result = settings_read(&settings, options->config, !options->config_given);
	if (result < 0)
		return result;
	result = enter_wifi_namespace(settings.wifi_namespace);
	if (result < 0)
		return result;
	result = crypto_start();
	if (result < 0)
		return result;
	sd_event *event = NULL;
	struct companion *companion = NULL;
	result = sd_event_new(&event);
	if (result >= 0)
		result = loop_handle_end(event, NULL, NULL);
	if (result >= 0)
		result = sd_event_set_watchdog(event, 1);
	if (result >= 0)
		result = companion_new(&companion, event, &settings, options->state);
	if (result >= 0) {
		log_line(LOG_LEVEL_NOTICE, "companiond", "ready on %s", settings.socket);
		sd_notify(0, "READY=1");
		result = sd_event_loop(event);
		sd_notify(0, "STOPPING=1");
	}
	companion_free(companion);
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
		log_line(LOG_LEVEL_ERROR, "companiond", "ended: %s", strerror(-result));
	return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
