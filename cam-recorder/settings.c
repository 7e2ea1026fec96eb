#include "cam-recorder/settings.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/config.h"
#include "base/log.h"

#define DEFAULT_CONFIG "/etc/lanyard/cam-recorder.conf"
#define DEFAULT_STATE "/var/lib/lanyard/cam-recorder"
#define BATCH_LIMIT 1000
#define BATCH_SECONDS_LIMIT 3600

static void print_help(void) {
	puts("Usage: cam-recorder [OPTION...]\n\n"
	     "The camera's recorder: always encoding, with a pre-event buffer; recordings are encrypted as they are written.\n\n"
	     "  --config FILE     settings (default " DEFAULT_CONFIG ")\n"
	     "  --state DIR       the recordings and the storage key (default " DEFAULT_STATE ")\n"
	     "  --instance NAME   suffix of the bus name, for several cameras on one system bus\n"
	     "  --make N          no daemon: makes N recordings of the test picture, as fast as it goes, and ends\n"
	     "  --seconds S       length of each of them (default 10)\n"
	     "  --debug           log more\n"
	     "  --version, --help");
}

static bool read_number(const char *text, unsigned most, unsigned *ret) {
	char *end;
	errno = 0;
	unsigned long number = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || number == 0 || number > most) {
		log_line(LOG_LEVEL_ERROR, "options", "\"%s\" is not a number from 1 to %u", text, most);
		return false;
	}
	*ret = (unsigned)number;
	return true;
}

static bool read_text(char *out, size_t capacity, const char *text) {
	if (strlen(text) >= capacity) {
		log_line(LOG_LEVEL_ERROR, "options", "\"%.40s...\" is too long", text);
		return false;
	}
	strcpy(out, text); /* the length was checked above */
	return true;
}

/* 0; 1: answered; -EINVAL after a message. */
static int read_options(struct settings *s, int count, char **arguments) {
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "instance", required_argument, NULL, 'i' },
		{ "make", required_argument, NULL, 'm' },
		{ "seconds", required_argument, NULL, 'S' },
		{ "debug", no_argument, NULL, 'd' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool good = true;
	for (int option; good && (option = getopt_long(count, arguments, "", options, NULL)) != -1;)
		switch (option) {
		case 'c':
			good = read_text(s->config, sizeof(s->config), optarg);
			break;
		case 's':
			good = read_text(s->state, sizeof(s->state), optarg);
			break;
		case 'i':
			good = read_text(s->instance, sizeof(s->instance), optarg);
			break;
		case 'm':
			good = read_number(optarg, BATCH_LIMIT, &s->make);
			break;
		case 'S':
			good = read_number(optarg, BATCH_SECONDS_LIMIT, &s->seconds);
			break;
		case 'd':
			log_set_level(LOG_LEVEL_DEBUG);
			break;
		case 'v':
			puts("cam-recorder " LANYARD_VERSION);
			return 1;
		case 'h':
			print_help();
			return 1;
		default:
			good = false;
		}
	if (good && optind < count) {
		log_line(LOG_LEVEL_ERROR, "options", "\"%s\" is one word too many; see cam-recorder --help", arguments[optind]);
		good = false;
	}
	return good ? 0 : -EINVAL;
}

int settings_read(struct settings *ret, int argument_count, char **arguments) {
	struct settings s = {
		.config = DEFAULT_CONFIG,
		.state = DEFAULT_STATE,
		.serial = "LANYARD",
		.width = 640,
		.height = 360,
		.framerate = 15,
		.pre_event_s = 30,
		.reserve_mib = 16,
		.seconds = 10,
	};
	int result = read_options(&s, argument_count, arguments);
	if (result != 0)
		return result;
	const struct config_key keys[] = {
		{ "camera", "serial", CONFIG_TEXT, s.serial, sizeof(s.serial) },
		{ "video", "source", CONFIG_TEXT, s.source, sizeof(s.source) },
		{ "video", "width", CONFIG_NUMBER, &s.width, 3840 },
		{ "video", "height", CONFIG_NUMBER, &s.height, 2160 },
		{ "video", "framerate", CONFIG_NUMBER, &s.framerate, 60 },
		{ "video", "pre_event_s", CONFIG_NUMBER, &s.pre_event_s, 300 },
		{ "audio", "source", CONFIG_TEXT, s.sound, sizeof(s.sound) },
		{ "storage", "reserve_mib", CONFIG_NUMBER, &s.reserve_mib, 1 << 20 },
	};
	result = config_read(s.config, keys, ELEMENTS(keys));
	if (result < 0 && !(result == -ENOENT && s.make > 0)) { /* a batch needs no settings */
		if (result != -EINVAL)
			log_line(LOG_LEVEL_ERROR, "config", "%s cannot be read: %s", s.config, strerror(-result));
		return -EINVAL;
	}
	/* The encoder wants even sides. A quote or backslash would end the device's name in the pipeline's description. */
	if (s.width < 16 || s.height < 16 || s.width % 2 || s.height % 2 || s.framerate == 0 || strpbrk(s.source, "\"\\") ||
	    strpbrk(s.sound, "\"\\")) {
		log_line(LOG_LEVEL_ERROR, "config", "%s: [video] width, height, framerate, or a source is not usable", s.config);
		return -EINVAL;
	}
	*ret = s;
	return 0;
}

struct capture_config settings_capture(const struct settings *s) {
	return (struct capture_config){ .source = s->source,
		                        .sound = s->sound,
		                        .serial = s->serial,
		                        .width = s->width,
		                        .height = s->height,
		                        .framerate = s->framerate,
		                        .live = s->make == 0,
		                        .seconds = s->seconds };
}
