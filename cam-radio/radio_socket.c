/* The radio on Unix sockets, for tests (docs/test-link.md): one for links, and one where the test says what is on the air. What
 * the camera itself would advertise is nobody's concern. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "bluetooth/ear_socket.h"
#include "cam-radio/hearing.h"
#include "cam-radio/radio.h"
#include "link/listen.h"
#include "link/unix_socket.h"

struct radio_socket {
	struct radio radio;
	sd_event *event;
	struct listener *listener;
	struct ear_format format[EAR_FORMATS];
	struct hearing *hearing;
	char air[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	sd_event_source *start;
	const struct radio_callbacks *callbacks;
	void *context;
};

static void on_accepted(void *context, int file) {
	struct radio_socket *r = context;
	r->callbacks->accepted(r->context, file, 0, NULL);
}

static void on_failed(void *context, enum reason reason) {
	struct radio_socket *r = context;
	r->callbacks->state(r->context, reason);
}

static const struct listener_callbacks listener_handlers = { .accepted = on_accepted, .failed = on_failed };

static int on_start(sd_event_source *source, void *context) {
	(void)source;
	struct radio_socket *r = context;
	r->callbacks->state(r->context, REASON_OK);
	return 0;
}

static void socket_advertise(struct radio *radio, const struct advert_content *content) {
	(void)radio, (void)content;
}

static void socket_renew(struct radio *radio) {
	(void)radio;
}

static void socket_closed(struct radio *radio, const struct link_peer *peer, bool unwanted) {
	(void)radio, (void)peer, (void)unwanted;
}

static void stop_hearing(struct radio_socket *r) {
	if (!r->hearing)
		return;
	hearing_free(r->hearing);
	r->hearing = NULL;
	(void)unlink(r->air);
}

static int start_hearing(struct radio_socket *r) {
	int file = unix_socket_bind(r->air, SOCK_DGRAM);
	if (file < 0)
		return file;
	int result = ear_socket_filter(file, r->format);
	if (result < 0)
		close(file);
	return result < 0 ? result : hearing_new(&r->hearing, r->event, file, r->format, r->callbacks, r->context);
}

static void socket_listen(struct radio *radio, bool on) {
	struct radio_socket *r = (struct radio_socket *)radio;
	if (on == (r->hearing != NULL))
		return;
	stop_hearing(r);
	int result = on ? start_hearing(r) : 0;
	if (result < 0)
		log_line(LOG_LEVEL_ERROR, "bluetooth", "cannot listen for adverts: %s", strerror(-result));
}

static void socket_free(struct radio *radio) {
	struct radio_socket *r = (struct radio_socket *)radio;
	sd_event_source_disable_unref(r->start);
	stop_hearing(r);
	listener_free(r->listener);
	free(r);
}

static const struct radio_operations operations = {
	.advertise = socket_advertise,
	.beacon = socket_advertise,
	.renew = socket_renew,
	.closed = socket_closed,
	.listen = socket_listen,
	.free = socket_free,
};

int radio_socket_new(struct radio **ret, sd_event *event, const char *path, const struct radio_bluetooth_config *config,
                     const struct radio_callbacks *callbacks, void *context) {
	struct radio_socket *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct radio_socket){ .radio.operations = &operations, .event = event, .callbacks = callbacks, .context = context };
	hearing_formats(config->company, config->legacy_company, r->format);
	snprintf(r->air, sizeof(r->air), "%s.air", path);
	int result = listener_new_unix(&r->listener, event, path, &listener_handlers, r);
	if (result >= 0)
		result = sd_event_add_defer(event, &r->start, on_start, r);
	if (result < 0) {
		socket_free(&r->radio);
		return result;
	}
	*ret = &r->radio;
	return 0;
}
