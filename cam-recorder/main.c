#include <errno.h>
#include <getopt.h>
#include <gst/gst.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/config.h"
#include "base/log.h"
#include "cam-recorder/object.h"
#include "cam-recorder/recorder.h"
#include "crypto/crypto.h"

#define AREA "cam-recorder"
#define BATCH_RING_S 86400 /* a batch keeps everything from the first frame on */

struct settings {
	char config[PATH_MAX], state[PATH_MAX], instance[128], source[256], serial[33];
	unsigned width, height, framerate, pre_event_s, make, seconds;
};

struct daemon {
	sd_event *event;
	sd_bus *bus;
	int folder;
	struct keystore *keystore;
	struct store *store;
	struct recorder *recorder;
	struct ranges *ranges;
	struct object *object;
	const struct settings *settings;
	unsigned made;
	bool ending, failed, begun; /* begun: this batch recorder has made its one recording, or is making it */
};

static void print_help(void) {
	puts("Usage: cam-recorder [OPTION...]\n\n"
	     "The camera's recorder: always encoding, with a pre-event buffer; recordings are encrypted as they are written.\n\n"
	     "  --config FILE     settings (default /etc/lanyard/cam-recorder.conf)\n"
	     "  --state DIR       the recordings and the storage key (default /var/lib/lanyard/cam-recorder)\n"
	     "  --instance NAME   suffix of the bus name, for several cameras on one system bus\n"
	     "  --make N          no daemon: makes N recordings of the test picture, as fast as it goes, and ends\n"
	     "  --seconds S       length of each of them (default 10)\n"
	     "  --version, --help");
}

static bool read_number(const char *text, unsigned most, unsigned *ret) {
	char *end;
	unsigned long number = strtoul(text, &end, 10);
	if (*text == '\0' || *text == '-' || *end != '\0' || number == 0 || number > most) {
		log_line(LOG_LEVEL_ERROR, "options", "\"%s\" is not a number from 1 to %u", text, most);
		return false;
	}
	*ret = (unsigned)number;
	return true;
}

/* 0; 1: answered; -EINVAL after a message. */
static int read_options(struct settings *s, int count, char **arguments) {
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },   { "state", required_argument, NULL, 's' },
		{ "instance", required_argument, NULL, 'i' }, { "make", required_argument, NULL, 'm' },
		{ "seconds", required_argument, NULL, 'S' },  { "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },           { NULL, 0, NULL, 0 },
	};
	for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;)
		switch (option) {
		case 'c':
			snprintf(s->config, sizeof(s->config), "%s", optarg);
			break;
		case 's':
			snprintf(s->state, sizeof(s->state), "%s", optarg);
			break;
		case 'i':
			snprintf(s->instance, sizeof(s->instance), "%s", optarg);
			break;
		case 'm':
			if (!read_number(optarg, 1000, &s->make))
				return -EINVAL;
			break;
		case 'S':
			if (!read_number(optarg, 3600, &s->seconds))
				return -EINVAL;
			break;
		case 'v':
			puts("cam-recorder " LANYARD_VERSION);
			return 1;
		case 'h':
			print_help();
			return 1;
		default:
			return -EINVAL;
		}
	if (optind < count) {
		log_line(LOG_LEVEL_ERROR, "options", "\"%s\" is one word too many; see cam-recorder --help", arguments[optind]);
		return -EINVAL;
	}
	return 0;
}

static int settings_read(struct settings *ret, int count, char **arguments) {
	struct settings s = {
		.config = "/etc/lanyard/cam-recorder.conf",
		.state = "/var/lib/lanyard/cam-recorder",
		.serial = "LANYARD",
		.width = 640,
		.height = 360,
		.framerate = 15,
		.pre_event_s = 30,
		.seconds = 10,
	};
	int result = read_options(&s, count, arguments);
	if (result != 0)
		return result;
	const struct config_key keys[] = {
		{ "camera", "serial", CONFIG_TEXT, s.serial, sizeof(s.serial) },
		{ "video", "source", CONFIG_TEXT, s.source, sizeof(s.source) },
		{ "video", "width", CONFIG_NUMBER, &s.width, 3840 },
		{ "video", "height", CONFIG_NUMBER, &s.height, 2160 },
		{ "video", "framerate", CONFIG_NUMBER, &s.framerate, 60 },
		{ "video", "pre_event_s", CONFIG_NUMBER, &s.pre_event_s, 300 },
	};
	result = config_read(s.config, keys, ELEMENTS(keys));
	if (result < 0 && !(result == -ENOENT && s.make > 0)) { /* a batch needs no settings */
		if (result != -EINVAL)
			log_line(LOG_LEVEL_ERROR, "config", "%s cannot be read: %s", s.config, strerror(-result));
		return -EINVAL;
	}
	if (s.width < 16 || s.height < 16 || s.framerate == 0 || strchr(s.source, '"')) {
		log_line(LOG_LEVEL_ERROR, "config", "%s: [video] width, height, framerate or source is not usable", s.config);
		return -EINVAL;
	}
	*ret = s;
	return 0;
}

/* ------------------------------------------------------------------------------------------------------------------ events */

static void on_shut(void *context) {
	struct daemon *d = context;
	sd_event_exit(d->event, d->failed ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void shut_down(struct daemon *d) {
	if (!d->ending)
		recorder_shut_down(d->recorder, on_shut);
	d->ending = true;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *context) {
	(void)source;
	(void)info;
	shut_down(context);
	return 0;
}

static void batch_start(struct daemon *d) {
	d->begun = true;
	int result = recorder_start(d->recorder, "manual");
	if (result == 0)
		return;
	log_line(LOG_LEVEL_ERROR, AREA, "no recording: %s", strerror(-result));
	d->failed = true;
	shut_down(d);
}

static void on_state_changed(void *context) {
	struct daemon *d = context;
	if (d->object)
		object_state_changed(d->object);
	else if (recorder_state(d->recorder) == RECORDER_BUFFERING && d->settings->make > 0 && !d->ending && !d->begun)
		batch_start(d);
}

static int batch_recorder(struct daemon *d);

static int on_next(sd_event_source *source, void *context) {
	struct daemon *d = context;
	sd_event_source_unref(source);
	recorder_free(d->recorder);
	d->recorder = NULL;
	int result = batch_recorder(d);
	return result < 0 ? sd_event_exit(d->event, EXIT_FAILURE) : 0;
}

static void on_recording_changed(void *context, const char *id) {
	struct daemon *d = context;
	if (d->object) {
		object_recording_changed(d->object, id);
		return;
	}
	const struct recording *recording = store_find(d->store, id);
	if (d->settings->make == 0 || !recording || recording->state == RECORDING_STATE_ACTIVE)
		return;
	d->failed = d->failed || recording->state != RECORDING_STATE_COMPLETE;
	printf("%s %u ms %llu bytes\n", recording->id, recording->duration_ms, (unsigned long long)recording->size);
	sd_event_source *next;
	if (++d->made == d->settings->make || sd_event_add_defer(d->event, &next, on_next, d) < 0)
		shut_down(d);
}

static const struct recorder_callbacks recorder_handlers = {
	.state_changed = on_state_changed,
	.recording_changed = on_recording_changed,
};

static struct capture_config capture_settings(const struct settings *s) {
	return (struct capture_config){ .source = s->make > 0 ? "test" : s->source,
		                        .serial = s->serial,
		                        .width = s->width,
		                        .height = s->height,
		                        .framerate = s->framerate,
		                        .live = s->make == 0,
		                        .seconds = s->seconds };
}

static int batch_recorder(struct daemon *d) {
	struct recorder_config config = { .capture = capture_settings(d->settings), .pre_event_s = BATCH_RING_S };
	d->begun = false;
	return recorder_new(&d->recorder, d->event, d->store, &config, &recorder_handlers, d);
}

/* ------------------------------------------------------------------------------------------------------- building, unwinding */

static int open_store(struct daemon *d) {
	d->folder = folder_open(d->settings->state);
	if (d->folder < 0) {
		log_line(LOG_LEVEL_ERROR, AREA, "%s cannot be opened: %s", d->settings->state, strerror(-d->folder));
		return d->folder;
	}
	int result = keystore_open_file(&d->keystore, file_layer_system(), d->folder, "storage.key", random_system());
	if (result == 0)
		result = store_open(&d->store, file_layer_system(), d->folder, d->keystore, random_system());
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, AREA, "the recordings in %s cannot be opened: %s", d->settings->state,
		         strerror(-result));
	return result;
}

static int open_loop(struct daemon *d) {
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	int result = sd_event_default(&d->event);
	if (result >= 0)
		result = sd_event_add_signal(d->event, NULL, SIGTERM, on_signal, d);
	if (result >= 0)
		result = sd_event_add_signal(d->event, NULL, SIGINT, on_signal, d);
	return result;
}

static int build_service(struct daemon *d) {
	struct recorder_config config = { .capture = capture_settings(d->settings), .pre_event_s = d->settings->pre_event_s };
	int result = sd_bus_open_system(&d->bus);
	if (result >= 0)
		result = sd_bus_attach_event(d->bus, d->event, SD_EVENT_PRIORITY_NORMAL);
	if (result >= 0)
		result = ranges_new(&d->ranges, d->event, d->store);
	if (result >= 0)
		result = recorder_new(&d->recorder, d->event, d->store, &config, &recorder_handlers, d);
	if (result >= 0)
		result = object_new(&d->object, d->bus, d->settings->instance, d->settings->serial, d->folder, d->store,
		                    d->recorder, d->ranges);
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, AREA, "the service cannot be offered on the system bus: %s", strerror(-result));
	return result;
}

static void unwind(struct daemon *d) {
	object_free(d->object);
	recorder_free(d->recorder);
	ranges_free(d->ranges);
	store_free(d->store);
	keystore_free(d->keystore);
	sd_bus_flush_close_unref(d->bus);
	sd_event_unref(d->event);
	if (d->folder >= 0)
		close(d->folder);
}

int main(int argument_count, char **arguments) {
	struct settings settings;
	int result = settings_read(&settings, argument_count, arguments);
	if (result != 0)
		return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	prctl(PR_SET_DUMPABLE, 0); /* keys in memory: no core file, no debugger of another user */
	signal(SIGPIPE, SIG_IGN);
	struct daemon d = { .folder = -1, .settings = &settings };
	if (crypto_start() < 0)
		return EXIT_FAILURE;
	result = open_loop(&d); /* before GStreamer's threads, which inherit the signal mask */
	gst_init(NULL, NULL);
	if (result >= 0)
		result = open_store(&d);
	if (result >= 0)
		result = settings.make > 0 ? batch_recorder(&d) : build_service(&d);
	if (result >= 0) {
		sd_notify(0, "READY=1");
		result = sd_event_loop(d.event);
	}
	unwind(&d);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
