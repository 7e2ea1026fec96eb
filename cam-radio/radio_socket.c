/* The radio on a Unix socket, for tests (docs/test-link.md). Nothing is on the air, so adverts are nobody's concern. */
#include <errno.h>
#include <stdlib.h>

#include "cam-radio/radio.h"
#include "link/listen.h"

struct radio_socket {
	struct radio radio;
	struct listener *listener;
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

static void socket_listen(struct radio *radio, bool on) {
	(void)radio, (void)on;
}

static void socket_free(struct radio *radio) {
	struct radio_socket *r = (struct radio_socket *)radio;
	sd_event_source_disable_unref(r->start);
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

int radio_socket_new(struct radio **ret, sd_event *event, const char *path, const struct radio_callbacks *callbacks,
                     void *context) {
	struct radio_socket *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct radio_socket){ .radio.operations = &operations, .callbacks = callbacks, .context = context };
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
