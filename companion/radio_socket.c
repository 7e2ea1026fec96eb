/* The test link: a Unix stream socket on which the camera listens (docs/test-link.md). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/loop.h"
#include "companion/radio_backend.h"
#include "pairing/limits.h"

/* A socket has no adverts: while somebody listens, one is made up this often, as a camera would send it. */
#define MADE_UP_ADVERT_US (250 * MILLISECOND_US)

struct radio_socket {
	struct radio_backend backend;
	sd_event *event;
	sd_event_source *timer, *start;
	struct sockaddr_un address;
	const struct radio_events *events;
	void *context;
};

struct socket_dial {
	sd_event_source *defer;
	int file;
	enum reason reason;
	void (*done)(void *context, int file, size_t packet_limit, enum reason reason);
	void *context;
};

static int on_advert(sd_event_source *source, uint64_t time_us, void *context) {
	(void)time_us;
	struct radio_socket *radio = context;
	loop_timer_start(source, MADE_UP_ADVERT_US);
	struct sighting sighting = { .rssi = 127 };
	radio->events->heard(radio->context, &sighting, true);
	return 0;
}

static void radio_socket_scan(struct radio_backend *backend, bool on) {
	struct radio_socket *radio = (struct radio_socket *)backend;
	if (on)
		loop_timer_start(radio->timer, 0);
	else
		loop_timer_stop(radio->timer);
}

static int on_dialled(sd_event_source *source, void *context) {
	(void)source;
	struct socket_dial *dial = context;
	int file = dial->file;
	dial->file = -1;
	dial->done(dial->context, file, 0, dial->reason);
	return 0;
}

/* Each channel is a connection of its own. */
static bool radio_socket_stands(struct radio_backend *backend, const struct link_peer *peer) {
	(void)backend;
	(void)peer;
	return false;
}

static void radio_socket_cancel(void *attempt) {
	struct socket_dial *dial = attempt;
	sd_event_source_disable_unref(dial->defer);
	if (dial->file >= 0)
		close(dial->file);
	free(dial);
}

static int radio_socket_dial(struct radio_backend *backend, void **ret, const struct link_peer *peer,
                             void (*done)(void *context, int file, size_t packet_limit, enum reason reason), void *context) {
	(void)peer;
	struct radio_socket *radio = (struct radio_socket *)backend;
	struct socket_dial *dial = calloc(1, sizeof(*dial));
	if (!dial)
		return -ENOMEM;
	*dial = (struct socket_dial){ .done = done, .context = context };
	dial->file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (dial->file >= 0 && connect(dial->file, (const struct sockaddr *)&radio->address, sizeof(radio->address)) < 0) {
		close(dial->file);
		dial->file = -1;
	}
	dial->reason = dial->file < 0 ? REASON_CONNECT_FAILED : REASON_OK;
	int result = sd_event_add_defer(radio->event, &dial->defer, on_dialled, dial);
	if (result < 0) {
		radio_socket_cancel(dial);
		return result;
	}
	*ret = dial;
	return 0;
}

static void radio_socket_free(struct radio_backend *backend) {
	struct radio_socket *radio = (struct radio_socket *)backend;
	sd_event_source_disable_unref(radio->timer);
	sd_event_source_disable_unref(radio->start);
	free(radio);
}

static const struct radio_operations operations = {
	.scan = radio_socket_scan,
	.dial = radio_socket_dial,
	.cancel = radio_socket_cancel,
	.stands = radio_socket_stands,
	.free = radio_socket_free,
};

static int on_start(sd_event_source *source, void *context) {
	(void)source;
	struct radio_socket *radio = context;
	radio->events->state(radio->context, REASON_OK);
	return 0;
}

int radio_socket_new(struct radio_backend **ret, sd_event *event, const char *path, const struct radio_events *events,
                     void *context) {
	struct radio_socket *radio = calloc(1, sizeof(*radio));
	if (!radio)
		return -ENOMEM;
	*radio = (struct radio_socket){ .backend.operations = &operations, .event = event, .events = events, .context = context };
	radio->address.sun_family = AF_UNIX;
	int result = strlen(path) < sizeof(radio->address.sun_path) ? 0 : -ENAMETOOLONG;
	if (result == 0) {
		strcpy(radio->address.sun_path, path); /* the length was checked on the line above */
		result = loop_timer_new(event, &radio->timer, 1000, on_advert, radio);
	}
	if (result >= 0)
		result = sd_event_add_defer(event, &radio->start, on_start, radio);
	if (result < 0) {
		radio_socket_free(&radio->backend);
		return result;
	}
	*ret = &radio->backend;
	return 0;
}
