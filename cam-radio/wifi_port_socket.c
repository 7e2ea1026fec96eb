/* The handover without radios, for tests (docs/test-link.md): an access point that is up at once and joined by nobody, and a Unix
 * socket in place of TCP. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cam-radio/wifi_port.h"
#include "link/connecting.h"

enum pending { NOTHING, UP, OFF, JOINED, LEFT };

struct sockets {
	struct wifi_port port;
	sd_event *event;
	sd_event_source *defer;
	enum pending pending;
	bool on, station;
	struct sockaddr_un path;
	struct connecting *dial;
};

static int on_deferred(sd_event_source *source, void *context) {
	(void)source;
	struct sockets *s = context;
	enum pending pending = s->pending;
	s->pending = NOTHING;
	switch (pending) {
	case NOTHING:
		break;
	case UP:
		s->port.callbacks->access_point_up(s->port.context);
		break;
	case OFF:
		s->on = false;
		s->port.callbacks->access_point_off(s->port.context, REASON_OK);
		break;
	case JOINED:
		s->port.callbacks->station_joined(s->port.context);
		break;
	case LEFT:
		s->on = s->station = false;
		s->port.callbacks->station_off(s->port.context, REASON_OK);
		break;
	}
	return 0;
}

static void defer(struct sockets *s, enum pending pending) {
	s->pending = pending;
	(void)sd_event_source_set_enabled(s->defer, SD_EVENT_ONESHOT); /* fails only for a source of another kind */
}

static int sockets_start(struct wifi_port *port, const struct wifi_credentials *credentials) {
	struct sockets *s = (struct sockets *)port;
	(void)credentials;
	if (s->on)
		return -EALREADY;
	s->on = true;
	defer(s, UP);
	return 0;
}

static void sockets_stop(struct wifi_port *port) {
	struct sockets *s = (struct sockets *)port;
	if (s->on)
		defer(s, OFF);
}

static int sockets_join(struct wifi_port *port, const struct wifi_credentials *credentials) {
	struct sockets *s = (struct sockets *)port;
	(void)credentials;
	if (s->on)
		return -EALREADY;
	s->on = s->station = true;
	defer(s, JOINED);
	return 0;
}

static void sockets_leave(struct wifi_port *port) {
	struct sockets *s = (struct sockets *)port;
	if (s->station)
		defer(s, LEFT);
}

static void sockets_cancel_dial(struct wifi_port *port) {
	struct sockets *s = (struct sockets *)port;
	connecting_free(s->dial);
	s->dial = NULL;
}

static void on_connected(void *context, int file, int error) {
	struct sockets *s = context;
	sockets_cancel_dial(&s->port);
	s->port.callbacks->dialled(s->port.context, file,
	                           error == 0            ? REASON_OK
	                           : error == -ETIMEDOUT ? REASON_TIMEOUT
	                                                 : REASON_DIAL_FAILED);
}

static int sockets_dial(struct wifi_port *port, const uint8_t address[16], uint16_t tcp_port, uint64_t timeout_us) {
	struct sockets *s = (struct sockets *)port;
	if (s->dial)
		return -EALREADY;
	/* These two stand for the socket. */
	if (memcmp(address, &in6addr_loopback, 16) != 0 || tcp_port != 1)
		return -EINVAL;
	int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (file < 0)
		return -errno;
	return connecting_new(&s->dial, s->event, file, (const struct sockaddr *)&s->path, sizeof(s->path), timeout_us,
	                      on_connected, s);
}

static void sockets_free(struct wifi_port *port) {
	struct sockets *s = (struct sockets *)port;
	connecting_free(s->dial);
	sd_event_source_disable_unref(s->defer);
	free(s);
}

static const struct wifi_port_operations operations = {
	.start = sockets_start,
	.stop = sockets_stop,
	.join = sockets_join,
	.leave = sockets_leave,
	.dial = sockets_dial,
	.cancel_dial = sockets_cancel_dial,
	.free = sockets_free,
};

int wifi_port_socket_new(struct wifi_port **ret, sd_event *event, const char *path) {
	struct sockets *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct sockets){ .port.operations = &operations, .event = event, .path.sun_family = AF_UNIX };
	int result = strlen(path) < sizeof(s->path.sun_path) ? 0 : -ENAMETOOLONG;
	if (result == 0) {
		strcpy(s->path.sun_path, path); /* the length was checked on the line above */
		result = sd_event_add_defer(event, &s->defer, on_deferred, s);
	}
	if (result >= 0)
		result = sd_event_source_set_enabled(s->defer, SD_EVENT_OFF);
	if (result < 0) {
		sockets_free(&s->port);
		return result;
	}
	*ret = &s->port;
	return 0;
}
