/* cam-recorder: options, parts, loop. */
#include <gst/gst.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/harden.h"
#include "base/log.h"
#include "base/loop.h"
#include "cam-recorder/batch.h"
#include "cam-recorder/service.h"
#include "crypto/crypto.h"

#define AREA "cam-recorder"
/* Address space, not memory: GStreamer's plug-ins, a dozen threads' stacks, and the pre-event buffer. */
#define MEMORY_NEEDED (2048ul * 1024 * 1024)

struct daemon {
	sd_event *event;
	int folder;
	struct keystore *keystore;
	struct store *store;
	struct batch *batch;
	struct service *service;
};

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *context) {
	(void)source;
	(void)info;
	struct daemon *d = context;
	sd_notify(0, "STOPPING=1");
	if (d->batch)
		batch_end(d->batch);
	if (d->service)
		service_end(d->service);
	return 0;
}

static int open_loop(struct daemon *d) {
	int result = sd_event_default(&d->event);
	if (result >= 0)
		result = loop_handle_end(d->event, on_signal, d);
	if (result >= 0)
		result = sd_event_set_watchdog(d->event, true);
	return result;
}

static int open_store(struct daemon *d, const char *path) {
	d->folder = folder_open(path);
	if (d->folder < 0) {
		log_line(LOG_LEVEL_ERROR, AREA, "%s cannot be opened: %s", path, strerror(-d->folder));
		return d->folder;
	}
	int result = keystore_open_file(&d->keystore, file_layer_system(), d->folder, "storage.key", random_system());
	if (result == 0)
		result = store_open(&d->store, file_layer_system(), d->folder, d->keystore, random_system());
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, AREA, "the recordings in %s cannot be opened: %s", path,
		         result == -EBUSY ? "another recorder is at work there" : strerror(-result));
	return result;
}

static int build(struct daemon *d, const struct settings *settings) {
	int result = open_loop(d); /* before GStreamer's threads, which inherit the signal mask */
	if (result < 0)
		return result;
	gst_init(NULL, NULL);
	result = open_store(d, settings->state);
	if (result < 0)
		return result;
	result = settings->make > 0 ? batch_new(&d->batch, d->event, d->store, d->folder, settings)
	                            : service_new(&d->service, d->event, d->store, d->folder, settings);
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, AREA, "cannot start: %s", strerror(-result));
	return result;
}

static void unwind(struct daemon *d) {
	service_free(d->service);
	batch_free(d->batch);
	store_free(d->store);
	keystore_free(d->keystore);
	sd_event_unref(d->event);
	if (d->folder >= 0)
		close(d->folder);
}

int main(int argument_count, char **arguments) {
	struct settings settings;
	int result = settings_read(&settings, argument_count, arguments);
	if (result != 0)
		return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	harden_process(MEMORY_NEEDED);
	if (crypto_start() < 0)
		return EXIT_FAILURE;
	struct daemon d = { .folder = -1 };
	result = build(&d, &settings);
	if (result >= 0) {
		sd_notify(0, "READY=1");
		result = sd_event_loop(d.event);
	}
	unwind(&d);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
